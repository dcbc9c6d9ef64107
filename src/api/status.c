/* SPDX-License-Identifier: Apache-2.0
 *
 * /status: is all well, and how do we know? Everything that is said here was looked at just now (or
 * its age is told), and what is too old counts as bad. It needs neither the engine nor telemetry to
 * answer: they are asked, and if they do not answer that is what the page says. Requests that come
 * together share one look, which is at most a second old.
 *
 * QUIS-OK stands in the answer only when every check is good, and the check "paging" is good only
 * when a provider took a page and no provider has failed since. Naive keyword checkers look for
 * that word.
 */
#include "api/page.h"
#include "base/enc.h"
#include "proof/proof.h"
#include <assert.h>

#define LOOK_FRESH SPAN_S(1)
#define LOOK_FRESH_BAD                                                                    \
	SPAN_MS(100)        /* who waits for an end of the trouble should not wait for us \
	                     */
#define LOOK_WAIT SPAN_S(3) /* for the store and telemetry together */
#define BEAT_STALE SPAN_S(5)
#define OUTBOX_STALE SPAN_S(60)
#define RULES_STALE SPAN_S(60)
#define CHECKS_MAX 64u
#define RULES_BYTES_MAX ((size_t)16 << 20)

struct check {
	struct str name, text;
	bool ok;
	int64_t age_ns; /* of the evidence; -1 = none */
};

/* What the reader found. */
struct store_look {
	enum err err;
	struct span took;
	struct control_counts counts;
	struct control_promises promises;
	const struct proof *proofs;
	size_t proof_count;
	uint32_t provider_count;
	const struct str *providers;
	uint32_t service_count, rule_count;
};

struct waiter {
	struct waiter *prev, *next;
	struct call *call;
	bool json;
};

struct status {
	struct api *api;
	struct arena *arena; /* of the look */
	struct check checks[CHECKS_MAX];
	size_t count;
	bool ok;
	struct wall at;
	struct mono looked; /* when it was finished; ns 0 = never */
	/* the look in progress */
	uint64_t generation;
	bool looking, store_done, rules_done;
	struct arena *next_arena;
	struct store_look store;
	struct buf rules;
	uint64_t rules_id;
	unsigned rules_status;
	uint64_t rules_left;
	bool rules_gone;
	/* The write: a record that changes nothing, through inbox and commit. At most one is on its
	 * way; it may outlive a look. */
	bool write_out, write_done;
	enum submit_code write_code;
	struct mono write_since;
	struct span write_took;
	struct loop_timer late;
	struct waiter *waiters;
};

/* ---- judging ---- */

static void add(struct status *s, struct str name, bool ok, int64_t age_ns, struct str text)
{
	if (s->count < CHECKS_MAX)
		s->checks[s->count++] =
		    (struct check){ name, text.ptr ? text : STR(""), ok, age_ns };
	s->ok = s->ok && ok;
}

static void judge_roles(struct status *s)
{
	const struct role_status *roles = child_roles(s->api->child);
	for (unsigned i = 0; i < ROLE_COUNT; i++) {
		const struct role_status *r = &roles[i];
		if (i == ROLE_PARENT || i == ROLE_CONFIG || r->state == ROLE_STATE_OFF)
			continue;
		int64_t age = r->beat_at.ns ? wall_sub(s->at, r->beat_at).ns : -1;
		bool running = r->state == ROLE_STATE_RUNNING,
		     stale = age < 0 || age > BEAT_STALE.ns;
		struct str text = r->verdict;
		if (!running)
			text = arena_printf(s->arena, "not running; last end: %.*s",
			    STR_ARG(str_empty(r->last_end) ? STR("none") : r->last_end));
		else if (stale)
			text = STR("has not been heard of lately");
		add(s, arena_printf(s->arena, "role %.*s", STR_ARG(role_name[i])),
		    running && r->ok && !stale, age, arena_str(s->arena, text));
	}
}

