/* SPDX-License-Identifier: Apache-2.0
 *
 * Who is asking: API tokens (compared as SHA-256, in constant time), sessions of people (a cookie
 * whose SHA-256 the control store knows), and what each role may do. Passwords are checked on a
 * thread of their own. Failed sign-ins are limited by address and by user; the table is small and
 * forgets the oldest.
 */
#include "api/api_priv.h"
#include "base/enc.h"
#include "base/hash.h"
#include <assert.h>
#include <sodium.h>
#include <string.h>

#define SESSION_FRESH SPAN_S(5) /* how long web believes what the store said about a session */
#define ATTEMPTS_WINDOW SPAN_S(900)
#define ATTEMPTS_PER_ADDRESS 10u
#define ATTEMPTS_PER_USER 100u
#define PASSWORD_MIN 10u
#define PASSWORD_MAX 1024u
/* argon2id: 19 MiB, 2 passes (OWASP's first choice), about 20 ms here */
#define ARGON_OPS 2u
#define ARGON_BYTES (19u << 20)

static const struct str role_texts[API_ROLE_COUNT] = { STR_INIT("none"), STR_INIT("ingest"),
	STR_INIT("observer"), STR_INIT("responder"), STR_INIT("admin") };

enum api_role api_role_of(struct str name)
{
	for (unsigned r = API_ROLE_INGEST; r < API_ROLE_COUNT; r++)
		if (str_eq(role_texts[r], name))
			return (enum api_role)r;
	return API_ROLE_NONE;
}

struct str api_role_text(enum api_role role)
{
	assert(role < API_ROLE_COUNT);
	return role_texts[role];
}

enum err auth_open(struct api *api)
{
	api->sessions = mem_new(api->mem, SESSION_CACHE, sizeof *api->sessions);
	api->attempts = mem_new(api->mem, (size_t)2 * ATTEMPTS_TABLE, sizeof *api->attempts);
	randombytes_buf(&api->attempts_seed, sizeof api->attempts_seed);
	return api->sessions && api->attempts ? OK : ERR_NOMEM;
}

void auth_close(struct api *api)
{
	mem_free(api->mem, api->sessions);
	mem_free(api->mem, api->attempts);
}

static bool role_may(enum api_role role, enum access access)
{
	switch (access) {
	case ACCESS_OPEN: return true;
	case ACCESS_READ:
	case ACCESS_QUERY: return role >= API_ROLE_OBSERVER;
	case ACCESS_ACT: return role >= API_ROLE_RESPONDER;
	case ACCESS_ADMIN: return role >= API_ROLE_ADMIN;
	case ACCESS_WRITE: return role == API_ROLE_INGEST || role >= API_ROLE_RESPONDER;
	}
	return false;
}

static bool refuse(struct call *call, unsigned status, struct str detail)
{
	call->api->counters.denied++;
	if (status == 401)
		call_error(call, 401, 2006, STR("Authentication Failed"), detail);
	else
		call_error(call, 403, 2010, STR("Access Denied"), detail);
	return false;
}

/* The caller is known: may he? */
static bool judge(struct call *call)
{
	struct http_request *req = call->req;
	bool changes = req->head.method != HTTP_GET && req->head.method != HTTP_HEAD;
	if (call->who.by_session && changes &&
	    !str_eq(http_head_get(&req->head, STR("X-Quis")), STR("1")))
		return refuse(call, 403,
		    STR("a request with a session that changes something needs the header 'X-Quis: "
		        "1'"));
	if (!role_may(call->who.role, call->route->access)) {
		char text[160];
		struct buf b = buf_make(call->api->mem, sizeof text);
		buf_printf(
		    &b, "the role %.*s may not do this", STR_ARG(api_role_text(call->who.role)));
		refuse(call, 403, buf_str(&b));
		buf_free(&b);
		return false;
	}
	return true;
}

/* "Token token=KEY", "Bearer KEY"; ptr NULL for anything else. */
static struct str authorization_token(struct str value)
{
	if (value.len > 7 && str_eq_nocase(str_first(value, 7), STR("Bearer ")))
		return str_trim(str_from(value, 7));
	if (value.len > 6 && str_eq_nocase(str_first(value, 6), STR("Token "))) {
		struct str rest = str_trim(str_from(value, 6));
		if (rest.len > 6 && str_eq_nocase(str_first(rest, 6), STR("token=")))
			rest = str_from(rest, 6);
		if (rest.len >= 2 && rest.ptr[0] == '"' && rest.ptr[rest.len - 1] == '"')
			rest = str_make(rest.ptr + 1, rest.len - 2);
		return rest;
	}
	return (struct str){ NULL, 0 };
}

