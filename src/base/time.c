/* SPDX-License-Identifier: Apache-2.0
 *
 * Calendar arithmetic, and the texts of times and durations. Contract in time.h.
 *
 * Days are counted in 400-year eras that begin on 1 March, so that the leap day is the last of its
 * year and needs no special case.
 */
#include "base/time.h"
#include <assert.h>

#define S_PER_DAY INT64_C(86400)
#define DAYS_PER_ERA 146097 /* 400 years */
#define DAYS_TO_1970 719468 /* from 0000-03-01 to 1970-01-01 */

static int64_t floor_div(int64_t a, int64_t b)
{
	assert(b > 0);
	return a / b - (a % b < 0);
}

static int64_t days_from_date(int64_t year, int month, int day)
{
	assert(month >= 1 && month <= 12);
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = floor_div(y, 400);
	int64_t year_of_era = y - era * 400;
	int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
	return era * DAYS_PER_ERA + day_of_era - DAYS_TO_1970;
}

int64_t civil_to_s(struct civil c)
{
	return days_from_date(c.year, c.month, c.day) * S_PER_DAY + c.hour * 3600 + c.minute * 60 +
	       c.second;
}

struct civil civil_from_s(int64_t s)
{
	/* Years 1..9999 are all that a civil holds; what lies outside is held at the ends. */
	const int64_t min = INT64_C(-62135596800), max = INT64_C(253402300799);
	s = s < min ? min : s > max ? max : s;
	int64_t days = floor_div(s, S_PER_DAY);
	int64_t in_day = s - days * S_PER_DAY;
	assert(in_day >= 0 && in_day < S_PER_DAY);
	days += DAYS_TO_1970;
	int64_t era = floor_div(days, DAYS_PER_ERA);
	int64_t doe = days - era * DAYS_PER_ERA;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int64_t mp = (5 * doy + 2) / 153; /* months since March */
	int64_t month = mp < 10 ? mp + 3 : mp - 9;
	assert(month >= 1 && month <= 12);
	return (struct civil){
		.year = (int32_t)(yoe + era * 400 + (month <= 2)),
		.month = (int8_t)month,
		.day = (int8_t)(doy - (153 * mp + 2) / 5 + 1),
		.hour = (int8_t)(in_day / 3600),
		.minute = (int8_t)(in_day / 60 % 60),
		.second = (int8_t)(in_day % 60),
	};
}

int civil_weekday(int64_t s)
{
	int64_t days = floor_div(s, S_PER_DAY);
	int64_t weekday = (days % 7 + 7 + 4) % 7; /* 1970-01-01 was a Thursday */
	assert(weekday >= 0 && weekday <= 6);
	return (int)weekday;
}

static int month_days(int year, int month)
{
	static const int8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	assert(month >= 1 && month <= 12);
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	return days[month - 1] + (month == 2 && leap);
}

bool civil_valid(struct civil c)
{
	return c.year >= 1 && c.year <= 9999 && c.month >= 1 && c.month <= 12 && c.day >= 1 &&
	       c.day <= month_days(c.year, c.month) && c.hour >= 0 && c.hour <= 23 &&
	       c.minute >= 0 && c.minute <= 59 && c.second >= 0 && c.second <= 59 && c.ns >= 0 &&
	       c.ns < NS_PER_S;
}

/* Takes exactly `count` digits off the front of *s. */
static bool take_digits(struct str *s, size_t count, int *ret)
{
	if (s->len < count)
		return false;
	int value = 0;
	for (size_t i = 0; i < count; i++) {
		char c = s->ptr[i];
		if (c < '0' || c > '9')
			return false;
		value = value * 10 + (c - '0');
	}
	*s = str_from(*s, count);
	*ret = value;
	return true;
}

static bool take_char(struct str *s, char c)
{
	if (s->len == 0 || s->ptr[0] != c)
		return false;
	*s = str_from(*s, 1);
	return true;
}

