/* SPDX-License-Identifier: Apache-2.0
 *
 * A client for HTTP(S) and SMTP(S) on our loop: libcurl's multi interface behind one header. One
 * request goes to one server and gives one result; what a result means is for the caller to judge.
 *
 * What is fixed here: certificates and names are verified, no redirect is followed, no proxy and no
 * .netrc of the environment is used, only the protocol of the request's kind is spoken, answers are
 * cut at a limit, names are resolved off the loop's thread. All calls are for the loop's thread.
 */
#pragma once
#include "base/mem.h"
#include "loop/loop.h"

struct fetch;
struct fetch_call;

struct fetch_limits {
	uint32_t calls;            /* at once; fetch_start gives ERR_BUSY beyond */
	uint32_t connections_host; /* to one host at once; the rest waits within its own timeout */
};

/* ERR_NOMEM; ERR_IO when this libcurl would resolve names on the loop's thread or lacks TLS or
 * SMTP. */
must_check enum err fetch_open(
    const struct mem *mem, struct loop *loop, struct fetch_limits limits, struct fetch **ret_fetch);
/* Calls in progress end without their done function being called. Not from within a done function.
 */
void fetch_close(struct fetch **fetch);

enum fetch_kind { FETCH_HTTP, FETCH_MAIL };

/* How much a plain smtp:// connection must become TLS (STARTTLS); https:// and smtps:// always are.
 */
enum fetch_tls { FETCH_TLS_REQUIRED, FETCH_TLS_IF_OFFERED, FETCH_TLS_OFF };

struct fetch_header {
	struct str name, value; /* no control characters */
};

/* Everything is copied by fetch_start but the body, which is copied too: nothing needs to live on.
 */
struct fetch_request {
	enum fetch_kind kind;
	struct str url;
	struct str method;                  /* HTTP */
	const struct fetch_header *headers; /* HTTP */
	size_t header_count;
	struct str body; /* HTTP: the content; MAIL: the whole message, lines end in CRLF */
	struct str mail_from, mail_to; /* MAIL: bare addresses */
	struct str username, password; /* empty = none; HTTP: basic authentication */
	enum fetch_tls tls;            /* MAIL */
	struct str ca_pem;       /* PEM text of the certificates to believe; empty = the system's */
	struct span timeout;     /* for all of it */
	size_t answer_bytes_max; /* more is read and dropped */
};

enum fetch_end {
	FETCH_ANSWERED, /* HTTP: a whole status and head came; MAIL: the message was taken (250) or
	                   refused */
	FETCH_NAME,     /* the name does not resolve */
	FETCH_CONNECT,  /* no connection */
	FETCH_TLS,   /* no secure connection: certificate, name, protocol, STARTTLS not offered */
	FETCH_LOGIN, /* MAIL: the server refused the username and password */
	FETCH_TIMEOUT,
	FETCH_CUT,   /* the connection broke, or what came was not the protocol */
	FETCH_WRONG, /* the request cannot be made: URL, protocol */
	FETCH_OURS,  /* our own fault: memory, libcurl */
};

struct fetch_result {
	enum fetch_end end;
	unsigned status; /* HTTP status or last SMTP code; 0 = none came */
	bool began; /* HTTP: the request may have begun to leave; MAIL: the message itself (after
	               DATA's 354) */
	bool whole; /* MAIL: all of the message may have left, so the server may have taken it */
	struct str
	    answer; /* HTTP: the body's beginning; MAIL: the server's last line, without CRLF */
	struct str reason; /* a sentence for people when it is not FETCH_ANSWERED; holds no secrets
	                      of the request */
	struct span took;
};

/* Starts; done is called exactly once from a later turn (unless cancelled) with a result that is
 * borrowed until it returns, and the call is gone afterwards. ERR_INPUT: a header or an address
 * holds control characters. ERR_BUSY, ERR_NOMEM. */
must_check enum err fetch_start(struct fetch *fetch, const struct fetch_request *request,
    void (*done)(void *context, const struct fetch_result *result), void *context,
    struct fetch_call **ret_call);
/* As fetch_result.began, now. */
bool fetch_call_began(const struct fetch_call *call);
/* Ends it without done being called. *call may be NULL; is NULL afterwards. */
void fetch_cancel(struct fetch_call **call);
size_t fetch_calls(const struct fetch *fetch);
