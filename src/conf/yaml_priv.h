/* SPDX-License-Identifier: Apache-2.0
 *
 * YAML in and out. The only file that knows libfyaml is yaml.c.
 */
#pragma once
#include "base/buf.h"
#include "conf/node_priv.h"

/* Text -> the roots of its documents, linked by `next`; empty documents are left out. Aliases are
 * followed, duplicate keys, tags and keys that are not plain text are refused. ERR_INPUT with
 * faults. */
must_check enum err conf_yaml_read(struct arena *a, struct str file, struct str text,
    const struct conf_node **ret_first, struct conf_faults *faults);
/* One JSON value as a YAML document in block style, ending with a newline. */
void conf_yaml_write(struct buf *b, const struct json *value);
