/* SPDX-License-Identifier: Apache-2.0
 *
 * The reference page of every setting, made from the schema tables:
 * docs/reference/configuration.md.
 */
#pragma once
#include "base/buf.h"

/* Markdown. The buffer's sticky error is the result. */
void conf_reference_write(struct buf *b);
