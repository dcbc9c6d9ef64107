/* SPDX-License-Identifier: Apache-2.0
 *
 * The interpreter walks the text once; a block that is not taken is walked without effect, the body
 * of a range once per element. `$labels`, `$value`, `$externalLabels` and `$externalURL` are there
 * from the start. Work is bounded by TEMPLATE_STEPS_MAX and output by TEMPLATE_OUT_MAX.
 */
#include "rules/template_priv.h"
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#define VARIABLES_MAX 32u
#define DEPTH_MAX 16u

struct variable {
	struct str name;
	struct value value;
};

struct run {
	struct tmpl t;
	struct str text;
	size_t at; /* in the text */
	struct variable variables[VARIABLES_MAX];
	size_t variable_count;
	unsigned steps, depth;
};

/* How a list of text and actions ended. */
enum stop { STOP_TEXT, STOP_END, STOP_ELSE, STOP_ERROR };

bool tmpl_fail(struct tmpl *t, const char *format, ...)
{
	char text[256];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (!t->why.ptr)
		t->why = arena_str(t->a, str_c(text));
	if (!t->why.ptr)
		t->why = STR("out of memory");
	return false;
}

/* ---- inside of {{ }} ---- */

struct action {
	struct str rest; /* of the action's text */
};

static void skip_blanks(struct action *x)
{
	while (x->rest.len && (x->rest.ptr[0] == ' ' || x->rest.ptr[0] == '\t' ||
	                          x->rest.ptr[0] == '\n' || x->rest.ptr[0] == '\r'))
		x->rest = str_from(x->rest, 1);
}

static bool word_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_';
}

static struct str cut_word(struct action *x)
{
	size_t n = 0;
	while (n < x->rest.len && word_char(x->rest.ptr[n]))
		n++;
	struct str w = str_first(x->rest, n);
	x->rest = str_from(x->rest, n);
	return w;
}

/* Takes the word when it is the next one. */
static bool take_word(struct action *x, struct str word)
{
	skip_blanks(x);
	struct action probe = *x;
	if (!str_eq(cut_word(&probe), word))
		return false;
	*x = probe;
	skip_blanks(x);
	return true;
}

static bool take_char(struct action *x, char c)
{
	skip_blanks(x);
	if (x->rest.len == 0 || x->rest.ptr[0] != c)
		return false;
	x->rest = str_from(x->rest, 1);
	return true;
}

static bool eval_pipeline(
    struct run *r, struct action *x, const struct value *dot, struct value *ret);

static bool quoted(struct run *r, struct action *x, struct value *ret)
{
	char q = x->rest.ptr[0];
	struct buf b = buf_make(&mem_system, TEMPLATE_BYTES_MAX);
	size_t i = 1;
	for (; i < x->rest.len && x->rest.ptr[i] != q; i++) {
		char c = x->rest.ptr[i];
		if (c == '\\' && q == '"' && i + 1 < x->rest.len) {
			c = x->rest.ptr[++i];
			c = c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c;
		}
		buf_add_char(&b, c);
	}
	struct str s = arena_str(r->t.a, buf_str(&b));
	buf_free(&b);
	if (i == x->rest.len || !s.ptr)
		return tmpl_fail(&r->t, "unterminated quoted string");
	x->rest = str_from(x->rest, i + 1);
	*ret = value_text(s);
	return true;
}

