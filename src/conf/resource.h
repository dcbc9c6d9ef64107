/* SPDX-License-Identifier: Apache-2.0
 *
 * Resources: the documents that teams own. Schema tables check them (from YAML with places, or from
 * JSON), and conf_compile turns the whole set into the directory that the pager core reads.
 */
#pragma once
#include "base/arena.h"
#include "base/json.h"
#include "model/record.h"
#include "model/resource.h"

/* What is wrong, where, and what to do. */
struct conf_fault {
	struct str file;       /* or empty */
	unsigned line, column; /* 1-based; 0 when not known (JSON) */
	struct str path;       /* "Schedule web-primary: layers[0].users[1]" */
	struct str message;    /* "unknown user \"anna\"" */
	struct str hint;       /* "did you mean \"ana\"?" or empty */
};
struct conf_faults {
	struct arena *arena;
	struct conf_fault *list;
	size_t count, cap;
	size_t limit; /* at most so many are kept; more are counted in `more` */
	size_t more;
};
struct conf_faults conf_faults_make(struct arena *arena);
/* Keeps one more (its texts must live in the arena or for ever), or counts it when there are too
 * many. */
void conf_faults_add(struct conf_faults *faults, const struct conf_fault *fault);
/* "file:line:column: path: message; hint", without a newline; what is not known is left out. */
void conf_fault_write(struct buf *b, const struct conf_fault *fault);

struct conf_node; /* values with their places, private to this room */

struct conf_document {
	struct str kind, name;
	struct str body; /* canonical JSON object with kind and name in it, keys in schema order */
	struct str file;
	unsigned line;
	const struct conf_node
	    *tree; /* where each value stands, from conf_read_*; NULL: read from body */
};

/* Reads YAML text (several documents) into documents checked against the schema of their kind,
 * without references. A Prometheus rule file (top-level `groups:`) becomes RuleGroup documents
 * named file/group. ERR_INPUT with faults; nothing is returned then. */
must_check enum err conf_read_yaml(struct arena *a, struct str file, struct str text,
    struct conf_document **ret_list, size_t *ret_count, struct conf_faults *faults);
/* The same for one JSON value (an object with kind and name). */
must_check enum err conf_read_json(struct arena *a, const struct json *value,
    struct conf_document *ret, struct conf_faults *faults);
/* Writes documents back as YAML, one after the other with `---`. */
void conf_write_yaml(struct buf *b, const struct conf_document *list, size_t count);

/* Where the value at a fault's path stands ("Schedule web-primary: layers[0].users[1]"), in
 * documents that came from YAML; the nearest value above it when it is not there. False: no such
 * document. */
bool conf_document_place(const struct conf_document *list, size_t count, struct str path,
    struct str *ret_file, unsigned *ret_line, unsigned *ret_column);

/* Calls `see` with each PromQL expression of a document and its path ("rules[0].expr"), in order.
 * What it returns ends the walk when it is not OK. This room knows no PromQL: whoever does checks
 * them. */
typedef enum err conf_query_see(void *context, struct str path, struct str query);
must_check enum err conf_document_queries(
    struct arena *a, const struct conf_document *document, conf_query_see *see, void *context);

struct conf_installation {
	const struct provider *providers;
	size_t provider_count;
	const struct contact *fallback;
	size_t fallback_count;
	struct str base_url;
};
/* The zone of a name, or NULL when there is none; zones live at least as long as the arena. */
typedef const struct zone *conf_zone_find(void *context, struct str name);

/* All documents -> directory, in the arena. References are checked: ERR_INPUT with faults. Without
 * find_zone every valid name is accepted and schedules get no zone. */
must_check enum err conf_compile(struct arena *a, const struct conf_document *list, size_t count,
    const struct conf_installation *installation, uint64_t version, conf_zone_find *find_zone,
    void *context, const struct directory **ret_directory, struct conf_faults *faults);

/* Every kind, field, type, default and meaning, for the generated reference and completion. The
 * empty kind is the installation file. 0 when the arena is full. */
struct conf_field_doc {
	struct str kind, path, type, default_, meaning;
	bool required;
};
size_t conf_field_docs(struct arena *a, const struct conf_field_doc **ret_list);
