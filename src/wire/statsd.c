/* SPDX-License-Identifier: Apache-2.0
 *
 * The reader keeps a place in three nested lists: lines of the datagram, samples of a line, packed
 * values of a sample. Each step takes bytes off the front of one of them, so reading ends after at
 * most as many items as there are bytes. Nothing is copied or allocated.
 */
#include "wire/statsd.h"
#include <assert.h>
#include <math.h>

const struct str statsd_bad_name[STATSD_BAD_COUNT] = {
	[STATSD_BAD_LINE] = STR_INIT("malformed_line"),
	[STATSD_BAD_TOO_LONG] = STR_INIT("line_too_long"),
	[STATSD_BAD_PARTS] = STR_INIT("not_enough_parts_after_colon"),
	[STATSD_BAD_COMPONENT] = STR_INIT("malformed_component"),
	[STATSD_BAD_VALUE] = STR_INIT("malformed_value"),
	[STATSD_BAD_NEGATIVE] = STR_INIT("illegal_negative_counter"),
	[STATSD_BAD_TYPE] = STR_INIT("illegal_type"),
	[STATSD_BAD_RATE] = STR_INIT("invalid_sample_factor"),
	[STATSD_BAD_TIMESTAMP] = STR_INIT("malformed_timestamp"),
	[STATSD_BAD_CONTAINER] = STR_INIT("malformed_container_id"),
	[STATSD_BAD_EVENT] = STR_INIT("malformed_event"),
	[STATSD_BAD_CHECK] = STR_INIT("malformed_service_check"),
	[STATSD_BAD_CONFLICT] = STR_INIT("type_conflict"),
};

const struct str statsd_type_name[STATSD_TYPE_COUNT] = {
	[STATSD_COUNTER] = STR_INIT("counter"),
	[STATSD_GAUGE] = STR_INIT("gauge"),
	[STATSD_TIMER] = STR_INIT("timer"),
	[STATSD_HISTOGRAM] = STR_INIT("histogram"),
	[STATSD_SET] = STR_INIT("set"),
};

#define PLAIN_NAME_MAX 1024u
#define PARTS_MAX 8u /* value, type and at most six more */

static bool is_ascii(struct str s)
{
	uint64_t any = 0;
	size_t i = 0;
	for (; i + 8 <= s.len; i += 8) {
		uint64_t word;
		memcpy(&word, s.ptr + i, 8);
		any |= word;
	}
	for (; i < s.len; i++)
		any |= (uint64_t)(unsigned char)s.ptr[i];
	return (any & UINT64_C(0x8080808080808080)) == 0;
}

struct statsd_reader statsd_reader_make(struct str datagram)
{
	return (struct statsd_reader){ .rest = datagram, .ascii = is_ascii(datagram) };
}

static enum statsd_item refuse(struct statsd_reader *r, enum statsd_bad why)
{
	assert(why < STATSD_BAD_COUNT);
	r->bad = why;
	return STATSD_BAD;
}

/* A finite number as clients write it. Digits with at most one dot and a mantissa below 2^53 are
 * exact by one division; the rest goes the long way. Sets *whole when there is neither dot nor
 * exponent. */
static bool read_number(struct str s, double *ret_value, bool *ret_whole, int64_t *ret_whole_value)
{
	static const double ten[] = { 1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
		1e12, 1e13, 1e14, 1e15 };
	size_t i = 0;
	bool negative = false, dot = false;
	if (s.len > 0 && (s.ptr[0] == '-' || s.ptr[0] == '+')) {
		negative = s.ptr[0] == '-';
		i = 1;
	}
	int64_t mantissa = 0;
	unsigned digits = 0, after = 0;
	for (; i < s.len; i++) {
		char c = s.ptr[i];
		if (c >= '0' && c <= '9') {
			mantissa = mantissa * 10 + (c - '0');
			after += dot;
			if (++digits > 15)
				break;
		} else if (c == '.' && !dot) {
			dot = true;
		} else {
			break;
		}
	}
	*ret_whole = false;
	if (i == s.len && digits > 0 && digits <= 15) {
		double v = (double)mantissa / ten[after];
		*ret_value = negative ? -v : v;
		*ret_whole = !dot;
		*ret_whole_value = negative ? -mantissa : mantissa;
		return true;
	}
	struct str body = s.len > 0 && s.ptr[0] == '+' ? str_from(s, 1) : s;
	if (body.len == 0 || (body.ptr[0] == '-' && s.ptr[0] == '+') || body.ptr[0] == '+')
		return false;
	return str_f64(body, false, ret_value) == OK && isfinite(*ret_value);
}

