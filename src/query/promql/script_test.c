/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs scripts in the `.test` language (load, clear, eval, expect) against an in-memory source: our
 * own cases in testdata/, and Prometheus' public suite where it lies beside the tree (skipped
 * otherwise).
 * With file names as arguments: runs those and tells each failure.
 *
 * Every instant case also runs as one step of a range query and must give the same, and every query
 * is printed, parsed again and must print the same.
 */
#include "base/time.h"
#include "query/memsource.h"
#include "query/promql/ast.h"
#include "query/promql/answer.h"
#include "query/promql/notation.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
// clang-format off
#include <cmocka.h>
// clang-format on

#define FILE_MAX (1 << 20)
#define LINES_MAX 100000
#define EPSILON 1e-6

struct run {
	const char *path;
	struct memsource *mem;
	struct arena *arena; /* of one command */
	bool verbose;
	size_t line, total, passed;
	char why[2048];
};

static bool fail_case(struct run *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
static bool fail_case(struct run *r, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(r->why, sizeof(r->why), format, args);
	va_end(args);
	return false;
}

/* ---- load ---- */

static int64_t parse_ms(struct str s)
{
	int64_t ms;
	assert_int_equal(notation_ms(s, &ms), OK);
	return ms;
}

struct loaded {
	struct labels labels;
	struct notation_points points;
	struct notation_points starts; /* v is the offset from the sample in ms */
};

static void store(struct run *r, const struct loaded *s, int64_t step)
{
	for (size_t i = 0; i < s->points.count; i++) {
		const struct notation_point *p = &s->points.list[i];
		int64_t ms = step * (int64_t)i, start = 0;
		if (i < s->starts.count && s->starts.list[i].set)
			start = ms + (int64_t)s->starts.list[i].v;
		if (p->set && p->h)
			assert_int_equal(
			    memsource_add_hist(r->mem, s->labels, ms, p->h, start), OK);
		else if (p->set)
			assert_int_equal(memsource_add(r->mem, s->labels, ms, p->v, start), OK);
	}
}

struct cumulative {
	double upper;
	const struct notation_points *points;
};

static int by_upper(const void *x, const void *y)
{
	const struct cumulative *a = x, *b = y;
	return a->upper < b->upper ? -1 : a->upper > b->upper;
}

static const struct notation_point *at(const struct notation_points *p, size_t i)
{
	return p && i < p->count && p->list[i].set ? &p->list[i] : NULL;
}

/* One classic histogram as a native one with custom buckets, under the name without the suffix. */
static void store_nhcb(struct run *r, struct labels l, struct cumulative *b, size_t n,
    const struct notation_points *count, const struct notation_points *sum, int64_t step)
{
	struct cumulative *kept = arena_new(r->arena, struct cumulative, n);
	double *bounds = arena_new(r->arena, double, n);
	size_t borders = 0, bound_count = 0, longest = 0;
	qsort(b, n, sizeof(*b), by_upper);
	for (size_t i = 0; i < n; i++) {
		if (b[i].points->count > longest)
			longest = b[i].points->count;
		if (borders && kept[borders - 1].upper == b[i].upper)
			kept[borders - 1] = b[i]; /* the same border twice: the later one counts */
		else
			kept[borders++] = b[i];
	}
	for (size_t i = 0; i < borders; i++)
		if (isfinite(kept[i].upper))
			bounds[bound_count++] = kept[i].upper;
	for (size_t i = 0; i < longest; i++) {
		struct hist_bucket *p = arena_new(r->arena, struct hist_bucket, borders);
		struct hist h = { .schema = HIST_CUSTOM,
			.custom = bounds,
			.custom_count = (uint32_t)bound_count,
			.pos = p };
		double below = 0;
		bool any = false;
		for (size_t k = 0; k < borders; k++) {
			const struct notation_point *x = at(kept[k].points, i);
			if (!x || sample_is_stale(x->v))
				continue;
			any = true;
			p[h.pos_count++] = (struct hist_bucket){ (int32_t)k, x->v - below };
			below = x->v;
		}
		h.count = at(count, i) ? at(count, i)->v : below;
		h.sum = at(sum, i) ? at(sum, i)->v : 0;
		if (any)
			assert_int_equal(
			    memsource_add_hist(r->mem, l, step * (int64_t)i, &h, 0), OK);
	}
}

static bool base_of(struct run *r, struct labels l, struct str suffix, struct labels *ret)
{
	static const struct str le = STR_INIT("le");
	struct str name = labels_get(l, LABEL_NAME);
	if (!str_ends(name, suffix))
		return false;
	assert_int_equal(labels_without(r->arena, l, &le, 1, false, ret), OK);
	assert_int_equal(
	    labels_with(r->arena, *ret, LABEL_NAME, str_first(name, name.len - suffix.len), ret),
	    OK);
	return true;
}

static void load_nhcb(struct run *r, const struct loaded *list, size_t n, int64_t step)
{
	bool *done = arena_new(r->arena, bool, n);
	for (size_t i = 0; i < n; i++) {
		struct labels base, other;
		if (done[i] || !base_of(r, list[i].labels, STR("_bucket"), &base))
			continue;
		struct cumulative *b = arena_new(r->arena, struct cumulative, n);
		const struct notation_points *count = NULL, *sum = NULL;
		size_t found = 0;
		for (size_t k = 0; k < n; k++) {
			if (base_of(r, list[k].labels, STR("_bucket"), &other) &&
			    labels_eq(base, other)) {
				struct str le = labels_get(list[k].labels, STR("le"));
				assert_true(notation_number(&le, &b[found].upper));
				b[found++].points = &list[k].points;
				done[k] = true;
			} else if (base_of(r, list[k].labels, STR("_count"), &other) &&
			           labels_eq(base, other)) {
				count = &list[k].points;
			} else if (base_of(r, list[k].labels, STR("_sum"), &other) &&
			           labels_eq(base, other)) {
				sum = &list[k].points;
			}
		}
		store_nhcb(r, base, b, found, count, sum, step);
	}
}

static void run_load(struct run *r, struct str first, const struct str *lines, size_t n)
{
	struct loaded *list = arena_new(r->arena, struct loaded, n);
	struct notation_points starts = { 0 };
	size_t count = 0;
	bool nhcb = str_starts(first, STR("load_with_nhcb"));
	notation_word(&first);
	int64_t step = parse_ms(notation_word(&first));
	for (size_t i = 0; i < n; i++) {
		struct labels l;
		struct str rest;
		if (notation_series(r->arena, lines[i], &l, &rest) != OK) {
			fail_msg(
			    "%s:%zu: bad series line %.*s", r->path, r->line, STR_ARG(lines[i]));
			return;
		}
		if (str_starts(rest, STR("@st"))) {
			if (notation_starts(r->arena, str_from(rest, 3), &starts) != OK)
				fail_msg(
				    "%s:%zu: bad starts %.*s", r->path, r->line, STR_ARG(lines[i]));
			continue;
		}
		size_t k = 0;
		while (k < count && !labels_eq(list[k].labels, l))
			k++;
		list[k] = (struct loaded){ .labels = l, .starts = starts };
		starts = (struct notation_points){ 0 };
		if (notation_points(r->arena, rest, &list[k].points) != OK)
			fail_msg("%s:%zu: bad values %.*s", r->path, r->line, STR_ARG(lines[i]));
		count += k == count;
	}
	for (size_t i = 0; i < count; i++)
		store(r, &list[i], step);
	if (nhcb)
		load_nhcb(r, list, count, step);
}

/* ---- eval ---- */

enum texts { TEXT_WARN, TEXT_INFO, TEXT_FAIL, TEXT_KINDS };

struct expected {
	bool fail, ordered, no_warn, no_info, warn, info;
	bool is_string, is_matrix, has_scalar;
	struct str string;
	int64_t from, step;
	struct {
		struct str text;
		bool regex;
	} texts[TEXT_KINDS][32];
	size_t text_count[TEXT_KINDS];
	struct {
		struct labels labels;
		struct notation_points points;
	} series[4096];
	size_t series_count;
	double scalar;
};

static bool equal_numbers(double a, double b)
{
	if (sample_is_stale(a) || sample_is_stale(b))
		return sample_is_stale(a) && sample_is_stale(b);
	if (isnan(a) && isnan(b))
		return true;
	if (a == b)
		return true;
	double sum = fabs(a) + fabs(b), diff = fabs(a - b);
	if (a == 0 || b == 0 || sum < 0x1p-1022)
		return diff < EPSILON * 0x1p-1022;
	return diff / fmin(sum, 0x1.fffffffffffffp1023) < EPSILON;
}

static bool equal_sides(
    const struct hist_bucket *x, uint32_t nx, const struct hist_bucket *y, uint32_t ny)
{
	uint32_t i = 0, k = 0;
	for (;;) {
		while (i < nx && x[i].count == 0)
			i++;
		while (k < ny && y[k].count == 0)
			k++;
		if (i == nx || k == ny)
			return i == nx && k == ny;
		if (x[i].index != y[k].index || !equal_numbers(x[i].count, y[k].count))
			return false;
		i++;
		k++;
	}
}

static bool equal_hists(const struct notation_point *want, const struct hist *got)
{
	const struct hist *h = want->h;
	if (h->schema != got->schema || !equal_numbers(h->count, got->count) ||
	    !equal_numbers(h->sum, got->sum) || !equal_numbers(h->zero_count, got->zero_count) ||
	    h->custom_count != got->custom_count || (want->has_hint && h->hint != got->hint))
		return false;
	if (!hist_is_custom(h) && !equal_numbers(h->zero_threshold, got->zero_threshold))
		return false;
	for (uint32_t i = 0; i < h->custom_count; i++)
		if (!equal_numbers(h->custom[i], got->custom[i]))
			return false;
	return equal_sides(h->pos, h->pos_count, got->pos, got->pos_count) &&
	       equal_sides(h->neg, h->neg_count, got->neg, got->neg_count);
}

static bool same_point(struct run *r, struct labels l, const struct notation_point *want,
    const struct promql_point *got)
{
	struct buf b = buf_make(&mem_system, 4096);
	bool ok = want->h ? got->hist && equal_hists(want, got->hist)
	                  : !got->hist && equal_numbers(want->v, got->value);
	if (!ok) {
		labels_text(l, &b);
		buf_printf(&b, " at %lld: want ", (long long)got->ms);
		if (want->h)
			promql_put_hist(&b, want->h);
		else
			promql_put_f(&b, want->v);
		buf_add_c(&b, ", got ");
		if (got->hist)
			promql_put_hist(&b, got->hist);
		else
			promql_put_f(&b, got->value);
		if (want->h && got->hist)
			buf_printf(&b, " (schema %d/%d, hint %d/%d, threshold %g/%g)",
			    (int)want->h->schema, (int)got->hist->schema, (int)want->h->hint,
			    (int)got->hist->hint, want->h->zero_threshold,
			    got->hist->zero_threshold);
		fail_case(r, "%.*s", STR_ARG(buf_str(&b)));
	}
	buf_free(&b);
	return ok;
}

static const struct promql_series *find_series(const struct promql_result *res, struct labels l)
{
	for (size_t i = 0; i < res->count; i++)
		if (labels_eq(res->series[i].labels, l))
			return &res->series[i];
	return NULL;
}

static bool missing(struct run *r, const char *what, struct labels l)
{
	struct buf b = buf_make(&mem_system, 4096);
	labels_text(l, &b);
	fail_case(r, "%s series %.*s", what, STR_ARG(buf_str(&b)));
	buf_free(&b);
	return false;
}

/* Every expected series with its points at from, from + step, ..., and no other. */
static bool compare_matrix(struct run *r, const struct expected *x, const struct promql_result *res,
    int64_t from, int64_t step)
{
	size_t found = 0;
	for (size_t i = 0; i < x->series_count; i++) {
		const struct notation_points *want = &x->series[i].points;
		const struct promql_series *got = find_series(res, x->series[i].labels);
		size_t at_got = 0, set = 0;
		for (size_t k = 0; k < want->count; k++)
			set += want->list[k].set;
		if (!got && set == 0)
			continue;
		if (!got)
			return missing(r, "missing", x->series[i].labels);
		found++;
		for (size_t k = 0; k < want->count; k++) {
			int64_t ms = from + step * (int64_t)k;
			if (!want->list[k].set)
				continue;
			if (at_got == got->count || got->points[at_got].ms != ms)
				return fail_case(r, "no point at %lld", (long long)ms);
			if (!same_point(r, got->labels, &want->list[k], &got->points[at_got++]))
				return false;
		}
		if (at_got != got->count)
			return fail_case(r, "%zu points expected, got %zu", set, got->count);
	}
	for (size_t i = 0; i < res->count && found != res->count; i++) {
		bool known = false;
		for (size_t k = 0; k < x->series_count; k++)
			known = known || labels_eq(x->series[k].labels, res->series[i].labels);
		if (!known)
			return missing(r, "unexpected", res->series[i].labels);
	}
	for (size_t i = 1; i < res->count; i++)
		if (labels_cmp(res->series[i - 1].labels, res->series[i].labels) >= 0)
			return fail_case(r, "the matrix is not sorted");
	return true;
}

static bool compare_vector(
    struct run *r, const struct expected *x, const struct promql_result *res, bool ordered)
{
	for (size_t i = 0; i < x->series_count; i++) {
		const struct promql_series *got = find_series(res, x->series[i].labels);
		if (!got)
			return missing(r, "missing", x->series[i].labels);
		if (ordered && (size_t)(got - res->series) != i)
			return missing(r, "wrong place of", x->series[i].labels);
		if (x->series[i].points.count == 0 ||
		    !same_point(r, got->labels, &x->series[i].points.list[0], &got->points[0]))
			return false;
	}
	for (size_t i = 0; i < res->count; i++) {
		bool known = false;
		for (size_t k = 0; k < x->series_count; k++)
			known = known || labels_eq(x->series[k].labels, res->series[i].labels);
		if (!known)
			return missing(r, "unexpected", res->series[i].labels);
	}
	return true;
}

static bool text_matches(
    struct run *r, const struct expected *x, enum texts kind, size_t i, struct str got)
{
	struct str want = x->texts[kind][i].text;
	if (!x->texts[kind][i].regex)
		return str_eq(want, got);
	struct regex *re;
	struct buf b = buf_make(&mem_system, 4096);
	buf_add_c(&b, ".*(?:");
	buf_add(&b, want);
	buf_add_c(&b, ").*");
	bool ok = regex_make(r->arena, arena_str(r->arena, buf_str(&b)), &re, NULL) == OK &&
	          regex_match(re, got);
	buf_free(&b);
	return ok;
}

static bool check_texts(
    struct run *r, const struct expected *x, enum texts kind, const struct str *got, size_t n)
{
	for (size_t i = 0; i < x->text_count[kind]; i++) {
		bool found = false;
		for (size_t k = 0; k < n; k++)
			found = found || text_matches(r, x, kind, i, got[k]);
		if (!found)
			return fail_case(r, "missing remark \"%.*s\", got %.*s",
			    STR_ARG(x->texts[kind][i].text), n ? (int)got[0].len : 4,
			    n ? got[0].ptr : "none");
	}
	for (size_t k = 0; k < n && x->text_count[kind]; k++) {
		bool known = false;
		for (size_t i = 0; i < x->text_count[kind]; i++)
			known = known || text_matches(r, x, kind, i, got[k]);
		if (!known)
			return fail_case(r, "unexpected remark \"%.*s\"", STR_ARG(got[k]));
	}
	return true;
}

static bool check_remarks(struct run *r, const struct expected *x, const struct promql_result *res)
{
	if (x->no_warn && res->warning_count)
		return fail_case(r, "unexpected warning %.*s", STR_ARG(res->warnings[0]));
	if (x->no_info && res->info_count)
		return fail_case(r, "unexpected info %.*s", STR_ARG(res->infos[0]));
	if (x->warn && res->warning_count == 0)
		return fail_case(r, "expected a warning");
	if (x->info && res->info_count == 0)
		return fail_case(r, "expected an info");
	return check_texts(r, x, TEXT_WARN, res->warnings, res->warning_count) &&
	       check_texts(r, x, TEXT_INFO, res->infos, res->info_count);
}

static bool is_context_free(struct str q)
{
	return str_find_str(q, STR("start(")) == q.len && str_find_str(q, STR("end(")) == q.len &&
	       str_find_str(q, STR("range(")) == q.len && str_find_str(q, STR("step(")) == q.len;
}

/* The instant case as the middle step of a range. */
static bool check_as_range(struct run *r, const struct promql_engine *engine,
    const struct promql_expr *e, struct str query, const struct expected *x, int64_t ms)
{
	struct promql_result res;
	struct promql_failure failure;
	if (!is_context_free(query) || x->is_matrix || x->is_string || e->type == PROMQL_MATRIX ||
	    e->type == PROMQL_STRING)
		return true;
	if (promql_range(
	        engine, r->arena, e, query, ms - 60000, ms + 60000, 60000, &res, &failure) != OK) {
		/* another step may fail where this one does not */
		return true;
	}
	size_t kept = 0;
	struct promql_series *list = arena_new(r->arena, struct promql_series, res.count);
	for (size_t i = 0; i < res.count; i++) {
		for (size_t k = 0; k < res.series[i].count; k++) {
			if (res.series[i].points[k].ms != ms)
				continue;
			list[kept++] = (struct promql_series){ res.series[i].labels,
				&res.series[i].points[k], 1 };
		}
	}
	if (x->has_scalar)
		return (kept == 1 && equal_numbers(list[0].points[0].value, x->scalar)) ||
		       fail_case(r, "as a range query: another scalar");
	struct promql_result one = { .type = PROMQL_VECTOR, .series = list, .count = kept };
	if (compare_vector(r, x, &one, false))
		return true;
	char why[1024];
	snprintf(why, sizeof(why), "%.1000s", r->why);
	return fail_case(r, "as a range query: %s", why);
}

/* print(parse(print(parse(q)))) == print(parse(q)) */
static bool check_print(struct run *r, const struct promql_expr *e)
{
	struct buf one = buf_make(&mem_system, 1 << 17), two = buf_make(&mem_system, 1 << 17);
	const struct promql_expr *again;
	struct promql_fault fault;
	promql_print(e, &one);
	bool ok = promql_parse(r->arena, buf_str(&one), &again, &fault) == OK;
	if (!ok) {
		fail_case(r, "printed as %.*s, which does not parse: %.*s", STR_ARG(buf_str(&one)),
		    STR_ARG(fault.what));
	} else {
		promql_print(again, &two);
		ok = str_eq(buf_str(&one), buf_str(&two)) ||
		     fail_case(r, "printed as %.*s, then as %.*s", STR_ARG(buf_str(&one)),
		         STR_ARG(buf_str(&two)));
	}
	buf_free(&one);
	buf_free(&two);
	return ok;
}

struct query {
	bool is_range;
	int64_t from, to, step;
	struct str text;
};

static bool check_failure(struct run *r, const struct expected *x, struct str got)
{
	for (size_t i = 0; i < x->text_count[TEXT_FAIL]; i++)
		if (!text_matches(r, x, TEXT_FAIL, i, got))
			return fail_case(r, "failed with \"%.*s\"", STR_ARG(got));
	return true;
}

static bool run_query(struct run *r, const struct query *q, const struct expected *x)
{
	struct source source = memsource_source(r->mem);
	struct promql_engine engine = { .source = &source };
	const struct promql_expr *e;
	struct promql_fault fault;
	struct promql_failure failure = { 0 };
	struct promql_result res;
	if (promql_parse(r->arena, q->text, &e, &fault) != OK)
		return x->fail ? check_failure(r, x, fault.what)
		               : fail_case(r, "%u:%u: parse error: %.*s", fault.line, fault.column,
		                     STR_ARG(fault.what));
	if (!check_print(r, e))
		return false;
	enum err err = q->is_range
	                   ? promql_range(&engine, r->arena, e, q->text, q->from, q->to, q->step,
	                         &res, &failure)
	                   : promql_instant(&engine, r->arena, e, q->text, q->from, &res, &failure);
	if (err != OK)
		return x->fail ? check_failure(r, x, failure.what)
		               : fail_case(r, "failed: %.*s", STR_ARG(failure.what));
	if (x->fail)
		return fail_case(r, "expected a failure");
	if (!check_remarks(r, x, &res))
		return false;
	struct buf json = buf_make(&mem_system, 1 << 26);
	promql_answer(&json, &res);
	assert_int_equal(json.err, OK);
	buf_free(&json);
	if (x->is_string)
		return (res.type == PROMQL_STRING && str_eq(res.string, x->string)) ||
		       fail_case(r, "string \"%.*s\"", STR_ARG(res.string));
	if (x->is_matrix)
		return compare_matrix(r, x, &res, x->from, x->step);
	if (q->is_range)
		return compare_matrix(r, x, &res, q->from, q->step);
	if (x->has_scalar) {
		if (res.type != PROMQL_SCALAR)
			return fail_case(r, "not a scalar");
		if (!equal_numbers(res.series[0].points[0].value, x->scalar))
			return fail_case(
			    r, "want %.17g, got %.17g", x->scalar, res.series[0].points[0].value);
	} else if (res.type == PROMQL_SCALAR) {
		return fail_case(r, "an unexpected scalar");
	} else if (!compare_vector(r, x, &res, x->ordered)) {
		return false;
	}
	return check_as_range(r, &engine, e, q->text, x, q->from);
}

static void add_text(struct expected *x, enum texts kind, struct str s)
{
	bool regex = str_starts(s, STR("regex:"));
	if (!regex && !str_starts(s, STR("msg:")))
		return;
	size_t i = x->text_count[kind]++;
	x->texts[kind][i].regex = regex;
	x->texts[kind][i].text = str_trim(str_from(s, regex ? 6 : 4));
}

static void parse_expect(struct run *r, struct expected *x, struct str s)
{
	struct str what = notation_word(&s), rest = str_trim(s);
	if (str_eq(what, STR("fail"))) {
		x->fail = true;
		add_text(x, TEXT_FAIL, rest);
	} else if (str_eq(what, STR("warn"))) {
		x->warn = true;
		add_text(x, TEXT_WARN, rest);
	} else if (str_eq(what, STR("info"))) {
		x->info = true;
		add_text(x, TEXT_INFO, rest);
	} else if (str_eq(what, STR("no_warn"))) {
		x->no_warn = true;
	} else if (str_eq(what, STR("no_info"))) {
		x->no_info = true;
	} else if (str_eq(what, STR("ordered"))) {
		x->ordered = true;
	} else if (str_eq(what, STR("string"))) {
		const struct promql_expr *e;
		struct promql_fault fault;
		x->is_string = true;
		assert_int_equal(promql_parse(r->arena, rest, &e, &fault), OK);
		x->string = e->string;
	} else if (str_eq(what, STR("range"))) { /* range vector from a to b step s */
		x->is_matrix = true;
		notation_word(&rest);
		notation_word(&rest);
		x->from = parse_ms(notation_word(&rest));
		notation_word(&rest);
		notation_word(&rest);
		notation_word(&rest);
		x->step = parse_ms(notation_word(&rest));
	} else {
		fail_msg("%s:%zu: unknown expectation", r->path, r->line);
	}
}

static void parse_line(struct run *r, struct expected *x, struct str line)
{
	if (str_starts(line, STR("expect "))) {
		parse_expect(r, x, str_from(line, 7));
	} else if (str_starts(line, STR("expected_fail_message "))) {
		x->texts[TEXT_FAIL][x->text_count[TEXT_FAIL]++].text = str_trim(str_from(line, 22));
	} else if (str_starts(line, STR("expected_fail_regexp "))) {
		size_t i = x->text_count[TEXT_FAIL]++;
		x->texts[TEXT_FAIL][i].text = str_trim(str_from(line, 21));
		x->texts[TEXT_FAIL][i].regex = true;
	} else {
		struct str number = line;
		double v;
		if (line.ptr[0] != '{' && notation_number(&number, &v) &&
		    str_trim(number).len == 0) {
			x->has_scalar = true;
			x->scalar = v;
			return;
		}
		size_t i = x->series_count++;
		struct str rest;
		assert_true(i < ARRAY_COUNT(x->series));
		if (notation_series(r->arena, line, &x->series[i].labels, &rest) != OK ||
		    notation_points(r->arena, rest, &x->series[i].points) != OK)
			fail_msg("%s:%zu: bad line %.*s", r->path, r->line, STR_ARG(line));
	}
}

static void run_eval(struct run *r, struct str first, const struct str *lines, size_t n)
{
	struct expected *x = calloc(1, sizeof(*x));
	struct query q = { 0 };
	assert_non_null(x);
	struct str command = notation_word(&first), kind = notation_word(&first);
	x->fail = str_ends(command, STR("_fail"));
	x->warn = str_ends(command, STR("_warn"));
	x->info = str_ends(command, STR("_info"));
	x->ordered = str_ends(command, STR("_ordered"));
	q.is_range = str_eq(kind, STR("range"));
	if (q.is_range) {
		notation_word(&first);
		q.from = parse_ms(notation_word(&first));
		notation_word(&first);
		q.to = parse_ms(notation_word(&first));
		notation_word(&first);
		q.step = parse_ms(notation_word(&first));
	} else if (str_starts(str_trim(first), STR("at "))) {
		notation_word(&first);
		q.from = parse_ms(notation_word(&first));
	}
	q.text = str_trim(first);
	for (size_t i = 0; i < n; i++)
		parse_line(r, x, lines[i]);
	r->total++;
	r->why[0] = '\0';
	bool ok = run_query(r, &q, x);
	r->passed += ok;
	if (!ok && r->verbose)
		printf("%s:%zu: %.*s: %s\n", r->path, r->line, STR_ARG(q.text), r->why);
	free(x);
}

static char *read_whole(const char *path, size_t *ret_len)
{
	FILE *f = fopen(path, "rb");
	char *text = f ? malloc(FILE_MAX) : NULL;
	if (!f)
		return NULL;
	assert_non_null(text);
	*ret_len = fread(text, 1, FILE_MAX, f);
	fclose(f);
	return text;
}

/* False when the file is not there. */
static bool run_file(const char *path, bool verbose, size_t *ret_passed, size_t *ret_total)
{
	size_t len = 0;
	char *text = read_whole(path, &len);
	if (!text)
		return false;
	struct run r = { .path = path, .verbose = verbose };
	struct str *lines = calloc(LINES_MAX, sizeof(*lines));
	size_t n = 0;
	assert_non_null(lines);
	assert_int_equal(memsource_open(&mem_system, &r.mem), OK);
	assert_int_equal(arena_open(&mem_system, (size_t)1 << 30, &r.arena), OK);
	for (struct str rest = str_make(text, len); rest.ptr && n < LINES_MAX;) {
		struct str line = str_trim(str_cut(&rest, '\n'));
		lines[n++] = line.len && line.ptr[0] == '#' ? STR("") : line;
	}
	for (size_t i = 0; i < n;) {
		size_t end = i + 1;
		struct str first = lines[i];
		if (first.len == 0) {
			i++;
			continue;
		}
		r.line = i + 1;
		bool block = str_starts(first, STR("load")) || str_starts(first, STR("eval"));
		while (block && end < n && lines[end].len)
			end++;
		if (str_starts(first, STR("clear")))
			memsource_clear(r.mem);
		else if (str_starts(first, STR("load")))
			run_load(&r, first, lines + i + 1, end - i - 1);
		else if (block)
			run_eval(&r, first, lines + i + 1, end - i - 1);
		else
			fail_msg("%s:%zu: unknown command %.*s", path, r.line, STR_ARG(first));
		arena_reset(r.arena);
		i = end;
	}
	arena_close(&r.arena);
	memsource_close(&r.mem);
	free(lines);
	free(text);
	*ret_passed = r.passed;
	*ret_total = r.total;
	return true;
}

/* ---- the tests ---- */

#define SHARED "../shared/promqltest/"
#define OWN "src/query/promql/testdata/"

static void run_own(const char *name)
{
	char path[256];
	size_t passed = 0, total = 0;
	snprintf(path, sizeof(path), "%s%s", OWN, name);
	if (!run_file(path, true, &passed, &total))
		fail_msg("%s is not there; the test runs in the root of the tree", path);
	assert_true(total > 0);
	assert_int_equal(passed, total);
}

static void run_shared(const char *name)
{
	char path[256];
	size_t passed = 0, total = 0;
	snprintf(path, sizeof(path), "%s%s", SHARED, name);
	if (!run_file(path, false, &passed, &total))
		fail_msg("%s is not there, though others of it are", path);
	print_message("# %s: %zu/%zu\n", name, passed, total);
	assert_int_equal(passed, total);
}

#define OWN_TEST(test, name)           \
	static void test(void **state) \
	{                              \
		(void)state;           \
		run_own(name);         \
	}
#define SHARED_TEST(test, name)        \
	static void test(void **state) \
	{                              \
		(void)state;           \
		run_shared(name);      \
	}

OWN_TEST(own_basics, "basics.test")
OWN_TEST(own_dashboards, "dashboards.test")
OWN_TEST(own_durations, "durations.test")
OWN_TEST(own_extended, "extended.test")
OWN_TEST(own_matching, "matching.test")
OWN_TEST(own_native, "native.test")
OWN_TEST(own_starts, "starts.test")
OWN_TEST(own_subqueries, "subqueries.test")
SHARED_TEST(shared_literals, "literals.test")
SHARED_TEST(shared_collision, "collision.test")
SHARED_TEST(shared_selectors, "selectors.test")
SHARED_TEST(shared_trig, "trig_functions.test")
SHARED_TEST(shared_at, "at_modifier.test")
SHARED_TEST(shared_operators, "operators.test")
SHARED_TEST(shared_aggregators, "aggregators.test")
SHARED_TEST(shared_functions, "functions.test")
SHARED_TEST(shared_histograms, "histograms.test")

int main(int argc, char **argv)
{
	const struct CMUnitTest own[] = {
		cmocka_unit_test(own_basics),
		cmocka_unit_test(own_dashboards),
		cmocka_unit_test(own_durations),
		cmocka_unit_test(own_extended),
		cmocka_unit_test(own_matching),
		cmocka_unit_test(own_native),
		cmocka_unit_test(own_starts),
		cmocka_unit_test(own_subqueries),
	};
	const struct CMUnitTest all[] = {
		own[0],
		own[1],
		own[2],
		own[3],
		own[4],
		own[5],
		own[6],
		own[7],
		cmocka_unit_test(shared_literals),
		cmocka_unit_test(shared_collision),
		cmocka_unit_test(shared_selectors),
		cmocka_unit_test(shared_trig),
		cmocka_unit_test(shared_at),
		cmocka_unit_test(shared_operators),
		cmocka_unit_test(shared_aggregators),
		cmocka_unit_test(shared_functions),
		cmocka_unit_test(shared_histograms),
	};
	size_t passed_all = 0, total_all = 0;
	for (int i = 1; i < argc; i++) {
		size_t passed = 0, total = 0;
		if (!run_file(argv[i], true, &passed, &total))
			printf("%s: cannot be read\n", argv[i]);
		printf("%s: %zu/%zu\n", argv[i], passed, total);
		passed_all += passed;
		total_all += total;
	}
	if (argc > 1)
		return passed_all == total_all ? 0 : 1;
	/* cmocka counts a skipped test as a failed one in TAP: what is not there is left out. */
	size_t passed = 0, total = 0;
	if (!run_file(SHARED "literals.test", false, &passed, &total)) {
		printf("# the public scripts are not in " SHARED ": left out\n");
		return cmocka_run_group_tests(own, NULL, NULL);
	}
	return cmocka_run_group_tests(all, NULL, NULL);
}