static void judge_paging(struct status *s)
{
	const struct store_look *l = &s->store;
	const struct proof *newest = NULL, *broken = NULL;
	for (size_t i = 0; i < l->proof_count; i++) {
		const struct proof *p = &l->proofs[i];
		bool known = false;
		for (uint32_t k = 0; k < l->provider_count; k++)
			known = known || str_eq(l->providers[k], p->subject);
		if (!str_eq(p->kind, STR("provider")) || !known)
			continue;
		if (p->broken)
			broken = p;
		else if (proof_verdict(p, s->at, proof_fresh_for(p->kind)) == VERDICT_PROVEN &&
		         (!newest || p->proven_at.ns > newest->proven_at.ns))
			newest = p;
	}
	if (broken)
		add(s, STR("paging"), false, wall_sub(s->at, broken->proven_at).ns,
		    arena_printf(s->arena, "provider %.*s failed, and has taken no page since",
		        STR_ARG(broken->subject)));
	else if (newest)
		add(s, STR("paging"), true, wall_sub(s->at, newest->proven_at).ns,
		    arena_printf(
		        s->arena, "provider %.*s accepted a page", STR_ARG(newest->subject)));
	else
		add(s, STR("paging"), false, -1,
		    STR("no page was accepted by a provider lately: send a test page"));
}

static void judge_store(struct status *s)
{
	const struct store_look *l = &s->store;
	if (!s->store_done || l->err != OK) {
		add(s, STR("control store"), false, -1,
		    !s->store_done       ? STR("did not answer within 3 seconds")
		    : l->err == ERR_GONE ? STR("does not exist yet: the engine has not started")
		                         : STR("cannot be read"));
		return;
	}
	add(s, STR("control store"), true, 0,
	    arena_printf(s->arena, "read in %lld ms", (long long)(l->took.ns / NS_PER_MS)));
	const struct control_promises *p = &l->promises;
	add(s, STR("inbox decided"), true,
	    p->decided_at.ns ? wall_sub(s->at, p->decided_at).ns : -1,
	    arena_printf(s->arena, "the last decided input is number %llu",
	        (unsigned long long)p->decided_seq));
	add(s, STR("promise"), p->broken == 0, 0,
	    p->broken == 0 ? arena_printf(s->arena,
	                         "each of %llu open incidents has a timer or somebody who was told",
	                         (unsigned long long)p->open)
	                   : arena_printf(s->arena,
	                         "%llu of %llu open incidents have neither a timer nor anybody who "
	                         "was told; first: %.*s",
	                         (unsigned long long)p->broken, (unsigned long long)p->open,
	                         STR_ARG(id_str(&p->first_broken))));
	add(s, STR("on call"), p->nobody == 0, -1,
	    p->nobody == 0 ? STR("no open incident was without somebody on call")
	                   : arena_printf(s->arena,
	                         "%llu triggered incidents found nobody on call: the fallback "
	                         "contacts were paged",
	                         (unsigned long long)p->nobody));
	int64_t oldest =
	    l->counts.outbox_oldest.ns ? wall_sub(s->at, l->counts.outbox_oldest).ns : 0;
	add(s, STR("outbox"), oldest <= OUTBOX_STALE.ns, oldest,
	    arena_printf(s->arena, "%llu pages wait to be sent, %llu are not settled",
	        (unsigned long long)l->counts.outbox, (unsigned long long)l->counts.unsettled));
	/* A folder of resources that is empty because nothing was mounted there is no error of its
	 * own. */
	bool any = l->service_count > 0 || l->rule_count > 0;
	add(s, STR("resources"), any, -1,
	    any ? arena_printf(s->arena, "%u services, %u rules", l->service_count, l->rule_count)
	        : STR("there is no service and no rule: nothing is watched and every event is "
	              "refused"));
	judge_paging(s);
}

