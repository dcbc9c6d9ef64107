/* SPDX-License-Identifier: Apache-2.0
 *
 * The installation file, quis.yaml: where data lives, what is listened on, who carries pages, which
 * files hold secrets and resources. Secrets stand in files of their own and never in this one.
 */
#pragma once
#include "conf/resource.h"

/* A path as written (relative to the installation file, or absolute), and where it stands. */
struct conf_path {
	struct str path;
	unsigned line, column;
};

enum provider_driver { DRIVER_SMTP, DRIVER_WEBHOOK, DRIVER_NTFY, DRIVER_CONSOLE, DRIVER_COUNT };
extern const struct str provider_driver_name[DRIVER_COUNT]; /* smtp webhook ntfy console */
enum contact_type provider_driver_contact(enum provider_driver driver);

struct conf_token {
	struct str name, role; /* admin | responder | observer | ingest */
	struct conf_path file;
};

struct conf_provider {
	struct str name;
	enum provider_driver driver;
	struct str url, from, username;
	struct str tls; /* smtp: required | if_offered | off, or empty */
	struct span timeout;
	uint32_t concurrency;
	struct conf_path password_file, secret_file, token_file, ca_file; /* path empty = none */
};

struct conf_install {
	struct conf_path data_dir;
	struct str base_url;      /* empty: made from listen_http */
	struct str listen_http;   /* HOST:PORT */
	struct str listen_statsd; /* HOST:PORT or empty */
	struct conf_path tls_cert, tls_key;
	struct span statsd_flush, rules_interval, prober_interval;
	struct span retention; /* 0 = for ever */
	uint64_t series_limit;
	struct str user, host; /* host empty: the machine's own name */
	bool metrics_open;     /* the Prometheus API needs no token from loopback */
	const struct conf_token *tokens;
	size_t token_count;
	const struct conf_provider *providers;
	size_t provider_count;
	const struct conf_path *resources;
	size_t resource_count;
	const struct contact *fallback;
	size_t fallback_count; /* at least a console */
};

/* One YAML document -> the installation, in the arena. ERR_INPUT with every fault. */
must_check enum err conf_install_read(struct arena *a, struct str file, struct str text,
    struct conf_install *ret, struct conf_faults *faults);

/* What conf_compile needs of it. */
must_check enum err conf_install_view(
    struct arena *a, const struct conf_install *install, struct conf_installation *ret);

/* The engine's slice of the configuration (ARCHITECTURE.md, "Slices"): the installation and the
 * documents that files own. The texts borrow from the slice, which must outlive the arena's use.
 * ERR_INPUT when it is not one. */
must_check enum err conf_slice_read(struct arena *a, const struct json *slice,
    struct conf_installation *ret_installation, struct conf_document **ret_list, size_t *ret_count);
