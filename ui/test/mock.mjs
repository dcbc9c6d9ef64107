// SPDX-License-Identifier: Apache-2.0
//
// A small server that answers as quisd does (ARCHITECTURE.md, "HTTP"), from a world that it makes up: for developing screens and for
// their pictures. It keeps sessions, decides acknowledgements and tells the stream, so the UI's own flows are real; it
// pages nobody. `node test/mock.mjs [PORT]`; sign in as ana, password "correct horse".
import { createServer } from "node:http";
import { readFileSync, existsSync, statSync } from "node:fs";
import { join, dirname, normalize } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const TYPES = { html: "text/html; charset=utf-8", js: "text/javascript; charset=utf-8", css: "text/css; charset=utf-8", svg: "image/svg+xml", txt: "text/plain; charset=utf-8" };
const CSP = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'";
export const PASSWORD = "correct horse";
export const SETUP_TOKEN = "Zm9vYmFyYmF6cXV4";

const MIN = 60_000;
const HOUR = 60 * MIN;
const DAY = 24 * HOUR;
const iso = (t) => new Date(t).toISOString();

/** The same numbers every time. */
function random(seed) {
	let x = seed >>> 0 || 1;
	return () => {
		x ^= x << 13; x >>>= 0;
		x ^= x >>> 17;
		x ^= x << 5; x >>>= 0;
		return x / 2 ** 32;
	};
}

function idOf(n) {
	return `Q${n.toString(32).toUpperCase().padStart(13, "0")}`;
}

const ref = (kind, name, extra = {}) => ({ id: `P${[...kind + name].reduce((h, c) => (h * 31 + c.charCodeAt(0)) >>> 0, 7).toString(36).toUpperCase().slice(0, 6).padStart(6, "0")}`, type: `${kind}_reference`, summary: name, html_url: null, ...extra });
const SERVICES = ["web", "checkout", "database", "mail-relay", "backup", "edge-lisbon"];
const FULL = { ana: "Ana Ferreira", bo: "Bo Lindqvist", chidi: "Chidi Okafor", dana: "Dana Weiss" };
const user = (name) => ref("user", FULL[name] ?? name);

const TITLES = [
	["checkout", "Payment provider answers 5xx for 12 % of requests", "critical"],
	["database", "Replication lag on db-3 is 94 s", "error"],
	["web", "load: 0.72 is above 0.5", "critical"],
	["mail-relay", "Queue holds 4,812 messages", "warning"],
	["backup", "Nightly backup of vault-2 has not reported for 26 h", "error"],
	["edge-lisbon", "No data from edge-lisbon-1: node_cpu_seconds_total fell silent", "critical"],
	["web", "Certificate of www.example.com ends in 6 days", "warning"],
	["database", "Disk of db-1 is 91 % full and will be full in 5 h at this rate, according to predict_linear(node_filesystem_avail_bytes{mountpoint=\"/var/lib/postgresql\"}[6h], 4*3600)", "error"],
];

