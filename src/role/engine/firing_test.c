/* SPDX-License-Identifier: Apache-2.0
 *
 * Firing alerts: the key is the core's, whatever the labels; what is loaded is known; what somebody
 * resolved by hand stays quiet for its hour.
 */
#include "role/engine/firing.h"

#include "incident/core.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

/* The dedup key that the core gives to a rule's alert. */
static void core_key(struct str rule, struct str labels, char out[2000])
{
	struct arena *a = NULL;
	struct core *core = NULL;
	struct core_limits limits = { 100, 100, 100, 0 };
	struct contact console = { .name = STR("console"),
		.type = CONTACT_CONSOLE,
		.address = STR(""),
		.provider = STR("") };
	struct provider provider = { STR("console"), CONTACT_CONSOLE };
	struct directory dir = { .providers = &provider,
		.provider_count = 1,
		.fallback = &console,
		.fallback_count = 1,
		.base_url = STR("") };
	enum outcome outcome;
	assert_int_equal(core_open(&mem_system, limits, &core), OK);
	assert_int_equal(arena_open(&mem_system, 1 << 20, &a), OK);
	core_set_directory(core, &dir);
	struct record_rule_state state = { .rule = rule,
		.labels = labels,
		.firing = true,
		.summary = STR("s"),
		.annotations = STR(""),
		.reason = STR("above") };
	struct record rec = {
		.seq = 1, .at = { NS_PER_S }, .type = RECORD_RULES, .rules = { STR("g"), &state, 1 }
	};
	struct effects fx = effects_make(a);
	assert_int_equal(core_step(core, &rec, &fx, &outcome), OK);
	out[0] = '\0';
	for (size_t i = 0; i < fx.count; i++)
		if (fx.list[i].type == EFFECT_ALERT)
			snprintf(out, 2000, "%.*s", STR_ARG(fx.list[i].alert.dedup_key));
	arena_close(&a);
	core_close(&core);
}

static void test_key_is_the_cores(void **state)
{
	char labels[600], key[2000], rule[400];
	struct buf b = buf_make(&mem_system, 4096);
	(void)state;
	for (size_t n = 2; n < 500; n += 7) {
		memset(labels, 'x', n);
		labels[0] = '{';
		labels[n - 1] = '}';
		memset(rule, 'r', n / 2);
		core_key(str_make(rule, n / 2), str_make(labels, n), key);
		firing_key(&b, str_make(rule, n / 2), str_make(labels, n));
		assert_true(key[0] != '\0');
		assert_true(str_eq(buf_str(&b), str_c(key)));
		/* Characters are counted, not bytes. */
		memcpy(labels + n / 2, "\xc3\xa4", 2);
		core_key(STR("load"), str_make(labels, n > 4 ? n : 0), key);
		firing_key(&b, STR("load"), str_make(labels, n > 4 ? n : 0));
		assert_true(str_eq(buf_str(&b), str_c(key)));
	}
	buf_free(&b);
}

static struct alert row(const char *source, const char *dedup, enum alert_status status, int64_t at)
{
	return (struct alert){ .source_key = str_c(source),
		.dedup_key = str_c(dedup),
		.status = status,
		.changed_at = { at } };
}

static void test_rows(void **state)
{
	struct firing *f = NULL;
	(void)state;
	assert_int_equal(firing_open(&mem_system, 7, &f), OK);
	struct alert other = row("0123", "disk", ALERT_TRIGGERED, 1);
	firing_row(f, &other);
	assert_int_equal(firing_count(f), 0);
	struct alert a = row("rule:load", "rule:load{\"host\":\"a\"}", ALERT_TRIGGERED, 1);
	firing_row(f, &a);
	firing_row(f, &a);
	assert_int_equal(firing_count(f), 1);
	struct firing_entry *entry = firing_find(f, a.dedup_key);
	assert_non_null(entry);
	assert_true(str_eq(entry->rule, STR("load")));
	assert_true(str_eq(entry->labels, STR("{\"host\":\"a\"}")));
	/* Resolved by somebody: quiet for an hour from then; fired again: not quiet. */
	a = row("rule:load", "rule:load{\"host\":\"a\"}", ALERT_RESOLVED, 100);
	firing_row(f, &a);
	assert_true(entry->quiet);
	assert_int_equal(entry->quiet_until.ns, 100 + FIRING_HOLD.ns);
	a = row("rule:load", "rule:load{\"host\":\"a\"}", ALERT_TRIGGERED, 200);
	firing_row(f, &a);
	assert_false(entry->quiet);
	/* A hashed key does not tell its labels. */
	struct alert h =
	    row("rule:long", "rule:long#00112233445566778899aabbccddeeff", ALERT_TRIGGERED, 1);
	firing_row(f, &h);
	assert_int_equal(firing_find(f, h.dedup_key)->labels.len, 0);
	firing_remove(f, entry);
	assert_int_equal(firing_count(f), 1);
	firing_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_key_is_the_cores),
		cmocka_unit_test(test_rows),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
