/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the compiler share: the documents sorted by kind and name, and how a name
 * becomes an index.
 */
#pragma once
#include "conf/kinds_priv.h"
#include "conf/resource.h"

struct entry {
	const struct conf_document *doc;
	const struct conf_node *tree;
	struct str name; /* as the document's: for sorting and finding */
};
struct kind_list {
	struct entry *items;
	uint32_t count;
};
struct compile {
	struct arena *a;
	struct conf_faults *faults;
	struct kind_list kinds[KIND_COUNT];
	struct directory *d;
	const struct conf_installation *installation;
	conf_zone_find *find_zone;
	void *context;
	bool bad;
	/* the document at work */
	const struct entry *entry;
	struct conf_where root;
};

/* Zeroed, at least one; NULL when the arena refuses (it keeps the error). */
void *compile_list(struct compile *c, size_t count, size_t size);
/* This document is at work now: faults are in its file, paths begin with its title. */
void compile_begin(struct compile *c, enum conf_kind kind, const struct entry *e);
/* The index of a name, or -1. */
int32_t compile_find(const struct compile *c, enum conf_kind kind, struct str name);
/* The index of what n names, or -1 with a fault. */
int32_t compile_refer(struct compile *c, enum conf_kind kind, const struct conf_node *n,
    const struct conf_where *where);
/* The children of a list field; a text alone is a list of one. */
const struct conf_node *compile_children(
    const struct conf_node *map, struct str name, uint32_t *ret_count);
struct str compile_id(struct compile *c, const char *kind, struct str name);
/* The directory's rules; services have been compiled. */
void compile_rules(struct compile *c);
