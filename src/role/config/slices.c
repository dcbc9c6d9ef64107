/* SPDX-License-Identifier: Apache-2.0
 *
 * Who gets what: each role's part of the configuration, and its secrets only (ARCHITECTURE.md,
 * "Slices").
 */
#include "role/config/load_priv.h"
#include "role/config/version.h"
#include "wire/confhead.h"
#include <assert.h>

static void common(struct jw *w, const struct loaded *c)
{
	jw_open(w, '{');
	jw_kv_str(w, STR("data_dir"), c->data_dir);
	jw_kv_str(w, STR("base_url"), c->base_url);
	jw_kv_str(w, STR("version"), STR(QUIS_VERSION));
}

/* Names and what they carry to: no address, no secret. */
static void provider_names(struct jw *w, const struct loaded *c)
{
	jw_key(w, STR("providers"));
	jw_open(w, '[');
	for (size_t i = 0; i < c->view.provider_count; i++) {
		jw_open(w, '{');
		jw_kv_str(w, STR("name"), c->view.providers[i].name);
		jw_kv_str(w, STR("type"), contact_type_name[c->view.providers[i].type]);
		jw_close(w, '}');
	}
	jw_close(w, ']');
}

static void fallback(struct jw *w, const struct loaded *c)
{
	jw_key(w, STR("fallback"));
	jw_open(w, '[');
	for (size_t i = 0; i < c->install.fallback_count; i++) {
		const struct contact *f = &c->install.fallback[i];
		jw_open(w, '{');
		jw_kv_str(w, STR("name"), f->name);
		jw_kv_str(w, STR("type"), contact_type_name[f->type]);
		jw_kv_str(w, STR("address"), f->address);
		jw_close(w, '}');
	}
	jw_close(w, ']');
}

static void engine(struct jw *w, const struct loaded *c)
{
	provider_names(w, c);
	fallback(w, c);
	jw_key(w, STR("resources"));
	jw_open(w, '[');
	for (size_t i = 0; i < c->document_count; i++) {
		jw_open(w, '{');
		jw_kv_str(w, STR("kind"), c->documents[i].kind);
		jw_kv_str(w, STR("name"), c->documents[i].name);
		jw_key(w, STR("body"));
		jw_raw(w, c->documents[i].body);
		jw_close(w, '}');
	}
	jw_close(w, ']');
}

static void telemetry(struct jw *w, const struct loaded *c)
{
	jw_key(w, STR("statsd"));
	jw_open(w, '{');
	jw_kv_i64(w, STR("flush_ns"), c->install.statsd_flush.ns);
	jw_close(w, '}');
	jw_key(w, STR("rules"));
	jw_open(w, '{');
	jw_kv_i64(w, STR("interval_ns"), c->install.rules_interval.ns);
	jw_close(w, '}');
	jw_kv_i64(w, STR("retention_ns"), c->install.retention.ns);
	jw_kv_i64(w, STR("series_limit"), (int64_t)c->install.series_limit);
}

static void text_unless_empty(struct jw *w, struct str key, struct str text)
{
	if (!str_empty(text))
		jw_kv_str(w, key, text);
}

static void notifier(struct jw *w, const struct loaded *c)
{
	jw_key(w, STR("providers"));
	jw_open(w, '[');
	for (size_t i = 0; i < c->install.provider_count; i++) {
		const struct conf_provider *p = &c->install.providers[i];
		const struct loaded_provider *secrets = &c->providers[i];
		jw_open(w, '{');
		jw_kv_str(w, STR("name"), p->name);
		jw_kv_str(w, STR("type"), provider_driver_name[p->driver]);
		text_unless_empty(w, STR("url"), p->url);
		text_unless_empty(w, STR("from"), p->from);
		text_unless_empty(w, STR("username"), p->username);
		text_unless_empty(w, STR("tls"), p->tls);
		jw_kv_i64(w, STR("timeout_ns"), p->timeout.ns);
		jw_kv_i64(w, STR("concurrency"), p->concurrency);
		text_unless_empty(w, STR("password"), secrets->password);
		text_unless_empty(w, STR("secret"), secrets->secret);
		text_unless_empty(w, STR("token"), secrets->token);
		text_unless_empty(w, STR("ca"), secrets->ca);
		jw_close(w, '}');
	}
	jw_close(w, ']');
	jw_kv_str(w, STR("link_key"), c->link_key);
}

static void auditor(struct jw *w, const struct loaded *c)
{
	provider_names(w, c);
	fallback(w, c);
}

static void prober(struct jw *w, const struct loaded *c)
{
	jw_kv_str(w, STR("host"), c->host);
	jw_kv_i64(w, STR("interval_ns"), c->install.prober_interval.ns);
}

static void web(struct jw *w, const struct loaded *c)
{
	jw_key(w, STR("api_tokens"));
	jw_open(w, '[');
	for (size_t i = 0; i < c->install.token_count; i++) {
		jw_open(w, '{');
		jw_kv_str(w, STR("name"), c->install.tokens[i].name);
		jw_kv_str(w, STR("role"), c->install.tokens[i].role);
		jw_kv_str(w, STR("sha256"), c->token_sha256[i]);
		jw_close(w, '}');
	}
	jw_close(w, ']');
	jw_kv_str(w, STR("link_key"), c->link_key);
	jw_kv_str(w, STR("listen_http"), c->install.listen_http);
	jw_kv_bool(w, STR("metrics_open"), c->install.metrics_open);
	/* web terminates TLS itself, and sees no file outside the data directory */
	if (!str_empty(c->tls_key_pem)) {
		jw_key(w, STR("tls"));
		jw_open(w, '{');
		jw_kv_str(w, STR("certificate"), c->tls_cert_pem);
		jw_kv_str(w, STR("key"), c->tls_key_pem);
		jw_close(w, '}');
	}
}

static void nothing_more(struct jw *w, const struct loaded *c)
{
	(void)w, (void)c;
}

static const struct {
	enum role role;
	void (*write)(struct jw *w, const struct loaded *c);
} slices[] = {
	{ ROLE_TELEMETRY, telemetry },
	{ ROLE_ENGINE, engine },
	{ ROLE_AUDITOR, auditor },
	{ ROLE_NOTIFIER, notifier },
	{ ROLE_PROBER, prober },
	{ ROLE_RUNNER, nothing_more },
	{ ROLE_WEB, web },
	{ ROLE_WEB2, web },
};

void slices_write(struct buf *b, const struct loaded *c)
{
	assert(c->link_key.len == 64);
	struct config_head head = {
		.data_dir = c->data_dir,
		.user = c->install.user,
		.listen_http = c->install.listen_http,
		.listen_statsd = c->install.listen_statsd,
	};
	config_head_encode(b, &head);
	for (size_t i = 0; i < ARRAY_COUNT(slices); i++) {
		struct buf one = buf_make(&mem_system, CONFIG_SLICE_MAX);
		struct jw w = jw_make(&one);
		common(&w, c);
		slices[i].write(&w, c);
		jw_close(&w, '}');
		if (one.err && !b->err)
			b->err = one.err;
		else
			config_slice_encode(
			    b, (struct config_slice){ slices[i].role, buf_str(&one) });
		buf_free(&one);
	}
	config_end_encode(b);
}
