/* SPDX-License-Identifier: Apache-2.0
 *
 * HTTP/1.1 requests as bytes (RFC 9112): a strict reader of request heads and of chunked bodies.
 * Pure: no socket, no clock, no allocation. What two readers could understand differently (two
 * lengths, a folded line, a bare line feed, a blank before a colon ...) is refused and never
 * repaired, so nobody can smuggle a second request through a proxy in front of us. The table of all
 * cases with their answers is http_head_test.c.
 */
#pragma once
#include "base/str.h"

#define HTTP_HEAD_BYTES_MAX 16384u
#define HTTP_TARGET_BYTES_MAX 8192u
#define HTTP_HEADERS_MAX 100u
#define HTTP_TRAILER_BYTES_MAX 4096u
#define HTTP_CHUNK_LINE_MAX 256u

/* What is wrong with a request; http_fault_of gives the status and the words. */
enum http_fault {
	HTTP_FINE,
	HTTP_BAD_START,
	HTTP_BAD_LINE_END,
	HTTP_BAD_REQUEST_LINE,
	HTTP_BAD_METHOD,
	HTTP_BAD_TARGET,
	HTTP_BAD_VERSION,
	HTTP_OTHER_VERSION,
	HTTP_TARGET_TOO_LONG,
	HTTP_HEAD_TOO_LONG,
	HTTP_TOO_MANY_HEADERS,
	HTTP_BAD_HEADER_NAME,
	HTTP_BAD_HEADER_VALUE,
	HTTP_BAD_FOLD,
	HTTP_NO_HOST,
	HTTP_TWO_HOSTS,
	HTTP_BAD_HOST,
	HTTP_BAD_LENGTH,
	HTTP_TWO_LENGTHS,
	HTTP_LENGTH_AND_CODING,
	HTTP_CODING_IN_1_0,
	HTTP_TWO_CODINGS,
	HTTP_BAD_CODING,
	HTTP_NO_LENGTH,
	HTTP_BAD_EXPECT,
	HTTP_BAD_CHUNK,
	HTTP_BAD_TRAILER,
	HTTP_FAULT_COUNT
};
struct http_fault_text {
	unsigned status;
	struct str text;
};
const struct http_fault_text *http_fault_of(enum http_fault fault);

enum http_method {
	HTTP_GET,
	HTTP_HEAD,
	HTTP_POST,
	HTTP_PUT,
	HTTP_PATCH,
	HTTP_DELETE,
	HTTP_OPTIONS,
	HTTP_METHOD_COUNT
};
extern const struct str http_method_name[HTTP_METHOD_COUNT];

struct http_header {
	struct str name, value; /* value without blanks around it */
};

/* Everything borrows from the bytes that were read. */
struct http_head {
	enum http_method method;
	unsigned minor;    /* HTTP/1.minor: 0 or 1 */
	struct str target; /* as sent */
	struct str path;   /* begins with '/', still percent-encoded; "*" only for OPTIONS */
	struct str query;  /* what follows '?', or empty */
	struct str host; /* of the target when it was absolute, else of Host; may be empty in 1.0 */
	bool keep_alive, expect_continue, chunked, has_length;
	uint64_t length; /* of the body when has_length */
	uint32_t header_count;
	struct http_header headers[HTTP_HEADERS_MAX];
};

/* Looks for the end of a head (its empty line included) in what has come so far. *scanned is 0 at
 * first and remembers how far earlier calls have looked. *ret_len is 0 when more is needed. Finds
 * HTTP_BAD_START, _BAD_LINE_END and _HEAD_TOO_LONG already in an incomplete head. */
enum http_fault http_head_find(struct str bytes, size_t *scanned, size_t *ret_len);
/* Reads a whole head as found. *ret is only meaningful for HTTP_FINE. */
enum http_fault http_head_read(struct str bytes, struct http_head *ret);
/* The value of the first header with this name (any case); ptr NULL when there is none. */
struct str http_head_get(const struct http_head *head, struct str name);

/* A chunked body, read piece by piece. Starts as all zero. */
struct http_chunks {
	int state;
	unsigned digits;
	uint32_t line_bytes, trailer_bytes;
	uint64_t left;
	bool line_start;
	bool done;
};
/* Cuts the next piece of data off *in. An empty piece: either c->done, or all of *in was used and
 * more is needed. */
enum http_fault http_chunks_next(struct http_chunks *c, struct str *in, struct str *ret_data);

/* The standard phrase of a status, "Unknown" for what we never send. */
struct str http_status_text(unsigned status);
