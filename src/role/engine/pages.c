/* SPDX-License-Identifier: Apache-2.0
 *
 * The conversation with the notifier. A message that is intended gets a HANDOVER record (a bounded
 * window of them); deciding it makes the message sending, and when that is committed it goes out.
 * What had gone to a notifier that ended and is not held by the next one is in doubt: a receipt
 * UNKNOWN is recorded for it, and the core sends it again, marked as a possible duplicate.
 */
#include "role/engine/engine_priv.h"

#include "base/json.h"
#include "wire/page.h"

#include <assert.h>

#define PAGE_DETAILS_MAX (16u * 1024)

/* ---- flights ---- */

static struct flight *flight_find(struct engine *e, const struct id *id)
{
	for (uint32_t i = 0; i < e->flight_count; i++)
		if (memcmp(e->flights[i].id.text, id->text, sizeof(id->text)) == 0)
			return &e->flights[i];
	return NULL;
}

static void flight_remove(struct engine *e, struct flight *f)
{
	mem_free(e->mem, f->texts);
	*f = e->flights[--e->flight_count];
}

static struct str put(char **p, struct str s)
{
	struct str out = { *p, s.len };
	if (s.len)
		memcpy(*p, s.ptr, s.len);
	*p += s.len;
	return out;
}

static void flight_fill(struct engine *e, struct flight *f, const struct message *row)
{
	size_t n = row->user.len + row->contact.len + row->address.len + row->provider.len + 1;
	char *p = mem_new(e->mem, n, 1);
	f->texts = p;
	f->row = *row;
	f->row.error = f->row.reference = STR("");
	f->row.user = p ? put(&p, row->user) : STR("");
	f->row.contact = p ? put(&p, row->contact) : STR("");
	f->row.address = p ? put(&p, row->address) : STR("");
	f->row.provider = p ? put(&p, row->provider) : STR("");
	if (!f->texts)
		engine_die(e, "out of memory for a page");
}

void pages_row(struct engine *e, const struct message *row)
{
	struct flight *f = flight_find(e, &row->id);
	if (f && (row->state != MESSAGE_SENDING || row->attempt != f->attempt)) {
		flight_remove(e, f);
		f = NULL;
	}
	if (row->state != MESSAGE_SENDING || f)
		return;
	/* The window keeps these few; loaded ones came from such a window. */
	assert(e->flight_count < FLIGHTS_MAX);
	f = &e->flights[e->flight_count++];
	*f = (struct flight){ .id = row->id, .seq = e->deciding_seq, .attempt = row->attempt };
	f->sent =
	    e->deciding_seq == 0; /* loaded: a former run committed it, so it may have gone out */
	flight_fill(e, f, row);
	e->flights_changed = true;
}

void pages_close(struct engine *e)
{
	while (e->flight_count)
		flight_remove(e, &e->flights[0]);
}

/* ---- sending ---- */

struct control_reader *engine_reader(struct engine *e)
{
	if (!e->reader && control_reader_open(e->mem, e->os, str_c(e->data_dir), &e->reader) != OK)
		e->reader = NULL;
	return e->reader;
}

static void facts_of_incident(struct page *p, const struct incident *inc)
{
	p->incident_number = inc->number;
	p->title = inc->title;
	p->service = inc->service;
	p->status = incident_status_name[inc->status];
	p->urgency = inc->urgency;
	p->created_at = inc->created_at;
	p->alerts_open = inc->alerts_open;
}

static void facts_of_alert(struct arena *a, struct page *p, const struct alert *alert)
{
	const struct json *root;
	p->severity = alert->severity;
	if (alert->details.len == 0 || alert->details.len > PAGE_DETAILS_MAX)
		return;
	if (json_read(a, alert->details, JSON_DEPTH_MAX, &root, NULL) != OK ||
	    !json_is(root, JSON_OBJECT))
		return;
	p->details = alert->details;
	const struct json *payload = json_get(root, STR("payload"));
	struct str source = json_get_str(payload ? payload : root, STR("source"));
	struct str client = json_get_str(root, STR("client"));
	p->source = source.ptr ? source : STR("");
	p->client = client.ptr ? client : STR("");
}

static void facts(struct engine *e, const struct flight *f, struct page *p)
{
	struct incident inc;
	struct alert *alerts;
	size_t count = 0;
	bool more;
	/* What only the store knows about the incident: read back, after the commit. */
	struct control_reader *r = engine_reader(e);
	const struct incident *open = core_incident(decider_core(e->decider), &f->row.incident);
	p->title = STR("A test page: paging to you works");
	p->service = p->status = p->source = p->client = p->details = STR("");
	p->severity = SEVERITY_INFO;
	p->created_at = f->row.created_at;
	if (f->row.purpose == PURPOSE_TEST)
		return;
	p->title = STR("An incident (its facts cannot be read at the moment)");
	if (open)
		facts_of_incident(p, open);
	else if (r && control_incident(r, &f->row.incident, e->arena, &inc) == OK)
		facts_of_incident(p, &inc);
	enum err err =
	    r ? control_alerts(r, &f->row.incident, true, 1, 0, e->arena, &alerts, &count, &more)
	      : ERR_GONE;
	if (err == OK && count > 0)
		facts_of_alert(e->arena, p, &alerts[0]);
	if (err == ERR_IO)
		control_reader_close(&e->reader);
}

static struct str full_name(const struct engine *e, struct str user)
{
	const struct directory *dir = decider_directory(e->decider);
	int32_t n = user.len ? directory_user(dir, user) : -1;
	return n < 0 ? STR("") : dir->users[n].full_name;
}

