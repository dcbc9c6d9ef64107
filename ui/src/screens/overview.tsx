// SPDX-License-Identifier: Apache-2.0
//
// The first screen answers, in this order: would Quis reach somebody now (and how do we know), what is wrong, who is on
// call, and is Quis itself well.
import * as api from "../api";
import { useLoad, now, link, openIncidents } from "../live";
import { useEffect } from "preact/hooks";
import { href } from "../router";
import { FRESH_MS, verdictOf } from "../verdict";
import { Bars } from "../bars";
import { Card, Empty, Failure, Head, Icon, Loading, Mark, Outdated, ProofMark, StatusMark, Time, provenBy, type IconName } from "../ui";
import { capital, plural } from "../format";
import { parseTime, formatSpan } from "../time";

const VERDICT_ICON: Record<string, IconName> = { good: "ok", warn: "clock", bad: "broken", calm: "never" };

function Evidence({ evidence }: { evidence: string }) {
	if (evidence === "") return null;
	const id = /\bQ[0-9A-V]{13}\b/.exec(evidence)?.[0];
	return <>evidence <code>{id ?? evidence}</code></>;
}

function PagingVerdict({ o, at }: { o: api.Overview; at: number }) {
	const v = verdictOf(o, now.value - at);
	const p = o.paging;
	return (
		<section class={`verdict ${v.tone}`} aria-label="Is paging proven to work?">
			<Icon name={VERDICT_ICON[v.tone]!} size={36} />
			<div>
				<h2>{v.title}</h2>
				{v.says && <p>{v.says}</p>}
				<p class="proof">
					{p.proven_at
						? <>Last proven <Time at={p.proven_at} both />{p.by && <>, by {provenBy(p.by)}</>}{p.evidence && <span class="evidence"> · <Evidence evidence={p.evidence} /></span>}</>
						: <>There is no evidence yet.</>}
				</p>
			</div>
			<a class="button" href={href(["proof"])}>Proof ledger</a>
		</section>
	);
}

const KIND: Record<string, string> = { provider: "Providers", route: "Routes", person: "People", rule: "Rules" };
const WORST: Record<api.ProofState, number> = { broken: 0, never: 1, stale: 2, proven: 3 };

function Routes({ o }: { o: api.Overview }) {
	// The overview knows of providers and routes; people are in the ledger.
	const ledger = useLoad("overview-people", (s) => api.proofs(s).then((l) => l.filter((p) => p.kind === "person")), true);
	const all = [...o.routes.filter((r) => r.kind !== "person"), ...(ledger.data ?? o.routes.filter((r) => r.kind === "person"))];
	if (all.length === 0) {
		return <Empty title="Nothing to prove yet" icon="shield"><p>Providers, routes and people appear here once they are configured.</p></Empty>;
	}
	const kinds = [...new Set(all.map((r) => r.kind))].sort((a, b) => ["provider", "route", "person", "rule"].indexOf(a) - ["provider", "route", "person", "rule"].indexOf(b));
	return (
		<div class="proofs">
			{kinds.map((k) => {
				const list = all.filter((r) => r.kind === k).sort((a, b) => WORST[a.state] - WORST[b.state] || (a.subject < b.subject ? -1 : 1));
				const good = list.filter((r) => r.state === "proven").length;
				const shown = list.slice(0, 8);
				return (
					<section key={k}>
						<h3>{KIND[k] ?? capital(k)} <span class="faint">{good} of {list.length} proven</span></h3>
						<ul>
							{shown.map((r) => (
								<li key={r.subject}>
									<span class="name" title={r.subject}>{r.subject}</span>
									<span class="when">{r.proven_at && <Time at={r.proven_at} />}</span>
									<ProofMark state={r.proven_at || r.state !== "proven" ? r.state : "never"} />
								</li>
							))}
						</ul>
						{list.length > shown.length && <a class="rest" href={href(["proof"], { kind: k })}>All {list.length}</a>}
					</section>
				);
			})}
		</div>
	);
}

function OnCallNow({ o }: { o: api.Overview }) {
	if (o.oncalls.length === 0) {
		return <Empty title="There is no schedule yet" icon="calendar"><p>Schedules say who is on call. Without one, escalation policies page the people whom they name.</p></Empty>;
	}
	return (
		<table class="table blocks">
			<thead><tr><th scope="col">Schedule</th><th scope="col">Now</th><th scope="col">Next</th></tr></thead>
			<tbody>
				{o.oncalls.map((c) => (
					<tr key={c.schedule}>
						<th scope="row" class="plain-th"><a href={href(["oncall"], { schedule: c.schedule })}>{c.schedule}</a></th>
						<td>{c.user ? <strong>{c.user}</strong> : <Mark tone="bad" icon="alarm">Nobody</Mark>}{c.until && <div class="faint small-text">until <Time at={c.until} first="absolute" /></div>}</td>
						<td data-label="Next">{c.next_user || <span class="faint">–</span>}</td>
					</tr>
				))}
			</tbody>
		</table>
	);
}

