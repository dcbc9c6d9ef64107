/* SPDX-License-Identifier: Apache-2.0
 *
 * The functions that templates may call: Go's comparisons and printf, Prometheus' humanize and
 * friends.
 */
#include "rules/template_priv.h"
#include "base/time.h"
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct value value_text(struct str s)
{
	return (struct value){ .type = VALUE_TEXT, .text = s };
}

struct value value_number(double v)
{
	return (struct value){ .type = VALUE_NUMBER, .number = v };
}

struct value value_bool(bool v)
{
	return (struct value){ .type = VALUE_BOOL, .flag = v };
}

bool value_true(const struct value *v)
{
	switch (v->type) {
	case VALUE_NIL: return false;
	case VALUE_TEXT: return v->text.len > 0;
	case VALUE_NUMBER: return v->number != 0;
	case VALUE_BOOL: return v->flag;
	case VALUE_LABELS: return v->labels.count > 0;
	case VALUE_LIST: return v->count > 0;
	default: return true;
	}
}

/* A float as Go's %v: shortest, with an exponent below 1e-4 and from 1e21 on. */
static void print_float(struct buf *b, double v)
{
	double size = fabs(v);
	if (!isfinite(v) || v == 0 || (size >= 1e-4 && size < 1e21)) {
		buf_add_f64(b, v);
		return;
	}
	char text[40];
	for (int digits = 0; digits < 18; digits++) {
		double back;
		int n = snprintf(text, sizeof(text), "%.*e", digits, v);
		if (str_f64(str_make(text, (size_t)n), false, &back) == OK && back == v)
			break;
	}
	buf_add_c(b, text);
}

void value_print(const struct value *v, struct buf *b)
{
	switch (v->type) {
	case VALUE_NIL: buf_add_c(b, "<no value>"); break;
	case VALUE_TEXT: buf_add(b, v->text); break;
	case VALUE_NUMBER:
		if (v->is_int)
			buf_add_i64(b, (int64_t)v->number);
		else
			print_float(b, v->number);
		break;
	case VALUE_BOOL: buf_add_c(b, v->flag ? "true" : "false"); break;
	case VALUE_LABELS:
		buf_add_c(b, "map[");
		for (uint32_t i = 0; i < v->labels.count; i++)
			buf_printf(b, "%s%.*s:%.*s", i ? " " : "", STR_ARG(v->labels.list[i].name),
			    STR_ARG(v->labels.list[i].value));
		buf_add_char(b, ']');
		break;
	default: buf_printf(b, "[%zu samples]", v->count);
	}
}

static bool to_number(struct tmpl *t, const struct value *v, double *ret)
{
	if (v->type == VALUE_NUMBER) {
		*ret = v->number;
		return true;
	}
	if (v->type == VALUE_TEXT && str_f64(v->text, true, ret) == OK)
		return true;
	return tmpl_fail(t, "a number is wanted");
}

static bool to_text(struct tmpl *t, const struct value *v, struct str *ret)
{
	if (v->type == VALUE_TEXT) {
		*ret = v->text;
		return true;
	}
	struct buf b = buf_make(&mem_system, TEMPLATE_OUT_MAX);
	value_print(v, &b);
	*ret = arena_str(t->a, buf_str(&b));
	buf_free(&b);
	return ret->ptr ? true : tmpl_fail(t, "out of memory");
}

#define FN(name) \
	static bool name(struct tmpl *t, struct value *args, size_t count, struct value *ret)

static bool give_text(struct tmpl *t, struct str s, struct value *ret)
{
	*ret = value_text(s);
	return s.ptr ? true : tmpl_fail(t, "out of memory");
}

/* v with 4 digits and the unit that fits. */
static struct str scaled(struct tmpl *t, double v, double base, const char *const *units,
    size_t unit_count, bool down, const char *tail)
{
	const char *unit = "";
	for (size_t i = 0; i < unit_count; i++) {
		if (down ? fabs(v) >= 1 : fabs(v) < base)
			break;
		unit = units[i];
		v = down ? v * base : v / base;
	}
	return arena_printf(t->a, "%.4g%s%s", v, unit, tail);
}

