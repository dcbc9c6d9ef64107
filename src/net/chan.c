/* SPDX-License-Identifier: Apache-2.0
 *
 * See chan.h. Two byte buffers; what is sent in a turn leaves in one write at the turn's end (a
 * timer set to now) or when the socket takes more. The credit that a handler gives back is gathered
 * and returned as one small message per class and turn; credit messages themselves need none, so
 * they always flow.
 */
#include "net/chan.h"
#include "base/codec.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define IN_LIMIT ((size_t)20 << 20)
#define OUT_LIMIT ((size_t)256 << 20) /* credit bounds it far below; a guard against a defect */
#define READ_CHUNK ((size_t)256 << 10)
#define READS_PER_TURN 4

struct chan {
	const struct mem *mem;
	struct loop *loop;
	const struct chan_handler *handler;
	void *context;
	struct loop_io io;
	struct loop_timer flush;
	struct buf in, out;
	size_t in_at, out_at;
	uint32_t credit[CREDIT_CLASS_COUNT];    /* how many we may send */
	uint32_t held[CREDIT_CLASS_COUNT];      /* received and not yet given back */
	uint32_t to_return[CREDIT_CLASS_COUNT]; /* to be given back at the turn's end */
	bool ran_out[CREDIT_CLASS_COUNT];
	bool dispatching, closed, dead;
	struct chan_counters counters;
};

static void io_ready(struct loop_io *io, unsigned events);
static void flush_fire(struct loop_timer *timer);

enum err chan_open(const struct mem *mem, struct loop *loop, int fd,
    const struct chan_handler *handler, void *context, struct chan **ret_chan)
{
	assert(handler->message && handler->gone);
	struct chan *c = mem_new(mem, 1, sizeof *c);
	if (!c)
		return ERR_NOMEM;
	c->mem = mem;
	c->loop = loop;
	c->handler = handler;
	c->context = context;
	c->in = buf_make(mem, IN_LIMIT);
	c->out = buf_make(mem, OUT_LIMIT);
	c->flush.fire = flush_fire;
	memcpy(c->credit, credit_window, sizeof c->credit);
	c->io = (struct loop_io){ .fd = fd, .ready = io_ready };
	int flags = fcntl(fd, F_GETFL);
	enum err e = flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 ? ERR_IO : OK;
	if (e == OK)
		e = loop_io_add(loop, &c->io, LOOP_READ);
	if (e != OK) {
		mem_free(mem, c);
		return e;
	}
	*ret_chan = c;
	return OK;
}

static void destroy(struct chan *c)
{
	buf_free(&c->in);
	buf_free(&c->out);
	mem_free(c->mem, c);
}

static void stop_io(struct chan *c)
{
	loop_timer_clear(c->loop, &c->flush);
	loop_io_remove(c->loop, &c->io);
	if (c->io.fd >= 0)
		close(c->io.fd);
	c->io.fd = -1;
}

void chan_close(struct chan **chan)
{
	struct chan *c = *chan;
	if (!c)
		return;
	*chan = NULL;
	assert(!c->closed);
	/* What was queued in this turn still leaves, as far as the socket takes it. */
	if (!c->dead && c->out.len > c->out_at)
		ignore_err(loop_os(c->loop)->send(loop_os(c->loop), c->io.fd,
		               c->out.ptr + c->out_at, c->out.len - c->out_at),
		    "the other end learns the rest from its own record");
	stop_io(c);
	c->closed = true;
	if (!c->dispatching)
		destroy(c);
}

/* Tells the owner once; the owner closes. */
static void die(struct chan *c, const char *why)
{
	if (c->dead || c->closed)
		return;
	c->dead = true;
	stop_io(c);
	bool outer = c->dispatching;
	c->dispatching = true;
	c->handler->gone(c->context, c, why);
	c->dispatching = outer;
	if (c->closed && !outer)
		destroy(c);
}

