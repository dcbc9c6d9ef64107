/* SPDX-License-Identifier: Apache-2.0 */
#include "notify/notice.h"
#include "base/enc.h"
#include "base/json.h"
#include "notify/provider.h"
#include <assert.h>

#define LINK_LIFE SPAN_S(7 * 24 * 3600)
#define FACTS_MAX 12u
#define DETAILS_MAX 60u
#define LINKS_MAX 8u
#define NAME_BYTES_MAX 120u
#define VALUE_BYTES_MAX 500u
#define TITLE_BYTES_MAX 1024u
#define SUBJECT_TITLE_BYTES_MAX 180u
#define DEPTH_MAX 8u

/* The notice being made. */
struct making {
	struct arena *a;
	const struct page *page;
	struct notice_fact *facts;
	size_t fact_count;
	struct notice_fact *details;
	size_t detail_count, left_out;
	struct notice_link *links;
	size_t link_count;
	struct str query;     /* what to draw, if the source said so */
	struct str rule;      /* the rule of ours that fired */
	struct str generator; /* or the source's own graph */
};

/* ---- texts ---- */

/* The bytes of a character at the front of valid UTF-8 that is not for a page: C1 controls (a
 * terminal takes U+009B for an escape), line ends of Unicode, and what turns the direction of the
 * text around it. 0: it is. */
static size_t unfit(struct str s)
{
	unsigned char c[3] = { 0 };
	memcpy(c, s.ptr, s.len < 3 ? s.len : 3);
	if (c[0] == 0xc2 && c[1] < 0xa0)
		return 2;
	bool general = c[0] == 0xe2 && c[1] == 0x80 && c[2] >= 0xa8 && c[2] <= 0xae;
	bool isolate = c[0] == 0xe2 && c[1] == 0x81 && c[2] >= 0xa6 && c[2] <= 0xa9;
	return general || isolate ? 3 : 0;
}

/* A copy that is valid UTF-8 without control characters, cut at limit; line ends stay when lines is
 * true. */
static struct str clean(struct arena *a, struct str s, size_t limit, bool lines)
{
	bool cut = s.len > limit;
	s = str_utf8_valid(s) ? str_utf8_first(s, limit) : str_first(s, limit);
	bool valid = str_utf8_valid(s);
	char *out = arena_alloc(a, s.len + 4, 1);
	size_t n = 0;
	if (!out)
		return STR("");
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];
		if (c == '\r' && i + 1 < s.len && s.ptr[i + 1] == '\n')
			continue;
		size_t skip = valid && c >= 0xc2 ? unfit(str_from(s, i)) : 0;
		if (skip > 0) {
			out[n++] = ' ';
			i += skip - 1;
		} else if (c == '\n' && lines)
			out[n++] = '\n';
		else if (c < 0x20 || c == 0x7f)
			out[n++] = ' ';
		else
			out[n++] = c >= 0x80 && !valid ? '?' : (char)c;
	}
	if (cut) {
		memcpy(out + n, "\xe2\x80\xa6", 3); /* an ellipsis */
		n += 3;
	}
	return str_make(out, n);
}

static struct str upper(struct arena *a, struct str s)
{
	struct str copy = clean(a, s, 32, false);
	char *out = (char *)(uintptr_t)copy.ptr; /* ours: just made */
	for (size_t i = 0; i < copy.len; i++)
		if (out[i] >= 'a' && out[i] <= 'z')
			out[i] = (char)(out[i] - 'a' + 'A');
	return copy;
}

void notice_time(struct buf *b, struct wall t)
{
	int64_t s = t.ns / NS_PER_S - (t.ns % NS_PER_S < 0);
	struct civil c = civil_from_s(s);
	buf_printf(b, "%04d-%02d-%02d %02d:%02d:%02d UTC", c.year, c.month, c.day, c.hour, c.minute,
	    c.second);
}

static void fact(struct making *m, struct str name, struct str value)
{
	if (value.len == 0)
		return;
	assert(m->fact_count < FACTS_MAX);
	m->facts[m->fact_count++] = (struct notice_fact){ name, value };
}

static void text_fact(struct making *m, struct str name, struct str value)
{
	fact(m, name, clean(m->a, value, VALUE_BYTES_MAX, false));
}

/* ---- details ---- */

