/* SPDX-License-Identifier: Apache-2.0
 *
 * Attempts: waiting -> sending -> settled -> confirmed. A job is one attempt at one message; its
 * page's bytes live until it is settled, its receipt from then on until it is confirmed.
 *
 * The sender's credit is held from the page's arrival until it is settled, so what waits here is
 * bounded by the senders' windows.
 */
#include "role/notifier/notifier_priv.h"
#include "base/codec.h"
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#define ARENA_BYTES_MAX (4u * 1024 * 1024)
#define RECEIPT_BYTES_MAX (16u * 1024)

struct peer_end *notifier_peer(struct notifier *n, enum role peer)
{
	assert(peer == ROLE_ENGINE || peer == ROLE_AUDITOR);
	return peer == ROLE_ENGINE ? &n->engine : &n->auditor;
}

static void key_write(char out[40], struct str message, uint32_t attempt)
{
	snprintf(
	    out, 40, "%.*s/%u", (int)(message.len < 20 ? message.len : 20), message.ptr, attempt);
}

static void set_state(struct job *j, enum job_state state)
{
	assert(j->n->counts[j->state] > 0);
	j->n->counts[j->state]--;
	j->state = state;
	j->n->counts[j->state]++;
}

static void job_free(struct job *j)
{
	struct notifier *n = j->n;
	assert(!j->call && !j->setup);
	map_remove(n->jobs, str_c(j->key));
	*(j->prev ? &j->prev->next : &n->first) = j->next;
	*(j->next ? &j->next->prev : &n->last) = j->prev;
	n->counts[j->state]--;
	buf_free(&j->page_bytes);
	buf_free(&j->url);
	buf_free(&j->receipt);
	mem_free(n->mem, j);
}

/* ---- receipts ---- */

static void receipt_body(
    struct buf *b, struct job *j, struct str provider, struct str reference, struct str error)
{
	struct record rec = { .type = RECORD_RECEIPT };
	struct record_receipt *r = &rec.receipt;
	enum err e = id_parse(str_c(j->message), &r->message);
	assert(e == OK);
	r->attempt = j->attempt;
	r->state = j->receipt_state;
	r->provider = provider;
	r->reference = str_utf8_first(reference, 500);
	r->error = str_utf8_first(error, 900);
	record_encode(b, &rec);
}

/* Sends it if it can be sent now. The auditor confirms nothing: what is sent to it is done with.
 * True when the job is gone. */
static bool receipt_send(struct job *j)
{
	struct peer_end *end = notifier_peer(j->n, j->peer);
	assert(j->state == JOB_SETTLED);
	if (!j->receipt_sent && end->chan)
		j->receipt_sent = chan_send(end->chan, MSG_RECEIPT, 0, buf_str(&j->receipt)) == OK;
	if (j->peer == ROLE_AUDITOR && (j->receipt_sent || !end->chan)) {
		job_free(j);
		return true;
	}
	return false;
}

static void credit_return(struct job *j)
{
	struct peer_end *end = notifier_peer(j->n, j->peer);
	if (j->generation != 0 && end->chan && end->generation == j->generation)
		chan_release(end->chan, CREDIT_PAGE, 1);
	j->generation = 0;
}

static enum page_outcome outcome_of(enum receipt_state state)
{
	switch (state) {
	case RECEIPT_ACCEPTED:
	case RECEIPT_DELIVERED: return PAGE_ACCEPTED;
	case RECEIPT_FAILED_RETRY: return PAGE_RETRY;
	case RECEIPT_FAILED_FINAL: return PAGE_FINAL;
	case RECEIPT_CANCELLED: return PAGE_CANCELLED;
	case RECEIPT_UNKNOWN: return PAGE_UNKNOWN;
	}
	assert(0 && "a receipt has a state");
	return PAGE_UNKNOWN;
}

