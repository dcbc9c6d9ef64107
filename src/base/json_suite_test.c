/* SPDX-License-Identifier: Apache-2.0
 *
 * The whole JSONTestSuite through the reader: y_ accepted, n_ refused, i_ whatever but no crash,
 * each accepted text written and read again. The folder is QUIS_JSONTESTSUITE, or
 * ../shared/jsontestsuite/ test_parsing beside the source tree; without it the test is skipped and
 * says so.
 */
#include "base/json.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

static const char *folder(void)
{
	const char *given = getenv("QUIS_JSONTESTSUITE");
	return given && *given ? given : "../shared/jsontestsuite/test_parsing";
}

/* A tree written again must be taken again. */
static void write_tree(struct jw *w, const struct json *j, bool named)
{
	if (named)
		jw_key(w, j->name);
	switch (j->type) {
	case JSON_NULL: jw_null(w); break;
	case JSON_TRUE:
	case JSON_FALSE: jw_bool(w, j->type == JSON_TRUE); break;
	case JSON_NUMBER: jw_f64(w, j->number); break;
	case JSON_STRING: jw_str(w, j->text); break;
	case JSON_ARRAY:
	case JSON_OBJECT:
		jw_open(w, j->type == JSON_ARRAY ? '[' : '{');
		for (const struct json *c = j->child; c; c = c->next)
			write_tree(w, c, j->type == JSON_OBJECT);
		jw_close(w, j->type == JSON_ARRAY ? ']' : '}');
		break;
	}
}

static enum err read_file(const char *name)
{
	char path[4096];
	(void)snprintf(path, sizeof(path), "%s/%s", folder(), name);
	FILE *file = fopen(path, "rb");
	assert_non_null(file);
	static char block[1 << 20];
	size_t n = fread(block, 1, sizeof(block), file);
	(void)fclose(file);
	char *text = mem_new(&mem_system, n + 1, 1); /* its own size: a sanitizer sees the end */
	assert_non_null(text);
	memcpy(text, block, n);
	text = mem_resize(&mem_system, text, n ? n : 1, 1);
	struct arena *a = NULL;
	assert_int_equal(arena_open(&mem_system, 64 << 20, &a), OK);
	const struct json *root;
	struct json_error error = { 0, NULL };
	enum err e = json_read(a, str_make(text, n), JSON_DEPTH_MAX - 1, &root, &error);
	assert_true(e == OK || (e == ERR_INPUT && error.what && error.offset <= n));
	if (!e) {
		struct buf b = buf_make(&mem_system, 1 << 20);
		struct jw w = jw_make(&b);
		write_tree(&w, root, false);
		assert_int_equal(b.err, OK);
		assert_int_equal(json_read(a, buf_str(&b), JSON_DEPTH_MAX, &root, &error), OK);
		buf_free(&b);
	}
	arena_close(&a);
	mem_free(&mem_system, text);
	return e;
}

static void the_whole_suite(void **state)
{
	(void)state;
	DIR *dir = opendir(folder());
	assert_non_null(dir);
	size_t seen[128] = { 0 }, wrong = 0;
	const struct dirent *entry;
	while ((entry = readdir(dir)) != NULL) {
		const char *name = entry->d_name;
		if ((name[0] != 'y' && name[0] != 'n' && name[0] != 'i') || name[1] != '_')
			continue;
		enum err e = read_file(name);
		seen[(size_t)name[0]]++;
		if (name[0] != 'i' && (e == OK) != (name[0] == 'y')) {
			print_error("%s: %s\n", name, err_text(e));
			wrong++;
		}
	}
	(void)closedir(dir);
	assert_int_equal(wrong, 0);
	assert_true(seen['y'] >= 90 && seen['n'] >= 180 &&
	            seen['i'] >= 30); /* the folder was the right one */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_whole_suite),
	};
	DIR *dir = opendir(folder());
	if (!dir) { /* a plan without tests is how TAP says that all is skipped */
		printf("1..0 # SKIP no JSONTestSuite at %s, set QUIS_JSONTESTSUITE\n", folder());
		return 0;
	}
	(void)closedir(dir);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
