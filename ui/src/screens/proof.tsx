// SPDX-License-Identifier: Apache-2.0
//
// The ledger: for every rule, route, provider and person, when it was last proven to work and by what. What was never
// proven stands first. A test page proves a contact at once, and its fate is followed here.
import { useEffect, useState } from "preact/hooks";
import * as api from "../api";
import { useLoad, changes } from "../live";
import { place, go, href } from "../router";
import { Card, Empty, Failure, Head, Loading, Outdated, ProofMark, Segments, Time, provenBy, say, sayError, valueOf } from "../ui";
import { PageState } from "./incident";
import { plural } from "../format";
import { parseTime } from "../time";

const KINDS = [
	{ kind: "person", title: "People", says: "Proven by a receipt, or when the reader presses the link in a page." },
	{ kind: "provider", title: "Providers", says: "Does what carries the pages work?" },
	{ kind: "route", title: "Routes", says: "Does an incident of this service get out this way?" },
	{ kind: "rule", title: "Rules", says: "Has the rule ever fired in earnest?" },
] as const;
const ORDER: Record<api.ProofState, number> = { broken: 0, never: 1, stale: 2, proven: 3 };
type Shown = "all" | "open" | "proven";

/** "ana/mail" -> who and over what. Names of contacts hold no slash before the first. */
function personOf(subject: string): { user: string; contact: string } {
	const at = subject.indexOf("/");
	return at < 0 ? { user: subject, contact: "" } : { user: subject.slice(0, at), contact: subject.slice(at + 1) };
}

function Evidence({ p }: { p: api.Proof }) {
	if (!p.evidence) return <span class="faint">–</span>;
	if (p.by === "fired" && /^Q[0-9A-V]{13}$/.test(p.evidence)) return <a href={href(["incidents", p.evidence])}>the incident</a>;
	return <code class="small-text">{p.evidence}</code>;
}

/** The test pages of the last while, newest first: a test proves something only when its page arrives. */
function Tests({ since }: { since: number }) {
	const load = useLoad("test-pages", (s) => api.messages("test", s), true);
	useEffect(() => {
		if (since === 0) return undefined;
		// A test is short; its states are worth seeing as they change.
		let rounds = 0;
		const timer = setInterval(() => {
			load.reload();
			if (++rounds > 20) clearInterval(timer);
		}, 1000);
		return () => clearInterval(timer);
	}, [since]);
	const list = [...(load.data?.messages ?? [])].sort((a, b) => (a.created_at < b.created_at ? 1 : -1)).slice(0, 5);
	if (load.error && !load.data) return null;
	if (list.length === 0) return null;
	return (
		<Card title="Test pages" aside="the last ones">
			<ul class="tests" aria-live="polite">
				{list.map((m) => (
					<li key={m.id}>
						<strong>{m.user || "Fallback"}</strong><span>{m.contact}</span><PageState state={m.state} duplicate={m.maybe_duplicate} error={m.error} />
						<span class="faint">{m.provider && `through ${m.provider}`}</span><Time at={m.created_at} both />
						{m.error && <span class="error-text">{m.error}</span>}
					</li>
				))}
			</ul>
		</Card>
	);
}

