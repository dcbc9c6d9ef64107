/* SPDX-License-Identifier: Apache-2.0
 *
 * Who lives in the simulated world. Each seed builds a few directories that differ: people come and
 * go, change contacts, schedules have gaps, services are disabled or vanish, providers are taken
 * out.
 */
#include "sim.h"
#include "oncall/oncall.h"

#include <assert.h>

#define USERS 6
#define SERVICES 5
#define POLICIES 4
#define SCHEDULES 3

static const struct str user_names[USERS] = { STR_INIT("ana"), STR_INIT("bo"), STR_INIT("cy"),
	STR_INIT("dee"), STR_INIT("eve"), STR_INIT("finn") };
static const struct str service_names[SERVICES] = { STR_INIT("api"), STR_INIT("batch"),
	STR_INIT("db"), STR_INIT("mail"), STR_INIT("web") };
static const struct str policy_names[POLICIES] = { STR_INIT("p0"), STR_INIT("p1"), STR_INIT("p2"),
	STR_INIT("p3") };
static const struct str schedule_names[SCHEDULES] = { STR_INIT("s0"), STR_INIT("s1"),
	STR_INIT("s2") };
static const struct str rule_names[4] = { STR_INIT("cpu"), STR_INIT("disk"), STR_INIT("load"),
	STR_INIT("net") };

/* Hand-made zones: a rule and nothing else, so that no file of the machine is read. */
static const struct str footers[] = { STR_INIT("UTC0"), STR_INIT("WET0WEST,M3.5.0/1,M10.5.0"),
	STR_INIT("EST5EDT,M3.2.0,M11.1.0"), STR_INIT("<+1030>-10:30<+11>-11,M10.1.0,M4.1.0"),
	STR_INIT("<+0530>-5:30") };

static void *made(void *p)
{
	assert(p);
	return p;
}

static const struct zone *zone_make(struct sim *s, struct str footer)
{
	static const char head[] =
	    "TZif2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0" /* magic, version, 15 reserved */
	    "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\1";
	static const char type[] = "\0\0\0\0\0\0";
	struct buf b = buf_make(&mem_system, 4096);
	const struct zone *z = NULL;
	for (int i = 0; i < 2; i++) {
		buf_add(&b, str_make(head, sizeof(head) - 1));
		buf_add(&b, str_make(type, sizeof(type) - 1));
		buf_add_char(&b, '\0');
	}
	buf_add_char(&b, '\n');
	buf_add(&b, footer);
	buf_add_char(&b, '\n');
	enum err e = zone_read(s->arena, buf_str(&b), &z);
	assert(e == OK && z);
	buf_free(&b);
	return z;
}

static void user_make(struct sim *s, struct user *u, struct str name)
{
	static const enum contact_type types[] = { CONTACT_EMAIL, CONTACT_NTFY, CONTACT_WEBHOOK,
		CONTACT_SMS };
	static const struct str contact_names[] = { STR_INIT("c0"), STR_INIT("c1"),
		STR_INIT("c2") };
	uint32_t n = rng_chance(&s->rng, 60) ? 0 : 1 + rng_below(&s->rng, 3);
	struct contact *contacts = made(arena_new(s->arena, struct contact, n));
	for (uint32_t i = 0; i < n; i++) {
		contacts[i] = (struct contact){ .name = contact_names[i],
			.type = types[rng_below(&s->rng, rng_chance(&s->rng, 150) ? 4 : 3)],
			.address = arena_printf(s->arena, "%.*s@%u", STR_ARG(name), i) };
		if (rng_chance(&s->rng, 300))
			contacts[i].provider = STR("mail2");
	}
	*u = (struct user){ .name = name, .contacts = contacts, .contact_count = n };
	for (size_t urgency = 0; urgency < URGENCY_COUNT && n > 0; urgency++) {
		uint32_t rules = rng_below(&s->rng, 4);
		struct notify_rule *list = made(arena_new(s->arena, struct notify_rule, rules));
		int64_t after = 0;
		for (uint32_t i = 0; i < rules; i++) {
			if (i > 0 || rng_chance(&s->rng, 200))
				after += 60 * (1 + rng_below(&s->rng, 10));
			list[i] = (struct notify_rule){ SPAN_S(after), rng_below(&s->rng, n) };
		}
		u->rules[urgency] = list;
		u->rule_count[urgency] = rules;
	}
}