static const char *const large_units[] = { "k", "M", "G", "T", "P", "E", "Z", "Y" };
static const char *const binary_units[] = { "ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi" };
static const char *const small_units[] = { "m", "u", "n", "p", "f", "a", "z", "y" };

static struct str plain_number(struct tmpl *t, double v)
{
	if (isnan(v))
		return STR("NaN");
	if (isinf(v))
		return v > 0 ? STR("+Inf") : STR("-Inf");
	return arena_printf(t->a, "%.4g", v);
}

FN(humanize)
{
	double v;
	(void)count;
	if (!to_number(t, &args[0], &v))
		return false;
	if (v == 0 || !isfinite(v))
		return give_text(t, plain_number(t, v), ret);
	bool down = fabs(v) < 1;
	return give_text(t, scaled(t, v, 1000, down ? small_units : large_units, 8, down, ""), ret);
}

FN(humanize1024)
{
	double v;
	(void)count;
	if (!to_number(t, &args[0], &v))
		return false;
	if (fabs(v) <= 1 || !isfinite(v))
		return give_text(t, plain_number(t, v), ret);
	return give_text(t, scaled(t, v, 1024, binary_units, 8, false, ""), ret);
}

FN(humanize_duration)
{
	double v;
	(void)count;
	if (!to_number(t, &args[0], &v))
		return false;
	if (!isfinite(v) || fabs(v) > 9e18)
		return give_text(t, plain_number(t, v), ret);
	if (v == 0)
		return give_text(t, STR("0s"), ret);
	if (fabs(v) < 1)
		return give_text(t, scaled(t, v, 1000, small_units, 8, true, "s"), ret);
	const char *sign = v < 0 ? "-" : "";
	v = fabs(v);
	long long all = (long long)v, s = all % 60, m = all / 60 % 60, h = all / 3600 % 24,
	          d = all / 86400;
	struct str text = d   ? arena_printf(t->a, "%s%lldd %lldh %lldm %llds", sign, d, h, m, s)
	                  : h ? arena_printf(t->a, "%s%lldh %lldm %llds", sign, h, m, s)
	                  : m ? arena_printf(t->a, "%s%lldm %llds", sign, m, s)
	                      : arena_printf(t->a, "%s%.4gs", sign, v);
	return give_text(t, text, ret);
}

FN(humanize_percentage)
{
	double v;
	(void)count;
	return to_number(t, &args[0], &v) &&
	       give_text(t, arena_printf(t->a, "%.4g%%", v * 100), ret);
}

FN(humanize_timestamp)
{
	double v;
	(void)count;
	if (!to_number(t, &args[0], &v))
		return false;
	if (!isfinite(v) || fabs(v) > 9e9)
		return give_text(t, plain_number(t, v), ret);
	double whole = floor(v);
	struct civil c = civil_from_s((int64_t)whole);
	char fraction[16] = "";
	long ms = lround((v - whole) * 1000);
	if (ms > 0 && ms < 1000) {
		int n = snprintf(fraction, sizeof(fraction), ".%03ld", ms);
		while (n > 0 && fraction[n - 1] == '0')
			fraction[--n] = 0;
	}
	return give_text(t,
	    arena_printf(t->a, "%04d-%02d-%02d %02d:%02d:%02d%s +0000 UTC", c.year, c.month, c.day,
	        c.hour, c.minute, c.second, fraction),
	    ret);
}

static bool map_text(
    struct tmpl *t, const struct value *v, struct value *ret, char (*f)(char c, char before))
{
	struct str s;
	if (!to_text(t, v, &s))
		return false;
	struct str copy = arena_str(t->a, s);
	char *p = (char *)(uintptr_t)copy.ptr;
	for (size_t i = 0; p && i < copy.len; i++)
		p[i] = f(s.ptr[i], i ? s.ptr[i - 1] : ' ');
	return give_text(t, copy, ret);
}

