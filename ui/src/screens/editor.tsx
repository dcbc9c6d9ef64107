// SPDX-License-Identifier: Apache-2.0
//
// An alert is a query with a band. Whoever changes one sees at once what it would have done with the last day, and
// exactly what will be saved, before anything is saved. What a file manages is read here and changed there.
import { useEffect, useMemo, useState } from "preact/hooks";
import * as api from "../api";
import { changes, useLoad } from "../live";
import { place, go, href } from "../router";
import { Chart, SERIES_MAX, gridOf } from "../chart";
import { PromqlInput } from "../promql-input";
import { simulateAll, type Band, type Point, type Simulation } from "../band";
import { compactDiff } from "../diff";
import { numberField, numberOf } from "../numbers";
import { Card, Dialog, Empty, Failure, Field, Head, Icon, Loading, Mark, ProofMark, Time, provenBy, say, sayError, valueOf } from "../ui";
import { Manager } from "./directory";
import { bandText } from "./alerts";
import { plural, seriesName, value } from "../format";
import { dateTime, formatSpan, parseSpan, zoneName } from "../time";
import { now } from "../live";
import { zone } from "../theme";

interface Form {
	name: string;
	service: string;
	severity: string;
	summary: string;
	query: string;
	above: string;
	below: string;
	for: string;
	no_data: string;
}

const STEP = 60;
const DAY_S = 86400;

function formOf(b: Record<string, unknown>): Form {
	const text = (k: string, d = ""): string => (typeof b[k] === "string" ? (b[k] as string) : typeof b[k] === "number" ? String(b[k]) : d);
	return { name: text("name"), service: text("service"), severity: text("severity", "critical"), summary: text("summary"), query: text("query"), above: text("above"), below: text("below"), for: text("for", "1m"), no_data: text("no_data", "alert") };
}

/** The document to save; what the form does not know (interval, keep_firing_for) stays as it was. */
function documentOf(f: Form, old: Record<string, unknown>): Record<string, unknown> {
	const doc: Record<string, unknown> = { ...old, kind: "Alert", name: f.name.trim(), query: f.query.trim(), severity: f.severity, for: f.for.trim() || "0s", no_data: f.no_data };
	const put = (k: string, v: unknown): void => {
		if (v === null || v === "") delete doc[k];
		else doc[k] = v;
	};
	put("service", f.service);
	put("summary", f.summary.trim());
	put("above", numberField(f.above) ?? null);
	put("below", numberField(f.below) ?? null);
	return doc;
}

type Problems = Partial<Record<keyof Form, string>>;
function problemsOf(f: Form, taken: readonly string[], isNew: boolean): Problems {
	const p: Problems = {};
	if (f.name.trim() === "") p.name = "A name is needed: pages and the ledger call the rule by it.";
	else if (isNew && taken.includes(f.name.trim())) p.name = "There is an alert of this name already.";
	if (f.query.trim() === "") p.query = "A query is needed.";
	if (numberField(f.above) === undefined) p.above = "This is not a number.";
	if (numberField(f.below) === undefined) p.below = "This is not a number.";
	const above = numberField(f.above);
	const below = numberField(f.below);
	if (typeof above === "number" && typeof below === "number" && below >= above) p.below = "Below must be less than above, or every value is wrong.";
	if (f.for.trim() !== "" && parseSpan(f.for) === null) p.for = "A duration is such as 30s, 5m or 1h30m.";
	return p;
}