static void judge_write(struct status *s)
{
	struct span waited = mono_sub(loop_now(s->api->loop), s->write_since);
	if (s->write_done && s->write_code == SUBMIT_OK)
		add(s, STR("inbox write"), true, 0,
		    arena_printf(s->arena, "an input was durable, decided and committed in %lld ms",
		        (long long)(s->write_took.ns / NS_PER_MS)));
	else if (s->write_done)
		add(s, STR("inbox write"), false, -1,
		    s->write_code == SUBMIT_STORAGE
		        ? STR("the inbox cannot be written: is the disk full?")
		        : STR("the engine takes no input now"));
	else
		add(s, STR("inbox write"), false, waited.ns,
		    STR("an input handed to the engine is not committed yet"));
}

/* Telemetry's own /api/v1/rules: the group that was evaluated longest ago speaks for all. */
static void judge_rules(struct status *s)
{
	const struct json *root = NULL;
	if (s->rules_gone || !s->rules_done || s->rules_status != 200 ||
	    json_read(s->next_arena, buf_str(&s->rules), JSON_DEPTH_MAX, &root, NULL) != OK) {
		add(s, STR("rules"), false, -1,
		    s->rules_gone ? STR("telemetry is not there")
		                  : STR("telemetry did not say when rules were evaluated"));
		return;
	}
	const struct json *groups = json_get(json_get(root, STR("data")), STR("groups"));
	int64_t oldest = -1;
	bool ok = true;
	struct str worst = STR("");
	size_t count = 0;
	for (const struct json *g = json_is(groups, JSON_ARRAY) ? groups->child : NULL; g;
	     g = g->next, count++) {
		const struct json *interval = json_get(g, STR("interval"));
		struct wall at = { 0 };
		int64_t allowed = RULES_STALE.ns;
		if (json_is(interval, JSON_NUMBER) && interval->number > 0 &&
		    interval->number < 1e6 && (int64_t)(interval->number * 3) * NS_PER_S > allowed)
			allowed = (int64_t)(interval->number * 3) * NS_PER_S;
		bool known =
		    wall_parse(json_get_str(g, STR("lastEvaluation")), &at) == OK && at.ns > 0;
		int64_t age = known ? wall_sub(s->at, at).ns : INT64_MAX;
		if (age > oldest) {
			oldest = age;
			worst = json_get_str(g, STR("name"));
		}
		ok = ok && age <= allowed;
	}
	if (count == 0)
		add(s, STR("rules"), true, -1, STR("there are no rules"));
	else if (oldest == INT64_MAX)
		add(s, STR("rules"), false, -1,
		    arena_printf(s->arena, "the group %.*s was not evaluated yet", STR_ARG(worst)));
	else
		add(s, STR("rules"), ok, oldest,
		    arena_printf(s->arena, "%zu groups; longest ago: %.*s", count, STR_ARG(worst)));
}

/* ---- answering ---- */

static void age_write(struct buf *b, int64_t age_ns)
{
	if (age_ns < 0)
		return;
	int64_t s = age_ns / NS_PER_S;
	struct span d = { s * NS_PER_S };
	buf_add(b, STR(" · "));
	if (s == 0)
		buf_add(b, STR("now"));
	else {
		span_format(b, d);
		buf_add(b, STR(" ago"));
	}
}

static void html_write(const struct status *s, struct buf *b)
{
	page_open_html(b, STR("Quis status"));
	if (s->ok)
		buf_add(b,
		    STR("<p class=\"good sum\">QUIS-OK: all is well, and paging is proven.</p>\n"));
	else
		buf_add(b, STR("<p class=\"wrong sum\">Not all is well.</p>\n"));
	buf_add(b, STR("<ul>\n"));
	for (int pass = 0; pass < 2; pass++) /* what is wrong first */
		for (size_t i = 0; i < s->count; i++) {
			const struct check *c = &s->checks[i];
			if (c->ok != (pass == 1))
				continue;
			buf_add(b, c->ok ? STR("<li class=\"ok\"><b>good</b> ")
			                 : STR("<li class=\"bad\"><b>bad</b> "));
			enc_html(b, c->name);
			buf_add(b, STR("<small>"));
			enc_html(b, c->text);
			age_write(b, c->age_ns);
			buf_add(b, STR("</small></li>\n"));
		}
	buf_add(b, STR("</ul>\n<p><small>Looked at "));
	wall_format(b, s->at);
	buf_add(b, STR(" · Quis "));
	enc_html(b, s->api->version);
	buf_add(b, STR(" · <a href=\"/ui/\">open the UI</a></small></p>\n"));
	page_close_html(b);
}