static bool token_check(struct call *call, struct str key)
{
	unsigned char hash[32];
	const struct token *found = NULL;
	crypto_hash_sha256(hash, (const unsigned char *)key.ptr, key.len);
	for (size_t i = 0; i < call->api->token_count; i++) /* all of them, always */
		if (sodium_memcmp(hash, call->api->tokens[i].sha256, 32) == 0)
			found = &call->api->tokens[i];
	if (!found)
		return refuse(call, 401, STR("the API token is not known"));
	call->who = (struct principal){ found->name, found->role, false };
	return judge(call);
}

static struct str cookie_get(struct str header, struct str name)
{
	for (struct str rest = header; rest.ptr;) {
		struct str item = str_trim(str_cut(&rest, ';'));
		struct str key = str_cut(&item, '=');
		if (item.ptr && str_eq(key, name))
			return item;
	}
	return (struct str){ NULL, 0 };
}

static struct session_entry *session_slot(struct api *api, const unsigned char sha256[32])
{
	return &api->sessions[sha256[0] % SESSION_CACHE];
}

static void hex_of(const unsigned char sha256[32], char out[65])
{
	sodium_bin2hex(out, 65, sha256, 32);
}

struct session_lookup {
	unsigned char sha256[32];
	enum err result;
	struct str user;
	enum api_role role;
};

static void session_work(struct job *job, struct worker *worker)
{
	struct session_lookup *l = job->user;
	struct control_reader *r;
	const struct directory *dir;
	char hex[65];
	hex_of(l->sha256, hex);
	l->result = worker_reader(worker, &r);
	if (l->result == OK) {
		l->result = control_session(r, str_make(hex, 64), job->now, job->arena, &l->user);
		if (l->result == ERR_GONE)
			l->result = ERR_DENIED;
	}
	if (l->result == OK)
		l->result = job_directory(job, worker, &dir);
	if (l->result == OK) {
		int32_t u = directory_user(dir, l->user);
		l->role = u >= 0 ? api_role_of(dir->users[u].role) : API_ROLE_NONE;
		if (u < 0)
			l->result = ERR_DENIED; /* the account was removed: so are its sessions */
	} else if (l->result == ERR_IO) {
		control_reader_close(&worker->reader);
	}
}

static void session_known(struct call *call, struct str user, enum api_role role)
{
	call->who = (struct principal){ arena_str(call->req->arena, user), role, true };
}

static void session_done(struct job *job)
{
	struct session_lookup *l = job->user;
	struct call *call = job->call;
	struct session_entry *e = session_slot(job->api, l->sha256);
	if (l->result == OK && l->user.len < sizeof e->user) {
		*e = (struct session_entry){
			.checked = loop_now(job->api->loop), .used = true, .role = l->role
		};
		memcpy(e->sha256, l->sha256, 32);
		memcpy(e->user, l->user.ptr, l->user.len);
	}
	if (!call)
		return;
	if (l->result == ERR_DENIED) {
		refuse(call, 401, STR("the session is over: sign in again"));
	} else if (l->result != OK) {
		call_busy(call, STR("the session cannot be checked now: try again"));
	} else {
		session_known(call, l->user, l->role);
		if (judge(call))
			call_proceed(call);
	}
}

static bool session_check(struct call *call, struct str token)
{
	struct api *api = call->api;
	unsigned char hash[32];
	crypto_hash_sha256(hash, (const unsigned char *)token.ptr, token.len);
	struct session_entry *e = session_slot(api, hash);
	if (e->used && memcmp(e->sha256, hash, 32) == 0 &&
	    mono_sub(loop_now(api->loop), e->checked).ns < SESSION_FRESH.ns) {
		session_known(call, str_c(e->user), e->role);
		return judge(call);
	}
	struct job *job = job_new(api, call, &api->readers);
	struct session_lookup *l = job ? arena_new(job->arena, struct session_lookup, 1) : NULL;
	if (!l) {
		if (job)
			job_drop(job);
		call_busy(call, STR("too many requests are being worked on: try again"));
		return false;
	}
	memcpy(l->sha256, hash, 32);
	job->user = l;
	job->work = session_work;
	job->done = session_done;
	job_start(job, &api->readers);
	return false;
}

