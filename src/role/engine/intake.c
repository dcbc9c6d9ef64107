/* SPDX-License-Identifier: Apache-2.0
 *
 * What is submitted and commanded. A submit is answered when it is durable, a command when its
 * effects are committed; both keep their credit until then, which bounds what can wait here.
 */
#include "role/engine/engine_priv.h"

#include <assert.h>

static bool is_submitter(enum role peer)
{
	return peer == ROLE_WEB || peer == ROLE_WEB2 || peer == ROLE_TELEMETRY ||
	       peer == ROLE_AUDITOR || peer == ROLE_PROBER;
}

static void answer(struct engine *e, enum role peer, bool command, uint64_t id,
    enum submit_code code, uint64_t seq, enum outcome outcome, struct str text)
{
	struct chan *chan = e->peers[peer].chan;
	if (!chan)
		return;
	buf_clear(&e->body);
	put_u32(&e->body, (uint32_t)code);
	put_u64(&e->body, seq);
	if (command)
		put_u8(&e->body, (uint8_t)outcome);
	put_str(&e->body, text);
	if (chan_send(chan, command ? MSG_COMMAND_ANSWER : MSG_SUBMIT_ANSWER, id,
	        buf_str(&e->body)) != OK)
		child_log(
		    e->child, "error", "event=answer-lost peer=%.*s", STR_ARG(role_name[peer]));
}

/* ---- submits ---- */

static bool refuse(
    struct engine *e, enum role peer, uint64_t id, enum submit_code code, struct str text)
{
	answer(e, peer, false, id, code, 0, OUTCOME_DROPPED, text);
	return true;
}

static enum submit_code refusal_code(struct engine *e, enum err err)
{
	if (err == ERR_BUSY || err == ERR_NOMEM) {
		e->counts.refused_busy++;
		return SUBMIT_BUSY;
	}
	if (err == ERR_LIMIT) {
		e->counts.invalid++;
		return SUBMIT_INVALID;
	}
	e->counts.refused_storage++;
	return SUBMIT_STORAGE;
}

static struct str refusal_text(enum submit_code code)
{
	return code == SUBMIT_BUSY ? STR("the engine has too much to do: try again")
	       : code == SUBMIT_INVALID
	           ? STR("the record is too long")
	           : STR("the disk is full or failing: nothing was accepted, try again later");
}

/* The keys of events from outside must lead to a service; our own roles name theirs. */
static bool has_way(const struct engine *e, enum role peer, const struct record *rec)
{
	bool own = peer != ROLE_WEB && peer != ROLE_WEB2;
	struct str key =
	    rec->type == RECORD_EVENT ? rec->event.routing_key : rec->change.routing_key;
	return decider_knows_key(e->decider, key) || (own && key.len == 0);
}

bool intake_submit(struct engine *e, enum role peer, uint64_t id, struct str body)
{
	struct record rec;
	uint64_t seq;
	if (!e->ready || e->stopping)
		return refuse(
		    e, peer, id, SUBMIT_BUSY, STR("the engine is starting or stopping: try again"));
	arena_reset(e->arena);
	if (!is_submitter(peer) || record_decode(e->arena, body, &rec) != OK ||
	    (rec.type != RECORD_EVENT && rec.type != RECORD_CHANGE)) {
		e->counts.invalid++;
		return refuse(e, peer, id, SUBMIT_INVALID, STR("not an event"));
	}
	if (!has_way(e, peer, &rec)) {
		e->counts.unknown_key++;
		return refuse(e, peer, id, SUBMIT_UNKNOWN_KEY, STR("unknown routing key"));
	}
	if (e->submit_count == SUBMITS_MAX)
		return refuse(e, peer, id, refusal_code(e, ERR_BUSY), refusal_text(SUBMIT_BUSY));
	enum err err =
	    engine_takes_events(e) ? engine_append(e, body, peer == ROLE_AUDITOR, &seq) : ERR_IO;
	if (err != OK) {
		enum submit_code code = refusal_code(e, err);
		return refuse(e, peer, id, code, refusal_text(code));
	}
	e->counts.events++;
	e->submits[(e->submit_head + e->submit_count++) % SUBMITS_MAX] = (struct pending){
		.seq = seq, .id = id, .generation = e->peers[peer].generation, .peer = (uint8_t)peer
	};
	return false;
}