/* .name on a value. */
static bool field(struct run *r, const struct value *of, struct str name, struct value *ret)
{
	switch (of->type) {
	case VALUE_LABELS: *ret = value_text(labels_get(of->labels, name)); return true;
	case VALUE_SAMPLE:
		if (str_eq(name, STR("Value"))) {
			*ret = value_number(of->samples->value);
			return true;
		}
		if (str_eq(name, STR("Labels"))) {
			*ret =
			    (struct value){ .type = VALUE_LABELS, .labels = of->samples->labels };
			return true;
		}
		break;
	case VALUE_ROOT:
		if (str_eq(name, STR("Labels"))) {
			*ret = (struct value){ .type = VALUE_LABELS, .labels = r->t.data->labels };
			return true;
		}
		if (str_eq(name, STR("Value"))) {
			*ret = value_number(r->t.data->value);
			return true;
		}
		if (str_eq(name, STR("ExternalLabels"))) {
			*ret = (struct value){ .type = VALUE_LABELS,
				.labels = r->t.data->external_labels };
			return true;
		}
		if (str_eq(name, STR("ExternalURL"))) {
			*ret = value_text(r->t.data->external_url);
			return true;
		}
		break;
	default: break;
	}
	return tmpl_fail(&r->t, "can't evaluate field %.*s", STR_ARG(name));
}

static bool fields(struct run *r, struct action *x, struct value *v)
{
	while (x->rest.len >= 2 && x->rest.ptr[0] == '.' && word_char(x->rest.ptr[1])) {
		x->rest = str_from(x->rest, 1);
		struct value inner;
		if (!field(r, v, cut_word(x), &inner))
			return false;
		*v = inner;
	}
	return true;
}

static bool variable(struct run *r, struct str name, const struct value *dot, struct value *ret)
{
	(void)dot;
	for (size_t i = r->variable_count; i > 0; i--) {
		if (str_eq(r->variables[i - 1].name, name)) {
			*ret = r->variables[i - 1].value;
			return true;
		}
	}
	return tmpl_fail(&r->t, "undefined variable \"$%.*s\"", STR_ARG(name));
}

static bool number_literal(struct run *r, struct action *x, struct value *ret)
{
	size_t n = 1;
	bool whole = true;
	while (
	    n < x->rest.len && (word_char(x->rest.ptr[n]) || x->rest.ptr[n] == '.' ||
	                           ((x->rest.ptr[n] == '-' || x->rest.ptr[n] == '+') &&
	                               (x->rest.ptr[n - 1] == 'e' || x->rest.ptr[n - 1] == 'E')))) {
		whole = whole && x->rest.ptr[n] >= '0' && x->rest.ptr[n] <= '9';
		n++;
	}
	double v;
	struct str text = str_first(x->rest, n);
	if (text.ptr[0] == '+')
		text = str_from(text, 1);
	if (str_f64(text, false, &v) != OK)
		return tmpl_fail(&r->t, "bad number syntax: \"%.*s\"", STR_ARG(text));
	x->rest = str_from(x->rest, n);
	*ret = value_number(v);
	ret->is_int = whole && v > -0x1p53 && v < 0x1p53;
	return true;
}

/* One operand: literal, variable, field, a function without arguments, or a pipeline in
 * parentheses. */
static bool eval_operand(
    struct run *r, struct action *x, const struct value *dot, struct value *ret)
{
	skip_blanks(x);
	if (x->rest.len == 0)
		return tmpl_fail(&r->t, "missing value for command");
	char c = x->rest.ptr[0];
	if (c == '"' || c == '`')
		return quoted(r, x, ret);
	if (c == '(') {
		x->rest = str_from(x->rest, 1);
		if (++r->depth > DEPTH_MAX)
			return tmpl_fail(&r->t, "nested too deeply");
		bool fine = eval_pipeline(r, x, dot, ret);
		r->depth--;
		if (!fine)
			return false;
		return take_char(x, ')') ? fields(r, x, ret)
		                         : tmpl_fail(&r->t, "unclosed left paren");
	}
	if (c == '$') {
		x->rest = str_from(x->rest, 1);
		return variable(r, cut_word(x), dot, ret) && fields(r, x, ret);
	}
	if (c == '.') {
		*ret = *dot;
		if (x->rest.len >= 2 && word_char(x->rest.ptr[1]))
			return fields(r, x, ret);
		x->rest = str_from(x->rest, 1);
		return true;
	}
	if ((c >= '0' && c <= '9') || c == '-' || c == '+')
		return number_literal(r, x, ret);
	struct str word = cut_word(x);
	if (str_eq(word, STR("true")) || str_eq(word, STR("false"))) {
		*ret = value_bool(word.ptr[0] == 't');
		return true;
	}
	if (str_eq(word, STR("nil"))) {
		*ret = (struct value){ .type = VALUE_NIL };
		return true;
	}
	if (word.len == 0)
		return tmpl_fail(&r->t, "unexpected \"%c\" in command", c);
	return tmpl_call(&r->t, word, NULL, 0, ret);
}

