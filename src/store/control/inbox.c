/* SPDX-License-Identifier: Apache-2.0
 *
 * The inbox's writing side. The owner's thread lays records out in chunks exactly as they will
 * stand in the file (all but the checksum, which continues the record before and is put in by the
 * sync thread), and later decides from the same chunks: a body is copied once. A chunk is in one of
 * these places:
 *
 *   filling (owner) -> queue (lock) -> the sync thread's hands -> done (lock) -> ready (owner) ->
 * spare / freed
 *
 * or, after a failure, dead (lock) -> freed by the owner. Only the owner allocates and frees.
 *
 * What a failure means. No room for another segment: nothing was written; the records are refused
 * and the log is clean. A failed write or sync: bytes of refused records may stand behind the
 * durable ones, even whole; the sync thread first overwrites the head of the first of them and
 * syncs that, and until it has succeeded nothing is taken.
 */
#include "store/control/inbox_priv.h"

#include "base/hash.h"
#include "base/surprise.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <time.h>

#define SEGMENT_BYTES_DEFAULT ((size_t)64 << 20)
#define SEGMENT_BYTES_MIN ((size_t)4096)
#define PENDING_BYTES_DEFAULT ((size_t)32 << 20)
#define CHUNK_BYTES ((size_t)128 * 1024)
#define SPARE_CHUNKS 4
#define RETRY_DEFAULT SPAN_MS(200)

struct chunk {
	struct chunk *next;
	uint64_t first, last;  /* sequence numbers; first > last: empty */
	struct mono appended;  /* the first record's */
	size_t len, cap, read; /* read: how far inbox_next has come */
	unsigned char bytes[];
};

struct chunk_list {
	struct chunk *head, *tail;
};

struct inbox {
	const struct mem *mem;
	const struct os *os;
	struct inbox_options options;
	char *dir;

	/* the owner's */
	uint64_t next_seq;
	struct chunk *filling;
	struct chunk_list ready, spare;
	size_t spare_count, pending_bytes;

	/* the sync thread's */
	int fd, next_fd; /* the segment being written; one made ahead, or -1 */
	uint64_t first;  /* of the segment being written */
	off_t at, size;  /* of it */
	uint32_t chain, next_chain;
	struct inbox_segment *segments; /* all that are on disk, without the one made ahead */
	size_t segment_count, segment_cap;
	struct mono next_try; /* of making a segment ahead */
	bool ahead_failed;    /* the last try found no room */
	bool dirty;           /* bytes of refused records may stand at `at` */

	pthread_t thread;
	bool thread_runs;
	pthread_cond_t cond;
	pthread_mutex_t lock; /* of all below */
	bool stop;
	struct chunk_list queue, done, dead;
	size_t queued_bytes; /* in queue and in the thread's hands */
	size_t room;         /* bytes that fit into the segments that are there */
	uint64_t durable, decided;
	bool failed; /* the owner has not yet seen a failure */
	struct inbox_state state;
};

static void list_add(struct chunk_list *list, struct chunk *c)
{
	c->next = NULL;
	if (list->tail)
		list->tail->next = c;
	else
		list->head = c;
	list->tail = c;
}

static void list_join(struct chunk_list *to, struct chunk_list *from)
{
	if (!from->head)
		return;
	if (to->tail)
		to->tail->next = from->head;
	else
		to->head = from->head;
	to->tail = from->tail;
	*from = (struct chunk_list){ NULL, NULL };
}

static struct chunk *list_pop(struct chunk_list *list)
{
	struct chunk *c = list->head;
	if (c) {
		list->head = c->next;
		if (!list->head)
			list->tail = NULL;
		c->next = NULL;
	}
	return c;
}

/* ---- the sync thread: segments ---- */

