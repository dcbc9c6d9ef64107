/* SPDX-License-Identifier: Apache-2.0
 *
 * The forms of texts, one small predicate each, in one table with their words.
 */
#include "conf/form_priv.h"
#include <assert.h>

#define LINE_MAX_BYTES 1024u
#define NAME_MAX_CHARS 128u
#define EMAIL_MAX_BYTES 254u
#define HOST_MAX_BYTES 255u

const struct str conf_weekdays[7] = { STR_INIT("sun"), STR_INIT("mon"), STR_INIT("tue"),
	STR_INIT("wed"), STR_INIT("thu"), STR_INIT("fri"), STR_INIT("sat") };

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}
static bool is_alpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
static bool is_alnum(char c)
{
	return is_digit(c) || is_alpha(c);
}

static bool all_in(struct str s, bool (*ok)(char c))
{
	for (size_t i = 0; i < s.len; i++)
		if (!ok(s.ptr[i]))
			return false;
	return true;
}

static bool line_char(char c)
{
	return (unsigned char)c >= 0x20 && c != 0x7f;
}
static bool text_char(char c)
{
	return line_char(c) || c == '\n' || c == '\t' || c == '\r';
}
static bool visible_char(char c)
{
	return (unsigned char)c > 0x20 && c != 0x7f;
}

static bool any_ok(struct str s)
{
	return all_in(s, text_char);
}

static bool query_ok(struct str s)
{
	return !str_empty(str_trim(s)) && all_in(s, text_char);
}

static bool line_ok(struct str s)
{
	return s.len <= LINE_MAX_BYTES && all_in(s, line_char);
}

static bool name_ok(struct str s)
{
	return s.len > 0 && str_eq(s, str_trim(s)) && all_in(s, line_char) && str_utf8_valid(s) &&
	       str_utf8_count(s) <= NAME_MAX_CHARS;
}

static bool host_char(char c)
{
	return is_alnum(c) || c == '-' || c == '.' || c == '_' || (unsigned char)c >= 0x80;
}

static bool host_ok(struct str s)
{
	return s.len > 0 && s.len <= HOST_MAX_BYTES && all_in(s, host_char) && s.ptr[0] != '.' &&
	       s.ptr[0] != '-' && str_find_str(s, STR("..")) == s.len;
}

static bool email_char(char c)
{
	return visible_char(c) && c != '<' && c != '>' && c != ',' && c != ';' && c != '"' &&
	       c != '(' && c != ')' && c != '\\' && c != ':' && c != '[' && c != ']';
}

static bool email_ok(struct str s)
{
	size_t at = str_find(s, '@');
	struct str local = str_first(s, at), domain = str_from(s, at + 1);
	return s.len <= EMAIL_MAX_BYTES && at < s.len && local.len > 0 && local.len <= 64 &&
	       all_in(local, email_char) && host_ok(domain);
}

static bool mailbox_ok(struct str s)
{
	size_t open = str_find(s, '<');
	if (open == s.len)
		return email_ok(s);
	return line_ok(s) && str_ends(s, STR(">")) &&
	       email_ok(str_make(s.ptr + open + 1, s.len - open - 2));
}

static bool zone_char(char c)
{
	return is_alnum(c) || c == '_' || c == '-' || c == '+';
}

static bool zone_ok(struct str s)
{
	if (s.len == 0 || s.len > 64)
		return false;
	while (s.ptr) {
		struct str part = str_cut(&s, '/');
		if (part.len == 0 || !all_in(part, zone_char) || !is_alpha(part.ptr[0]))
			return false;
	}
	return true;
}

static bool key_ok(struct str s)
{
	return s.len == 32 && all_in(s, is_alnum);
}

static bool url_rest_ok(struct str rest)
{
	struct str host = str_first(rest, str_find(rest, '/'));
	return host.len > 0 && rest.len <= 2048 && all_in(rest, visible_char);
}

static bool http_url_ok(struct str s)
{
	if (str_starts(s, STR("http://")))
		return url_rest_ok(str_from(s, 7));
	return str_starts(s, STR("https://")) && url_rest_ok(str_from(s, 8));
}

static bool url_ok(struct str s)
{
	size_t at = str_find_str(s, STR("://"));
	return at > 0 && at < s.len && all_in(str_first(s, at), is_alpha) &&
	       url_rest_ok(str_from(s, at + 3));
}

static bool v6_char(char c)
{
	return is_alnum(c) || c == ':' || c == '.' || c == '%';
}

