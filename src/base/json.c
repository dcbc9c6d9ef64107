/* SPDX-License-Identifier: Apache-2.0
 *
 * The JSON reader: one pass by recursive descent, nodes in the arena by the handful, eight bytes of
 * a string at a time. Recursion is bounded by depth_max. Contract in json.h; the writer is
 * json_write.c.
 *
 * Each read_ function begins at the first byte of its thing, leaves `at` behind its last, and
 * returns false after `fail` or when the arena refused.
 */
#include "base/json.h"
#include "base/str_priv.h"
#include <assert.h>

#define BATCH_MAX 64 /* nodes asked for at once */

struct reader {
	struct arena *arena;
	const unsigned char *at, *end, *start;
	struct json *free; /* nodes of the current batch, zeroed */
	size_t free_count, batch;
	const char *what; /* the first error */
	const unsigned char *where;
};

static bool fail(struct reader *r, const unsigned char *where, const char *what)
{
	assert(!r->what && where >= r->start && where <= r->end);
	r->what = what;
	r->where = where;
	return false;
}

static struct json *node_new(struct reader *r)
{
	if (r->free_count == 0) {
		/* Each further value takes two bytes at least, so never ask for more nodes. */
		size_t most = (size_t)(r->end - r->at) / 2 + 1;
		size_t count = r->batch < most ? r->batch : most;
		r->free = arena_new(r->arena, struct json, count);
		if (!r->free)
			return NULL;
		r->free_count = count;
		if (r->batch < BATCH_MAX)
			r->batch *= 2;
	}
	r->free_count--;
	return r->free++;
}

