/* SPDX-License-Identifier: Apache-2.0
 *
 * The roles of this program and what each may touch: a security document.
 */
#pragma once
#include "net/child.h"

struct role_entry {
	const struct role_body *body;
	struct sandbox sandbox;
};
/* NULL when there is none of that name. */
const struct role_entry *role_entry_find(struct str name);
