// SPDX-License-Identifier: Apache-2.0
//
// Asking the metrics: a PromQL expression over a range of time, as a chart and as a table. Everything is in the address, so a
// graph can be sent to somebody. Opened from a rule, it shows the rule's band.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import * as api from "../api";
import { useLoad } from "../live";
import { place, go, href } from "../router";
import { useShortcuts } from "../keys";
import { Chart, SERIES_MAX, colorOf, gridOf, stepFor, type Grid } from "../chart";
import { PromqlInput } from "../promql-input";
import type { Band } from "../band";
import { numberOf } from "../numbers";
import { Empty, Failure, Head, Icon, Loading, Segments, valueOf } from "../ui";
import { plural, seriesName, value } from "../format";
import { dateTime, formatSpan, zoneName } from "../time";
import { zone } from "../theme";
import { now } from "../live";

const RANGES = [
	{ value: "900", label: "15 min" },
	{ value: "3600", label: "1 h" },
	{ value: "21600", label: "6 h" },
	{ value: "86400", label: "1 d" },
	{ value: "604800", label: "7 d" },
	{ value: "2592000", label: "30 d" },
] as const;


export interface Stats {
	last: number | null;
	min: number | null;
	mean: number | null;
	max: number | null;
}
export function statsOf(line: readonly (number | null)[]): Stats {
	const s: Stats = { last: null, min: null, mean: null, max: null };
	let sum = 0;
	let n = 0;
	for (const v of line) {
		if (v === null) continue;
		s.last = v;
		s.min = s.min === null ? v : Math.min(s.min, v);
		s.max = s.max === null ? v : Math.max(s.max, v);
		sum += v;
		n++;
	}
	if (n > 0) s.mean = sum / n;
	return s;
}

const show = (v: number | null): string => (v === null ? "–" : value(v));

export function Legend({ grid, names, hidden, onToggle, cursor }: { grid: Grid; names: readonly string[]; hidden: ReadonlySet<number>; onToggle: (i: number, alone: boolean) => void; cursor: number | null }) {
	const stats = useMemo(() => grid.lines.map(statsOf), [grid]);
	const at = cursor !== null ? grid.times[cursor] : undefined;
	return (
		<div class="scroll legend">
			<table class="table">
				<caption class="sr">The series of the chart; a button hides or shows each</caption>
				<thead><tr>
					<th scope="col" class="wide">Series</th>
					<th scope="col" class="num fixed">{at !== undefined ? dateTime(at * 1000, zone(), now.value, true) : "Last"}</th>
					<th scope="col" class="num spare">Min</th><th scope="col" class="num spare">Mean</th><th scope="col" class="num">Max</th>
				</tr></thead>
				<tbody>
					{names.map((n, i) => (
						<tr key={n} class={hidden.has(i) ? "off" : ""}>
							<th scope="row" class="plain-th">
								<button type="button" class="plain swatch" aria-pressed={!hidden.has(i)} title="Press to hide or show; with Shift, only this one" onClick={(e) => onToggle(i, e.shiftKey)}>
									<i style={{ background: colorOf(i) }} /><span class="mono">{n}</span>
								</button>
							</th>
							<td class="num">{show(cursor !== null ? grid.lines[i]![cursor] ?? null : stats[i]!.last)}</td>
							<td class="num spare">{show(stats[i]!.min)}</td><td class="num spare">{show(stats[i]!.mean)}</td><td class="num">{show(stats[i]!.max)}</td>
						</tr>
					))}
				</tbody>
			</table>
		</div>
	);
}

/** Which series are hidden; Shift shows one alone, and again all. */
export function useHidden(count: number): [ReadonlySet<number>, (i: number, alone: boolean) => void, () => void] {
	const [hidden, setHidden] = useState<ReadonlySet<number>>(new Set());
	const toggle = (i: number, alone: boolean): void => {
		if (alone) {
			const others = new Set(Array.from({ length: count }, (_, k) => k).filter((k) => k !== i));
			setHidden(!hidden.has(i) && hidden.size === count - 1 ? new Set() : others);
			return;
		}
		const next = new Set(hidden);
		if (!next.delete(i)) next.add(i);
		setHidden(next);
	};
	return [hidden, toggle, () => setHidden(new Set())];
}

