/* SPDX-License-Identifier: Apache-2.0 */
#include "web/assets.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_every_file_is_found(void **state)
{
	(void)state;
	assert_true(web_asset_count >= 1);
	for (size_t i = 0; i < web_asset_count; i++) {
		const struct web_asset *a = &web_assets[i];
		assert_ptr_equal(web_asset_find(a->path), a);
		assert_true(a->plain.len > 0 && a->etag.len >= 16 && a->content_type.len > 0);
		assert_true(a->gzip.len < a->plain.len);
		if (a->gzip.len > 0)
			assert_memory_equal(a->gzip.ptr, "\x1f\x8b", 2);
		if (i > 0)
			assert_true(str_cmp(web_assets[i - 1].path, a->path) < 0);
		assert_true(a->immutable == str_starts(a->path, STR("assets/")));
	}
}

static void test_others_are_not(void **state)
{
	(void)state;
	assert_null(web_asset_find(STR("")));
	assert_null(web_asset_find(STR("index.htm")));
	assert_null(web_asset_find(STR("index.html/")));
	assert_null(web_asset_find(STR("../index.html")));
	assert_null(web_asset_find(STR("zzz")));
}

static void test_the_page(void **state)
{
	(void)state;
	const struct web_asset *page = web_asset_index();
	assert_true(str_eq(page->content_type, STR("text/html; charset=utf-8")));
	assert_false(page->immutable);
	assert_true(str_starts(page->plain, STR("<!doctype html>")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_file_is_found),
		cmocka_unit_test(test_others_are_not),
		cmocka_unit_test(test_the_page),
	};
	return cmocka_run_group_tests_name("web/assets", tests, NULL, NULL);
}