static char upper(char c, char before)
{
	(void)before;
	return c >= 'a' && c <= 'z' ? (char)(c - 32) : c;
}

static char lower(char c, char before)
{
	(void)before;
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static char title_case(char c, char before)
{
	bool inside = (before >= 'a' && before <= 'z') || (before >= 'A' && before <= 'Z') ||
	              (before >= '0' && before <= '9') || before == '_' || before == '\'' ||
	              (unsigned char)before >= 0x80;
	return inside ? c : upper(c, before);
}

FN(to_upper)
{
	(void)count;
	return map_text(t, &args[0], ret, upper);
}

FN(to_lower)
{
	(void)count;
	return map_text(t, &args[0], ret, lower);
}

FN(title)
{
	(void)count;
	return map_text(t, &args[0], ret, title_case);
}

FN(strip_port)
{
	struct str s;
	(void)count;
	if (!to_text(t, &args[0], &s))
		return false;
	size_t colon = s.len;
	while (colon > 0 && s.ptr[colon - 1] != ':')
		colon--;
	if (colon == 0 || (str_find(s, ':') != colon - 1 && s.ptr[0] != '['))
		return give_text(t, s, ret);
	struct str host = str_first(s, colon - 1);
	if (host.len >= 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']')
		host = str_make(host.ptr + 1, host.len - 2);
	return give_text(t, host, ret);
}

FN(strip_domain)
{
	struct str s, port = { "", 0 };
	(void)count;
	if (!to_text(t, &args[0], &s))
		return false;
	size_t colon = str_find(s, ':');
	struct str host = str_first(s, colon);
	port = str_from(s, colon);
	struct str first = str_first(host, str_find(host, '.'));
	bool address = first.len > 0 && first.ptr[0] >= '0' && first.ptr[0] <= '9';
	return give_text(
	    t, address ? s : arena_printf(t->a, "%.*s%.*s", STR_ARG(first), STR_ARG(port)), ret);
}

static struct regex *get_regex(struct tmpl *t, const struct value *v, bool anywhere)
{
	struct str s, why = { "", 0 };
	struct regex *re = NULL;
	if (!to_text(t, v, &s))
		return NULL;
	struct str pattern =
	    anywhere ? arena_printf(t->a, "(?s:.*?)(?:%.*s)(?s:.*)", STR_ARG(s)) : s;
	if (!pattern.ptr || regex_make(t->a, pattern, &re, &why) != OK) {
		tmpl_fail(t, "error parsing regexp: %.*s", STR_ARG(why));
		return NULL;
	}
	return re;
}

FN(match)
{
	struct str s;
	(void)count;
	struct regex *re = get_regex(t, &args[0], true);
	if (!re || !to_text(t, &args[1], &s))
		return false;
	*ret = value_bool(regex_match(re, s));
	return true;
}

/* Replaces each place that matches, shortest prefix first: the regex room knows whole matches only,
 * so places are tried one after the other. Texts in alerts are short. */
FN(re_replace_all)
{
	struct str replacement, s;
	(void)count;
	struct regex *re = get_regex(t, &args[0], false);
	if (!re || !to_text(t, &args[1], &replacement) || !to_text(t, &args[2], &s))
		return false;
	if (s.len > 1024)
		return tmpl_fail(t, "reReplaceAll: the text is longer than 1024 bytes");
	struct buf b = buf_make(&mem_system, TEMPLATE_OUT_MAX);
	for (size_t at = 0; at < s.len;) {
		size_t len = s.len - at;
		while (len > 0 && !regex_match(re, str_make(s.ptr + at, len)))
			len--;
		if (len > 0)
			regex_expand(re, str_make(s.ptr + at, len), replacement, &b);
		else
			buf_add_char(&b, s.ptr[at]);
		at += len ? len : 1;
	}
	struct str out = arena_str(t->a, buf_str(&b));
	buf_free(&b);
	return give_text(t, out, ret);
}

FN(parse_duration)
{
	struct str s;
	struct span d;
	(void)count;
	if (!to_text(t, &args[0], &s))
		return false;
	if (span_parse(s, &d) != OK)
		return tmpl_fail(t, "not a valid duration string: \"%.*s\"", STR_ARG(s));
	*ret = value_number((double)d.ns / 1e9);
	return true;
}

FN(do_query)
{
	struct str s, why = { "", 0 };
	(void)count;
	if (!to_text(t, &args[0], &s))
		return false;
	if (!t->data->query)
		return tmpl_fail(t, "query is not possible here");
	*ret = (struct value){ .type = VALUE_LIST };
	if (t->data->query(t->data->ctx, t->a, s, &ret->samples, &ret->count, &why) != OK)
		return tmpl_fail(t, "query failed: %.*s", STR_ARG(why));
	return true;
}

FN(first)
{
	(void)count;
	if (args[0].type != VALUE_LIST || args[0].count == 0)
		return tmpl_fail(t, "first() called on vector with no elements");
	*ret = (struct value){ .type = VALUE_SAMPLE, .samples = args[0].samples, .count = 1 };
	return true;
}

FN(sample_value)
{
	(void)count;
	if (args[0].type != VALUE_SAMPLE)
		return tmpl_fail(t, "value: a sample is wanted");
	*ret = value_number(args[0].samples->value);
	return true;
}

FN(sample_label)
{
	struct str name;
	(void)count;
	if (!to_text(t, &args[0], &name))
		return false;
	if (args[1].type != VALUE_SAMPLE)
		return tmpl_fail(t, "label: a sample is wanted");
	*ret = value_text(labels_get(args[1].samples->labels, name));
	return true;
}

FN(strvalue)
{
	(void)count;
	if (args[0].type != VALUE_SAMPLE)
		return tmpl_fail(t, "strvalue: a sample is wanted");
	*ret = value_text(labels_get(args[0].samples->labels, STR("__value__")));
	return true;
}

FN(sort_by_label)
{
	struct str name;
	(void)count;
	if (!to_text(t, &args[0], &name))
		return false;
	if (args[1].type != VALUE_LIST)
		return tmpl_fail(t, "sortByLabel: the result of a query is wanted");
	struct template_sample *copy = arena_new(t->a, struct template_sample, args[1].count);
	if (!copy)
		return tmpl_fail(t, "out of memory");
	for (size_t i = 0; i < args[1].count; i++) {
		size_t k = i;
		struct str mine = labels_get(args[1].samples[i].labels, name);
		for (; k > 0 && str_cmp(labels_get(copy[k - 1].labels, name), mine) > 0; k--)
			copy[k] = copy[k - 1];
		copy[k] = args[1].samples[i];
	}
	*ret = (struct value){ .type = VALUE_LIST, .samples = copy, .count = args[1].count };
	return true;
}

FN(external_url)
{
	(void)args;
	(void)count;
	(void)t;
	*ret = value_text(t->data->external_url);
	return true;
}

/* ---- Go's own ---- */

static int compare(const struct value *x, const struct value *y, bool *comparable)
{
	*comparable = true;
	if (x->type == VALUE_NUMBER && y->type == VALUE_NUMBER)
		return x->number < y->number ? -1 : x->number > y->number;
	if (x->type == VALUE_TEXT && y->type == VALUE_TEXT)
		return str_cmp(x->text, y->text);
	if (x->type == VALUE_BOOL && y->type == VALUE_BOOL)
		return (int)x->flag - (int)y->flag;
	*comparable = false;
	return 1;
}

FN(eq)
{
	bool same = false, comparable;
	for (size_t i = 1; i < count && !same; i++) {
		same = compare(&args[0], &args[i], &comparable) == 0;
		if (!comparable)
			return tmpl_fail(t, "incompatible types for comparison");
	}
	*ret = value_bool(same);
	return true;
}

#define COMPARE(name, test)                                                       \
	FN(name)                                                                  \
	{                                                                         \
		bool comparable;                                                  \
		int order = compare(&args[0], &args[1], &comparable);             \
		(void)count;                                                      \
		if (!comparable)                                                  \
			return tmpl_fail(t, "incompatible types for comparison"); \
		*ret = value_bool(test);                                          \
		return true;                                                      \
	}
COMPARE(ne, order != 0)
COMPARE(lt, order < 0)
COMPARE(le, order <= 0)
COMPARE(gt, order > 0)
COMPARE(ge, order >= 0)

FN(and_all)
{
	(void)t;
	size_t i = 0;
	while (i + 1 < count && value_true(&args[i]))
		i++;
	*ret = args[i];
	return true;
}

FN(or_any)
{
	(void)t;
	size_t i = 0;
	while (i + 1 < count && !value_true(&args[i]))
		i++;
	*ret = args[i];
	return true;
}

FN(not_true)
{
	(void)t;
	(void)count;
	*ret = value_bool(!value_true(&args[0]));
	return true;
}

FN(len)
{
	(void)count;
	const struct value *v = &args[0];
	size_t n = v->type == VALUE_TEXT     ? v->text.len
	           : v->type == VALUE_LABELS ? v->labels.count
	                                     : v->count;
	if (v->type == VALUE_NUMBER || v->type == VALUE_BOOL || v->type == VALUE_NIL)
		return tmpl_fail(t, "len of what has no length");
	*ret = value_number((double)n);
	ret->is_int = true;
	return true;
}

FN(print)
{
	struct buf b = buf_make(&mem_system, TEMPLATE_OUT_MAX);
	for (size_t i = 0; i < count; i++) {
		if (i && args[i].type != VALUE_TEXT && args[i - 1].type != VALUE_TEXT)
			buf_add_char(&b, ' ');
		value_print(&args[i], &b);
	}
	struct str out = arena_str(t->a, buf_str(&b));
	buf_free(&b);
	return give_text(t, out, ret);
}

/* One verb, flags and width as C has them too. */
static bool print_verb(struct tmpl *t, struct buf *b, struct str spec, const struct value *v)
{
	char verb = spec.ptr[spec.len - 1], format[24], text[512];
	double number = 0;
	if (spec.len > 16)
		return tmpl_fail(t, "printf: the verb is too long");
	memcpy(format, spec.ptr, spec.len);
	format[spec.len] = 0;
	struct str s;
	switch (verb) {
	case 'v': value_print(v, b); return true;
	case 't': buf_add_c(b, value_true(v) ? "true" : "false"); return true;
	case 'q':
	case 's':
		if (!to_text(t, v, &s))
			return false;
		if (verb == 'q')
			labels_quote(b, s);
		else
			buf_add(b, s);
		return true;
	case 'd': {
		if (!to_number(t, v, &number))
			return false;
		if (!(number > -0x1p63 && number < 0x1p63))
			return tmpl_fail(t, "printf: the number is too large for %%d");
		format[spec.len - 1] = 0;
		char longer[32];
		snprintf(longer, sizeof(longer), "%slld", format);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(text, sizeof(text), longer, (long long)number);
		break;
	}
	case 'f':
	case 'e':
	case 'g':
		if (!to_number(t, v, &number))
			return false;
		snprintf(text, sizeof(text), format, number);
#pragma GCC diagnostic pop
		break;
	default: return tmpl_fail(t, "printf: unknown verb %%%c", verb);
	}
	buf_add_c(b, text);
	return true;
}

/* The bytes of a verb behind '%': flags, width, precision, letter; 0: not one. */
static size_t verb_len(struct str s)
{
	size_t i = 0;
	while (i < s.len && i < 12 &&
	       ((s.ptr[i] >= '0' && s.ptr[i] <= '9') || s.ptr[i] == '.' || s.ptr[i] == '+' ||
	           s.ptr[i] == '-' || s.ptr[i] == ' '))
		i++;
	return i < s.len ? i + 1 : 0;
}

FN(do_printf)
{
	struct str f;
	if (!to_text(t, &args[0], &f))
		return false;
	struct buf b = buf_make(&mem_system, TEMPLATE_OUT_MAX);
	size_t next = 1;
	bool fine = true;
	for (size_t i = 0; i < f.len && fine; i++) {
		if (f.ptr[i] != '%') {
			buf_add_char(&b, f.ptr[i]);
			continue;
		}
		if (i + 1 < f.len && f.ptr[i + 1] == '%') {
			buf_add_char(&b, '%');
			i++;
			continue;
		}
		size_t n = verb_len(str_from(f, i + 1));
		if (n == 0 || next >= count)
			fine = tmpl_fail(
			    t, n ? "printf: too few arguments" : "printf: a verb is not finished");
		else
			fine = print_verb(t, &b, str_make(f.ptr + i, n + 1), &args[next++]);
		i += n;
	}
	struct str out = fine ? arena_str(t->a, buf_str(&b)) : (struct str){ NULL, 0 };
	buf_free(&b);
	return fine && give_text(t, out, ret);
}

static const struct {
	struct str name;
	size_t min, max;
	bool (*call)(struct tmpl *t, struct value *args, size_t count, struct value *ret);
} functions[] = {
	{ STR_INIT("humanize"), 1, 1, humanize },
	{ STR_INIT("humanize1024"), 1, 1, humanize1024 },
	{ STR_INIT("humanizeDuration"), 1, 1, humanize_duration },
	{ STR_INIT("humanizePercentage"), 1, 1, humanize_percentage },
	{ STR_INIT("humanizeTimestamp"), 1, 1, humanize_timestamp },
	{ STR_INIT("toUpper"), 1, 1, to_upper },
	{ STR_INIT("toLower"), 1, 1, to_lower },
	{ STR_INIT("title"), 1, 1, title },
	{ STR_INIT("stripPort"), 1, 1, strip_port },
	{ STR_INIT("stripDomain"), 1, 1, strip_domain },
	{ STR_INIT("match"), 2, 2, match },
	{ STR_INIT("reReplaceAll"), 3, 3, re_replace_all },
	{ STR_INIT("parseDuration"), 1, 1, parse_duration },
	{ STR_INIT("query"), 1, 1, do_query },
	{ STR_INIT("first"), 1, 1, first },
	{ STR_INIT("value"), 1, 1, sample_value },
	{ STR_INIT("label"), 2, 2, sample_label },
	{ STR_INIT("strvalue"), 1, 1, strvalue },
	{ STR_INIT("sortByLabel"), 2, 2, sort_by_label },
	{ STR_INIT("externalURL"), 0, 0, external_url },
	{ STR_INIT("eq"), 2, ARGS_MAX, eq },
	{ STR_INIT("ne"), 2, 2, ne },
	{ STR_INIT("lt"), 2, 2, lt },
	{ STR_INIT("le"), 2, 2, le },
	{ STR_INIT("gt"), 2, 2, gt },
	{ STR_INIT("ge"), 2, 2, ge },
	{ STR_INIT("and"), 1, ARGS_MAX, and_all },
	{ STR_INIT("or"), 1, ARGS_MAX, or_any },
	{ STR_INIT("not"), 1, 1, not_true },
	{ STR_INIT("len"), 1, 1, len },
	{ STR_INIT("print"), 0, ARGS_MAX, print },
	{ STR_INIT("printf"), 1, ARGS_MAX, do_printf },
};

bool tmpl_is_function(struct str name)
{
	for (size_t i = 0; i < ARRAY_COUNT(functions); i++) {
		if (str_eq(functions[i].name, name))
			return true;
	}
	return false;
}

bool tmpl_call(struct tmpl *t, struct str name, struct value *args, size_t count, struct value *ret)
{
	assert(count <= ARGS_MAX);
	for (size_t i = 0; i < ARRAY_COUNT(functions); i++) {
		if (!str_eq(functions[i].name, name))
			continue;
		if (count < functions[i].min || count > functions[i].max)
			return tmpl_fail(
			    t, "wrong number of args for %.*s: got %zu", STR_ARG(name), count);
		return functions[i].call(t, args, count, ret);
	}
	return tmpl_fail(t, "function \"%.*s\" not defined", STR_ARG(name));
}