static void json_write(const struct status *s, struct buf *b)
{
	struct jw w = jw_make(b);
	jw_open(&w, '{');
	jw_kv_str(&w, STR("status"), s->ok ? STR("QUIS-OK") : STR("bad"));
	jw_kv_bool(&w, STR("ok"), s->ok);
	jw_key(&w, STR("at"));
	jw_wall(&w, s->at);
	jw_kv_str(&w, STR("version"), s->api->version);
	jw_key(&w, STR("checks"));
	jw_open(&w, '[');
	for (size_t i = 0; i < s->count; i++) {
		const struct check *c = &s->checks[i];
		jw_open(&w, '{');
		jw_kv_str(&w, STR("name"), c->name);
		jw_kv_bool(&w, STR("ok"), c->ok);
		jw_key(&w, STR("age_s"));
		if (c->age_ns < 0)
			jw_null(&w);
		else
			jw_f64(&w, (double)(c->age_ns / NS_PER_MS) / 1000.0);
		jw_kv_str(&w, STR("text"), c->text);
		jw_close(&w, '}');
	}
	jw_close(&w, ']');
	jw_close(&w, '}');
}

static void answer(struct status *s, struct call *call, bool json)
{
	struct buf b = buf_make(s->api->mem, 1u << 20);
	if (json)
		json_write(s, &b);
	else
		html_write(s, &b);
	call_answer(call, s->ok ? 200 : 503, json ? content_json : content_html,
	    json ? STR(HEADERS_DATA) : page_headers(call->req->arena), buf_str(&b));
	buf_free(&b);
}

static void waiter_remove(struct status *s, struct waiter *w)
{
	if (w->prev)
		w->prev->next = w->next;
	else
		s->waiters = w->next;
	if (w->next)
		w->next->prev = w->prev;
}

/* The look is over: by all answers, or by time. */
static void look_end(struct status *s)
{
	struct api *api = s->api;
	assert(s->looking);
	loop_timer_clear(api->loop, &s->late);
	if (s->rules_id) {
		if (!s->rules_done && api->telemetry)
			ignore_err(chan_send(api->telemetry, MSG_HTTP_CANCEL, s->rules_id, STR("")),
			    "nobody waits for it");
		slot_free(api, s->rules_id);
		s->rules_id = 0;
	}
	arena_close(&s->arena);
	s->arena = s->next_arena;
	s->count = 0;
	s->ok = true;
	s->at = loop_wall(api->loop);
	judge_roles(s);
	judge_write(s);
	judge_store(s);
	judge_rules(s);
	if (arena_err(s->arena) != OK)
		s->ok = false;
	s->next_arena = NULL;
	buf_free(&s->rules);
	s->looking = false;
	s->looked = loop_now(api->loop);
	while (s->waiters) {
		struct waiter *w = s->waiters;
		struct call *call = w->call;
		bool json = w->json;
		waiter_remove(s, w);
		call->leave = NULL;
		answer(s, call, json);
	}
}

static void look_maybe_end(struct status *s)
{
	if (s->looking && s->store_done && s->rules_done && s->write_done)
		look_end(s);
}

static void look_late(struct loop_timer *timer)
{
	struct status *s = container_of(timer, struct status, late);
	if (s->looking)
		look_end(s);
}

/* ---- looking ---- */

