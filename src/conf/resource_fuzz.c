/* SPDX-License-Identifier: Apache-2.0
 *
 * Any JSON as a document. Its canonical body reads back as itself, also through YAML.
 */
#include "conf/resource.h"
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = NULL;
	if (arena_open(&mem_system, (size_t)64 << 20, &a))
		return 0;
	struct conf_faults faults = conf_faults_make(a);
	const struct json *value, *body;
	struct conf_document d, again, *list;
	size_t count;
	enum err err =
	    json_read(a, str_make((const char *)data, size), JSON_DEPTH_MAX, &value, NULL);
	if (!err)
		err = conf_read_json(a, value, &d, &faults);
	assert(err || !faults.count);
	if (!err && !json_read(a, d.body, JSON_DEPTH_MAX, &body, NULL)) {
		err = conf_read_json(a, body, &again, &faults);
		assert(err == ERR_LIMIT || (err == OK && str_eq(d.body, again.body)));
		struct buf b = buf_make(&mem_system, (size_t)64 << 20);
		conf_write_yaml(&b, &d, 1);
		err = conf_read_yaml(a, STR("f"), buf_str(&b), &list, &count, &faults);
		assert(
		    err == ERR_LIMIT || (err == OK && count == 1 && str_eq(list[0].body, d.body)));
		buf_free(&b);
	}
	arena_close(&a);
	return 0;
}
