/* SPDX-License-Identifier: Apache-2.0
 *
 * YAML text into trees of values with their places, through libfyaml's events. Events and not its
 * document tree, so that our limits hold before memory is spent: depth, number of values (an alias
 * counts as all that it stands for, so a bomb of aliases is refused), length of a value.
 *
 * libfyaml is given text that is well-formed UTF-8 without control characters; everything it makes
 * is freed before the function returns, texts are copied into the caller's arena.
 */
#include "conf/yaml_priv.h"
#include "base/surprise.h"
#include <assert.h>
#include <libfyaml.h>

struct frame {
	struct conf_node *node;
	const struct conf_node **tail;
	bool has_key; /* map: the key was read, its value is next */
	struct str key;
	unsigned key_line, key_column;
};
struct anchor {
	struct str name;
	const struct conf_node *node; /* NULL while the node is still open */
};
struct reader {
	struct arena *a;
	struct str file;
	struct conf_faults *faults;
	struct frame stack[CONF_DEPTH_MAX];
	unsigned depth;
	struct anchor anchors[CONF_ANCHORS_MAX];
	unsigned anchor_count;
	uint64_t weight;
	const struct conf_node *first, **tail;
};

static const struct str no_hint = STR_INIT("");

static void parser_free(struct fy_parser **p)
{
	if (*p)
		fy_parser_destroy(*p);
}
static void diag_free(struct fy_diag **d)
{
	if (*d)
		fy_diag_destroy(*d);
}

static void place_of(const struct fy_mark *mark, unsigned *ret_line, unsigned *ret_column)
{
	*ret_line = mark && mark->line >= 0 ? (unsigned)mark->line + 1 : 0;
	*ret_column = mark && mark->column >= 0 ? (unsigned)mark->column + 1 : 0;
}

static enum err refuse_at(
    struct reader *r, unsigned line, unsigned column, struct str hint, const char *message)
{
	struct conf_node place = { .line = line, .column = column };
	conf_fault_add(
	    r->faults, (struct conf_site){ r->file, &place, NULL, false }, hint, "%s", message);
	return ERR_INPUT;
}

/* Where an event's text begins for whoever reads the file: marks stand behind a quote or a star. */
static void event_place(struct fy_event *e, unsigned *ret_line, unsigned *ret_column)
{
	place_of(fy_event_start_mark(e), ret_line, ret_column);
	enum fy_scalar_style style =
	    e->type == FYET_SCALAR ? fy_token_scalar_style(e->scalar.value) : FYSS_PLAIN;
	bool behind =
	    e->type == FYET_ALIAS || style == FYSS_SINGLE_QUOTED || style == FYSS_DOUBLE_QUOTED;
	if (behind && *ret_column > 1)
		--*ret_column;
}

static enum err refuse(struct reader *r, struct fy_event *e, struct str hint, const char *message)
{
	unsigned line, column;
	event_place(e, &line, &column);
	return refuse_at(r, line, column, hint, message);
}

static struct str token_text(struct fy_token *token)
{
	if (!token)
		return (struct str){ "", 0 };
	size_t len = 0;
	const char *ptr = fy_token_get_text(token, &len);
	return (struct str){ ptr ? ptr : "", ptr ? len : 0 };
}

/* "!" and "!!str" say "this is text"; all else would change what a value means without a trace. */
static enum err check_tag(struct reader *r, struct fy_token *tag, bool *ret_text)
{
	*ret_text = false;
	struct str text = token_text(tag);
	if (!tag || str_empty(text))
		return OK;
	if (str_eq(text, STR("!")) || str_eq(text, STR("tag:yaml.org,2002:str"))) {
		*ret_text = true;
		return OK;
	}
	unsigned line, column;
	place_of(fy_token_start_mark(tag), &line, &column);
	return refuse_at(r, line, column, STR("leave the tag out"), "tags are not supported");
}

static enum err node_make(
    struct reader *r, struct fy_event *e, enum conf_type type, struct conf_node **ret_node)
{
	if (++r->weight > CONF_WEIGHT_MAX)
		return refuse(r, e, STR("split the file"), "too many values in one file");
	struct conf_node *node = arena_new(r->a, struct conf_node, 1);
	if (!node)
		return arena_err(r->a);
	node->type = type;
	node->weight = 1;
	event_place(e, &node->line, &node->column);
	*ret_node = node;
	return OK;
}

static enum err remember(
    struct reader *r, struct fy_event *e, struct fy_token *token, const struct conf_node *node)
{
	if (!token)
		return OK;
	if (r->anchor_count == CONF_ANCHORS_MAX)
		return refuse(r, e, no_hint, "too many anchors in one document");
	struct str name = arena_str(r->a, token_text(token));
	if (!name.ptr)
		return arena_err(r->a);
	r->anchors[r->anchor_count++] = (struct anchor){ name, node };
	return OK;
}

