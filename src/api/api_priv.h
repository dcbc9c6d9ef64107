/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of this room share.
 *
 * A `call` is one request being served, on the loop's thread; it lives in the request's arena and
 * ends with it. Work that reads the control store or hashes is a `job` on a worker thread: it owns
 * copies of what it needs and never touches its call, so a client may leave meanwhile (job->call is
 * then NULL). Questions to the engine and telemetry are `slots`: the message's id names slot and
 * generation, so a late answer to somebody who has left is recognised and dropped.
 */
#pragma once
#include "api/api.h"
#include "api/params.h"
#include "base/map.h"
#include "conf/resource.h"
#include "net/http.h"
#include "oncall/oncall.h"
#include "store/control/reader.h"
#include "wire/link.h"
#include "wire/record.h"
#include <pthread.h>

#define API_OUT_MAX ((size_t)32 << 20) /* of one answer */
#define API_JOB_ARENA ((size_t)64 << 20)
#define API_SLOTS 16384u
#define API_WAITING_MAX 8192u /* events that wait for the engine */
#define API_WAITING_BYTES ((size_t)64 << 20)
#define API_WAIT SPAN_S(5) /* ... at most so long: it restarts in less */
#define API_JOBS_MAX 256u
#define API_SLOW_JOBS_MAX 16u
#define API_STREAMS_MAX 1000u
#define SESSION_HOURS 168

enum api_role {
	API_ROLE_NONE,
	API_ROLE_INGEST,
	API_ROLE_OBSERVER,
	API_ROLE_RESPONDER,
	API_ROLE_ADMIN,
	API_ROLE_COUNT
};

enum access {
	ACCESS_OPEN, /* nobody is asked */
	ACCESS_READ, /* observer and up */
	ACCESS_ACT,  /* responder and up */
	ACCESS_ADMIN,
	ACCESS_QUERY, /* as READ; open to programs on this machine when metrics_access says so */
	ACCESS_WRITE, /* samples: a token of role ingest, or responder and up; open as QUERY */
};

struct call;
struct job;
struct worker;

struct route {
	enum http_method method; /* GET answers HEAD as well */
	struct str pattern;      /* "/incidents/{}/alerts"; a "*" at the end takes the rest */
	enum access access;
	uint32_t body_limit;
	bool streamed;
	/* One of these. run: on the loop's thread, with the whole body. work: on a reader thread.
	 * begin: at the head (streamed). */
	void (*run)(struct call *call);
	void (*work)(struct job *job, struct worker *worker);
	bool (*begin)(struct call *call); /* false: answered already */
};
/* NULL with *ret_other: the path is known for other methods. Parameters are percent-decoded into
 * the arena. */
const struct route *route_find(struct arena *a, enum http_method method, struct str path,
    struct str ret_param[2], bool *ret_other);
const struct route *route_at(size_t i); /* NULL past the end */

struct principal {
	struct str name; /* user or token */
	enum api_role role;
	bool by_session; /* a person with a cookie */
};

struct call {
	struct api *api;
	struct http_request *req;
	const struct route *route;
	struct str param[2];
	struct principal who;
	struct job *job;            /* running for this call */
	uint32_t first_slot;        /* questions not yet answered: index + 1, 0 = none */
	bool proceeded, whole_seen; /* streamed: bytes wait (held) until the caller is known */
	struct str held;
	void *user; /* the handler's */
	/* What happens to the handler's things when the client leaves. */
	void (*leave)(struct call *call);
	/* streamed requests */
	bool (*piece)(struct call *call, struct str bytes);
	void (*whole)(struct call *call);
	void (*drained)(struct call *call);
};

/* The compiled directory of one version, shared by jobs and the loop. */
struct snapshot {
	uint32_t refs; /* atomic */
	uint64_t version;
	struct arena *arena;
	const struct directory *dir;
};

struct worker {
	struct api *api;
	struct pool *pool;
	pthread_t thread;
	struct control_reader *reader;
};

struct job {
	struct job *next;
	struct api *api;
	struct call *call; /* the loop's thread only; NULL: nobody waits for it */
	struct arena *arena;
	struct buf out;
	const struct route *route;
	struct str param[2], query, accept, from_header, remote, body, base_url;
	struct principal who;
	struct wall now;
	struct snapshot *snap; /* job_directory */
	unsigned status;       /* 200 until said otherwise */
	struct str content_type, headers;
	void (*work)(struct job *job, struct worker *worker);
	void (*done)(struct job *job); /* on the loop's thread; NULL: the answer is `out` */
	void *user;
	uint64_t extra;
};

struct pool {
	struct api *api;
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct job *first, *last; /* to do */
	struct job *done_first, *done_last;
	size_t count, limit; /* in hand: to do, being done, done */
	bool stopping;
	struct worker workers[2];
	size_t worker_count;
	struct loop_wake wake;
	struct api *owner;
	uint64_t refused;
};

