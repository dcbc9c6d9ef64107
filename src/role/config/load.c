/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads what a configuration is made of. Every fault is kept and reported with its place, so that
 * one run shows all that is wrong; only what cannot be read at all ends it early.
 */
#include "role/config/load_priv.h"
#include "base/enc.h"
#include "oncall/zone.h"
#include "rules/check.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_BYTES_MAX ((size_t)4 << 20)
#define SECRET_BYTES_MAX 4096u
#define CA_BYTES_MAX ((size_t)1 << 20)
#define ZONE_BYTES_MAX ((size_t)1 << 20)
#define DOCUMENTS_MAX 10000u /* as many as one record of the inbox holds */
#define TOKEN_BYTES_MIN 8u
#define LINK_KEY_BYTES 32u
#define ZONES "/usr/share/zoneinfo/"

static const struct str none = STR_INIT("");

/* A fault about what a path in a file names. */
static void fault_at(
    struct loader *l, const char *file, struct conf_path at, struct str hint, struct str message)
{
	conf_faults_add(&l->faults, &(struct conf_fault){ .file = str_c(file),
	                                .line = at.line,
	                                .column = at.column,
	                                .message = message,
	                                .hint = hint });
}

/* The path of what quis.yaml names: relative to it, or absolute. */
static struct str absolute(struct loader *l, struct str path)
{
	if (str_empty(path))
		return none;
	struct str s = str_starts(path, STR("/"))
	                   ? arena_str(l->a, path)
	                   : arena_printf(l->a, "%.*s%.*s", STR_ARG(l->folder), STR_ARG(path));
	return s.ptr ? s : none;
}

static const char *why(enum err err)
{
	switch (err) {
	case ERR_GONE: return "it is not there";
	case ERR_DENIED: return "it may not be read by this account";
	case ERR_LIMIT: return "it is too large";
	default: return "it cannot be read";
	}
}

/* A whole file into the arena. */
static enum err read_file(struct loader *l, struct str path, size_t limit, struct str *ret)
{
	assert(path.ptr[path.len] == 0);
	struct buf b = buf_make(&mem_system, limit);
	enum err err = os_read_file(l->os, path.ptr, limit, &b);
	if (!err) {
		*ret = arena_str(l->a, buf_str(&b));
		err = ret->ptr ? OK : arena_err(l->a);
	}
	buf_free(&b);
	return err;
}

/* A secret: one line in a file of its own, blanks at its ends cut off. */
static struct str read_secret(struct loader *l, const char *file, struct conf_path at, size_t limit)
{
	if (str_empty(at.path))
		return none;
	struct str path = absolute(l, at.path), text = none;
	enum err err = read_file(l, path, limit, &text);
	if (err) {
		fault_at(
		    l, file, at, none, arena_printf(l->a, "%.*s: %s", STR_ARG(path), why(err)));
		return none;
	}
	text = str_trim(text);
	if (str_empty(text))
		fault_at(l, file, at, none, arena_printf(l->a, "%.*s: it is empty", STR_ARG(path)));
	else if (limit == SECRET_BYTES_MAX && str_find(text, '\n') < text.len)
		fault_at(l, file, at, STR("it holds one line"),
		    arena_printf(l->a, "%.*s: it has several lines", STR_ARG(path)));
	else if (!str_utf8_valid(text))
		fault_at(l, file, at, none,
		    arena_printf(l->a, "%.*s: it is not UTF-8 text", STR_ARG(path)));
	return text;
}

static struct str sha256_hex(struct loader *l, struct str s)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	if (EVP_Digest(s.ptr, s.len, digest, &len, EVP_sha256(), NULL) != 1 || len != 32)
		return none;
	struct buf b = buf_make(&mem_system, 128);
	enc_hex(&b, str_make((const char *)digest, len));
	struct str hex = arena_str(l->a, buf_str(&b));
	buf_free(&b);
	return hex;
}