/* Prometheus' clients (Grafana, remote write, promtool) know no token, as StatsD's do not: a
 * program on this machine is let in where the configuration says so. A proxy's requests come from
 * here too and are told by their headers; a page of another site that the browser was led to (DNS
 * rebinding) by the Host that it names, or by what the browser says about where it comes from. */
static bool from_this_machine(const struct call *call)
{
	static const struct str forwarded[] = { STR_INIT("Forwarded"), STR_INIT("X-Forwarded-For"),
		STR_INIT("X-Real-IP"), STR_INIT("Via"), STR_INIT("Origin") };
	static const struct str hosts[] = { STR_INIT("localhost"), STR_INIT("127.0.0.1"),
		STR_INIT("[::1]"), STR_INIT("") };
	const struct http_head *head = &call->req->head;
	struct str remote = call->req->remote;
	bool loopback = str_starts(remote, STR("127.")) || str_eq(remote, STR("::1")) ||
	                str_starts(remote, STR("::ffff:127."));
	for (size_t i = 0; i < ARRAY_COUNT(forwarded); i++)
		loopback = loopback && !http_head_get(head, forwarded[i]).ptr;
	struct str site = http_head_get(head, STR("Sec-Fetch-Site"));
	if (site.ptr && !str_eq(site, STR("same-origin")) && !str_eq(site, STR("none")))
		loopback = false;
	struct str host = head->host;
	size_t colon = host.len;
	while (colon > 0 && host.ptr[colon - 1] != ':' && host.ptr[colon - 1] != ']')
		colon--;
	if (colon > 0 && host.ptr[colon - 1] == ':')
		host = str_first(host, colon - 1);
	bool named = false;
	for (size_t i = 0; i < ARRAY_COUNT(hosts); i++)
		named = named || str_eq_nocase(host, hosts[i]);
	return loopback && named;
}

bool auth_check(struct call *call)
{
	const struct http_head *head = &call->req->head;
	struct str authorization = http_head_get(head, STR("Authorization"));
	if (authorization.ptr) {
		struct str key = authorization_token(authorization);
		if (!key.ptr)
			return refuse(call, 401,
			    STR("use 'Authorization: Token token=KEY' or 'Authorization: Bearer "
			        "KEY'"));
		return token_check(call, key);
	}
	struct str session = cookie_get(http_head_get(head, STR("Cookie")), STR("quis_session"));
	if (session.ptr && session.len > 0)
		return session_check(call, session);
	enum access access = call->route->access;
	if (call->api->metrics_open && (access == ACCESS_QUERY || access == ACCESS_WRITE) &&
	    from_this_machine(call)) {
		call->who = (struct principal){ STR("loopback"),
			access == ACCESS_WRITE ? API_ROLE_INGEST : API_ROLE_OBSERVER, false };
		return judge(call);
	}
	return refuse(call, 401,
	    STR("this needs an API token ('Authorization: Token token=KEY') or a session"));
}

/* ---- signing in ---- */

static struct attempts *attempts_of(struct api *api, char kind, struct str key)
{
	uint64_t h = hash64(key, api->attempts_seed);
	struct attempts *a =
	    &api->attempts[h % ATTEMPTS_TABLE + (kind == 'u' ? ATTEMPTS_TABLE : 0)];
	if (a->hash != h || mono_sub(loop_now(api->loop), a->since).ns > ATTEMPTS_WINDOW.ns)
		*a = (struct attempts){ .hash = h, .since = loop_now(api->loop) };
	return a;
}

static bool attempts_left(struct api *api, struct str remote, struct str user)
{
	return attempts_of(api, 'a', remote)->count < ATTEMPTS_PER_ADDRESS &&
	       attempts_of(api, 'u', user)->count < ATTEMPTS_PER_USER;
}

static void attempt_failed(struct api *api, struct str remote, struct str user)
{
	attempts_of(api, 'a', remote)->count++;
	attempts_of(api, 'u', user)->count++;
	api->counters.logins_failed++;
}

/* One sign-in on its way: a password to check (or a new one to set up), then records, then the
 * cookie. */
struct sign_in {
	struct api *api;
	bool setup;
	struct str user, password, one_time, remote;
	char one_time_hex[65];
	/* found by the worker */
	enum err result;    /* ERR_DENIED: wrong */
	struct str problem; /* or what is wrong with the input */
	enum api_role role;
	bool new_user;
	char password_hash[crypto_pwhash_STRBYTES];
	/* the records that follow */
	int step;
	char session[65], session_hex[65];
};