static bool read_type(struct str s, enum statsd_type *ret)
{
	if (s.len == 1) {
		switch (s.ptr[0]) {
		case 'c': *ret = STATSD_COUNTER; return true;
		case 'g': *ret = STATSD_GAUGE; return true;
		case 'h':
		case 'd': *ret = STATSD_HISTOGRAM; return true;
		case 's': *ret = STATSD_SET; return true;
		default: return false;
		}
	}
	if (s.len == 2 && s.ptr[0] == 'm' && s.ptr[1] == 's') {
		*ret = STATSD_TIMER;
		return true;
	}
	return false;
}

/* One part after the type. Returns STATSD_BAD_COUNT when it is fine. */
static enum statsd_bad read_part(struct statsd_sample *sample, struct str part)
{
	if (part.len == 0)
		return STATSD_BAD_COMPONENT;
	struct str rest = str_from(part, 1);
	double rate;
	bool whole;
	int64_t whole_value;
	switch (part.ptr[0]) {
	case '@':
		if (!read_number(rest, &rate, &whole, &whole_value) || rate < 0)
			return STATSD_BAD_RATE;
		sample->rate = rate > 0 ? rate : 1;
		return STATSD_BAD_COUNT;
	case '#': sample->tags = rest; return STATSD_BAD_COUNT;
	case 'c':
		if (rest.len < 2 || rest.ptr[0] != ':')
			return STATSD_BAD_CONTAINER;
		sample->container = str_from(rest, 1);
		return STATSD_BAD_COUNT;
	case 'T':
		if (str_i64(rest, &sample->time_s) != OK || sample->time_s < 0)
			return STATSD_BAD_TIMESTAMP;
		sample->timed = true;
		return STATSD_BAD_COUNT;
	case 'e': /* external data, card: origin fields of later protocol versions */
		return rest.len > 0 && rest.ptr[0] == ':' ? STATSD_BAD_COUNT : STATSD_BAD_COMPONENT;
	default: return STATSD_BAD_COMPONENT;
	}
}

/* The value of r->sample's type. Returns STATSD_BAD_COUNT when it is fine. */
static enum statsd_bad read_value(struct statsd_sample *sample, struct str text)
{
	sample->relative = false;
	sample->whole = false;
	sample->value = 0;
	sample->member = (struct str){ "", 0 };
	if (sample->type == STATSD_SET) {
		sample->member = text;
		return text.len > 0 ? STATSD_BAD_COUNT : STATSD_BAD_VALUE;
	}
	if (!read_number(text, &sample->value, &sample->whole, &sample->whole_value))
		return STATSD_BAD_VALUE;
	if (sample->type == STATSD_GAUGE)
		sample->relative = text.ptr[0] == '+' || text.ptr[0] == '-';
	if (sample->type == STATSD_COUNTER && sample->value < 0)
		return STATSD_BAD_NEGATIVE;
	return STATSD_BAD_COUNT;
}

static enum statsd_item give_value(struct statsd_reader *r)
{
	struct str text = str_cut(&r->values, ':');
	enum statsd_bad bad = read_value(&r->sample, text);
	return bad == STATSD_BAD_COUNT ? STATSD_SAMPLE : refuse(r, bad);
}

