/* SPDX-License-Identifier: Apache-2.0
 *
 * A pattern and a text (up to the first NUL, and after it): no crash, bounded work, and
 * alternatives of plain words match what they say.
 */
#include "query/regex.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = NULL;
	struct str all = str_make((const char *)data, size), text = all;
	struct str pattern = str_cut(&text, '\0');
	struct regex *re;
	struct str why;
	if (!text.ptr)
		text = STR("");
	if (arena_open(&mem_system, (size_t)1 << 26, &a) != OK)
		return 0;
	if (regex_make(a, pattern, &re, &why) == OK) {
		const struct str *words;
		struct buf b = buf_make(&mem_system, 1 << 16);
		bool match = regex_match(re, text);
		if (regex_expand(re, text, STR("$1${2}$name$$"), &b) && !match)
			abort();
		for (size_t n = regex_words(re, &words); n > 0; n--)
			if (!regex_match(re, words[n - 1]))
				abort();
		buf_free(&b);
	}
	arena_close(&a);
	return 0;
}
