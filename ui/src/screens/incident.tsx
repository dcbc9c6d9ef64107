// SPDX-License-Identifier: Apache-2.0
//
// One incident: what it is, what will happen next and when, and everything that happened, each attempt to reach somebody
// included. Whoever opens this at night must see in one look whether somebody is on it.
import { useEffect, useRef, useState } from "preact/hooks";
import * as api from "../api";
import { changes, useLoad } from "../live";
import { place, href, go } from "../router";
import { useShortcuts } from "../keys";
import { act } from "./incidents";
import { forgotten, nextSteps, pastOf, type Past, type PageFacts } from "../timeline";
import { Card, Clock, Code, Countdown, Failure, Head, Icon, Loading, Mark, Outdated, StatusMark, Time, say, sayError, valueOf, type IconName } from "../ui";
import { capital, plural, value } from "../format";
import { parseTime, zoneName } from "../time";
import { zone } from "../theme";

const STATE_WORD: Record<string, string> = {
	intended: "Waiting to be sent", sending: "On its way", accepted: "Accepted by the provider", delivered: "Delivered", failed: "Failed", superseded: "No longer needed",
};

export function PageState({ state, duplicate, error = "" }: { state: string; duplicate?: boolean; error?: string }) {
	const again = error !== "" && (state === "sending" || state === "intended");
	const word = again ? "Failed, tries again" : STATE_WORD[state] ?? capital(state);
	const mark = again ? <Mark tone="bad" icon="broken">{word}</Mark>
		: state === "delivered" ? <Mark tone="good" icon="ok">{word}</Mark>
		: state === "failed" ? <Mark tone="bad" icon="broken">{word}</Mark>
		: state === "accepted" ? <Mark tone="accent" icon="mail">{word}</Mark>
		: <Mark tone="calm" icon={state === "superseded" ? "never" : "clock"}>{word}</Mark>;
	return <>{mark}{duplicate && <> <Mark tone="warn" title="An earlier attempt may have arrived as well">Possible duplicate</Mark></>}</>;
}

const ICONS: Record<string, IconName> = {
	trigger: "alarm", unacknowledge: "alarm", acknowledge: "seen", resolve: "ok", annotate: "note", escalate: "up", assign: "people", notify: "mail",
	exhaust_escalation_path: "broken", repeat_escalation_path: "up", urgency_change: "bell",
};
const VIA: Record<string, string> = { ui: "in the UI", link: "by the link in a page", cli: "on the command line", api: "through the API", events: "by an event", rule: "by a rule", timeout: "by time-out" };

function Attempt({ p }: { p: PageFacts }) {
	return (
		<div class="attempt">
			<PageState state={p.state} duplicate={p.duplicate} error={p.error} />
			<span class="faint">
				{p.provider && <>through <strong>{p.provider}</strong>, </>}attempt {p.attempt}{p.address && <>, to <span class="mono">{p.address}</span></>}
			</span>
			{p.error && <span class="error-text">{p.error}</span>}
		</div>
	);
}

function Step({ s }: { s: Past }) {
	return (
		<li class={`step ${s.tone} ${s.kind}`}>
			<Icon name={ICONS[s.kind] ?? "clock"} />
			<Clock at={s.at} />
			<div>
				<p>{s.page ? <>{s.page.purpose === "resolved" ? "Tells" : "Page to"} <strong>{s.page.user || "the fallback contacts"}</strong>{s.page.contact && <> over {s.page.contact}</>}{s.page.type && s.page.type !== s.page.contact && <> ({s.page.type})</>}</> : s.text}
					{!s.page && VIA[s.via] && s.kind !== "trigger" && <span class="faint"> {VIA[s.via]}</span>}</p>
				{s.note !== null && <p class="quote">{s.note}</p>}
				{s.page && <Attempt p={s.page} />}
			</div>
		</li>
	);
}

function pretty(v: unknown): string {
	return typeof v === "string" ? v : JSON.stringify(v, null, 2);
}