function Result({ expr, start, end, band, onZoom, round }: { expr: string; start: number; end: number; band: Band | null; onZoom: (a: number, b: number) => void; round: number }) {
	const step = stepFor(end - start);
	// The last point is the end, not the last round time before it: what has just begun counts.
	const to = Math.min(end, Math.floor(Date.now() / 1000)); // beyond now, an old value would look like a new one
	const from = to - Math.floor((end - start) / step) * step;
	const load = useLoad(`range ${expr} ${from} ${to} ${step} ${round}`, (s) => api.queryRange(expr, from, to, step, s));
	const last = useRef<{ series: api.Series[]; from: number; to: number; step: number } | null>(null);
	if (load.data) last.current = { series: load.data, from, to, step };
	const got = last.current; // the old picture stays until the new one is there
	const drawn = got ? got.series.slice(0, SERIES_MAX) : [];
	const names = useMemo(() => drawn.map((s) => (Object.keys(s.metric).length === 0 ? expr : seriesName(s.metric))), [got?.series]);
	const grid = useMemo(() => (got ? gridOf(drawn, got.from, got.to, got.step) : null), [got?.series, got?.from]);
	const [hidden, toggle, reset] = useHidden(drawn.length);
	const [cursor, setCursor] = useState<number | null>(null);
	useEffect(reset, [expr]);
	if (load.error) return <Failure error={load.error} what="The query failed" retry={load.reload} />;
	if (!got || !grid) return <div class="card"><div class="chart-wait"><Loading what="the chart" rows={6} /></div></div>;
	if (got.series.length === 0) {
		return <div class="card"><Empty title="No data" icon="chart"><p>The query is right, but nothing matches it in this range. A longer range, or fewer labels?</p></Empty></div>;
	}
	const stats = grid.lines.map(statsOf);
	return (
		<section class={load.loading ? "card chart-card busy" : "card chart-card"} aria-busy={load.loading}>
			<Chart
				grid={grid} names={names} hidden={hidden} band={band} onZoom={onZoom} onCursor={setCursor} height={340}
				label={`Chart of ${plural(drawn.length, "series", "series")}. ${drawn.slice(0, 3).map((_, i) => `${names[i]}: last ${show(stats[i]!.last)}, from ${show(stats[i]!.min)} to ${show(stats[i]!.max)}`).join(". ")}`}
			/>
			<p class="pad faint chart-note">
				A point every {formatSpan(got.step * 1000)} · times in {zoneName(got.to * 1000, zone())} · drag to zoom in
				{got.series.length > SERIES_MAX && <strong> · the first {SERIES_MAX} of {got.series.length} series</strong>}
			</p>
			<Legend grid={grid} names={names} hidden={hidden} onToggle={toggle} cursor={cursor} />
		</section>
	);
}

