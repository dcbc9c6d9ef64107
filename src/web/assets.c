/* SPDX-License-Identifier: Apache-2.0
 *
 * Finds a file in the table that tools/embed.py made; see assets.h.
 */
#include "web/assets.h"
#include <assert.h>

const struct web_asset *web_asset_find(struct str path)
{
	assert(web_asset_count > 0);
	size_t low = 0, high = web_asset_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = str_cmp(web_assets[middle].path, path);
		if (order == 0)
			return &web_assets[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

const struct web_asset *web_asset_index(void)
{
	const struct web_asset *index = web_asset_find(STR("index.html"));
	assert(index != NULL); /* embed.py refuses a folder without it */
	return index;
}