function Words({ sim, forS, dataFrom, start }: { sim: Simulation; forS: number; dataFrom: number | null; start: number }) {
	const z = zone();
	const t = now.value;
	const n = sim.firings.length;
	const longest = sim.firings.reduce((m, f) => Math.max(m, f.to - f.from), 0);
	const tone = n === 0 ? "good" : n > 10 ? "bad" : "warn";
	return (
		<div class={`preview-words ${tone}`} aria-live="polite">
			<p class="big">{n === 0 ? "Would not have fired in the last day." : <>Would have fired <strong>{n === 1 ? "once" : `${n} times`}</strong> in the last day{sim.firings.some((f) => f.open) && ", and would be firing now"}.</>}</p>
			<p class="faint">
				{n > 0 && <>{formatSpan(sim.firingS * 1000)} in all, the longest {formatSpan(longest * 1000)}. </>}
				{sim.spared > 0 && forS > 0 && <>{plural(sim.spared, "short excursion")} spared by “for”. </>}
				{n > 10 && <>That often, people stop to listen. </>}
				{dataFrom !== null && dataFrom > start + 2 * STEP && <>There is data only since {dateTime(dataFrom * 1000, z, t)} {zoneName(dataFrom * 1000, z)}. </>}
				Looked at once a minute; the real rule may look more often.
			</p>
			{n > 0 && (
				<ul class="firings">
					{[...sim.firings].reverse().slice(0, 6).map((f) => <li key={`${f.from}${f.why}`}><Mark tone="bad">{f.why}</Mark> {dateTime(f.from * 1000, z, t)}–{f.open ? "now" : dateTime(f.to * 1000, z, t).split(" ").pop()} <span class="faint">{formatSpan((f.to - f.from) * 1000)}</span></li>)}
					{n > 6 && <li class="faint">and {n - 6} earlier</li>}
				</ul>
			)}
		</div>
	);
}

function Preview({ query, band, forS, noData }: { query: string; band: Band; forS: number; noData: string }) {
	// Typing must not ask the server for a day of data with every key.
	const [asked, setAsked] = useState(query);
	useEffect(() => {
		const timer = setTimeout(() => setAsked(query), asked === "" ? 0 : 600);
		return () => clearTimeout(timer);
	}, [query]);
	const end = useMemo(() => Math.floor(Date.now() / 1000), [asked]); // not rounded: what has just begun counts
	const start = end - DAY_S;
	const load = useLoad(`preview ${asked} ${end}`, (s) => (asked ? api.queryRange(asked, start, end, STEP, s) : Promise.resolve([])));
	const series = load.data;
	const drawn = useMemo(() => (series ?? []).slice(0, SERIES_MAX), [series]);
	const grid = useMemo(() => gridOf(drawn, start, end, STEP), [drawn]);
	const names = useMemo(() => drawn.map((s) => (Object.keys(s.metric).length === 0 ? asked : seriesName(s.metric))), [drawn]);
	const points = useMemo(() => (series ?? []).map((s) => s.values.map(([t, v]): Point => [t, Number(v === "+Inf" ? "Infinity" : v === "-Inf" ? "-Infinity" : v)])), [series]);
	const sim = useMemo(() => simulateAll(points, band, forS, start, end, STEP, noData === "alert"), [points, band.above, band.below, forS, noData]);
	const dataFrom = points.length ? Math.min(...points.map((p) => p[0]?.[0] ?? Infinity)) : null;
	if (asked === "") return <Empty title="The last day, once there is a query" icon="chart"><p>Here you will see the data, the band and how often the alert would have fired.</p></Empty>;
	if (load.error) return <Failure error={load.error} what="The query does not work" retry={load.reload} />;
	if (!series) return <div class="chart-wait"><Loading what="the preview" rows={6} /></div>;
	if (series.length === 0) {
		return <Empty title="No data in the last day" icon="chart"><p>{noData === "alert" && (band.above !== null || band.below !== null) ? "The alert would fire at once: no data is an alert of its own." : "With this setting the alert would stay silent."}</p></Empty>;
	}
	return (
		<>
			<Words sim={sim} forS={forS} dataFrom={dataFrom} start={start} />
			<Chart grid={grid} names={names} band={band} firings={sim.firings} height={260} label={`The last day: ${plural(drawn.length, "series", "series")}, the band, and ${plural(sim.firings.length, "firing")}`} />
			<p class="pad faint chart-note">{series.length === 1 ? <>One series, <code>{names[0]}</code></> : `${series.length} series, each judged by itself`}. Darker stripes: it would have fired.</p>
		</>
	);
}