/* The attempt has come to its end; the job may be gone afterwards. */
static void settle(struct job *j, enum receipt_state state, struct str reference, struct str error)
{
	struct notifier *n = j->n;
	struct str provider = j->page.provider;
	assert(j->state != JOB_SETTLED && !j->call);
	if (j->setup) {
		assert(j->setup->running[j->provider_index] > 0);
		j->setup->running[j->provider_index]--;
		setup_release(&j->setup);
	}
	if (j->state == JOB_SENDING)
		map_remove(n->under_way, str_c(j->message));
	set_state(j, JOB_SETTLED);
	j->receipt_state = state;
	receipt_body(&j->receipt, j, provider, reference, error);
	tally_add(
	    &n->tallies, provider, outcome_of(state), mono_sub(loop_now(n->loop), j->taken_at));
	if (state == RECEIPT_FAILED_RETRY || state == RECEIPT_FAILED_FINAL ||
	    state == RECEIPT_UNKNOWN)
		child_log(n->child, "warn",
		    "event=page_%s message=%s attempt=%u provider=%.*s error=\"%.*s\"",
		    state == RECEIPT_UNKNOWN ? "unknown" : "failed", j->message, j->attempt,
		    STR_ARG(provider), STR_ARG(error));
	credit_return(j);
	n->due = true;
	if (j->receipt.err != OK) {
		/* Without a receipt the engine's own timer settles it; keeping the job would only
		 * hide that. */
		child_log(n->child, "error", "event=receipt_lost message=%s attempt=%u", j->message,
		    j->attempt);
		job_free(j);
		return;
	}
	bool gone = receipt_send(j);
	if (!gone) {
		j->page = (struct page){ 0 };
		buf_free(&j->page_bytes);
		buf_free(&j->url);
	}
}

void jobs_flush_receipts(struct notifier *n, enum role peer)
{
	for (struct job *j = n->first, *next; j; j = next) {
		next = j->next;
		if (j->peer == peer && j->state == JOB_SETTLED && !j->receipt_sent)
			receipt_send(j);
	}
}

void jobs_peer_gone(struct notifier *n, enum role peer)
{
	for (struct job *j = n->first, *next; j; j = next) {
		next = j->next;
		if (j->peer != peer)
			continue;
		j->receipt_sent = false;
		if (peer == ROLE_AUDITOR && j->state == JOB_SETTLED)
			job_free(j);
	}
}

void jobs_write_holding(struct notifier *n, struct buf *b)
{
	uint32_t count = 0;
	for (struct job *j = n->first; j; j = j->next)
		count += j->peer == ROLE_ENGINE;
	put_u32(b, count);
	for (struct job *j = n->first; j; j = j->next)
		if (j->peer == ROLE_ENGINE) {
			put_str(b, str_c(j->message));
			put_u32(b, j->attempt);
		}
}

/* ---- taking over ---- */

static struct job *job_make(
    struct notifier *n, enum role peer, struct str body, const struct page *page)
{
	struct job *j = mem_new(n->mem, 1, sizeof(*j));
	if (!j)
		return NULL;
	j->n = n;
	j->peer = peer;
	j->attempt = page->attempt;
	j->taken_at = loop_now(n->loop);
	j->page_bytes = buf_make(n->mem, PAGE_BYTES_MAX);
	j->url = buf_make(n->mem, 8192);
	j->receipt = buf_make(n->mem, RECEIPT_BYTES_MAX);
	memcpy(j->message, page->message.ptr, page->message.len);
	key_write(j->key, page->message, page->attempt);
	buf_add(&j->page_bytes, body);
	if (j->page_bytes.err != OK || page_decode(buf_str(&j->page_bytes), &j->page) != OK ||
	    map_put(n->jobs, str_c(j->key), j) != OK) {
		buf_free(&j->page_bytes);
		mem_free(n->mem, j);
		return NULL;
	}
	j->prev = n->last;
	*(j->prev ? &j->prev->next : &n->first) = j;
	n->last = j;
	n->counts[JOB_WAITING]++;
	return j;
}