static void schedule_make(struct sim *s, struct schedule *sc, struct str name, uint32_t users)
{
	struct civil day = civil_from_s(s->base.ns / NS_PER_S);
	uint32_t layers = 1 + rng_below(&s->rng, 2), overrides = rng_below(&s->rng, 3);
	struct layer *list = made(arena_new(s->arena, struct layer, layers));
	struct override *over = made(arena_new(s->arena, struct override, overrides));
	for (uint32_t i = 0; i < layers; i++) {
		uint32_t seats = 1 + rng_below(&s->rng, 4);
		int32_t *who = made(arena_new(s->arena, int32_t, seats));
		for (uint32_t k = 0; k < seats; k++)
			who[k] = rng_chance(&s->rng, 60) ? -1 : (int32_t)rng_below(&s->rng, users);
		struct civil start = day;
		start.day = 1;
		start.hour = (int8_t)rng_below(&s->rng, 24);
		start.minute = start.second = 0;
		list[i] = (struct layer){ .name = name,
			.start = start,
			.unit = (enum rotation_unit)rng_below(&s->rng, 3),
			.every = 1 + rng_below(&s->rng, 3),
			.users = who,
			.user_count = seats };
		if (rng_chance(&s->rng, 350)) {
			struct restriction *r = made(arena_new(s->arena, struct restriction, 1));
			*r = (struct restriction){ .start_weekday =
				                       (int8_t)(rng_chance(&s->rng, 500)
				                                    ? -1
				                                    : (int)rng_below(&s->rng, 7)),
				.start_s = (int32_t)rng_below(&s->rng, 24) * 3600,
				.duration_s = 3600 * (4 + (int64_t)rng_below(&s->rng, 18)) };
			list[i].restrictions = r;
			list[i].restriction_count = 1;
		}
	}
	for (uint32_t i = 0; i < overrides; i++) {
		struct wall start =
		    wall_add(s->base, SPAN_S(3600 * (int64_t)rng_below(&s->rng, 24 * s->days)));
		over[i] = (struct override){ .start = start,
			.end =
			    wall_add(start, SPAN_S(3600 * (1 + (int64_t)rng_below(&s->rng, 60)))),
			.user =
			    rng_chance(&s->rng, 300) ? -1 : (int32_t)rng_below(&s->rng, users) };
	}
	*sc = (struct schedule){ .name = name,
		.layers = list,
		.layer_count = layers,
		.overrides = over,
		.override_count = overrides,
		.zone = zone_make(s, footers[rng_below(&s->rng, ARRAY_COUNT(footers))]) };
}

static void policy_make(struct sim *s, struct policy *p, struct str name, uint32_t users)
{
	uint32_t steps = 1 + rng_below(&s->rng, 3);
	struct policy_step *list = made(arena_new(s->arena, struct policy_step, steps));
	for (uint32_t i = 0; i < steps; i++) {
		uint32_t targets = 1 + rng_below(&s->rng, 2);
		struct target *t = made(arena_new(s->arena, struct target, targets));
		for (uint32_t k = 0; k < targets; k++) {
			bool schedule = rng_chance(&s->rng, 600);
			t[k] = (struct target){ schedule ? TARGET_SCHEDULE : TARGET_USER,
				rng_below(&s->rng, schedule ? SCHEDULES : users) };
		}
		list[i] = (struct policy_step){ t, targets,
			SPAN_S(60 * (1 + (int64_t)rng_below(&s->rng, 20))) };
	}
	*p = (struct policy){
		.name = name, .steps = list, .step_count = steps, .loops = rng_below(&s->rng, 3)
	};
}

static void services_make(struct sim *s, struct directory *d, bool first)
{
	struct service *list = made(arena_new(s->arena, struct service, SERVICES));
	struct integration *in = made(arena_new(s->arena, struct integration, SERVICES));
	uint32_t n = 0;
	for (uint32_t i = 0; i < SERVICES; i++) {
		if (!first && rng_chance(&s->rng, 120))
			continue; /* it was removed, its keys with it */
		list[n] = (struct service){ .name = service_names[i],
			.policy = rng_below(&s->rng, POLICIES),
			.urgency = (enum urgency_rule)rng_below(&s->rng, 3),
			.ack_timeout = SPAN_S(rng_chance(&s->rng, 500)
			                          ? 60 * (int64_t)(5 + rng_below(&s->rng, 60))
			                          : 0),
			.auto_resolve = SPAN_S(rng_chance(&s->rng, 300)
			                           ? 3600 * (int64_t)(1 + rng_below(&s->rng, 8))
			                           : 0),
			.disabled = !first && rng_chance(&s->rng, 50) };
		in[n] = (struct integration){ .name = service_names[i],
			.service = n,
			.key = arena_printf(s->arena, "key%u", i) };
		n++;
	}
	d->services = list;
	d->integrations = in;
	d->service_count = d->integration_count = n;
}

