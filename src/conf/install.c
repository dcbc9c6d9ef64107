/* SPDX-License-Identifier: Apache-2.0
 *
 * quis.yaml: its tables, and from its tree to a struct.
 */
#include "conf/install.h"
#include "conf/form_priv.h"
#include "conf/kinds_priv.h"
#include "conf/yaml_priv.h"
#include <assert.h>

#define S(lit) STR_INIT(lit)
#define TABLE(table_name, fields_) \
	.name = STR_INIT(table_name), .fields = (fields_), .field_count = ARRAY_COUNT(fields_)

const struct str provider_driver_name[DRIVER_COUNT] = { S("smtp"), S("webhook"), S("ntfy"),
	S("console") };
static const struct str token_roles[] = { S("admin"), S("responder"), S("observer"), S("ingest") };
static const struct str contact_types[] = { S("email"), S("webhook"), S("ntfy"), S("console") };
static const struct str metrics_words[] = { S("loopback"), S("token") };
static const struct str tls_words[] = { S("required"), S("if_offered"), S("off") };
static const struct str none = S("");

enum contact_type provider_driver_contact(enum provider_driver driver)
{
	static const enum contact_type contact[DRIVER_COUNT] = { CONTACT_EMAIL, CONTACT_WEBHOOK,
		CONTACT_NTFY, CONTACT_CONSOLE };
	assert(driver < DRIVER_COUNT);
	return contact[driver];
}

static const struct conf_field listen_fields[] = {
	{ .name = S("http"),
	    .type = FIELD_TEXT,
	    .form = FORM_LISTEN,
	    .default_ = S("127.0.0.1:7847"),
	    .meaning = S("the UI and every API") },
	{ .name = S("statsd"),
	    .type = FIELD_TEXT,
	    .form = FORM_LISTEN,
	    .default_ = S("127.0.0.1:8125"),
	    .meaning = S("StatsD over UDP; off = none") },
};
const struct conf_table conf_listen_table = { TABLE("listen", listen_fields) };

static const struct conf_field tls_fields[] = {
	{ .name = S("cert"),
	    .type = FIELD_TEXT,
	    .form = FORM_PATH,
	    .flags = FIELD_REQUIRED,
	    .meaning = S("a PEM file with the certificate and its chain") },
	{ .name = S("key"),
	    .type = FIELD_TEXT,
	    .form = FORM_PATH,
	    .flags = FIELD_REQUIRED,
	    .meaning = S("a PEM file with the private key") },
};
const struct conf_table conf_tls_table = { TABLE("tls", tls_fields) };

static const struct conf_field statsd_fields[] = {
	{ .name = S("flush"),
	    .type = FIELD_SPAN,
	    .min = 1,
	    .max = 3600,
	    .default_ = S("10s"),
	    .meaning = S("how often what came in is stored as samples") },
};
const struct conf_table conf_statsd_table = { TABLE("statsd", statsd_fields) };

static const struct conf_field rules_fields[] = {
	{ .name = S("interval"),
	    .type = FIELD_SPAN,
	    .min = 1,
	    .max = 86400,
	    .default_ = S("15s"),
	    .meaning = S("how often rules are evaluated that do not say it themselves") },
};
const struct conf_table conf_rules_table = { TABLE("rules", rules_fields) };

static const struct conf_field prober_fields[] = {
	{ .name = S("interval"),
	    .type = FIELD_SPAN,
	    .min = 1,
	    .max = 3600,
	    .default_ = S("10s"),
	    .meaning = S("how often this machine's own load, memory and disks are looked at") },
};
const struct conf_table conf_prober_table = { TABLE("prober", prober_fields) };

static const struct conf_field token_fields[] = {
	{ .name = S("name"),
	    .type = FIELD_TEXT,
	    .form = FORM_NAME,
	    .flags = FIELD_REQUIRED,
	    .meaning = S("shown as the actor of what is done with it") },
	{ .name = S("role"),
	    .type = FIELD_CHOICE,
	    .choices = token_roles,
	    .choice_count = ARRAY_COUNT(token_roles),
	    .flags = FIELD_REQUIRED,
	    .meaning = S("admin: all; responder: read, acknowledge, resolve; observer: read; "
	                 "ingest: remote write only") },
	{ .name = S("file"),
	    .type = FIELD_TEXT,
	    .form = FORM_PATH,
	    .flags = FIELD_REQUIRED,
	    .meaning = S("a file that holds the token, at least 8 characters") },
};
const struct conf_table conf_token_table = { TABLE("a token", token_fields) };