/* A question on its way to another role. */
struct slot {
	struct call *call;
	/* type and body of the answer; type 0: the peer has gone. Returns as chan_handler.message.
	 */
	void (*answer)(struct call *call, void *user, enum msg_type type, struct str body);
	void *user;
	uint32_t generation, next_free;
	uint32_t prev_of_call, next_of_call; /* index + 1 */
	enum role peer;
	bool queued;      /* not yet sent: it stands in the line of waiting events */
	bool used, stays; /* stays: several answers, freed by slot_free */
};

struct token {
	struct str name;
	enum api_role role;
	unsigned char sha256[32];
};

/* An event that waits until the engine is there and has credit for it. */
struct waiting {
	struct waiting *next;
	uint64_t id;
	enum msg_type type;
	struct mono until;
	size_t len;
	char bytes[];
};

struct stream {
	struct stream *prev, *next;
	struct call *call;
	bool behind; /* something was not told for want of room */
};

struct session_entry {
	unsigned char sha256[32];
	struct mono checked;
	bool used;
	enum api_role role;
	char user[256];
};
#define SESSION_CACHE 256u

struct attempts { /* failed sign-ins of one address or one user */
	uint64_t hash;
	uint32_t count;
	struct mono since;
};
#define ATTEMPTS_TABLE 1024u /* of each: addresses, users */

struct api_counters {
	uint64_t events_accepted, events_refused, events_unknown_key, events_busy;
	uint64_t commands, relayed, relay_busy, denied, logins_failed, logins;
};

struct api {
	const struct mem *mem;
	struct loop *loop;
	const struct os *os;
	struct child *child;
	enum role self;
	struct http_server *http;
	struct arena *keep; /* what came with the configuration */
	struct str base_url, data_dir, version;
	bool metrics_open; /* the Prometheus API asks no token from loopback */
	bool secure;       /* base_url is https: cookies are marked Secure */
	const struct token *tokens;
	size_t token_count;
	struct link_key link_key;
	bool has_link_key;

	struct chan *engine, *telemetry;
	struct slot *slots;
	uint32_t slot_free, slots_used;
	struct waiting *waiting_first, *waiting_last;
	size_t waiting_count, waiting_bytes;
	struct loop_timer waiting_retry;

	struct pool readers, slow;
	pthread_mutex_t snapshot_lock;
	struct snapshot *snapshot;

	struct stream *streams;
	size_t stream_count;
	struct loop_timer tick; /* 15 s comments, once a second for the verdict */
	uint64_t changed_seq;
	uint32_t changed_open, changed_triggered;
	struct wall changed_at;
	unsigned ticks;

	struct session_entry *sessions;
	struct attempts *attempts; /* 2 * ATTEMPTS_TABLE: users do not push out addresses */
	uint64_t attempts_seed;    /* so that nobody knows whom he pushes out */
	struct wall started_at;
	struct api_counters counters;
	struct arena *scratch;      /* for reading one event */
	struct buf encode;          /* for records on their way out */
	unsigned char random[4096]; /* for keys of triggers without one */
	size_t random_left;
	struct relay *relays;
	size_t relay_held;
	struct status *status;
};

/* ---- answers (answer.c) ---- */
/* What may not be cached and is no page. */
#define HEADERS_DATA                                                                               \
	"Cache-Control: no-store\r\nContent-Security-Policy: default-src 'none'; frame-ancestors " \
	"'none'\r\n"
#define HEADERS_PAGE                                                                              \
	"Cache-Control: no-store\r\nContent-Security-Policy: default-src 'self'; img-src 'self' " \
	"data:; object-src 'none'; "                                                              \
	"base-uri 'none'; form-action 'self'; frame-ancestors 'none'\r\n"
extern const struct str content_json, content_html, content_text;
/* The PagerDuty-shaped error. detail may be empty. */
void error_write(struct buf *b, unsigned code, struct str message, struct str detail);
void call_error(
    struct call *call, unsigned status, unsigned code, struct str message, struct str detail);
void call_json(struct call *call, unsigned status, struct str body);
void call_answer(struct call *call, unsigned status, struct str content_type, struct str headers,
    struct str body);
void call_busy(struct call *call, struct str why); /* 503 with Retry-After */
void job_error(
    struct job *job, unsigned status, unsigned code, struct str message, struct str detail);
/* An error of the store, in words. */
void job_fail(struct job *job, struct worker *worker, enum err e);

/* ---- jobs (job.c) ---- */
must_check enum err pool_open(struct pool *pool, struct api *api, size_t workers, size_t limit);
void pool_close(struct pool *pool);
/* A job for the call (may be NULL) with copies of what was asked. NULL: out of memory, or too many.
 */
struct job *job_new(struct api *api, struct call *call, struct pool *pool);
void job_start(struct job *job, struct pool *pool);
void job_drop(struct job *job); /* one that was not started */
/* ERR_GONE (no store yet), ERR_IO, ERR_NOMEM. */
must_check enum err worker_reader(struct worker *worker, struct control_reader **ret_reader);
/* The directory as the store has it now, held until the job ends. */
must_check enum err job_directory(
    struct job *job, struct worker *worker, const struct directory **ret_dir);