static void rules_make(struct sim *s, struct directory *d)
{
	struct alert_rule *list =
	    made(arena_new(s->arena, struct alert_rule, ARRAY_COUNT(rule_names)));
	for (uint32_t i = 0; i < ARRAY_COUNT(rule_names); i++)
		list[i] = (struct alert_rule){ .name = rule_names[i],
			.group = STR("alerts"),
			.service = rng_chance(&s->rng, 200) || d->service_count == 0
			               ? -1
			               : (int32_t)rng_below(&s->rng, d->service_count),
			.severity = (enum severity)rng_below(&s->rng, SEVERITY_COUNT) };
	d->rules = list;
	d->rule_count = ARRAY_COUNT(rule_names);
}

static const struct provider all_providers[] = { { STR_INIT("mail1"), CONTACT_EMAIL },
	{ STR_INIT("mail2"), CONTACT_EMAIL }, { STR_INIT("push"), CONTACT_NTFY },
	{ STR_INIT("hook"), CONTACT_WEBHOOK } };

static const struct directory *directory_make(struct sim *s, bool first)
{
	struct directory *d = made(arena_new(s->arena, struct directory, 1));
	struct provider *providers =
	    made(arena_new(s->arena, struct provider, ARRAY_COUNT(all_providers)));
	struct contact *fallback = made(arena_new(s->arena, struct contact, 2));
	struct user *users = made(arena_new(s->arena, struct user, USERS));
	struct schedule *schedules = made(arena_new(s->arena, struct schedule, SCHEDULES));
	struct policy *policies = made(arena_new(s->arena, struct policy, POLICIES));
	for (uint32_t i = 0; i < ARRAY_COUNT(all_providers); i++) {
		if (!rng_chance(&s->rng, 100))
			providers[d->provider_count++] = all_providers[i];
	}
	for (uint32_t i = 0; i < USERS; i++) {
		if (first || i == 0 || !rng_chance(&s->rng, 150))
			user_make(s, &users[d->user_count++], user_names[i]);
	}
	for (uint32_t i = 0; i < SCHEDULES; i++)
		schedule_make(s, &schedules[i], schedule_names[i], d->user_count);
	for (uint32_t i = 0; i < POLICIES; i++)
		policy_make(s, &policies[i], policy_names[i], d->user_count);
	fallback[d->fallback_count++] =
	    (struct contact){ .name = STR("console"), .type = CONTACT_CONSOLE };
	if (rng_chance(&s->rng, 400))
		fallback[d->fallback_count++] = (struct contact){
			.name = STR("ops"), .type = CONTACT_EMAIL, .address = STR("ops@x")
		};
	d->providers = providers;
	d->users = users;
	d->schedules = schedules;
	d->schedule_count = SCHEDULES;
	d->policies = policies;
	d->policy_count = POLICIES;
	d->fallback = fallback;
	services_make(s, d, first);
	rules_make(s, d);
	return d;
}

void town_build(struct sim *s)
{
	for (uint32_t i = 0; i < SIM_DIRECTORIES; i++)
		s->directories[i] = directory_make(s, i == 0);
	s->mood_count = ARRAY_COUNT(all_providers) + 1; /* and the console */
	s->moods = made(arena_new(s->arena, enum provider_mood, s->mood_count));
}

static bool can_be_paged(const struct directory *d, int32_t user)
{
	for (uint32_t i = 0; user >= 0 && i < d->users[user].contact_count; i++) {
		for (uint32_t k = 0; k < d->provider_count; k++) {
			if (d->providers[k].type == d->users[user].contacts[i].type)
				return true;
		}
	}
	return false;
}

bool town_anyone(const struct directory *d, struct str service, struct wall t)
{
	for (uint32_t i = 0; i < d->service_count; i++) {
		if (!str_eq(d->services[i].name, service))
			continue;
		const struct policy *p = &d->policies[d->services[i].policy];
		for (uint32_t k = 0; k < p->step_count; k++) {
			for (uint32_t n = 0; n < p->steps[k].target_count; n++) {
				const struct target *target = &p->steps[k].targets[n];
				int32_t user = target->type == TARGET_USER
				                   ? (int32_t)target->index
				                   : oncall_at(d, &d->schedules[target->index], t);
				if (can_be_paged(d, user))
					return true;
			}
		}
	}
	return false;
}
