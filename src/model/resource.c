/* SPDX-License-Identifier: Apache-2.0
 *
 * Names of what teams own, and finding it by name in a compiled directory.
 */
#include "model/resource.h"
#include "base/hash.h"

#include <assert.h>

const struct str contact_type_name[CONTACT_TYPE_COUNT] = {
	[CONTACT_EMAIL] = STR_INIT("email"),
	[CONTACT_WEBHOOK] = STR_INIT("webhook"),
	[CONTACT_NTFY] = STR_INIT("ntfy"),
	[CONTACT_CONSOLE] = STR_INIT("console"),
	[CONTACT_SMS] = STR_INIT("sms"),
	[CONTACT_PHONE] = STR_INIT("phone"),
};
const struct str urgency_name[URGENCY_COUNT] = {
	[URGENCY_HIGH] = STR_INIT("high"),
	[URGENCY_LOW] = STR_INIT("low"),
};
const struct str severity_name[SEVERITY_COUNT] = {
	[SEVERITY_CRITICAL] = STR_INIT("critical"),
	[SEVERITY_ERROR] = STR_INIT("error"),
	[SEVERITY_WARNING] = STR_INIT("warning"),
	[SEVERITY_INFO] = STR_INIT("info"),
};
const struct str manager_name[MANAGER_COUNT] = {
	[MANAGER_FILE] = STR_INIT("file"),
	[MANAGER_APPLY] = STR_INIT("apply"),
	[MANAGER_UI] = STR_INIT("ui"),
	[MANAGER_API] = STR_INIT("api"),
};

/* The str at `offset` of the i-th element of an array. */
static struct str name_at(const void *list, size_t size, size_t offset, size_t i)
{
	struct str s;
	memcpy(&s, (const char *)list + i * size + offset, sizeof(s));
	return s;
}

static int32_t find(const void *list, size_t count, size_t size, size_t offset, struct str name)
{
	size_t low = 0, high = count;
	assert(count == 0 || list);
	assert(count <= INT32_MAX);
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int c = str_cmp(name_at(list, size, offset, mid), name);
		if (c == 0)
			return (int32_t)mid;
		if (c < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return -1;
}

int32_t directory_user(const struct directory *d, struct str name)
{
	return find(d->users, d->user_count, sizeof(*d->users), offsetof(struct user, name), name);
}

int32_t directory_schedule(const struct directory *d, struct str name)
{
	return find(d->schedules, d->schedule_count, sizeof(*d->schedules),
	    offsetof(struct schedule, name), name);
}

int32_t directory_policy(const struct directory *d, struct str name)
{
	return find(d->policies, d->policy_count, sizeof(*d->policies),
	    offsetof(struct policy, name), name);
}

int32_t directory_service(const struct directory *d, struct str name)
{
	return find(d->services, d->service_count, sizeof(*d->services),
	    offsetof(struct service, name), name);
}

int32_t directory_rule(const struct directory *d, struct str name)
{
	return find(
	    d->rules, d->rule_count, sizeof(*d->rules), offsetof(struct alert_rule, name), name);
}

static uint32_t first_rule(const struct directory *d, struct str name)
{
	int32_t n = directory_rule(d, name);
	while (n > 0 && str_eq(d->rules[n - 1].name, name))
		n--;
	return n < 0 ? d->rule_count : (uint32_t)n;
}

/* key: such as "severity":" ; no key or value can hold that, for quotes are escaped in JSON. */
static unsigned label_fits(struct str labels, struct str key, struct str value)
{
	size_t at = str_find_str(labels, key);
	if (at == labels.len || !value.len)
		return at == labels.len && !value.len;
	struct str rest = str_from(labels, at + key.len);
	return str_starts(rest, value) && str_starts(str_from(rest, value.len), STR("\"")) ? 2 : 0;
}

int32_t directory_rule_of(
    const struct directory *d, struct str name, struct str group, struct str labels)
{
	int32_t best = -1;
	unsigned most = 0;
	for (uint32_t i = first_rule(d, name); i < d->rule_count && str_eq(d->rules[i].name, name);
	     i++) {
		const struct alert_rule *r = &d->rules[i];
		unsigned fits = 5 * str_eq(r->group, group) +
		                label_fits(labels, STR("\"severity\":\""), r->severity_label) +
		                label_fits(labels, STR("\"service\":\""), r->service_label);
		if (best < 0 || fits > most ||
		    (fits == most && r->severity < d->rules[best].severity)) {
			best = (int32_t)i;
			most = fits;
		}
	}
	return best;
}

uint32_t directory_rule_groups(
    const struct directory *d, struct str name, struct str group, bool *ret_has)
{
	uint32_t groups = 0, first = first_rule(d, name);
	*ret_has = false;
	for (uint32_t i = first; i < d->rule_count && str_eq(d->rules[i].name, name); i++) {
		groups += i == first || !str_eq(d->rules[i].group, d->rules[i - 1].group);
		*ret_has |= str_eq(d->rules[i].group, group);
	}
	return groups;
}

const struct integration *directory_integration(const struct directory *d, struct str key)
{
	int32_t i = find(d->integrations, d->integration_count, sizeof(*d->integrations),
	    offsetof(struct integration, key), key);
	if (i < 0 || !str_eq_secret(d->integrations[i].key, key))
		return NULL;
	return &d->integrations[i];
}

struct str resource_id(struct arena *a, char letter, struct str kind, struct str name)
{
	static const char digit[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	char text[7];
	uint64_t h = hash64(name, hash64(kind, 0));
	text[0] = letter;
	for (size_t i = 1; i < sizeof(text); i++) {
		text[i] = digit[h % 36];
		h /= 36;
	}
	return arena_str(a, str_make(text, sizeof(text)));
}
