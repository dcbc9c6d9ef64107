/* SPDX-License-Identifier: Apache-2.0
 *
 * One window's file: SQLite (WAL, FULL) with
 *   meta(key, value)                      format, length of the window in ms
 *   series(id, min_ms, max_ms, labels)    who has blocks here
 *   cut(ord, min_ms, max_ms)              each cut that wrote here, in order: later cuts win
 *   block(key, data)                      key = ord << 40 | series id
 * so blocks are appended, and a file can be understood without any other. One writer at a time (the
 * cut), any number of readers, each on a connection of its own.
 */
#pragma once
#include "base/buf.h"
#include "store/series/series.h"

#define WINDOW_ID_BITS 40

void window_path(char out[4096], const char *folder, int64_t number);
/* The number in a file's name "w-<n>.db"; false for other names. */
bool window_number(struct str name, int64_t *ret);

struct window_writer;
/* Opens or makes the file and begins a transaction. ERR_IO. */
must_check enum err window_write_open(
    const struct mem *mem, const char *path, int64_t length_ms, struct window_writer **ret);
/* A series' block of this cut. *ret_new: the file did not know the series before. */
must_check enum err window_write_block(struct window_writer *w, uint64_t id, struct str labels,
    int64_t min_ms, int64_t max_ms, struct str block, bool *ret_new);
/* Durable when OK. */
must_check enum err window_write_commit(struct window_writer *w);
void window_write_close(struct window_writer **w); /* rolls back what was not committed */

/* Calls each for all series of the file. ERR_INPUT: not such a file, or damaged; ERR_IO. */
typedef enum err window_each(
    void *context, uint64_t id, int64_t min_ms, int64_t max_ms, struct str labels);
must_check enum err window_list(
    const char *path, int64_t *ret_length_ms, window_each *each, void *context);

struct window_cut {
	uint64_t ord;
	int64_t min_ms, max_ms;
};
struct window_reader;
must_check enum err window_read_open(
    const struct mem *mem, const char *path, struct window_reader **ret);
void window_read_close(struct window_reader **r);
/* Begins a consistent view and gives its cuts in order; end it with window_read_end. */
must_check enum err window_read_begin(
    struct window_reader *r, const struct window_cut **ret_cuts, size_t *ret_count);
void window_read_end(struct window_reader *r);
/* The block of a series in a cut: borrowed until the next call; len 0: there is none. */
must_check enum err window_read_block(
    struct window_reader *r, uint64_t ord, uint64_t id, struct str *ret);

/* Labels as bytes: (str, str)... */
void window_put_labels(struct buf *b, const struct series_label *labels, size_t count);
must_check enum err window_get_labels(
    struct str bytes, struct series_label *labels, size_t max, size_t *ret_count);