/* A user that is not there costs as much time as one that is. */
static void verify(struct sign_in *s, struct control_reader *r, struct job *job)
{
	struct str hash;
	enum err e = control_credential(r, s->user, job->arena, &hash);
	if (e != OK && e != ERR_GONE) {
		s->result = e;
		return;
	}
	if (e == ERR_GONE) {
		char dummy[crypto_pwhash_STRBYTES];
		ignore_err(crypto_pwhash_str_alg(dummy, s->password.ptr, s->password.len, ARGON_OPS,
		               ARGON_BYTES, crypto_pwhash_ALG_ARGON2ID13),
		    "only the time it takes counts");
		s->result = ERR_DENIED;
		return;
	}
	struct str z = arena_str(job->arena, hash);
	s->result = z.ptr && crypto_pwhash_str_verify(z.ptr, s->password.ptr, s->password.len) == 0
	                ? OK
	                : ERR_DENIED;
}

static void prepare(struct sign_in *s, struct control_reader *r, struct job *job)
{
	struct str owner;
	enum err e =
	    control_one_time(r, str_make(s->one_time_hex, 64), job->now, job->arena, &owner);
	s->result = e == ERR_GONE ? ERR_DENIED : e;
	if (s->result != OK)
		return;
	if (!str_empty(owner)) {
		if (!str_empty(s->user) && !str_eq(s->user, owner)) {
			s->problem = STR("this link is for another user");
			s->result = ERR_INPUT;
			return;
		}
		s->user = owner;
	}
	if (str_empty(s->user)) {
		s->problem = STR("'user' is missing");
		s->result = ERR_INPUT;
		return;
	}
	if (crypto_pwhash_str_alg(s->password_hash, s->password.ptr, s->password.len, ARGON_OPS,
	        ARGON_BYTES, crypto_pwhash_ALG_ARGON2ID13) != 0)
		s->result = ERR_NOMEM;
}

static void find_role(struct sign_in *s, struct job *job, struct worker *worker)
{
	const struct directory *dir;
	s->result = job_directory(job, worker, &dir);
	if (s->result != OK)
		return;
	int32_t u = directory_user(dir, s->user);
	if (u >= 0) {
		s->role = api_role_of(dir->users[u].role);
	} else if (s->setup) { /* whoever holds the installation's own link may be its first admin
		                */
		s->role = API_ROLE_ADMIN;
		s->new_user = true;
	} else {
		s->result = ERR_DENIED;
	}
}

static void sign_in_work(struct job *job, struct worker *worker)
{
	struct sign_in *s = job->user;
	struct control_reader *r;
	s->result = worker_reader(worker, &r);
	if (s->result == OK) {
		if (s->setup)
			prepare(s, r, job);
		else
			verify(s, r, job);
	}
	if (s->result == OK)
		find_role(s, job, worker);
	sodium_memzero((void *)(uintptr_t)s->password.ptr, s->password.len);
	if (s->result == ERR_IO)
		control_reader_close(&worker->reader);
}

static void sign_in_next(struct call *call, void *user, enum msg_type type, struct str body);

static enum err send_credential(struct call *call, struct sign_in *s, enum credential_type type,
    struct str hash, struct wall expires)
{
	struct record rec = { .type = RECORD_CREDENTIAL };
	rec.credential = (struct record_credential){ .type = type,
		.user = s->user,
		.secret_hash = hash,
		.expires = expires,
		.from = s->remote };
	return command(call->api, &rec, call, sign_in_next, s);
}

static enum err send_user(struct call *call, struct sign_in *s)
{
	struct buf b = buf_make(call->api->mem, 4096);
	struct jw w = jw_make(&b);
	jw_open(&w, '{');
	jw_kv_str(&w, STR("kind"), STR("User"));
	jw_kv_str(&w, STR("name"), s->user);
	jw_kv_str(&w, STR("role"), STR("admin"));
	jw_close(&w, '}');
	struct record_resource res = { .kind = STR("User"), .name = s->user, .body = buf_str(&b) };
	struct record rec = { .type = RECORD_RESOURCES };
	rec.resources = (struct record_resources){ .manager = MANAGER_UI,
		.actor = s->user,
		.via = STR("ui"),
		.from = s->remote,
		.resources = &res,
		.resource_count = 1 };
	enum err e = b.err == OK ? command(call->api, &rec, call, sign_in_next, s) : b.err;
	buf_free(&b);
	return e;
}

