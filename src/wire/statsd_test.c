/* SPDX-License-Identifier: Apache-2.0
 *
 * StatsD lines: each datagram is read whole and written down as text, so that a case is one line.
 */
#include "wire/statsd.h"
#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

static void write_sample(struct buf *b, const struct statsd_sample *s)
{
	static const char letter[] = "cgmhs";
	buf_printf(b, "%c %.*s ", letter[s->type], STR_ARG(s->name));
	if (s->type == STATSD_SET)
		buf_add(b, s->member);
	else
		buf_add_f64(b, s->value);
	if (s->whole)
		assert_true((double)s->whole_value == s->value);
	if (s->relative)
		buf_add_c(b, " relative");
	if (s->rate != 1) {
		buf_add_c(b, " @");
		buf_add_f64(b, s->rate);
	}
	if (s->tags.len)
		buf_printf(b, " #%.*s", STR_ARG(s->tags));
	if (s->container.len)
		buf_printf(b, " container=%.*s", STR_ARG(s->container));
	if (s->timed)
		buf_printf(b, " T%lld", (long long)s->time_s);
}

static void write_event(struct buf *b, const struct statsd_event *e)
{
	buf_printf(b,
	    "event [%.*s] [%.*s] alert=%d low=%d host=%.*s key=%.*s source=%.*s tags=%.*s",
	    STR_ARG(e->title), STR_ARG(e->text), (int)e->alert, e->low_priority, STR_ARG(e->host),
	    STR_ARG(e->key), STR_ARG(e->source), STR_ARG(e->tags));
	if (e->timed)
		buf_printf(b, " d=%lld", (long long)e->time_s);
}

static void write_items(struct buf *b, struct str datagram)
{
	struct statsd_reader r = statsd_reader_make(datagram);
	for (enum statsd_item item; (item = statsd_next(&r)) != STATSD_END;) {
		if (b->len)
			buf_add_c(b, "; ");
		if (item == STATSD_SAMPLE)
			write_sample(b, &r.sample);
		else if (item == STATSD_EVENT)
			write_event(b, &r.event);
		else if (item == STATSD_CHECK)
			buf_printf(b, "check %.*s=%d host=%.*s tags=%.*s message=%.*s",
			    STR_ARG(r.check.name), r.check.status, STR_ARG(r.check.host),
			    STR_ARG(r.check.tags), STR_ARG(r.check.message));
		else
			buf_printf(b, "bad %.*s", STR_ARG(statsd_bad_name[r.bad]));
	}
}

static void reads_as(const char *datagram, const char *want)
{
	struct buf b = buf_make(&mem_system, 1u << 16);
	write_items(&b, str_c(datagram));
	assert_int_equal(b.err, OK);
	assert_string_equal(b.ptr ? b.ptr : "", want);
	buf_free(&b);
}

static void samples(void **state)
{
	(void)state;
	reads_as("a.b:1|c", "c a.b 1");
	reads_as("a:1|c\nb:2|g\n\nc:3|ms\r\n", "c a 1; g b 2; m c 3");
	reads_as("a:+3|g\na:-2.5|g\na:0|g", "g a 3 relative; g a -2.5 relative; g a 0");
	reads_as("t:320|ms|@0.1", "m t 320 @0.1");
	reads_as("t:1|h\nt:2|d", "h t 1; h t 2");
	reads_as("u:bob:1|s", "s u bob:1");
	reads_as("a:1|c|@0", "c a 1");
	reads_as("a:1e3|c\na:1.25e-2|c\na:12345678901234567890|c",
	    "c a 1000; c a 0.0125; c a 12345678901234567000");
	reads_as("a:0.1|c\na:.5|c\na:7.|c", "c a 0.1; c a 0.5; c a 7");
	reads_as("a:-0|g", "g a -0 relative");
}

/* What the short way takes, and what is nearly that. */
static void plain_lines(void **state)
{
	(void)state;
	reads_as("a:123456789012345|c", "c a 123456789012345");
	reads_as("a:1234567890123456|c", "c a 1234567890123456");
	reads_as("a:1|ms\na:2|h\na:3|d\na:4|g\na:5|s", "m a 1; h a 2; h a 3; g a 4; s a 5");
	reads_as("a:1|m\na:1|mx\na:1|cc\na:1|",
	    "bad illegal_type; bad illegal_type; bad illegal_type; bad illegal_type");
	reads_as("a\nb:1|c", "bad malformed_line; c b 1");
	reads_as("_a:1|c\n_e{:1|c", "c _a 1; bad malformed_event");
	reads_as("a:1|c\r\n\n\nb:2|c\n", "c a 1; c b 2");
}

static void several_values(void **state)
{
	(void)state;
	reads_as("a:1:2:3|c", "c a 1; c a 2; c a 3");
	reads_as("a:1:x:3|ms|#k:v", "m a 1 #k:v; bad malformed_value; m a 3 #k:v");
	reads_as("a:1|c:2|g:3|ms|@0.5", "c a 1; g a 2; m a 3 @0.5");
	reads_as("a:1|g|c:abc:2|c", "g a 1 container=abc; c a 2");
	reads_as("a:1|c|:2|c", "bad malformed_component; c a 2");
}

