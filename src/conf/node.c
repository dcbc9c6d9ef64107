/* SPDX-License-Identifier: Apache-2.0
 *
 * The tree of values: looking into it, telling what a bare scalar is, and making one from JSON.
 */
#include "conf/node_priv.h"
#include <assert.h>

const struct conf_node *conf_node_find(const struct conf_node *map, struct str name)
{
	if (!map || map->type != CONF_MAP)
		return NULL;
	for (const struct conf_node *n = map->child; n; n = n->next)
		if (str_eq(n->name, name))
			return n->type == CONF_NULL ? NULL : n;
	return NULL;
}

const char *conf_node_type_text(const struct conf_node *node)
{
	switch (node->type) {
	case CONF_NULL: return "nothing";
	case CONF_BOOL: return "true or false";
	case CONF_NUMBER: return "a number";
	case CONF_TEXT: return "text";
	case CONF_LIST: return "a list";
	case CONF_MAP: return "a map";
	}
	assert(false && "every type has a text");
	return "";
}

static bool is_one_of(struct str text, const char *const *words)
{
	for (; *words; words++)
		if (str_eq(text, str_c(*words)))
			return true;
	return false;
}

static size_t skip_digits(struct str s, size_t at)
{
	while (at < s.len && s.ptr[at] >= '0' && s.ptr[at] <= '9')
		at++;
	return at;
}

static bool is_number(struct str s)
{
	size_t at = s.len && (s.ptr[0] == '-' || s.ptr[0] == '+');
	struct str body = str_from(s, at);
	static const char *const special[] = { ".inf", ".Inf", ".INF", NULL };
	static const char *const nan[] = { ".nan", ".NaN", ".NAN", NULL };
	if (is_one_of(body, special) || is_one_of(s, nan))
		return true;
	size_t whole = skip_digits(s, at), digits = whole - at;
	at = whole;
	if (at < s.len && s.ptr[at] == '.') {
		size_t end = skip_digits(s, at + 1);
		digits += end - at - 1;
		at = end;
	}
	if (!digits)
		return false;
	if (at < s.len && (s.ptr[at] == 'e' || s.ptr[at] == 'E')) {
		at++;
		at += at < s.len && (s.ptr[at] == '-' || s.ptr[at] == '+');
		size_t end = skip_digits(s, at);
		if (end == at)
			return false;
		at = end;
	}
	return at == s.len;
}

enum conf_type conf_scalar_type(struct str text)
{
	static const char *const nulls[] = { "", "~", "null", "Null", "NULL", NULL };
	static const char *const bools[] = { "true", "True", "TRUE", "false", "False", "FALSE",
		NULL };
	if (is_one_of(text, nulls))
		return CONF_NULL;
	if (is_one_of(text, bools))
		return CONF_BOOL;
	return is_number(text) ? CONF_NUMBER : CONF_TEXT;
}

struct from_json {
	struct arena *a;
	struct str file;
	struct conf_faults *faults;
	uint32_t weight;
};

static enum err refuse(struct from_json *c, const struct conf_where *where, const char *what)
{
	conf_fault_add(c->faults, (struct conf_site){ c->file, NULL, where, false },
	    (struct str){ "", 0 }, "%s", what);
	return ERR_INPUT;
}

static enum err convert(struct from_json *c, const struct json *j, unsigned depth,
    const struct conf_where *where, struct conf_node **ret_node);

static enum err convert_children(struct from_json *c, const struct json *j, unsigned depth,
    const struct conf_where *where, struct conf_node *node)
{
	const struct conf_node **tail = &node->child;
	if (j->type == JSON_OBJECT && j->count > CONF_KEYS_MAX)
		return refuse(c, where, "too many keys");
	for (const struct json *m = j->child; m; m = m->next) {
		struct conf_where at =
		    j->type == JSON_OBJECT ? conf_in(where, m->name) : conf_nth(where, node->count);
		for (const struct conf_node *n = node->child; j->type == JSON_OBJECT && n;
		     n = n->next)
			if (str_eq(n->name, m->name))
				return refuse(c, &at, "this key is there twice");
		struct conf_node *child = NULL;
		enum err err = convert(c, m, depth + 1, &at, &child);
		if (err)
			return err;
		if (j->type == JSON_OBJECT)
			child->name = m->name;
		node->weight += child->weight;
		node->count++;
		*tail = child;
		tail = &child->next;
	}
	return OK;
}

static enum err convert(struct from_json *c, const struct json *j, unsigned depth,
    const struct conf_where *where, struct conf_node **ret_node)
{
	if (depth > CONF_DEPTH_MAX)
		return refuse(c, where, "nested too deeply");
	if (++c->weight > CONF_WEIGHT_MAX)
		return refuse(c, where, "too many values");
	struct conf_node *node = arena_new(c->a, struct conf_node, 1);
	if (!node)
		return arena_err(c->a);
	node->weight = 1;
	node->text = j->type == JSON_STRING ? j->text : j->raw;
	switch (j->type) {
	case JSON_NULL: node->type = CONF_NULL; break;
	case JSON_FALSE:
	case JSON_TRUE: node->type = CONF_BOOL; break;
	case JSON_NUMBER: node->type = CONF_NUMBER; break;
	case JSON_STRING: node->type = CONF_TEXT; break;
	case JSON_ARRAY: node->type = CONF_LIST; break;
	case JSON_OBJECT: node->type = CONF_MAP; break;
	}
	if (node->text.len > CONF_SCALAR_MAX && node->type <= CONF_TEXT)
		return refuse(c, where, "the value is too long");
	if (node->type >= CONF_LIST) {
		enum err err = convert_children(c, j, depth, where, node);
		if (err)
			return err;
	}
	*ret_node = node;
	return OK;
}

enum err conf_node_from_json(struct arena *a, const struct json *value, struct str file,
    const struct conf_node **ret_node, struct conf_faults *faults)
{
	assert(value && faults);
	struct from_json c = { a, file, faults, 0 };
	struct conf_node *node;
	enum err err = convert(&c, value, 0, NULL, &node);
	if (!err)
		*ret_node = node;
	return err;
}