static void schedule_flush(struct chan *c)
{
	if (!loop_timer_is_set(&c->flush) && !(c->io.events & LOOP_WRITE))
		loop_timer_set(c->loop, &c->flush, loop_now(c->loop));
}

static enum err queue(struct chan *c, const struct rolemsg_type *type, uint64_t id, struct str body)
{
	struct rolemsg_head head = {
		.body_bytes = (uint32_t)body.len,
		.type = (uint16_t)type->type,
		.version = ROLEMSG_VERSION,
		.id = id,
	};
	char *at = buf_reserve(&c->out, ROLEMSG_HEAD_BYTES + body.len);
	if (!at) {
		enum err e = c->out.err;
		c->out.err = OK; /* nothing was added: the next, smaller one may fit */
		return e;
	}
	rolemsg_head_write((unsigned char *)at, head);
	if (body.len)
		memcpy(at + ROLEMSG_HEAD_BYTES, body.ptr, body.len);
	buf_grew(&c->out, ROLEMSG_HEAD_BYTES + body.len);
	c->counters.sent++;
	c->counters.sent_bytes += ROLEMSG_HEAD_BYTES + body.len;
	schedule_flush(c);
	return OK;
}

enum err chan_send(struct chan *c, enum msg_type type, uint64_t id, struct str body)
{
	assert(!c->closed);
	const struct rolemsg_type *t = rolemsg_find((unsigned)type);
	assert(t && type != MSG_CREDIT);
	if (c->dead)
		return ERR_GONE;
	if (body.len > t->body_bytes_max)
		return ERR_LIMIT;
	if (c->credit[t->credit] == 0) {
		c->ran_out[t->credit] = true;
		c->counters.refused_busy++;
		return ERR_BUSY;
	}
	enum err e = queue(c, t, id, body);
	if (e == OK)
		c->credit[t->credit]--;
	return e;
}

void chan_release(struct chan *c, enum credit_class cls, uint32_t count)
{
	if (c->dead || c->closed)
		return;
	assert(count <= c->held[cls]);
	c->held[cls] -= count;
	c->to_return[cls] += count;
	schedule_flush(c);
}

uint32_t chan_credit(const struct chan *c, enum credit_class cls)
{
	return c->credit[cls];
}

const struct chan_counters *chan_counters(const struct chan *c)
{
	return &c->counters;
}

static void return_credit(struct chan *c)
{
	for (unsigned cls = 0; cls < CREDIT_CLASS_COUNT; cls++) {
		if (c->to_return[cls] == 0)
			continue;
		char bytes[5];
		bytes[0] = (char)cls;
		for (unsigned i = 0; i < 4; i++)
			bytes[1 + i] = (char)(c->to_return[cls] >> (8 * i));
		if (queue(c, rolemsg_find(MSG_CREDIT), 0, str_make(bytes, sizeof bytes)) == OK)
			c->to_return[cls] = 0;
	}
}

/* False when the channel died: c may be freed by then. */
static bool write_out(struct chan *c)
{
	const struct os *os = loop_os(c->loop);
	while (c->out_at < c->out.len) {
		ssize_t n = os->send(os, c->io.fd, c->out.ptr + c->out_at, c->out.len - c->out_at);
		if (n < 0 && (errno == EAGAIN || errno == ENOBUFS))
			break;
		if (n < 0) {
			die(c, "the other end is gone");
			return false;
		}
		c->out_at += (size_t)n;
	}
	bool rest = c->out_at < c->out.len;
	if (!rest) {
		/* A large burst's memory is given back; the usual few KiB stay. */
		if (c->out.cap > READ_CHUNK * 4)
			buf_free(&c->out);
		buf_clear(&c->out);
		c->out_at = 0;
	} else if (c->out_at > READ_CHUNK * 4) {
		buf_consume(&c->out, c->out_at);
		c->out_at = 0;
	}
	if (loop_io_change(c->loop, &c->io, LOOP_READ | (rest ? LOOP_WRITE : 0)) != OK) {
		die(c, "epoll refused the channel");
		return false;
	}
	return true;
}