/* A receipt for what could not even be taken over. */
static void refuse(struct notifier *n, enum role peer, const struct page *page, struct str why)
{
	struct job j = { .n = n, .attempt = page->attempt, .receipt_state = RECEIPT_FAILED_RETRY };
	own(buf_free) struct buf b = buf_make(n->mem, RECEIPT_BYTES_MAX);
	struct peer_end *end = notifier_peer(n, peer);
	memcpy(j.message, page->message.ptr, page->message.len);
	receipt_body(&b, &j, page->provider, STR(""), why);
	tally_add(&n->tallies, page->provider, PAGE_RETRY, SPAN_S(0));
	if (end->chan && b.err == OK)
		ignore_err(chan_send(end->chan, MSG_RECEIPT, 0, buf_str(&b)),
		    "lost: the engine's receipt timer tries again");
}

bool jobs_take(struct notifier *n, enum role peer, struct str body)
{
	struct page page;
	struct id id;
	if (page_decode(body, &page) != OK || id_parse(page.message, &id) != OK) {
		child_log(n->child, "error", "event=bad_page from=%.*s", STR_ARG(role_name[peer]));
		return true;
	}
	char key[40];
	key_write(key, page.message, page.attempt);
	struct job *held = map_find(n->jobs, str_c(key));
	if (held) { /* sent again: we have it */
		if (held->state == JOB_SETTLED && held->peer == peer) {
			held->receipt_sent = false;
			receipt_send(held);
		}
		return true;
	}
	if (map_count(n->jobs) >= JOBS_MAX || n->stopping) {
		refuse(n, peer, &page,
		    n->stopping ? STR("the notifier is stopping")
		                : STR("the notifier holds too many pages"));
		return true;
	}
	struct job *j = job_make(n, peer, body, &page);
	if (!j) {
		refuse(n, peer, &page, STR("the notifier is out of memory"));
		return true;
	}
	j->generation = notifier_peer(n, peer)->generation;
	n->due = true;
	return false;
}

void jobs_cancel(struct notifier *n, struct str message)
{
	for (struct job *j = n->first, *next; j; j = next) {
		next = j->next;
		if (!str_eq(str_c(j->message), message) || j->state == JOB_SETTLED)
			continue;
		if (j->state == JOB_SENDING && fetch_call_began(j->call))
			continue; /* too late: what becomes of it is told as it is */
		fetch_cancel(&j->call);
		settle(j, RECEIPT_CANCELLED, STR(""), STR(""));
	}
}

void jobs_confirm(
    struct notifier *n, struct str message, uint32_t attempt, enum receipt_state state)
{
	char key[40];
	key_write(key, message, attempt);
	struct job *j = map_find(n->jobs, str_c(key));
	if (j && j->state == JOB_SETTLED && j->receipt_state == state)
		job_free(j);
}

/* ---- sending ---- */

static void sent(void *context, const struct fetch_result *result)
{
	struct job *j = context;
	const struct notify_provider *p = &j->setup->providers[j->provider_index];
	struct arena *a = NULL;
	struct judgement verdict = {
		.verdict = VERDICT_UNKNOWN, .error = STR("out of memory"), .reference = STR("")
	};
	static const enum receipt_state state_of[] = {
		[VERDICT_ACCEPTED] = RECEIPT_ACCEPTED,
		[VERDICT_RETRY] = RECEIPT_FAILED_RETRY,
		[VERDICT_FINAL] = RECEIPT_FAILED_FINAL,
		[VERDICT_UNKNOWN] = RECEIPT_UNKNOWN,
	};
	j->call = NULL;
	if (arena_open(j->n->mem, ARENA_BYTES_MAX, &a) == OK)
		driver_find(p->type)->judge(a, p, buf_str(&j->url), result, &verdict);
	settle(j, state_of[verdict.verdict], verdict.reference, verdict.error);
	arena_close(&a);
}

/* The console. Standard error may be a pipe that nobody reads or a full disk: then it has not been
 * told. */
static bool print(struct str text)
{
	while (text.len > 0) {
		ssize_t done = write(STDERR_FILENO, text.ptr, text.len);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return false;
		text = str_from(text, (size_t)done);
	}
	return true;
}