static int dir_sync(struct inbox *b)
{
	int fd = b->os->open(b->os, b->dir, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return -1;
	int r = b->os->fsync(b->os, fd);
	int saved = errno;
	b->os->close(b->os, fd);
	errno = saved;
	return r;
}

/* Fills, names and makes durable an empty segment. The name appears only when it is whole. */
static int segment_fill(
    struct inbox *b, int fd, uint64_t first, uint32_t chain, const char *temp, const char *path)
{
	unsigned char head[INBOX_HEAD_BYTES];
	off_t size = (off_t)b->options.segment_bytes;
	if (b->os->fallocate(b->os, fd, 0, size) < 0) {
		/* Some file systems cannot reserve: then a full disk is met when a record is
		 * written. */
		if (errno != EOPNOTSUPP && errno != ENOSYS)
			return -1;
		if (b->os->ftruncate(b->os, fd, size) < 0)
			return -1;
	}
	inbox_head_write(head, first, chain, b->os->wall(b->os));
	if (os_pwrite_all(b->os, fd, str_make((char *)head, sizeof(head)), 0) != OK)
		return -1;
	if (b->os->fsync(b->os, fd) < 0 || b->os->rename(b->os, temp, path) < 0)
		return -1;
	return dir_sync(b);
}

/* Makes the segment that begins with `first`. Its fd, or -1 and errno; nothing stays behind then.
 */
static int segment_make(struct inbox *b, uint64_t first, uint32_t *ret_chain)
{
	char path[INBOX_PATH_MAX], temp[INBOX_PATH_MAX];
	uint32_t chain;
	if (inbox_path(str_c(b->dir), first, "", path) != OK ||
	    inbox_path(str_c(b->dir), first, ".new", temp) != OK) {
		errno = ENAMETOOLONG;
		return -1;
	}
	if (b->os->random(b->os, &chain, sizeof(chain)) < 0)
		return -1;
	int fd = b->os->open(b->os, temp, O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (fd < 0)
		return -1;
	if (segment_fill(b, fd, first, chain, temp, path) < 0) {
		int saved = errno;
		b->os->close(b->os, fd);
		b->os->unlink(b->os, temp);
		b->os->unlink(b->os, path);
		errno = saved;
		return -1;
	}
	*ret_chain = chain;
	return fd;
}

/* A segment that was made ahead does not know yet where it begins: it waits under a name of its own
 * and gets its head and its right name when its turn comes. */
static void ahead_make(struct inbox *b)
{
	struct mono now = b->os->mono(b->os);
	if (b->next_fd >= 0 || now.ns < b->next_try.ns)
		return;
	if (b->fd >= 0 && b->at < b->size / 2)
		return;
	b->next_fd = segment_make(b, AHEAD_FIRST, &b->next_chain);
	b->ahead_failed = b->next_fd < 0;
	if (b->ahead_failed) {
		b->next_try = mono_add(now, b->options.retry);
		pthread_mutex_lock(&b->lock);
		b->state.error = errno;
		pthread_mutex_unlock(&b->lock);
	}
}

/* Gives the segment made ahead its place. */
static int ahead_use(struct inbox *b, uint64_t first)
{
	char path[INBOX_PATH_MAX], temp[INBOX_PATH_MAX];
	unsigned char head[INBOX_HEAD_BYTES];
	inbox_head_write(head, first, b->next_chain, b->os->wall(b->os));
	if (inbox_path(str_c(b->dir), AHEAD_FIRST, "", temp) != OK ||
	    inbox_path(str_c(b->dir), first, "", path) != OK) {
		errno = ENAMETOOLONG;
		return -1;
	}
	if (os_pwrite_all(b->os, b->next_fd, str_make((char *)head, sizeof(head)), 0) != OK ||
	    b->os->fdatasync(b->os, b->next_fd) < 0 || b->os->rename(b->os, temp, path) < 0 ||
	    dir_sync(b) < 0) {
		/* Under which name it stands is not certain now: begin again with another one. */
		int saved = errno;
		b->os->close(b->os, b->next_fd);
		b->next_fd = -1;
		b->os->unlink(b->os, temp);
		b->os->unlink(b->os, path);
		errno = saved;
		return -1;
	}
	return 0;
}

static int segment_note(struct inbox *b, uint64_t first)
{
	if (b->segment_count == b->segment_cap) {
		size_t cap = b->segment_cap ? b->segment_cap * 2 : 64;
		void *p = mem_resize(b->mem, b->segments, cap, sizeof(*b->segments));
		if (!p) {
			errno = ENOMEM;
			return -1;
		}
		b->segments = p;
		b->segment_cap = cap;
	}
	b->segments[b->segment_count++] =
	    (struct inbox_segment){ first, (uint64_t)b->options.segment_bytes };
	return 0;
}

/* The log goes on in a new segment that begins with `first`. */
static int segment_roll(struct inbox *b, uint64_t first)
{
	b->next_try = (struct mono){ 0 };
	if (b->next_fd < 0) {
		off_t at = b->at;
		b->at = b->size; /* the present one counts as full: make the next */
		ahead_make(b);
		b->at = at;
	}
	if (b->next_fd < 0 || segment_note(b, first) < 0)
		return -1;
	if (ahead_use(b, first) < 0) {
		b->segment_count--;
		return -1;
	}
	if (b->fd >= 0)
		b->os->close(b->os, b->fd);
	b->fd = b->next_fd;
	b->chain = b->next_chain;
	b->next_fd = -1;
	b->first = first;
	b->at = INBOX_HEAD_BYTES;
	b->size = (off_t)b->options.segment_bytes;
	return 0;
}

static void segments_trim(struct inbox *b, uint64_t decided)
{
	uint64_t bytes = 0;
	char path[INBOX_PATH_MAX];
	if (b->options.keep_bytes == 0)
		return;
	for (size_t i = 0; i < b->segment_count; i++)
		bytes += b->segments[i].bytes;
	while (b->segment_count > 1 && bytes > b->options.keep_bytes &&
	       b->segments[1].first - 1 <= decided) {
		if (inbox_path(str_c(b->dir), b->segments[0].first, "", path) != OK ||
		    b->os->unlink(b->os, path) < 0)
			return;
		bytes -= b->segments[0].bytes;
		b->segment_count--;
		memmove(b->segments, b->segments + 1, b->segment_count * sizeof(*b->segments));
	}
}

/* ---- the sync thread: batches ---- */

/* Puts the checksums in. */
static uint32_t chunk_stamp(struct chunk *c, uint32_t chain)
{
	for (size_t at = 0; at < c->len;) {
		unsigned char *p = c->bytes + at;
		chain = inbox_record_checksum(chain, p);
		le_put32(p + 4, chain);
		at += inbox_record_bytes(le_get32(p));
		assert(at <= c->len);
	}
	return chain;
}

/* Writes and syncs; on failure *ret_durable says how far it came, and the place is that behind it.
 */
static int batch_write(struct inbox *b, const struct chunk_list *list, uint64_t *ret_durable)
{
	off_t at =
	    b->at; /* where the next chunk goes: b->at and b->chain are those of what is durable */
	uint32_t chain = b->chain;
	for (struct chunk *c = list->head; c; c = c->next) {
		if (b->fd < 0 || at + (off_t)c->len > b->size) {
			if (b->fd >= 0 && at != b->at) {
				if (b->os->fdatasync(b->os, b->fd) < 0) {
					b->dirty = true;
					return -1;
				}
				b->dirty = false;
				b->at = at;
				b->chain = chain;
				*ret_durable = c->first - 1;
			}
			if (segment_roll(b, c->first) < 0)
				return -1;
			at = b->at;
			chain = b->chain;
		}
		chain = chunk_stamp(c, chain);
		b->dirty = true;
		if (os_pwrite_all(b->os, b->fd, str_make((char *)c->bytes, c->len), at) != OK)
			return -1;
		at += (off_t)c->len;
	}
	if (b->os->fdatasync(b->os, b->fd) < 0)
		return -1;
	b->dirty = false;
	b->at = at;
	b->chain = chain;
	*ret_durable = list->tail->last;
	return 0;
}

/* Makes sure that no refused record stands behind the durable ones. */
static int repair(struct inbox *b)
{
	static const unsigned char zero[INBOX_RECORD_HEAD_BYTES];
	size_t n = sizeof(zero);
	if (b->fd < 0)
		return 0;
	if (b->at + (off_t)n > b->size)
		n = (size_t)(b->size - b->at);
	if (n && os_pwrite_all(b->os, b->fd, str_make((const char *)zero, n), b->at) != OK)
		return -1;
	return b->os->fdatasync(b->os, b->fd);
}

/* With the lock. */
static void state_publish(struct inbox *b)
{
	size_t room = b->fd >= 0 ? (size_t)(b->size - b->at) : 0;
	b->state.full = b->ahead_failed;
	b->room = room + (b->next_fd >= 0 ? b->options.segment_bytes - INBOX_HEAD_BYTES : 0);
	b->state.segments = (uint32_t)b->segment_count;
	b->state.bytes = 0;
	for (size_t i = 0; i < b->segment_count; i++)
		b->state.bytes += b->segments[i].bytes;
	if (b->next_fd >= 0)
		b->state.bytes += b->options.segment_bytes;
}

/* Sorts what was written from what was not; with the lock. */
static void batch_settle(struct inbox *b, struct chunk_list *list, uint64_t durable, int error)
{
	for (struct chunk *c; (c = list_pop(list)) != NULL;) {
		assert(b->queued_bytes >= c->len);
		b->queued_bytes -= c->len;
		/* A chunk is written as a whole: durable never stands inside one. */
		assert(c->last <= durable || c->first > durable);
		list_add(c->last <= durable ? &b->done : &b->dead, c);
	}
	assert(durable >= b->durable);
	b->durable = durable;
	if (error == 0)
		return;
	/* What came after in the queue continues what has failed. */
	list_join(&b->dead, &b->queue);
	b->queued_bytes = 0;
	b->failed = true;
	b->state.failing = b->dirty;
	b->state.failures++;
	b->state.error = error;
}

static void batch_run(struct inbox *b, struct chunk_list *list)
{
	uint64_t durable = list->head->first - 1;
	struct mono start = b->os->mono(b->os);
	int error = 0;
	if (batch_write(b, list, &durable) < 0)
		error = errno ? errno : EIO;
	struct span took = mono_sub(b->os->mono(b->os), start);
	pthread_mutex_lock(&b->lock);
	b->state.syncs++;
	if (took.ns > b->state.sync_max.ns)
		b->state.sync_max = took;
	batch_settle(b, list, durable, error);
	state_publish(b);
	pthread_mutex_unlock(&b->lock);
	if (b->options.notify)
		b->options.notify(b->options.context);
}

static struct timespec mono_timespec(struct mono t)
{
	return (struct timespec){ .tv_sec = t.ns / NS_PER_S, .tv_nsec = t.ns % NS_PER_S };
}

static void *sync_main(void *context)
{
	struct inbox *b = context;
	struct chunk_list list = { NULL, NULL };
	pthread_mutex_lock(&b->lock);
	for (;;) {
		uint64_t decided = b->decided;
		pthread_mutex_unlock(&b->lock);
		if (b->dirty && repair(b) == 0)
			b->dirty = false;
		ahead_make(b);
		segments_trim(b, decided);
		pthread_mutex_lock(&b->lock);
		b->state.failing = b->dirty;
		state_publish(b);
		bool wants_retry = b->dirty || b->state.full;
		while (!b->stop && !b->queue.head && b->decided == decided && !wants_retry)
			pthread_cond_wait(&b->cond, &b->lock);
		if (!b->queue.head || b->dirty) {
			if (b->stop)
				break;
			if (wants_retry) {
				struct timespec until =
				    mono_timespec(mono_add(b->os->mono(b->os), b->options.retry));
				pthread_cond_timedwait(&b->cond, &b->lock, &until);
			}
			if (b->dirty || !b->queue.head)
				continue;
		}
		list_join(&list, &b->queue);
		pthread_mutex_unlock(&b->lock);
		batch_run(b, &list);
		pthread_mutex_lock(&b->lock);
	}
	pthread_mutex_unlock(&b->lock);
	return NULL;
}

/* ---- opening ---- */

static enum err open_error(void)
{
	return errno == EACCES || errno == EROFS || errno == EPERM ? ERR_DENIED : ERR_IO;
}

/* Continues the last segment behind its last whole record. */
static enum err tail_open(struct inbox *b, const struct inbox_tail *tail)
{
	char path[INBOX_PATH_MAX];
	enum err e = inbox_path(str_c(b->dir), tail->first, "", path);
	if (e != OK)
		return e;
	b->fd = b->os->open(b->os, path, O_RDWR, 0);
	if (b->fd < 0)
		return open_error();
	b->first = tail->first;
	b->at = tail->at;
	b->size = tail->size;
	b->chain = tail->chain;
	/* What is read now will be decided now: it must not be lost later. And what a torn write
	 * has left behind must not matter. */
	b->dirty = true;
	if (repair(b) == 0)
		b->dirty = false;
	else if (errno == EROFS)
		return ERR_DENIED;
	return OK;
}

static void leftovers_remove(struct inbox *b)
{
	char path[INBOX_PATH_MAX];
	static const char *const suffix[] = { "", ".new" };
	for (size_t i = 0; i < ARRAY_COUNT(suffix); i++)
		if (inbox_path(str_c(b->dir), AHEAD_FIRST, suffix[i], path) == OK)
			b->os->unlink(b->os, path);
}

static enum err find_tail(struct inbox *b, uint64_t decided)
{
	own(inbox_walk_close) struct inbox_walk *walk = NULL;
	struct inbox_record rec;
	struct inbox_tail tail;
	leftovers_remove(b);
	enum err e = inbox_list(b->mem, b->os, str_c(b->dir), &b->segments, &b->segment_count);
	if (e != OK)
		return e;
	b->segment_cap = b->segment_count;
	e = inbox_walk_open(b->mem, b->os, str_c(b->dir), UINT64_MAX, &walk);
	if (e != OK)
		return e;
	e = inbox_walk_next(walk, &rec);
	if (e != ERR_GONE)
		return e == OK ? ERR_IO : e;
	inbox_walk_tail(walk, &tail);
	if (tail.first != 0 && tail.head_ok && tail.last >= decided) {
		e = tail_open(b, &tail);
		if (e != OK)
			return e;
		b->durable = tail.last;
	} else {
		/* Nothing there yet, or less than the store has decided on (the folder was lost, or
		 * its end is damaged): go on in a new segment behind both. */
		b->durable = tail.last > decided ? tail.last : decided;
		b->state.lost = tail.last < decided && tail.first ? decided - tail.last : 0;
		b->size = b->at = 0;
		if (segment_roll(b, b->durable + 1) < 0 && errno != ENOSPC && errno != EDQUOT)
			return open_error();
	}
	b->next_seq = b->durable + 1;
	b->decided = decided;
	return OK;
}

enum err inbox_open(const struct mem *mem, const struct os *os, struct str dir,
    const struct inbox_options *options, uint64_t decided, struct inbox **ret_inbox)
{
	struct inbox *b = mem_new(mem, 1, sizeof(*b));
	if (!b)
		return ERR_NOMEM;
	*b = (struct inbox){ .mem = mem, .os = os, .options = *options, .fd = -1, .next_fd = -1 };
	if (b->options.segment_bytes == 0)
		b->options.segment_bytes = SEGMENT_BYTES_DEFAULT;
	assert(b->options.segment_bytes >= SEGMENT_BYTES_MIN && b->options.segment_bytes % 8 == 0);
	if (b->options.reserve_bytes == 0)
		b->options.reserve_bytes = b->options.segment_bytes / 8;
	if (b->options.retry.ns == 0)
		b->options.retry = RETRY_DEFAULT;
	if (b->options.pending_bytes == 0)
		b->options.pending_bytes = PENDING_BYTES_DEFAULT;
	pthread_condattr_t attr;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&b->cond, &attr);
	pthread_condattr_destroy(&attr);
	pthread_mutex_init(&b->lock, NULL);
	b->dir = mem_new(mem, dir.len + 1, 1);
	enum err e = b->dir ? OK : ERR_NOMEM;
	if (e == OK) {
		memcpy(b->dir, dir.ptr, dir.len);
		e = os_make_dir(os, b->dir, 0700);
	}
	if (e == OK)
		e = find_tail(b, decided);
	if (e == OK) {
		state_publish(b);
		b->thread_runs = pthread_create(&b->thread, NULL, sync_main, b) == 0;
		e = b->thread_runs ? OK : ERR_NOMEM;
	}
	if (e != OK) {
		inbox_close(&b);
		return e;
	}
	*ret_inbox = b;
	return OK;
}

/* ---- the owner's side ---- */

static void list_free(struct inbox *b, struct chunk_list *list)
{
	for (struct chunk *c; (c = list_pop(list)) != NULL;)
		mem_free(b->mem, c);
}

void inbox_close(struct inbox **inbox)
{
	struct inbox *b = *inbox;
	if (!b)
		return;
	if (b->thread_runs) {
		inbox_flush(b);
		pthread_mutex_lock(&b->lock);
		b->stop = true;
		pthread_cond_signal(&b->cond);
		pthread_mutex_unlock(&b->lock);
		pthread_join(b->thread, NULL);
	}
	if (b->fd >= 0)
		b->os->close(b->os, b->fd);
	if (b->next_fd >= 0) {
		b->os->close(b->os, b->next_fd);
		leftovers_remove(b);
	}
	list_free(b, &b->queue);
	list_free(b, &b->done);
	list_free(b, &b->dead);
	list_free(b, &b->ready);
	list_free(b, &b->spare);
	mem_free(b->mem, b->filling);
	mem_free(b->mem, b->segments);
	mem_free(b->mem, b->dir);
	pthread_cond_destroy(&b->cond);
	pthread_mutex_destroy(&b->lock);
	mem_free(b->mem, b);
	*inbox = NULL;
}

static void chunk_drop(struct inbox *b, struct chunk *c)
{
	assert(b->pending_bytes >= c->len);
	b->pending_bytes -= c->len;
	if (c->cap == CHUNK_BYTES && b->spare_count < SPARE_CHUNKS) {
		list_add(&b->spare, c);
		b->spare_count++;
	} else {
		mem_free(b->mem, c);
	}
}

/* An empty chunk with room for a record of n bytes. */
static struct chunk *chunk_get(struct inbox *b, size_t n)
{
	size_t limit = b->options.segment_bytes - INBOX_HEAD_BYTES;
	size_t cap = n > CHUNK_BYTES ? n : CHUNK_BYTES;
	struct chunk *c = NULL;
	if (cap == CHUNK_BYTES && b->spare_count > 0) {
		c = list_pop(&b->spare);
		b->spare_count--;
	} else {
		c = b->mem->resize(b->mem, NULL, sizeof(*c) + cap);
	}
	if (!c)
		return NULL;
	*c = (struct chunk){ .first = b->next_seq, .last = b->next_seq - 1, .cap = cap };
	assert(n <= limit);
	return c;
}

/* True when the disk has no place for n more bytes. */
static bool is_full(struct inbox *b, size_t n, bool urgent)
{
	size_t want = b->queued_bytes + (b->filling ? b->filling->len : 0) + n;
	if (!b->state.full)
		return false;
	/* Chunks do not straddle segments: what is left behind the last one is lost. */
	return want + (urgent ? 0 : b->options.reserve_bytes) > b->room;
}

enum err inbox_append(
    struct inbox *b, struct wall at, struct str body, bool urgent, uint64_t *ret_seq)
{
	size_t n = inbox_record_bytes(body.len);
	size_t limit = b->options.segment_bytes - INBOX_HEAD_BYTES;
	assert(body.len > 0);
	if (body.len > INBOX_BODY_BYTES_MAX || n > limit)
		return ERR_LIMIT;
	if (!urgent && b->pending_bytes + n > b->options.pending_bytes)
		return ERR_BUSY;
	pthread_mutex_lock(&b->lock);
	bool refused = b->failed || b->state.failing || is_full(b, n, urgent);
	pthread_mutex_unlock(&b->lock);
	if (refused)
		return ERR_IO;
	struct chunk *c = b->filling;
	if (c && (c->len + n > c->cap || c->len + n > limit)) {
		inbox_flush(b);
		c = NULL;
	}
	if (!c) {
		c = chunk_get(b, n);
		if (!c)
			return ERR_NOMEM;
		c->appended = b->os->mono(b->os);
		b->filling = c;
	}
	unsigned char *p = c->bytes + c->len;
	le_put32(p, (uint32_t)body.len);
	le_put32(p + 4, 0);
	le_put64(p + 8, b->next_seq);
	le_put64(p + 16, (uint64_t)at.ns);
	memcpy(p + INBOX_RECORD_HEAD_BYTES, body.ptr, body.len);
	memset(p + INBOX_RECORD_HEAD_BYTES + body.len, 0, n - INBOX_RECORD_HEAD_BYTES - body.len);
	c->len += n;
	c->last = b->next_seq;
	b->pending_bytes += n;
	*ret_seq = b->next_seq++;
	return OK;
}

void inbox_flush(struct inbox *b)
{
	struct chunk *c = b->filling;
	if (!c)
		return;
	assert(c->len > 0 && c->first <= c->last);
	b->filling = NULL;
	pthread_mutex_lock(&b->lock);
	if (b->failed) {
		list_add(&b->dead, c);
	} else {
		bool was_empty = !b->queue.head;
		list_add(&b->queue, c);
		b->queued_bytes += c->len;
		if (was_empty)
			pthread_cond_signal(&b->cond);
	}
	pthread_mutex_unlock(&b->lock);
}

uint64_t inbox_durable(const struct inbox *inbox)
{
	struct inbox *b = (struct inbox *)inbox;
	pthread_mutex_lock(&b->lock);
	uint64_t durable = b->durable;
	pthread_mutex_unlock(&b->lock);
	return durable;
}

bool inbox_take_failure(struct inbox *b, uint64_t *ret_first, int *ret_errno)
{
	struct chunk_list dead = { NULL, NULL };
	pthread_mutex_lock(&b->lock);
	bool failed = b->failed;
	if (failed) {
		list_join(&dead, &b->dead);
		*ret_first = b->durable + 1;
		*ret_errno = b->state.error;
		b->failed = false;
	}
	pthread_mutex_unlock(&b->lock);
	if (!failed)
		return false;
	if (b->filling)
		list_add(&dead, b->filling);
	b->filling = NULL;
	for (struct chunk *c; (c = list_pop(&dead)) != NULL;)
		chunk_drop(b, c);
	b->next_seq = *ret_first;
	return true;
}

bool inbox_next(struct inbox *b, struct inbox_record *ret)
{
	struct chunk *c = b->ready.head;
	while (c && c->read == c->len)
		c = c->next;
	if (!c) {
		struct chunk_list done = { NULL, NULL };
		pthread_mutex_lock(&b->lock);
		list_join(&done, &b->done);
		pthread_mutex_unlock(&b->lock);
		c = done.head;
		list_join(&b->ready, &done);
	}
	if (!c)
		return false;
	assert(c->read < c->len);
	const unsigned char *p = c->bytes + c->read;
	uint32_t len = le_get32(p);
	*ret = (struct inbox_record){
		.seq = le_get64(p + 8),
		.at = { (int64_t)le_get64(p + 16) },
		.body = str_make((const char *)p + INBOX_RECORD_HEAD_BYTES, len),
		.appended = c->appended,
	};
	c->read += inbox_record_bytes(len);
	assert(c->read <= c->len && ret->seq >= c->first && ret->seq <= c->last);
	return true;
}

void inbox_release(struct inbox *b, uint64_t seq)
{
	while (b->ready.head && b->ready.head->last <= seq) {
		assert(b->ready.head->read == b->ready.head->len);
		chunk_drop(b, list_pop(&b->ready));
	}
}

void inbox_decided(struct inbox *b, uint64_t seq)
{
	if (b->options.keep_bytes == 0)
		return;
	pthread_mutex_lock(&b->lock);
	bool trim = b->segment_count > 1 && seq > b->decided;
	if (trim) {
		b->decided = seq;
		pthread_cond_signal(&b->cond);
	}
	pthread_mutex_unlock(&b->lock);
}

void inbox_state(struct inbox *b, struct inbox_state *ret)
{
	pthread_mutex_lock(&b->lock);
	*ret = b->state;
	ret->durable = b->durable;
	b->state.sync_max = (struct span){ 0 };
	pthread_mutex_unlock(&b->lock);
	ret->appended = b->next_seq - 1;
	ret->pending_bytes = b->pending_bytes;
}
