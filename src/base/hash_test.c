/* SPDX-License-Identifier: Apache-2.0
 *
 * The hashes: published vectors, seeds, and the two ways of CRC-32C against each other.
 */
#include "base/hash.h"
#include "base/hash_priv.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

static void crc_vectors(void **state)
{
	(void)state;
	/* RFC 3720, B.4 */
	unsigned char bytes[32] = { 0 };
	assert_int_equal(crc32c(0, bytes, 32), 0x8a9136aa);
	memset(bytes, 0xff, 32);
	assert_int_equal(crc32c(0, bytes, 32), 0x62a8ab43);
	for (unsigned i = 0; i < 32; i++)
		bytes[i] = (unsigned char)i;
	assert_int_equal(crc32c(0, bytes, 32), 0x46dd794e);
	assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283);
	assert_int_equal(crc32c(0, NULL, 0), 0);
}

static void crc_continues_and_agrees_with_the_table(void **state)
{
	(void)state;
	unsigned char bytes[300];
	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)(i * 131 + 7);
	for (size_t from = 0; from < 9; from++) {
		for (size_t n = 0; n < 290; n++) {
			uint32_t whole = crc32c(0, bytes + from, n);
			assert_int_equal(whole, crc32c_by_table(0, bytes + from, n));
			uint32_t half = crc32c(0, bytes + from, n / 3);
			assert_int_equal(whole, crc32c(half, bytes + from + n / 3, n - n / 3));
		}
	}
}

static void xxh3_vectors_and_seeds(void **state)
{
	(void)state;
	assert_true(hash64(STR(""), 0) == UINT64_C(0x2d06800538d394c2));
	assert_true(hash64((struct str){ NULL, 0 }, 0) == UINT64_C(0x2d06800538d394c2));
	struct hash128 h = hash128(STR(""), 0);
	assert_true(h.hi == UINT64_C(0x99aa06d3014798d8) && h.lo == UINT64_C(0x6001c324468d497f));
	assert_true(hash64(STR("a"), 0) != hash64(STR("a"), 1));
	assert_true(hash64(STR("a"), 0) != hash64(STR("b"), 0));
	assert_true(hash128(STR("a"), 0).lo != hash128(STR("a"), 1).lo);
	assert_true(hash_xxh64(STR("")) == UINT64_C(0xef46db3751d8e999));
	assert_true(hash_xxh64(STR("a")) == UINT64_C(0xd24ec4f1a98c6e5b));
}

static void mixing_depends_on_order(void **state)
{
	(void)state;
	uint64_t ab = hash_mix(hash_mix(0, 1), 2), ba = hash_mix(hash_mix(0, 2), 1);
	assert_true(ab != ba);
	assert_true(hash_mix(0, 0) != 0);
	assert_true(hash_mix(5, 0) != hash_mix(6, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(crc_vectors),
		cmocka_unit_test(crc_continues_and_agrees_with_the_table),
		cmocka_unit_test(xxh3_vectors_and_seeds),
		cmocka_unit_test(mixing_depends_on_order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
