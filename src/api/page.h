/* SPDX-License-Identifier: Apache-2.0
 *
 * The few pages that the daemon itself writes: /status and the confirmation of a page's link. They
 * are read on a phone in a tunnel: one answer, no JavaScript, no other file, light or dark as the
 * reader's device is.
 */
#pragma once
#include "api/api_priv.h"

/* Headers for such a page: nothing may be loaded, only our own style is applied. In the arena;
 * constant content. */
struct str page_headers(struct arena *a);
void page_open_html(struct buf *b, struct str title);
void page_close_html(struct buf *b);