export function makeWorld({ empty = false, many = 0 } = {}) {
	const now = Date.now();
	const rnd = random(42);
	const w = { incidents: [], logs: new Map(), messages: new Map(), timers: new Map(), alerts: new Map(), tests: [], sessions: new Map(), setupUsed: false, resources: [], seq: 1000, base: now, role: "admin" };
	const log = (i, at, type, agent, via, summary, details = null, note = null) => {
		w.logs.get(i.id).push({ id: idOf(++w.seq), type: `${type}_log_entry`, summary, created_at: iso(at), agent: FULL[agent] ? user(agent) : { id: agent, type: "generic_agent_reference", summary: agent }, channel: { type: via === "ui" ? "website" : "auto", via, ...(details ? { notification: { type: details.type, address: details.address, status: details.state } } : {}) }, details, ...(note !== null ? { note } : {}) });
	};
	const page = (i, at, name, contact, type, address, provider, state, { attempt = 1, duplicate = false, error = "", next = null } = {}) => {
		const m = { id: idOf(++w.seq), purpose: "incident", user: name, contact_type: type, contact, address, provider, state, attempt, maybe_duplicate: duplicate, created_at: iso(at), changed_at: iso(at + 4000), next_at: next ? iso(next) : null, error, reference: "" };
		w.messages.get(i.id).push(m);
		return m;
	};
	const notify = (i, at, m, state, error = "") => log(i, at, "notify", m.provider, "auto", `${m.user}, ${m.contact} (${m.contact_type}): ${state}${error && `: ${error}`}`, { message: m.id, purpose: "incident", state, user: m.user, contact: m.contact, type: m.contact_type, address: m.address, provider: m.provider, attempt: m.attempt, maybe_duplicate: m.maybe_duplicate, ...(error ? { error } : {}) });

	w.addIncident = (title, service, severity, at, status = "triggered", by = "ana", quiet = false) => {
		const n = w.incidents.length + 1;
		const i = {
			id: idOf(4000 + n * 64), type: "incident", summary: `[#${n}] ${title}`, incident_number: n, title, created_at: iso(at), updated_at: iso(at), status, urgency: severity === "warning" ? "low" : "high",
			service: ref("service", service), escalation_policy: ref("escalation_policy", service === "web" ? "web" : "infrastructure"), assignments: [], acknowledgements: [], last_status_change_at: iso(at), last_status_change_by: ref("service", service),
			resolved_at: null, alert_counts: { all: 1, triggered: status === "resolved" ? 0 : 1, resolved: status === "resolved" ? 1 : 0 }, pending_actions: [], quis: { told: true, exhausted: false, nobody_on_call: false, step: 0, loop: 0 },
		};
		w.incidents.push(i);
		w.logs.set(i.id, []);
		w.messages.set(i.id, []);
		w.timers.set(i.id, []);
		const rule = title.startsWith("load:");
		w.alerts.set(i.id, [{
			id: idOf(++w.seq), type: "alert", summary: title, alert_key: rule ? 'rule:load{"instance":"web-1"}' : `${service}/${n}`, status: status === "resolved" ? "resolved" : "triggered", severity, created_at: iso(at), updated_at: iso(at + 30_000), count: rule ? 1 : 3,
			body: {
				type: "alert_body", contexts: rule ? [] : [{ type: "link", href: "https://wiki.example.com/runbooks/payment", text: "Runbook" }],
				details: rule ? { rule: "load", labels: { instance: "web-1" }, value: .72, reason: "above", annotations: {} } : { host: `${service}-1`, region: "eu-west", error_rate: .12, sample: "POST /pay 502 upstream timed out" },
			},
		}]);
		log(i, at, "trigger", rule ? "load" : "alertmanager", rule ? "rule" : "events", `Triggered by ${rule ? "load" : "alertmanager"}: ${title}`);
		if (quiet) return i;
		log(i, at + 40, "assign", "auto", "auto", "Assigned to ana (step 1)");
		const m1 = page(i, at + 60, "ana", "mail", "email", "ana@example.com", "mail", "delivered");
		notify(i, at + 300, m1, "accepted");
		notify(i, at + 4200, m1, "delivered");
		if (status !== "resolved") i.assignments = [{ at: iso(at + 40), assignee: user("ana") }];
		if (status === "acknowledged") {
			i.acknowledgements = [{ at: iso(at + 3 * MIN), acknowledger: user(by) }];
			i.last_status_change_by = user(by);
			log(i, at + 3 * MIN, "acknowledge", by, "link", `Acknowledged by ${by}`);
			w.timers.get(i.id).push({ type: "ack_timeout", due: iso(now + 52 * MIN), user: "", contact: "" });
		}
		if (status === "resolved") {
			i.resolved_at = iso(at + 22 * MIN);
			i.last_status_change_by = user(by);
			log(i, at + 5 * MIN, "acknowledge", by, "ui", `Acknowledged by ${by}`);
			log(i, at + 22 * MIN, "resolve", by, "ui", `Resolved by ${by}`);
		}
		return i;
	};
	if (!empty) {
		for (let k = 40 + many; k > 0; k--) {
			const [s, t, sev] = TITLES[Math.floor(rnd() * TITLES.length)];
			w.addIncident(t, s, sev, now - DAY - k * 5 * HOUR - rnd() * HOUR, "resolved", rnd() < .5 ? "ana" : "bo");
		}
		w.addIncident(TITLES[4][1], "backup", "error", now - 9 * HOUR, "acknowledged", "bo");
		w.addIncident(TITLES[7][1], "database", "error", now - 97 * MIN, "acknowledged", "ana");
		w.addIncident(TITLES[3][1], "mail-relay", "warning", now - 31 * MIN, "triggered");
		// One in the middle of it: a failed attempt, a retry to come, an escalation to come.
		const at = now - 3 * MIN - 20_000;
		const hot = w.addIncident(TITLES[0][1], "checkout", "critical", at, "triggered", "ana", true);
		hot.assignments = [{ at: iso(at + 40), assignee: user("ana") }];
		hot.alert_counts = { all: 2, triggered: 2, resolved: 0 };
		w.alerts.get(hot.id).push({ ...w.alerts.get(hot.id)[0], id: idOf(++w.seq), summary: "Checkout latency p99 is 8.4 s", alert_key: "checkout/latency", created_at: iso(at + 50_000), count: 1, body: { type: "alert_body", contexts: [], details: { p99: 8.4 } } });
		log(hot, at + 40, "assign", "auto", "auto", "Assigned to ana (step 1)");
		const m = page(hot, at + 60, "ana", "mail", "email", "ana@example.com", "mail", "delivered");
		notify(hot, at + 400, m, "accepted");
		notify(hot, at + 5200, m, "delivered");
		const ph = page(hot, at + MIN, "ana", "phone", "ntfy", "https://ntfy.example.com/ana-pages", "push", "sending", { attempt: 2, duplicate: true, error: "connection reset by peer", next: now + 25_000 });
		notify(hot, at + MIN + 900, { ...ph, attempt: 1, maybe_duplicate: false }, "sending", "timed out after 10 s");
		notify(hot, at + 2 * MIN, ph, "sending", "connection reset by peer");
		log(hot, at + 50_000, "trigger", "alertmanager", "events", "Another alert joined by alertmanager: Checkout latency p99 is 8.4 s");
		log(hot, at + 130_000, "annotate", "bo", "ui", "Seeing it too", null, "Seeing it in Lisbon as well. The provider's status page says nothing yet; I am asking them.");
		w.timers.set(hot.id, [{ type: "escalate", due: iso(at + 5 * MIN), user: "", contact: "" }, { type: "notify", due: iso(at + 4 * MIN), user: "ana", contact: "sms" }, { type: "retry", due: iso(now + 25_000), user: "", contact: "" }]);
		w.addIncident(TITLES[2][1], "web", "critical", now - 50_000, "triggered");
	}
	const res = (kind, name, body, manager = "file") => w.resources.push({ kind, name, manager, version: 1200, changed_at: iso(now - 3 * DAY), changed_by: manager === "ui" ? "ana" : "", body: { kind, name, ...body } });
	res("User", "ana", { full_name: "Ana Ferreira", email: "ana@example.com", role: "admin", time_zone: "Europe/Lisbon", contacts: [{ name: "mail", type: "email", address: "ana@example.com" }, { name: "phone", type: "ntfy", address: "https://ntfy.example.com/ana-pages" }, { name: "sms", type: "sms", address: "+351 21 000 00 00" }], notify: { high: [{ after: "0s", contact: "mail" }, { after: "1m", contact: "phone" }, { after: "4m", contact: "sms" }], low: [{ after: "5m", contact: "mail" }] } });
	res("User", "bo", { full_name: "Bo Lindqvist", email: "bo@example.com", role: "responder", time_zone: "Europe/Stockholm", contacts: [{ name: "mail", type: "email", address: "bo@example.com" }] });
	res("User", "chidi", { full_name: "Chidi Okafor", role: "responder", time_zone: "Africa/Lagos", contacts: [] });
	res("User", "dana", { full_name: "Dana Weiss", role: "observer", time_zone: "America/New_York", contacts: [{ name: "console", type: "console" }] }, "apply");
	res("Team", "web", { users: ["ana", "bo"] });
	res("Team", "infrastructure", { users: ["chidi", "dana", "bo"] });
	res("Schedule", "web-primary", { time_zone: "Europe/Lisbon", layers: [{ name: "weekly", start: "2026-01-05T09:00", rotation: "1w", users: ["ana", "bo"] }], overrides: [{ start: iso(now + 2 * DAY), end: iso(now + 3 * DAY), user: "chidi" }] });
	res("Schedule", "office-hours", { time_zone: "America/New_York", layers: [{ start: "2026-01-05T09:00", rotation: "1d", users: ["dana", "chidi"], restrictions: [{ days: ["mon", "tue", "wed", "thu", "fri"], from: "09:00", to: "18:00" }] }] });
	res("EscalationPolicy", "web", { steps: [{ targets: [{ schedule: "web-primary" }], delay: "5m" }, { targets: [{ user: "bo" }], delay: "10m" }], loops: 2 });
	res("EscalationPolicy", "infrastructure", { steps: [{ targets: [{ schedule: "office-hours" }], delay: "15m" }, { targets: [{ user: "chidi" }, { user: "ana" }], delay: "30m" }], loops: 0 });
	SERVICES.forEach((s, k) => res("Service", s, { description: k === 0 ? "The public site" : "", escalation_policy: s === "web" ? "web" : "infrastructure", urgency: "severity", ack_timeout: "1h", auto_resolve: "0s", integrations: [{ name: "alertmanager", type: "events_v2", key: `${k}123456789abcdef0123456789abcdef` }] }));
	res("Alert", "load", { service: "web", severity: "critical", query: "avg(load1)", above: .5, below: .1, for: "1m", no_data: "alert" });
	res("Alert", "request-rate", { service: "web", severity: "error", query: "sum by (code) (rate(http_requests_total[5m]))", above: 400, below: 20, for: "5m", no_data: "alert", interval: "30s" }, "ui");
	res("Alert", "queue", { service: "mail-relay", severity: "warning", query: "mail_queue_messages", above: 4000, for: "10m", no_data: "keep" }, "apply");
	return w;
}

