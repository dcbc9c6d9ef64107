// SPDX-License-Identifier: Apache-2.0
//
// People, teams, schedules, policies and services as they are configured, with who manages each: what a file owns is
// changed in that file. Read-only; the JSON is what the API takes.
import { useEffect, useState } from "preact/hooks";
import type { ComponentChildren } from "preact";
import * as api from "../api";
import { useLoad } from "../live";
import { place, go, href } from "../router";
import { Card, Code, Empty, Failure, Head, Loading, Mark, Outdated, ProofMark, Segments, Time, provenBy, valueOf } from "../ui";
import { plural } from "../format";

const TABS = [
	{ value: "User", label: "People" },
	{ value: "Team", label: "Teams" },
	{ value: "Schedule", label: "Schedules" },
	{ value: "EscalationPolicy", label: "Policies" },
	{ value: "Service", label: "Services" },
] as const;
type Tab = (typeof TABS)[number]["value"];

type Body = Record<string, unknown>;
const text = (v: unknown): string => (typeof v === "string" ? v : typeof v === "number" || typeof v === "boolean" ? String(v) : "");
const list = (v: unknown): Body[] => (Array.isArray(v) ? (v.filter((x) => x && typeof x === "object") as Body[]) : []);
const texts = (v: unknown): string[] => (Array.isArray(v) ? v.map((x) => (x === null ? "nobody" : text(x))) : []);
const to = (kind: Tab, name: string) => <a href={href(["directory", kind, name])}>{name}</a>;
const joined = (parts: ComponentChildren[], by = ", "): ComponentChildren[] => parts.flatMap((p, i) => (i ? [by, p] : [p]));

const MANAGERS: Record<string, string> = { file: "Managed by a file: change it there", apply: "Managed by quis apply: change it in its repository", ui: "Managed in this UI", api: "Managed through the API" };
export function Manager({ m }: { m: string }) {
	return <Mark tone={m === "ui" ? "accent" : "calm"} title={MANAGERS[m]}>{m === "ui" ? "UI" : m === "api" ? "API" : m}</Mark>;
}

/** One line that tells this one from the others. */
function lineOf(r: api.Resource): ComponentChildren {
	const b = r.body;
	switch (r.kind) {
		case "User": return [text(b.full_name), text(b.role) || "responder", plural(list(b.contacts).length, "contact")].filter(Boolean).join(" · ");
		case "Team": return plural(texts(b.users).length, "member");
		case "Schedule": return `${text(b.time_zone)} · ${plural(list(b.layers).length, "layer")}${list(b.overrides).length ? ` · ${plural(list(b.overrides).length, "override")}` : ""}`;
		case "EscalationPolicy": return plural(list(b.steps).length, "step");
		case "Service": return [text(b.escalation_policy), text(b.description)].filter(Boolean).join(" · ");
		default: return "";
	}
}

/** What would stop this person from being reached. */
function problemsOf(b: Body): string[] {
	const contacts = list(b.contacts);
	const out: string[] = [];
	const reach = contacts.filter((c) => text(c.type) !== "console");
	if (contacts.length === 0) out.push("No contact: nobody can page this person.");
	else if (reach.length === 0) out.push("Only a console contact: pages reach a log, not a person.");
	else if (new Set(reach.map((c) => text(c.type))).size === 1) out.push("Only one way to be reached: when it fails, nothing else is tried.");
	return out;
}

function Contacts({ r, proofs }: { r: api.Resource; proofs: api.Proof[] | null }) {
	const contacts = list(r.body.contacts);
	return (
		<table class="table blocks">
			<thead><tr><th scope="col">Contact</th><th scope="col" class="wide">Address</th><th scope="col">Proof</th></tr></thead>
			<tbody>
				{contacts.map((c) => {
					const proof = proofs?.find((p) => p.kind === "person" && p.subject === `${r.name}/${text(c.name)}`);
					return (
						<tr key={text(c.name)}>
							<th scope="row" class="plain-th">{text(c.name)}</th>
							<td class="break"><span class="mono">{text(c.address)}</span><div class="faint small-text">{text(c.type)}{text(c.provider) && ` through ${text(c.provider)}`}</div></td>
							<td class="shrink">{proof && <><ProofMark state={proof.proven_at ? proof.state : proof.state === "proven" ? "never" : proof.state} />{proof.proven_at && <div class="faint small-text"><Time at={proof.proven_at} />, by {provenBy(proof.by)}</div>}</>}</td>
						</tr>
					);
				})}
			</tbody>
		</table>
	);
}