/* Puts a finished (or just opened) node where it belongs: the document, a list, or under its key.
 */
static enum err place(struct reader *r, struct fy_event *e, struct conf_node *node)
{
	if (r->depth == 0) {
		if (node->type == CONF_NULL)
			return OK;
		*r->tail = node;
		r->tail = &node->next;
		return OK;
	}
	struct frame *f = &r->stack[r->depth - 1];
	if (f->node->type == CONF_MAP) {
		assert(f->has_key);
		node->name = f->key;
		node->name_line = f->key_line;
		node->name_column = f->key_column;
		f->has_key = false;
	} else if (f->node->count == UINT32_MAX) {
		return refuse(r, e, no_hint, "the list is too long");
	}
	f->node->count++;
	*f->tail = node;
	f->tail = &node->next;
	return OK;
}

static bool key_is_due(const struct reader *r)
{
	return r->depth && r->stack[r->depth - 1].node->type == CONF_MAP &&
	       !r->stack[r->depth - 1].has_key;
}

static enum err take_key(struct reader *r, struct fy_event *e)
{
	struct frame *f = &r->stack[r->depth - 1];
	struct str key = token_text(e->scalar.value);
	if (f->node->count >= CONF_KEYS_MAX)
		return refuse(r, e, no_hint, "too many keys in one map");
	if (key.len > 256)
		return refuse(r, e, no_hint, "the key is too long");
	if (str_eq(key, STR("<<")))
		return refuse(r, e, STR("write the keys out"), "merge keys are not supported");
	for (const struct conf_node *n = f->node->child; n; n = n->next) {
		if (!str_eq(n->name, key))
			continue;
		struct str hint = arena_printf(r->a, "it is also in line %u", n->name_line);
		struct str message =
		    arena_printf(r->a, "the key \"%.*s\" is there twice", STR_ARG(key));
		return refuse(r, e, hint, message.ptr ? message.ptr : "a key is there twice");
	}
	f->key = arena_str(r->a, key);
	if (!f->key.ptr)
		return arena_err(r->a);
	event_place(e, &f->key_line, &f->key_column);
	f->has_key = true;
	return OK;
}

static enum err take_scalar(struct reader *r, struct fy_event *e)
{
	bool is_text;
	enum err err = check_tag(r, e->scalar.tag, &is_text);
	if (err)
		return err;
	if (key_is_due(r))
		return take_key(r, e);
	struct str text = token_text(e->scalar.value);
	if (text.len > CONF_SCALAR_MAX)
		return refuse(r, e, no_hint, "the value is too long");
	struct conf_node *node;
	err = node_make(r, e, CONF_TEXT, &node);
	if (err)
		return err;
	node->plain = !is_text && fy_token_scalar_style(e->scalar.value) == FYSS_PLAIN;
	node->text = arena_str(r->a, text);
	if (!node->text.ptr)
		return arena_err(r->a);
	if (node->plain)
		node->type = conf_scalar_type(node->text);
	err = remember(r, e, e->scalar.anchor, node);
	return err ? err : place(r, e, node);
}

static enum err open_children(struct reader *r, struct fy_event *e, enum conf_type type,
    struct fy_token *anchor, struct fy_token *tag)
{
	bool is_text;
	enum err err = check_tag(r, tag, &is_text);
	if (err)
		return err;
	if (key_is_due(r))
		return refuse(r, e, STR("a key is plain text"), "a list or a map cannot be a key");
	if (r->depth == CONF_DEPTH_MAX)
		return refuse(r, e, no_hint, "nested too deeply");
	struct conf_node *node;
	err = node_make(r, e, type, &node);
	if (!err)
		err = remember(r, e, anchor, NULL);
	if (!err)
		err = place(r, e, node);
	if (err)
		return err;
	/* An alias inside to the node that holds it would be endless: it becomes known at its end.
	 */
	r->stack[r->depth++] = (struct frame){ .node = node, .tail = &node->child };
	if (anchor)
		node->text = r->anchors[r->anchor_count - 1].name;
	return OK;
}

static void close_children(struct reader *r)
{
	assert(r->depth > 0);
	struct conf_node *node = r->stack[--r->depth].node;
	assert(!r->stack[r->depth].has_key);
	for (const struct conf_node *n = node->child; n; n = n->next)
		node->weight += n->weight;
	for (unsigned i = r->anchor_count; node->text.ptr && i-- > 0;) {
		if (!r->anchors[i].node && r->anchors[i].name.ptr == node->text.ptr)
			r->anchors[i].node = node;
	}
	node->text = (struct str){ NULL, 0 };
}