function valueAt(seed, t) {
	// A day's rhythm, some noise, a few bad minutes.
	const day = Math.sin(((t / 86400) * 2 - .5) * Math.PI);
	const x = Math.sin(t * 12.9898 + seed * 78.233) * 43758.5453;
	const noise = x - Math.floor(x);
	const spike = (Math.floor(t / 900) * 7 + seed) % 31 === 0 ? .5 : 0;
	return .3 + .12 * day + .08 * noise + spike;
}

function seriesOf(expr) {
	if (/http_requests_total/.test(expr)) return [[{ code: "200" }, 300], [{ code: "404" }, 60], [{ code: "500" }, 25]];
	if (/mail_queue/.test(expr)) return [[{ __name__: "mail_queue_messages", instance: "mail-1" }, 9000]];
	if (/up\b/.test(expr)) return ["web-1", "web-2", "db-1", "db-3"].map((i) => [{ __name__: "up", instance: i, job: "node" }, 1]);
	if (/load1|avg/.test(expr)) return [[{}, 1]];
	return [];
}

const METRICS = ["http_request_duration_seconds_bucket", "http_requests_total", "load1", "load5", "mail_queue_messages", "node_cpu_seconds_total", "node_filesystem_avail_bytes", "node_memory_MemAvailable_bytes", "process_resident_memory_bytes", "quis_inbox_age_seconds", "quis_pages_total", "up"];

