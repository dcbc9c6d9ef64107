/* SPDX-License-Identifier: Apache-2.0
 *
 * The strict reader of HTTP/1.1 heads and chunked bodies (http_head.h says why strict).
 */
#include "net/http_head.h"
#include <assert.h>

const struct str http_method_name[HTTP_METHOD_COUNT] = {
	STR_INIT("GET"),
	STR_INIT("HEAD"),
	STR_INIT("POST"),
	STR_INIT("PUT"),
	STR_INIT("PATCH"),
	STR_INIT("DELETE"),
	STR_INIT("OPTIONS"),
};

static const struct http_fault_text fault_texts[HTTP_FAULT_COUNT] = {
	[HTTP_FINE] = { 200, STR_INIT("fine") },
	[HTTP_BAD_START] = { 400, STR_INIT("this is not an HTTP request: it does not begin with a "
	                                   "method (TLS on a plain port?)") },
	[HTTP_BAD_LINE_END] = { 400,
	    STR_INIT("a line of the request's head does not end with CR LF") },
	[HTTP_BAD_REQUEST_LINE] = { 400,
	    STR_INIT("the request line is not 'METHOD target HTTP/1.1'") },
	[HTTP_BAD_METHOD] = { 501,
	    STR_INIT("unknown method: GET, HEAD, POST, PUT, PATCH, DELETE and OPTIONS are known") },
	[HTTP_BAD_TARGET] = { 400,
	    STR_INIT("the request target is neither a path nor an http:// address") },
	[HTTP_BAD_VERSION] = { 400,
	    STR_INIT("the request line does not end with an HTTP version") },
	[HTTP_OTHER_VERSION] = { 505, STR_INIT("only HTTP/1.0 and HTTP/1.1 are spoken here") },
	[HTTP_TARGET_TOO_LONG] = { 414, STR_INIT("the request target is longer than 8192 bytes") },
	[HTTP_HEAD_TOO_LONG] = { 431, STR_INIT("the request's head is longer than 16384 bytes") },
	[HTTP_TOO_MANY_HEADERS] = { 431, STR_INIT("the request has more than 100 headers") },
	[HTTP_BAD_HEADER_NAME] = { 400, STR_INIT("a header's name is empty, has a forbidden "
	                                         "character, or a blank before its colon") },
	[HTTP_BAD_HEADER_VALUE] = { 400,
	    STR_INIT("a header's value has a control character in it") },
	[HTTP_BAD_FOLD] = { 400, STR_INIT("a header is continued on a second line") },
	[HTTP_NO_HOST] = { 400, STR_INIT("an HTTP/1.1 request needs a Host header") },
	[HTTP_TWO_HOSTS] = { 400, STR_INIT("the request has more than one Host header") },
	[HTTP_BAD_HOST] = { 400, STR_INIT("the host is not a host name with an optional port") },
	[HTTP_BAD_LENGTH] = { 400, STR_INIT("Content-Length is not a plain decimal number") },
	[HTTP_TWO_LENGTHS] = { 400, STR_INIT("the request has more than one Content-Length") },
	[HTTP_LENGTH_AND_CODING] = { 400,
	    STR_INIT("the request has both Content-Length and Transfer-Encoding") },
	[HTTP_CODING_IN_1_0] = { 400, STR_INIT("Transfer-Encoding does not exist in HTTP/1.0") },
	[HTTP_TWO_CODINGS] = { 400, STR_INIT("the request has more than one Transfer-Encoding") },
	[HTTP_BAD_CODING] = { 501, STR_INIT("the only Transfer-Encoding taken is 'chunked'") },
	[HTTP_NO_LENGTH] = { 411, STR_INIT("a request of this method needs a Content-Length (0 for "
	                                   "an empty body) or chunks") },
	[HTTP_BAD_EXPECT] = { 417, STR_INIT("the only expectation met is '100-continue'") },
	[HTTP_BAD_CHUNK] = { 400, STR_INIT("the chunked body is malformed") },
	[HTTP_BAD_TRAILER] = { 400,
	    STR_INIT("the trailer after the chunked body is malformed or longer than 4096 bytes") },
};

