/* SPDX-License-Identifier: Apache-2.0
 *
 * The allocator seam and the allocator that fails when it is told to.
 */
#include "base/mem.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

static void new_gives_zeroes_and_refuses_overflow(void **state)
{
	(void)state;
	unsigned char *p = mem_new(&mem_system, 100, 3);
	assert_non_null(p);
	for (size_t i = 0; i < 300; i++)
		assert_int_equal(p[i], 0);
	mem_free(&mem_system, p);
	assert_null(mem_new(&mem_system, SIZE_MAX, 2));
	assert_null(mem_new(&mem_system, 0, 8));
	assert_null(mem_new(&mem_system, 8, 0));
	mem_free(&mem_system, NULL);
}

static void resize_keeps_the_bytes_and_the_old_block_on_failure(void **state)
{
	(void)state;
	char *p = mem_resize(&mem_system, NULL, 4, 1);
	assert_non_null(p);
	memcpy(p, "abc", 4);
	p = mem_resize(&mem_system, p, 1000, 1);
	assert_non_null(p);
	assert_string_equal(p, "abc");
	assert_null(mem_resize(&mem_system, p, SIZE_MAX / 2, 4));
	assert_null(mem_resize(&mem_system, p, 0, 4));
	assert_string_equal(p, "abc");
	mem_free(&mem_system, p);
}

static void faulty_fails_the_nth_and_counts_what_lives(void **state)
{
	(void)state;
	struct mem_faulty f = mem_faulty_make(2);
	void *a = mem_new(&f.iface, 1, 10);
	assert_non_null(a);
	assert_int_equal(f.live, 1);
	assert_null(mem_new(&f.iface, 1, 10));
	assert_int_equal(f.live, 1);
	void *b = mem_new(&f.iface, 1, 10);
	assert_non_null(b);
	assert_int_equal(f.live, 2);
	b = mem_resize(&f.iface, b, 20, 1);
	assert_non_null(b);
	assert_int_equal(f.live, 2);
	assert_int_equal(f.calls, 4);
	mem_free(&f.iface, a);
	mem_free(&f.iface, b);
	mem_free(&f.iface, NULL);
	assert_int_equal(f.live, 0);
}

static void faulty_zero_never_fails(void **state)
{
	(void)state;
	struct mem_faulty f = mem_faulty_make(0);
	for (int i = 0; i < 100; i++) {
		void *p = mem_new(&f.iface, 1, 1);
		assert_non_null(p);
		mem_free(&f.iface, p);
	}
	assert_int_equal(f.calls, 100);
	assert_int_equal(f.live, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(new_gives_zeroes_and_refuses_overflow),
		cmocka_unit_test(resize_keeps_the_bytes_and_the_old_block_on_failure),
		cmocka_unit_test(faulty_fails_the_nth_and_counts_what_lives),
		cmocka_unit_test(faulty_zero_never_fails),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