export async function startMock({ port = 0, dist = join(here, "../dist"), world = makeWorld(), signedIn = false } = {}) {
	const streams = new Set();
	const w = world;
	const counts = () => ({ open: w.incidents.filter((i) => i.status !== "resolved").length, triggered: w.incidents.filter((i) => i.status === "triggered").length });
	const tell = () => {
		const c = counts();
		for (const s of streams) s.write(`event: changed\ndata: ${JSON.stringify({ seq: ++w.seq, ...c })}\n\n`);
	};
	const proofs = () => {
		const p = [];
		const add = (kind, subject, state, ago, by, evidence) => p.push({ kind, subject, state, proven_at: ago === null ? null : iso(w.base - ago), by, evidence });
		if (w.incidents.length === 0) {
			add("provider", "mail", "never", null, "", "");
			add("person", "ana/mail", "never", null, "", "");
			return p;
		}
		add("provider", "mail", "proven", 4 * MIN, "receipt", idOf(1201));
		add("provider", "push", w.brokenPush ? "broken" : "proven", 3 * HOUR, "receipt", idOf(1190));
		for (const s of SERVICES) add("route", `${s}/email`, s === "backup" ? "stale" : "proven", s === "backup" ? 40 * DAY : 2 * HOUR, "receipt", idOf(1150));
		add("person", "ana/mail", "proven", 4 * MIN, "acknowledgement", idOf(1201));
		add("person", "ana/phone", w.brokenPush ? "broken" : "proven", 3 * HOUR, "receipt", idOf(1190));
		add("person", "ana/sms", "never", null, "", "");
		add("person", "bo/mail", "proven", 9 * HOUR, "receipt", idOf(1101));
		add("person", "dana/console", "stale", 91 * DAY, "test", idOf(400));
		add("rule", "load", "proven", 50_000, "fired", w.incidents[w.incidents.length - 1].id);
		add("rule", "request-rate", "never", null, "", "");
		add("rule", "queue", "proven", 31 * MIN, "fired", w.incidents[w.incidents.length - 3]?.id ?? "");
		for (const t of w.tests) if (t.state === "delivered") Object.assign(p.find((x) => x.subject === `${t.user}/${t.contact}`) ?? {}, { state: "proven", proven_at: t.changed_at, by: "test", evidence: t.id });
		return p;
	};
	const overview = () => {
		const list = proofs();
		const providers = list.filter((p) => p.kind === "provider");
		const worst = [...providers].sort((a, b) => ["broken", "never", "stale", "proven"].indexOf(a.state) - ["broken", "never", "stale", "proven"].indexOf(b.state))[0];
		const rnd = random(7);
		const minutes = Array.from({ length: 60 }, (_, k) => Math.floor(Date.now() / MIN) * MIN - (59 - k) * MIN);
		const quiet = w.incidents.length === 0;
		const c = counts();
		return {
			now: iso(Date.now()), paging: { state: worst.state, subject: worst.subject, proven_at: worst.proven_at, by: worst.by, evidence: worst.evidence },
			routes: list.filter((p) => p.kind !== "rule" && p.kind !== "person"), incidents: { ...c, acknowledged: c.open - c.triggered },
			oncalls: [{ schedule: "office-hours", user: null, until: iso(w.base + 15 * HOUR), next_user: "dana" }, { schedule: "web-primary", user: "ana", until: iso(w.base + 20 * HOUR), next_user: "bo" }],
			rates: { events_per_minute: minutes.map((t, k) => ({ at: iso(t), value: quiet ? 0 : Math.floor(rnd() * 9) + (k > 54 ? 14 : 0) })), pages_per_minute: minutes.map((t, k) => ({ at: iso(t), value: quiet ? 0 : k === 28 || k === 29 ? 1 : k > 55 ? 2 : 0 })) },
			roles: ["telemetry", "engine", "auditor", "notifier", "prober", "web", "web2"].map((role, k) => ({ role, state: w.sickRole === role ? "backoff" : "running", ok: w.sickRole !== role, verdict: w.sickRole === role ? "ended by signal 9; starts again in 8 s" : "", restarts: w.sickRole === role ? 3 : 0, beat_age_ms: 120 + k * 70 })),
		};
	};
	const schedule = (name, since, until) => {
		const entries = [];
		const over = [];
		const from = Date.parse(since);
		const to = Date.parse(until);
		if (name === "web-primary") {
			const anchor = Date.parse("2026-01-05T09:00:00Z");
			const o = [w.base + 2 * DAY, w.base + 3 * DAY];
			for (let t = anchor + Math.floor((from - anchor) / (7 * DAY)) * 7 * DAY; t < to; t += 7 * DAY) {
				const who = Math.round((t - anchor) / (7 * DAY)) % 2 === 0 ? "ana" : "bo";
				for (const [a, b, u] of [[t, Math.min(t + 7 * DAY, Math.max(t, o[0])), who], [Math.max(t, o[0]), Math.min(t + 7 * DAY, o[1]), "chidi"], [Math.max(t, Math.min(o[1], t + 7 * DAY)), t + 7 * DAY, who]]) {
					const x = Math.max(a, from);
					const y = Math.min(b, to);
					if (y > x && (u !== "chidi" || a >= o[0])) entries.push({ start: iso(x), end: iso(y), user: user(u) });
				}
			}
			if (o[0] < to && o[1] > from) over.push({ start: iso(Math.max(o[0], from)), end: iso(Math.min(o[1], to)), user: user("chidi") });
		} else {
			for (let d = Math.floor(from / DAY) * DAY; d < to; d += DAY) {
				const dow = new Date(d).getUTCDay();
				if (dow === 0 || dow === 6) continue;
				const a = Math.max(from, d + 14 * HOUR);
				const b = Math.min(to, d + 23 * HOUR);
				if (b > a) entries.push({ start: iso(a), end: iso(b), user: user(Math.floor(d / DAY) % 2 ? "dana" : "chidi") });
			}
		}
		const r = w.resources.find((x) => x.kind === "Schedule" && x.name === name);
		return { ...ref("schedule", name), name, time_zone: r.body.time_zone, final_schedule: { name: "Final Schedule", rendered_schedule_entries: entries }, overrides_subschedule: { name: "Overrides", rendered_schedule_entries: over } };
	};
	const act = (i, status, who) => {
		const at = Date.now();
		const add = (type, summary) => w.logs.get(i.id).push({ id: idOf(++w.seq), type: `${type}_log_entry`, summary, created_at: iso(at), agent: user(who), channel: { type: "website", via: "ui" }, details: null });
		if (status === "acknowledged" && i.status === "triggered") {
			i.acknowledgements = [{ at: iso(at), acknowledger: user(who) }];
			add("acknowledge", `Acknowledged by ${who}`);
		} else if (status === "resolved" && i.status !== "resolved") {
			i.resolved_at = iso(at);
			i.assignments = [];
			add("resolve", `Resolved by ${who}`);
			for (const a of w.alerts.get(i.id)) a.status = "resolved";
		} else return;
		i.status = status;
		i.last_status_change_by = user(who);
		w.timers.set(i.id, status === "acknowledged" ? [{ type: "ack_timeout", due: iso(at + HOUR), user: "", contact: "" }] : []);
		for (const m of w.messages.get(i.id)) if (m.state === "sending" || m.state === "intended") Object.assign(m, { state: "superseded", next_at: null });
	};

	const server = createServer(async (req, res) => {
		const url = new URL(req.url, "http://mock");
		const path = url.pathname;
		const q = url.searchParams;
		const json = (status, body, headers = {}) => {
			res.writeHead(status, { "Content-Type": "application/json", "Cache-Control": "no-store", ...headers });
			res.end(JSON.stringify(body));
		};
		const refuse = (status, message, ...errors) => json(status, { error: { message, code: 2001, errors } });
		let body = "";
		for await (const chunk of req) body += chunk;
		const data = () => JSON.parse(body || "{}");
		try {
			if (path === "/" || path === "/ui") return res.writeHead(302, { Location: "/ui/" }).end();
			if (path.startsWith("/ui/")) {
				const name = normalize(path.slice(4)).replace(/^(\.\.\/)+/, "");
				const file = join(dist, name);
				const found = name !== "" && name !== "." && existsSync(file) && statSync(file).isFile() ? file : /\.[a-z0-9]+$/.test(name) ? null : join(dist, "index.html");
				if (!found) return res.writeHead(404).end();
				res.writeHead(200, { "Content-Type": TYPES[found.split(".").pop()] ?? "application/octet-stream", "Content-Security-Policy": CSP, "Cache-Control": name.startsWith("assets/") ? "public, max-age=31536000, immutable" : "no-cache" });
				return res.end(readFileSync(found));
			}
			const token = /quis_session=([^;]+)/.exec(req.headers.cookie ?? "")?.[1];
			const who = w.sessions.get(token) ?? (signedIn ? "ana" : undefined);
			if (path === "/api/quis/v1/session" && req.method === "POST") {
				const { user: u, password } = data();
				if (password !== PASSWORD || !FULL[u]) return refuse(401, "user or password is wrong");
				const t = `s${++w.seq}`;
				w.sessions.set(t, u);
				return json(200, { user: u, role: w.role }, { "Set-Cookie": `quis_session=${t}; Path=/; HttpOnly; SameSite=Strict` });
			}
			if (path === "/api/quis/v1/setup" && req.method === "POST") {
				const s = data();
				if (s.token !== SETUP_TOKEN || w.setupUsed) return refuse(401, "this link is not valid, or was used already");
				if ([...s.password].length < 10) return refuse(400, "Invalid Input Provided", "the password needs at least 10 characters");
				w.setupUsed = true;
				const t = `s${++w.seq}`;
				w.sessions.set(t, s.user || "ana");
				return json(200, { user: s.user || "ana", role: w.role }, { "Set-Cookie": `quis_session=${t}; Path=/; HttpOnly; SameSite=Strict` });
			}
			if (!who) return refuse(401, "this needs an API token ('Authorization: Token token=KEY') or a session");
			if (req.method !== "GET" && req.headers["x-quis"] !== "1") return refuse(403, "a change with a session needs the header X-Quis: 1");
			if (path === "/api/quis/v1/session") {
				if (req.method === "DELETE") w.sessions.delete(token);
				return req.method === "DELETE" ? res.writeHead(204).end() : json(200, { user: who, role: w.role });
			}
			if (path === "/api/quis/v1/stream") {
				res.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
				res.write(`: hello\n\nevent: changed\ndata: ${JSON.stringify({ seq: w.seq, ...counts() })}\n\n`);
				streams.add(res);
				req.on("close", () => streams.delete(res));
				return undefined;
			}
			if (w.failing?.test(path)) return refuse(503, "the engine is not there: try again");
			if (path === "/api/quis/v1/overview") return json(200, overview());
			if (path === "/api/quis/v1/proofs") return json(200, { proofs: proofs() });
			let m;
			if ((m = /^\/api\/quis\/v1\/incidents\/([^/]+)\/messages$/.exec(path))) {
				if (m[1] === "test") return json(200, { messages: w.tests, timers: [] });
				return w.messages.has(m[1]) ? json(200, { messages: w.messages.get(m[1]), timers: w.timers.get(m[1]) }) : refuse(404, "Incident Not Found");
			}
			if (path === "/api/quis/v1/resources" && req.method === "GET") return json(200, { resources: w.resources.filter((r) => !q.get("kind") || r.kind === q.get("kind")) });
			if (path === "/api/quis/v1/resources") {
				const { resources, dry_run } = data();
				const out = { changes: [], errors: [] };
				const yaml = (b) => Object.entries(b ?? {}).map(([k, v]) => `${k}: ${JSON.stringify(v)}`);
				for (const r of resources) {
					const old = w.resources.find((x) => x.kind === r.kind && x.name === r.name);
					if (old && old.manager !== "ui") out.errors.push({ path: `${r.kind} ${r.name}`, message: `is managed by ${old.manager} and cannot be changed here`, hint: "change it where it came from" });
					if (!r.remove && /\($/.test(r.query ?? "")) out.errors.push({ path: `${r.kind} ${r.name}: query`, message: "1:10: unexpected end of input in a call", hint: "close the parenthesis" });
					const sorted = (o) => JSON.stringify(Object.entries(o).sort());
					const action = r.remove ? "remove" : !old ? "create" : sorted(old.body) === sorted(r) ? "same" : "update";
					const diff = action === "same" ? "" : [...yaml(old?.body).map((l) => `-${l}`), ...(r.remove ? [] : yaml(r).map((l) => `+${l}`))].join("\n") + "\n";
					out.changes.push({ action, kind: r.kind, name: r.name, diff });
				}
				if (out.errors.length) return json(422, { changes: [], errors: out.errors });
				if (!dry_run) for (const r of resources) {
					w.resources = w.resources.filter((x) => x.kind !== r.kind || x.name !== r.name);
					if (!r.remove) w.resources.push({ kind: r.kind, name: r.name, manager: "ui", version: ++w.seq, changed_at: iso(Date.now()), changed_by: who, body: r });
				}
				return json(200, out);
			}
			if (path === "/api/quis/v1/test-page") {
				const t = data();
				const msg = { id: idOf(++w.seq), purpose: "test", user: t.user, contact: t.contact, contact_type: "email", address: "", provider: "mail", state: "sending", attempt: 1, maybe_duplicate: false, created_at: iso(Date.now()), changed_at: iso(Date.now()), next_at: null, error: "", reference: "" };
				w.tests.push(msg);
				setTimeout(() => { msg.state = "delivered"; msg.changed_at = iso(Date.now()); tell(); }, 700);
				return json(202, { status: "accepted", messages: "/api/quis/v1/incidents/test/messages" });
			}
			const paged = (key, all) => {
				const limit = Math.min(100, Number(q.get("limit") ?? 25));
				const offset = Number(q.get("offset") ?? 0);
				return json(200, { [key]: all.slice(offset, offset + limit), limit, offset, more: offset + limit < all.length, total: q.get("total") === "true" ? all.length : null });
			};
			if (path === "/incidents" && req.method === "GET") {
				const st = q.getAll("statuses[]");
				const ur = q.getAll("urgencies[]");
				const sv = q.getAll("service_ids[]");
				const text = (q.get("q") ?? "").toLowerCase();
				return paged("incidents", [...w.incidents].reverse().filter((i) => (!st.length || st.includes(i.status)) && (!ur.length || ur.includes(i.urgency)) && (!sv.length || sv.includes(i.service.id) || sv.includes(i.service.summary)) && i.title.toLowerCase().includes(text)));
			}
			if (path === "/incidents" && req.method === "PUT") {
				for (const c of data().incidents) act(w.incidents.find((i) => i.id === c.id), c.status, who);
				tell();
				return json(200, { incidents: [] });
			}
			if ((m = /^\/incidents\/([^/]+)(?:\/(\w+))?$/.exec(path))) {
				const i = w.incidents.find((x) => x.id === m[1]);
				if (!i) return refuse(404, "Incident Not Found");
				if (req.method === "PUT") {
					act(i, data().incident.status, who);
					tell();
					return json(200, { incident: i });
				}
				if (m[2] === "notes") {
					const content = data().note.content;
					w.logs.get(i.id).push({ id: idOf(++w.seq), type: "annotate_log_entry", summary: content, note: content, created_at: iso(Date.now()), agent: user(who), channel: { type: "website", via: "ui" }, details: null });
					tell();
					return json(201, { note: { content } });
				}
				if (m[2] === "log_entries") return paged("log_entries", [...w.logs.get(i.id)].reverse());
				if (m[2] === "alerts") return paged("alerts", w.alerts.get(i.id));
				return json(200, { incident: i });
			}
			if (path === "/services") return paged("services", SERVICES.map((s) => ({ ...ref("service", s), name: s })));
			if ((m = /^\/services\/(\w+)$/.exec(path))) return json(200, { service: { ...SERVICES.map((s) => ({ ...ref("service", s), name: s })).find((s) => s.id === m[1]) } });
			if (path === "/schedules") return paged("schedules", w.resources.filter((r) => r.kind === "Schedule").map((r) => ({ ...ref("schedule", r.name), name: r.name, time_zone: r.body.time_zone })));
			if ((m = /^\/schedules\/(\w+)$/.exec(path))) {
				const r = w.resources.find((x) => x.kind === "Schedule" && ref("schedule", x.name).id === m[1]);
				return r ? json(200, { schedule: schedule(r.name, q.get("since"), q.get("until")) }) : refuse(404, "Not Found");
			}
			if (path === "/oncalls") return paged("oncalls", [["web", 1, "ana", "web-primary"], ["web", 2, "bo", null], ["infrastructure", 2, "chidi", null], ["infrastructure", 2, "ana", null]].map(([p, n, u, s]) => ({ escalation_policy: ref("escalation_policy", p), escalation_level: n, user: user(u), schedule: s ? ref("schedule", s) : null, start: s ? iso(w.base - 6 * DAY) : null, end: s ? iso(w.base + 20 * HOUR) : null })));
			if (path.startsWith("/api/v1/")) {
				const ok = (d) => json(200, { status: "success", data: d });
				const expr = q.get("query") ?? "";
				if (/\($/.test(expr.trim())) return json(400, { status: "error", errorType: "bad_data", error: `invalid parameter "query": 1:${expr.length}: parse error: unclosed left parenthesis` });
				if (path === "/api/v1/label/__name__/values") return ok(w.incidents.length ? METRICS : []);
				if (path.startsWith("/api/v1/label/")) return ok(["200", "404", "500"]);
				if (path === "/api/v1/labels") return ok(["__name__", "code", "instance", "job"]);
				if (path === "/api/v1/query_range") {
					const [start, end, step] = ["start", "end", "step"].map((k) => Number(q.get(k)));
					return ok({ resultType: "matrix", result: seriesOf(expr).map(([metric, size], k) => {
						const values = [];
						for (let t = start; t <= end; t += step) if (!(k === 0 && (Math.floor(t / 600) % 97) === 5)) values.push([t, String(size * valueAt(k + 1, t))]);
						return { metric, values };
					}) });
				}
				if (path === "/api/v1/rules") {
					const rules = w.resources.filter((r) => r.kind === "Alert").map((r) => ({ type: "alerting", name: r.name, query: r.body.query, duration: 60, above: r.body.above, below: r.body.below, health: "ok", state: r.name === "load" ? "firing" : r.name === "queue" ? "pending" : "inactive", alerts: r.name === "load" ? [{ labels: {}, state: "firing", activeAt: iso(w.base), value: ".72" }] : [], lastEvaluation: iso(Date.now() - 4000), evaluationTime: .002 }));
					return ok({ groups: [{ name: "alerts", file: "", interval: 15, rules }, { name: "node", file: "rules/node.yaml", interval: 30, rules: [{ type: "alerting", name: "HostOutOfDisk", query: "node_filesystem_avail_bytes / node_filesystem_size_bytes < 0.1", duration: 300, health: "ok", state: "inactive", alerts: [], lastEvaluation: iso(Date.now() - 9000) }] }] });
				}
			}
			return refuse(404, "Not Found");
		} catch (e) {
			return refuse(500, String(e));
		}
	});
	await new Promise((done) => server.listen(port, "127.0.0.1", done));
	return {
		url: `http://127.0.0.1:${server.address().port}`, world: w, tell,
		/** As if the server went away: streams end, connections are refused. */
		async stop() {
			for (const s of streams) s.destroy();
			server.closeAllConnections?.();
			await new Promise((done) => server.close(done));
		},
	};
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
	const mock = await startMock({ port: Number(process.argv[2] ?? 7848) });
	console.log(`${mock.url}/ui/  (ana, "${PASSWORD}"; first sign-in: ${mock.url}/ui/setup#${SETUP_TOKEN})`);
}
