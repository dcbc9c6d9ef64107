// SPDX-License-Identifier: Apache-2.0
// The rules that watch the metrics: what each says now, when it last proved itself, and who manages it.
import { useState } from "preact/hooks";
import * as api from "../api";
import { useLoad } from "../live";
import { place, go, href } from "../router";
import { Empty, Failure, Head, Icon, Loading, Mark, Outdated, ProofMark, Segments, Time, valueOf } from "../ui";
import { Manager } from "./directory";
import { plural, value } from "../format";
import { formatSpan } from "../time";
import { numberOf } from "../numbers";

interface Row {
	name: string;
	group: string;
	query: string;
	state: "firing" | "pending" | "inactive" | "broken" | "unknown";
	error: string;
	evaluated: string | null;
	resource: api.Resource | null;
	proof: api.Proof | null;
	count: number;
	forS: number;
	band: { above?: unknown; below?: unknown } | null;
}

export const RULE_STATES: Record<Row["state"], number> = { broken: 0, firing: 1, pending: 2, unknown: 3, inactive: 4 };

function RuleMark({ r }: { r: Row }) {
	if (r.state === "firing") return <Mark tone="bad" icon="alarm">Firing{r.count > 1 && ` ×${r.count}`}</Mark>;
	if (r.state === "pending") return <Mark tone="warn" icon="clock">Pending</Mark>;
	if (r.state === "broken") return <Mark tone="bad" icon="broken" title={r.error}>Cannot be evaluated</Mark>;
	if (r.state === "unknown") return <Mark tone="warn" icon="never" title="Telemetry does not know this rule (yet)">Not evaluated</Mark>;
	return <Mark tone="calm" icon="ok">Inside</Mark>;
}

export function bandText(b: { above?: unknown; below?: unknown }): string {
	const above = numberOf(b.above);
	const below = numberOf(b.below);
	const parts = [above !== null ? `above ${value(above)}` : "", below !== null ? `below ${value(below)}` : ""].filter(Boolean);
	return parts.length ? parts.join(" or ") : "when the query gives anything";
}

function rowsOf(groups: readonly api.RuleGroup[], resources: readonly api.Resource[], proofs: readonly api.Proof[]): Row[] {
	const rows = new Map<string, Row>();
	for (const g of groups) {
		for (const r of g.rules) {
			if (r.type !== "alerting") continue;
			const broken = r.health === "err" || r.health === "bad";
			const firing = (r.alerts ?? []).filter((a) => a.state === "firing").length;
			rows.set(`${g.name}/${r.name}`, {
				name: r.name, group: g.name, query: r.query, state: broken ? "broken" : r.state ?? "unknown", error: r.lastError ?? "",
				evaluated: r.lastEvaluation && !r.lastEvaluation.startsWith("0001") ? r.lastEvaluation : null, resource: null, proof: null, count: firing, forS: r.duration ?? 0, band: r.above !== undefined || r.below !== undefined ? r : null,
			});
		}
	}
	for (const r of resources) {
		const found = [...rows.values()].find((x) => x.name === r.name);
		if (found) found.resource = r;
		else rows.set(`resource/${r.name}`, { name: r.name, group: "", query: String(r.body.query ?? ""), state: "unknown", error: "", evaluated: null, resource: r, proof: null, count: 0, forS: 0, band: r.body });
	}
	for (const row of rows.values()) row.proof = proofs.find((p) => p.kind === "rule" && p.subject === row.name) ?? null;
	return [...rows.values()].sort((a, b) => RULE_STATES[a.state] - RULE_STATES[b.state] || (a.name < b.name ? -1 : 1));
}

type Shown = "all" | "firing" | "unproven";