const struct http_fault_text *http_fault_of(enum http_fault fault)
{
	assert(fault < HTTP_FAULT_COUNT);
	return &fault_texts[fault];
}

struct str http_status_text(unsigned status)
{
	switch (status) {
	case 100: return STR("Continue");
	case 200: return STR("OK");
	case 201: return STR("Created");
	case 202: return STR("Accepted");
	case 204: return STR("No Content");
	case 301: return STR("Moved Permanently");
	case 302: return STR("Found");
	case 303: return STR("See Other");
	case 304: return STR("Not Modified");
	case 307: return STR("Temporary Redirect");
	case 308: return STR("Permanent Redirect");
	case 400: return STR("Bad Request");
	case 401: return STR("Unauthorized");
	case 403: return STR("Forbidden");
	case 404: return STR("Not Found");
	case 405: return STR("Method Not Allowed");
	case 406: return STR("Not Acceptable");
	case 408: return STR("Request Timeout");
	case 409: return STR("Conflict");
	case 410: return STR("Gone");
	case 411: return STR("Length Required");
	case 413: return STR("Content Too Large");
	case 414: return STR("URI Too Long");
	case 415: return STR("Unsupported Media Type");
	case 417: return STR("Expectation Failed");
	case 422: return STR("Unprocessable Content");
	case 429: return STR("Too Many Requests");
	case 431: return STR("Request Header Fields Too Large");
	case 499: return STR("Client Closed Request");
	case 500: return STR("Internal Server Error");
	case 501: return STR("Not Implemented");
	case 502: return STR("Bad Gateway");
	case 503: return STR("Service Unavailable");
	case 504: return STR("Gateway Timeout");
	case 505: return STR("HTTP Version Not Supported");
	case 507: return STR("Insufficient Storage");
	default: return STR("Unknown");
	}
}

/* tchar of RFC 9110, 5.6.2 */
static bool is_token_char(char c)
{
	if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
		return true;
	switch (c) {
	case '!':
	case '#':
	case '$':
	case '%':
	case '&':
	case '\'':
	case '*':
	case '+':
	case '-':
	case '.':
	case '^':
	case '_':
	case '`':
	case '|':
	case '~': return true;
	default: return false;
	}
}

static bool is_token(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!is_token_char(s.ptr[i]))
			return false;
	return s.len > 0;
}

enum http_fault http_head_find(struct str bytes, size_t *scanned, size_t *ret_len)
{
	assert(*scanned <= bytes.len);
	*ret_len = 0;
	if (bytes.len > 0 && !is_token_char(bytes.ptr[0]))
		return HTTP_BAD_START;
	size_t limit = bytes.len < HTTP_HEAD_BYTES_MAX ? bytes.len : HTTP_HEAD_BYTES_MAX;
	size_t at = *scanned;
	while (at < limit) {
		const char *lf = memchr(bytes.ptr + at, '\n', limit - at);
		if (!lf) {
			at = limit;
			break;
		}
		at = (size_t)(lf - bytes.ptr) + 1;
		if (at < 2 || bytes.ptr[at - 2] != '\r')
			return HTTP_BAD_LINE_END;
		if (at >= 4 && bytes.ptr[at - 3] == '\n') {
			*scanned = at;
			*ret_len = at;
			return HTTP_FINE;
		}
	}
	*scanned = at;
	return bytes.len >= HTTP_HEAD_BYTES_MAX ? HTTP_HEAD_TOO_LONG : HTTP_FINE;
}

static bool host_valid(struct str host)
{
	for (size_t i = 0; i < host.len; i++) {
		unsigned char c = (unsigned char)host.ptr[i];
		if (c <= 0x20 || c >= 0x7f || c == '/' || c == '?' || c == '#' || c == '@' ||
		    c == ',' || c == '\\')
			return false;
	}
	return host.len <= 255;
}

