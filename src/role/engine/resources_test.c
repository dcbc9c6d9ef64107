/* SPDX-License-Identifier: Apache-2.0
 *
 * Changes of resources: who may change what, what a plan does, what a slice differs in, how a
 * change looks.
 */
#include "role/engine/resources.h"

#include "wire/record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct world {
	struct resource_set *set;
	struct zones *zones;
	struct arena *a;
	struct buf json;
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	w->json = buf_make(&mem_system, 1 << 20);
	*state = w;
	if (arena_open(&mem_system, 512u << 20, &w->a) != OK ||
	    resource_set_open(&mem_system, &w->set) != OK)
		return -1;
	return zones_open(&mem_system, &os_linux, "/usr/share/zoneinfo", &w->zones) == OK ? 0 : -1;
}

static int teardown(void **state)
{
	struct world *w = *state;
	resource_set_close(&w->set);
	zones_close(&w->zones);
	arena_close(&w->a);
	buf_free(&w->json);
	free(w);
	return 0;
}

#define USER(name, mail)                                             \
	"{\"kind\":\"User\",\"name\":\"" name "\",\"email\":\"" mail \
	"\",\"contacts\":[{\"name\":\"mail\",\"type\":\"email\","    \
	"\"address\":\"" mail "\"}]}"

static enum err check(struct world *w, struct record_resource *list, uint32_t count,
    enum manager manager, bool whole, bool apply)
{
	struct record_resources rec = { .manager = manager,
		.whole = whole,
		.actor = STR("x"),
		.resources = list,
		.resource_count = count };
	struct plan plan;
	buf_clear(&w->json);
	enum err e = resources_check(w->set, &rec, w->zones, w->a, &plan, &w->json);
	if (e == OK && apply)
		assert_int_equal(
		    resources_apply(w->set, &plan, 5, (struct wall){ 1 }, manager, STR("x")), OK);
	return e;
}

static bool says(struct world *w, const char *text)
{
	return str_find_str(buf_str(&w->json), str_c(text)) < w->json.len;
}

static void test_changes(void **state)
{
	struct world *w = *state;
	struct record_resource ana = {
		.kind = STR("User"), .name = STR("ana"), .body = STR(USER("ana", "a@e.org"))
	};
	assert_int_equal(check(w, &ana, 1, MANAGER_APPLY, false, true), OK);
	assert_true(says(w, "\"create\""));
	assert_true(says(w, "+email: a@e.org\\n"));
	assert_int_equal(check(w, &ana, 1, MANAGER_APPLY, false, true), OK);
	assert_true(says(w, "\"same\""));
	assert_true(says(w, "\"diff\":\"\""));
	/* Only the lines that differ. */
	ana.body = STR(USER("ana", "b@e.org"));
	assert_int_equal(check(w, &ana, 1, MANAGER_APPLY, false, true), OK);
	assert_true(says(w, "\"update\""));
	assert_true(says(w, "-email: a@e.org\\n"));
	assert_true(says(w, "+email: b@e.org\\n"));
	assert_false(says(w, "name: ana"));
	/* Another manager may not, unless it says the same. */
	assert_int_equal(check(w, &ana, 1, MANAGER_UI, false, false), OK);
	ana.body = STR(USER("ana", "c@e.org"));
	assert_int_equal(check(w, &ana, 1, MANAGER_UI, false, false), ERR_DENIED);
	assert_true(says(w, "managed by apply"));
	ana.remove = true;
	assert_int_equal(check(w, &ana, 1, MANAGER_API, false, false), ERR_DENIED);
	/* The whole of what a manager has: what is not named goes; the others' stay. */
	struct record_resource bo = {
		.kind = STR("User"), .name = STR("bo"), .body = STR(USER("bo", "bo@e.org"))
	};
	struct record_resource cy = {
		.kind = STR("User"), .name = STR("cy"), .body = STR(USER("cy", "cy@e.org"))
	};
	assert_int_equal(check(w, &cy, 1, MANAGER_UI, false, true), OK);
	assert_int_equal(check(w, &bo, 1, MANAGER_APPLY, true, true), OK);
	assert_true(says(w, "\"remove\""));
	assert_true(says(w, "-email: b@e.org\\n"));
	assert_null(resource_set_find(w->set, STR("User"), STR("ana")));
	assert_non_null(resource_set_find(w->set, STR("User"), STR("bo")));
	assert_non_null(resource_set_find(w->set, STR("User"), STR("cy")));
	/* What is referred to cannot go. */
	struct record_resource p = { .kind = STR("EscalationPolicy"),
		.name = STR("p"),
		.body = STR("{\"kind\":\"EscalationPolicy\",\"name\":\"p\",\"steps\":[{\"targets\":"
		            "[{\"user\":\"cy\"}],\"delay\":\"5m\"}]}") };
	assert_int_equal(check(w, &p, 1, MANAGER_UI, false, true), OK);
	cy.remove = true;
	assert_int_equal(check(w, &cy, 1, MANAGER_UI, false, false), ERR_INPUT);
	assert_true(says(w, "cy"));
	/* Nor nonsense come. */
	struct record_resource bad = {
		.kind = STR("User"), .name = STR("x"), .body = STR("{\"kind\":\"User\"")
	};
	assert_int_equal(check(w, &bad, 1, MANAGER_UI, false, false), ERR_INPUT);
	bad.body = STR("{\"kind\":\"Installation\",\"name\":\"installation\"}");
	assert_int_equal(check(w, &bad, 1, MANAGER_UI, false, false), ERR_INPUT);
}

