/* SPDX-License-Identifier: Apache-2.0
 *
 * Small helpers between JSON answers and what is printed.
 */
#pragma once
#include "cmd/cli/cli.h"
#include "cmd/cli/print.h"

/* True when JSON is wanted: it was printed and there is nothing more to do. */
bool look_json(struct cli *c, const struct json *root);
/* A scalar as text, "" for null and nothing. */
struct str look_text(const struct json *j);
/* The value's own JSON, "null" for nothing. */
struct str look_raw(const struct json *j);
/* {"summary": ...} of a reference, else its name or login. */
struct str look_summary(const struct json *j);
/* An RFC 3339 text as "5m ago", as local time, or both; "" when there is none. */
struct str look_ago(struct cli *c, struct str time);
struct str look_local(struct cli *c, struct str time);
struct str look_when(struct cli *c, struct str time);
/* "name       text", nothing when the text is empty. */
void look_line(struct cli *c, const char *name, struct str text);
/* An option's time: RFC 3339, or a duration before now. CLI_USAGE when it is neither. */
int look_time(struct cli *c, const char *option, struct str text, struct wall *ret);
