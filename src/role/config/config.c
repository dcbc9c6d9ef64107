/* SPDX-License-Identifier: Apache-2.0
 *
 * The body of the config role: load, complain, hand over.
 */
#include "role/config/config.h"
#include "conf/reference.h"
#include "role/config/load_priv.h"
#include "wire/confhead.h"
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#define ARENA_BYTES_MAX ((size_t)1 << 30)
#define WRONG 2
#define FAILED 1

static void complain(const struct conf_faults *faults)
{
	for (size_t i = 0; i < faults->count; i++) {
		struct buf b = buf_make(&mem_system, 1 << 14);
		conf_fault_write(&b, &faults->list[i]);
		fprintf(stderr, "%.*s\n", STR_ARG(buf_str(&b)));
		buf_free(&b);
	}
	if (faults->more)
		fprintf(stderr, "and %zu more\n", faults->more);
}

static enum err write_all(int fd, struct str s)
{
	while (s.len) {
		ssize_t put = write(fd, s.ptr, s.len);
		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return ERR_IO;
		s = str_from(s, (size_t)put);
	}
	return OK;
}

/* Loads everything into a new arena, with the key of the links when `serve`. */
static int load(
    const struct os *os, const char *path, bool serve, struct loaded *ret, struct arena **ret_arena)
{
	struct loader l = { .os = os, .to = ret };
	enum err err = arena_open(&mem_system, ARENA_BYTES_MAX, &l.a);
	if (!err)
		err = load_all(&l, path);
	if (!err && serve)
		err = load_link_key(&l, path);
	if (err) {
		complain(&l.faults);
		size_t count = l.faults.count + l.faults.more;
		if (err != ERR_INPUT)
			fprintf(stderr, "%s: cannot be read: %s\n", path, err_text(err));
		else
			fprintf(stderr, "%s: %zu error%s, nothing was changed\n", path, count,
			    count == 1 ? "" : "s");
		arena_close(&l.a);
		return WRONG;
	}
	*ret_arena = l.a;
	return 0;
}

int config_run(const struct os *os, const char *path, int out_fd)
{
	struct loaded config = { 0 };
	struct arena *a = NULL;
	int code = load(os, path, true, &config, &a);
	if (code)
		return code;
	struct buf b = buf_make(&mem_system, CONFIG_STREAM_MAX);
	slices_write(&b, &config);
	enum err err = b.err ? b.err : write_all(out_fd, buf_str(&b));
	if (err)
		fprintf(stderr, "%s: cannot be handed over: %s\n", path, err_text(err));
	buf_free(&b);
	arena_close(&a);
	return err ? FAILED : 0;
}

int config_check(const struct os *os, const char *path)
{
	struct loaded config = { 0 };
	struct arena *a = NULL;
	int code = load(os, path, false, &config, &a);
	if (code)
		return code;
	printf("%s: OK, %zu resources\n", path, config.document_count);
	arena_close(&a);
	return 0;
}

int config_reference(int fd)
{
	struct buf b = buf_make(&mem_system, 1 << 20);
	conf_reference_write(&b);
	enum err err = b.err ? b.err : write_all(fd, buf_str(&b));
	buf_free(&b);
	return err ? FAILED : 0;
}