static enum http_fault target_read(struct http_head *head)
{
	struct str t = head->target;
	if (t.len > HTTP_TARGET_BYTES_MAX)
		return HTTP_TARGET_TOO_LONG;
	for (size_t i = 0; i < t.len; i++)
		if ((unsigned char)t.ptr[i] <= 0x20 || (unsigned char)t.ptr[i] >= 0x7f ||
		    t.ptr[i] == '#')
			return HTTP_BAD_TARGET;
	if (str_eq(t, STR("*"))) {
		head->path = t;
		return head->method == HTTP_OPTIONS ? HTTP_FINE : HTTP_BAD_TARGET;
	}
	if (str_empty(t))
		return HTTP_BAD_TARGET;
	if (t.ptr[0] != '/') {
		size_t scheme = 0;
		if (t.len >= 7 && str_eq_nocase(str_first(t, 7), STR("http://")))
			scheme = 7;
		else if (t.len >= 8 && str_eq_nocase(str_first(t, 8), STR("https://")))
			scheme = 8;
		else
			return HTTP_BAD_TARGET;
		t = str_from(t, scheme);
		size_t end = 0;
		while (end < t.len && t.ptr[end] != '/' && t.ptr[end] != '?')
			end++;
		head->host = str_first(t, end);
		if (end == 0 || !host_valid(head->host))
			return HTTP_BAD_TARGET;
		t = str_from(t, end);
	}
	size_t question = str_find(t, '?');
	head->path = str_first(t, question);
	head->query = str_from(t, question + 1);
	if (str_empty(head->path))
		head->path = STR("/");
	return HTTP_FINE;
}

static enum http_fault request_line_read(struct str line, struct http_head *head)
{
	size_t blank = str_find(line, ' ');
	if (blank == line.len)
		return HTTP_BAD_REQUEST_LINE;
	struct str method = str_first(line, blank);
	struct str rest = str_from(line, blank + 1);
	blank = str_find(rest, ' ');
	if (!is_token(method) || blank == rest.len || blank == 0)
		return HTTP_BAD_REQUEST_LINE;
	head->target = str_first(rest, blank);
	struct str version = str_from(rest, blank + 1);

	if (version.len != 8 || !str_starts(version, STR("HTTP/")) || version.ptr[6] != '.' ||
	    version.ptr[5] < '0' || version.ptr[5] > '9' || version.ptr[7] < '0' ||
	    version.ptr[7] > '9')
		return HTTP_BAD_VERSION;
	if (version.ptr[5] != '1' || version.ptr[7] > '1')
		return HTTP_OTHER_VERSION;
	head->minor = (unsigned)(version.ptr[7] - '0');

	unsigned m = 0;
	while (m < HTTP_METHOD_COUNT && !str_eq(http_method_name[m], method))
		m++;
	if (m == HTTP_METHOD_COUNT)
		return HTTP_BAD_METHOD;
	head->method = (enum http_method)m;
	return target_read(head);
}

/* One header line (without CR LF) into name and value. */
static enum http_fault header_read(struct str line, struct http_header *ret)
{
	assert(line.len > 0);
	if (line.ptr[0] == ' ' || line.ptr[0] == '\t')
		return HTTP_BAD_FOLD;
	size_t colon = str_find(line, ':');
	ret->name = str_first(line, colon);
	if (colon == line.len || !is_token(ret->name))
		return HTTP_BAD_HEADER_NAME;
	struct str value = str_from(line, colon + 1);
	for (size_t i = 0; i < value.len; i++) {
		unsigned char c = (unsigned char)value.ptr[i];
		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return HTTP_BAD_HEADER_VALUE;
	}
	ret->value = str_trim(value);
	return HTTP_FINE;
}

/* What the headers that frame the message said; checked against each other at the end. */
struct framing {
	unsigned hosts, lengths, codings;
	bool connection_close, connection_keep;
};

static void connection_read(struct str value, struct framing *f)
{
	for (struct str rest = value; rest.ptr;) {
		struct str option = str_trim(str_cut(&rest, ','));
		if (str_eq_nocase(option, STR("close")))
			f->connection_close = true;
		else if (str_eq_nocase(option, STR("keep-alive")))
			f->connection_keep = true;
	}
}

