/* SPDX-License-Identifier: Apache-2.0
 *
 * The inbox's files: what inbox.c (writing) and inbox_walk.c (reading) share.
 */
#pragma once
#include "store/control/inbox.h"

#define INBOX_MAGIC "QUISINB1"
#define INBOX_NAME_DIGITS 20
#define INBOX_PATH_MAX 4096

static inline void le_put32(unsigned char *out, uint32_t v)
{
	for (unsigned i = 0; i < 4; i++)
		out[i] = (unsigned char)(v >> (8 * i));
}
static inline void le_put64(unsigned char *out, uint64_t v)
{
	for (unsigned i = 0; i < 8; i++)
		out[i] = (unsigned char)(v >> (8 * i));
}
static inline uint32_t le_get32(const unsigned char *in)
{
	uint32_t v = 0;
	for (unsigned i = 0; i < 4; i++)
		v |= (uint32_t)in[i] << (8 * i);
	return v;
}
static inline uint64_t le_get64(const unsigned char *in)
{
	return le_get32(in) | (uint64_t)le_get32(in + 4) << 32;
}
/* What a body of n bytes takes in a segment. */
static inline size_t inbox_record_bytes(size_t n)
{
	return (INBOX_RECORD_HEAD_BYTES + n + 7) & ~(size_t)7;
}

/* The name of a segment that was made ahead and has no place yet; never listed. */
#define AHEAD_FIRST UINT64_MAX

struct inbox_segment {
	uint64_t first; /* sequence number of its first record */
	uint64_t bytes;
};

/* The segments of a folder by rising first number, in an array of mem_new that the caller frees
 * (NULL when there are none). Files of other names are left alone. ERR_GONE: no such folder. */
must_check enum err inbox_list(const struct mem *mem, const struct os *os, struct str dir,
    struct inbox_segment **ret_list, size_t *ret_count);
/* dir/<first>.seg<suffix> in out[INBOX_PATH_MAX]; ERR_LIMIT. */
must_check enum err inbox_path(struct str dir, uint64_t first, const char *suffix, char *out);

/* A segment's head. `chain` is where its checksum chain starts. */
void inbox_head_write(
    unsigned char out[INBOX_HEAD_BYTES], uint64_t first, uint32_t chain, struct wall at);
must_check enum err inbox_head_read(
    const unsigned char in[INBOX_HEAD_BYTES], uint64_t first, uint32_t *ret_chain);
/* The checksum of a record whose head (with its length) and body stand at ptr. */
uint32_t inbox_record_checksum(uint32_t chain, const unsigned char *ptr);

/* Where a walk that came to its end stands: there the log goes on. */
struct inbox_tail {
	uint64_t first; /* of the last segment; 0 = there is none */
	uint64_t last;  /* the last record, first - 1 when the segment is empty */
	off_t at;       /* behind the last whole record */
	off_t size;     /* of the file */
	uint32_t chain;
	bool head_ok; /* the segment's head could be read */
};
void inbox_walk_tail(const struct inbox_walk *walk, struct inbox_tail *ret);