static void submit_answer(struct engine *e, const struct pending *p, enum submit_code code)
{
	struct peer_end *end = &e->peers[p->peer];
	if (!end->chan || end->generation != p->generation)
		return;
	answer(e, (enum role)p->peer, false, p->id, code, p->seq, OUTCOME_DONE,
	    code == SUBMIT_OK ? STR("") : refusal_text(code));
	chan_release(end->chan, CREDIT_EVENT, 1);
}

void intake_durable(struct engine *e, uint64_t durable)
{
	/* Backpressure: who is answered sends more, so answers wait while decisions are far behind.
	 */
	uint64_t most = e->committed_seq + BACKLOG_WINDOW;
	while (e->submit_count > 0) {
		struct pending *p = &e->submits[e->submit_head];
		if (p->seq > durable || p->seq > most)
			return;
		submit_answer(e, p, SUBMIT_OK);
		e->submit_head = (e->submit_head + 1) % SUBMITS_MAX;
		if (--e->submit_count == 0)
			e->submit_head = 0; /* stay where memory was touched before */
	}
}

/* ---- commands ---- */

static struct pending *command_add(struct engine *e, enum role peer, uint64_t id, uint64_t seq)
{
	assert(e->command_count < COMMANDS_MAX);
	struct pending *p = &e->commands[e->command_count++];
	*p = (struct pending){
		.seq = seq, .id = id, .generation = e->peers[peer].generation, .peer = (uint8_t)peer
	};
	return p;
}

static bool command_refuse(
    struct engine *e, enum role peer, uint64_t id, enum submit_code code, struct str text)
{
	answer(e, peer, true, id, code, 0, OUTCOME_DROPPED, text);
	return true;
}

static bool command_append(
    struct engine *e, enum role peer, uint64_t id, struct str body, struct str text)
{
	uint64_t seq;
	enum err err = engine_append(e, body, true, &seq);
	if (err != OK) {
		enum submit_code code = refusal_code(e, err);
		return command_refuse(e, peer, id, code, refusal_text(code));
	}
	e->counts.commands++;
	struct pending *p = command_add(e, peer, id, seq);
	p->text = text.len ? mem_new(e->mem, text.len, 1) : NULL;
	if (p->text) {
		memcpy(p->text, text.ptr, text.len);
		p->text_len = text.len;
	}
	return false;
}

#define DRY_RUN STR("dry-run:")

/* A change of resources: checked against what is in force, answered at once when nothing is to be
 * done or it is only tried (via "dry-run:..."). Only one is under way at a time, so the check holds
 * when it is decided. */
static bool command_resources(struct engine *e, enum role peer, uint64_t id, struct record *rec)
{
	struct plan plan;
	struct buf json = buf_make(e->mem, 2u << 20), bytes = buf_make(e->mem, RECORD_BYTES_MAX);
	bool dry = str_starts(rec->resources.via, DRY_RUN), done = true;
	if (rec->resources.manager == MANAGER_FILE)
		return command_refuse(
		    e, peer, id, SUBMIT_INVALID, STR("files are read by quisd alone"));
	if (e->resources_seq && !dry)
		return command_refuse(
		    e, peer, id, SUBMIT_BUSY, STR("another change is under way: try again"));
	own(arena_close) struct arena *a = NULL;
	enum err err = arena_open(e->mem, (size_t)256 << 20, &a);
	if (err == OK)
		err = resources_check(
		    decider_resources(e->decider), &rec->resources, e->zones, a, &plan, &json);
	if (err == ERR_INPUT || err == ERR_DENIED) {
		e->counts.invalid++;
		command_refuse(e, peer, id, err == ERR_INPUT ? SUBMIT_INVALID : SUBMIT_CONFLICT,
		    buf_str(&json));
	} else if (err != OK) {
		command_refuse(e, peer, id, SUBMIT_INVALID, STR("too much to check at once"));
	} else if (dry || plan.changes == 0) {
		answer(e, peer, true, id, SUBMIT_OK, 0, dry ? OUTCOME_DONE : OUTCOME_ALREADY,
		    buf_str(&json));
	} else {
		record_encode(&bytes, rec);
		if (bytes.err != OK)
			command_refuse(e, peer, id, SUBMIT_INVALID,
			    STR("too much for one change: send it in parts"));
		else
			done = command_append(e, peer, id, buf_str(&bytes), buf_str(&json));
		if (!done)
			e->resources_seq = e->commands[e->command_count - 1].seq;
	}
	buf_free(&json);
	buf_free(&bytes);
	return done;
}