function Notify({ b }: { b: Body }) {
	const n = (b.notify ?? {}) as Body;
	const words = (l: Body[]): string => l.map((x) => `${text(x.contact)} ${text(x.after) && !/^0\D*$/.test(text(x.after)) ? `after ${text(x.after)}` : "at once"}`).join(", then ");
	return <><dt>High urgency</dt><dd>{words(list(n.high)) || "every contact at once"}</dd><dt>Low urgency</dt><dd>{words(list(n.low)) || "the first contact at once"}</dd></>;
}

function Summary({ r, proofs }: { r: api.Resource; proofs: api.Proof[] | null }) {
	const b = r.body;
	switch (r.kind) {
		case "User": {
			const problems = problemsOf(b);
			return (
				<>
					{problems.map((p) => <div class="note warn" key={p}><div>{p}</div></div>)}
					<dl class="facts">
						{text(b.full_name) && <><dt>Name</dt><dd>{text(b.full_name)}</dd></>}
						{text(b.email) && <><dt>Mail</dt><dd>{text(b.email)}</dd></>}
						<dt>Role</dt><dd>{text(b.role) || "responder"}</dd>
						<dt>Time zone</dt><dd>{text(b.time_zone) || "UTC"}</dd>
						<Notify b={b} />
					</dl>
					{list(b.contacts).length > 0 && <Contacts r={r} proofs={proofs} />}
				</>
			);
		}
		case "Team": return <dl class="facts"><dt>Members</dt><dd>{joined(texts(b.users).map((u) => to("User", u)))}</dd></dl>;
		case "Schedule": return (
			<dl class="facts">
				<dt>Time zone</dt><dd>{text(b.time_zone)}</dd>
				{list(b.layers).map((l, i) => <><dt key={`t${i}`}>{text(l.name) || `Layer ${i + 1}`}</dt><dd key={`d${i}`}>{joined(texts(l.users).map((u) => (u === "nobody" ? u : to("User", u))), " → ")}<div class="faint">turns of {text(l.rotation) || "1w"}, from {text(l.start).replace("T", " ")}{text(l.end) && ` to ${text(l.end).replace("T", " ")}`}{list(l.restrictions).length > 0 && `, ${plural(list(l.restrictions).length, "restriction")}`}</div></dd></>)}
				<dt>Overrides</dt><dd>{list(b.overrides).length || "none"}</dd>
				<dt>Timeline</dt><dd><a href={href(["oncall"], { schedule: r.name })}>who is on call when</a></dd>
			</dl>
		);
		case "EscalationPolicy": return (
			<ol class="steps">
				{list(b.steps).map((s, i) => (
					<li key={i}>
						<span class="n">{i + 1}</span>
						<div>
							{joined(list(s.targets).map((t) => (text(t.user) ? to("User", text(t.user)) : <>whoever is on call in {to("Schedule", text(t.schedule))}</>)))}
							<div class="faint">{i + 1 < list(b.steps).length || Number(b.loops) > 0 ? `then, after ${text(s.delay) || "30m"} without an acknowledgement${i + 1 < list(b.steps).length ? ", the next step" : ", from the beginning"}` : `waits ${text(s.delay) || "30m"}, then the policy has come to its end`}</div>
						</div>
					</li>
				))}
				{Number(b.loops) > 0 && <li class="faint"><span class="n">↻</span><div>Repeated {plural(Number(b.loops), "time")}</div></li>}
			</ol>
		);
		case "Service": return (
			<dl class="facts">
				{text(b.description) && <><dt>About</dt><dd>{text(b.description)}</dd></>}
				<dt>Policy</dt><dd>{to("EscalationPolicy", text(b.escalation_policy))}</dd>
				<dt>Urgency</dt><dd>{text(b.urgency) === "severity" ? "by the event's severity" : text(b.urgency) || "high"}</dd>
				{text(b.team) && <><dt>Team</dt><dd>{to("Team", text(b.team))}</dd></>}
				<dt>Acknowledged</dt><dd>{/^0\D*$/.test(text(b.ack_timeout) || "0") ? "stays acknowledged" : `triggers again after ${text(b.ack_timeout)}`}</dd>
				<dt>Resolves itself</dt><dd>{/^0\D*$/.test(text(b.auto_resolve) || "0") ? "never" : `after ${text(b.auto_resolve)} without news`}</dd>
				{b.disabled === true && <><dt>Disabled</dt><dd><Mark tone="warn">Makes no incidents</Mark></dd></>}
				<dt>Integrations</dt><dd>{list(b.integrations).length === 0 ? "none: only rules make incidents here" : list(b.integrations).map((i) => <div key={text(i.name)}>{text(i.name)} <code class="faint">{text(i.key).slice(0, 4)}…</code></div>)}</dd>
				<dt>Incidents</dt><dd><a href={href(["incidents"], { service: r.name })}>open ones</a></dd>
			</dl>
		);
		default: return null;
	}
}