/* Where this sample ends when several stand in a line: at the first ':' behind its type, but for
 * the one in "c:container". Takes it off r->parts. */
static struct str cut_sample(struct statsd_reader *r)
{
	struct str s = r->parts;
	unsigned part = 0;
	size_t part_at = 0;
	for (size_t i = 0; i < s.len && !r->tagged; i++) {
		if (s.ptr[i] == '|') {
			part++;
			part_at = i + 1;
		} else if (s.ptr[i] == ':' && part >= 1) {
			bool inner = part >= 2 && i == part_at + 1 &&
			             (s.ptr[part_at] == 'c' || s.ptr[part_at] == 'e');
			if (inner)
				continue;
			r->parts = str_from(s, i + 1);
			return str_first(s, i);
		}
	}
	r->parts = (struct str){ NULL, 0 };
	return s;
}

static enum statsd_item give_sample(struct statsd_reader *r)
{
	struct str rest = cut_sample(r);
	struct str values = str_cut(&rest, '|');
	if (!rest.ptr)
		return refuse(r, STATSD_BAD_PARTS);
	struct str name = r->sample.name;
	r->sample = (struct statsd_sample){ .name = name,
		.rate = 1,
		.tags = { "", 0 },
		.container = { "", 0 },
		.member = { "", 0 } };
	struct str type = str_cut(&rest, '|');
	if (!read_type(type, &r->sample.type))
		return refuse(r, STATSD_BAD_TYPE);
	for (unsigned parts = 3; rest.ptr; parts++) {
		if (parts > PARTS_MAX)
			return refuse(r, STATSD_BAD_COMPONENT);
		enum statsd_bad bad = read_part(&r->sample, str_cut(&rest, '|'));
		if (bad != STATSD_BAD_COUNT)
			return refuse(r, bad);
	}
	r->values = values;
	if (r->sample.type == STATSD_SET) { /* a set's members may hold colons */
		r->values = (struct str){ NULL, 0 };
		enum statsd_bad bad = read_value(&r->sample, values);
		return bad == STATSD_BAD_COUNT ? STATSD_SAMPLE : refuse(r, bad);
	}
	return give_value(r);
}

/* Decimal digits up to `stop`, which is taken too. */
static bool cut_number(struct str *s, char stop, uint64_t *ret)
{
	struct str rest = *s;
	struct str digits = str_cut(&rest, stop);
	if (!rest.ptr || str_u64(digits, ret) != OK)
		return false;
	*s = rest;
	return true;
}

static bool read_event_part(struct statsd_event *e, struct str part)
{
	if (part.len >= 1 && part.ptr[0] == '#') {
		e->tags = str_from(part, 1);
		return true;
	}
	if (part.len < 2 || part.ptr[1] != ':')
		return false;
	struct str v = str_from(part, 2);
	switch (part.ptr[0]) {
	case 'd': e->timed = str_i64(v, &e->time_s) == OK; return e->timed;
	case 'h': e->host = v; return true;
	case 'k': e->key = v; return true;
	case 's': e->source = v; return true;
	case 'c':
	case 'e': return true; /* container, origin */
	case 'p':
		e->low_priority = str_eq(v, STR("low"));
		return e->low_priority || str_eq(v, STR("normal"));
	case 't':
		e->alert = str_eq(v, STR("error"))     ? STATSD_ALERT_ERROR
		           : str_eq(v, STR("warning")) ? STATSD_ALERT_WARNING
		           : str_eq(v, STR("success")) ? STATSD_ALERT_SUCCESS
		                                       : STATSD_ALERT_INFO;
		return e->alert != STATSD_ALERT_INFO || str_eq(v, STR("info"));
	default: return false;
	}
}