static void link_add(struct making *m, struct str text, struct str url)
{
	if (!address_is_web(url) || m->link_count >= LINKS_MAX)
		return;
	struct str label = clean(m->a, text.len > 0 ? text : url, NAME_BYTES_MAX, false);
	m->links[m->link_count++] = (struct notice_link){ label, arena_str(m->a, url) };
}

/* links: [{href, text}], images: [{src, href, alt}] */
static void links_of(struct making *m, const struct json *array)
{
	for (const struct json *j = json_is(array, JSON_ARRAY) ? array->child : NULL; j;
	     j = j->next) {
		struct str text = json_get_str(j, STR("text")), href = json_get_str(j, STR("href"));
		if (text.len == 0)
			text = json_get_str(j, STR("alt"));
		link_add(m, text, href.len > 0 ? href : json_get_str(j, STR("src")));
	}
}

static void detail_add(struct making *m, struct str name, struct str value)
{
	if (m->detail_count >= DETAILS_MAX) {
		m->left_out++;
		return;
	}
	m->details[m->detail_count++] = (struct notice_fact){
		name.len > 0 ? clean(m->a, name, NAME_BYTES_MAX, false) : STR("details"),
		clean(m->a, value, VALUE_BYTES_MAX, true),
	};
}

/* Names that say nothing new at the top: keys to sign in with (never shown), and what the facts say
 * already. */
static bool is_told_elsewhere(const struct making *m, struct str path, const struct json *j)
{
	static const struct str hidden[] = { STR_INIT("routing_key"), STR_INIT("service_key"),
		STR_INIT("event_action"), STR_INIT("event_type"), STR_INIT("links"),
		STR_INIT("images"), STR_INIT("client_url") };
	for (size_t i = 0; i < ARRAY_COUNT(hidden); i++)
		if (str_eq(path, hidden[i]))
			return true;
	if (j->type != JSON_STRING)
		return false;
	return (str_eq(path, STR("summary")) && str_eq(j->text, m->page->title)) ||
	       (str_eq(path, STR("description")) && str_eq(j->text, m->page->title)) ||
	       (str_eq(path, STR("source")) && str_eq(j->text, m->page->source)) ||
	       (str_eq(path, STR("client")) && str_eq(j->text, m->page->client)) ||
	       (str_eq(path, STR("severity")) && str_eq(j->text, severity_name[m->page->severity]));
}

/* Members whose name adds nothing to a path. */
static bool is_wrapper(struct str name)
{
	return str_eq(name, STR("payload")) || str_eq(name, STR("custom_details")) ||
	       str_eq(name, STR("details"));
}

static void flatten(struct making *m, struct str path, const struct json *j, unsigned depth)
{
	if (is_told_elsewhere(m, path, j))
		return;
	if ((j->type == JSON_OBJECT || j->type == JSON_ARRAY) && depth < DEPTH_MAX &&
	    arena_err(m->a) == OK) {
		size_t i = 0;
		for (const struct json *c = j->child; c; c = c->next, i++) {
			struct str p;
			if (m->detail_count >= DETAILS_MAX) {
				m->left_out++;
				continue;
			}
			if (j->type == JSON_ARRAY)
				p = arena_printf(m->a, "%.*s[%zu]", STR_ARG(path), i);
			else if (path.len == 0 || depth == 0)
				p = is_wrapper(c->name) ? STR("") : c->name;
			else
				p = arena_printf(
				    m->a, "%.*s.%.*s", STR_ARG(path), STR_ARG(c->name));
			flatten(m, str_first(p, 1000), c, depth + 1);
		}
		return;
	}
	if (j->type == JSON_NULL || (j->type == JSON_STRING && j->text.len == 0))
		return;
	detail_add(m, path, j->type == JSON_STRING ? j->text : j->raw);
}

static void read_details(struct making *m)
{
	const struct json *root;
	if (m->page->details.len == 0)
		return;
	/* what is no JSON could hold a key in it that cannot be told apart: it is left to the
	 * incident's page */
	if (json_read(m->a, m->page->details, JSON_DEPTH_MAX, &root, NULL) != OK ||
	    root->type != JSON_OBJECT)
		return;
	links_of(m, json_get(root, STR("links")));
	links_of(m, json_get(root, STR("images")));
	link_add(m, m->page->client, json_get_str(root, STR("client_url")));
	const struct json *payload = json_get(root, STR("payload"));
	const struct json *custom = json_get(payload ? payload : root, STR("custom_details"));
	const struct json *where[] = { root, payload, custom };
	for (size_t i = 0; i < ARRAY_COUNT(where); i++) {
		if (m->query.len == 0)
			m->query = json_get_str(where[i], STR("query"));
		if (m->generator.len == 0)
			m->generator = json_get_str(where[i], STR("generatorURL"));
	}
	m->rule = json_get_str(root, STR("rule"));
	flatten(m, STR(""), root, 0);
}