/* YYYY-MM-DD(T|t|blank)HH:MM */
static bool take_date_minute(struct str *s, struct civil *c)
{
	int year, month, day, hour, minute;
	if (!take_digits(s, 4, &year) || !take_char(s, '-') || !take_digits(s, 2, &month) ||
	    !take_char(s, '-') || !take_digits(s, 2, &day))
		return false;
	if (!take_char(s, 'T') && !take_char(s, 't') && !take_char(s, ' '))
		return false;
	if (!take_digits(s, 2, &hour) || !take_char(s, ':') || !take_digits(s, 2, &minute))
		return false;
	*c = (struct civil){ .year = year,
		.month = (int8_t)month,
		.day = (int8_t)day,
		.hour = (int8_t)hour,
		.minute = (int8_t)minute };
	return true;
}

/* A point or comma and 1 to 9 digits, or nothing. */
static bool take_fraction(struct str *s, int32_t *ret_ns)
{
	*ret_ns = 0;
	if (!take_char(s, '.') && !take_char(s, ','))
		return true;
	int32_t ns = 0;
	size_t digits = 0;
	while (digits < s->len && s->ptr[digits] >= '0' && s->ptr[digits] <= '9') {
		if (digits == 9)
			return false;
		ns = ns * 10 + (s->ptr[digits] - '0');
		digits++;
	}
	if (digits == 0)
		return false;
	*s = str_from(*s, digits);
	for (; digits < 9; digits++)
		ns *= 10;
	*ret_ns = ns;
	return true;
}

/* Z, z, +HH, +HHMM or +HH:MM to the end. */
static bool take_offset(struct str *s, int *ret_s)
{
	if (take_char(s, 'Z') || take_char(s, 'z')) {
		*ret_s = 0;
		return s->len == 0;
	}
	bool minus = take_char(s, '-');
	if (!minus && !take_char(s, '+'))
		return false;
	int hours, minutes = 0;
	if (!take_digits(s, 2, &hours))
		return false;
	if (s->len) {
		(void)take_char(s, ':');
		if (!take_digits(s, 2, &minutes))
			return false;
	}
	if (hours > 23 || minutes > 59)
		return false;
	*ret_s = (hours * 3600 + minutes * 60) * (minus ? -1 : 1);
	return s->len == 0;
}

enum err wall_parse(struct str s, struct wall *ret_wall)
{
	assert(ret_wall);
	struct civil c;
	int second, offset_s;
	if (!take_date_minute(&s, &c) || !take_char(&s, ':') || !take_digits(&s, 2, &second) ||
	    !take_fraction(&s, &c.ns) || !take_offset(&s, &offset_s))
		return ERR_INPUT;
	bool leap = second == 60;
	c.second = (int8_t)(leap ? 59 : second);
	if (!civil_valid(c))
		return ERR_INPUT;
	int64_t seconds = civil_to_s(c) - offset_s;
	if (leap) {
		/* A leap second is the last of a day in UTC; POSIX time has no name for it and the
		 * next second stands for it. */
		seconds++;
		if (seconds % S_PER_DAY != 0)
			return ERR_INPUT;
	}
	int64_t ns;
	if (ck_mul(seconds, NS_PER_S, &ns) || ck_add(ns, (int64_t)c.ns, &ns))
		return ERR_INPUT; /* before 1677 or after 2262 */
	*ret_wall = (struct wall){ ns };
	return OK;
}

enum err civil_parse(struct str s, struct civil *ret_civil)
{
	assert(ret_civil);
	struct civil c;
	int second = 0;
	if (!take_date_minute(&s, &c))
		return ERR_INPUT;
	if (s.len && (!take_char(&s, ':') || !take_digits(&s, 2, &second)))
		return ERR_INPUT;
	c.second = (int8_t)second;
	if (s.len || !civil_valid(c))
		return ERR_INPUT;
	*ret_civil = c;
	return OK;
}

static void digits_put(char *out, int value, size_t count)
{
	assert(value >= 0);
	for (size_t i = count; i > 0; i--) {
		out[i - 1] = (char)('0' + value % 10);
		value /= 10;
	}
}

