// SPDX-License-Identifier: Apache-2.0
//
// The list that people work from. The filter lives in the address, so a view can be sent to somebody. Changes arrive by
// themselves; while rows are selected or the keyboard is in use, new ones wait behind a button so that nothing moves under a finger.
import { useEffect, useRef, useState } from "preact/hooks";
import * as api from "../api";
import { changes, useLoad } from "../live";
import { place, go, href } from "../router";
import { useShortcuts } from "../keys";
import { Code, Dialog, Empty, Failure, Head, Loading, Mark, Outdated, Segments, StatusMark, Time, say, sayError, valueOf } from "../ui";
import { count, plural } from "../format";

const LIMIT = 50;
type View = "open" | "triggered" | "acknowledged" | "resolved" | "all";
const STATUSES: Record<View, readonly api.IncidentStatus[]> = {
	open: ["triggered", "acknowledged"],
	triggered: ["triggered"],
	acknowledged: ["acknowledged"],
	resolved: ["resolved"],
	all: [],
};
const VIEWS = [
	{ value: "open", label: "Open" },
	{ value: "triggered", label: "Triggered" },
	{ value: "acknowledged", label: "Acknowledged" },
	{ value: "resolved", label: "Resolved" },
	{ value: "all", label: "All" },
] as const;

function assignees(i: api.Incident): string {
	return i.assignments.map((a) => a.assignee.summary).join(", ");
}

export async function act(list: readonly api.Incident[], status: "acknowledged" | "resolved"): Promise<void> {
	// What is in that state already (or past it) is left alone.
	const ids = list.filter((i) => (status === "acknowledged" ? i.status === "triggered" : i.status !== "resolved")).map((i) => i.id);
	const done = status === "acknowledged" ? "Acknowledged" : "Resolved";
	if (ids.length === 0) {
		say(list.length === 1 ? `#${list[0]!.incident_number} is ${list[0]!.status} already.` : `All of them are ${status} already.`);
		return;
	}
	try {
		await api.changeIncidents(ids, status);
		const one = list.find((i) => i.id === ids[0])!;
		say(ids.length === 1 ? `${done} #${one.incident_number}.` : `${done} ${plural(ids.length, "incident")}.`);
		changes.value++;
	} catch (e) {
		sayError(status === "acknowledged" ? "Not acknowledged" : "Not resolved", e);
	}
}

function FirstEvent() {
	const svc = useLoad("services-keys", (s) => api.resources("Service", s).catch(() => []));
	const integrations = (svc.data ?? []).flatMap((r) => (Array.isArray(r.body.integrations) ? (r.body.integrations as { key?: string }[]) : []));
	const key = integrations.find((i) => typeof i.key === "string")?.key ?? "YOUR_INTEGRATION_KEY";
	const curl = `curl -X POST ${location.origin}/v2/enqueue \\
  -H 'Content-Type: application/json' \\
  -d '{"routing_key": "${key}",
       "event_action": "trigger",
       "dedup_key": "first",
       "payload": {"summary": "Hello from Quis", "source": "my-machine", "severity": "critical"}}'`;
	return (
		<Empty title="No incidents yet" icon="bell">
			<p>An incident begins with an event. Send the first one and watch it appear here; the people of the service are paged, as in earnest.</p>
			{svc.data ? <Code text={curl} label="Command that sends an event" /> : <div class="code"><Loading what="the key" /></div>}
			<p class="faint">
				{key === "YOUR_INTEGRATION_KEY" ? "The key is in the service's integrations. " : ""}
				Alertmanager, PagerDuty's clients and Quis' own <a href={href(["alerts"])}>alerts</a> make incidents as well.
			</p>
		</Empty>
	);
}