static inline void skip_blanks(struct reader *r)
{
	const unsigned char *p = r->at;
	while (p < r->end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
		p++;
	r->at = p;
}

/* Four hex digits at p; negative when they are not that. */
static int32_t hex4(const unsigned char *p, const unsigned char *end)
{
	if (end - p < 4)
		return -1;
	int32_t value = 0;
	for (int i = 0; i < 4; i++) {
		unsigned char c = p[i];
		int32_t digit;
		if (c >= '0' && c <= '9')
			digit = c - '0';
		else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
			digit = (c | 0x20) - 'a' + 10;
		else
			return -1;
		value = value << 4 | digit;
	}
	return value;
}

static size_t utf8_put(char *out, uint32_t c)
{
	assert(c <= 0x10ffff && (c < 0xd800 || c > 0xdfff));
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3f));
		out[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 0x3f));
	out[2] = (char)(0x80 | (c >> 6 & 0x3f));
	out[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

/* At the 'u' of an escape: writes the code point, moves `at` behind it (and the second half of a
 * surrogate pair). */
static bool read_escape_u(struct reader *r, char *out, size_t *n)
{
	const unsigned char *p = r->at;
	int32_t unit = hex4(p + 1, r->end);
	if (unit < 0)
		return fail(r, p - 1, "expected four hex digits after \\u");
	r->at = p + 5;
	uint32_t c = (uint32_t)unit;
	if (unit >= 0xd800 && unit <= 0xdfff) {
		int32_t low = -1;
		if (unit < 0xdc00 && r->end - p >= 11 && p[5] == '\\' && p[6] == 'u')
			low = hex4(p + 7, r->end);
		if (low < 0xdc00 || low > 0xdfff)
			return fail(r, p - 1, "half of a surrogate pair");
		c = 0x10000 + ((c - 0xd800) << 10) + ((uint32_t)low - 0xdc00);
		r->at = p + 11;
	}
	*n += utf8_put(out + *n, c);
	return true;
}

/* Behind the backslash. */
static bool read_escape(struct reader *r, char *out, size_t *n)
{
	if (r->at == r->end)
		return fail(r, r->at, "the string does not end");
	char c;
	switch (*r->at) {
	case '"': c = '"'; break;
	case '\\': c = '\\'; break;
	case '/': c = '/'; break;
	case 'b': c = '\b'; break;
	case 'f': c = '\f'; break;
	case 'n': c = '\n'; break;
	case 'r': c = '\r'; break;
	case 't': c = '\t'; break;
	case 'u': return read_escape_u(r, out, n);
	default: return fail(r, r->at - 1, "unknown escape in a string");
	}
	out[(*n)++] = c;
	r->at++;
	return true;
}

/* Moves *p to the next quote or backslash; fails on what a string may not hold. */
static bool plain_skip(struct reader *r, const unsigned char **p)
{
	for (;;) {
		*p = json_plain_end(*p, r->end);
		if (*p == r->end)
			return fail(r, *p, "the string does not end");
		if (**p == '"' || **p == '\\')
			return true;
		if (**p < 0x20)
			return fail(r, *p, "a control character in a string must be escaped");
		size_t step = utf8_step(*p, (size_t)(r->end - *p));
		if (step == 0)
			return fail(r, *p, "the string is not valid UTF-8");
		*p += step;
	}
}

/* The rest of a string that has an escape: `from` is its first byte, `at` its first backslash. */
static bool read_escaped(struct reader *r, const unsigned char *from, struct str *ret)
{
	/* No escape is shorter than what it stands for, so the distance to the closing quote is
	 * room enough. */
	const unsigned char *quote = r->at;
	while (quote < r->end && *quote != '"')
		quote += *quote == '\\' && r->end - quote >= 2 ? 2 : 1;
	if (quote == r->end)
		return fail(r, r->end, "the string does not end");
	size_t room = (size_t)(quote - from);
	char *out = arena_alloc(r->arena, room + 1, 1);
	if (!out)
		return false;
	size_t n = (size_t)(r->at - from);
	memcpy(out, from, n);
	while (*r->at == '\\') {
		r->at++;
		if (!read_escape(r, out, &n))
			return false;
		const unsigned char *p = r->at;
		if (!plain_skip(r, &p))
			return false;
		size_t plain = (size_t)(p - r->at);
		memcpy(out + n, r->at, plain);
		n += plain;
		r->at = p;
	}
	assert(*r->at == '"' && n <= room);
	r->at++;
	*ret = (struct str){ out, n };
	return true;
}

/* At the opening quote. */
static bool read_string(struct reader *r, struct str *ret)
{
	assert(*r->at == '"');
	const unsigned char *from = r->at + 1, *p = from;
	if (!plain_skip(r, &p))
		return false;
	r->at = p;
	if (*p == '\\')
		return read_escaped(r, from, ret);
	r->at++;
	*ret = (struct str){ (const char *)from, (size_t)(p - from) };
	return true;
}

static inline bool digit(const struct reader *r, const unsigned char *p)
{
	return p < r->end && *p >= '0' && *p <= '9';
}

static bool read_number(struct reader *r, struct json *node)
{
	const unsigned char *from = r->at, *p = from;
	uint64_t mantissa = 0;
	int64_t exp10 = 0;
	bool minus = *p == '-';
	if (minus)
		p++;
	const unsigned char *digits = p;
	if (!digit(r, p))
		return fail(r, p, "expected a digit");
	while (digit(r, p))
		mantissa = mantissa * 10 + (uint64_t)(*p++ - '0');
	if (*digits == '0' && p - digits > 1)
		return fail(r, digits, "a number must not begin with 0");
	size_t count = (size_t)(p - digits);
	if (p < r->end && *p == '.') {
		const unsigned char *fraction = ++p;
		while (digit(r, p))
			mantissa = mantissa * 10 + (uint64_t)(*p++ - '0');
		if (p == fraction)
			return fail(r, p, "expected a digit after the point");
		count += (size_t)(p - fraction);
		exp10 = -(int64_t)(p - fraction);
	}
	bool slow = count > 19; /* mantissa has wrapped */
	if (p < r->end && (*p == 'e' || *p == 'E')) {
		p++;
		if (p < r->end && (*p == '+' || *p == '-'))
			p++;
		if (!digit(r, p))
			return fail(r, p, "expected a digit in the exponent");
		while (digit(r, p))
			p++;
		slow = true;
	}
	r->at = p;
	node->type = JSON_NUMBER;
	node->text = (struct str){ (const char *)from, (size_t)(p - from) };
	if (slow || !f64_fast(mantissa, exp10, &node->number))
		node->number = f64_read(node->text);
	else if (minus)
		node->number = -node->number;
	return true;
}

static bool read_word(struct reader *r, struct json *node, struct str word, enum json_type type)
{
	if ((size_t)(r->end - r->at) < word.len || memcmp(r->at, word.ptr, word.len) != 0)
		return fail(r, r->at, "expected a value");
	r->at += word.len;
	node->type = type;
	return true;
}

static bool read_value(struct reader *r, struct json *node, unsigned depth);

/* Behind a member's name and at its colon, or at blanks before it. */
static bool read_name(struct reader *r, struct str *ret)
{
	skip_blanks(r);
	if (r->at == r->end || *r->at != '"')
		return fail(r, r->at, "expected a name in double quotes");
	if (!read_string(r, ret))
		return false;
	skip_blanks(r);
	if (r->at == r->end || *r->at != ':')
		return fail(r, r->at, "expected ':'");
	r->at++;
	return true;
}

/* At the opening bracket of an array or object. */
static bool read_container(struct reader *r, struct json *node, unsigned depth)
{
	bool object = *r->at == '{';
	unsigned char close = object ? '}' : ']';
	if (depth == 0)
		return fail(r, r->at, "nested too deeply");
	node->type = object ? JSON_OBJECT : JSON_ARRAY;
	r->at++;
	skip_blanks(r);
	if (r->at < r->end && *r->at == close) {
		r->at++;
		return true;
	}
	const struct json **link = &node->child;
	for (;;) {
		struct json *child = node_new(r);
		if (!child)
			return false;
		if (object && !read_name(r, &child->name))
			return false;
		if (!read_value(r, child, depth - 1))
			return false;
		if (node->count == UINT32_MAX)
			return fail(r, r->at, "too many elements");
		node->count++;
		*link = child;
		link = &child->next;
		skip_blanks(r);
		if (r->at == r->end || (*r->at != ',' && *r->at != close))
			return fail(
			    r, r->at, object ? "expected ',' or '}'" : "expected ',' or ']'");
		if (*r->at++ == close)
			return true;
	}
}

/* The value itself and the blanks before it. */
static bool read_value(struct reader *r, struct json *node, unsigned depth)
{
	skip_blanks(r);
	if (r->at == r->end)
		return fail(r, r->at, "expected a value");
	const unsigned char *from = r->at;
	bool good;
	switch (*r->at) {
	case '"':
		node->type = JSON_STRING;
		good = read_string(r, &node->text);
		break;
	case '{':
	case '[': good = read_container(r, node, depth); break;
	case 't': good = read_word(r, node, STR("true"), JSON_TRUE); break;
	case 'f': good = read_word(r, node, STR("false"), JSON_FALSE); break;
	case 'n': good = read_word(r, node, STR("null"), JSON_NULL); break;
	case '-':
	case '0':
	case '1':
	case '2':
	case '3':
	case '4':
	case '5':
	case '6':
	case '7':
	case '8':
	case '9': good = read_number(r, node); break;
	default: return fail(r, r->at, "expected a value");
	}
	node->raw = (struct str){ (const char *)from, (size_t)(r->at - from) };
	return good;
}

enum err json_read(struct arena *a, struct str text, unsigned depth_max,
    const struct json **ret_root, struct json_error *ret_error)
{
	assert(a && ret_root);
	const unsigned char *start = (const unsigned char *)(text.len ? text.ptr : "");
	struct reader r = {
		.arena = a,
		.at = start,
		.start = start,
		.end = start + text.len,
		.batch = 8,
	};
	struct json *root = node_new(&r);
	bool good = root && read_value(&r, root, depth_max);
	if (good) {
		skip_blanks(&r);
		if (r.at != r.end)
			good = fail(&r, r.at, "something follows the value");
	}
	if (good) {
		*ret_root = root;
		return OK;
	}
	if (!r.what) {
		assert(arena_err(a) != OK);
		return arena_err(a);
	}
	if (ret_error)
		*ret_error = (struct json_error){ (size_t)(r.where - r.start), r.what };
	return ERR_INPUT;
}

const struct json *json_get(const struct json *object, struct str name)
{
	const struct json *found = NULL;
	if (!json_is(object, JSON_OBJECT))
		return NULL;
	for (const struct json *j = object->child; j; j = j->next) {
		if (str_eq(j->name, name))
			found = j;
	}
	return found;
}

struct str json_get_str(const struct json *object, struct str name)
{
	const struct json *j = json_get(object, name);
	return json_is(j, JSON_STRING) ? j->text : (struct str){ NULL, 0 };
}

void json_place(struct str text, size_t offset, unsigned *ret_line, unsigned *ret_column)
{
	assert(ret_line && ret_column);
	unsigned line = 1, column = 1;
	for (size_t i = 0; i < offset && i < text.len; i++) {
		column++;
		if (text.ptr[i] == '\n') {
			line++;
			column = 1;
		}
	}
	*ret_line = line;
	*ret_column = column;
}