static void store_work(struct job *job, struct worker *worker)
{
	struct store_look *l = arena_new(job->arena, struct store_look, 1);
	struct control_reader *r;
	const struct directory *dir = NULL;
	struct proof *proofs = NULL;
	job->user = l;
	if (!l)
		return;
	struct mono began = job->api->os->mono(job->api->os);
	l->err = worker_reader(worker, &r);
	if (l->err == OK)
		l->err = control_counts(r, job->now, &l->counts);
	if (l->err == OK)
		l->err = control_promises(r, job->now, SPAN_S(30), &l->promises);
	if (l->err == OK)
		l->err = control_proofs(r, 5000, job->arena, &proofs, &l->proof_count);
	if (l->err == OK)
		l->err = job_directory(job, worker, &dir);
	if (l->err == OK) {
		struct str *names = arena_new(job->arena, struct str, dir->provider_count);
		for (uint32_t i = 0; names && i < dir->provider_count; i++)
			names[i] = dir->providers[i].name;
		l->providers = names;
		l->provider_count = names ? dir->provider_count : 0;
		l->service_count = dir->service_count;
		l->rule_count = dir->rule_count;
	}
	l->proofs = proofs;
	l->took = mono_sub(job->api->os->mono(job->api->os), began);
	if (l->err == ERR_IO)
		control_reader_close(&worker->reader);
}

static void store_done(struct job *job)
{
	struct status *s = job->api->status;
	const struct store_look *l = job->user;
	if (!s->looking || job->extra != s->generation) /* of an earlier look that did not wait */
		return;
	s->store = l ? *l : (struct store_look){ .err = ERR_NOMEM };
	/* Kept as long as the look: copies of what the job's arena holds. */
	struct proof *proofs = arena_new(s->next_arena, struct proof, s->store.proof_count);
	struct str *providers = arena_new(s->next_arena, struct str, s->store.provider_count);
	if (s->store.err == OK && proofs && providers) {
		for (size_t i = 0; i < s->store.proof_count; i++) {
			proofs[i] = s->store.proofs[i];
			proofs[i].kind = arena_str(s->next_arena, proofs[i].kind);
			proofs[i].subject = arena_str(s->next_arena, proofs[i].subject);
		}
		for (uint32_t i = 0; i < s->store.provider_count; i++)
			providers[i] = arena_str(s->next_arena, s->store.providers[i]);
	} else {
		s->store.proof_count = s->store.provider_count = 0;
	}
	s->store.proofs = proofs;
	s->store.providers = providers;
	s->store_done = true;
	look_maybe_end(s);
}

static void rules_left(struct status *s, uint64_t left)
{
	s->rules_left = left;
	s->rules_done = left == 0;
}

static void rules_answer(struct call *call, void *user, enum msg_type type, struct str body)
{
	struct status *s = user;
	(void)call;
	if (!s->looking)
		return;
	if (type == MSG_HTTP_ANSWER) {
		struct rd r = rd_make(body);
		s->rules_status = rd_u16(&r);
		rd_str(&r, 1024);
		rd_str(&r, 65536);
		rules_left(s, rd_u64(&r));
	} else if (type == MSG_HTTP_ANSWER_BODY) {
		buf_add(&s->rules, body);
		rules_left(s, s->rules_left >= body.len ? s->rules_left - body.len : 0);
	} else {
		s->rules_id = 0;
		s->rules_gone = s->rules_done = true;
	}
	look_maybe_end(s);
}

static void look_rules(struct status *s)
{
	struct buf b = buf_make(s->api->mem, 4096);
	put_str(&b, STR("GET"));
	put_str(&b, STR("/api/v1/rules"));
	put_str(&b, STR(""));
	put_str(&b, STR(""));
	put_str(&b, STR(""));
	put_u64(&b, 0);
	if (ask_open(s->api, ROLE_TELEMETRY, MSG_HTTP, buf_str(&b), NULL, rules_answer, s,
	        &s->rules_id) != OK)
		s->rules_gone = s->rules_done = true;
	buf_free(&b);
}

static void write_answer(struct call *call, void *user, enum msg_type type, struct str body)
{
	struct status *s = user;
	struct command_answer answer;
	(void)call;
	s->write_out = false;
	s->write_took = mono_sub(loop_now(s->api->loop), s->write_since);
	s->write_code = command_answer_read(type, body, &answer) == OK ? answer.code : SUBMIT_BUSY;
	s->write_done = true;
	look_maybe_end(s);
}