void civil_format(struct buf *b, struct civil c)
{
	assert(civil_valid(c));
	char text[] = "0000-00-00T00:00:00";
	digits_put(text, c.year, 4);
	digits_put(text + 5, c.month, 2);
	digits_put(text + 8, c.day, 2);
	digits_put(text + 11, c.hour, 2);
	digits_put(text + 14, c.minute, 2);
	digits_put(text + 17, c.second, 2);
	buf_add(b, str_make(text, sizeof(text) - 1));
}

void wall_format(struct buf *b, struct wall t)
{
	int64_t ms = wall_ms(t);
	int64_t seconds = floor_div(ms, 1000);
	int fraction = (int)(ms - seconds * 1000);
	civil_format(b, civil_from_s(seconds));
	if (fraction) {
		char text[] = ".000";
		digits_put(text + 1, fraction, 3);
		buf_add(b, str_make(text, 4));
	}
	buf_add_char(b, 'Z');
}

/* The units in falling order; whole: span_format uses it only when nothing is left over, because
 * "2d" reads well and "1w1d2h" does not. */
static const struct unit {
	char name[3];
	bool whole;
	int64_t ns;
} units[] = {
	{ "y", true, 365 * 86400 * NS_PER_S },
	{ "w", true, 7 * 86400 * NS_PER_S },
	{ "d", true, 86400 * NS_PER_S },
	{ "h", false, 3600 * NS_PER_S },
	{ "m", false, 60 * NS_PER_S },
	{ "s", false, NS_PER_S },
	{ "ms", false, NS_PER_MS },
};

/* Index of the unit whose name is at the front of s, or ARRAY_COUNT(units). */
static size_t unit_find(struct str s)
{
	size_t letters = 0;
	while (letters < s.len && s.ptr[letters] >= 'a' && s.ptr[letters] <= 'z')
		letters++;
	for (size_t i = 0; i < ARRAY_COUNT(units); i++) {
		if (str_eq(str_first(s, letters), str_c(units[i].name)))
			return i;
	}
	return ARRAY_COUNT(units);
}

enum err span_parse(struct str s, struct span *ret_span)
{
	assert(ret_span);
	if (s.len == 0)
		return ERR_INPUT;
	if (str_eq(s, STR("0"))) {
		*ret_span = (struct span){ 0 };
		return OK;
	}
	uint64_t total = 0;
	bool over = false;
	size_t next_unit = 0;
	while (s.len) {
		uint64_t value = 0;
		size_t digits = 0;
		for (; digits < s.len && s.ptr[digits] >= '0' && s.ptr[digits] <= '9'; digits++) {
			over = over || ck_mul(value, 10u, &value) ||
			       ck_add(value, (unsigned)(s.ptr[digits] - '0'), &value);
		}
		if (digits == 0)
			return ERR_INPUT;
		s = str_from(s, digits);
		size_t unit = unit_find(s);
		if (unit == ARRAY_COUNT(units) || unit < next_unit)
			return ERR_INPUT;
		next_unit = unit + 1;
		s = str_from(s, strlen(units[unit].name));
		over = over || ck_mul(value, (uint64_t)units[unit].ns, &value) ||
		       ck_add(total, value, &total);
	}
	if (over || total > INT64_MAX)
		return ERR_LIMIT;
	*ret_span = (struct span){ (int64_t)total };
	return OK;
}

void span_format(struct buf *b, struct span d)
{
	uint64_t rest = d.ns < 0 ? 0 - (uint64_t)d.ns : (uint64_t)d.ns;
	rest -= rest % (uint64_t)NS_PER_MS; /* finer than any unit has */
	if (rest == 0) {
		buf_add(b, STR("0s"));
		return;
	}
	if (d.ns < 0)
		buf_add_char(b, '-');
	for (size_t i = 0; i < ARRAY_COUNT(units) && rest; i++) {
		uint64_t unit = (uint64_t)units[i].ns;
		if (rest < unit || (units[i].whole && rest % unit))
			continue;
		buf_add_u64(b, rest / unit);
		buf_add_c(b, units[i].name);
		rest %= unit;
	}
	assert(rest == 0);
}