function Roles({ o, old }: { o: api.Overview; old: boolean }) {
	return (
		<ul class="roles">
			{o.roles.map((r) => (
				<li key={r.role} class={r.ok ? "" : "bad"}>
					<span class="name">{r.role}</span>
					{r.ok && old ? <Mark tone="calm" icon="never">Was well</Mark> : r.ok ? <Mark tone="good" icon="ok">{r.state === "running" ? "Well" : capital(r.state)}</Mark> : <Mark tone="bad" icon="broken">{capital(r.state || "not well")}</Mark>}
					<span class="faint small-text beat" title="How long ago it last showed that its loop turns">{r.beat_age_ms < 0 ? "no beat yet" : `beat ${r.beat_age_ms < 2000 ? `${Math.round(r.beat_age_ms)} ms` : formatSpan(r.beat_age_ms)} ago`}</span>
					{r.restarts > 0 && <span class="faint small-text">{plural(r.restarts, "restart")}</span>}
					{!r.ok && r.verdict && <span class="why">{r.verdict}</span>}
				</li>
			))}
		</ul>
	);
}

function OpenIncidents({ o }: { o: api.Overview }) {
	const list = useLoad("overview-incidents", (s) => api.incidents({ statuses: ["triggered", "acknowledged"], urgency: "", service: "", q: "", offset: 0, limit: 6 }, s), true);
	if (list.error && !list.data) return <Failure error={list.error} what="Incidents cannot be shown" retry={list.reload} />;
	if (!list.data) return <Loading what="incidents" rows={3} />;
	if (list.data.items.length === 0) {
		return <div class="pad calm-line"><Icon name="ok" />{o.incidents.open > 0 ? "Loading…" : "No open incidents."}</div>;
	}
	return (
		<ul class="open-list">
			{list.data.items.map((i) => (
				<li key={i.id}>
					<span><StatusMark status={i.status} /></span>
					<div><a href={href(["incidents", i.id])}>{i.title}</a><div class="under"><span>{i.service.summary}</span><span>{i.assignments.length > 0 ? i.assignments.map((a) => a.assignee.summary).join(", ") : "assigned to nobody"}</span></div></div>
					<span class="when"><Time at={i.created_at} both="stack" /></span>
				</li>
			))}
		</ul>
	);
}

export function OverviewScreen() {
	const load = useLoad("overview", api.overview, true);
	const o = load.data;
	useEffect(() => {
		if (o) openIncidents.value = { open: o.incidents.open, triggered: o.incidents.triggered };
	}, [o]);
	if (!o) {
		return (
			<>
				<Head title="Overview" />
				{load.error
					? <Failure error={load.error} what="The overview cannot be shown, so nothing here says that paging works" retry={load.reload} />
					: <div class="verdict calm"><Loading what="the overview" rows={2} /></div>}
			</>
		);
	}
	const n = o.incidents;
	const old = now.value - load.at! > FRESH_MS;
	// The server's clock is what times are judged by; a wrong one here would make every age a lie.
	const skew = (parseTime(o.now) ?? load.at!) - load.at!;
	return (
		<>
			<Head title="Overview" />
			{link.value !== "lost" && <Outdated error={load.error} at={load.at} retry={load.reload} />}
			{Math.abs(skew) > 60_000 && (
				<div class="note warn" role="status"><Icon name="clock" /><div>This device's clock and the server's differ by {formatSpan(skew)}. Ages shown here are off by as much.</div></div>
			)}
			<PagingVerdict o={o} at={load.at!} />
			<div class="grid flat">
				<div class="w7 stack-gap">
					<Card
						class="first" title="Open incidents"
						aside={<>{n.triggered > 0 ? <strong class="bad-text">{n.triggered} triggered</strong> : "none triggered"}, {n.acknowledged} acknowledged · <a href={href(["incidents"])}>All</a></>}
					>
						<OpenIncidents o={o} />
					</Card>
					<Card class="third" title="Traffic" aside="the last hour, a minute each">
						<div class="pad traffic">
							<Bars rates={o.rates.events_per_minute} what="Events in" />
							<Bars rates={o.rates.pages_per_minute} what="Pages out" tone="warn" />
						</div>
					</Card>
					<Card class="fifth" title="Quis itself" aside={old ? <>as of <Time at={load.at} /></> : o.roles.every((r) => r.ok) ? `${o.roles.length} roles, all well` : <strong class="bad-text">{o.roles.filter((r) => !r.ok).length} not well</strong>}><Roles o={o} old={old} /></Card>
				</div>
				<div class="w5 stack-gap">
					<Card class="second" title="On call" aside={<a href={href(["oncall"])}>Timelines</a>}><OnCallNow o={o} /></Card>
					<Card class="fourth" title="Proofs" aside={<a href={href(["proof"])}>Ledger</a>}><Routes o={o} /></Card>
				</div>
			</div>
		</>
	);
}