/* One that is on its way already is waited for: its age is what the look is after. */
static void look_write(struct status *s)
{
	struct api *api = s->api;
	struct record rec = { .type = RECORD_TICK };
	s->write_done = false;
	if (s->write_out)
		return;
	s->write_since = loop_now(api->loop);
	buf_clear(&api->encode);
	record_encode(&api->encode, &rec);
	enum err e = api->encode.err;
	if (e == OK)
		e = ask_patiently(api, MSG_COMMAND, buf_str(&api->encode), NULL, write_answer, s,
		    mono_add(s->write_since, LOOK_WAIT), false);
	s->write_out = e == OK;
	if (e != OK) {
		s->write_code = SUBMIT_BUSY;
		s->write_done = true;
	}
}

static void look_begin(struct status *s)
{
	struct api *api = s->api;
	if (arena_open(api->mem, (size_t)64 << 20, &s->next_arena) != OK)
		return;
	s->looking = true;
	s->store_done = s->rules_done = s->rules_gone = false;
	s->rules_status = 0;
	s->rules_left = 0;
	s->store = (struct store_look){ 0 };
	s->rules = buf_make(api->mem, RULES_BYTES_MAX);
	s->generation++;
	loop_timer_after(api->loop, &s->late, LOOK_WAIT);
	struct job *job = job_new(api, NULL, &api->readers);
	if (job) {
		job->work = store_work;
		job->done = store_done;
		job->extra = s->generation;
		job_start(job, &api->readers);
	}
	look_rules(s);
	look_write(s);
}

static void waiter_leave(struct call *call)
{
	waiter_remove(call->api->status, call->user);
}

void status_get(struct call *call)
{
	struct api *api = call->api;
	struct str accept = http_head_get(&call->req->head, STR("Accept"));
	struct params params = { 0 };
	bool json = accept.ptr && str_find_str(accept, STR("application/json")) < accept.len &&
	            str_find_str(accept, STR("text/html")) == accept.len;
	if (params_read(call->req->arena, call->req->head.query, &params) == OK &&
	    str_eq(params_get(&params, STR("format")), STR("json")))
		json = true;
	if (!api->status) {
		api->status = mem_new(api->mem, 1, sizeof *api->status);
		if (!api->status) {
			call_busy(call, STR("out of memory"));
			return;
		}
		api->status->api = api;
		api->status->late.fire = look_late;
	}
	struct status *s = api->status;
	if (s->looked.ns && !s->looking &&
	    mono_sub(loop_now(api->loop), s->looked).ns <
	        (s->ok ? LOOK_FRESH.ns : LOOK_FRESH_BAD.ns)) {
		answer(s, call, json);
		return;
	}
	struct waiter *w = arena_new(call->req->arena, struct waiter, 1);
	if (!w) {
		call_busy(call, STR("out of memory"));
		return;
	}
	*w = (struct waiter){ .next = s->waiters, .call = call, .json = json };
	if (w->next)
		w->next->prev = w;
	s->waiters = w;
	call->user = w;
	call->leave = waiter_leave;
	if (!s->looking)
		look_begin(s);
	if (!s->looking) {
		waiter_remove(s, w);
		call->leave = NULL;
		call_busy(call, STR("out of memory"));
		return;
	}
	look_maybe_end(s);
}

void status_close(struct api *api)
{
	struct status *s = api->status;
	if (!s)
		return;
	loop_timer_clear(api->loop, &s->late);
	buf_free(&s->rules);
	arena_close(&s->arena);
	arena_close(&s->next_arena);
	mem_free(api->mem, s);
	api->status = NULL;
}

/* Alive: the loop turns. Nothing else is asked. */
void healthz_get(struct call *call)
{
	call_answer(call, 200, content_text, STR(HEADERS_DATA), STR("ok\n"));
}
