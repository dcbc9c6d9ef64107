/* SPDX-License-Identifier: Apache-2.0
 *
 * See host.h.
 */
#include "collect/host.h"
#include <assert.h>
#include <sys/statvfs.h>

#define PROC_BYTES_MAX (256u << 10)

/* The next blank-separated word; empty at the end. */
static struct str word(struct str *rest)
{
	size_t i = 0;
	while (i < rest->len && (rest->ptr[i] == ' ' || rest->ptr[i] == '\t'))
		i++;
	size_t start = i;
	while (i < rest->len && rest->ptr[i] != ' ' && rest->ptr[i] != '\t')
		i++;
	struct str w = str_make(rest->ptr + start, i - start);
	*rest = str_from(*rest, i);
	return w;
}

enum err host_read_loadavg(struct str text, double ret_load[3])
{
	double load[3];
	for (size_t i = 0; i < 3; i++)
		if (str_f64(word(&text), false, &load[i]) != OK || load[i] < 0)
			return ERR_INPUT;
	memcpy(ret_load, load, sizeof load);
	return OK;
}

enum err host_read_stat(struct str text, struct host_cpu *ret)
{
	struct str line = str_cut(&text, '\n');
	if (!str_eq(word(&line), STR("cpu")))
		return ERR_INPUT;
	/* user nice system idle iowait irq softirq steal; guest times are within user already */
	uint64_t ticks[8] = { 0 }, total = 0;
	size_t n = 0;
	for (; n < ARRAY_COUNT(ticks); n++) {
		struct str w = word(&line);
		if (w.len == 0)
			break;
		if (str_u64(w, &ticks[n]) != OK || ck_add(total, ticks[n], &total))
			return ERR_INPUT;
	}
	if (n < 4)
		return ERR_INPUT;
	*ret = (struct host_cpu){ .busy = total - ticks[3] - ticks[4], .total = total };
	return OK;
}

enum err host_read_meminfo(struct str text, struct host_memory *ret)
{
	static const struct {
		struct str name;
		size_t offset;
	} fields[] = {
		{ STR_INIT("MemTotal"), offsetof(struct host_memory, total_bytes) },
		{ STR_INIT("MemAvailable"), offsetof(struct host_memory, available_bytes) },
		{ STR_INIT("SwapTotal"), offsetof(struct host_memory, swap_total_bytes) },
		{ STR_INIT("SwapFree"), offsetof(struct host_memory, swap_free_bytes) },
	};
	struct host_memory m = { 0 };
	while (text.ptr && text.len) {
		struct str value = str_cut(&text, '\n');
		struct str name = str_cut(&value, ':');
		if (!value.ptr)
			continue;
		for (size_t i = 0; i < ARRAY_COUNT(fields); i++) {
			uint64_t kib, bytes;
			if (!str_eq(name, fields[i].name))
				continue;
			if (str_u64(word(&value), &kib) != OK || ck_mul(kib, 1024u, &bytes))
				return ERR_INPUT;
			memcpy((char *)&m + fields[i].offset, &bytes, sizeof bytes);
		}
	}
	if (m.total_bytes == 0 || m.available_bytes > m.total_bytes)
		return ERR_INPUT;
	*ret = m;
	return OK;
}

static bool is_octal(char c)
{
	return c >= '0' && c <= '7';
}

/* Undoes \040 and the like; false when it does not fit. */
static bool unescape(struct str s, char *to, size_t cap)
{
	size_t n = 0;
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];
		if (c == '\\' && i + 3 < s.len && is_octal(s.ptr[i + 1]) &&
		    is_octal(s.ptr[i + 2]) && is_octal(s.ptr[i + 3])) {
			int v = (s.ptr[i + 1] - '0') * 64 + (s.ptr[i + 2] - '0') * 8 +
			        (s.ptr[i + 3] - '0');
			c = (char)v;
			i += 3;
		}
		if (n + 1 >= cap || c == '\0')
			return false;
		to[n++] = c;
	}
	to[n] = '\0';
	return n > 0;
}

static bool seen_before(struct host_mounts *m, struct str device)
{
	for (size_t i = 0; i < m->seen_count; i++)
		if (str_eq(m->seen[i], device))
			return true;
	if (m->seen_count < HOST_MOUNTS_MAX)
		m->seen[m->seen_count++] = device;
	return false;
}