/* What files say comes in parts that fit into records, in an order in which each part compiles. */
static void test_large_slice(void **state)
{
	struct world *w = *state;
	struct buf b = buf_make(&mem_system, 64u << 20);
	struct record_resources *list;
	size_t count, conflicts;
	const struct json *slice;
	enum { USERS = 4000 };
	buf_add_c(&b,
	    "{\"providers\":[{\"name\":\"console\",\"type\":\"console\"}],\"fallback\":[{\"name\":"
	    "\"console\","
	    "\"type\":\"console\",\"address\":\"\"}],\"base_url\":\"http://x\",\"resources\":[");
	for (int i = 0; i < USERS; i++) {
		buf_printf(&b,
		    "{\"kind\":\"Service\",\"name\":\"s%d\",\"body\":{\"kind\":\"Service\","
		    "\"name\":\"s%d\","
		    "\"description\":\"%0200d\",\"escalation_policy\":\"p%d\"}},",
		    i, i, i, i);
		buf_printf(&b,
		    "{\"kind\":\"EscalationPolicy\",\"name\":\"p%d\",\"body\":{\"kind\":"
		    "\"EscalationPolicy\",\"name\":"
		    "\"p%d\",\"steps\":[{\"targets\":[{\"user\":\"u%d\"}],\"delay\":\"5m\"}]}},",
		    i, i, i);
		buf_printf(&b,
		    "{\"kind\":\"User\",\"name\":\"u%d\",\"body\":{\"kind\":\"User\",\"name\":\"u%"
		    "d\",\"email\":\"u%d@e.org\","
		    "\"contacts\":[{\"name\":\"mail\",\"type\":\"email\",\"address\":\"u%d@e.org\"}"
		    "]}}%s",
		    i, i, i, i, i + 1 < USERS ? "," : "");
	}
	buf_add_c(&b, "]}");
	assert_int_equal(b.err, OK);
	assert_int_equal(json_read(w->a, buf_str(&b), JSON_DEPTH_MAX, &slice, NULL), OK);
	assert_int_equal(resources_from_slice(w->set, slice, w->a, &list, &count, &conflicts), OK);
	assert_true(count >= 2);
	struct conf_faults faults = conf_faults_make(w->a);
	assert_int_equal(resources_slice_check(w->set, list, count, w->zones, w->a, &faults), OK);
	for (size_t i = 0; i < count; i++) {
		struct plan plan;
		const struct directory *dir;
		struct buf bytes = buf_make(&mem_system, RECORD_BYTES_MAX);
		struct record rec = { .type = RECORD_RESOURCES, .resources = list[i] };
		record_encode(&bytes, &rec);
		assert_int_equal(bytes.err, OK);
		buf_free(&bytes);
		assert_int_equal(resources_plan(w->set, &list[i], w->a, &plan), OK);
		assert_int_equal(
		    resources_compile(w->set, &plan, 1, w->zones, w->a, &dir, &faults), OK);
		assert_int_equal(resources_apply(w->set, &plan, i + 1, (struct wall){ 1 },
		                     MANAGER_FILE, STR("file")),
		    OK);
		if (i + 1 == count)
			assert_int_equal(dir->service_count, USERS);
	}
	/* The same again is nothing; nothing at all takes everything away, in order. */
	assert_int_equal(resources_from_slice(w->set, slice, w->a, &list, &count, &conflicts), OK);
	assert_int_equal(count, 0);
	assert_int_equal(
	    json_read(w->a,
	        STR("{\"providers\":[],\"fallback\":[{\"name\":\"console\",\"type\":\"console\","
	            "\"address\":\"\"}],\"base_url\":\"\",\"resources\":[]}"),
	        JSON_DEPTH_MAX, &slice, NULL),
	    OK);
	assert_int_equal(resources_from_slice(w->set, slice, w->a, &list, &count, &conflicts), OK);
	assert_true(count >= 2);
	assert_true(list[count - 1].resources[0].remove);
	buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_changes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_large_slice, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