static enum http_fault header_judge(
    const struct http_header *h, struct framing *f, struct http_head *head)
{
	switch (h->name.len) {
	case 4:
		if (str_eq_nocase(h->name, STR("Host"))) {
			if (f->hosts++)
				return HTTP_TWO_HOSTS;
			if (!host_valid(h->value))
				return HTTP_BAD_HOST;
			if (str_empty(head->host)) /* an absolute target's host wins */
				head->host = h->value;
		}
		break;
	case 6:
		if (str_eq_nocase(h->name, STR("Expect"))) {
			if (!str_eq_nocase(h->value, STR("100-continue")))
				return HTTP_BAD_EXPECT;
			head->expect_continue = head->minor >= 1;
		}
		break;
	case 10:
		if (str_eq_nocase(h->name, STR("Connection")))
			connection_read(h->value, f);
		break;
	case 14:
		if (str_eq_nocase(h->name, STR("Content-Length"))) {
			if (f->lengths++)
				return HTTP_TWO_LENGTHS;
			if (str_empty(h->value) || h->value.len > 18 ||
			    str_u64(h->value, &head->length) != OK)
				return HTTP_BAD_LENGTH;
			head->has_length = true;
		}
		break;
	case 17:
		if (str_eq_nocase(h->name, STR("Transfer-Encoding"))) {
			if (f->codings++)
				return HTTP_TWO_CODINGS;
			if (head->minor == 0)
				return HTTP_CODING_IN_1_0;
			if (!str_eq_nocase(h->value, STR("chunked")))
				return HTTP_BAD_CODING;
			head->chunked = true;
		}
		break;
	default: break;
	}
	return HTTP_FINE;
}

static enum http_fault framing_check(const struct framing *f, struct http_head *head)
{
	if (f->lengths && f->codings)
		return HTTP_LENGTH_AND_CODING;
	if (f->hosts == 0 && head->minor == 1)
		return HTTP_NO_HOST;
	bool body_method =
	    head->method == HTTP_POST || head->method == HTTP_PUT || head->method == HTTP_PATCH;
	if (body_method && !head->has_length && !head->chunked)
		return HTTP_NO_LENGTH;
	head->keep_alive =
	    head->minor == 1 ? !f->connection_close : f->connection_keep && !f->connection_close;
	return HTTP_FINE;
}

/* Cuts the next line (without CR LF) off *rest. http_head_find has seen that each LF follows a CR;
 * a CR anywhere else is refused as a control character by whoever reads the line. */
static struct str line_cut(struct str *rest)
{
	size_t lf = str_find(*rest, '\n');
	assert(lf < rest->len && lf > 0);
	struct str line = str_first(*rest, lf - 1);
	*rest = str_from(*rest, lf + 1);
	return line;
}

enum http_fault http_head_read(struct str bytes, struct http_head *ret)
{
	assert(bytes.len >= 4 && str_ends(bytes, STR("\r\n\r\n")));
	struct framing framing = { 0 };
	ret->header_count = 0;
	ret->length = 0;
	ret->has_length = ret->chunked = ret->expect_continue = ret->keep_alive = false;
	ret->host = ret->query = ret->path = STR("");

	struct str rest = bytes;
	enum http_fault fault = request_line_read(line_cut(&rest), ret);
	while (fault == HTTP_FINE) {
		struct str line = line_cut(&rest);
		if (str_empty(line))
			return framing_check(&framing, ret);
		if (ret->header_count == HTTP_HEADERS_MAX)
			return HTTP_TOO_MANY_HEADERS;
		struct http_header *h = &ret->headers[ret->header_count];
		fault = header_read(line, h);
		if (fault != HTTP_FINE)
			break;
		ret->header_count++;
		fault = header_judge(h, &framing, ret);
	}
	return fault;
}

struct str http_head_get(const struct http_head *head, struct str name)
{
	for (uint32_t i = 0; i < head->header_count; i++)
		if (str_eq_nocase(head->headers[i].name, name))
			return head->headers[i].value;
	return (struct str){ NULL, 0 };
}