static bool ends_command(struct action *x)
{
	skip_blanks(x);
	return x->rest.len == 0 || x->rest.ptr[0] == '|' || x->rest.ptr[0] == ')';
}

/* A function with its arguments, or one operand; `piped` (or NULL) is the last argument. */
static bool eval_command(struct run *r, struct action *x, const struct value *dot,
    const struct value *piped, struct value *ret)
{
	struct action probe = *x;
	skip_blanks(&probe);
	struct str word = cut_word(&probe);
	if (!tmpl_is_function(word)) {
		if (!eval_operand(r, x, dot, ret))
			return false;
		if (piped)
			return tmpl_fail(&r->t, "can't give argument to non-function");
		return ends_command(x) ? true
		                       : tmpl_fail(&r->t, "can't give argument to non-function");
	}
	*x = probe;
	struct value args[ARGS_MAX];
	size_t count = 0;
	while (!ends_command(x)) {
		if (count + 1 >= ARGS_MAX)
			return tmpl_fail(&r->t, "too many arguments");
		if (!eval_operand(r, x, dot, &args[count]))
			return false;
		count++;
	}
	if (piped)
		args[count++] = *piped;
	return tmpl_call(&r->t, word, args, count, ret);
}

static bool eval_pipeline(
    struct run *r, struct action *x, const struct value *dot, struct value *ret)
{
	struct value v;
	if (!eval_command(r, x, dot, NULL, &v))
		return false;
	while (take_char(x, '|')) {
		struct value next;
		if (!eval_command(r, x, dot, &v, &next))
			return false;
		v = next;
	}
	*ret = v;
	return true;
}

static bool set_variable(struct run *r, struct str name, struct value v)
{
	if (r->variable_count == VARIABLES_MAX)
		return tmpl_fail(&r->t, "too many variables");
	r->variables[r->variable_count++] = (struct variable){ name, v };
	return true;
}

/* Reads "$x :=", "$x =" or "$i, $x :=" at the start; names are empty when they are not there. */
static void cut_declaration(struct action *x, struct str *first, struct str *second, bool *assign)
{
	struct action probe = *x;
	*first = *second = (struct str){ "", 0 };
	*assign = false;
	if (!take_char(&probe, '$'))
		return;
	struct str a = cut_word(&probe), b = { "", 0 };
	if (take_char(&probe, ',')) {
		if (!take_char(&probe, '$'))
			return;
		b = cut_word(&probe);
	}
	bool colon = take_char(&probe, ':');
	if (!take_char(&probe, '='))
		return;
	*assign = !colon;
	*first = a;
	*second = b;
	*x = probe;
}

/* A whole action's pipeline to its end. */
static bool eval_all(struct run *r, struct action *x, const struct value *dot, struct value *ret)
{
	if (!eval_pipeline(r, x, dot, ret))
		return false;
	skip_blanks(x);
	return x->rest.len == 0 ? true
	                        : tmpl_fail(&r->t, "unexpected \"%.*s\" in action",
	                              STR_ARG(str_first(x->rest, 20)));
}

static bool declare(struct run *r, struct str name, bool assign, struct value v)
{
	for (size_t i = r->variable_count; assign && i > 0; i--) {
		if (str_eq(r->variables[i - 1].name, name)) {
			r->variables[i - 1].value = v;
			return true;
		}
	}
	return assign ? tmpl_fail(&r->t, "undefined variable \"$%.*s\"", STR_ARG(name))
	              : set_variable(r, name, v);
}

