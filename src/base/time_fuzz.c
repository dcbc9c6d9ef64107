/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a time, a civil time and a duration: no crash, and what is accepted is written and
 * read again as the same value, to the precision of the text.
 */
#include "base/time.h"
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = { (const char *)data, size };
	struct buf b = buf_make(&mem_system, 100);
	struct wall t, t_again;
	struct civil c, c_again;
	struct span d, d_again;
	if (!wall_parse(text, &t)) {
		wall_format(&b, t);
		enum err e = wall_parse(buf_str(&b), &t_again);
		/* the very first millisecond of the range begins before it */
		assert(!e ? wall_ms(t) == wall_ms(t_again) : t.ns < INT64_MIN + NS_PER_MS);
		assert(civil_valid(civil_from_s(wall_ms(t) / 1000)));
	}
	buf_clear(&b);
	if (!civil_parse(text, &c)) {
		assert(civil_valid(c));
		civil_format(&b, c);
		enum err e = civil_parse(buf_str(&b), &c_again);
		assert(!e && civil_to_s(c) == civil_to_s(c_again));
		c_again = civil_from_s(civil_to_s(c));
		assert(c.year == c_again.year && c.month == c_again.month && c.day == c_again.day);
	}
	buf_clear(&b);
	if (!span_parse(text, &d)) {
		assert(d.ns >= 0);
		span_format(&b, d);
		enum err e = span_parse(buf_str(&b), &d_again);
		assert(!e && d.ns == d_again.ns);
	}
	assert(b.err == OK);
	buf_free(&b);
	return 0;
}