static bool listen_ok(struct str s)
{
	if (str_eq(s, STR("off")))
		return true;
	size_t colon = s.len;
	while (colon > 0 && s.ptr[colon - 1] != ':')
		colon--;
	if (colon == 0)
		return false;
	struct str host = str_first(s, colon - 1), port = str_from(s, colon);
	uint64_t number;
	if (port.len > 5 || str_u64(port, &number) || number > 65535)
		return false;
	if (host.len > 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']')
		return all_in(str_make(host.ptr + 1, host.len - 2), v6_char);
	return str_eq(host, STR("*")) || host_ok(host);
}

static bool path_ok(struct str s)
{
	return s.len > 0 && s.len < LINE_MAX_BYTES && all_in(s, line_char);
}

static bool civil_ok(struct str s)
{
	struct civil c;
	return civil_parse(s, &c) == OK;
}

static bool instant_ok(struct str s)
{
	struct wall t;
	return wall_parse(s, &t) == OK;
}

static int two_digits(const char *p)
{
	return is_digit(p[0]) && is_digit(p[1]) ? (p[0] - '0') * 10 + (p[1] - '0') : -1;
}

static bool clock_ok(struct str s)
{
	if ((s.len != 5 && s.len != 8) || s.ptr[2] != ':' || (s.len == 8 && s.ptr[5] != ':'))
		return false;
	int hour = two_digits(s.ptr), minute = two_digits(s.ptr + 3);
	int second = s.len == 8 ? two_digits(s.ptr + 6) : 0;
	if (hour < 0 || minute < 0 || second < 0 || minute > 59 || second > 59)
		return false;
	return hour < 24 || (hour == 24 && minute == 0 && second == 0);
}

int32_t conf_clock_s(struct str text)
{
	assert(clock_ok(text));
	int s = two_digits(text.ptr) * 3600 + two_digits(text.ptr + 3) * 60;
	return s + (text.len == 8 ? two_digits(text.ptr + 6) : 0);
}

static bool rotation_ok(struct str s)
{
	uint64_t every;
	if (s.len < 2 || str_u64(str_first(s, s.len - 1), &every) || every < 1 || every > 1000)
		return false;
	char unit = s.ptr[s.len - 1];
	return unit == 'h' || unit == 'd' || unit == 'w';
}

void conf_rotation(struct str text, enum rotation_unit *ret_unit, uint32_t *ret_every)
{
	assert(rotation_ok(text));
	uint64_t every = 1;
	ignore_err(str_u64(str_first(text, text.len - 1), &every), "checked above");
	char unit = text.ptr[text.len - 1];
	*ret_unit = unit == 'h' ? ROTATION_HOUR : unit == 'd' ? ROTATION_DAY : ROTATION_WEEK;
	*ret_every = (uint32_t)every;
}

static bool weekday_ok(struct str s)
{
	for (size_t i = 0; i < ARRAY_COUNT(conf_weekdays); i++)
		if (str_eq(s, conf_weekdays[i]))
			return true;
	return false;
}

static bool metric_char(char c)
{
	return is_alnum(c) || c == '_' || c == ':';
}

static bool metric_ok(struct str s)
{
	return s.len > 0 && s.len <= 256 && all_in(s, metric_char) && !is_digit(s.ptr[0]);
}

bool conf_label_name_valid(struct str s)
{
	return metric_ok(s) && str_find(s, ':') == s.len;
}

struct form {
	bool (*ok)(struct str text);
	struct str what; /* "... is not WHAT" */
	struct str hint;
};