/* ---- text and blocks ---- */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The next action's inner text; what was before it is written when `live`. False: no action is
 * left, or an error (r->t.why). */
static bool next_action(struct run *r, bool live, struct str *ret)
{
	struct str rest = str_from(r->text, r->at);
	size_t open = str_find_str(rest, STR("{{"));
	struct str before = str_first(rest, open);
	bool trim =
	    open + 3 < rest.len && rest.ptr[open + 2] == '-' && is_blank(rest.ptr[open + 3]);
	while (trim && before.len && is_blank(before.ptr[before.len - 1]))
		before.len--;
	if (live)
		buf_add(r->t.out, before);
	if (open == rest.len) {
		r->at = r->text.len;
		return false;
	}
	size_t from = open + 2 + (trim ? 1 : 0), i = from;
	char quote = 0;
	for (; i + 1 < rest.len; i++) {
		char c = rest.ptr[i];
		if (quote) {
			if (c == '\\' && quote == '"')
				i++;
			else if (c == quote)
				quote = 0;
		} else if (c == '"' || c == '`') {
			quote = c;
		} else if (c == '}' && rest.ptr[i + 1] == '}') {
			break;
		}
	}
	if (i + 1 >= rest.len)
		return tmpl_fail(&r->t, "unclosed action");
	struct str inner = str_make(rest.ptr + from, i - from);
	r->at += i + 2;
	if (inner.len >= 2 && inner.ptr[inner.len - 1] == '-' &&
	    is_blank(inner.ptr[inner.len - 2])) {
		inner.len--;
		while (r->at < r->text.len && is_blank(r->text.ptr[r->at]))
			r->at++;
	}
	*ret = str_trim(inner);
	return true;
}

static enum stop run_list(
    struct run *r, const struct value *dot, bool live, struct action *else_rest);

/* if and with, from behind the word on; also "else if". */
static bool run_if(struct run *r, struct action x, const struct value *dot, bool live, bool with)
{
	struct value v = { .type = VALUE_NIL };
	size_t variables = r->variable_count;
	if (live) {
		struct str name, second;
		bool assign;
		cut_declaration(&x, &name, &second, &assign);
		if (!eval_all(r, &x, dot, &v) || (name.len && !declare(r, name, assign, v)))
			return false;
	}
	bool yes = live && value_true(&v);
	struct action rest = { { "", 0 } };
	enum stop stop = run_list(r, with && yes ? &v : dot, yes, &rest);
	if (stop == STOP_ELSE) {
		bool live_else = live && !yes;
		if (take_word(&rest, STR("if")))
			return run_if(r, rest, dot, live_else, false);
		if (take_word(&rest, STR("with")))
			return run_if(r, rest, dot, live_else, true);
		stop = run_list(r, dot, live_else, &rest);
	}
	r->variable_count = variables;
	return stop == STOP_END ? true : tmpl_fail(&r->t, "unexpected {{else}} or end of text");
}

static bool run_range(struct run *r, struct action x, const struct value *dot, bool live)
{
	struct value list = { .type = VALUE_LIST };
	struct str first = { "", 0 }, second = { "", 0 };
	bool assign;
	size_t variables = r->variable_count;
	if (live) {
		cut_declaration(&x, &first, &second, &assign);
		if (!eval_all(r, &x, dot, &list))
			return false;
		if (list.type != VALUE_LIST)
			return tmpl_fail(&r->t, "range can't iterate over this");
	}
	size_t body = r->at;
	struct action rest = { { "", 0 } };
	enum stop stop = STOP_END;
	size_t rounds = live && list.count ? list.count : 1;
	bool any = live && list.count > 0;
	for (size_t i = 0; i < rounds; i++) {
		r->at = body;
		r->variable_count = variables;
		struct value item = {
			.type = VALUE_SAMPLE, .samples = any ? &list.samples[i] : NULL, .count = 1
		};
		struct value index = value_number((double)i);
		index.is_int = true;
		if (any && second.len &&
		    (!set_variable(r, first, index) || !set_variable(r, second, item)))
			return false;
		if (any && !second.len && first.len && !set_variable(r, first, item))
			return false;
		stop = run_list(r, any ? &item : dot, any, &rest);
		if (stop == STOP_ERROR)
			return false;
	}
	r->variable_count = variables;
	if (stop == STOP_ELSE)
		stop = run_list(r, dot, live && !any, &rest);
	return stop == STOP_END ? true : tmpl_fail(&r->t, "unexpected {{else}} or end of text");
}