/* A one-time link is used once: whoever asks first, and nobody while that is not committed. */
static bool command_one_time(
    struct engine *e, enum role peer, uint64_t id, const struct record *rec, struct str body)
{
	struct str user;
	struct control_reader *r = engine_reader(e);
	if (!r || e->one_time_seq)
		return command_refuse(
		    e, peer, id, SUBMIT_BUSY, STR("a link is being used: try again"));
	enum err err =
	    control_one_time(r, rec->credential.secret_hash, engine_stamp(e), e->arena, &user);
	if (err != OK)
		return command_refuse(e, peer, id, err == ERR_GONE ? SUBMIT_NOT_FOUND : SUBMIT_BUSY,
		    STR("the link was used, or its time is over"));
	bool done = command_append(e, peer, id, body, STR(""));
	if (!done)
		e->one_time_seq = e->commands[e->command_count - 1].seq;
	return done;
}

bool intake_command(struct engine *e, enum role peer, uint64_t id, struct str body)
{
	struct record rec;
	if (peer != ROLE_WEB && peer != ROLE_WEB2)
		return true;
	if (!e->ready || e->stopping || e->command_count == COMMANDS_MAX)
		return command_refuse(
		    e, peer, id, SUBMIT_BUSY, STR("the engine is starting or stopping: try again"));
	arena_reset(e->arena);
	if (record_decode(e->arena, body, &rec) != OK)
		return command_refuse(e, peer, id, SUBMIT_INVALID, STR("not a record"));
	switch (rec.type) {
	case RECORD_RESOURCES: return command_resources(e, peer, id, &rec);
	case RECORD_CREDENTIAL:
		if (rec.credential.type == CREDENTIAL_ONE_TIME_USED)
			return command_one_time(e, peer, id, &rec, body);
		return command_append(e, peer, id, body, STR(""));
	case RECORD_COMMAND:
	case RECORD_TEST_PAGE:
	case RECORD_TICK: /* the status page's write: through inbox and commit, and changes nothing
	                   */
		return command_append(e, peer, id, body, STR(""));
	default: return command_refuse(e, peer, id, SUBMIT_INVALID, STR("not a command"));
	}
}

void intake_decided(struct engine *e, uint64_t seq, enum outcome outcome)
{
	if (seq == e->resources_seq)
		e->resources_seq = 0;
	for (uint32_t i = 0; i < e->command_count && e->commands[i].seq <= seq; i++)
		if (e->commands[i].seq == seq)
			e->commands[i].outcome = (uint8_t)outcome;
}

static void command_answer(struct engine *e, struct pending *p, enum submit_code code)
{
	struct peer_end *end = &e->peers[p->peer];
	if (end->chan && end->generation == p->generation) {
		struct str text = code == SUBMIT_OK ? str_make(p->text ? p->text : "", p->text_len)
		                                    : refusal_text(code);
		enum submit_code told =
		    code == SUBMIT_OK && p->outcome == OUTCOME_NO_SUCH ? SUBMIT_NOT_FOUND : code;
		answer(e, (enum role)p->peer, true, p->id, told, p->seq, (enum outcome)p->outcome,
		    text);
		chan_release(end->chan, CREDIT_COMMAND, 1);
	}
	mem_free(e->mem, p->text);
}

void intake_committed(struct engine *e, uint64_t committed)
{
	uint32_t n = 0;
	if (e->one_time_seq <= committed)
		e->one_time_seq = 0;
	while (n < e->command_count && e->commands[n].seq <= committed)
		command_answer(e, &e->commands[n++], SUBMIT_OK);
	e->command_count -= n;
	if (n)
		memmove(e->commands, e->commands + n, e->command_count * sizeof(e->commands[0]));
}

void intake_refuse(struct engine *e, uint64_t first)
{
	while (e->submit_count > 0) {
		struct pending *p =
		    &e->submits[(e->submit_head + e->submit_count - 1) % SUBMITS_MAX];
		if (p->seq < first)
			break;
		e->counts.refused_storage++;
		submit_answer(e, p, SUBMIT_STORAGE);
		e->submit_count--;
	}
	while (e->command_count > 0 && e->commands[e->command_count - 1].seq >= first)
		command_answer(e, &e->commands[--e->command_count], SUBMIT_STORAGE);
	if (e->resources_seq >= first)
		e->resources_seq = 0;
	if (e->one_time_seq >= first)
		e->one_time_seq = 0;
}

void intake_peer_gone(struct engine *e, enum role peer)
{
	/* What is pending stays in its queue, in order; its generation tells that nobody waits. */
	e->peers[peer].generation++;
}
