/* SPDX-License-Identifier: Apache-2.0
 *
 * See params.h.
 */
#include "api/params.h"
#include "base/enc.h"
#include <assert.h>

static enum err part_read(struct arena *a, struct str raw, struct str *ret)
{
	enum err e = dec_percent(a, raw, true, ret);
	if (e == OK && (!str_utf8_valid(*ret) || str_find(*ret, '\0') < ret->len))
		e = ERR_INPUT;
	return e;
}

enum err params_read(struct arena *a, struct str text, struct params *ret)
{
	size_t count = 0;
	for (struct str rest = text; rest.ptr;)
		count += !str_empty(str_cut(&rest, '&'));
	if (count > PARAMS_MAX)
		return ERR_LIMIT;
	struct param *list = arena_new(a, struct param, count);
	if (!list)
		return arena_err(a);
	size_t at = 0;
	for (struct str rest = text; rest.ptr;) {
		struct str item = str_cut(&rest, '&');
		if (str_empty(item))
			continue;
		struct str name = str_cut(&item, '=');
		assert(at < count);
		enum err e = part_read(a, name, &list[at].name);
		if (e == OK)
			e = part_read(a, item.ptr ? item : STR(""), &list[at].value);
		if (e != OK)
			return e;
		at++;
	}
	*ret = (struct params){ list, at };
	return OK;
}

struct str params_get(const struct params *p, struct str name)
{
	for (size_t i = p->count; i > 0; i--)
		if (str_eq(p->list[i - 1].name, name))
			return p->list[i - 1].value;
	return (struct str){ NULL, 0 };
}

bool params_has(const struct params *p, struct str name)
{
	return params_get(p, name).ptr != NULL;
}

bool params_next(const struct params *p, size_t *at, struct str name, struct str *ret_value)
{
	while (*at < p->count) {
		const struct param *q = &p->list[(*at)++];
		struct str bare =
		    str_ends(q->name, STR("[]")) ? str_first(q->name, q->name.len - 2) : q->name;
		if (str_eq(bare, name)) {
			*ret_value = q->value;
			return true;
		}
	}
	return false;
}

enum err params_u64(const struct params *p, struct str name, uint64_t *ret)
{
	struct str v = params_get(p, name);
	return v.ptr ? str_u64(v, ret) : OK;
}

enum err params_wall(const struct params *p, struct str name, struct wall *ret)
{
	struct str v = params_get(p, name);
	if (!v.ptr || str_empty(v))
		return OK;
	if (wall_parse(v, ret) == OK)
		return OK;
	/* A date alone, and a '+' of an offset that the client did not encode and that became a
	 * blank. */
	char text[64];
	if (v.len >= sizeof text - 16)
		return ERR_INPUT;
	memcpy(text, v.ptr, v.len);
	if (v.len == 10) {
		memcpy(text + 10, "T00:00:00Z", 10);
		return wall_parse(str_make(text, 20), ret);
	}
	for (size_t i = 11; i < v.len; i++)
		if (text[i] == ' ')
			text[i] = '+';
	return wall_parse(str_make(text, v.len), ret);
}