static enum err load_tokens(struct loader *l, const char *file)
{
	const struct conf_install *in = &l->to->install;
	l->to->token_sha256 = arena_new(l->a, struct str, in->token_count);
	if (!l->to->token_sha256)
		return arena_err(l->a);
	for (size_t i = 0; i < in->token_count; i++) {
		struct str token = read_secret(l, file, in->tokens[i].file, SECRET_BYTES_MAX);
		if (token.len && token.len < TOKEN_BYTES_MIN)
			fault_at(l, file, in->tokens[i].file,
			    STR("make one with: openssl rand -hex 32"),
			    arena_printf(l->a,
			        "the token has %zu characters, at least %u are needed", token.len,
			        TOKEN_BYTES_MIN));
		l->to->token_sha256[i] = sha256_hex(l, token);
	}
	return OK;
}

static enum err load_providers(struct loader *l, const char *file)
{
	const struct conf_install *in = &l->to->install;
	l->to->providers = arena_new(l->a, struct loaded_provider, in->provider_count);
	if (!l->to->providers)
		return arena_err(l->a);
	for (size_t i = 0; i < in->provider_count; i++) {
		const struct conf_provider *p = &in->providers[i];
		l->to->providers[i] = (struct loaded_provider){
			.password = read_secret(l, file, p->password_file, SECRET_BYTES_MAX),
			.secret = read_secret(l, file, p->secret_file, SECRET_BYTES_MAX),
			.token = read_secret(l, file, p->token_file, SECRET_BYTES_MAX),
			.ca = read_secret(l, file, p->ca_file, CA_BYTES_MAX),
		};
	}
	return OK;
}

struct documents {
	struct conf_document *items;
	size_t count, cap;
};

static enum err add_documents(
    struct loader *l, struct documents *all, const struct conf_document *list, size_t count)
{
	if (all->count + count > DOCUMENTS_MAX) {
		fault_at(l, "", (struct conf_path){ none, 0, 0 }, none,
		    arena_printf(l->a, "more than %u resources", DOCUMENTS_MAX));
		return ERR_INPUT;
	}
	if (all->count + count > all->cap) {
		size_t cap = (all->count + count) * 2;
		struct conf_document *items = arena_new(l->a, struct conf_document, cap);
		if (!items)
			return arena_err(l->a);
		if (all->count)
			memcpy(items, all->items, all->count * sizeof *items);
		all->items = items;
		all->cap = cap;
	}
	if (count)
		memcpy(all->items + all->count, list, count * sizeof *list);
	all->count += count;
	return OK;
}

static enum err load_resource_file(struct loader *l, struct str path, struct documents *all)
{
	struct str text = none;
	enum err err = read_file(l, path, FILE_BYTES_MAX, &text);
	if (err) {
		fault_at(l, path.ptr, (struct conf_path){ none, 0, 0 }, none, str_c(why(err)));
		return OK;
	}
	struct conf_document *list = NULL;
	size_t count = 0;
	err = conf_read_yaml(l->a, path, text, &list, &count, &l->faults);
	if (err)
		return err == ERR_INPUT ? OK : err;
	return add_documents(l, all, list, count);
}

static bool is_yaml(struct str name)
{
	return !str_starts(name, STR(".")) &&
	       (str_ends(name, STR(".yaml")) || str_ends(name, STR(".yml")));
}

