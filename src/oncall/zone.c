/* SPDX-License-Identifier: Apache-2.0
 *
 * Time zones from TZif bytes. A zone is a table of changes (instant, offset from then on) and,
 * after the last one, the rule of the POSIX footer, which gives two changes a year for ever.
 * Everything is answered through one question: which segment [start, end) of constant offset holds
 * an instant?
 *
 * Invariants: changes rise strictly; every offset lies within a day and some (RFC 8536 allows
 * little more than that, and it bounds how far a local time can be from its instant).
 */
#include "oncall/zone.h"

#include <assert.h>

#define CHANGE_MAX 100000u
#define TYPE_MAX 256u
#define OFFSET_MAX_S (26 * 3600)
#define DAY_S 86400

enum rule_kind { RULE_MONTH, RULE_JULIAN, RULE_DAY };

/* When in a year the clocks change: POSIX' Mm.w.d, Jn and n. */
struct change_rule {
	enum rule_kind kind;
	int32_t month, week, weekday, day;
	int32_t time_s; /* after local midnight, may be negative or beyond a day */
};

struct footer {
	bool is_set, has_dst;
	int32_t std_s, dst_s; /* seconds east */
	struct change_rule to_dst, to_std;
};

struct change {
	int64_t at_s;
	int32_t offset_s;
};

struct zone {
	const struct change *changes;
	size_t change_count;
	int32_t first_s; /* before the first change */
	struct footer footer;
};

struct segment {
	int64_t start_s, end_s; /* [start, end) */
	int32_t offset_s;
};

/* -- the footer ------------------------------------------------------------------------------- */

static bool take(struct str *s, char c)
{
	if (s->len == 0 || s->ptr[0] != c)
		return false;
	*s = str_from(*s, 1);
	return true;
}

static bool take_number(struct str *s, int32_t max, int32_t *ret)
{
	int32_t v = 0;
	size_t n = 0;
	assert(max <= 100000);
	while (n < s->len && s->ptr[n] >= '0' && s->ptr[n] <= '9') {
		v = v * 10 + (s->ptr[n] - '0');
		if (v > max)
			return false;
		n++;
	}
	*s = str_from(*s, n);
	*ret = v;
	return n > 0;
}

