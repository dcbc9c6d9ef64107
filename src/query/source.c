/* SPDX-License-Identifier: Apache-2.0
 *
 * Matching labels, the part of a source that every store shares.
 */
#include "query/source.h"
#include <assert.h>

bool matcher_match(const struct matcher *m, struct str value)
{
	switch (m->type) {
	case MATCH_EQ: return str_eq(m->value, value);
	case MATCH_NE: return !str_eq(m->value, value);
	case MATCH_RE: assert(m->re); return regex_match(m->re, value);
	case MATCH_NRE: assert(m->re); return !regex_match(m->re, value);
	}
	return false;
}

bool matchers_match(const struct matcher *m, size_t count, struct labels l)
{
	for (size_t i = 0; i < count; i++)
		if (!matcher_match(&m[i], labels_get(l, m[i].name)))
			return false;
	return true;
}