export function IncidentsScreen() {
	const params = place.value.params;
	const view = (VIEWS.some((v) => v.value === params.get("status")) ? params.get("status") : "open") as View;
	const urgency = params.get("urgency") === "high" || params.get("urgency") === "low" ? (params.get("urgency") as api.Urgency) : "";
	const service = params.get("service") ?? "";
	const q = params.get("q") ?? "";
	const offset = Math.max(0, Math.floor(Number(params.get("offset")) || 0));
	const [text, setText] = useState(q);
	const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
	const [cursor, setCursor] = useState<string | null>(null);
	const [shown, setShown] = useState<api.Page<api.Incident> | null>(null);
	const [confirm, setConfirm] = useState<api.Incident[] | null>(null);
	const searchRef = useRef<HTMLInputElement>(null);
	const services = useLoad("services", (s) => api.services(s));
	const key = JSON.stringify([view, urgency, service, q, offset]);
	const list = useLoad(`incidents ${key}`, (s) => api.incidents({ statuses: STATUSES[view], urgency, service, q, offset, limit: LIMIT }, s), true);
	const shownKey = useRef("");

	const set = (change: Record<string, string | number>): void => {
		const next = { status: view === "open" ? "" : view, urgency, service, q, offset: 0 as string | number, ...change };
		go(href(["incidents"], { ...next, offset: next.offset || "" }), "q" in change);
	};

	// Typing searches by itself, a moment after the last key.
	useEffect(() => setText(q), [q]);
	useEffect(() => {
		if (text.trim() === q) return undefined;
		const t = setTimeout(() => set({ q: text.trim() }), 300);
		return () => clearTimeout(t);
	}, [text]);

	// While somebody is at work on the rows, rows stay where they are and only what they say changes.
	const busy = selected.size > 0 || cursor !== null;
	const fresh = list.data;
	const waiting = useRef(0);
	useEffect(() => {
		if (!fresh) return;
		if (shownKey.current !== key || !busy || !shown) {
			shownKey.current = key;
			waiting.current = 0;
			setShown(fresh);
			return;
		}
		const byId = new Map(fresh.items.map((i) => [i.id, i]));
		const known = new Set(shown.items.map((i) => i.id));
		waiting.current = fresh.items.filter((i) => !known.has(i.id)).length;
		const missing = shown.items.filter((i) => !byId.has(i.id));
		const merge = (extra: Map<string, api.Incident>): void =>
			setShown({ ...fresh, items: shown.items.map((i) => byId.get(i.id) ?? extra.get(i.id) ?? i) });
		merge(new Map());
		// Those that have left the view (resolved, say) still tell the truth.
		if (missing.length > 0 && missing.length <= 20) {
			Promise.all(missing.map((i) => api.incident(i.id).catch(() => i))).then((found) => {
				const extra = new Map(found.map((i) => [i.id, i]));
				setShown((s) => (s && shownKey.current === key ? { ...s, items: s.items.map((i) => extra.get(i.id) ?? i) } : s));
			}, () => undefined);
		}
	}, [fresh]);
	useEffect(() => {
		setSelected(new Set());
		setCursor(null);
	}, [key]);
	const refresh = (): void => {
		setSelected(new Set());
		setCursor(null);
		waiting.current = 0;
		if (fresh) setShown(fresh);
	};

	const page = shownKey.current === key ? shown : null;
	const items = page?.items ?? [];
	const chosen = items.filter((i) => selected.has(i.id));
	const target = (): api.Incident[] => (chosen.length > 0 ? chosen : items.filter((i) => i.id === cursor));
	const move = (by: number): void => {
		if (items.length === 0) return;
		const at = items.findIndex((i) => i.id === cursor);
		const next = items[at < 0 ? (by > 0 ? 0 : items.length - 1) : Math.min(items.length - 1, Math.max(0, at + by))]!;
		setCursor(next.id);
		// The focus goes along, so that Enter opens it and a screen reader says it.
		requestAnimationFrame(() => {
			const row = document.getElementById(`row-${next.id}`);
			row?.scrollIntoView({ block: "nearest" });
			row?.querySelector<HTMLElement>("a.title")?.focus({ preventScroll: true });
		});
	};
	const toggle = (id: string): void => {
		const s = new Set(selected);
		if (!s.delete(id)) s.add(id);
		setSelected(s);
	};
	const doAct = async (list: api.Incident[], status: "acknowledged" | "resolved"): Promise<void> => {
		if (list.length === 0) {
			say("Choose an incident first: j and k move, x selects.");
			return;
		}
		await act(list, status);
		setSelected(new Set());
	};
	const resolve = (list: api.Incident[]): void => {
		if (list.length > 1) setConfirm(list);
		else void doAct(list, "resolved");
	};
	useShortcuts([
		{ keys: "j", does: "Next incident", run: () => move(1) },
		{ keys: "k", does: "Previous incident", run: () => move(-1) },
		{ keys: "x", does: "Select it", run: () => { if (cursor) toggle(cursor); } },
		{ keys: "Enter", does: "Open it", run: () => { if (cursor) go(href(["incidents", cursor])); } },
		...(api.mayAct() ? [
			{ keys: "a", does: "Acknowledge (the selected ones)", run: () => void doAct(target(), "acknowledged") },
			{ keys: "r", does: "Resolve (the selected ones)", run: () => resolve(target()) },
		] : []),
		{ keys: "/", does: "Search", run: () => searchRef.current?.focus() },
		{ keys: "Escape", does: "Let go of selection", run: refresh },
	]);

	const filtered = view !== "open" || urgency !== "" || service !== "" || q !== "";
	const allShown = items.length > 0 && items.every((i) => selected.has(i.id));
	return (
		<>
			<Head title="Incidents" />
			<div class="filters" role="search" aria-label="Filter incidents">
				<Segments label="Status" value={view} choices={VIEWS} onChange={(v) => set({ status: v === "open" ? "" : v })} />
				<label class="sr" for="urgency">Urgency</label>
				<select id="urgency" value={urgency} onChange={(e) => set({ urgency: valueOf(e) })}>
					<option value="">Any urgency</option>
					<option value="high">High urgency</option>
					<option value="low">Low urgency</option>
				</select>
				<label class="sr" for="service">Service</label>
				<select id="service" value={service} onChange={(e) => set({ service: valueOf(e) })}>
					<option value="">All services</option>
					{service && !services.data?.some((s) => s.id === service) && <option value={service}>{service}</option>}
					{(services.data ?? []).map((s) => <option value={s.id} key={s.id}>{s.summary}</option>)}
				</select>
				<label class="sr" for="q">Search in titles</label>
				<input id="q" ref={searchRef} type="search" placeholder="Search in titles" value={text} onInput={(e) => setText(valueOf(e))}
					onKeyDown={(e) => { if (e.key === "Escape") { setText(""); e.currentTarget.blur(); } }} />
			</div>
			<Outdated error={page ? list.error : null} at={list.at} retry={list.reload} />
			<div class="bulk" aria-live="polite">
				{waiting.current > 0 && <button type="button" class="primary small" onClick={refresh}>Show {plural(waiting.current, "new incident")}</button>}
				{selected.size > 0 && (
					<>
						<span><strong>{selected.size}</strong> selected</span>
						{api.mayAct() && <button type="button" class="small" onClick={() => void doAct(chosen, "acknowledged")}>Acknowledge</button>}
						{api.mayAct() && <button type="button" class="small" onClick={() => resolve(chosen)}>Resolve</button>}
						<button type="button" class="small plain" onClick={refresh}>Let go</button>
					</>
				)}
				{selected.size === 0 && waiting.current === 0 && page && items.length > 0 && (
					<span class="faint">
						{page.total !== null ? plural(page.total, "incident") : `${items.length}${page.more ? "+" : ""} incidents`}
						<span class="wide-only"> · <kbd>j</kbd> <kbd>k</kbd> move, <kbd>Enter</kbd> opens{api.mayAct() && <>, <kbd>a</kbd> acknowledges, <kbd>r</kbd> resolves</>}</span>
					</span>
				)}
			</div>
			<section class="card" aria-label="Incidents">
				{!page && list.error && <Failure error={list.error} what="Incidents cannot be shown" retry={list.reload} />}
				{!page && !list.error && <Loading what="incidents" rows={10} />}
				{page && items.length === 0 && (filtered || offset > 0
					? (
						<Empty title="Nothing fits">
							<p>No incident matches this filter.</p>
							<p><a href={href(["incidents"])}>Show open incidents</a> or <a href={href(["incidents"], { status: "all" })}>all of them</a>.</p>
						</Empty>
					)
					: <NoOpen />)}
				{page && items.length > 0 && (
					<table class="table rows incidents">
						<thead>
							<tr>
								<th scope="col" class="shrink pick"><input type="checkbox" aria-label="Select all shown" checked={allShown}
									onChange={() => setSelected(allShown ? new Set() : new Set(items.map((i) => i.id)))} /></th>
								<th scope="col">Status</th>
								<th scope="col" class="wide">Incident</th>
								<th scope="col">Assigned to</th>
								<th scope="col">Since</th>
							</tr>
						</thead>
						<tbody>
							{items.map((i) => (
								<tr key={i.id} id={`row-${i.id}`} aria-selected={selected.has(i.id)} class={`${i.id === cursor ? "cursor " : ""}${i.status}`}>
									<td class="pick"><input type="checkbox" checked={selected.has(i.id)} aria-label={`Select #${i.incident_number}`} onChange={() => toggle(i.id)} /></td>
									<td class="shrink state"><StatusMark status={i.status} /></td>
									<td class="what">
										<a class="title" href={href(["incidents", i.id])}>{i.title}</a>
										<div class="under">
											<span>#{i.incident_number}</span>
											<span>{i.service.summary}</span>
											{i.urgency === "low" && <Mark tone="calm">Low urgency</Mark>}
											{i.alert_counts && i.alert_counts.all > 1 && <span>{plural(i.alert_counts.all, "alert")}</span>}
										</div>
									</td>
									<td class="who-cell" data-label="Assigned to">{assignees(i) || (i.status === "resolved" ? "" : <span class="faint">nobody</span>)}</td>
									<td class="shrink since"><Time at={i.created_at} both="stack" /></td>
								</tr>
							))}
						</tbody>
					</table>
				)}
			</section>
			{page && (offset > 0 || page.more) && (
				<nav class="pages" aria-label="Pages">
					<button type="button" disabled={offset === 0} onClick={() => set({ offset: Math.max(0, offset - LIMIT) })}>Newer</button>
					<span class="faint">{count(offset + 1)}–{count(offset + items.length)}{page.total !== null && ` of ${count(page.total)}`}</span>
					<button type="button" disabled={!page.more} onClick={() => set({ offset: offset + LIMIT })}>Older</button>
				</nav>
			)}
			{confirm && (
				<Dialog title={`Resolve ${plural(confirm.length, "incident")}?`} onClose={() => setConfirm(null)}>
					<ul class="confirm-list">{confirm.slice(0, 8).map((i) => <li key={i.id}>#{i.incident_number} {i.title}</li>)}{confirm.length > 8 && <li>and {confirm.length - 8} more</li>}</ul>
					<p>Paging for them stops. A resolved incident stays resolved; a new event makes a new one.</p>
					<footer>
						<button type="button" onClick={() => setConfirm(null)}>Cancel</button>
						<button type="button" class="primary" autoFocus onClick={() => { const c = confirm; setConfirm(null); void doAct(c, "resolved"); }}>Resolve {confirm.length}</button>
					</footer>
				</Dialog>
			)}
		</>
	);
}

/** Nothing is open: has there ever been anything? */
function NoOpen() {
	const any = useLoad("any-incident", (s) => api.incidents({ statuses: [], urgency: "", service: "", q: "", offset: 0, limit: 1 }, s));
	if (!any.data) return <Loading what="incidents" />;
	if (any.data.items.length === 0) return <FirstEvent />;
	const last = any.data.items[0]!;
	return (
		<Empty title="No open incidents">
			<p>The last one, <a href={href(["incidents", last.id])}>#{last.incident_number} {last.title}</a>, began <Time at={last.created_at} />. <a href={href(["incidents"], { status: "resolved" })}>Show resolved ones</a>.</p>
		</Empty>
	);
}

