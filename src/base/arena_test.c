/* SPDX-License-Identifier: Apache-2.0
 *
 * The arena: alignment, zeroes, the limit, and every allocation failing once.
 */
#include "base/arena.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

static void pieces_are_zeroed_aligned_and_apart(void **state)
{
	(void)state;
	struct arena *a = NULL;
	assert_int_equal(arena_open(&mem_system, 1 << 20, &a), OK);
	unsigned char *pieces[300];
	for (size_t i = 0; i < 300; i++) {
		pieces[i] = arena_alloc(a, i, 3);
		assert_non_null(pieces[i]);
		assert_int_equal((uintptr_t)pieces[i] % _Alignof(max_align_t), 0);
		for (size_t k = 0; k < 3 * i; k++)
			assert_int_equal(pieces[i][k], 0);
		memset(pieces[i], (int)(i & 0xff), 3 * i);
	}
	for (size_t i = 0; i < 300; i++) {
		for (size_t k = 0; k < 3 * i; k++)
			assert_int_equal(pieces[i][k], i & 0xff);
	}
	assert_true(arena_used(a) >= 3 * 299 * 300 / 2);
	arena_reset(a);
	assert_int_equal(arena_used(a), 0);
	unsigned char *again = arena_alloc(a, 4000, 1); /* the kept block is dirty */
	for (size_t i = 0; i < 4000; i++)
		assert_int_equal(again[i], 0);
	arena_close(&a);
	assert_null(a);
	arena_close(&a);
}

static void limit_is_sticky_until_reset(void **state)
{
	(void)state;
	struct arena *a = NULL;
	assert_int_equal(arena_open(&mem_system, 1024, &a), OK);
	assert_non_null(arena_alloc(a, 1, 1000));
	assert_null(arena_alloc(a, 1, 100));
	assert_int_equal(arena_err(a), ERR_LIMIT);
	assert_null(arena_alloc(a, 1, 1)); /* would fit, but the first error stands */
	assert_null(arena_alloc(a, 0, 1));
	assert_null(arena_str(a, STR("x")).ptr);
	assert_null(arena_printf(a, "%d", 1).ptr);
	arena_reset(a);
	assert_int_equal(arena_err(a), OK);
	assert_non_null(arena_alloc(a, 1, 1024));
	arena_reset(a);
	assert_null(arena_alloc(a, SIZE_MAX / 2, 3));
	assert_int_equal(arena_err(a), ERR_LIMIT);
	arena_reset(a);
	assert_null(arena_alloc(a, SIZE_MAX, 1));
	arena_reset(a);
	assert_non_null(arena_alloc(a, 0, 8));
	assert_non_null(arena_alloc(a, 8, 0));
	assert_int_equal(arena_used(a), 0);
	arena_close(&a);
}

static void strings_are_copied_and_terminated(void **state)
{
	(void)state;
	struct arena *a = NULL;
	assert_int_equal(arena_open(&mem_system, 1 << 16, &a), OK);
	char text[] = "hello";
	struct str s = arena_str(a, str_c(text));
	text[0] = 'j';
	assert_string_equal(s.ptr, "hello");
	assert_int_equal(s.len, 5);
	s = arena_str(a, (struct str){ NULL, 0 });
	assert_non_null(s.ptr);
	assert_string_equal(s.ptr, "");
	s = arena_printf(a, "%s-%05d", "x", 42);
	assert_string_equal(s.ptr, "x-00042");
	assert_int_equal(s.len, 7);
	arena_close(&a);
}

static void a_huge_piece_is_given_back_at_reset(void **state)
{
	(void)state;
	struct mem_faulty f = mem_faulty_make(0);
	struct arena *a = NULL;
	assert_int_equal(arena_open(&f.iface, 100 << 20, &a), OK);
	for (int i = 0; i < 100; i++)
		assert_non_null(arena_alloc(a, 1, 10000));
	arena_reset(a);
	assert_int_equal(f.live, 2); /* the arena and one block */
	assert_non_null(arena_alloc(a, 1, 10 << 20));
	arena_reset(a);
	assert_int_equal(f.live, 1);
	assert_non_null(arena_alloc(a, 1, 10));
	arena_close(&a);
	assert_int_equal(f.live, 0);
}

static enum err build(const struct mem *mem)
{
	struct arena *a = NULL;
	enum err e = arena_open(mem, 1 << 24, &a);
	if (e)
		return e;
	for (size_t i = 0; i < 2000; i++) {
		if (arena_alloc(a, i, 7))
			assert_true(
			    str_eq(arena_printf(a, "%zu", i), STR("")) == (arena_err(a) != OK));
	}
	e = arena_err(a);
	arena_close(&a);
	return e;
}

static void every_allocation_may_fail(void **state)
{
	(void)state;
	size_t n = 1;
	for (;; n++) {
		struct mem_faulty f = mem_faulty_make(n);
		enum err e = build(&f.iface);
		assert_int_equal(f.live, 0);
		if (f.calls < n) {
			assert_int_equal(e, OK);
			break;
		}
		assert_int_equal(e, ERR_NOMEM);
	}
	assert_true(n > 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_are_zeroed_aligned_and_apart),
		cmocka_unit_test(limit_is_sticky_until_reset),
		cmocka_unit_test(strings_are_copied_and_terminated),
		cmocka_unit_test(a_huge_piece_is_given_back_at_reset),
		cmocka_unit_test(every_allocation_may_fail),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
