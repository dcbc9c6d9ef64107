/* SPDX-License-Identifier: Apache-2.0
 *
 * Tables of fields as Markdown tables: one section for quis.yaml, one for each kind of resource.
 */
#include "conf/reference.h"
#include "conf/kinds_priv.h"

static void cell(struct buf *b, struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] == '|')
			buf_add_char(b, '\\');
		buf_add_char(b, s.ptr[i]);
	}
}

static void section(struct buf *b, const struct conf_field_doc *list, size_t count, struct str kind)
{
	buf_add_c(b, "\n| field | type | default | meaning |\n|---|---|---|---|\n");
	for (size_t i = 0; i < count; i++) {
		const struct conf_field_doc *d = &list[i];
		if (!str_eq(d->kind, kind))
			continue;
		buf_printf(b, "| `%.*s` | ", STR_ARG(d->path));
		cell(b, d->type);
		if (d->required)
			buf_add_c(b, " | **required** | ");
		else if (str_empty(d->default_))
			buf_add_c(b, " | | ");
		else
			buf_printf(b, " | `%.*s` | ", STR_ARG(d->default_));
		cell(b, d->meaning);
		buf_add_c(b, " |\n");
	}
}

void conf_reference_write(struct buf *b)
{
	struct arena *a = NULL;
	const struct conf_field_doc *list = NULL;
	enum err err = arena_open(&mem_system, (size_t)1 << 20, &a);
	size_t count = err ? 0 : conf_field_docs(a, &list);
	if (!count) {
		if (!b->err)
			b->err = err ? err : ERR_NOMEM;
		arena_close(&a);
		return;
	}
	buf_add_c(b, "# Configuration reference\n\n"
	             "This page is made from the program's own tables (`quisd --reference`); "
	             "change them and not it.\n\n"
	             "`[]` after a field says that it is a list. Durations are such as `500ms`, "
	             "`10s`, `5m`, `1h30m`, "
	             "`7d`, `1w`. Unknown keys and keys that stand twice are errors.\n\n"
	             "## quis.yaml\n\nThe installation. Paths are relative to this file.\n");
	section(b, list, count, STR(""));
	for (unsigned k = 0; k < KIND_COUNT; k++) {
		struct str kind = conf_kind_table[k]->name;
		buf_printf(b, "\n## %.*s\n\n", STR_ARG(kind));
		struct str meaning = conf_kind_table[k]->meaning;
		if (meaning.len)
			buf_add_char(b, (char)(meaning.ptr[0] - 'a' + 'A'));
		buf_add(b, str_from(meaning, 1));
		buf_add_c(b, ".\n");
		section(b, list, count, kind);
	}
	buf_add_c(b, "\nA Prometheus rule file (`groups:` at its top) is read as it is; each group "
	             "becomes a RuleGroup "
	             "named FILE/GROUP.\n");
	arena_close(&a);
}