static enum err load_resources(struct loader *l, const char *file, struct documents *all)
{
	const struct conf_install *in = &l->to->install;
	for (size_t i = 0; i < in->resource_count; i++) {
		struct conf_path at = in->resources[i];
		struct str path = absolute(l, at.path);
		while (path.len > 1 && str_ends(path, STR("/")))
			path = arena_str(l->a, str_first(path, path.len - 1));
		struct stat st;
		if (str_empty(path) || stat(path.ptr, &st) != 0) {
			fault_at(l, file, at, STR("make it, or take it out of `resources`"),
			    arena_printf(l->a, "%.*s: %s", STR_ARG(path),
			        why(errno == EACCES ? ERR_DENIED : ERR_GONE)));
			continue;
		}
		if (!S_ISDIR(st.st_mode)) {
			enum err err = load_resource_file(l, path, all);
			if (err)
				return err;
			continue;
		}
		struct str *names = NULL;
		size_t count = 0;
		enum err err = os_list_dir(path.ptr, l->a, &names, &count);
		if (err) {
			fault_at(l, file, at, none,
			    arena_printf(l->a, "%.*s: %s", STR_ARG(path), why(err)));
			continue;
		}
		for (size_t n = 0; n < count; n++) {
			if (!is_yaml(names[n]))
				continue;
			struct str one =
			    arena_printf(l->a, "%.*s/%.*s", STR_ARG(path), STR_ARG(names[n]));
			err = one.ptr ? load_resource_file(l, one, all) : arena_err(l->a);
			if (err)
				return err;
		}
	}
	return OK;
}

static const struct zone *find_zone(void *context, struct str name)
{
	struct loader *l = context;
	if (!zone_name_valid(name))
		return NULL;
	struct str path = arena_printf(l->a, ZONES "%.*s", STR_ARG(name)), bytes;
	const struct zone *zone = NULL;
	if (!path.ptr || read_file(l, path, ZONE_BYTES_MAX, &bytes) ||
	    zone_read(l->a, bytes, &zone))
		return NULL;
	return zone;
}

struct query_check {
	struct loader *l;
	const struct conf_document *document;
};

/* An expression that cannot be parsed, at its place. */
static enum err check_query(void *context, struct str path, struct str query)
{
	const struct query_check *c = context;
	struct loader *l = c->l;
	const struct conf_document *d = c->document;
	struct str why;
	enum err err = rules_query_check(l->a, query, &why);
	if (err != ERR_INPUT)
		return err;
	struct str full = arena_printf(
	    l->a, "%.*s %.*s: %.*s", STR_ARG(d->kind), STR_ARG(d->name), STR_ARG(path));
	struct conf_fault f = { .file = d->file, .path = full, .message = why };
	ignore_err(
	    conf_document_place(d, 1, full, &f.file, &f.line, &f.column), "then without a line");
	conf_faults_add(&l->faults, &f);
	return OK;
}

static enum err check_queries(struct loader *l, const struct conf_document *d)
{
	struct query_check c = { l, d };
	return conf_document_queries(l->a, d, check_query, &c);
}

static struct str own_host(struct loader *l)
{
	if (!str_empty(l->to->install.host))
		return l->to->install.host;
	char name[HOST_NAME_MAX + 1] = "localhost";
	if (gethostname(name, sizeof name - 1))
		return STR("localhost");
	return arena_str(l->a, str_c(name));
}

static struct str own_base_url(struct loader *l)
{
	const struct conf_install *in = &l->to->install;
	if (!str_empty(in->base_url))
		return in->base_url;
	const char *scheme = str_empty(in->tls_cert.path) ? "http" : "https";
	struct str listen = in->listen_http;
	/* "every address" is none that a link can name */
	static const struct str any[] = { STR_INIT("0.0.0.0:"), STR_INIT("[::]:"), STR_INIT("*:") };
	for (size_t i = 0; i < ARRAY_COUNT(any); i++)
		if (str_starts(listen, any[i]))
			return arena_printf(l->a, "%s://%.*s:%.*s", scheme, STR_ARG(l->to->host),
			    STR_ARG(str_from(listen, any[i].len)));
	return arena_printf(l->a, "%s://%.*s", scheme, STR_ARG(listen));
}

static enum err load_install(struct loader *l, const char *path)
{
	struct str text = none;
	enum err err = read_file(l, str_c(path), FILE_BYTES_MAX, &text);
	if (err) {
		fault_at(l, path, (struct conf_path){ none, 0, 0 },
		    STR("name the configuration with --config FILE"), str_c(why(err)));
		return ERR_INPUT;
	}
	struct loaded *to = l->to;
	err = conf_install_read(l->a, str_c(path), text, &to->install, &l->faults);
	if (err)
		return err;
	to->data_dir = absolute(l, to->install.data_dir.path);
	to->tls_cert_pem = read_secret(l, path, to->install.tls_cert, CA_BYTES_MAX);
	to->tls_key_pem = read_secret(l, path, to->install.tls_key, CA_BYTES_MAX);
	to->host = own_host(l);
	to->base_url = own_base_url(l);
	to->install.base_url = to->base_url;
	return conf_install_view(l->a, &to->install, &to->view);
}