function Detail({ r, proofs }: { r: api.Resource; proofs: api.Proof[] | null }) {
	const [json, setJson] = useState(false);
	return (
		<Card title={r.name} class="detail" aside={<Manager m={r.manager} />}>
			<p class="pad faint">{MANAGERS[r.manager]}. Changed <Time at={r.changed_at} both />{(r as { changed_by?: string }).changed_by && ` by ${(r as { changed_by?: string }).changed_by}`}, version {r.version}.</p>
			<Summary r={r} proofs={proofs} />
			<div class="pad">
				<button type="button" class="small" aria-expanded={json} onClick={() => setJson(!json)}>{json ? "Hide JSON" : "Show JSON"}</button>
				{json && <Code text={JSON.stringify(r.body, null, 2)} label={`JSON of ${r.name}`} />}
			</div>
		</Card>
	);
}

export function DirectoryScreen() {
	const [, kindPart, namePart] = place.value.parts;
	const kind: Tab = TABS.find((t) => t.value === kindPart)?.value ?? "User";
	const load = useLoad(`resources ${kind}`, (s) => api.resources(kind, s), true);
	const proofs = useLoad(`proofs for ${kind}`, (s) => (kind === "User" ? api.proofs(s) : Promise.resolve([])));
	const [q, setQ] = useState("");
	useEffect(() => setQ(""), [kind]);
	const all = [...(load.data ?? [])].sort((a, b) => (a.name < b.name ? -1 : 1));
	const shown = all.filter((r) => `${r.name} ${JSON.stringify(r.body)}`.toLowerCase().includes(q.trim().toLowerCase()));
	const chosen = namePart ? all.find((r) => r.name === namePart) : undefined;
	return (
		<>
			<Head title="Directory" sub="Who is who, who is told, and what about." />
			<div class="filters">
				<Segments label="Kind" value={kind} choices={TABS} onChange={(v) => go(href(["directory", v]))} />
				<label class="sr" for="dir-q">Search</label>
				<input id="dir-q" type="search" placeholder="Search" value={q} onInput={(e) => setQ(valueOf(e))} />
			</div>
			<Outdated error={load.data ? load.error : null} at={load.at} retry={load.reload} />
			<div class={namePart ? "split chosen" : "split"}>
				<section class="card" aria-label={TABS.find((t) => t.value === kind)!.label}>
					{load.error && !load.data && <Failure error={load.error} what="These cannot be shown" retry={load.reload} />}
					{!load.data && !load.error && <Loading what="resources" rows={6} />}
					{load.data && shown.length === 0 && (
						<Empty title={all.length === 0 ? "None yet" : "Nothing fits"} icon="people">
							{all.length === 0 && <p>They come from files (<code>resources:</code> in <code>quis.yaml</code>) or from <code>POST /api/quis/v1/resources</code>.</p>}
						</Empty>
					)}
					<ul class="pick-list">
						{shown.map((r) => (
							<li key={r.name}>
								<a href={href(["directory", kind, r.name])} aria-current={r.name === namePart ? "true" : undefined}>
									<span class="name">{r.name}</span>
									<Manager m={r.manager} />
									<span class="faint line">{lineOf(r)}{r.kind === "User" && problemsOf(r.body).length > 0 && <> · <b class="warn-text">hard to reach</b></>}</span>
								</a>
							</li>
						))}
					</ul>
				</section>
				<div>
					{namePart && <p class="back"><a href={href(["directory", kind])}>← All</a></p>}
					{chosen && <Detail r={chosen} proofs={proofs.data} key={`${chosen.kind}/${chosen.name}`} />}
					{namePart && load.data && !chosen && <div class="card"><Empty title={`There is no ${namePart}`} icon="never"><p>It may have been removed, or be of another kind.</p></Empty></div>}
					{!namePart && <p class="faint hint-pane">Choose one to see all of it.</p>}
				</div>
			</div>
		</>
	);
}

const BY_ID: Record<string, Tab> = { users: "User", services: "Service", schedules: "Schedule", escalation_policies: "EscalationPolicy", teams: "Team" };

/** The API's html_url holds ids; the directory goes by names. */
export function ByIdScreen() {
	const [list, id] = place.value.parts;
	const kind = BY_ID[list ?? ""]!;
	const load = useLoad(`by id ${list} ${id}`, (s) => (id ? api.nameById(list!, id, s) : Promise.resolve("")));
	useEffect(() => {
		if (load.data !== null) go(href(load.data ? ["directory", kind, load.data] : ["directory", kind]), true);
	}, [load.data]);
	return load.error ? <Failure error={load.error} what="There is nothing of this id" retry={load.reload} /> : <Loading what="it" />;
}
