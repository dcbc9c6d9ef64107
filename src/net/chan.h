/* SPDX-License-Identifier: Apache-2.0
 *
 * A channel between two roles: framed messages (wire/rolemsg.h) over one end of a socketpair, with
 * bounded queues and flow by credit. For the loop's thread.
 */
#pragma once
#include "base/mem.h"
#include "loop/loop.h"
#include "wire/rolemsg.h"

struct chan;

struct chan_handler {
	/* A message came; body is borrowed until it returns. Return true to give the credit back at
	 * once, false to hold it until chan_release (a request that is answered later). The handler
	 * may close the channel. */
	bool (*message)(
	    void *context, struct chan *chan, enum msg_type type, uint64_t id, struct str body);
	/* The other end is gone or broke the rules (`why` is a constant phrase). The channel is
	 * dead: close it. */
	void (*gone)(void *context, struct chan *chan, const char *why);
	/* Credit of a class that had run out is there again. May be NULL. */
	void (*credit)(void *context, struct chan *chan, enum credit_class cls);
};

/* Takes fd (nonblocking is set here). `context` goes to the handlers. */
must_check enum err chan_open(const struct mem *mem, struct loop *loop, int fd,
    const struct chan_handler *handler, void *context, struct chan **ret_chan);
void chan_close(struct chan **chan);
/* Queues a message; it leaves at the latest at the end of this turn. ERR_BUSY: no credit of its
 * class (try again from the credit handler). ERR_LIMIT: body too long. ERR_GONE: dead. ERR_NOMEM.
 * On failure nothing was queued. */
must_check enum err chan_send(struct chan *chan, enum msg_type type, uint64_t id, struct str body);
/* Gives back credit held by a handler that returned false. */
void chan_release(struct chan *chan, enum credit_class cls, uint32_t count);
/* How many more of this class may be sent now. */
uint32_t chan_credit(const struct chan *chan, enum credit_class cls);
struct chan_counters {
	uint64_t sent, received, sent_bytes, received_bytes, refused_busy;
};
const struct chan_counters *chan_counters(const struct chan *chan);
