/* SPDX-License-Identifier: Apache-2.0
 *
 * The engine's slice, read back: the one place besides role/config that knows its form.
 */
#include "conf/install.h"
#include <assert.h>

/* Both the type of contact and the driver's name are understood. */
static bool contact_type_find(struct str word, enum contact_type *ret)
{
	for (unsigned i = 0; i < CONTACT_TYPE_COUNT; i++) {
		if (str_eq(word, contact_type_name[i])) {
			*ret = (enum contact_type)i;
			return true;
		}
	}
	for (unsigned i = 0; i < DRIVER_COUNT; i++) {
		if (str_eq(word, provider_driver_name[i])) {
			*ret = provider_driver_contact((enum provider_driver)i);
			return true;
		}
	}
	return false;
}

static enum err read_installation(
    struct arena *a, const struct json *slice, struct conf_installation *ret)
{
	const struct json *providers = json_get(slice, STR("providers"));
	const struct json *fallback = json_get(slice, STR("fallback"));
	if (!json_is(providers, JSON_ARRAY) || !json_is(fallback, JSON_ARRAY) || !fallback->count)
		return ERR_INPUT;
	struct provider *p = arena_new(a, struct provider, providers->count);
	struct contact *f = arena_new(a, struct contact, fallback->count);
	if (!p || !f)
		return arena_err(a);
	size_t i = 0;
	for (const struct json *j = providers->child; j; j = j->next, i++) {
		p[i].name = json_get_str(j, STR("name"));
		if (str_empty(p[i].name) ||
		    !contact_type_find(json_get_str(j, STR("type")), &p[i].type))
			return ERR_INPUT;
	}
	i = 0;
	for (const struct json *j = fallback->child; j; j = j->next, i++) {
		f[i].name = json_get_str(j, STR("name"));
		f[i].address = json_get_str(j, STR("address"));
		if (str_empty(f[i].name) ||
		    !contact_type_find(json_get_str(j, STR("type")), &f[i].type))
			return ERR_INPUT;
	}
	*ret = (struct conf_installation){ p, providers->count, f, fallback->count,
		json_get_str(slice, STR("base_url")) };
	return OK;
}

enum err conf_slice_read(struct arena *a, const struct json *slice,
    struct conf_installation *ret_installation, struct conf_document **ret_list, size_t *ret_count)
{
	assert(a && slice);
	struct conf_installation in;
	enum err err = read_installation(a, slice, &in);
	const struct json *resources = json_get(slice, STR("resources"));
	if (!err && !json_is(resources, JSON_ARRAY))
		err = ERR_INPUT;
	if (err)
		return err;
	struct conf_document *list = arena_new(a, struct conf_document, resources->count);
	if (!list)
		return arena_err(a);
	size_t i = 0;
	for (const struct json *j = resources->child; j; j = j->next, i++) {
		const struct json *body = json_get(j, STR("body"));
		list[i] = (struct conf_document){ .kind = json_get_str(j, STR("kind")),
			.name = json_get_str(j, STR("name")),
			.body = body ? body->raw : STR("") };
		if (str_empty(list[i].kind) || str_empty(list[i].name) ||
		    !json_is(body, JSON_OBJECT))
			return ERR_INPUT;
	}
	*ret_installation = in;
	*ret_list = list;
	*ret_count = resources->count;
	return OK;
}