/* The reader keeps the texts in the arena; the core's live until the next step. */
static enum err send_page(struct engine *e, struct flight *f)
{
	arena_reset(e->arena);
	struct page p = {
		.message = id_str(&f->id),
		.attempt = f->attempt,
		.maybe_duplicate = f->row.maybe_duplicate,
		.purpose = f->row.purpose,
		.contact_type = f->row.contact_type,
		.provider = f->row.provider,
		.address = f->row.address,
		.user = f->row.user,
		.user_full_name = full_name(e, f->row.user),
		.incident = id_str(&f->row.incident),
		.base_url = decider_directory(e->decider)->base_url,
		.at = f->row.changed_at,
	};
	facts(e, f, &p);
	struct buf b = buf_make(e->mem, PAGE_BYTES_MAX);
	page_encode(&b, &p);
	if (b.err == ERR_LIMIT) {
		buf_clear(&b);
		p.details = STR("");
		page_encode(&b, &p);
	}
	enum err err =
	    b.err == OK ? chan_send(e->peers[ROLE_NOTIFIER].chan, MSG_SEND, 0, buf_str(&b)) : b.err;
	buf_free(&b);
	return err;
}

static void send_and_cancel(struct engine *e)
{
	struct chan *chan = e->peers[ROLE_NOTIFIER].chan;
	if (!chan || !e->notifier_ready || !e->flights_changed)
		return;
	e->flights_changed = false;
	for (uint32_t i = 0; i < e->flight_count; i++) {
		struct flight *f = &e->flights[i];
		bool wanted = core_message_wanted(decider_core(e->decider), &f->id);
		if (!f->sent && f->seq <= e->committed_seq) {
			/* One that is no longer wanted goes too and is cancelled at once: its
			 * receipt settles it. */
			f->sent = send_page(e, f) == OK;
			e->counts.sent += f->sent;
			e->flights_changed = e->flights_changed || !f->sent;
		}
		if (f->sent && !f->cancelled && !wanted) {
			buf_clear(&e->body);
			put_str(&e->body, id_str(&f->id));
			f->cancelled = chan_send(chan, MSG_CANCEL, 0, buf_str(&e->body)) == OK;
			e->counts.cancelled += f->cancelled;
		}
	}
	if (e->flights_changed && !loop_timer_is_set(&e->retry))
		loop_timer_after(e->loop, &e->retry, SPAN_MS(20));
}

/* ---- handing over ---- */

static void hand_over(struct engine *e)
{
	const struct message *rows[FLIGHT_WINDOW];
	struct id ids[FLIGHT_WINDOW];
	if (!e->notifier_ready || e->handover_seq || e->flight_count >= FLIGHT_WINDOW)
		return;
	size_t n = core_outbox(
	    decider_core(e->decider), e->clock.last_at, rows, FLIGHT_WINDOW - e->flight_count);
	if (n == 0)
		return;
	for (size_t i = 0; i < n; i++)
		ids[i] = rows[i]->id;
	struct record rec = { .type = RECORD_HANDOVER, .handover = { ids, (uint32_t)n } };
	buf_clear(&e->body);
	record_encode(&e->body, &rec);
	if (e->body.err == OK &&
	    engine_append(e, buf_str(&e->body), true, &e->handover_seq) == OK) {
		e->counts.handovers++;
		return;
	}
	e->handover_seq = 0;
	if (!loop_timer_is_set(&e->retry))
		loop_timer_after(e->loop, &e->retry, SPAN_MS(50));
}

void pages_turn(struct engine *e)
{
	hand_over(e);
	send_and_cancel(e);
}

/* ---- the notifier's side ---- */

void pages_notifier(struct engine *e, struct chan *chan)
{
	(void)chan;
	e->notifier_ready = false; /* until it has said what it holds */
}

/* True when the list has this attempt. */
static bool is_held(struct str body, const struct flight *f)
{
	struct rd r = rd_make(body);
	uint32_t count = rd_u32(&r);
	for (uint32_t i = 0; i < count && r.err == OK; i++) {
		struct str id = rd_str(&r, sizeof(struct id));
		uint32_t attempt = rd_u32(&r);
		if (r.err == OK && str_eq(id, id_str(&f->id)) && attempt == f->attempt)
			return true;
	}
	return false;
}

void pages_holding(struct engine *e, struct str body)
{
	for (uint32_t i = 0; i < e->flight_count; i++) {
		struct flight *f = &e->flights[i];
		f->cancelled = false;
		if (!f->sent || is_held(body, f))
			continue;
		struct record rec = { .type = RECORD_RECEIPT,
			.receipt = { .message = f->id,
			    .attempt = f->attempt,
			    .state = RECEIPT_UNKNOWN,
			    .provider = f->row.provider,
			    .error = STR("the notifier ended before it knew what became of this "
			                 "attempt") } };
		e->counts.doubtful++;
		if (!todo_add(e, &rec, TODO_PLAIN))
			child_log(
			    e->child, "error", "event=doubt-not-recorded message=%s", f->id.text);
	}
	e->notifier_ready = true;
	e->flights_changed = true;
}

bool pages_receipt(struct engine *e, struct str body)
{
	struct record rec;
	arena_reset(e->arena);
	if (record_decode(e->arena, body, &rec) != OK || rec.type != RECORD_RECEIPT) {
		e->counts.invalid++;
		return true;
	}
	struct todo *t = todo_add(e, &rec, TODO_RECEIPT);
	if (!t)
		return true; /* not confirmed: the notifier keeps it */
	t->message = rec.receipt.message;
	t->attempt = rec.receipt.attempt;
	t->state = (uint8_t)rec.receipt.state;
	e->counts.receipts++;
	return true;
}