static const struct conf_field provider_fields[] = {
	{ .name = S("name"),
	    .type = FIELD_TEXT,
	    .form = FORM_NAME,
	    .flags = FIELD_REQUIRED,
	    .meaning = S("as shown in delivery attempts") },
	{ .name = S("type"),
	    .type = FIELD_CHOICE,
	    .choices = provider_driver_name,
	    .choice_count = DRIVER_COUNT,
	    .flags = FIELD_REQUIRED,
	    .meaning = S(
	        "smtp carries to contacts of type email, the others to those of their own name") },
	{ .name = S("url"),
	    .type = FIELD_TEXT,
	    .form = FORM_URL,
	    .meaning =
	        S("smtp: smtp://HOST:PORT or smtps://HOST:PORT, required; ntfy: the server of bare "
	          "topics; webhook: where to send when the contact has no address") },
	{ .name = S("from"),
	    .type = FIELD_TEXT,
	    .form = FORM_MAILBOX,
	    .meaning = S("smtp: the sender, such as quis@example.com or \"Quis "
	                 "<quis@example.com>\"; required") },
	{ .name = S("username"),
	    .type = FIELD_TEXT,
	    .form = FORM_LINE,
	    .meaning = S("smtp, ntfy: to sign in with") },
	{ .name = S("password_file"),
	    .type = FIELD_TEXT,
	    .form = FORM_PATH,
	    .meaning = S("smtp, ntfy: a file that holds the password of username") },
	{ .name = S("secret_file"),
	    .type = FIELD_TEXT,
	    .form = FORM_PATH,
	    .meaning = S("webhook: a file that holds the key with which bodies are signed") },
	{ .name = S("token_file"),
	    .type = FIELD_TEXT,
	    .form = FORM_PATH,
	    .meaning = S("webhook, ntfy: a file that holds a bearer token; it goes to the server "
	                 "in url alone") },
	{ .name = S("tls"),
	    .type = FIELD_CHOICE,
	    .choices = tls_words,
	    .choice_count = ARRAY_COUNT(tls_words),
	    .meaning = S("smtp: whether STARTTLS is required, used if offered, or left out; when "
	                 "not given it is required with a password and used if offered without") },
	{ .name = S("ca_file"),
	    .type = FIELD_TEXT,
	    .form = FORM_PATH,
	    .meaning = S("a PEM file with authorities to trust instead of the system's") },
	{ .name = S("timeout"),
	    .type = FIELD_SPAN,
	    .min = 1,
	    .max = 300,
	    .default_ = S("30s"),
	    .meaning = S("how long one attempt may take") },
	{ .name = S("concurrency"),
	    .type = FIELD_INT,
	    .min = 1,
	    .max = 64,
	    .default_ = S("8"),
	    .meaning = S("attempts at once") },
};
const struct conf_table conf_provider_table = { TABLE("a provider", provider_fields) };

static const struct conf_field fallback_fields[] = {
	{ .name = S("name"),
	    .type = FIELD_TEXT,
	    .form = FORM_NAME,
	    .meaning = S("as shown; the type when left out") },
	{ .name = S("type"),
	    .type = FIELD_CHOICE,
	    .choices = contact_types,
	    .choice_count = ARRAY_COUNT(contact_types),
	    .flags = FIELD_REQUIRED,
	    .meaning = S("as of a user's contact") },
	{ .name = S("address"),
	    .type = FIELD_TEXT,
	    .form = FORM_LINE,
	    .meaning = S("as of a user's contact") },
};
const struct conf_table conf_fallback_table = { TABLE("a fallback contact", fallback_fields) };