static void send_cookie(struct call *call, struct sign_in *s)
{
	struct arena *a = call->req->arena;
	struct buf b = buf_make(call->api->mem, 4096);
	struct jw w = jw_make(&b);
	jw_open(&w, '{');
	jw_kv_str(&w, STR("user"), s->user);
	jw_kv_str(&w, STR("role"), api_role_text(s->role));
	jw_close(&w, '}');
	struct str headers = arena_printf(a,
	    "%sSet-Cookie: quis_session=%s; Path=/; HttpOnly; SameSite=Strict; Max-Age=%d%s\r\n",
	    HEADERS_DATA, s->session, SESSION_HOURS * 3600,
	    call->api->secure || call->req->secure ? "; Secure" : "");
	call->api->counters.logins++;
	call_answer(call, 200, content_json, headers, buf_str(&b));
	buf_free(&b);
}

static enum err send_session(struct call *call, struct sign_in *s)
{
	unsigned char bytes[32], hash[32];
	randombytes_buf(bytes, sizeof bytes);
	sodium_bin2hex(s->session, sizeof s->session, bytes, sizeof bytes);
	crypto_hash_sha256(hash, (const unsigned char *)s->session, 64);
	hex_of(hash, s->session_hex);
	struct wall expires = wall_add(loop_wall(call->api->loop), SPAN_S(SESSION_HOURS * 3600));
	return send_credential(call, s, CREDENTIAL_SESSION, str_make(s->session_hex, 64), expires);
}

enum { SIGN_USED, SIGN_USER, SIGN_PASSWORD, SIGN_SESSION, SIGN_END };

/* Sends the record of the step; steps that are not needed are passed over. */
static void sign_in_step(struct call *call, struct sign_in *s)
{
	enum err e = OK;
	struct wall none = { 0 };
	if (s->step == SIGN_USER && !s->new_user)
		s->step++;
	switch (s->step) {
	case SIGN_USED:
		e = send_credential(
		    call, s, CREDENTIAL_ONE_TIME_USED, str_make(s->one_time_hex, 64), none);
		break;
	case SIGN_USER: e = send_user(call, s); break;
	case SIGN_PASSWORD:
		e = send_credential(call, s, CREDENTIAL_PASSWORD, str_c(s->password_hash), none);
		break;
	case SIGN_SESSION: e = send_session(call, s); break;
	default: send_cookie(call, s); return;
	}
	if (e != OK)
		call_busy(call, STR("the engine is not there: try again"));
}

static void sign_in_next(struct call *call, void *user, enum msg_type type, struct str body)
{
	struct sign_in *s = user;
	struct command_answer answer;
	if (!call)
		return;
	if (command_answer_read(type, body, &answer) != OK || answer.code == SUBMIT_BUSY ||
	    answer.code == SUBMIT_STORAGE) {
		call_busy(call, STR("the engine could not take the sign-in: try again"));
	} else if (answer.code != SUBMIT_OK) {
		call_error(call, 400, 2001, STR("Invalid Input Provided"),
		    str_empty(answer.text) ? STR("the sign-in was refused") : answer.text);
	} else {
		s->step++;
		sign_in_step(call, s);
	}
}

static void sign_in_done(struct job *job)
{
	struct sign_in *from = job->user;
	struct call *call = job->call;
	if (from->result == ERR_DENIED)
		attempt_failed(job->api, from->remote, from->user);
	if (!call)
		return;
	if (from->result == ERR_DENIED) {
		refuse(call, 401,
		    from->setup ? STR("this link is not valid, or was used already")
		                : STR("user or password is wrong"));
		return;
	}
	if (from->result == ERR_INPUT) {
		call_error(call, 400, 2001, STR("Invalid Input Provided"), from->problem);
		return;
	}
	struct sign_in *s = arena_new(call->req->arena, struct sign_in, 1);
	if (from->result != OK || !s) {
		call_busy(call, STR("the sign-in cannot be checked now: try again"));
		return;
	}
	*s = *from; /* the job ends here; the records follow in the request's own memory */
	s->user = arena_str(call->req->arena, from->user);
	s->remote = call->req->remote;
	s->step = s->setup ? SIGN_USED : SIGN_SESSION;
	sign_in_step(call, s);
}