static void tags(void **state)
{
	(void)state;
	reads_as("a:1|c|#k:v,x:y:z|@0.5|T1656581400|c:cid",
	    "c a 1 @0.5 #k:v,x:y:z container=cid T1656581400");
	struct str list = STR("k:v,#x:y:z,bare,:no,empty:,,last:1"), key, value;
	uint64_t bad = 0;
	assert_true(statsd_tag_next(&list, &key, &value, &bad));
	assert_true(str_eq(key, STR("k")) && str_eq(value, STR("v")));
	assert_true(statsd_tag_next(&list, &key, &value, &bad));
	assert_true(str_eq(key, STR("x")) && str_eq(value, STR("y:z")));
	assert_true(statsd_tag_next(&list, &key, &value, &bad));
	assert_true(str_eq(key, STR("last")));
	assert_false(statsd_tag_next(&list, &key, &value, &bad));
	assert_int_equal(bad, 4);
}

static void refused(void **state)
{
	(void)state;
	reads_as("nothing", "bad malformed_line");
	reads_as(":1|c", "bad malformed_line");
	reads_as("a:1", "bad not_enough_parts_after_colon");
	reads_as("a:1|", "bad illegal_type");
	reads_as("a:1|q", "bad illegal_type");
	reads_as("a:|c", "bad malformed_value");
	reads_as("a:nan|g\na:inf|g\na:0x10|c\na:1 |c\na:+-1|g\na:--1|g\na:.|c",
	    "bad malformed_value; bad malformed_value; bad malformed_value; bad malformed_value; "
	    "bad malformed_value; "
	    "bad malformed_value; bad malformed_value");
	reads_as("a:-1|c", "bad illegal_negative_counter");
	reads_as("a:1|c|@x\na:1|c|@-1", "bad invalid_sample_factor; bad invalid_sample_factor");
	reads_as("a:1|c|T\na:1|c|Tx", "bad malformed_timestamp; bad malformed_timestamp");
	reads_as("a:1|c|z", "bad malformed_component");
	reads_as("a:1|c|c", "bad malformed_container_id");
	reads_as("a:|s", "bad malformed_value");
	reads_as("a\xff:1|c\nb:1|c", "bad malformed_line; c b 1");
	reads_as("a:1|c|@1|@1|@1|@1|@1|@1", "c a 1");
	reads_as("a:1|c|@1|@1|@1|@1|@1|@1|@1", "bad malformed_component");
	struct buf b = buf_make(&mem_system, 1u << 16), out = buf_make(&mem_system, 1u << 16);
	for (unsigned i = 0; i < STATSD_LINE_MAX; i++)
		buf_add_char(&b, 'a');
	buf_add_c(&b, ":1|c\nok:1|c");
	write_items(&out, buf_str(&b));
	assert_string_equal(out.ptr, "bad line_too_long; c ok 1");
	buf_free(&b);
	buf_free(&out);
}

static void events_and_checks(void **state)
{
	(void)state;
	reads_as(
	    "_e{5,4}:title|text", "event [title] [text] alert=0 low=0 host= key= source= tags=");
	reads_as("_e{5,4}:ti|le|te:t|d:17|h:web1|k:agg|p:low|s:src|t:error|#a:b,c:d",
	    "event [ti|le] [te:t] alert=3 low=1 host=web1 key=agg source=src tags=a:b,c:d d=17");
	reads_as("_e{5,5}:title|text", "bad malformed_event");
	reads_as("_e{0,4}:|text", "bad malformed_event");
	reads_as("_e{99999999999999999999,1}:a|b", "bad malformed_event");
	reads_as("_e{18446744073709551615,18446744073709551615}:a|b", "bad malformed_event");
	reads_as("_e{1,1}:a|b|x:1", "bad malformed_event");
	reads_as("_sc|db.up|2|d:5|h:db1|#env:p|m:down | really",
	    "check db.up=2 host=db1 tags=env:p message=down | really");
	reads_as("_sc|db.up|0", "check db.up=0 host= tags= message=");
	reads_as("_sc|db.up|4\n_sc|db.up\n_sc||1",
	    "bad malformed_service_check; bad malformed_service_check; bad "
	    "malformed_service_check");
}

static void names(void **state)
{
	(void)state;
	static const struct {
		const char *in, *out;
	} cases[] = {
		{ "clean", "clean" },
		{ "0starts", "_0starts" },
		{ "a.b-c", "a_b_c" },
		{ "a--b", "a_b" },
		{ "a---b", "a_b" },
		{ "a-.-b", "a___b" },
		{ "\xc3\xbc"
		  "ber",
		    "_ber" },
		{ "with space", "with_space" },
		{ "_x", "_x" },
		{ "", "" },
	};
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct buf b = buf_make(&mem_system, 256);
		statsd_name(&b, str_c(cases[i].in));
		assert_string_equal(b.ptr ? b.ptr : "", cases[i].out);
		buf_free(&b);
	}
}

int main(void)
{
	const struct CMUnitTest list[] = {
		cmocka_unit_test(samples),
		cmocka_unit_test(plain_lines),
		cmocka_unit_test(several_values),
		cmocka_unit_test(tags),
		cmocka_unit_test(refused),
		cmocka_unit_test(events_and_checks),
		cmocka_unit_test(names),
	};
	return cmocka_run_group_tests(list, NULL, NULL);
}
