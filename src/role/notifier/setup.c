/* SPDX-License-Identifier: Apache-2.0
 *
 * A configuration of the notifier, read whole or not at all. An attempt under way keeps the one
 * that it was started with, so a reload never changes a password below its feet.
 */
#include "role/notifier/notifier_priv.h"
#include <assert.h>
#include <sodium.h>

#define SETUP_BYTES_MAX (64u * 1024 * 1024)

static enum err read_providers(struct setup *s, const struct json *list, struct buf *why)
{
	for (const struct json *j = list->child; j; j = j->next) {
		struct str text = STR("");
		struct notify_provider *p = &s->providers[s->provider_count];
		enum err e = provider_read(s->arena, j, p, &text);
		if (e != OK) {
			buf_add(why, text);
			return e;
		}
		if (setup_find(s, p->name) >= 0) {
			buf_printf(why, "two providers are called \"%.*s\"", STR_ARG(p->name));
			return ERR_INPUT;
		}
		s->provider_count++;
	}
	return OK;
}

static enum err fill(struct setup *s, const struct json *config, struct buf *why)
{
	const struct json *list = json_get(config, STR("providers"));
	struct str key = json_get_str(config, STR("link_key"));
	if (list && (list->type != JSON_ARRAY || list->count > PROVIDERS_MAX)) {
		buf_printf(why, "providers must be a list of at most %u", PROVIDERS_MAX);
		return ERR_INPUT;
	}
	size_t count = list ? list->count : 0;
	s->providers = arena_new(s->arena, struct notify_provider, count + 1);
	s->running = arena_new(s->arena, uint32_t, count + 1);
	if (arena_err(s->arena) != OK)
		return arena_err(s->arena);
	if (key.len > 0) {
		if (link_key_read(key, &s->link_key) != OK) {
			buf_add(why, STR("link_key is not 64 hex digits"));
			return ERR_INPUT;
		}
		s->has_link_key = true;
	}
	return list ? read_providers(s, list, why) : OK;
}

enum err setup_read(
    const struct mem *mem, const struct json *config, struct buf *why, struct setup **ret)
{
	struct setup *s = mem_new(mem, 1, sizeof(*s));
	if (!s)
		return ERR_NOMEM;
	s->mem = mem;
	s->users = 1;
	enum err e = arena_open(mem, SETUP_BYTES_MAX, &s->arena);
	if (e == OK)
		e = fill(s, config, why);
	if (e != OK) {
		setup_release(&s);
		return e;
	}
	*ret = s;
	return OK;
}

void setup_release(struct setup **ref)
{
	struct setup *s = *ref;
	*ref = NULL;
	if (!s)
		return;
	assert(s->users > 0);
	if (--s->users > 0)
		return;
	arena_close(&s->arena);
	sodium_memzero(&s->link_key, sizeof(s->link_key));
	mem_free(s->mem, s);
}

int setup_find(const struct setup *s, struct str name)
{
	for (size_t i = 0; i < s->provider_count; i++)
		if (str_eq(s->providers[i].name, name))
			return (int)i;
	return -1;
}