/* What stands in the way of this attempt, for ever (ERR_INPUT) or now; OK when it is under way or
 * printed. */
static enum err start(struct job *j, struct arena *a, struct str *ret_why)
{
	struct notifier *n = j->n;
	const struct notify_provider *p = &j->setup->providers[j->provider_index];
	const struct driver *driver = driver_find(p->type);
	struct notice notice;
	struct delivery delivery;
	*ret_why = STR("");
	if (driver->contact != j->page.contact_type) {
		*ret_why = arena_printf(
		    a, "provider \"%.*s\" is of another type than the contact", STR_ARG(p->name));
		return ERR_DENIED;
	}
	enum err e =
	    notice_make(a, &j->page, j->setup->has_link_key ? &j->setup->link_key : NULL, &notice);
	if (e != OK)
		return e;
	struct delivery_order order = {
		.provider = p, .page = &j->page, .notice = &notice, .now = loop_wall(n->loop)
	};
	e = driver->build(a, &order, &delivery, ret_why);
	if (e != OK)
		return e;
	if (delivery.kind == DELIVERY_PRINT) {
		if (!print(delivery.text)) {
			*ret_why = STR("standard error cannot be written to");
			return ERR_IO;
		}
		settle(j, RECEIPT_ACCEPTED, STR("printed"), STR(""));
		return OK;
	}
	buf_add(&j->url, delivery.request.url);
	if (j->url.err != OK)
		return j->url.err;
	e = fetch_start(n->fetch, &delivery.request, sent, j, &j->call);
	if (e == ERR_INPUT)
		*ret_why = STR("the address holds characters that cannot be sent");
	return e;
}

static void begin(struct job *j, size_t provider_index)
{
	struct notifier *n = j->n;
	struct arena *a = NULL;
	struct str why = STR("");
	j->setup = n->setup;
	j->setup->users++;
	j->provider_index = provider_index;
	j->setup->running[provider_index]++;
	set_state(j, JOB_SENDING);
	enum err e = map_put(n->under_way, str_c(j->message), j);
	if (e == OK)
		e = arena_open(n->mem, ARENA_BYTES_MAX, &a);
	if (e == OK)
		e = start(j, a, &why);
	if (e != OK)
		settle(j, e == ERR_INPUT ? RECEIPT_FAILED_FINAL : RECEIPT_FAILED_RETRY, STR(""),
		    why.len > 0 ? why : str_c(err_text(e)));
	arena_close(&a);
}

void jobs_dispatch(struct notifier *n)
{
	n->due = false;
	if (n->stopping || n->counts[JOB_WAITING] == 0)
		return;
	for (struct job *j = n->first, *next; j; j = next) {
		next = j->next;
		if (j->state != JOB_WAITING || map_find(n->under_way, str_c(j->message)))
			continue;
		int at = setup_find(n->setup, j->page.provider);
		if (at < 0) {
			own(buf_free) struct buf why = buf_make(n->mem, 512);
			buf_printf(&why, "there is no provider \"%.*s\" (any more)",
			    STR_ARG(j->page.provider));
			settle(j, RECEIPT_FAILED_RETRY, STR(""), buf_str(&why));
		} else if (n->setup->running[at] < n->setup->providers[at].concurrency) {
			begin(j, (size_t)at);
		}
	}
}

/* ---- the end ---- */

void jobs_abort(struct notifier *n)
{
	for (struct job *j = n->first, *next; j; j = next) {
		next = j->next;
		if (j->state == JOB_SETTLED)
			continue;
		bool began = j->call && fetch_call_began(j->call);
		fetch_cancel(&j->call);
		settle(j, began ? RECEIPT_UNKNOWN : RECEIPT_FAILED_RETRY, STR(""),
		    STR("the notifier was stopped"));
	}
}

void jobs_free_all(struct notifier *n)
{
	while (n->first) {
		assert(n->first->state == JOB_SETTLED);
		job_free(n->first);
	}
}