export function AlertsScreen() {
	const load = useLoad("alert rules", async (s) => {
		// Rules live in telemetry, resources in the engine's store: when one is away, the other is still shown.
		const [groups, resources, proofs] = await Promise.allSettled([api.rules(s), api.mayAct() ? api.resources("Alert", s) : Promise.resolve([]), api.proofs(s)]);
		if (groups.status === "rejected" && (resources.status === "rejected" || resources.value.length === 0)) throw groups.reason;
		return {
			rows: rowsOf(groups.status === "fulfilled" ? groups.value : [], resources.status === "fulfilled" ? resources.value : [], proofs.status === "fulfilled" ? proofs.value : []),
			blind: groups.status === "rejected" ? (groups.reason as Error).message : "",
		};
	}, 5000); // rules change without an incident, of which nobody tells
	const [q, setQ] = useState("");
	const show = (["firing", "unproven"].includes(place.value.params.get("show") ?? "") ? place.value.params.get("show") : "all") as Shown;
	const rows = load.data?.rows ?? [];
	const proven = (r: Row): boolean => r.proof?.state === "proven" && r.proof.proven_at !== null;
	const fits = rows.filter((r) => (show === "all" || (show === "firing" ? r.state === "firing" || r.state === "pending" || r.state === "broken" : !proven(r))) && `${r.name} ${r.query} ${r.resource?.body.service ?? ""}`.toLowerCase().includes(q.trim().toLowerCase()));
	return (
		<>
			<Head title="Alerts" sub={load.data ? `${plural(rows.length, "rule")}, ${rows.filter((r) => r.state === "firing").length} firing, ${rows.filter(proven).length} proven` : "The rules that watch the metrics."}>
				{api.mayAdmin() && <a class="button primary" href={href(["alerts", "new"])}>New alert</a>}
			</Head>
			<Outdated error={load.data ? load.error : null} at={load.at} retry={load.reload} />
			{load.data?.blind && <div class="note bad" role="alert"><Icon name="broken" /><div><strong>What the rules say now is unknown.</strong> {load.data.blind}</div></div>}
			<div class="filters">
				<Segments label="Which" value={show} choices={[{ value: "all", label: "All" }, { value: "firing", label: "Firing" }, { value: "unproven", label: "Not proven" }]} onChange={(v) => go(href(["alerts"], { show: v === "all" ? "" : v }))} />
				<label class="sr" for="alerts-q">Search</label>
				<input id="alerts-q" type="search" placeholder="Search" value={q} onInput={(e) => setQ(valueOf(e))} />
			</div>
			<section class="card" aria-label="Rules">
				{load.error && !load.data && <Failure error={load.error} what="The rules cannot be shown" retry={load.reload} />}
				{!load.data && !load.error && <Loading what="rules" rows={8} />}
				{load.data && rows.length === 0 && (
					<Empty title="Nothing is watched yet" icon="bell">
						<p>An alert is a query with a band: too high and too low are both wrong. Prometheus' rule files work as they are.</p>
						{api.mayAdmin() && <p><a class="button primary" href={href(["alerts", "new"])}>Make the first alert</a></p>}
					</Empty>
				)}
				{rows.length > 0 && fits.length === 0 && <Empty title="Nothing fits" icon="bell"><p><a href={href(["alerts"])}>Show all rules</a></p></Empty>}
				{fits.length > 0 && (
					<table class="table blocks rules">
						<thead><tr><th scope="col">Now</th><th scope="col" class="wide">Rule</th><th scope="col">Service</th><th scope="col">Last proven</th><th scope="col">By</th></tr></thead>
						<tbody>
							{fits.map((r) => (
								<tr key={`${r.group}/${r.name}`}>
									<td class="shrink"><RuleMark r={r} />{r.evaluated && <div class="faint small-text">looked <Time at={r.evaluated} /></div>}</td>
									<th scope="row" class="plain-th">
										<a class="title" href={href(["alerts", r.name])}>{r.name}</a>
										<div class="under"><code>{r.query}</code></div>
										<div class="under">{r.resource ? <span>{bandText(r.resource.body)}</span> : r.band && <span>{bandText(r.band)}</span>}{r.forS > 0 && <span>for {formatSpan(r.forS * 1000)}</span>}{!r.resource && r.group && <span>group {r.group}</span>}</div>
										{r.error && <div class="error-text">{r.error}</div>}
									</th>
									<td data-label="Service">{r.resource ? String(r.resource.body.service ?? "") || <span class="faint">fallback</span> : <span class="faint">–</span>}</td>
									<td class="shrink" data-label="Last proven">{r.proof ? <><ProofMark state={r.proof.proven_at ? r.proof.state : r.proof.state === "proven" ? "never" : r.proof.state} />{r.proof.proven_at && <div class="faint small-text"><Time at={r.proof.proven_at} both /></div>}</> : <span class="faint">–</span>}</td>
									<td class="shrink" data-label="Managed by">{api.mayAct() ? <Manager m={r.resource?.manager ?? "file"} /> : <span class="faint">–</span>}</td>
								</tr>
							))}
						</tbody>
					</table>
				)}
			</section>
		</>
	);
}
