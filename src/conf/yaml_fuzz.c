/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a YAML file, and as quis.yaml. What is accepted as documents survives being written
 * as YAML and read again, and compiling them does not crash whatever they refer to.
 */
#include "conf/install.h"
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void);

/* libfyaml 0.7.12 forgets a buffer on some broken inputs. Whoever reads YAML here is short-lived
 * (the config role, the command line); the daemon's doors take JSON. */
const char *__lsan_default_suppressions(void)
{
	return "leak:libfyaml";
}

static void there_and_back(struct arena *a, struct conf_document *list, size_t count)
{
	struct conf_faults faults = conf_faults_make(a);
	struct buf b = buf_make(&mem_system, (size_t)64 << 20);
	conf_write_yaml(&b, list, count);
	assert(b.err == OK);
	struct conf_document *again;
	size_t again_count;
	enum err err = conf_read_yaml(a, STR("again"), buf_str(&b), &again, &again_count, &faults);
	assert(err == OK || err == ERR_LIMIT);
	if (!err) {
		assert(again_count == count);
		for (size_t i = 0; i < count; i++)
			assert(str_eq(again[i].body, list[i].body));
	}
	buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = NULL;
	if (arena_open(&mem_system, (size_t)64 << 20, &a))
		return 0;
	struct str text = str_make((const char *)data, size);
	struct conf_faults faults = conf_faults_make(a);
	struct conf_document *list = NULL;
	size_t count = 0;
	enum err err = conf_read_yaml(a, STR("f"), text, &list, &count, &faults);
	assert(err == OK || err == ERR_INPUT || err == ERR_LIMIT);
	assert(err != ERR_INPUT || faults.count > 0);
	if (!err) {
		const struct directory *d;
		enum err compiled = conf_compile(a, list, count, NULL, 1, NULL, NULL, &d, &faults);
		assert(compiled != ERR_INPUT || faults.count > 0);
		there_and_back(a, list, count);
	}
	struct conf_install in;
	faults = conf_faults_make(a);
	err = conf_install_read(a, STR("q"), text, &in, &faults);
	assert(err != ERR_INPUT || faults.count > 0);
	arena_close(&a);
	return 0;
}
