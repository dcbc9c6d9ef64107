/* SPDX-License-Identifier: Apache-2.0
 *
 * Any text as a template: it ends, in bounded memory, with an expansion or a reason.
 */
#include "rules/template.h"
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum err one_sample(void *ctx, struct arena *a, struct str query,
    const struct template_sample **ret, size_t *ret_count, struct str *ret_why)
{
	(void)ctx;
	(void)query;
	struct template_sample *list = arena_new(a, struct template_sample, 3);
	*ret_why = (struct str){ "", 0 };
	if (!list)
		return ERR_NOMEM;
	*ret = list;
	*ret_count = 3;
	return OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct label labels[] = { { STR_INIT("a"), STR_INIT("b") } };
	struct arena *a = NULL;
	if (size > 4096 || arena_open(&mem_system, 1u << 24, &a) != OK)
		return 0;
	struct buf out = buf_make(&mem_system, TEMPLATE_OUT_MAX);
	struct template_data d = { .labels = { labels, 1 },
		.value = 1.5,
		.external_url = { "", 0 },
		.query = one_sample };
	struct str why = { "", 0 };
	enum err e = template_expand(a, str_make((const char *)data, size), &d, &out, &why);
	assert(e != ERR_INPUT || why.len > 0);
	buf_free(&out);
	arena_close(&a);
	return 0;
}
