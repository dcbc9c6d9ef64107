/* SPDX-License-Identifier: Apache-2.0
 *
 * Schemas are data: a table of fields for each kind of map, checked, written out and documented by
 * the same code. A default stands in its table alone, as text, and the getters below read it from
 * there.
 */
#pragma once
#include "base/json.h"
#include "conf/node_priv.h"

enum field_type {
	FIELD_TEXT, /* in the form `form` */
	FIELD_BOOL,
	FIELD_INT, /* min..max */
	FIELD_NUMBER,
	FIELD_SPAN,   /* a duration, min..max in seconds */
	FIELD_CHOICE, /* one of `choices` */
	FIELD_MAP,    /* a map by `table` */
	FIELD_MAPS,   /* a list of such maps, min..max of them */
	FIELD_TEXTS,  /* a list of texts in the form `form`, or one such text alone */
	FIELD_LABELS, /* a map of any label names to texts */
};

enum text_form {
	FORM_ANY,  /* any text, lines too */
	FORM_LINE, /* one line */
	FORM_NAME, /* one line without blanks at its ends, at most 128 characters */
	FORM_EMAIL,
	FORM_MAILBOX, /* an address, or Name <address> */
	FORM_ZONE,    /* Area/City */
	FORM_KEY,     /* 32 characters 0-9 a-z A-Z */
	FORM_HTTP_URL,
	FORM_URL,    /* scheme://rest */
	FORM_LISTEN, /* HOST:PORT, or off */
	FORM_PATH,
	FORM_CIVIL,    /* 2026-01-05T09:00 */
	FORM_INSTANT,  /* RFC 3339 with an offset */
	FORM_CLOCK,    /* 09:00, up to 24:00 */
	FORM_ROTATION, /* 12h, 1d, 2w */
	FORM_WEEKDAY,  /* mon .. sun */
	FORM_METRIC,   /* a metric's name */
	FORM_QUERY,    /* text that is not empty */
	FORM_COUNT
};

enum { FIELD_REQUIRED = 1, FIELD_NULLS = 2 /* a list may hold `null` */ };

struct conf_table;
struct conf_field {
	struct str name;
	enum field_type type;
	enum text_form form;
	unsigned flags;
	double min, max; /* max 0 = the type's own limit */
	const struct str *choices;
	unsigned choice_count;
	const struct conf_table *table;
	struct str refers;   /* the kind that the text names, or empty */
	struct str default_; /* as it would be written; empty = none */
	struct str meaning;
};
struct conf_table {
	struct str name; /* the kind, or what such a map is called in messages */
	const struct conf_field *fields;
	unsigned field_count;
	struct str one_of[2]; /* exactly one of these two must be there; empty = no such rule */
	struct str meaning;
};

extern const struct str conf_weekdays[7]; /* sun .. sat */

struct conf_check {
	struct arena *a;
	struct str file;
	struct conf_faults *faults;
};
/* Checks a map against its table; true when nothing was found. Every fault is reported. */
bool conf_table_check(struct conf_check *c, const struct conf_table *table,
    const struct conf_node *node, const struct conf_where *where);

/* The map as canonical JSON: fields in the table's order, durations and numbers in their shortest
 * form, what is not there stays out. The map has been checked. kind and name replace the map's own
 * fields of those names when they are not empty. */
void conf_table_write(struct jw *w, const struct conf_table *table, const struct conf_node *node,
    struct str kind, struct str name);

const struct conf_field *conf_field_find(const struct conf_table *table, struct str name);
/* Values of a checked map, with the table's defaults. `name` must be in the table. */
struct str conf_get_text(const struct conf_table *t, const struct conf_node *map, struct str name);
bool conf_get_bool(const struct conf_table *t, const struct conf_node *map, struct str name);
int64_t conf_get_int(const struct conf_table *t, const struct conf_node *map, struct str name);
double conf_get_number(const struct conf_table *t, const struct conf_node *map, struct str name);
struct span conf_get_span(const struct conf_table *t, const struct conf_node *map, struct str name);
unsigned conf_get_choice(const struct conf_table *t, const struct conf_node *map, struct str name);
/* A checked clock text as seconds after midnight. */
int32_t conf_clock_s(struct str text);
/* A checked rotation text. */
void conf_rotation(struct str text, enum rotation_unit *ret_unit, uint32_t *ret_every);
