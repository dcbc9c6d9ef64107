/* SPDX-License-Identifier: Apache-2.0
 *
 * Whole-file operations, with every call failing once.
 */
#include "os/faulty.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

static char folder[] = "/tmp/quis-files-XXXXXX";

static int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	(void)state;
	char path[128];
	static const char *const names[] = { "a", "a.new", "b" };
	for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
		snprintf(path, sizeof path, "%s/%s", folder, names[i]);
		unlink(path);
	}
	return rmdir(folder);
}

static void expect_content(const char *path, struct str want)
{
	struct buf b = buf_make(&mem_system, 4096);
	assert_int_equal(os_read_file(&os_linux, path, 4096, &b), OK);
	assert_true(str_eq(buf_str(&b), want));
	buf_free(&b);
}

static void replacing_is_all_or_nothing(void **state)
{
	(void)state;
	char path[128];
	snprintf(path, sizeof path, "%s/a", folder);
	assert_int_equal(os_replace_file(&os_linux, path, STR("old"), 0600), OK);
	struct os_faulty f;
	size_t n = 1;
	for (;; n++) {
		os_faulty_init(&f, &os_linux, OS_OPEN | OS_PWRITE | OS_SYNC | OS_RENAME, n, EIO);
		f.short_writes = true;
		enum err e = os_replace_file(&f.iface, path, STR("fresh"), 0600);
		if (e == OK && f.calls < n)
			break;
		assert_int_equal(e, ERR_IO);
		struct buf b = buf_make(&mem_system, 4096);
		assert_int_equal(os_read_file(&os_linux, path, 4096, &b), OK);
		assert_true(str_eq(buf_str(&b), STR("old")) || str_eq(buf_str(&b), STR("fresh")));
		buf_free(&b);
		assert_int_equal(os_replace_file(&os_linux, path, STR("old"), 0600), OK);
	}
	assert_true(n > 4);
	expect_content(path, STR("fresh"));
}

static void reading_has_a_limit(void **state)
{
	(void)state;
	char path[128];
	snprintf(path, sizeof path, "%s/b", folder);
	assert_int_equal(os_replace_file(&os_linux, path, STR("12345"), 0600), OK);
	struct buf b = buf_make(&mem_system, 4096);
	assert_int_equal(os_read_file(&os_linux, path, 4, &b), ERR_LIMIT);
	buf_clear(&b);
	assert_int_equal(os_read_file(&os_linux, path, 5, &b), OK);
	assert_int_equal(os_read_file(&os_linux, "/nowhere/at/all", 5, &b), ERR_GONE);
	buf_free(&b);
	struct arena *a = NULL;
	struct str *names = NULL;
	size_t count = 0;
	assert_int_equal(arena_open(&mem_system, 1 << 16, &a), OK);
	assert_int_equal(os_list_dir(folder, a, &names, &count), OK);
	assert_int_equal(count, 2);
	assert_true(str_eq(names[0], STR("a")) && str_eq(names[1], STR("b")));
	arena_close(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replacing_is_all_or_nothing),
		cmocka_unit_test(reading_has_a_limit),
	};
	return cmocka_run_group_tests_name("files", tests, make_folder, remove_folder);
}