static const struct conf_field install_fields[] = {
	{ .name = S("data_dir"),
	    .type = FIELD_TEXT,
	    .form = FORM_PATH,
	    .flags = FIELD_REQUIRED,
	    .meaning = S("the folder in which everything is kept, such as /var/lib/quis") },
	{ .name = S("base_url"),
	    .type = FIELD_TEXT,
	    .form = FORM_HTTP_URL,
	    .meaning =
	        S("how people reach Quis, for links in pages; http://LISTEN when left out") },
	{ .name = S("listen"),
	    .type = FIELD_MAP,
	    .table = &conf_listen_table,
	    .meaning = S("addresses") },
	{ .name = S("tls"),
	    .type = FIELD_MAP,
	    .table = &conf_tls_table,
	    .meaning = S("serve HTTPS instead of HTTP") },
	{ .name = S("statsd"),
	    .type = FIELD_MAP,
	    .table = &conf_statsd_table,
	    .meaning = S("StatsD") },
	{ .name = S("rules"),
	    .type = FIELD_MAP,
	    .table = &conf_rules_table,
	    .meaning = S("rules") },
	{ .name = S("prober"),
	    .type = FIELD_MAP,
	    .table = &conf_prober_table,
	    .meaning = S("looking at this machine") },
	{ .name = S("retention"),
	    .type = FIELD_SPAN,
	    .max = 3650.0 * 86400,
	    .default_ = S("90d"),
	    .meaning = S("how long samples are kept; 0 = for ever") },
	{ .name = S("series_limit"),
	    .type = FIELD_INT,
	    .min = 1000,
	    .max = 100000000,
	    .default_ = S("500000"),
	    .meaning = S("series beyond this number are refused and counted") },
	{ .name = S("api_tokens"),
	    .type = FIELD_MAPS,
	    .table = &conf_token_table,
	    .max = 256,
	    .meaning = S("tokens for programs") },
	{ .name = S("providers"),
	    .type = FIELD_MAPS,
	    .table = &conf_provider_table,
	    .max = 64,
	    .meaning = S("who carries pages; those of one type are tried in this order") },
	{ .name = S("fallback"),
	    .type = FIELD_MAPS,
	    .table = &conf_fallback_table,
	    .min = 1,
	    .max = 16,
	    .meaning =
	        S("contacts that are paged when nobody else can be; the console when left out") },
	{ .name = S("resources"),
	    .type = FIELD_TEXTS,
	    .form = FORM_PATH,
	    .max = 256,
	    .meaning =
	        S("YAML files, and folders of them, with what teams own; read again at a reload") },
	{ .name = S("user"),
	    .type = FIELD_TEXT,
	    .form = FORM_NAME,
	    .meaning = S("the account to drop to when started as root") },
	{ .name = S("host"),
	    .type = FIELD_TEXT,
	    .form = FORM_NAME,
	    .meaning = S("the label `host` of this machine's own series; its name when left out") },
	{ .name = S("metrics_access"),
	    .type = FIELD_CHOICE,
	    .choices = metrics_words,
	    .choice_count = ARRAY_COUNT(metrics_words),
	    .default_ = S("loopback"),
	    .meaning = S("who may use the Prometheus API and remote write without a token: "
	                 "programs on this machine "
	                 "(as with StatsD), or nobody") },
};
const struct conf_table conf_install_table = { TABLE("quis.yaml", install_fields),
	.meaning = S("the installation") };

static struct conf_path path_of(const struct conf_node *map, struct str name)
{
	const struct conf_node *n = conf_node_find(map, name);
	return n ? (struct conf_path){ n->text, n->line, n->column }
	         : (struct conf_path){ none, 0, 0 };
}

static bool refuse(struct conf_check *c, const struct conf_node *n, const struct conf_where *where,
    struct str hint, const char *what)
{
	conf_fault_add(c->faults, (struct conf_site){ c->file, n, where, false }, hint, "%s", what);
	return false;
}

static bool refuse_same_name(struct conf_check *c, const struct conf_node *first,
    const struct conf_node *n, const struct conf_where *where)
{
	const struct conf_node *name = conf_node_find(n, STR("name"));
	for (const struct conf_node *m = first; name && m != n; m = m->next) {
		const struct conf_node *other = conf_node_find(m, STR("name"));
		if (other && str_eq(other->text, name->text))
			return refuse(
			    c, name, where, STR("each needs its own"), "this name is there twice");
	}
	return true;
}