static const struct form forms[FORM_COUNT] = {
	[FORM_ANY] = { any_ok, STR_INIT("text"), STR_INIT("it holds a control character") },
	[FORM_LINE] = { line_ok, STR_INIT("one line of text"),
	    STR_INIT("at most 1024 bytes without control characters") },
	[FORM_NAME] = { name_ok, STR_INIT("a name"),
	    STR_INIT("1 to 128 characters in one line, no blanks at its ends") },
	[FORM_EMAIL] = { email_ok, STR_INIT("a mail address"),
	    STR_INIT("an address is such as ana@example.com") },
	[FORM_MAILBOX] = { mailbox_ok, STR_INIT("a sender"),
	    STR_INIT("quis@example.com, or \"Quis <quis@example.com>\"") },
	[FORM_ZONE] = { zone_ok, STR_INIT("a time zone"),
	    STR_INIT("a name such as Europe/Lisbon or UTC") },
	[FORM_KEY] = { key_ok, STR_INIT("an integration key"), STR_INIT("") },
	[FORM_HTTP_URL] = { http_url_ok, STR_INIT("a web address"),
	    STR_INIT("it begins with http:// or https:// and a host") },
	[FORM_URL] = { url_ok, STR_INIT("an address"),
	    STR_INIT("an address is such as smtp://mail.example.com:587") },
	[FORM_LISTEN] = { listen_ok, STR_INIT("an address to listen on"),
	    STR_INIT("HOST:PORT such as 127.0.0.1:7847, or [::1]:7847") },
	[FORM_PATH] = { path_ok, STR_INIT("a path"),
	    STR_INIT("the path of a file or folder, relative to this file or absolute") },
	[FORM_CIVIL] = { civil_ok, STR_INIT("a local date and time"),
	    STR_INIT("it is such as \"2026-01-05T09:00\", without a zone") },
	[FORM_INSTANT] = { instant_ok, STR_INIT("an instant"),
	    STR_INIT("it is such as \"2026-01-05T09:00:00+01:00\", with its offset or Z") },
	[FORM_CLOCK] = { clock_ok, STR_INIT("a time of day"),
	    STR_INIT("it is such as \"09:00\", at most \"24:00\"") },
	[FORM_ROTATION] = { rotation_ok, STR_INIT("a rotation"),
	    STR_INIT("a number of hours, days or weeks such as 12h, 1d, 1w") },
	[FORM_WEEKDAY] = { weekday_ok, STR_INIT("a day of the week"),
	    STR_INIT("mon, tue, wed, thu, fri, sat or sun") },
	[FORM_METRIC] = { metric_ok, STR_INIT("a metric's name"),
	    STR_INIT("letters, digits, _ and :, not beginning with a digit") },
	[FORM_QUERY] = { query_ok, STR_INIT("a query"),
	    STR_INIT("a PromQL expression such as avg(load1)") },
};

struct str conf_form_text(enum text_form form)
{
	assert(form < FORM_COUNT);
	return forms[form].what;
}

bool conf_form_check(
    struct arena *a, enum text_form form, struct str text, struct form_fault *ret_fault)
{
	assert(form < FORM_COUNT && forms[form].ok);
	if (forms[form].ok(text))
		return true;
	struct str hint = forms[form].hint;
	if (form == FORM_KEY)
		hint = text.len == 32 ? STR("only 0-9, a-z and A-Z")
		                      : arena_printf(a, "a key has 32 characters, this has %zu",
		                            str_utf8_valid(text) ? str_utf8_count(text) : text.len);
	bool show = text.len <= 128 && all_in(text, line_char);
	struct str message =
	    show ? arena_printf(a, "\"%.*s\" is not %.*s", STR_ARG(text), STR_ARG(forms[form].what))
	         : arena_printf(a, "this is not %.*s", STR_ARG(forms[form].what));
	*ret_fault = (struct form_fault){ message, hint };
	return false;
}

static bool number_ok(struct str s)
{
	size_t digits = 0;
	for (size_t i = 0; i < s.len; i++) {
		if (is_digit(s.ptr[i]))
			digits++;
		else if (!(i == 0 && s.ptr[i] == '+') && s.ptr[i] != ' ' && s.ptr[i] != '-')
			return false;
	}
	return digits >= 3 && digits <= 15;
}

static bool topic_char(char c)
{
	return is_alnum(c) || c == '-' || c == '_';
}

/* A topic of the provider's own server. */
static bool topic_ok(struct str s)
{
	return s.len > 0 && s.len <= 64 && all_in(s, topic_char);
}

bool conf_contact_address_ok(enum contact_type type, struct str address, struct str *ret_fix)
{
	switch (type) {
	case CONTACT_EMAIL: *ret_fix = forms[FORM_EMAIL].hint; return email_ok(address);
	case CONTACT_WEBHOOK: *ret_fix = forms[FORM_HTTP_URL].hint; return http_url_ok(address);
	case CONTACT_NTFY:
		*ret_fix = STR("the address of a topic is such as https://ntfy.sh/my-topic");
		return http_url_ok(address) || topic_ok(address);
	case CONTACT_CONSOLE: return line_ok(address);
	case CONTACT_SMS:
	case CONTACT_PHONE:
		*ret_fix = STR("a number is such as +351910000000");
		return number_ok(address);
	case CONTACT_TYPE_COUNT: break;
	}
	assert(false && "every type of contact has a form");
	return false;
}