static bool is_alpha(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool take_zone_name(struct str *s)
{
	size_t n = 0;
	if (take(s, '<')) {
		n = str_find(*s, '>');
		if (n == s->len || n == 0)
			return false;
		*s = str_from(*s, n + 1);
		return true;
	}
	while (n < s->len && is_alpha(s->ptr[n]))
		n++;
	*s = str_from(*s, n);
	return n >= 3;
}

/* [+-]h[h[h]][:mm[:ss]] */
static bool take_hms(struct str *s, int32_t hour_max, int32_t *ret_s)
{
	int32_t h, m = 0, sec = 0, sign = 1;
	if (take(s, '-'))
		sign = -1;
	else
		(void)take(s, '+');
	if (!take_number(s, hour_max, &h))
		return false;
	if (take(s, ':')) {
		if (!take_number(s, 59, &m))
			return false;
		if (take(s, ':') && !take_number(s, 59, &sec))
			return false;
	}
	*ret_s = sign * (h * 3600 + m * 60 + sec);
	return true;
}

static bool take_change_rule(struct str *s, struct change_rule *r)
{
	*r = (struct change_rule){ .time_s = 2 * 3600 };
	if (take(s, 'M')) {
		r->kind = RULE_MONTH;
		if (!take_number(s, 12, &r->month) || r->month < 1 || !take(s, '.') ||
		    !take_number(s, 5, &r->week) || r->week < 1 || !take(s, '.') ||
		    !take_number(s, 6, &r->weekday))
			return false;
	} else if (take(s, 'J')) {
		r->kind = RULE_JULIAN;
		if (!take_number(s, 365, &r->day) || r->day < 1)
			return false;
	} else {
		r->kind = RULE_DAY;
		if (!take_number(s, 365, &r->day))
			return false;
	}
	return !take(s, '/') || take_hms(s, 167, &r->time_s);
}

static enum err footer_read(struct str s, struct footer *ret)
{
	struct footer f = { .is_set = true };
	if (str_empty(s)) {
		*ret = (struct footer){ .is_set = false };
		return OK;
	}
	if (!take_zone_name(&s) || !take_hms(&s, 24, &f.std_s))
		return ERR_INPUT;
	f.std_s = -f.std_s;
	if (s.len > 0) {
		f.has_dst = true;
		f.dst_s = f.std_s + 3600;
		if (!take_zone_name(&s))
			return ERR_INPUT;
		if (s.len > 0 && s.ptr[0] != ',') {
			if (!take_hms(&s, 24, &f.dst_s))
				return ERR_INPUT;
			f.dst_s = -f.dst_s;
		}
		if (!take(&s, ',') || !take_change_rule(&s, &f.to_dst) || !take(&s, ',') ||
		    !take_change_rule(&s, &f.to_std))
			return ERR_INPUT;
	}
	if (s.len > 0)
		return ERR_INPUT;
	*ret = f;
	return OK;
}

static bool is_leap(int32_t y)
{
	return (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
}

/* Local seconds (in the civil line) of a rule's change in a year. */
static int64_t rule_local_s(const struct change_rule *r, int32_t year)
{
	int64_t jan1 = civil_to_s((struct civil){ .year = year, .month = 1, .day = 1 });
	int64_t day = r->day;
	if (r->kind == RULE_JULIAN) { /* 1..365, 29 February is never counted */
		day = r->day - 1 + (is_leap(year) && r->day > 59);
	} else if (r->kind == RULE_MONTH) {
		int64_t first = civil_to_s((struct civil){ year, (int8_t)r->month, 1, 0, 0, 0, 0 });
		int64_t next =
		    r->month == 12
		        ? civil_to_s((struct civil){ year + 1, 1, 1, 0, 0, 0, 0 })
		        : civil_to_s((struct civil){ year, (int8_t)(r->month + 1), 1, 0, 0, 0, 0 });
		int64_t at = first + (r->weekday - civil_weekday(first) + 7) % 7 * DAY_S +
		             (int64_t)(r->week - 1) * 7 * DAY_S;
		while (at >= next) /* week 5 is the last one */
			at -= 7 * DAY_S;
		return at + r->time_s;
	}
	return jan1 + day * DAY_S + r->time_s;
}

/* The segment of the footer's rule around t; its start may lie before the last change of the table.
 */
static struct segment footer_segment(const struct footer *f, int64_t t)
{
	struct segment seg = { INT64_MIN, INT64_MAX, f->std_s };
	if (!f->has_dst)
		return seg;
	int32_t year = civil_from_s(t + f->std_s).year;
	for (int32_t y = year - 2; y <= year + 2; y++) {
		const struct change c[2] = {
			{ rule_local_s(&f->to_std, y) - f->dst_s, f->std_s },
			{ rule_local_s(&f->to_dst, y) - f->std_s, f->dst_s },
		};
		for (size_t i = 0; i < 2; i++) {
			/* At one instant both ways (summer time all year): into dst wins, it comes
			 * second. */
			if (c[i].at_s <= t && c[i].at_s >= seg.start_s) {
				seg.start_s = c[i].at_s;
				seg.offset_s = c[i].offset_s;
			} else if (c[i].at_s > t && c[i].at_s < seg.end_s) {
				seg.end_s = c[i].at_s;
			}
		}
	}
	assert(seg.start_s <= t && t < seg.end_s);
	return seg;
}

/* -- the table -------------------------------------------------------------------------------- */

static struct segment segment_at(const struct zone *z, int64_t t)
{
	size_t low = 0, high = z->change_count; /* the first change after t */
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (z->changes[mid].at_s <= t)
			low = mid + 1;
		else
			high = mid;
	}
	if (low < z->change_count)
		return (struct segment){ low == 0 ? INT64_MIN : z->changes[low - 1].at_s,
			z->changes[low].at_s,
			low == 0 ? z->first_s : z->changes[low - 1].offset_s };
	int64_t last = low == 0 ? INT64_MIN : z->changes[low - 1].at_s;
	if (!z->footer.is_set)
		return (struct segment){ last, INT64_MAX,
			low == 0 ? z->first_s : z->changes[low - 1].offset_s };
	struct segment seg = footer_segment(&z->footer, t);
	if (seg.start_s < last)
		seg.start_s = last;
	return seg;
}

static int64_t floor_s(int64_t ns)
{
	return ns / NS_PER_S - (ns % NS_PER_S < 0);
}

int32_t zone_offset(const struct zone *zone, struct wall t)
{
	return zone ? segment_at(zone, floor_s(t.ns)).offset_s : 0;
}

struct civil zone_local(const struct zone *zone, struct wall t)
{
	int64_t s = floor_s(t.ns);
	struct civil c = civil_from_s(s + zone_offset(zone, t));
	c.ns = (int32_t)(t.ns - s * NS_PER_S);
	assert(c.ns >= 0);
	return c;
}

static struct wall wall_from_s(int64_t s)
{
	int64_t ns;
	if (ck_mul(s, NS_PER_S, &ns))
		ns = s < 0 ? INT64_MIN : INT64_MAX;
	return (struct wall){ ns };
}

void zone_instants(
    const struct zone *zone, struct civil c, struct wall *ret_first, struct wall *ret_last)
{
	int64_t local = civil_to_s(c), first = INT64_MAX, last = INT64_MIN, gap = local;
	if (!zone) {
		*ret_first = *ret_last = wall_from_s(local);
		return;
	}
	/* Every instant that shows `local` lies within the greatest offset of it. */
	struct segment seg = segment_at(zone, local - OFFSET_MAX_S);
	for (;;) {
		int64_t t = local - seg.offset_s;
		if (t >= seg.start_s && t < seg.end_s) {
			first = t < first ? t : first;
			last = t > last ? t : last;
		}
		if (seg.end_s > local + OFFSET_MAX_S)
			break;
		struct segment next = segment_at(zone, seg.end_s);
		assert(next.end_s > seg.end_s);
		if (local - seg.offset_s >= seg.end_s && local - next.offset_s < seg.end_s)
			gap = seg.end_s;
		seg = next;
	}
	if (first > last)
		first = last = gap;
	*ret_first = wall_from_s(first);
	*ret_last = wall_from_s(last);
}

/* -- TZif ------------------------------------------------------------------------------------- */

struct header {
	uint8_t version;
	uint32_t isut, isstd, leap, time, type, chars;
};

static uint32_t be32(const char *p)
{
	const unsigned char *u = (const unsigned char *)p;
	return (uint32_t)u[0] << 24 | (uint32_t)u[1] << 16 | (uint32_t)u[2] << 8 | u[3];
}

static int64_t be64(const char *p)
{
	return (int64_t)((uint64_t)be32(p) << 32 | be32(p + 4));
}

static bool header_read(struct str *s, struct header *h)
{
	if (s->len < 44 || !str_starts(*s, STR("TZif")))
		return false;
	const char *p = s->ptr + 20;
	*h = (struct header){ (uint8_t)s->ptr[4], be32(p), be32(p + 4), be32(p + 8), be32(p + 12),
		be32(p + 16), be32(p + 20) };
	*s = str_from(*s, 44);
	return h->time <= CHANGE_MAX && h->type >= 1 && h->type <= TYPE_MAX && h->chars <= 65536 &&
	       h->leap <= 10000 && h->isut <= TYPE_MAX && h->isstd <= TYPE_MAX;
}

static size_t block_bytes(const struct header *h, size_t time_bytes)
{
	return h->time * time_bytes + h->time + h->type * 6u + h->chars +
	       h->leap * (time_bytes + 4) + h->isstd + h->isut;
}

/* The table of a version 2 block into z; false when its numbers are wrong. */
static bool table_read(struct str s, const struct header *h, struct change *changes, struct zone *z)
{
	const char *times = s.ptr, *index = times + h->time * 8u, *types = index + h->time;
	size_t n = 0;
	assert(s.len >= block_bytes(h, 8));
	for (uint32_t i = 0; i < h->type; i++) {
		int32_t offset = (int32_t)be32(types + i * 6u);
		if (offset < -OFFSET_MAX_S || offset > OFFSET_MAX_S)
			return false;
	}
	z->first_s = (int32_t)be32(types);
	for (uint32_t i = 0; i < h->time; i++) {
		uint8_t type = (uint8_t)index[i];
		int64_t at = be64(times + i * 8u);
		if (type >= h->type || (i > 0 && at <= be64(times + (i - 1) * 8u)))
			return false;
		changes[n++] = (struct change){ at, (int32_t)be32(types + type * 6u) };
	}
	z->changes = changes;
	z->change_count = n;
	return true;
}

enum err zone_read(struct arena *a, struct str bytes, const struct zone **ret_zone)
{
	struct header v1, h;
	struct str s = bytes;
	if (!header_read(&s, &v1) || v1.version < '2' || s.len < block_bytes(&v1, 4))
		return ERR_INPUT;
	s = str_from(s, block_bytes(&v1, 4));
	if (!header_read(&s, &h) || h.version < '2' || s.len < block_bytes(&h, 8))
		return ERR_INPUT;
	struct zone *z = arena_new(a, struct zone, 1);
	struct change *changes = arena_new(a, struct change, h.time);
	if (!z || !changes)
		return arena_err(a);
	if (!table_read(s, &h, changes, z))
		return ERR_INPUT;
	s = str_from(s, block_bytes(&h, 8));
	if (!take(&s, '\n'))
		return ERR_INPUT;
	size_t end = str_find(s, '\n');
	if (end == s.len || footer_read(str_first(s, end), &z->footer) != OK)
		return ERR_INPUT;
	*ret_zone = z;
	return OK;
}

bool zone_name_valid(struct str name)
{
	if (name.len == 0 || name.len > 64)
		return false;
	for (struct str rest = name; rest.ptr;) {
		struct str part = str_cut(&rest, '/');
		if (part.len == 0 || part.ptr[0] == '-' || part.ptr[0] == '+')
			return false;
		for (size_t i = 0; i < part.len; i++) {
			char c = part.ptr[i];
			if (!is_alpha(c) && !(c >= '0' && c <= '9') && c != '_' && c != '-' &&
			    c != '+')
				return false;
		}
	}
	return true;
}