static bool check_url(struct conf_check *c, const struct conf_node *url, unsigned driver,
    const struct conf_where *where)
{
	bool mail = str_starts(url->text, STR("smtp://")) || str_starts(url->text, STR("smtps://"));
	bool web = str_starts(url->text, STR("http://")) || str_starts(url->text, STR("https://"));
	if (driver == DRIVER_SMTP && !mail)
		return refuse(c, url, where, STR("smtp://HOST:PORT, or smtps://HOST:PORT"),
		    "this is not the address of a mail server");
	if (driver != DRIVER_SMTP && !web)
		return refuse(c, url, where, STR("it begins with http:// or https://"),
		    "this is not a web address");
	struct str host = str_from(url->text, str_find_str(url->text, STR("://")) + 3);
	host = str_first(host, str_find(host, '/'));
	if (str_find(host, '@') < host.len)
		return refuse(c, url, where, STR("use username and password_file"),
		    "no name or password may stand in the address");
	return true;
}

/* What a driver needs, and what it cannot use. */
static bool check_provider(
    struct conf_check *c, const struct conf_node *n, const struct conf_where *where)
{
	static const struct {
		struct str field;
		unsigned needed, allowed; /* bits by driver */
	} uses[] = {
		{ S("url"), 1u << DRIVER_SMTP,
		    1u << DRIVER_SMTP | 1u << DRIVER_WEBHOOK | 1u << DRIVER_NTFY },
		{ S("from"), 1u << DRIVER_SMTP, 1u << DRIVER_SMTP },
		{ S("username"), 0, 1u << DRIVER_SMTP | 1u << DRIVER_NTFY },
		{ S("password_file"), 0, 1u << DRIVER_SMTP | 1u << DRIVER_NTFY },
		{ S("secret_file"), 0, 1u << DRIVER_WEBHOOK },
		{ S("token_file"), 0, 1u << DRIVER_WEBHOOK | 1u << DRIVER_NTFY },
		{ S("tls"), 0, 1u << DRIVER_SMTP },
		{ S("ca_file"), 0, 1u << DRIVER_SMTP | 1u << DRIVER_WEBHOOK | 1u << DRIVER_NTFY },
	};
	unsigned driver = conf_get_choice(&conf_provider_table, n, STR("type"));
	bool ok = true;
	for (size_t i = 0; i < ARRAY_COUNT(uses); i++) {
		const struct conf_node *v = conf_node_find(n, uses[i].field);
		struct conf_site site = { c->file, v ? v : n, where, true };
		if (v && !(uses[i].allowed >> driver & 1)) {
			conf_fault_add(c->faults, site, STR("leave it out"),
			    "a provider of type %.*s has no \"%.*s\"",
			    STR_ARG(provider_driver_name[driver]), STR_ARG(uses[i].field));
			ok = false;
		} else if (!v && (uses[i].needed >> driver & 1)) {
			conf_fault_add(c->faults, site,
			    conf_field_find(&conf_provider_table, uses[i].field)->meaning,
			    "\"%.*s\" is missing", STR_ARG(uses[i].field));
			ok = false;
		}
	}
	bool user = conf_node_find(n, STR("username")),
	     password = conf_node_find(n, STR("password_file"));
	if (ok && user != password)
		ok = refuse(c, n, where, none, "username and password_file belong together");
	const struct conf_node *url = conf_node_find(n, STR("url"));
	if (ok && !url && (password || conf_node_find(n, STR("token_file"))))
		return refuse(c, n, where,
		    STR("the password or token is sent to that server alone"),
		    "\"url\" is missing");
	return ok && url ? check_url(c, url, driver, where) : ok;
}

static bool check_lists(
    struct conf_check *c, const struct conf_node *root, const struct conf_where *where)
{
	static const struct str lists[] = { S("providers"), S("api_tokens") };
	bool ok = true;
	for (size_t l = 0; l < ARRAY_COUNT(lists); l++) {
		const struct conf_node *list = conf_node_find(root, lists[l]);
		struct conf_where in = conf_in(where, lists[l]);
		uint32_t i = 0;
		for (const struct conf_node *n = list ? list->child : NULL; n; n = n->next, i++) {
			struct conf_where at = conf_nth(&in, i);
			ok &= refuse_same_name(c, list->child, n, &at);
			if (l == 0)
				ok &= check_provider(c, n, &at);
		}
	}
	const struct conf_node *fallback = conf_node_find(root, STR("fallback"));
	struct conf_where in = conf_in(where, STR("fallback"));
	uint32_t i = 0;
	for (const struct conf_node *n = fallback ? fallback->child : NULL; n; n = n->next, i++) {
		struct conf_where at = conf_nth(&in, i);
		struct str fix = none;
		enum contact_type type =
		    (enum contact_type)conf_get_choice(&conf_fallback_table, n, STR("type"));
		if (!conf_contact_address_ok(
		        type, conf_get_text(&conf_fallback_table, n, STR("address")), &fix))
			ok = refuse(c, n, &at, fix, "the address does not fit the type");
	}
	struct str http =
	    conf_get_text(&conf_listen_table, conf_node_find(root, STR("listen")), STR("http"));
	if (str_eq(http, STR("off"))) {
		struct conf_where at = conf_in(where, STR("listen"));
		ok =
		    refuse(c, conf_node_find(root, STR("listen")), &at, none, "http cannot be off");
	}
	return ok;
}

