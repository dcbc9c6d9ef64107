/* SPDX-License-Identifier: Apache-2.0
 *
 * Values and functions of templates, shared by the interpreter (template.c) and the functions
 * (template_func.c).
 */
#pragma once
#include "rules/template.h"

enum value_type {
	VALUE_NIL,
	VALUE_TEXT,
	VALUE_NUMBER,
	VALUE_BOOL,
	VALUE_LABELS,
	VALUE_SAMPLE,
	VALUE_LIST,
	VALUE_ROOT
};

struct value {
	enum value_type type;
	bool is_int; /* a number written or counted as a whole one */
	bool flag;
	double number;
	struct str text;
	struct labels labels;
	const struct template_sample *samples; /* SAMPLE: one; LIST: count */
	size_t count;
};

#define ARGS_MAX 16u

struct tmpl {
	struct arena *a;
	const struct template_data *data;
	struct buf *out;
	struct str why; /* set: it failed */
};

/* Notes why and returns false; the first reason stays. */
bool tmpl_fail(struct tmpl *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool value_true(const struct value *v);
/* As Go prints it. */
void value_print(const struct value *v, struct buf *b);
struct value value_text(struct str s);
struct value value_number(double v);
struct value value_bool(bool v);
/* Calls the function; false: it failed or is not there. */
bool tmpl_call(
    struct tmpl *t, struct str name, struct value *args, size_t count, struct value *ret);
bool tmpl_is_function(struct str name);