/* Documents -> directory with the installation that the engine decides with. ERR_INPUT with faults.
 */
must_check enum err directory_compile(struct api *api, struct control_reader *r, struct arena *a,
    const struct conf_document *list, size_t count, uint64_t version, const struct directory **ret,
    struct conf_faults *faults);
struct snapshot *snapshot_take(struct api *api); /* the newest there is, or NULL */
void snapshot_give(struct snapshot *snapshot);
/* Runs work in a reader for this call; `done` may be NULL. */
struct job *call_work(
    struct call *call, void (*work)(struct job *, struct worker *), void (*done)(struct job *));

/* ---- questions to other roles (api.c) ---- */
typedef void slot_answer(struct call *call, void *user, enum msg_type type, struct str body);
/* ERR_BUSY: no slot, or no credit and too many wait already; ERR_GONE: the peer is not there.
 * `call` may be NULL. */
must_check enum err ask(struct api *api, enum role peer, enum msg_type type, struct str body,
    struct call *call, slot_answer *answer, void *user);
/* For the engine. When it is not there, or has no credit, the question waits in line until `until`;
 * then the answer is that of a peer that has gone. `again`: it was refused as busy just now, so it
 * goes to the line at once. */
must_check enum err ask_patiently(struct api *api, enum msg_type type, struct str record,
    struct call *call, slot_answer *answer, void *user, struct mono until, bool again);
/* A question with several answers: `stays` until slot_free. */
must_check enum err ask_open(struct api *api, enum role peer, enum msg_type type, struct str body,
    struct call *call, slot_answer *answer, void *user, uint64_t *ret_id);
void slot_free(struct api *api, uint64_t id);
/* Sends a record as a COMMAND; an engine that is starting or busy is asked again for some seconds.
 */
must_check enum err command(
    struct api *api, const struct record *rec, struct call *call, slot_answer *answer, void *user);
struct command_answer {
	enum submit_code code;
	uint64_t seq;
	unsigned outcome;
	struct str text;
};
/* ERR_GONE when type is 0 (the engine left). */
must_check enum err command_answer_read(
    enum msg_type type, struct str body, struct command_answer *ret);

/* ---- who (auth.c) ---- */
enum err auth_open(struct api *api);
void auth_close(struct api *api);
/* False: the answer was given, or is being found out and the call goes on later through
 * call_proceed. */
bool auth_check(struct call *call);
void call_proceed(struct call *call);
enum api_role api_role_of(struct str name);
struct str api_role_text(enum api_role role);
void session_get(struct call *call);
void session_post(struct call *call);
void session_delete(struct call *call);
void setup_post(struct call *call);

/* ---- handlers ---- */
void event_v2(struct call *call);
void event_change(struct call *call);
void event_v1(struct call *call);
void event_alerts(struct call *call);
void event_alerts_v1(struct call *call);
void alertmanager_status(struct call *call);

void incidents_list(struct job *job, struct worker *worker);
void incident_get(struct job *job, struct worker *worker);
void incident_log(struct job *job, struct worker *worker);
void incident_alerts(struct job *job, struct worker *worker);
void log_list(struct job *job, struct worker *worker);
void incident_put(struct call *call);
void incidents_put(struct call *call);
void incident_note(struct call *call);

void users_list(struct job *job, struct worker *worker);
void user_get(struct job *job, struct worker *worker);
void services_list(struct job *job, struct worker *worker);
void service_get(struct job *job, struct worker *worker);
void schedules_list(struct job *job, struct worker *worker);
void schedule_get(struct job *job, struct worker *worker);
void policies_list(struct job *job, struct worker *worker);
void policy_get(struct job *job, struct worker *worker);
void teams_list(struct job *job, struct worker *worker);
void team_get(struct job *job, struct worker *worker);
void oncalls_list(struct job *job, struct worker *worker);
void empty_list(struct job *job, struct worker *worker);

void overview_get(struct call *call);
void messages_get(struct job *job, struct worker *worker);
void proofs_get(struct job *job, struct worker *worker);
void resources_get(struct job *job, struct worker *worker);
void changes_get(struct job *job, struct worker *worker);
void audit_get(struct job *job, struct worker *worker);
void resources_post(struct call *call);
/* What child_roles says, for a worker. NULL: out of memory. */
struct role_status *roles_copy(struct api *api, struct arena *a);
void roles_write(struct jw *w, const struct role_status *roles, struct wall now);
void test_page_post(struct call *call);

void stream_get(struct call *call);
void streams_tell(struct api *api);
void streams_beat(struct api *api);

void link_page(struct call *call);
void link_act(struct call *call);

void status_get(struct call *call);
void healthz_get(struct call *call);
void metrics_get(struct call *call);
void status_close(struct api *api);
void metrics_send(struct api *api);

bool relay_begin(struct call *call);
void relay_credit(struct api *api);

void asset_get(struct call *call);
void root_get(struct call *call);