/** A rule's alert says which rule, so the graph with its band is one step away. */
export function ruleOf(a: api.Alert): { rule: string; labels: api.Labels; value: number | null; reason: string } | null {
	const d = (a.body?.details ?? null) as { rule?: unknown; labels?: unknown; value?: unknown; reason?: unknown } | null;
	if (!d || typeof d !== "object" || typeof d.rule !== "string" || !a.alert_key?.startsWith("rule:")) return null;
	return { rule: d.rule, labels: (d.labels ?? {}) as api.Labels, value: typeof d.value === "number" ? d.value : null, reason: typeof d.reason === "string" ? d.reason : "" };
}

const REASONS: Record<string, string> = { above: "above the band", below: "below the band", no_data: "no data", condition: "condition holds", silent: "the rule fell silent" };

function AlertItem({ a, since, until }: { a: api.Alert; since: number; until: number }) {
	const rule = ruleOf(a);
	const contexts = (a.body?.contexts ?? []).filter((c) => /^https?:\/\//.test(c.href ?? c.src ?? ""));
	const details = a.body?.details;
	const labels = rule ? Object.entries(rule.labels).filter(([k]) => k !== "alertname" && k !== "band") : [];
	const times = (a as { count?: number }).count ?? 1;
	return (
		<li class="alert">
			<div class="line">
				{a.status === "triggered" ? <Mark tone="bad" icon="alarm">Triggered</Mark> : <Mark tone="calm" icon="ok">Resolved</Mark>}
				<span class="title">{a.summary}</span>
			</div>
			<div class="under">
				<span>{capital(a.severity ?? "")}</span>
				<span>since <Time at={a.created_at} both /></span>
				{times > 1 && <span>{times} times, last <Time at={a.updated_at} /></span>}
			</div>
			{rule && (
				<p class="reading">
					{rule.value !== null && <>Value <strong>{value(rule.value)}</strong>{rule.reason && ", "}</>}{REASONS[rule.reason] ?? rule.reason}{" "}
					<a href={href(["explore"], { rule: rule.rule, start: Math.floor(since / 1000) - 3600, end: Math.min(Math.floor(Date.now() / 1000), Math.ceil(until / 1000) + 900) })}>Graph with band</a>
					{" · "}<a href={href(["alerts", rule.rule])}>Rule</a>
				</p>
			)}
			{labels.length > 0 && <p class="labels">{labels.map(([k, v]) => <span key={k} class="label">{k}=<b>{v}</b></span>)}</p>}
			{contexts.length > 0 && (
				<p class="contexts">{contexts.map((c) => <a key={c.href ?? c.src} href={c.href ?? c.src} rel="noreferrer noopener" target="_blank"><Icon name="link" size={14} />{c.text || c.href || c.src}</a>)}</p>
			)}
			<details>
				<summary>Details</summary>
				<dl class="facts tight"><dt>Key</dt><dd class="mono">{a.alert_key}</dd></dl>
				{details !== null && details !== undefined && <Code text={pretty(details)} label="Details of the event" />}
			</details>
		</li>
	);
}

function Pages({ messages }: { messages: readonly api.Message[] }) {
	if (messages.length === 0) return <p class="pad faint">No page was made for this incident yet.</p>;
	return (
		<ul class="sent">
			{[...messages].sort((a, b) => (a.created_at < b.created_at ? 1 : -1)).map((m) => (
				<li key={m.id}>
					<div class="line"><span><strong>{m.user || "Fallback"}</strong> <span class="faint">over {m.contact}{m.purpose !== "incident" && `, ${m.purpose}`}</span></span><Time at={m.changed_at} both /></div>
					<div class="attempt">
						<PageState state={m.state} duplicate={m.maybe_duplicate} error={m.error} />
						<span class="faint">{m.provider && <>through <strong>{m.provider}</strong></>}{m.attempt > 1 && `, attempt ${m.attempt}`}</span>
						<span class="mono small-text faint break">{m.address}</span>
						{m.error && <span class="error-text small-text">{m.error}</span>}
					</div>
				</li>
			))}
		</ul>
	);
}

export function IncidentScreen() {
	const id = place.value.parts[1]!;
	const load = useLoad(`incident ${id}`, (s) => api.incident(id, s), true);
	const log = useLoad(`log ${id}`, (s) => api.incidentLog(id, s), true);
	const alerts = useLoad(`alerts ${id}`, (s) => api.incidentAlerts(id, s), true);
	const sent = useLoad(`messages ${id}`, (s) => api.messages(id, s), true);
	const [note, setNote] = useState("");
	const [busy, setBusy] = useState(false);
	const noteRef = useRef<HTMLTextAreaElement>(null);
	const i = load.data;
	const may = api.mayAct();

	const change = async (status: "acknowledged" | "resolved"): Promise<void> => {
		if (!i || busy) return;
		setBusy(true);
		await act([i], status);
		setBusy(false);
	};
	const add = async (e?: Event): Promise<void> => {
		e?.preventDefault();
		if (note.trim() === "" || busy) return;
		setBusy(true);
		try {
			await api.addNote(id, note.trim());
			setNote("");
			say("Noted.");
			changes.value++;
		} catch (x) {
			sayError("The note was not kept", x);
		}
		setBusy(false);
	};
	useShortcuts([
		...(may ? [
			{ keys: "a", does: "Acknowledge", run: () => void change("acknowledged") },
			{ keys: "r", does: "Resolve", run: () => void change("resolved") },
			{ keys: "n", does: "Write a note", run: () => noteRef.current?.focus() },
		] : []),
		{ keys: "Escape", does: "Back to the list", run: () => go(href(["incidents"])) },
	]);
	useEffect(() => {
		if (i) document.title = `#${i.incident_number} ${i.title} · Quis`;
	}, [i?.title]);

	if (!i) {
		return load.error
			? <><Head title="Incident" /><Failure error={load.error} what={`Incident ${id} cannot be shown`} retry={load.reload} /></>
			: <><Head title={<span class="ghost">Incident</span>} /><div class="card"><Loading what="the incident" rows={8} /></div></>;
	}
	const messages = sent.data?.messages ?? [];
	const next = sent.data ? nextSteps(sent.data.timers, messages) : [];
	const past = log.data ? pastOf(log.data) : [];
	const own = (i as { quis?: { told?: boolean; exhausted?: boolean; nobody_on_call?: boolean; step?: number; loop?: number } }).quis;
	const began = parseTime(i.created_at) ?? Date.now();
	const ended = parseTime(i.resolved_at) ?? Date.now();
	const lost = sent.data !== null && forgotten(i, next, messages);
	return (
		<>
			<p class="crumbs"><a href={href(["incidents"])}>Incidents</a> <span class="faint">/ #{i.incident_number}</span></p>
			<Head
				title={i.title}
				sub={<span class="sub-line"><StatusMark status={i.status} /><span>{i.service.summary}</span><span>{capital(i.urgency)} urgency</span><span>since <Time at={i.created_at} both /></span></span>}
			>
				{may && i.status === "triggered" && <button type="button" class="primary" disabled={busy} onClick={() => void change("acknowledged")}>Acknowledge <kbd>a</kbd></button>}
				{may && i.status !== "resolved" && <button type="button" disabled={busy} onClick={() => void change("resolved")}>Resolve <kbd>r</kbd></button>}
			</Head>
			<Outdated error={load.error} at={load.at} retry={load.reload} />
			{own?.nobody_on_call && i.status !== "resolved" && <div class="note bad" role="alert"><Icon name="alarm" /><div><strong>Nobody was on call.</strong> The fallback contacts were paged instead.</div></div>}
			{own?.exhausted && i.status === "triggered" && <div class="note bad" role="alert"><Icon name="alarm" /><div><strong>The escalation policy has come to its end</strong> and nobody has acknowledged.</div></div>}
			{lost && <div class="note bad" role="alert"><Icon name="alarm" /><div><strong>Nothing is scheduled, and nobody was told.</strong> This must not be: tell somebody yourself, and report it.</div></div>}
			<div class="grid flat">
				<div class="w7 stack-gap">
					<Card class="second" title="Timeline" aside={`times in ${zoneName(Date.now(), zone())}`}>
						{log.error && !log.data && <Failure error={log.error} what="The timeline cannot be shown" retry={log.reload} />}
						{!log.data && !log.error && <Loading what="the timeline" rows={6} />}
						{log.data && (
							<>
								<h3 class="sr">Next</h3>
								<ol class="timeline next" aria-label="What happens next">
									{[...next].reverse().map((n) => (
										<li class="step future" key={`${n.what}${n.at}${n.text}`}>
											<Icon name={n.what === "notify" || n.what === "retry" ? "mail" : n.what === "escalate" ? "up" : n.what === "auto_resolve" ? "ok" : "clock"} />
											<Clock at={n.at} />
											<div><p><Countdown at={n.at} /> · {n.text}</p></div>
										</li>
									))}
									{next.length === 0 && sent.data && (
										<li class="step future none"><Icon name="clock" /><span /><div><p>{i.status === "resolved" ? "Nothing more happens: it is resolved." : i.status === "acknowledged" ? "Paging has stopped. Nothing is scheduled." : "Nothing is scheduled."}</p></div></li>
									)}
								</ol>
								<div class="now-line" role="presentation"><span>now</span></div>
								<ol class="timeline" aria-label="What happened, newest first" aria-live="polite">{past.map((s) => <Step s={s} key={s.id} />)}</ol>
							</>
						)}
					</Card>
				</div>
				<div class="w5 stack-gap">
					<Card class="fourth" title="Facts">
						<dl class="facts">
							<dt>Assigned to</dt><dd>{i.assignments.length > 0 ? i.assignments.map((a) => a.assignee.summary).join(", ") : <span class="faint">nobody</span>}</dd>
							{i.acknowledgements.length > 0 && <><dt>Acknowledged</dt><dd>{i.acknowledgements.map((a) => <span key={a.at}>{a.acknowledger.summary} <Time at={a.at} both /></span>)}</dd></>}
							{i.resolved_at && <><dt>Resolved</dt><dd>{i.last_status_change_by?.summary} <Time at={i.resolved_at} both /></dd></>}
							<dt>Told</dt><dd>{own?.told === false ? <Mark tone="warn" icon="clock">No page was accepted yet</Mark> : own?.told ? "yes: a provider took a page" : <span class="faint">unknown</span>}</dd>
							{i.escalation_policy && <><dt>Escalation</dt><dd><a href={href(["directory", "EscalationPolicy", i.escalation_policy.summary])}>{i.escalation_policy.summary}</a>{own?.step !== undefined && i.status === "triggered" && <span class="faint">, step {own.step + 1}{own.loop ? `, round ${own.loop + 1}` : ""}</span>}</dd></>}
							<dt>Service</dt><dd><a href={href(["directory", "Service", i.service.summary])}>{i.service.summary}</a></dd>
							<dt>Id</dt><dd class="mono">{i.id}</dd>
						</dl>
					</Card>
					{may && (
						<form class="card note-form third" onSubmit={(e) => void add(e)}>
							<label for="note">Note <span class="faint">for whoever reads this next</span></label>
							<textarea id="note" ref={noteRef} rows={2} maxLength={2000} value={note} onInput={(e) => setNote(valueOf(e))}
								onKeyDown={(e) => { if (e.key === "Enter" && (e.ctrlKey || e.metaKey)) void add(); if (e.key === "Escape") e.currentTarget.blur(); }} />
							<button type="submit" disabled={note.trim() === "" || busy}>Add note</button>
						</form>
					)}
					<Card class="first" title="Alerts" aside={alerts.data && plural(alerts.data.total ?? alerts.data.items.length, "alert")}>
						{alerts.error && !alerts.data && <Failure error={alerts.error} what="Alerts cannot be shown" retry={alerts.reload} />}
						{!alerts.data && !alerts.error && <Loading what="alerts" rows={3} />}
						{alerts.data && <ul class="alerts">{alerts.data.items.map((a) => <AlertItem a={a} key={a.id} since={began} until={ended} />)}</ul>}
						{alerts.data?.more && <p class="pad faint">The first {alerts.data.items.length} are shown.</p>}
					</Card>
					<Card class="fifth" title="Pages" aside={sent.data && plural(messages.length, "message")}>
						{sent.error && !sent.data && <Failure error={sent.error} what="Pages cannot be shown" retry={sent.reload} />}
						{!sent.data && !sent.error && <Loading what="pages" rows={3} />}
						{sent.data && <Pages messages={messages} />}
					</Card>
				</div>
			</div>
		</>
	);
}
