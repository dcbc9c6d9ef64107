/* SPDX-License-Identifier: Apache-2.0
 *
 * What is wrong, where, and what to do: the list of faults, and the guess at what was meant.
 */
#include "conf/node_priv.h"
#include <assert.h>
#include <stdio.h>

#define FAULTS_MAX 50u
#define WORD_MAX 64u /* longer words get no guess */
#define PATH_BYTES_MAX 1024u

struct conf_faults conf_faults_make(struct arena *arena)
{
	assert(arena);
	return (struct conf_faults){ .arena = arena, .limit = FAULTS_MAX };
}

static void path_write(struct buf *b, const struct conf_where *where)
{
	if (!where)
		return;
	path_write(b, where->parent);
	if (where->is_index) {
		if (where->parent && where->parent->is_root)
			buf_add_c(b, ": ");
		buf_printf(b, "[%u]", where->index);
		return;
	}
	if (where->parent)
		buf_add_c(b, where->parent->is_root ? ": " : ".");
	buf_add(b, where->name);
}

static bool make_room(struct conf_faults *faults)
{
	if (faults->count < faults->cap)
		return true;
	size_t cap = faults->cap ? faults->cap * 2 : 8;
	if (cap > faults->limit)
		cap = faults->limit;
	if (cap <= faults->count)
		return false;
	struct conf_fault *list = arena_new(faults->arena, struct conf_fault, cap);
	if (!list)
		return false;
	if (faults->count)
		memcpy(list, faults->list, faults->count * sizeof *list);
	faults->list = list;
	faults->cap = cap;
	return true;
}

void conf_fault_add(
    struct conf_faults *faults, struct conf_site site, struct str hint, const char *format, ...)
{
	assert(faults && faults->arena);
	if (!make_room(faults)) {
		faults->more++;
		return;
	}
	struct buf b = buf_make(&mem_system, PATH_BYTES_MAX);
	path_write(&b, site.where);
	struct conf_fault fault = { .file = site.file,
		.path = arena_str(faults->arena, buf_str(&b)) };
	buf_free(&b);
	if (site.node) {
		bool at_name = site.at_name && site.node->name_line;
		fault.line = at_name ? site.node->name_line : site.node->line;
		fault.column = at_name ? site.node->name_column : site.node->column;
	}
	b = buf_make(&mem_system, 4096);
	va_list args;
	va_start(args, format);
	buf_vprintf(&b, format, args);
	va_end(args);
	fault.message = arena_str(faults->arena, str_utf8_first(buf_str(&b), 1024));
	fault.hint = arena_str(faults->arena, hint);
	buf_free(&b);
	faults->list[faults->count++] = fault;
}

void conf_faults_add(struct conf_faults *faults, const struct conf_fault *fault)
{
	assert(faults && faults->arena);
	if (make_room(faults))
		faults->list[faults->count++] = *fault;
	else
		faults->more++;
}

void conf_fault_write(struct buf *b, const struct conf_fault *fault)
{
	if (!str_empty(fault->file)) {
		buf_add(b, fault->file);
		if (fault->line)
			buf_printf(b, ":%u:%u", fault->line, fault->column);
		buf_add_c(b, ": ");
	}
	if (!str_empty(fault->path)) {
		buf_add(b, fault->path);
		buf_add_c(b, ": ");
	}
	buf_add(b, fault->message);
	if (!str_empty(fault->hint)) {
		buf_add_c(b, "; ");
		buf_add(b, fault->hint);
	}
}

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	unsigned m = a < b ? a : b;
	return m < c ? m : c;
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Edits between two words: insert, delete, change, swap of neighbours; case is free. */
static unsigned distance(struct str x, struct str y)
{
	assert(x.len <= WORD_MAX && y.len <= WORD_MAX);
	unsigned row[3][WORD_MAX + 1];
	unsigned *before = row[0], *last = row[1], *now = row[2];
	for (unsigned j = 0; j <= y.len; j++)
		last[j] = j;
	for (unsigned i = 1; i <= x.len; i++) {
		now[0] = i;
		for (unsigned j = 1; j <= y.len; j++) {
			char c = lower(x.ptr[i - 1]), d = lower(y.ptr[j - 1]);
			now[j] = min3(last[j] + 1, now[j - 1] + 1, last[j - 1] + (c != d));
			if (i > 1 && j > 1 && c == lower(y.ptr[j - 2]) &&
			    d == lower(x.ptr[i - 2]) && before[j - 2] + 1 < now[j])
				now[j] = before[j - 2] + 1;
		}
		unsigned *free_row = before;
		before = last;
		last = now;
		now = free_row;
	}
	return last[y.len];
}

struct str conf_nearest(struct str word, const struct str *candidates, size_t count)
{
	struct str best = { "", 0 };
	if (str_empty(word) || word.len > WORD_MAX)
		return best;
	unsigned limit = word.len <= 4 ? 1 : word.len <= 8 ? 2 : 3;
	unsigned best_distance = limit + 1;
	for (size_t i = 0; i < count; i++) {
		if (candidates[i].len > WORD_MAX || candidates[i].len + limit < word.len ||
		    candidates[i].len > word.len + limit)
			continue;
		unsigned d = distance(word, candidates[i]);
		if (d < best_distance) {
			best_distance = d;
			best = candidates[i];
		}
	}
	return best;
}

struct str conf_did_you_mean(struct arena *a, struct str word, const struct str *candidates,
    size_t count, struct str otherwise)
{
	struct str near = conf_nearest(word, candidates, count);
	if (str_empty(near))
		return otherwise;
	return arena_printf(a, "did you mean \"%.*s\"?", STR_ARG(near));
}
