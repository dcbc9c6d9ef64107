// SPDX-License-Identifier: Apache-2.0
//
// Series over time, drawn by uPlot, with the band that a rule watches and the times at which it fires. What the canvas
// shows is in the table beside it as well: a canvas says nothing to a screen reader.
import uPlot from "uplot";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import type { Band, Firing } from "./band";
import type { Series } from "./api";
import { dark, zone } from "./theme";
import { clock, shortDay, wallClock } from "./time";
import { value } from "./format";

export const COLORS = 8;
export const SERIES_MAX = 60; // more lines than this are a carpet

export interface Grid {
	times: number[];
	lines: (number | null)[][];
}

/** Steps at which a range is looked at: about 300 points, on round times. */
export function stepFor(rangeS: number, points = 300): number {
	const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400];
	return steps.find((s) => rangeS / s <= points) ?? Math.ceil(rangeS / points / 86400) * 86400;
}

/** The series on one grid of times; null where there is no point. */
export function gridOf(series: readonly Series[], start: number, end: number, step: number): Grid {
	const n = Math.max(0, Math.floor((end - start) / step + 1e-6) + 1);
	const times = Array.from({ length: n }, (_, i) => start + i * step);
	const lines = series.map((s) => {
		const line: (number | null)[] = new Array<number | null>(n).fill(null);
		for (const [t, v] of s.values) {
			const i = Math.round((t - start) / step);
			const x = Number(v === "+Inf" ? "Infinity" : v === "-Inf" ? "-Infinity" : v);
			if (i >= 0 && i < n && Number.isFinite(x)) line[i] = x;
		}
		return line;
	});
	return { times, lines };
}

export const colorOf = (i: number): string => `var(--chart-${(i % COLORS) + 1})`;

/** Points without a neighbour, which no line would show. */
function alone(u: uPlot, series: number): number[] {
	const line = u.data[series]!;
	const out: number[] = [];
	for (let i = 0; i < line.length; i++) if (line[i] != null && line[i - 1] == null && line[i + 1] == null) out.push(i);
	return out;
}

interface Props {
	grid: Grid;
	names: readonly string[];
	hidden?: ReadonlySet<number>;
	band?: Band | null;
	firings?: readonly Firing[];
	height?: number;
	label: string;
	onZoom?: (start: number, end: number) => void;
	onCursor?: (index: number | null) => void;
}