/* ---- links of ours ---- */

static struct str our_link(struct making *m, const struct link_key *key, enum link_action action)
{
	struct link_claim claim = { .action = action, .expires = wall_add(m->page->at, LINK_LIFE) };
	if (!key || m->page->base_url.len == 0 ||
	    id_parse(m->page->message, &claim.message) != OK || m->page->at.ns < 0)
		return STR("");
	own(buf_free) struct buf token = buf_make(&mem_system, LINK_TOKEN_BYTES_MAX);
	link_make(&token, key, &claim);
	if (token.err != OK)
		return STR("");
	return arena_printf(
	    m->a, "%.*s/link/%.*s", STR_ARG(m->page->base_url), STR_ARG(buf_str(&token)));
}

/* BASE + path + value, percent-encoded; empty when there is no base or it gets too long for a mail
 * client. */
static struct str ui_link(struct making *m, const char *path, struct str value)
{
	own(buf_free) struct buf q = buf_make(&mem_system, 4096);
	enc_percent(&q, value);
	if (q.err != OK || m->page->base_url.len == 0)
		return STR("");
	return arena_printf(
	    m->a, "%.*s%s%.*s", STR_ARG(m->page->base_url), path, STR_ARG(buf_str(&q)));
}

/* The metric as the source named it, or the rule's metric with its band, or the source's own
 * graph. */
static struct str graph_link(struct making *m)
{
	struct str link = STR("");
	if (m->query.len > 0)
		link = ui_link(m, "/ui/explore?q=", m->query);
	if (link.len == 0 && m->rule.len > 0)
		link = ui_link(m, "/ui/explore?rule=", m->rule);
	if (link.len == 0 && address_is_web(m->generator))
		link = arena_str(m->a, m->generator);
	return link;
}

/* ---- the whole ---- */

static void add_facts(struct making *m)
{
	const struct page *p = m->page;
	text_fact(m, STR("Service"), p->service);
	fact(m, STR("Severity"),
	    arena_printf(m->a, "%.*s (urgency %.*s)", STR_ARG(severity_name[p->severity]),
	        STR_ARG(urgency_name[p->urgency])));
	text_fact(m, STR("Status"), p->status);
	if (p->created_at.ns > 0) {
		own(buf_free) struct buf t = buf_make(&mem_system, 64);
		notice_time(&t, p->created_at);
		fact(m, STR("Since"), arena_str(m->a, buf_str(&t)));
	}
	if (p->alerts_open > 1)
		fact(m, STR("Alerts"), arena_printf(m->a, "%u open", p->alerts_open));
	text_fact(m, STR("Source"), p->source);
	text_fact(m, STR("Client"), p->client);
	if (p->incident_number > 0)
		fact(m, STR("Incident"),
		    arena_printf(m->a, "#%llu", (unsigned long long)p->incident_number));
}

static void add_words(struct making *m, struct notice *n)
{
	const struct page *p = m->page;
	struct str service = clean(m->a, p->service, 80, false);
	struct str who =
	    clean(m->a, p->user_full_name.len > 0 ? p->user_full_name : p->user, 80, false);
	if (who.len == 0)
		who = STR("the fallback contact");
	n->title = clean(m->a, p->title, TITLE_BYTES_MAX, false);
	struct str short_title = clean(m->a, p->title, SUBJECT_TITLE_BYTES_MAX, false);
	struct str mark = p->maybe_duplicate ? STR("(possible duplicate) ") : STR("");
	if (p->purpose == PURPOSE_TEST) {
		n->state = STR("TEST");
		if (n->title.len == 0)
			n->title = arena_printf(m->a, "A test page for %.*s", STR_ARG(who));
		n->subject = arena_printf(
		    m->a, "[Quis] %.*sTEST: page for %.*s", STR_ARG(mark), STR_ARG(who));
	} else {
		n->state =
		    p->purpose == PURPOSE_RESOLVED ? STR("RESOLVED") : upper(m->a, p->status);
		n->subject = arena_printf(m->a, "[Quis #%llu] %.*s%.*s %.*s: %.*s",
		    (unsigned long long)p->incident_number, STR_ARG(mark), STR_ARG(n->state),
		    STR_ARG(service), STR_ARG(short_title));
	}
	n->duplicate = p->maybe_duplicate ? STR("This may be a duplicate: it is not known whether "
	                                        "an earlier attempt arrived.")
	                                  : STR("");
	n->footer = arena_printf(m->a, "Quis paged %.*s. Message %.*s, attempt %u.", STR_ARG(who),
	    STR_ARG(clean(m->a, p->message, 32, false)), p->attempt);
}