static bool run_action(struct run *r, struct action x, const struct value *dot, bool live)
{
	if (++r->depth > DEPTH_MAX)
		return tmpl_fail(&r->t, "nested too deeply");
	bool fine = true;
	if (str_starts(x.rest, STR("/*"))) {
		fine = str_ends(x.rest, STR("*/")) ? true : tmpl_fail(&r->t, "unclosed comment");
	} else if (take_word(&x, STR("if"))) {
		fine = run_if(r, x, dot, live, false);
	} else if (take_word(&x, STR("with"))) {
		fine = run_if(r, x, dot, live, true);
	} else if (take_word(&x, STR("range"))) {
		fine = run_range(r, x, dot, live);
	} else if (live) {
		struct str name, second;
		bool assign;
		struct value v;
		cut_declaration(&x, &name, &second, &assign);
		fine = eval_all(r, &x, dot, &v);
		if (fine && name.len)
			fine = declare(r, name, assign, v);
		else if (fine)
			value_print(&v, r->t.out);
	}
	r->depth--;
	return fine;
}

/* Text and actions up to the end of the block; *else_rest gets what stands behind `else`. */
static enum stop run_list(
    struct run *r, const struct value *dot, bool live, struct action *else_rest)
{
	struct str inner;
	while (next_action(r, live, &inner)) {
		struct action x = { inner };
		if (++r->steps > TEMPLATE_STEPS_MAX) {
			tmpl_fail(&r->t, "too many steps");
			return STOP_ERROR;
		}
		if (take_word(&x, STR("end")))
			return STOP_END;
		if (take_word(&x, STR("else"))) {
			*else_rest = x;
			return STOP_ELSE;
		}
		if (!run_action(r, x, dot, live))
			return STOP_ERROR;
	}
	return r->t.why.ptr ? STOP_ERROR : STOP_TEXT;
}

enum err template_expand(struct arena *a, struct str text, const struct template_data *data,
    struct buf *out, struct str *ret_why)
{
	assert(out && ret_why);
	if (str_find_str(text, STR("{{")) == text.len) {
		buf_add(out, text);
		return out->err;
	}
	struct run *r = arena_new(a, struct run, 1);
	if (!r)
		return arena_err(a);
	*r = (struct run){ .t = { .a = a, .data = data, .out = out }, .text = text };
	struct value root = { .type = VALUE_ROOT };
	struct value labels = { .type = VALUE_LABELS, .labels = data->labels };
	struct value external = { .type = VALUE_LABELS, .labels = data->external_labels };
	struct action rest = { { "", 0 } };
	bool fine =
	    text.len <= TEMPLATE_BYTES_MAX ? true : tmpl_fail(&r->t, "the template is too long");
	fine = fine && set_variable(r, STR("labels"), labels) &&
	       set_variable(r, STR("value"), value_number(data->value)) &&
	       set_variable(r, STR("externalLabels"), external) &&
	       set_variable(r, STR("externalURL"), value_text(data->external_url)) &&
	       set_variable(r, STR(""), root);
	if (fine) {
		enum stop stop = run_list(r, &root, true, &rest);
		if (stop == STOP_END || stop == STOP_ELSE)
			tmpl_fail(&r->t, "unexpected {{%s}}", stop == STOP_END ? "end" : "else");
	}
	if (r->t.why.ptr) {
		*ret_why = r->t.why;
		return arena_err(a) != OK ? arena_err(a) : ERR_INPUT;
	}
	return out->err;
}