export function Chart({ grid, names, hidden, band, firings, height = 300, label, onZoom, onCursor }: Props) {
	const box = useRef<HTMLDivElement>(null);
	const plot = useRef<uPlot | null>(null);
	const handlers = useRef({ onZoom, onCursor });
	handlers.current = { onZoom, onCursor };
	const z = zone();
	const isDark = dark.value;

	useLayoutEffect(() => {
		const el = box.current!;
		const style = getComputedStyle(el);
		const css = (name: string): string => style.getPropertyValue(name).trim();
		const ink = css("--ink-3");
		const line = css("--line");
		const bad = css("--bad");
		const font = `12px ${css("--font")}`;
		const limits = band ? [band.above, band.below].filter((v): v is number => v !== null && Number.isFinite(v)) : [];

		const shade = (u: uPlot): void => {
			const c = u.ctx;
			const { left, top, width, height: h } = u.bbox;
			c.save();
			c.beginPath();
			c.rect(left, top, width, h);
			c.clip();
			c.fillStyle = bad;
			if (band && band.above !== null) {
				const y = u.valToPos(band.above, "y", true);
				c.globalAlpha = isDark ? .13 : .08;
				c.fillRect(left, top, width, Math.max(0, y - top));
			}
			if (band && band.below !== null) {
				const y = u.valToPos(band.below, "y", true);
				c.globalAlpha = isDark ? .13 : .08;
				c.fillRect(left, y, width, Math.max(0, top + h - y));
			}
			c.globalAlpha = isDark ? .3 : .2;
			let until = -Infinity; // several series may fire at once: one stripe
			for (const f of [...(firings ?? [])].sort((x, y) => x.from - y.from)) {
				const a = Math.max(until, u.valToPos(f.from, "x", true));
				const b = Math.max(a, u.valToPos(f.to, "x", true));
				if (b > until) c.fillRect(a, top, Math.max(2, b - a), h);
				until = Math.max(until, b);
			}
			c.restore();
		};
		const edges = (u: uPlot): void => {
			const c = u.ctx;
			const { left, width, top, height: h } = u.bbox;
			c.save();
			c.strokeStyle = bad;
			c.fillStyle = bad;
			c.lineWidth = 1.5 * devicePixelRatio;
			c.font = `${12 * devicePixelRatio}px ${css("--font")}`;
			c.textAlign = "right";
			for (const [v, word] of [[band?.above, "above"], [band?.below, "below"]] as const) {
				if (v === null || v === undefined) continue;
				const y = Math.round(u.valToPos(v, "y", true)) + .5;
				if (y < top || y > top + h) continue;
				c.setLineDash([6 * devicePixelRatio, 4 * devicePixelRatio]);
				c.beginPath();
				c.moveTo(left, y);
				c.lineTo(left + width, y);
				c.stroke();
				c.textBaseline = word === "above" ? "bottom" : "top";
				c.fillText(`${word} ${value(v)}`, left + width - 6 * devicePixelRatio, y + (word === "above" ? -3 : 3) * devicePixelRatio);
			}
			c.restore();
		};
		const u = new uPlot(
			{
				width: el.clientWidth || 600,
				height,
				tzDate: (t) => uPlot.tzDate(new Date(t * 1000), z),
				legend: { show: false },
				cursor: { drag: { x: true, y: false, setScale: false }, points: { size: 6 }, y: false },
				select: { show: true, left: 0, top: 0, width: 0, height: 0 },
				scales: {
					x: { time: true },
					y: {
						range: (_u, min, max) => {
							// The band belongs into the picture, unless it would press the line flat.
							let lo = min ?? 0;
							let hi = max ?? 1;
							for (const v of limits) {
								if (min === null || min === undefined || (hi - lo || Math.abs(hi) || 1) * 6 > Math.max(hi, v) - Math.min(lo, v)) {
									lo = Math.min(lo, v);
									hi = Math.max(hi, v);
								}
							}
							if (lo > 0 && lo < (hi - lo) * .6) lo = 0;
							const pad = (hi - lo || Math.abs(hi) || 1) * .08;
							return [lo === 0 ? 0 : lo - pad, hi + pad];
						},
					},
				},
				axes: [
					{
						stroke: ink, font, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 }, space: 70,
						values: (_u, splits, _a, _s, incr) => splits.map((s, i) => {
							const at = s * 1000;
							if (incr >= 86400) return shortDay(at, z);
							const p = wallClock(at, z);
							const text = clock(at, z, incr < 60);
							const before = i > 0 ? splits[i - 1] : undefined;
							return (p.hour === 0 && p.minute === 0 && p.second === 0) || (before === undefined && incr >= 3600) ? `${text}\n${shortDay(at, z)}` : text;
						}),
					},
					{ stroke: ink, font, grid: { stroke: line, width: 1 }, ticks: { show: false }, size: 58, values: (_u, splits) => splits.map((v) => value(v)) },
				],
				series: [
					{},
					...grid.lines.map((_, i) => ({
						label: names[i] ?? String(i), stroke: css(`--chart-${(i % COLORS) + 1}`), width: 1.6, spanGaps: false, points: { show: true, size: 6, filter: alone }, show: !hidden?.has(i),
					})),
				],
				hooks: {
					drawClear: [shade],
					draw: [edges],
					setSelect: [(p) => {
						const { left, width } = p.select;
						if (width < 8) return;
						const a = p.posToVal(left, "x");
						const b = p.posToVal(left + width, "x");
						p.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
						handlers.current.onZoom?.(a, b);
					}],
					setCursor: [(p) => handlers.current.onCursor?.(p.cursor.idx ?? null)],
				},
			},
			[grid.times, ...grid.lines] as uPlot.AlignedData,
			el,
		);
		plot.current = u;
		return () => {
			u.destroy();
			plot.current = null;
		};
	}, [grid, names, hidden, band?.above, band?.below, firings, height, isDark, z]);

	useEffect(() => {
		const watch = new ResizeObserver(() => {
			const w = box.current?.clientWidth ?? 0;
			if (plot.current && w > 0 && Math.abs(w - plot.current.width) > 1) plot.current.setSize({ width: w, height });
		});
		watch.observe(box.current!);
		return () => watch.disconnect();
	}, [height]);

	return <div class="chart" ref={box} role="img" aria-label={label} style={{ height: `${height}px` }} />;
}