static void flush_fire(struct loop_timer *timer)
{
	struct chan *c = container_of(timer, struct chan, flush);
	return_credit(c);
	loop_timer_clear(c->loop, &c->flush);
	ignore_err(write_out(c), "a dead channel has told its owner");
}

static bool take_credit(struct chan *c, struct str body)
{
	struct rd r = rd_make(body);
	uint8_t cls = rd_u8(&r);
	uint32_t count = rd_u32(&r);
	if (rd_done(&r) != OK || cls >= CREDIT_CLASS_COUNT ||
	    count > credit_window[cls] - c->credit[cls])
		return false;
	c->credit[cls] += count;
	if (c->ran_out[cls]) {
		c->ran_out[cls] = false;
		if (c->handler->credit)
			c->handler->credit(c->context, c, (enum credit_class)cls);
	}
	return true;
}

/* One whole message at the front of `in`? Dispatches it. */
static bool dispatch_one(struct chan *c, const char **ret_why)
{
	size_t have = c->in.len - c->in_at;
	if (have < ROLEMSG_HEAD_BYTES)
		return false;
	const char *at = c->in.ptr + c->in_at;
	struct rolemsg_head head;
	if (rolemsg_head_read((const unsigned char *)at, &head) != OK) {
		*ret_why = "a message that is not of this release";
		return false;
	}
	if (have - ROLEMSG_HEAD_BYTES < head.body_bytes)
		return false;
	struct str body = str_make(at + ROLEMSG_HEAD_BYTES, head.body_bytes);
	c->in_at += ROLEMSG_HEAD_BYTES + head.body_bytes;
	c->counters.received++;
	c->counters.received_bytes += ROLEMSG_HEAD_BYTES + head.body_bytes;
	if (head.type == MSG_CREDIT) {
		if (!take_credit(c, body))
			*ret_why = "credit that was never lent";
		return true;
	}
	enum credit_class cls = rolemsg_find(head.type)->credit;
	c->held[cls]++;
	if (c->held[cls] > credit_window[cls]) {
		*ret_why = "more messages than the credit allows";
		return false;
	}
	if (c->handler->message(c->context, c, (enum msg_type)head.type, head.id, body) &&
	    !c->closed)
		chan_release(c, cls, 1);
	return true;
}

static void read_in(struct chan *c)
{
	const struct os *os = loop_os(c->loop);
	const char *why = NULL;
	for (int i = 0; i < READS_PER_TURN && !why; i++) {
		char *at = buf_reserve(&c->in, READ_CHUNK);
		if (!at) {
			why = "no memory for a message";
			break;
		}
		ssize_t n = os->recv(os, c->io.fd, at, READ_CHUNK);
		if (n == 0)
			why = "the other end closed";
		if (n < 0 && errno != EAGAIN)
			why = "the other end is gone";
		if (n > 0)
			buf_grew(&c->in, (size_t)n);
		c->dispatching = true;
		const char *broken = NULL;
		while (!c->closed && !c->dead && !broken && dispatch_one(c, &broken))
			;
		c->dispatching = false;
		if (c->closed) {
			destroy(c);
			return;
		}
		if (c->dead)
			return;
		if (broken)
			why = broken;
		buf_consume(&c->in, c->in_at);
		c->in_at = 0;
		if (n < (ssize_t)READ_CHUNK)
			break;
	}
	if (c->in.len == 0 && c->in.cap > READ_CHUNK * 4)
		buf_free(&c->in);
	if (why)
		die(c, why);
}

static void io_ready(struct loop_io *io, unsigned events)
{
	struct chan *c = container_of(io, struct chan, io);
	if ((events & LOOP_WRITE) && !write_out(c))
		return;
	if (events & (LOOP_READ | LOOP_HANGUP))
		read_in(c);
}