static void sign_in_begin(struct call *call, bool setup)
{
	struct api *api = call->api;
	const struct json *root;
	struct json_error where = { 0, NULL };
	if (json_read(call->req->arena, call->req->body, 8, &root, &where) != OK ||
	    root->type != JSON_OBJECT) {
		call_error(call, 400, 2001, STR("Invalid Input Provided"),
		    STR("the body must be a JSON object"));
		return;
	}
	struct str user = json_get_str(root, STR("user")),
	           password = json_get_str(root, STR("password"));
	struct str one_time = json_get_str(root, STR("token"));
	if (!password.ptr || password.len > PASSWORD_MAX || user.len > 200 ||
	    (!setup && str_empty(user)) || (setup && str_empty(one_time))) {
		call_error(call, 400, 2001, STR("Invalid Input Provided"),
		    setup ? STR("'token' and 'password' are needed")
		          : STR("'user' and 'password' are needed"));
		return;
	}
	if (setup && str_utf8_count(password) < PASSWORD_MIN) {
		call_error(call, 400, 2001, STR("Invalid Input Provided"),
		    STR("the password needs at least 10 characters"));
		return;
	}
	if (!attempts_left(api, call->req->remote, user)) {
		call_error(call, 429, 2020, STR("Rate Limit Exceeded"),
		    STR("too many failed sign-ins: wait 15 minutes"));
		return;
	}
	struct job *job = job_new(api, call, &api->slow);
	struct sign_in *s = job ? arena_new(job->arena, struct sign_in, 1) : NULL;
	if (!s) {
		if (job)
			job_drop(job);
		call_busy(call, STR("too many sign-ins at once: try again"));
		return;
	}
	*s = (struct sign_in){ .api = api, .setup = setup, .problem = STR("") };
	s->user = arena_str(job->arena, user);
	s->password = arena_str(job->arena, password);
	s->one_time = arena_str(job->arena, one_time);
	s->remote = job->remote;
	unsigned char hash[32];
	crypto_hash_sha256(hash, (const unsigned char *)one_time.ptr, one_time.len);
	hex_of(hash, s->one_time_hex);
	job->user = s;
	job->work = sign_in_work;
	job->done = sign_in_done;
	job_start(job, &api->slow);
}

void session_post(struct call *call)
{
	sign_in_begin(call, false);
}

void setup_post(struct call *call)
{
	sign_in_begin(call, true);
}

void session_get(struct call *call)
{
	struct buf b = buf_make(call->api->mem, 4096);
	struct jw w = jw_make(&b);
	jw_open(&w, '{');
	jw_kv_str(&w, STR("user"), call->who.name);
	jw_kv_str(&w, STR("role"), api_role_text(call->who.role));
	jw_kv_bool(&w, STR("session"), call->who.by_session);
	jw_close(&w, '}');
	call_json(call, 200, buf_str(&b));
	buf_free(&b);
}

static void session_ended(struct call *call, void *user, enum msg_type type, struct str body)
{
	struct command_answer answer;
	(void)user;
	if (!call)
		return;
	if (command_answer_read(type, body, &answer) != OK || answer.code != SUBMIT_OK)
		call_busy(call, STR("the engine could not end the session: try again"));
	else
		call_answer(call, 204, STR(""),
		    STR(HEADERS_DATA "Set-Cookie: quis_session=; Path=/; HttpOnly; "
		                     "SameSite=Strict; Max-Age=0\r\n"),
		    STR(""));
}

void session_delete(struct call *call)
{
	struct str session =
	    cookie_get(http_head_get(&call->req->head, STR("Cookie")), STR("quis_session"));
	if (!call->who.by_session) {
		call_error(call, 400, 2001, STR("Invalid Input Provided"),
		    STR("there is no session: the request came with a token"));
		return;
	}
	unsigned char hash[32];
	char hex[65];
	crypto_hash_sha256(hash, (const unsigned char *)session.ptr, session.len);
	hex_of(hash, hex);
	session_slot(call->api, hash)->used = false;
	struct record rec = { .type = RECORD_CREDENTIAL };
	rec.credential = (struct record_credential){ .type = CREDENTIAL_SESSION_END,
		.user = call->who.name,
		.secret_hash = str_make(hex, 64),
		.from = call->req->remote };
	if (command(call->api, &rec, call, session_ended, NULL) != OK)
		call_busy(call, STR("the engine is not there: try again"));
}