enum err notice_make(
    struct arena *a, const struct page *page, const struct link_key *link_key, struct notice *ret)
{
	struct making m = { .a = a, .page = page };
	struct notice n = { 0 };
	m.facts = arena_new(a, struct notice_fact, FACTS_MAX);
	m.details = arena_new(a, struct notice_fact, DETAILS_MAX);
	m.links = arena_new(a, struct notice_link, LINKS_MAX);
	if (arena_err(a) != OK)
		return arena_err(a);
	add_facts(&m);
	read_details(&m);
	add_words(&m, &n);
	n.facts = m.facts;
	n.fact_count = m.fact_count;
	n.details = m.details;
	n.detail_count = m.detail_count;
	n.details_left_out = m.left_out;
	n.links = m.links;
	n.link_count = m.link_count;
	n.incident_url = n.graph_url = n.acknowledge_url = n.resolve_url = STR("");
	if (page->incident.len > 0 && page->base_url.len > 0)
		n.incident_url = arena_printf(
		    a, "%.*s/ui/incidents/%.*s", STR_ARG(page->base_url), STR_ARG(page->incident));
	n.graph_url = graph_link(&m);
	if (page->purpose == PURPOSE_INCIDENT) {
		n.acknowledge_url = our_link(&m, link_key, LINK_ACKNOWLEDGE);
		n.resolve_url = our_link(&m, link_key, LINK_RESOLVE);
	}
	if (arena_err(a) != OK)
		return arena_err(a);
	*ret = n;
	return OK;
}

/* ---- plain text ---- */

static void text_line(struct buf *b, struct str name, struct str value, size_t width)
{
	if (value.len == 0)
		return;
	buf_add(b, name);
	buf_add_char(b, ':');
	for (size_t i = name.len; i < width; i++)
		buf_add_char(b, ' ');
	buf_add_char(b, ' ');
	buf_add(b, value);
	buf_add_char(b, '\n');
}

/* A value of several lines stands indented below its name. */
static void text_detail(struct buf *b, const struct notice_fact *d)
{
	buf_printf(b, "  %.*s: ", STR_ARG(d->name));
	if (str_find(d->value, '\n') == d->value.len) {
		buf_add(b, d->value);
		buf_add_char(b, '\n');
		return;
	}
	buf_add_char(b, '\n');
	for (struct str rest = d->value; rest.ptr && rest.len > 0;) {
		buf_add(b, STR("    "));
		buf_add(b, str_cut(&rest, '\n'));
		buf_add_char(b, '\n');
	}
}

void notice_text(struct buf *b, const struct notice *n)
{
	buf_printf(b, "%.*s: %.*s\n\n", STR_ARG(n->state), STR_ARG(n->title));
	if (n->duplicate.len > 0)
		buf_printf(b, "%.*s\n\n", STR_ARG(n->duplicate));
	for (size_t i = 0; i < n->fact_count; i++)
		text_line(b, n->facts[i].name, n->facts[i].value, 8);
	buf_add_char(b, '\n');
	text_line(b, STR("Acknowledge"), n->acknowledge_url, 11);
	text_line(b, STR("Resolve"), n->resolve_url, 11);
	text_line(b, STR("Incident"), n->incident_url, 11);
	text_line(b, STR("Graph"), n->graph_url, 11);
	for (size_t i = 0; i < n->link_count; i++)
		buf_printf(b, "%.*s: %.*s\n", STR_ARG(n->links[i].text), STR_ARG(n->links[i].url));
	if (n->detail_count > 0)
		buf_add(b, STR("\nDetails\n"));
	for (size_t i = 0; i < n->detail_count; i++)
		text_detail(b, &n->details[i]);
	if (n->details_left_out > 0)
		buf_printf(b, "  ... and %zu more on the incident's page\n", n->details_left_out);
	buf_printf(b, "\n-- \n%.*s\n", STR_ARG(n->footer));
}

