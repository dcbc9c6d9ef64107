/* SPDX-License-Identifier: Apache-2.0
 *
 * The counters and their message, and a configuration that is read whole or not at all, with every
 * allocation failing once. The role's promises are tried with real channels and servers in
 * tests/notify.
 */
#include "role/notifier/notifier_priv.h"
#include "base/codec.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

/* The value of the one sample with this name and these labels ("a=b,c=d"); -1 when there is none.
 */
static double value_of(const struct buf *body, struct str name, struct str labels)
{
	struct rd r = rd_make(buf_str(body));
	double found = -1;
	assert_int_equal(rd_i64(&r), 1234);
	uint32_t count = rd_u32(&r);
	for (uint32_t i = 0; i < count; i++) {
		struct buf l = buf_make(&mem_system, 1024);
		struct str n = rd_str(&r, 100);
		for (unsigned k = rd_u8(&r); k > 0; k--) {
			if (l.len > 0)
				buf_add_char(&l, ',');
			buf_add(&l, rd_str(&r, 100));
			buf_add_char(&l, '=');
			buf_add(&l, rd_str(&r, 100));
		}
		double v = rd_f64(&r);
		if (str_eq(n, name) && str_eq(buf_str(&l), labels)) {
			assert_true(found < 0);
			found = v;
		}
		buf_free(&l);
	}
	assert_int_equal(rd_done(&r), OK);
	return found;
}

static void test_counting(void **state)
{
	(void)state;
	struct tallies *t = mem_new(&mem_system, 1, sizeof(*t));
	struct buf b = buf_make(&mem_system, 1 << 18);
	tally_add(t, STR("mail"), PAGE_ACCEPTED, SPAN_MS(3));
	tally_add(t, STR("mail"), PAGE_ACCEPTED, SPAN_MS(5));
	tally_add(t, STR("mail"), PAGE_UNKNOWN, SPAN_S(200));
	tally_add(t, STR("mail"), PAGE_CANCELLED, SPAN_S(1));
	tally_add(t, STR("hook"), PAGE_RETRY, SPAN_S(1));
	tally_write(&b, t, &(struct tally_gauges){ 1, 2, 3 }, 1234);
	assert_int_equal(b.err, OK);
	struct str pages = STR("quis_pages_total"), bucket = STR("quis_page_seconds_bucket");
	assert_true(value_of(&b, pages, STR("provider=mail,outcome=accepted")) == 2);
	assert_true(value_of(&b, pages, STR("provider=mail,outcome=unknown")) == 1);
	assert_true(value_of(&b, pages, STR("provider=mail,outcome=cancelled")) == 1);
	assert_true(value_of(&b, pages, STR("provider=mail,outcome=retry")) == 0);
	assert_true(value_of(&b, pages, STR("provider=hook,outcome=retry")) == 1);
	assert_true(value_of(&b, bucket, STR("provider=mail,le=0.005")) == 2);
	assert_true(value_of(&b, bucket, STR("provider=mail,le=120")) == 2);
	assert_true(value_of(&b, bucket, STR("provider=mail,le=+Inf")) == 3);
	assert_true(value_of(&b, STR("quis_page_seconds_count"), STR("provider=mail")) == 3);
	assert_true(value_of(&b, STR("quis_page_seconds_sum"), STR("provider=mail")) > 200);
	assert_true(value_of(&b, STR("quis_pages_waiting"), STR("")) == 1);
	assert_true(value_of(&b, STR("quis_pages_sending"), STR("")) == 2);
	assert_true(value_of(&b, STR("quis_receipts_unconfirmed"), STR("")) == 3);
	buf_free(&b);
	mem_free(&mem_system, t);
}

static void test_more_providers_than_the_table(void **state)
{
	(void)state;
	struct tallies *t = mem_new(&mem_system, 1, sizeof(*t));
	for (unsigned i = 0; i < TALLIES_MAX + 5; i++) {
		char name[32];
		snprintf(name, sizeof(name), "provider %u", i);
		tally_add(t, str_c(name), PAGE_ACCEPTED, SPAN_MS(1));
	}
	assert_int_equal(t->count, TALLIES_MAX);
	assert_int_equal(t->lost, 5);
	static char longest[200];
	memset(longest, 'n', sizeof(longest));
	t->count = 0;
	memset(t->list, 0, sizeof(t->list));
	tally_add(t, str_make(longest, sizeof(longest)), PAGE_ACCEPTED, SPAN_MS(1));
	tally_add(t, str_make(longest, sizeof(longest)), PAGE_ACCEPTED, SPAN_MS(1));
	assert_int_equal(t->count, 1);
	mem_free(&mem_system, t);
}

#define CONFIG                                                                                \
	"{\"link_key\":\"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\"," \
	"\"providers\":["                                                                     \
	"{\"name\":\"mail\",\"type\":\"smtp\",\"url\":\"smtp://"                              \
	"h\",\"from\":\"q@e\"},{\"name\":\"c\",\"type\":\"console\"}]}"

static enum err setup_from(
    const struct mem *mem, struct str text, struct buf *why, struct setup **ret)
{
	struct arena *a = NULL;
	const struct json *root;
	assert_int_equal(arena_open(&mem_system, 1 << 20, &a), OK);
	assert_int_equal(json_read(a, text, 16, &root, NULL), OK);
	enum err e = setup_read(mem, root, why, ret);
	arena_close(&a); /* nothing of the configuration's text is kept */
	return e;
}

static void test_setup(void **state)
{
	(void)state;
	struct setup *s = NULL;
	struct buf why = buf_make(&mem_system, 1024);
	assert_int_equal(setup_from(&mem_system, STR(CONFIG), &why, &s), OK);
	assert_int_equal(s->provider_count, 2);
	assert_int_equal(setup_find(s, STR("c")), 1);
	assert_int_equal(setup_find(s, STR("d")), -1);
	assert_true(s->has_link_key && s->link_key.bytes[1] == 1);
	s->users++;
	struct setup *other = s;
	setup_release(&other);
	assert_null(other);
	assert_true(str_eq(s->providers[0].from, STR("q@e"))); /* still used by one */
	setup_release(&s);
	assert_int_equal(setup_from(&mem_system, STR("{}"), &why, &s), OK);
	assert_int_equal(s->provider_count, 0);
	setup_release(&s);
	assert_int_equal(
	    setup_from(&mem_system, STR("{\"link_key\":\"00\"}"), &why, &s), ERR_INPUT);
	assert_true(str_eq(buf_str(&why), STR("link_key is not 64 hex digits")));
	assert_null(s);
	buf_free(&why);
}

static void test_every_allocation_may_fail(void **state)
{
	(void)state;
	for (size_t at = 1;; at++) {
		struct mem_faulty f = mem_faulty_make(at);
		struct setup *s = NULL;
		struct buf why = buf_make(&mem_system, 1024);
		enum err e = setup_from(&f.iface, STR(CONFIG), &why, &s);
		setup_release(&s);
		buf_free(&why);
		assert_int_equal(f.live, 0);
		if (e == OK && f.calls < at)
			break;
		assert_int_equal(e, ERR_NOMEM);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counting),
		cmocka_unit_test(test_more_providers_than_the_table),
		cmocka_unit_test(test_setup),
		cmocka_unit_test(test_every_allocation_may_fail),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