function Review({ doc, onClose, onSaved }: { doc: Record<string, unknown>; onClose: () => void; onSaved: () => void }) {
	const [tried, setTried] = useState<api.Applied | null>(null);
	const [error, setError] = useState<api.ApiError | null>(null);
	const [busy, setBusy] = useState(false);
	const remove = doc.remove === true;
	const attempt = (): void => {
		setError(null);
		setTried(null);
		api.apply([doc], true).then(setTried, (e: unknown) => setError(e instanceof api.ApiError ? e : new api.ApiError(0, String(e))));
	};
	useEffect(attempt, []);
	const save = async (): Promise<void> => {
		setBusy(true);
		try {
			const done = await api.apply([doc], false);
			if (done.errors.length > 0) setTried(done);
			else onSaved();
		} catch (e) {
			sayError("Not saved", e);
		}
		setBusy(false);
	};
	const same = tried?.changes.length === 1 && tried.changes[0]!.action === "same";
	return (
		<Dialog title={remove ? "Remove this alert?" : "What will be saved"} onClose={onClose} wide>
			{error && <Failure error={error} what="The server could not check it" retry={attempt} />}
			{!tried && !error && <Loading what="what would change" rows={4} />}
			{tried && tried.errors.length > 0 && (
				<div class="note bad" role="alert"><Icon name="broken" /><div>
					<strong>This cannot be saved:</strong>
					<ul>{tried.errors.map((e) => <li key={e.path + e.message}><code>{e.path}</code>: {e.message}{e.hint && <div class="faint">{e.hint}</div>}</li>)}</ul>
				</div></div>
			)}
			{tried && tried.errors.length === 0 && same && <p>Nothing would change: this is what is saved already.</p>}
			{tried && tried.errors.length === 0 && !same && tried.changes.map((c) => (
				<div key={c.kind + c.name}>
					<p><Mark tone={c.action === "create" ? "good" : c.action === "remove" ? "bad" : "accent"}>{c.action}</Mark> {c.kind} <strong>{c.name}</strong></p>
					{c.diff && <pre class="diff" tabIndex={0} role="region" aria-label="Difference">{compactDiff(c.diff).map((l, i) => <span key={i} class={l.startsWith("+") ? "plus" : l.startsWith("-") ? "minus" : "same"}>{l}{"\n"}</span>)}</pre>}
				</div>
			))}
			<footer>
				<button type="button" onClick={onClose}>Back</button>
				<button type="button" class="primary" disabled={!tried || tried.errors.length > 0 || same || busy} onClick={() => void save()}>{busy ? "Saving…" : remove ? "Remove" : "Save"}</button>
			</footer>
		</Dialog>
	);
}

