/* SPDX-License-Identifier: Apache-2.0
 *
 * The auditor role: looks at the promises from outside the engine, all the time, through a
 * read-only view of the control store, and has its own line to the notifier. When a promise is
 * broken it pages the fallback contacts itself, says so in its verdict, and tells the engine, in
 * case that lives.
 */
#pragma once
#include "net/child.h"

extern const struct role_body role_auditor;