export function ProofScreen() {
	const load = useLoad("proofs", api.proofs, true);
	const kind = place.value.params.get("kind") ?? "";
	const show = (["open", "proven"].includes(place.value.params.get("show") ?? "") ? place.value.params.get("show") : "all") as Shown;
	const [q, setQ] = useState("");
	const [testing, setTesting] = useState("");
	const [since, setSince] = useState(0);
	const test = async (subject: string): Promise<void> => {
		const { user, contact } = personOf(subject);
		setTesting(subject);
		try {
			await api.testPage(user, contact);
			say(`A test page to ${user} over ${contact} is on its way.`);
			setSince(Date.now());
			changes.value++;
		} catch (e) {
			sayError("No test page was sent", e);
		}
		setTesting("");
	};
	const all = load.data ?? [];
	const real = (p: api.Proof): api.ProofState => (p.state === "proven" && parseTime(p.proven_at) === null ? "never" : p.state);
	const counts = { proven: all.filter((p) => real(p) === "proven").length, broken: all.filter((p) => real(p) === "broken").length };
	const fits = (p: api.Proof): boolean =>
		(kind === "" || p.kind === kind) && (show === "all" || (show === "proven") === (real(p) === "proven")) && p.subject.toLowerCase().includes(q.trim().toLowerCase());
	const set = (change: Record<string, string>): void => go(href(["proof"], { kind, show: show === "all" ? "" : show, ...change }));
	const sections = KINDS.map((k) => ({
		...k,
		of: all.filter((p) => p.kind === k.kind),
		list: all.filter((p) => p.kind === k.kind && fits(p)).sort((a, b) => ORDER[real(a)] - ORDER[real(b)] || (a.subject < b.subject ? -1 : 1)),
	})).filter((s) => s.list.length > 0);
	return (
		<>
			<Head title="Proof" sub={load.data ? `${counts.proven} of ${plural(all.length, "subject")} proven${counts.broken ? `, ${counts.broken} broken` : ""}. A proof that is too old counts no more.` : "When each part was last proven to work."} />
			<Outdated error={load.data ? load.error : null} at={load.at} retry={load.reload} />
			<div class="filters">
				<Segments label="Which" value={show} choices={[{ value: "all", label: "All" }, { value: "open", label: "Not proven" }, { value: "proven", label: "Proven" }]} onChange={(v) => set({ show: v === "all" ? "" : v })} />
				<Segments label="Kind" value={kind} choices={[{ value: "", label: "Everything" }, ...KINDS.map((k) => ({ value: k.kind as string, label: k.title }))]} onChange={(v) => set({ kind: v })} />
				<label class="sr" for="proof-q">Search</label>
				<input id="proof-q" type="search" placeholder="Search" value={q} onInput={(e) => setQ(valueOf(e))} />
			</div>
			<div class="stack-gap">
				{load.error && !load.data && <Failure error={load.error} what="The ledger cannot be shown, so nothing here is proven" retry={load.reload} />}
				{!load.data && !load.error && <div class="card"><Loading what="the ledger" rows={8} /></div>}
				{api.mayAdmin() && <Tests since={since} />}
				{load.data && sections.length === 0 && (
					<div class="card">{all.length === 0
						? <Empty title="Nothing to prove yet" icon="shield"><p>Once people, providers and rules are configured, each has a line here.</p></Empty>
						: <Empty title="Nothing fits" icon="shield"><p><a href={href(["proof"])}>Show everything</a></p></Empty>}</div>
				)}
				{sections.map((s) => (
					<Card key={s.kind} title={s.title} aside={<>{s.says} <strong>{s.of.filter((p) => real(p) === "proven").length} of {s.of.length}</strong> proven</>}>
						<table class="table blocks ledger">
							<thead><tr><th scope="col">{s.title}</th><th scope="col">State</th><th scope="col">Last proven</th><th scope="col">By</th><th scope="col">Evidence</th>{s.kind === "person" && api.mayAdmin() && <th scope="col"><span class="sr">Test</span></th>}</tr></thead>
							<tbody>
								{s.list.map((p) => {
									const who = s.kind === "person" ? personOf(p.subject) : null;
									return (
										<tr key={p.subject}>
											<th scope="row" class="plain-th wide">
												{who ? <><a href={href(["directory", "User", who.user])}>{who.user || "Fallback"}</a> <span class="faint">{who.contact}</span></>
													: s.kind === "rule" ? <a href={href(["alerts", p.subject])}>{p.subject}</a> : p.subject}
											</th>
											<td class="shrink"><ProofMark state={real(p)} /></td>
											<td class="shrink" data-label="Last proven"><Time at={p.proven_at} both /></td>
											<td class="shrink" data-label="By">{provenBy(p.by) || <span class="faint">–</span>}</td>
											<td class="shrink" data-label="Evidence"><Evidence p={p} /></td>
											{who && api.mayAdmin() && (
												<td class="shrink"><button type="button" class="small" disabled={testing !== ""} aria-label={`Send a test page to ${p.subject}`} onClick={() => void test(p.subject)}>{testing === p.subject ? "Sending…" : "Send test page"}</button></td>
											)}
										</tr>
									);
								})}
							</tbody>
						</table>
					</Card>
				))}
			</div>
		</>
	);
}