static enum err take_tokens(
    struct conf_check *c, const struct conf_node *root, struct conf_install *in)
{
	const struct conf_node *list = conf_node_find(root, STR("api_tokens"));
	size_t count = list ? list->count : 0, i = 0;
	struct conf_token *tokens = arena_new(c->a, struct conf_token, count);
	if (!tokens)
		return arena_err(c->a);
	for (const struct conf_node *n = list ? list->child : NULL; n; n = n->next)
		tokens[i++] = (struct conf_token){ conf_get_text(&conf_token_table, n, STR("name")),
			conf_get_text(&conf_token_table, n, STR("role")), path_of(n, STR("file")) };
	in->tokens = tokens;
	in->token_count = count;
	return OK;
}

static enum err take_providers(
    struct conf_check *c, const struct conf_node *root, struct conf_install *in)
{
	const struct conf_node *list = conf_node_find(root, STR("providers"));
	const struct conf_table *t = &conf_provider_table;
	size_t count = list ? list->count : 0, i = 0;
	struct conf_provider *providers = arena_new(c->a, struct conf_provider, count + 1);
	if (!providers)
		return arena_err(c->a);
	bool has_console = false;
	for (const struct conf_node *n = list ? list->child : NULL; n; n = n->next, i++) {
		struct conf_provider *p = &providers[i];
		p->name = conf_get_text(t, n, STR("name"));
		p->driver = (enum provider_driver)conf_get_choice(t, n, STR("type"));
		p->url = conf_get_text(t, n, STR("url"));
		p->from = conf_get_text(t, n, STR("from"));
		p->username = conf_get_text(t, n, STR("username"));
		p->tls = conf_get_text(t, n, STR("tls"));
		p->timeout = conf_get_span(t, n, STR("timeout"));
		p->concurrency = (uint32_t)conf_get_int(t, n, STR("concurrency"));
		p->password_file = path_of(n, STR("password_file"));
		p->secret_file = path_of(n, STR("secret_file"));
		p->token_file = path_of(n, STR("token_file"));
		p->ca_file = path_of(n, STR("ca_file"));
		has_console |= p->driver == DRIVER_CONSOLE;
	}
	/* The console is always there: without it a fresh installation could page nobody. */
	if (!has_console)
		providers[i++] = (struct conf_provider){ .name = STR("console"),
			.driver = DRIVER_CONSOLE,
			.url = none,
			.from = none,
			.username = none,
			.tls = none,
			.timeout = SPAN_S(30),
			.concurrency = 8 };
	in->providers = providers;
	in->provider_count = i;
	return OK;
}

static enum err take_fallback(
    struct conf_check *c, const struct conf_node *root, struct conf_install *in)
{
	const struct conf_node *list = conf_node_find(root, STR("fallback"));
	const struct conf_table *t = &conf_fallback_table;
	size_t count = list ? list->count : 1, i = 0;
	struct contact *contacts = arena_new(c->a, struct contact, count);
	if (!contacts)
		return arena_err(c->a);
	for (const struct conf_node *n = list ? list->child : NULL; n; n = n->next, i++) {
		struct str name = conf_get_text(t, n, STR("name")),
		           type = conf_get_text(t, n, STR("type"));
		contacts[i] = (struct contact){ .name = str_empty(name) ? type : name,
			.type = (enum contact_type)conf_get_choice(t, n, STR("type")),
			.address = conf_get_text(t, n, STR("address")),
			.provider = none };
	}
	if (!list)
		contacts[0] = (struct contact){ .name = STR("console"),
			.type = CONTACT_CONSOLE,
			.address = none,
			.provider = none };
	in->fallback = contacts;
	in->fallback_count = count;
	return OK;
}