/* line begins with "_e{" */
static enum statsd_item give_event(struct statsd_reader *r, struct str line)
{
	struct str rest = str_from(line, 3);
	struct str none = { "", 0 };
	uint64_t title_bytes, text_bytes;
	r->event = (struct statsd_event){ .host = none, .key = none, .source = none, .tags = none };
	if (!cut_number(&rest, ',', &title_bytes) || !cut_number(&rest, '}', &text_bytes))
		return refuse(r, STATSD_BAD_EVENT);
	uint64_t need;
	if (title_bytes == 0 || ck_add(title_bytes, text_bytes, &need) || ck_add(need, 2, &need) ||
	    need > rest.len || rest.ptr[0] != ':' || rest.ptr[1 + title_bytes] != '|')
		return refuse(r, STATSD_BAD_EVENT);
	r->event.title = str_make(rest.ptr + 1, (size_t)title_bytes);
	r->event.text = str_make(rest.ptr + 2 + title_bytes, (size_t)text_bytes);
	rest = str_from(rest, (size_t)need);
	if (rest.len == 0)
		return STATSD_EVENT;
	if (rest.ptr[0] != '|')
		return refuse(r, STATSD_BAD_EVENT);
	for (rest = str_from(rest, 1); rest.ptr;) {
		if (!read_event_part(&r->event, str_cut(&rest, '|')))
			return refuse(r, STATSD_BAD_EVENT);
	}
	return STATSD_EVENT;
}

/* line begins with "_sc|" */
static enum statsd_item give_check(struct statsd_reader *r, struct str line)
{
	struct str rest = str_from(line, 4);
	struct str none = { "", 0 };
	struct statsd_check *c = &r->check;
	*c = (struct statsd_check){ .host = none, .tags = none, .message = none };
	c->name = str_cut(&rest, '|');
	if (c->name.len == 0 || !rest.ptr)
		return refuse(r, STATSD_BAD_CHECK);
	struct str status = str_cut(&rest, '|');
	if (status.len != 1 || status.ptr[0] < '0' || status.ptr[0] > '3')
		return refuse(r, STATSD_BAD_CHECK);
	c->status = (uint8_t)(status.ptr[0] - '0');
	while (rest.ptr) {
		if (str_starts(rest, STR("m:"))) { /* the last part: may hold anything */
			c->message = str_from(rest, 2);
			return STATSD_CHECK;
		}
		struct str part = str_cut(&rest, '|');
		if (part.len >= 1 && part.ptr[0] == '#') {
			c->tags = str_from(part, 1);
		} else if (str_starts(part, STR("h:"))) {
			c->host = str_from(part, 2);
		} else if (str_starts(part, STR("d:"))) {
			c->timed = str_i64(str_from(part, 2), &c->time_s) == OK;
			if (!c->timed)
				return refuse(r, STATSD_BAD_CHECK);
		} else if (!str_starts(part, STR("c:")) && !str_starts(part, STR("e:"))) {
			return refuse(r, STATSD_BAD_CHECK);
		}
	}
	return STATSD_CHECK;
}

static enum statsd_item give_line(struct statsd_reader *r, struct str line)
{
	r->line = line;
	r->lines++;
	if (line.len > STATSD_LINE_MAX)
		return refuse(r, STATSD_BAD_TOO_LONG);
	if (!r->ascii && !str_utf8_valid(line))
		return refuse(r, STATSD_BAD_LINE);
	if (line.ptr[0] == '_') {
		if (str_starts(line, STR("_e{")))
			return give_event(r, line);
		if (str_starts(line, STR("_sc|")))
			return give_check(r, line);
	}
	size_t colon = str_find(line, ':');
	if (colon == 0 || colon == line.len)
		return refuse(r, STATSD_BAD_LINE);
	r->sample.name = str_first(line, colon);
	r->parts = str_from(line, colon + 1);
	size_t pipe = str_find(r->parts, '|');
	if (pipe == r->parts.len) {
		r->parts = (struct str){ NULL, 0 };
		return refuse(r, STATSD_BAD_PARTS);
	}
	/* tags may hold colons, so a tagged line is one sample (of one or more packed values) */
	r->tagged = str_find_str(str_from(r->parts, pipe), STR("|#")) < r->parts.len - pipe;
	return give_sample(r);
}