bool host_next_mount(struct host_mounts *m, char *to, size_t cap)
{
	static const struct str kinds[] = { STR_INIT("ext2"), STR_INIT("ext3"), STR_INIT("ext4"),
		STR_INIT("xfs"), STR_INIT("btrfs"), STR_INIT("zfs"), STR_INIT("f2fs"),
		STR_INIT("jfs"), STR_INIT("reiserfs"), STR_INIT("vfat"), STR_INIT("bcachefs"),
		STR_INIT("overlay") };
	while (m->rest.ptr && m->rest.len) {
		struct str line = str_cut(&m->rest, '\n');
		struct str device = word(&line), place = word(&line), kind = word(&line);
		bool real = false;
		for (size_t i = 0; i < ARRAY_COUNT(kinds); i++)
			real = real || str_eq(kind, kinds[i]);
		if (!real || m->seen_count == HOST_MOUNTS_MAX || seen_before(m, device))
			continue;
		if (unescape(place, to, cap))
			return true;
	}
	return false;
}

static void add(
    struct host_sample_writer *w, struct str name, struct str label, struct str value, double v)
{
	put_str(w->body, name);
	put_u8(w->body, label.len ? 2 : 1);
	put_str(w->body, STR("host"));
	put_str(w->body, w->host);
	if (label.len) {
		put_str(w->body, label);
		put_str(w->body, value);
	}
	put_f64(w->body, v);
	w->count++;
}

static bool read_proc(const struct os *os, const char *path, struct buf *b)
{
	buf_clear(b);
	return os_read_file(os, path, PROC_BYTES_MAX, b) == OK;
}

static void add_cpu(struct host_state *state, struct host_sample_writer *w, struct host_cpu cpu)
{
	if (state->has_cpu && cpu.total > state->cpu.total && cpu.busy >= state->cpu.busy) {
		double busy =
		    (double)(cpu.busy - state->cpu.busy) / (double)(cpu.total - state->cpu.total);
		add(w, STR("cpu_busy_ratio"), STR(""), STR(""), busy > 1 ? 1 : busy);
	}
	state->cpu = cpu;
	state->has_cpu = true;
}

static void add_disks(struct host_sample_writer *w, struct str mounts_text)
{
	struct host_mounts mounts = { .rest = mounts_text };
	char path[1024];
	while (host_next_mount(&mounts, path, sizeof path)) {
		struct statvfs fs;
		if (statvfs(path, &fs) != 0 || fs.f_blocks == 0)
			continue;
		/* What an ordinary user can still write, over what he could in all: as df counts.
		 */
		double used = (double)(fs.f_blocks - fs.f_bfree), left = (double)fs.f_bavail;
		add(w, STR("disk_free_ratio"), STR("mount"), str_c(path),
		    left / (used + left > 0 ? used + left : 1));
		add(w, STR("disk_free_bytes"), STR("mount"), str_c(path),
		    left * (double)fs.f_frsize);
	}
}

void host_collect(const struct os *os, struct host_state *state, struct host_sample_writer *w,
    uint32_t *ret_failed)
{
	assert(w->body && w->host.len > 0);
	struct buf b = buf_make(&mem_system, PROC_BYTES_MAX);
	double load[3];
	struct host_cpu cpu;
	struct host_memory memory;
	uint32_t failed = 0;
	if (read_proc(os, "/proc/loadavg", &b) && host_read_loadavg(buf_str(&b), load) == OK) {
		add(w, STR("load1"), STR(""), STR(""), load[0]);
		add(w, STR("load5"), STR(""), STR(""), load[1]);
		add(w, STR("load15"), STR(""), STR(""), load[2]);
	} else {
		failed++;
	}
	if (read_proc(os, "/proc/stat", &b) && host_read_stat(buf_str(&b), &cpu) == OK)
		add_cpu(state, w, cpu);
	else
		failed++;
	if (read_proc(os, "/proc/meminfo", &b) && host_read_meminfo(buf_str(&b), &memory) == OK) {
		add(w, STR("memory_total_bytes"), STR(""), STR(""), (double)memory.total_bytes);
		add(w, STR("memory_available_bytes"), STR(""), STR(""),
		    (double)memory.available_bytes);
		add(w, STR("memory_available_ratio"), STR(""), STR(""),
		    (double)memory.available_bytes / (double)memory.total_bytes);
		if (memory.swap_total_bytes)
			add(w, STR("swap_free_ratio"), STR(""), STR(""),
			    (double)memory.swap_free_bytes / (double)memory.swap_total_bytes);
	} else {
		failed++;
	}
	if (read_proc(os, "/proc/self/mounts", &b))
		add_disks(w, buf_str(&b));
	else
		failed++;
	buf_free(&b);
	*ret_failed = failed;
}