static enum err take_resources(
    struct conf_check *c, const struct conf_node *root, struct conf_install *in)
{
	const struct conf_node *n = conf_node_find(root, STR("resources"));
	size_t count = !n ? 0 : n->type == CONF_LIST ? n->count : 1, i = 0;
	struct conf_path *paths = arena_new(c->a, struct conf_path, count);
	if (!paths)
		return arena_err(c->a);
	for (const struct conf_node *m = n && n->type == CONF_LIST ? n->child : n; i < count;
	     m = m->next)
		paths[i++] = (struct conf_path){ m->text, m->line, m->column };
	in->resources = paths;
	in->resource_count = count;
	return OK;
}

static void take_simple(const struct conf_node *root, struct conf_install *in)
{
	const struct conf_table *t = &conf_install_table;
	const struct conf_node *listen = conf_node_find(root, STR("listen"));
	const struct conf_node *tls = conf_node_find(root, STR("tls"));
	in->data_dir = path_of(root, STR("data_dir"));
	in->base_url = conf_get_text(t, root, STR("base_url"));
	while (str_ends(in->base_url, STR("/")))
		in->base_url.len--;
	in->listen_http = conf_get_text(&conf_listen_table, listen, STR("http"));
	in->listen_statsd = conf_get_text(&conf_listen_table, listen, STR("statsd"));
	if (str_eq(in->listen_statsd, STR("off")))
		in->listen_statsd = none;
	in->tls_cert = path_of(tls, STR("cert"));
	in->tls_key = path_of(tls, STR("key"));
	in->statsd_flush =
	    conf_get_span(&conf_statsd_table, conf_node_find(root, STR("statsd")), STR("flush"));
	in->rules_interval =
	    conf_get_span(&conf_rules_table, conf_node_find(root, STR("rules")), STR("interval"));
	in->prober_interval =
	    conf_get_span(&conf_prober_table, conf_node_find(root, STR("prober")), STR("interval"));
	in->retention = conf_get_span(t, root, STR("retention"));
	in->series_limit = (uint64_t)conf_get_int(t, root, STR("series_limit"));
	in->user = conf_get_text(t, root, STR("user"));
	in->host = conf_get_text(t, root, STR("host"));
	in->metrics_open = conf_get_choice(t, root, STR("metrics_access")) == 0;
}

enum err conf_install_read(struct arena *a, struct str file, struct str text,
    struct conf_install *ret, struct conf_faults *faults)
{
	assert(a && faults && faults->arena);
	struct conf_check c = { a, arena_str(a, file), faults };
	const struct conf_node *root = NULL;
	enum err err = conf_yaml_read(a, c.file, text, &root, faults);
	if (err)
		return err;
	if (!root || root->next) {
		refuse(&c, root ? root->next : NULL, NULL,
		    root ? STR("resources stand in files of their own, named by `resources`")
		         : none,
		    root ? "the installation file is one document" : "the file is empty");
		return ERR_INPUT;
	}
	if (!conf_table_check(&c, &conf_install_table, root, NULL) || !check_lists(&c, root, NULL))
		return arena_err(a) ? arena_err(a) : ERR_INPUT;
	struct conf_install in = { 0 };
	take_simple(root, &in);
	err = take_tokens(&c, root, &in);
	if (!err)
		err = take_providers(&c, root, &in);
	if (!err)
		err = take_fallback(&c, root, &in);
	if (!err)
		err = take_resources(&c, root, &in);
	if (!err && arena_err(a))
		err = arena_err(a);
	if (!err)
		*ret = in;
	return err;
}

enum err conf_install_view(
    struct arena *a, const struct conf_install *install, struct conf_installation *ret)
{
	struct provider *providers = arena_new(a, struct provider, install->provider_count);
	if (!providers)
		return arena_err(a);
	for (size_t i = 0; i < install->provider_count; i++)
		providers[i] = (struct provider){ install->providers[i].name,
			provider_driver_contact(install->providers[i].driver) };
	*ret = (struct conf_installation){ providers, install->provider_count, install->fallback,
		install->fallback_count, install->base_url };
	return OK;
}
