/* SPDX-License-Identifier: Apache-2.0
 *
 * Everything that a configuration is made of, in memory: what config.c reads and slices.c writes
 * out.
 */
#pragma once
#include "conf/install.h"
#include "os/os.h"

/* What a secret file of a provider holds; empty when there is none. */
struct loaded_provider {
	struct str password, secret, token, ca;
};

struct loaded {
	struct conf_install install;
	struct conf_installation view;
	struct str base_url, host;            /* with what quis.yaml left out */
	struct str data_dir;                  /* absolute */
	struct str tls_cert_pem, tls_key_pem; /* what is in the files of tls; empty: none */
	const struct conf_document *documents;
	size_t document_count;
	struct str *token_sha256;          /* hex, one for each install.tokens */
	struct loaded_provider *providers; /* one for each install.providers */
	struct str link_key;               /* hex of 32 bytes; empty when only checking */
};

struct loader {
	const struct os *os;
	struct arena *a;
	struct str folder; /* of quis.yaml, ends with a slash, or empty */
	struct conf_faults faults;
	struct loaded *to;
};

/* Reads quis.yaml at path and all that it names. ERR_INPUT with faults. */
must_check enum err load_all(struct loader *l, const char *path);
/* data_dir, data_dir/secret and the key of the links, made when missing. ERR_INPUT with a fault. */
must_check enum err load_link_key(struct loader *l, const char *path);

/* The stream of wire/confhead.h. */
void slices_write(struct buf *b, const struct loaded *config);