/* The chunked body: size line, data, CR LF, ..., 0, trailer lines, empty line. */
enum {
	CHUNK_SIZE,
	CHUNK_EXTENSION,
	CHUNK_SIZE_LF,
	CHUNK_DATA,
	CHUNK_DATA_CR,
	CHUNK_DATA_LF,
	CHUNK_TRAILER,
	CHUNK_TRAILER_LF,
	CHUNK_DONE
};

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static enum http_fault chunk_size_step(struct http_chunks *c, char ch)
{
	int digit = hex_digit(ch);
	if (digit >= 0) {
		if (++c->digits > 8) /* 4 GiB a chunk is more than any route takes */
			return HTTP_BAD_CHUNK;
		c->left = c->left * 16 + (uint64_t)digit;
		return HTTP_FINE;
	}
	if (c->digits == 0)
		return HTTP_BAD_CHUNK;
	if (ch == ';')
		c->state = CHUNK_EXTENSION;
	else if (ch == '\r')
		c->state = CHUNK_SIZE_LF;
	else
		return HTTP_BAD_CHUNK;
	return HTTP_FINE;
}

/* Trailers are checked for length and characters and otherwise dropped: nothing here wants them. */
static enum http_fault trailer_step(struct http_chunks *c, char ch)
{
	if (++c->trailer_bytes > HTTP_TRAILER_BYTES_MAX)
		return HTTP_BAD_TRAILER;
	if (ch == '\r') {
		c->state = CHUNK_TRAILER_LF;
	} else {
		unsigned char u = (unsigned char)ch;
		if ((u < 0x20 && u != '\t') || u == 0x7f || (c->line_start && !is_token_char(ch)))
			return HTTP_BAD_TRAILER;
		c->line_start = false;
	}
	return HTTP_FINE;
}

static enum http_fault chunk_step(struct http_chunks *c, char ch)
{
	switch (c->state) {
	case CHUNK_SIZE: return chunk_size_step(c, ch);
	case CHUNK_EXTENSION:
		if (++c->line_bytes > HTTP_CHUNK_LINE_MAX)
			return HTTP_BAD_CHUNK;
		if (ch == '\r')
			c->state = CHUNK_SIZE_LF;
		else if (((unsigned char)ch < 0x20 && ch != '\t') || ch == 0x7f)
			return HTTP_BAD_CHUNK;
		return HTTP_FINE;
	case CHUNK_SIZE_LF:
		if (ch != '\n')
			return HTTP_BAD_CHUNK;
		c->state = c->left ? CHUNK_DATA : CHUNK_TRAILER;
		c->line_start = true;
		return HTTP_FINE;
	case CHUNK_DATA_CR:
		if (ch != '\r')
			return HTTP_BAD_CHUNK;
		c->state = CHUNK_DATA_LF;
		return HTTP_FINE;
	case CHUNK_DATA_LF:
		if (ch != '\n')
			return HTTP_BAD_CHUNK;
		c->state = CHUNK_SIZE;
		c->digits = 0;
		c->line_bytes = 0;
		return HTTP_FINE;
	case CHUNK_TRAILER: return trailer_step(c, ch);
	case CHUNK_TRAILER_LF:
		if (ch != '\n')
			return HTTP_BAD_TRAILER;
		c->done = c->line_start;
		c->state = c->done ? CHUNK_DONE : CHUNK_TRAILER;
		c->line_start = true;
		return HTTP_FINE;
	default: assert(false); return HTTP_BAD_CHUNK;
	}
}

enum http_fault http_chunks_next(struct http_chunks *c, struct str *in, struct str *ret_data)
{
	*ret_data = STR("");
	while (in->len > 0 && !c->done) {
		if (c->state == CHUNK_DATA) {
			size_t n = in->len < c->left ? in->len : (size_t)c->left;
			*ret_data = str_first(*in, n);
			*in = str_from(*in, n);
			c->left -= n;
			if (c->left == 0)
				c->state = CHUNK_DATA_CR;
			return HTTP_FINE;
		}
		enum http_fault fault = chunk_step(c, in->ptr[0]);
		if (fault != HTTP_FINE)
			return fault;
		*in = str_from(*in, 1);
	}
	return HTTP_FINE;
}