static enum err take_alias(struct reader *r, struct fy_event *e)
{
	if (key_is_due(r))
		return refuse(r, e, STR("a key is plain text"), "an alias cannot be a key");
	struct str name = token_text(e->alias.anchor);
	const struct anchor *found = NULL;
	for (unsigned i = r->anchor_count; i-- > 0 && !found;)
		if (str_eq(r->anchors[i].name, name))
			found = &r->anchors[i];
	if (!found)
		return refuse(r, e, no_hint, "this alias has no anchor before it");
	if (!found->node)
		return refuse(r, e, no_hint, "this alias stands inside of what it names");
	r->weight += found->node->weight;
	struct conf_node *node;
	enum err err = node_make(r, e, found->node->type, &node);
	if (err)
		return err;
	struct conf_node copy = *found->node;
	copy.line = node->line;
	copy.column = node->column;
	copy.next = NULL;
	copy.name = (struct str){ NULL, 0 };
	*node = copy;
	return place(r, e, node);
}

static enum err take(struct reader *r, struct fy_event *e)
{
	switch (e->type) {
	case FYET_DOCUMENT_START: r->anchor_count = 0; return OK;
	case FYET_SCALAR: return take_scalar(r, e);
	case FYET_ALIAS: return take_alias(r, e);
	case FYET_SEQUENCE_START:
		return open_children(
		    r, e, CONF_LIST, e->sequence_start.anchor, e->sequence_start.tag);
	case FYET_MAPPING_START:
		return open_children(r, e, CONF_MAP, e->mapping_start.anchor, e->mapping_start.tag);
	case FYET_SEQUENCE_END:
	case FYET_MAPPING_END: close_children(r); return OK;
	default: return OK;
	}
}

static void report_syntax(struct reader *r, struct fy_diag *diag)
{
	void *at = NULL;
	struct fy_diag_error *e = fy_diag_errors_iterate(diag, &at);
	if (!e) {
		refuse_at(r, 0, 0, no_hint, "this is not YAML");
		return;
	}
	/* The first is the cause; what follows it is noise. */
	unsigned line = e->line > 0 ? (unsigned)e->line : 0; /* 1-based already, unlike marks */
	unsigned column = e->column > 0 ? (unsigned)e->column : 0;
	struct str why = str_trim(str_c(e->msg));
	struct str message = arena_printf(r->a, "not valid YAML: %.*s", STR_ARG(why));
	refuse_at(r, line, column, no_hint, message.ptr ? message.ptr : "not valid YAML");
}

/* What libfyaml need not see: other encodings, NUL and other controls. */
static enum err check_bytes(struct reader *r, struct str text)
{
	if (text.len > CONF_TEXT_MAX)
		return refuse_at(r, 0, 0, STR("split the file"), "the file is larger than 4 MiB");
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];
		if ((c >= 0x20 && c != 0x7f) || c == '\n' || c == '\r' || c == '\t')
			continue;
		unsigned line, column;
		json_place(text, i, &line, &column);
		return refuse_at(r, line, column, no_hint, "a control character stands here");
	}
	if (!str_utf8_valid(text))
		return refuse_at(r, 0, 0, STR("save it as UTF-8"), "the file is not UTF-8 text");
	return OK;
}

static enum err run(struct reader *r, struct fy_parser *parser, struct fy_diag *diag)
{
	for (;;) {
		struct fy_event *e = fy_parser_parse(parser);
		if (!e)
			break;
		bool last = e->type == FYET_STREAM_END;
		enum err err = take(r, e);
		fy_parser_event_free(parser, e);
		if (err || last)
			return err ? err : OK;
	}
	if (fy_parser_get_stream_error(parser)) {
		report_syntax(r, diag);
		return ERR_INPUT;
	}
	return OK;
}

enum err conf_yaml_read(struct arena *a, struct str file, struct str text,
    const struct conf_node **ret_first, struct conf_faults *faults)
{
	assert(a && faults);
	struct reader *r = arena_new(a, struct reader, 1);
	if (!r)
		return arena_err(a);
	r->a = a;
	r->file = file;
	r->faults = faults;
	r->tail = &r->first;
	if (str_starts(text, STR("\xef\xbb\xbf")))
		text = str_from(text, 3);
	enum err err = check_bytes(r, text);
	if (err)
		return err;
	own(diag_free) struct fy_diag *diag = fy_diag_create(NULL);
	if (!diag)
		return ERR_NOMEM;
	fy_diag_set_collect_errors(diag, true);
	struct fy_parse_cfg cfg = { .search_path = "",
		.diag = diag,
		.flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG | FYPCF_DEFAULT_VERSION_1_2 |
		         FYPCF_JSON_NONE };
	own(parser_free) struct fy_parser *parser = fy_parser_create(&cfg);
	if (!parser || fy_parser_set_string(parser, text.len ? text.ptr : "", text.len))
		return ERR_NOMEM;
	err = run(r, parser, diag);
	if (err)
		return err;
	if (surprise(r->depth != 0, "conf/yaml-unbalanced"))
		return ERR_INPUT;
	*ret_first = r->first;
	return OK;
}