/* The short way for what most lines are, "name:123|c" (or g, ms, h, d) and nothing else: one look
 * at each byte. It gives just what the long way would, and false for everything else. */
static bool give_plain(struct statsd_reader *r)
{
	const char *p = r->rest.ptr, *end = p + r->rest.len;
	size_t scan = r->rest.len < PLAIN_NAME_MAX ? r->rest.len : PLAIN_NAME_MAX;
	const char *colon = memchr(p, ':', scan);
	if (!r->ascii || !colon || colon == p || *p == '_' || memchr(p, '\n', (size_t)(colon - p)))
		return false;
	const char *d = colon + 1;
	int64_t value = 0;
	for (; d < end && *d >= '0' && *d <= '9' && d - colon <= 15; d++)
		value = value * 10 + (*d - '0');
	if (d == colon + 1 || d + 1 >= end || *d != '|')
		return false;
	const char *type = d + 1;
	size_t type_bytes = type[0] == 'm' ? 2 : 1;
	struct statsd_sample sample = { .name = { p, (size_t)(colon - p) },
		.rate = 1,
		.whole = true,
		.whole_value = value,
		.value = (double)value,
		.tags = { "", 0 },
		.container = { "", 0 },
		.member = { "", 0 } };
	const char *after = type + type_bytes;
	if (after > end || (after < end && *after != '\n') ||
	    !read_type(str_make(type, type_bytes), &sample.type) || sample.type == STATSD_SET)
		return false;
	r->sample = sample;
	r->line = str_make(p, (size_t)(after - p));
	r->lines++;
	size_t taken = (size_t)(after - p) + (after < end);
	r->rest = str_make(p + taken, r->rest.len - taken);
	return true;
}

enum statsd_item statsd_next(struct statsd_reader *r)
{
	if (r->values.ptr)
		return give_value(r);
	if (r->parts.ptr)
		return give_sample(r);
	while (r->rest.ptr && r->rest.len > 0) {
		if (give_plain(r))
			return STATSD_SAMPLE;
		struct str line = str_cut(&r->rest, '\n');
		if (line.len > 0 && line.ptr[line.len - 1] == '\r')
			line.len--;
		if (line.len > 0)
			return give_line(r, line);
	}
	return STATSD_END;
}

void statsd_name(struct buf *b, struct str name)
{
	assert(name.len == 0 || name.ptr);
	if (name.len > 0 && name.ptr[0] >= '0' && name.ptr[0] <= '9')
		buf_add_char(b, '_');
	for (size_t i = 0; i < name.len; i++) {
		unsigned char c = (unsigned char)name.ptr[i];
		bool fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		            (c >= '0' && c <= '9') || c == '_';
		bool again = c == '-' && i > 0 && name.ptr[i - 1] == '-';
		bool inside = (c & 0xc0) == 0x80; /* of a character whose first byte was replaced */
		if (fine)
			buf_add_char(b, (char)c);
		else if (!again && !inside)
			buf_add_char(b, '_');
	}
}

bool statsd_tag_next(struct str *tags, struct str *ret_key, struct str *ret_value, uint64_t *bad)
{
	assert(tags && bad);
	while (tags->ptr && tags->len > 0) {
		struct str tag = str_cut(tags, ',');
		if (tag.len > 0 && tag.ptr[0] == '#') /* some clients put one before each tag */
			tag = str_from(tag, 1);
		size_t colon = str_find(tag, ':');
		if (colon == 0 || colon + 1 >= tag.len) {
			(*bad)++;
			continue;
		}
		*ret_key = str_first(tag, colon);
		*ret_value = str_from(tag, colon + 1);
		return true;
	}
	return false;
}