export function EditorScreen() {
	const name = place.value.parts[1]!;
	const isNew = name === "new";
	const all = useLoad("alerts", (s) => (api.mayAct() ? api.resources("Alert", s) : Promise.resolve([])));
	const rules = useLoad("rules of telemetry", (s) => api.rules(s).catch(() => [] as api.RuleGroup[]), 5000);
	const proofs = useLoad("proofs", (s) => api.proofs(s).catch(() => [] as api.Proof[]), true);
	const services = useLoad("services", (s) => api.services(s));
	const found = isNew ? undefined : all.data?.find((r) => r.name === name);
	const [form, setForm] = useState<Form | null>(null);
	const [checked, setChecked] = useState(false);
	const [review, setReview] = useState<Record<string, unknown> | null>(null);
	const query0 = place.value.params.get("query") ?? "";
	useEffect(() => {
		if (form || !all.data) return;
		if (isNew) setForm(formOf({ query: query0 }));
		else if (found) setForm(formOf(found.body));
	}, [all.data]);
	const dirty = form !== null && JSON.stringify(form) !== JSON.stringify(found ? formOf(found.body) : formOf({ query: query0 }));
	useEffect(() => {
		if (!dirty) return undefined;
		const warn = (e: BeforeUnloadEvent): void => e.preventDefault();
		addEventListener("beforeunload", warn);
		return () => removeEventListener("beforeunload", warn);
	}, [dirty]);

	if (all.error && !all.data) return <><Head title={isNew ? "New alert" : name} /><Failure error={all.error} what="The alert cannot be shown" retry={all.reload} /></>;
	if (!all.data) return <><Head title={isNew ? "New alert" : name} /><div class="card"><Loading what="the alert" rows={8} /></div></>;
	const live = (rules.data ?? []).flatMap((g) => g.rules.map((r) => ({ ...r, group: g.name }))).find((r) => r.name === name);
	if (!isNew && !found) {
		return (
			<>
				<p class="crumbs"><a href={href(["alerts"])}>Alerts</a></p>
				<Head title={name} />
				{live ? (
					<Card title={api.mayAct() ? "From a Prometheus rule file" : "Rule"} aside={api.mayAct() && <Manager m="file" />}>
						<dl class="facts"><dt>Group</dt><dd>{live.group}</dd><dt>Query</dt><dd><code>{live.query}</code></dd>{(live.above !== undefined || live.below !== undefined) && <><dt>Wrong</dt><dd>{bandText(live)}</dd></>}<dt>State</dt><dd>{live.state}</dd>{live.duration ? <><dt>For</dt><dd>{formatSpan(live.duration * 1000)}</dd></> : null}</dl>
						<p class="pad"><a class="button" href={href(["explore"], { rule: live.name })}>Graph</a></p>
					</Card>
				) : <div class="card"><Empty title={`There is no alert ${name}`} icon="never"><p>It may have been removed. <a href={href(["alerts"])}>All alerts</a></p></Empty></div>}
			</>
		);
	}
	if (!form) return <Loading what="the alert" />;
	const locked = !api.mayAdmin() || (found !== undefined && found.manager !== "ui");
	const problems = problemsOf(form, all.data.map((r) => r.name), isNew);
	const told = (k: keyof Form): string | undefined => (checked || (k !== "name" && k !== "query") ? problems[k] : undefined);
	const set = (k: keyof Form) => (e: Event): void => setForm({ ...form, [k]: valueOf(e) });
	const band: Band = { above: numberOf(form.above), below: numberOf(form.below) };
	const proof = proofs.data?.find((p) => p.kind === "rule" && p.subject === name);
	const submit = (e: Event): void => {
		e.preventDefault();
		setChecked(true);
		if (Object.keys(problems).length > 0) {
			document.getElementById(Object.keys(problems)[0]!)?.focus();
			return;
		}
		setReview(documentOf(form, found?.body ?? {}));
	};
	const saved = (): void => {
		const removed = review?.remove === true;
		setReview(null);
		say(removed ? `Removed ${name}.` : `Saved ${form.name.trim()}.`);
		changes.value++;
		if (removed) {
			go(href(["alerts"]));
			return;
		}
		all.reload();
		setForm({ ...form, name: form.name.trim() });
		go(href(["alerts", form.name.trim()]), true);
	};
	return (
		<>
			<p class="crumbs"><a href={href(["alerts"])}>Alerts</a></p>
			<Head title={isNew ? "New alert" : name} sub={found && <span class="sub-line"><Manager m={found.manager} />{live?.state === "firing" ? <Mark tone="bad" icon="alarm">Firing</Mark> : live?.state === "pending" ? <Mark tone="warn" icon="clock">Pending</Mark> : null}{proof && <><ProofMark state={proof.proven_at ? proof.state : "never"} />{proof.proven_at && <span><Time at={proof.proven_at} both />, by {provenBy(proof.by)}</span>}</>}</span>}>
				{!isNew && <a class="button" href={href(["explore"], { rule: name })}><Icon name="chart" />Graph</a>}
				{!isNew && !locked && <button type="button" onClick={() => setReview({ kind: "Alert", name, remove: true })}>Remove</button>}
			</Head>
			{locked && (
				<div class="note" role="note"><Icon name="book" /><div>
					<strong>Read-only here.</strong>{" "}
					{!found || found.manager === "ui" ? "Only admins change alerts." : found.manager === "file" ? "A file of the installation manages this alert; change it there and it will change here." : found.manager === "apply" ? "It was loaded with quis apply; change it in its repository and apply again." : "It was made through the API and is changed there."} You can try other values below; nothing is saved.
				</div></div>
			)}
			<div class="grid editor">
				<form class="w5 card form" onSubmit={submit} noValidate aria-label="Alert">
					{isNew && (
						<Field label="Name" for="name" error={told("name")}>
							<input id="name" value={form.name} maxLength={128} onInput={set("name")} autoFocus />
						</Field>
					)}
					<Field label="Query" for="query" error={told("query")} hint="PromQL. Each series of the result is judged by itself.">
						<PromqlInput id="query" value={form.query} rows={3} onInput={(v) => setForm({ ...form, query: v })} onRun={() => undefined} describedBy="query-hint" />
					</Field>
					<div class="pair">
						<Field label="Wrong above" for="above" error={told("above")}><input id="above" inputMode="decimal" placeholder="no limit" value={form.above} onInput={set("above")} /></Field>
						<Field label="Wrong below" for="below" error={told("below")}><input id="below" inputMode="decimal" placeholder="no limit" value={form.below} onInput={set("below")} /></Field>
					</div>
					{band.above === null && band.below === null && <p class="hint">Without limits the query itself is the condition: whatever it gives, fires.</p>}
					<div class="pair">
						<Field label="For" for="for" error={told("for")} hint="How long before it fires."><input id="for" placeholder="0s" value={form.for} onInput={set("for")} /></Field>
						<Field label="No data" for="no_data" hint="When the query gives nothing."><select id="no_data" value={form.no_data} onChange={set("no_data")}><option value="alert">Alert</option><option value="ok">Is fine</option><option value="keep">Keep the last state</option></select></Field>
					</div>
					<div class="pair">
						<Field label="Service" for="service" hint={form.service === "" ? "Without one, the fallback contacts are paged." : undefined}>
							<select id="service" value={form.service} onChange={set("service")}>
								<option value="">None</option>
								{form.service && !services.data?.some((s) => s.summary === form.service) && <option value={form.service}>{form.service}</option>}
								{(services.data ?? []).map((s) => <option key={s.id} value={s.summary}>{s.summary}</option>)}
							</select>
						</Field>
						<Field label="Severity" for="severity"><select id="severity" value={form.severity} onChange={set("severity")}>{["critical", "error", "warning", "info"].map((s) => <option key={s} value={s}>{s}</option>)}</select></Field>
					</div>
					<Field label="Summary" for="summary" hint="The sentence in the page; made from the query when empty."><input id="summary" maxLength={1024} value={form.summary} onInput={set("summary")} /></Field>
					{!locked && (
						<div class="actions">
							<button type="submit" class="primary" disabled={!dirty}>Review and save</button>
							{dirty && !isNew && <button type="button" onClick={() => setForm(formOf(found!.body))}>Undo changes</button>}
						</div>
					)}
				</form>
				<section class="w7 card preview" aria-label="Preview of the last day">
					<header><h2>With the last day's data</h2><div class="aside">{band.above !== null && `above ${value(band.above)}`}{band.above !== null && band.below !== null && " or "}{band.below !== null && `below ${value(band.below)}`}{(parseSpan(form.for) ?? 0) > 0 && ` for ${form.for}`}</div></header>
					<Preview query={form.query.trim()} band={band} forS={(parseSpan(form.for) ?? 0) / 1000} noData={form.no_data} />
				</section>
			</div>
			{review && <Review doc={review} onClose={() => setReview(null)} onSaved={saved} />}
		</>
	);
}
