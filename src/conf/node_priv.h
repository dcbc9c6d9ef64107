/* SPDX-License-Identifier: Apache-2.0
 *
 * The tree that both YAML and JSON become before a schema looks at it: values with the place where
 * they stand. A tree and its texts live in one arena. Parts may be shared (YAML aliases), so it is
 * read-only once built; `weight` counts what a walk would see, and is bounded.
 */
#pragma once
#include "base/arena.h"
#include "base/json.h"
#include "conf/resource.h"

#define CONF_TEXT_MAX (4u << 20)    /* bytes of one file */
#define CONF_DEPTH_MAX 32u          /* nesting */
#define CONF_WEIGHT_MAX 500000u     /* values in one file, aliases expanded */
#define CONF_KEYS_MAX 256u          /* keys of one map */
#define CONF_ANCHORS_MAX 256u       /* anchors of one document */
#define CONF_SCALAR_MAX (64u << 10) /* bytes of one value */

enum conf_type { CONF_NULL, CONF_BOOL, CONF_NUMBER, CONF_TEXT, CONF_LIST, CONF_MAP };

struct conf_node {
	enum conf_type type;
	bool plain; /* a scalar without quotes: what looks like a number may be meant as text */
	struct str name; /* the key in the parent, when that is a map */
	unsigned name_line, name_column;
	struct str text;       /* a scalar as written, without its quotes */
	unsigned line, column; /* 1-based, column in characters; 0 = not known */
	uint32_t count;        /* children */
	uint32_t weight;       /* values in it, itself included */
	const struct conf_node *child, *next;
};

/* The child of that name, or NULL; a null value counts as not there. */
const struct conf_node *conf_node_find(const struct conf_node *map, struct str name);
/* "text", "a list" ... for messages. */
const char *conf_node_type_text(const struct conf_node *node);
/* What a scalar without quotes means (YAML 1.2 core schema). */
enum conf_type conf_scalar_type(struct str text);

/* A path to a value, as a chain on the stack; written "layers[0].users[1]". */
struct conf_where {
	const struct conf_where *parent;
	struct str name; /* of the root: "Schedule web-primary" */
	uint32_t index;
	bool is_index, is_root;
};
static inline struct conf_where conf_root(struct str name)
{
	return (struct conf_where){ NULL, name, 0, false, true };
}
static inline struct conf_where conf_in(const struct conf_where *parent, struct str name)
{
	return (struct conf_where){ parent, name, 0, false, false };
}
static inline struct conf_where conf_nth(const struct conf_where *parent, uint32_t index)
{
	return (struct conf_where){ parent, { "", 0 }, index, true, false };
}

/* Where a fault is: file, and the node (may be NULL: no line) and its path (may be NULL). */
struct conf_site {
	struct str file;
	const struct conf_node *node;
	const struct conf_where *where;
	bool at_name; /* point at the key and not at its value */
};
/* Keeps one more fault, or counts it when there are too many. */
void conf_fault_add(struct conf_faults *faults, struct conf_site site, struct str hint,
    const char *format, ...) __attribute__((format(printf, 4, 5)));
/* The candidate that `word` was probably meant to be, or the empty str. */
struct str conf_nearest(struct str word, const struct str *candidates, size_t count);
/* `did you mean "x"?`, or `otherwise` when nothing is near. */
struct str conf_did_you_mean(struct arena *a, struct str word, const struct str *candidates,
    size_t count, struct str otherwise);

/* A JSON value as a tree without places. ERR_INPUT with a fault when a limit is passed or a name is
 * there twice. */
must_check enum err conf_node_from_json(struct arena *a, const struct json *value, struct str file,
    const struct conf_node **ret_node, struct conf_faults *faults);
