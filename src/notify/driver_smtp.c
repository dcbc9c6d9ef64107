/* SPDX-License-Identifier: Apache-2.0
 *
 * Mail: one message of two alternatives, text and HTML. Message-ID is made of the idempotency key
 * and the attempt, so a mail that arrives twice can be told from a second attempt; References
 * gathers all mails of one incident into one thread.
 */
#include "notify/driver_priv.h"
#include "notify/mime.h"

#define MAIL_BYTES_MAX (512u * 1024)

static void header_number(struct buf *b, struct str name, uint64_t value)
{
	buf_add(b, name);
	buf_add(b, STR(": "));
	buf_add_u64(b, value);
	buf_add(b, STR("\r\n"));
}

static void add_head(struct buf *b, const struct delivery_order *o)
{
	const struct page *page = o->page;
	struct str domain = str_from(o->provider->from, str_find(o->provider->from, '@') + 1);
	struct str shown = o->provider->from_name.len > 0 ? o->provider->from_name : STR("Quis");
	mime_date(b, STR("Date"), o->now);
	mime_address(b, STR("From"), shown, o->provider->from);
	mime_address(b, STR("To"), page->user_full_name, page->address);
	mime_header(b, STR("Subject"), o->notice->subject);
	buf_printf(b, "Message-ID: <%.*s.%u@%.*s>\r\n", STR_ARG(page->message), page->attempt,
	    STR_ARG(domain));
	if (page->incident.len > 0) {
		buf_printf(b, "References: <incident.%.*s@%.*s>\r\n", STR_ARG(page->incident),
		    STR_ARG(domain));
		mime_header(b, STR("X-Quis-Incident"), page->incident);
		header_number(b, STR("X-Quis-Incident-Number"), page->incident_number);
		mime_header(b, STR("X-Quis-Status"), page->status);
		mime_header(b, STR("X-Quis-Service"), page->service);
		mime_header(b, STR("X-Quis-Severity"), severity_name[page->severity]);
	}
	mime_header(b, STR("X-Quis-Message"), page->message);
	header_number(b, STR("X-Quis-Attempt"), page->attempt);
	mime_header(b, STR("X-Quis-Purpose"), message_purpose_name[page->purpose]);
	if (page->maybe_duplicate)
		buf_add(b, STR("X-Quis-Possible-Duplicate: yes\r\n"));
	buf_add(b, STR("Auto-Submitted: auto-generated\r\n"));
	if (page->urgency == URGENCY_HIGH && page->purpose == PURPOSE_INCIDENT)
		buf_add(b, STR("Importance: high\r\nX-Priority: 1\r\n"));
	buf_add(b, STR("MIME-Version: 1.0\r\n"));
}

static void add_part(struct buf *b, struct str boundary, const char *type, struct str text)
{
	buf_printf(b, "--%.*s\r\nContent-Type: %s; charset=utf-8\r\n", STR_ARG(boundary), type);
	buf_add(b, STR("Content-Transfer-Encoding: quoted-printable\r\n\r\n"));
	mime_quoted_printable(b, text);
	buf_add(b, STR("\r\n"));
}

static bool is_id(struct str s)
{
	struct id id;
	return id_parse(s, &id) == OK;
}

static enum err smtp_build(
    struct arena *a, const struct delivery_order *o, struct delivery *ret, struct str *ret_why)
{
	if (!address_is_mail(o->page->address)) {
		*ret_why =
		    STR("the contact's address is not a mail address such as ana@example.com");
		return ERR_INPUT;
	}
	if (!is_id(o->page->message) || (o->page->incident.len > 0 && !is_id(o->page->incident))) {
		*ret_why = STR("the page's ids are not ids");
		return ERR_INPUT;
	}
	own(buf_free) struct buf mail = buf_make(&mem_system, MAIL_BYTES_MAX);
	own(buf_free) struct buf text = buf_make(&mem_system, MAIL_BYTES_MAX);
	own(buf_free) struct buf html = buf_make(&mem_system, MAIL_BYTES_MAX);
	/* "=_" cannot stand in quoted-printable, so no text can hold the boundary */
	struct str boundary =
	    arena_printf(a, "=_quis_%.*s_%u", STR_ARG(o->page->message), o->page->attempt);
	notice_text(&text, o->notice);
	notice_html(&html, o->notice);
	add_head(&mail, o);
	buf_printf(&mail, "Content-Type: multipart/alternative;\r\n boundary=\"%.*s\"\r\n\r\n",
	    STR_ARG(boundary));
	add_part(&mail, boundary, "text/plain", buf_str(&text));
	add_part(&mail, boundary, "text/html", buf_str(&html));
	buf_printf(&mail, "--%.*s--\r\n", STR_ARG(boundary));
	if (mail.err != OK || text.err != OK || html.err != OK)
		return mail.err != OK ? mail.err : text.err != OK ? text.err : html.err;
	*ret = (struct delivery){
		.kind = DELIVERY_FETCH,
		.request = {
			.kind = FETCH_MAIL,
			.url = o->provider->url,
			.mail_from = o->provider->from,
			.mail_to = o->page->address,
			.username = o->provider->username,
			.password = o->provider->password,
			.tls = o->provider->tls,
			.ca_pem = o->provider->ca_pem,
			.body = arena_str(a, buf_str(&mail)),
			.timeout = o->provider->timeout,
			.answer_bytes_max = 1024,
		},
	};
	return arena_err(a);
}

static void smtp_judge(struct arena *a, const struct notify_provider *p, struct str url,
    const struct fetch_result *r, struct judgement *ret)
{
	struct str host = url_host(url);
	*ret =
	    (struct judgement){ .verdict = VERDICT_RETRY, .error = STR(""), .reference = STR("") };
	if (r->end != FETCH_ANSWERED) {
		if (r->end == FETCH_WRONG)
			ret->verdict = VERDICT_FINAL;
		else if (r->whole)
			ret->verdict = VERDICT_UNKNOWN;
		ret->error = no_answer_text(a, p, host, r);
		return;
	}
	struct str answer = without_secrets(a, p, r->answer);
	if (r->status / 100 == 2) {
		ret->verdict = VERDICT_ACCEPTED;
		ret->reference = answer;
		return;
	}
	/* 421 and all of 4xx: not now. 530, 534, 535, 538 speak of us and not of the message. */
	bool is_about_us =
	    r->status == 530 || r->status == 534 || r->status == 535 || r->status == 538;
	if (r->status >= 500 && !is_about_us)
		ret->verdict = VERDICT_FINAL;
	ret->error = arena_printf(a, "%.*s answered: %.*s", STR_ARG(host), STR_ARG(answer));
}

const struct driver driver_smtp = {
	.type = PROVIDER_SMTP,
	.contact = CONTACT_EMAIL,
	.build = smtp_build,
	.judge = smtp_judge,
};