export function ExploreScreen() {
	const p = place.value.params;
	const ruleName = p.get("rule") ?? "";
	const rules = useLoad(ruleName ? `rule ${ruleName}` : "no rule", (s) => (ruleName ? api.rules(s) : Promise.resolve([])));
	const rule = rules.data?.flatMap((g) => g.rules).find((r) => r.name === ruleName);
	const expr = p.get("q") ?? rule?.query ?? "";
	const [text, setText] = useState(expr);
	const [round, setRound] = useState(0);
	useEffect(() => setText(expr), [expr]);
	const fixedStart = Number(p.get("start")) || 0;
	const fixedEnd = Number(p.get("end")) || 0;
	const range = Number(p.get("range")) || 3600;
	// The end stays where it was until something is asked again, so a chart does not run away.
	const end = useMemo(() => fixedEnd || Math.floor(Date.now() / 1000), [fixedEnd, range, expr, round]);
	const start = fixedEnd ? fixedStart || fixedEnd - range : end - range;
	const band: Band | null = rule ? { above: numberOf(rule.above), below: numberOf(rule.below) } : p.get("above") || p.get("below") ? { above: numberOf(p.get("above")), below: numberOf(p.get("below")) } : null;

	const set = (change: Record<string, string | number>): void => {
		const next = { q: p.get("q") ?? "", rule: ruleName, above: p.get("above") ?? "", below: p.get("below") ?? "", range: p.get("range") ?? "", start: p.get("start") ?? "", end: p.get("end") ?? "", ...change };
		go(href(["explore"], next));
	};
	const run = (): void => {
		const t = text.trim();
		if (t === expr) setRound(round + 1);
		else set({ q: t, rule: rule && t !== rule.query ? "" : ruleName });
	};
	const zoom = (a: number, b: number): void => {
		if (b - a < 10) return;
		set({ start: Math.floor(a), end: Math.ceil(b) });
	};
	const move = (by: number): void => set({ start: Math.round(start + (end - start) * by), end: Math.min(Math.floor(Date.now() / 1000), Math.round(end + (end - start) * by)) });
	useShortcuts([
		{ keys: "/", does: "To the query", run: () => document.getElementById("expr")?.focus() },
		{ keys: "[", does: "Earlier", run: () => move(-.5) },
		{ keys: "]", does: "Later", run: () => move(.5) },
		{ keys: "-", does: "Zoom out", run: () => { const d = (end - start) / 2; set({ start: Math.round(start - d), end: Math.min(Math.floor(Date.now() / 1000), Math.round(end + d)) }); } },
	]);
	const refresh = (): void => {
		if (fixedEnd) set({ start: "", end: "" });
		else setRound(round + 1);
	};
	return (
		<>
			<Head title="Metrics" sub={rule && band?.above === null && band.below === null ? <>The query of <a href={href(["alerts", rule.name])}>{rule.name}</a>, which fires on whatever it gives</> : rule ? <>With the band of <a href={href(["alerts", rule.name])}>{rule.name}</a>: {band?.above !== null && <>above {value(band!.above!)}</>}{band?.above !== null && band?.below !== null && " or "}{band?.below !== null && <>below {value(band!.below!)}</>} is wrong</> : undefined}>
				{expr && api.mayAdmin() && <a class="button" href={href(["alerts", "new"], { query: expr })}><Icon name="bell" />Alert on this</a>}
			</Head>
			<form class="ask" onSubmit={(e) => { e.preventDefault(); run(); }}>
				<label class="sr" for="expr">PromQL expression</label>
				<PromqlInput id="expr" value={text} onInput={setText} onRun={run} describedBy="expr-help" />
				<button type="submit" class="primary">Run</button>
			</form>
			<p class="hint" id="expr-help"><kbd>Enter</kbd> runs, <kbd>Tab</kbd> completes, <kbd>Shift</kbd> <kbd>Enter</kbd> breaks the line</p>
			<div class="filters">
				<Segments label="Range" value={fixedEnd ? "" : String(range)} choices={RANGES as readonly { value: string; label: string }[]} onChange={(v) => set({ range: v === "3600" ? "" : v, start: "", end: "" })} />
				<span class="group">
					<button type="button" aria-label="Earlier" title="Earlier" onClick={() => move(-.5)}>←</button>
					<button type="button" aria-label="Later" title="Later" onClick={() => move(.5)}>→</button>
					<button type="button" onClick={refresh}>{fixedEnd ? "Back to now" : "Refresh"}</button>
				</span>
				{fixedEnd > 0 && <span class="faint range-text">{dateTime(start * 1000, zone(), now.value)} – {dateTime(end * 1000, zone(), now.value)} {zoneName(end * 1000, zone())}</span>}
			</div>
			{rules.error && !expr && <Failure error={rules.error} what={`What ${ruleName} watches is not known`} retry={rules.reload} />}
			{rules.data && ruleName && !rule && <div class="note warn"><div>There is no rule {ruleName} (any more).</div></div>}
			{ruleName && !rules.data && !rules.error && !expr ? <Loading what="the rule" /> : expr
				? <Result expr={expr} start={start} end={end} band={band} onZoom={zoom} round={round} />
				: <Start onPick={(m) => set({ q: m })} />}
		</>
	);
}

function Start({ onPick }: { onPick: (metric: string) => void }) {
	const load = useLoad("all metrics", (s) => api.labelValues("__name__", undefined, s));
	const [q, setQ] = useState("");
	if (load.error) return <Failure error={load.error} what="The metrics cannot be listed" retry={load.reload} />;
	if (!load.data) return <div class="card"><Loading what="metrics" /></div>;
	if (load.data.length === 0) {
		return (
			<div class="card"><Empty title="No metrics yet" icon="chart">
				<p>Send some: StatsD to UDP port 8125, or Prometheus remote write to <code>{location.origin}/api/v1/write</code>.</p>
			</Empty></div>
		);
	}
	const fits = load.data.filter((m) => m.toLowerCase().includes(q.trim().toLowerCase()));
	return (
		<section class="card" aria-label="Metrics">
			<header><h2>{plural(load.data.length, "metric")}</h2><div class="aside"><label class="sr" for="metric-q">Find a metric</label><input id="metric-q" type="search" placeholder="Find a metric" value={q} onInput={(e) => setQ(valueOf(e))} /></div></header>
			<ul class="metrics">{fits.slice(0, 300).map((m) => <li key={m}><button type="button" class="plain mono" onClick={() => onPick(m)}>{m}</button></li>)}</ul>
			{fits.length > 300 && <p class="pad faint">The first 300 of {fits.length}.</p>}
		</section>
	);
}