/* ---- HTML ---- */

static void html_row(struct buf *b, const struct notice_fact *f)
{
	buf_add(b, STR("<tr><td style=\"padding:2px 12px 2px 0;color:#666;vertical-align:top\">"));
	enc_html(b, f->name);
	buf_add(b, STR("</td>\n<td style=\"padding:2px 0;white-space:pre-wrap\">"));
	enc_html(b, f->value);
	buf_add(b, STR("</td></tr>\n"));
}

static void html_link(struct buf *b, struct str text, struct str url)
{
	if (url.len == 0)
		return;
	buf_add(b, STR("<a href=\""));
	enc_html(b, url);
	buf_add(b, STR("\">"));
	enc_html(b, text);
	buf_add(b, STR("</a><br>\n"));
}

static void html_button(struct buf *b, const char *text, struct str url, const char *colour)
{
	if (url.len == 0)
		return;
	buf_add(b, STR("<a href=\""));
	enc_html(b, url);
	buf_printf(b,
	    "\"\n style=\"display:inline-block;padding:10px 18px;margin:0 8px 8px "
	    "0;border-radius:4px;"
	    "background:%s;color:#fff;text-decoration:none;font-weight:bold\">%s</a>\n",
	    colour, text);
}

static const char *state_colour(struct str state)
{
	if (str_eq(state, STR("RESOLVED")))
		return "#2e7d32";
	if (str_eq(state, STR("TEST")))
		return "#455a64";
	return str_eq(state, STR("ACKNOWLEDGED")) ? "#b26a00" : "#b71c1c";
}

void notice_html(struct buf *b, const struct notice *n)
{
	buf_add(
	    b, STR("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n<title>"));
	enc_html(b, n->subject);
	buf_add(b,
	    STR("</title></head>\n<body style=\"font-family:sans-serif;font-size:15px;color:#222;"
	        "max-width:640px;margin:0 auto;padding:12px\">\n"));
	buf_printf(b, "<p style=\"margin:0;color:%s;font-weight:bold\">%.*s</p>\n",
	    state_colour(n->state), STR_ARG(n->state));
	buf_add(b, STR("<h1 style=\"font-size:20px;margin:4px 0 12px\">"));
	enc_html(b, n->title);
	buf_add(b, STR("</h1>\n"));
	if (n->duplicate.len > 0) {
		buf_add(b, STR("<p style=\"background:#fff3cd;padding:8px\">"));
		enc_html(b, n->duplicate);
		buf_add(b, STR("</p>\n"));
	}
	html_button(b, "Acknowledge", n->acknowledge_url, "#b26a00");
	html_button(b, "Resolve", n->resolve_url, "#2e7d32");
	buf_add(b, STR("<table style=\"border-collapse:collapse\">\n"));
	for (size_t i = 0; i < n->fact_count; i++)
		html_row(b, &n->facts[i]);
	buf_add(b, STR("</table>\n<p>"));
	html_link(b, STR("The incident and its timeline"), n->incident_url);
	html_link(b, STR("The graph"), n->graph_url);
	for (size_t i = 0; i < n->link_count; i++)
		html_link(b, n->links[i].text, n->links[i].url);
	buf_add(b, STR("</p>\n"));
	if (n->detail_count > 0) {
		buf_add(b, STR("<h2 style=\"font-size:16px;margin:12px 0 4px\">Details</h2>\n"
		               "<table style=\"border-collapse:collapse;font-size:13px\">\n"));
		for (size_t i = 0; i < n->detail_count; i++)
			html_row(b, &n->details[i]);
		buf_add(b, STR("</table>\n"));
	}
	if (n->details_left_out > 0)
		buf_printf(
		    b, "<p>... and %zu more on the incident's page</p>\n", n->details_left_out);
	buf_add(b, STR("<p style=\"color:#888;font-size:12px;margin-top:16px\">"));
	enc_html(b, n->footer);
	buf_add(b, STR("</p>\n</body></html>\n"));
}
