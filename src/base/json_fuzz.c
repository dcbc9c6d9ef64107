/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as JSON: no crash, an error lies within the text, and what is accepted can be written
 * and read again as the same tree.
 */
#include "base/json.h"
#include <assert.h>
#include <math.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_tree(struct jw *w, const struct json *j, bool named)
{
	if (named)
		jw_key(w, j->name);
	if (j->type == JSON_ARRAY || j->type == JSON_OBJECT) {
		bool object = j->type == JSON_OBJECT;
		jw_open(w, object ? '{' : '[');
		for (const struct json *c = j->child; c; c = c->next)
			write_tree(w, c, object);
		jw_close(w, object ? '}' : ']');
	} else if (j->type == JSON_STRING) {
		jw_str(w, j->text);
	} else if (j->type == JSON_NUMBER && isfinite(j->number)) {
		jw_f64(w, j->number);
	} else {
		jw_raw(w, j->raw);
	}
}

static void same_tree(const struct json *a, const struct json *b)
{
	assert(a->type == b->type && a->count == b->count);
	assert(str_eq(a->name, b->name));
	assert(a->type != JSON_STRING || str_eq(a->text, b->text));
	assert(a->type != JSON_NUMBER || a->number == b->number);
	const struct json *x = a->child, *y = b->child;
	for (; x && y; x = x->next, y = y->next)
		same_tree(x, y);
	assert(!x && !y);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = NULL;
	if (arena_open(&mem_system, 8 << 20, &a))
		return 0;
	struct str text = { (const char *)data, size };
	const struct json *root, *again;
	struct json_error error = { SIZE_MAX, NULL };
	enum err e = json_read(a, text, 32, &root, &error);
	if (e == ERR_INPUT) {
		unsigned line, column;
		assert(error.offset <= size && error.what);
		json_place(text, error.offset, &line, &column);
		assert(line >= 1 && column >= 1);
	}
	if (!e) {
		assert(str_utf8_valid(text));
		struct buf b = buf_make(&mem_system, 8 << 20);
		struct jw w = jw_make(&b);
		write_tree(&w, root, false);
		if (!b.err && !json_read(a, buf_str(&b), 32, &again, &error))
			same_tree(root, again);
		else
			assert(b.err || arena_err(a));
		buf_free(&b);
	}
	arena_close(&a);
	return 0;
}