enum err load_all(struct loader *l, const char *path)
{
	assert(l->os && l->a && l->to);
	struct str whole = str_c(path);
	size_t cut = whole.len;
	while (cut > 0 && path[cut - 1] != '/')
		cut--;
	l->folder = str_first(whole, cut);
	l->faults = conf_faults_make(l->a);
	enum err err = load_install(l, path);
	if (err)
		return err;
	struct documents all = { 0 };
	err = load_tokens(l, path);
	if (!err)
		err = load_providers(l, path);
	if (!err)
		err = load_resources(l, path, &all);
	const struct directory *directory;
	/* What is not there because its file is wrong would be missed once more by each who names
	 * it. */
	if (!err && !l->faults.count)
		err = conf_compile(l->a, all.items, all.count, &l->to->view, 0, find_zone, l,
		    &directory, &l->faults);
	for (size_t i = 0; (!err || err == ERR_INPUT) && i < all.count; i++) {
		enum err query = check_queries(l, &all.items[i]);
		err = query ? query : err;
	}
	l->to->documents = all.items;
	l->to->document_count = all.count;
	if (!err && arena_err(l->a))
		err = arena_err(l->a);
	return !err && l->faults.count ? ERR_INPUT : err;
}

static enum err make_key(struct loader *l, struct str path, struct str *ret)
{
	unsigned char key[LINK_KEY_BYTES];
	if (l->os->random(l->os, key, sizeof key))
		return ERR_IO;
	struct str bytes = str_make((const char *)key, sizeof key);
	enum err err = os_replace_file(l->os, path.ptr, bytes, 0600);
	if (!err) {
		*ret = arena_str(l->a, bytes);
		err = ret->ptr ? OK : arena_err(l->a);
	}
	return err;
}

enum err load_link_key(struct loader *l, const char *path)
{
	struct conf_path at = l->to->install.data_dir;
	struct str folder = arena_printf(l->a, "%.*s/secret", STR_ARG(l->to->data_dir));
	struct str file = arena_printf(l->a, "%.*s/secret/link.key", STR_ARG(l->to->data_dir));
	if (!folder.ptr || !file.ptr)
		return arena_err(l->a);
	struct str dir = arena_str(l->a, l->to->data_dir);
	if (os_make_dir(l->os, dir.ptr, 0750) || os_make_dir(l->os, folder.ptr, 0700)) {
		int error = errno;
		fault_at(l, path, at, STR("make it, or change data_dir"),
		    arena_printf(l->a, "%.*s: the folder cannot be made: %s", STR_ARG(folder),
		        strerror(error)));
		return ERR_INPUT;
	}
	struct str key = none;
	enum err err = read_file(l, file, LINK_KEY_BYTES, &key);
	if (err == ERR_GONE)
		err = make_key(l, file, &key);
	if (err || key.len != LINK_KEY_BYTES) {
		int error = errno;
		bool wrong = !err || err == ERR_LIMIT;
		fault_at(l, path, at,
		    wrong
		        ? STR("remove it: a new one is made, and links in older pages stop working")
		        : none,
		    arena_printf(l->a, "%.*s: %s", STR_ARG(file),
		        wrong ? "it does not hold 32 bytes" : strerror(error)));
		return ERR_INPUT;
	}
	struct buf b = buf_make(&mem_system, 128);
	enc_hex(&b, key);
	l->to->link_key = arena_str(l->a, buf_str(&b));
	buf_free(&b);
	return l->to->link_key.ptr ? OK : arena_err(l->a);
}
