// SPDX-License-Identifier: Apache-2.0
//
// What a rule with this band would have done with the past: the same order as the server's (outside the band -> pending
// -> firing after `for`), on the points of a range query. Pure.

export interface Band {
	above: number | null;
	below: number | null;
}

export type Point = readonly [at: number, value: number]; // seconds since 1970, as Prometheus gives them

export interface Firing {
	/** Outside since; the rule fired `forS` later. */
	since: number;
	from: number;
	to: number;
	/** Still firing at the end of the points. */
	open: boolean;
	why: "above" | "below" | "condition" | "no data";
}

export interface Simulation {
	firings: Firing[];
	firingS: number;
	/** Times outside that were over before `for` had passed. */
	spared: number;
	/** Share of the evaluations with a value, 0..1. */
	covered: number;
}

/** Without any limit, every point is outside: the query itself is the condition. */
export function outside(value: number, band: Band): "above" | "below" | "condition" | null {
	if (band.above === null && band.below === null) return "condition";
	if (Number.isNaN(value)) return null;
	if (band.above !== null && value > band.above) return "above";
	if (band.below !== null && value < band.below) return "below";
	return null;
}

/**
 * Walks the evaluations start, start + step ... end. `points` are those of one series, ascending. With `noDataFires` an
 * evaluation without a point counts as outside.
 */
export function simulate(points: readonly Point[], band: Band, forS: number, start: number, end: number, stepS: number, noDataFires: boolean): Simulation {
	const result: Simulation = { firings: [], firingS: 0, spared: 0, covered: 0 };
	let next = 0;
	let since: number | null = null;
	let why: Firing["why"] = "above";
	let firing: Firing | null = null;
	let steps = 0;
	let seen = 0;
	const close = (at: number, open: boolean): void => {
		if (firing) {
			firing.to = at;
			firing.open = open;
			result.firings.push(firing);
			result.firingS += firing.to - firing.from;
		} else if (since !== null && !open) result.spared++;
		firing = null;
		since = null;
	};
	for (let i = 0; start + i * stepS <= end + stepS / 1000; i++) {
		const t = start + i * stepS;
		steps++;
		while (next < points.length && points[next]![0] < t - stepS / 2) next++;
		const point = next < points.length && points[next]![0] <= t + stepS / 2 ? points[next]! : null;
		if (point) seen++;
		const verdict: Firing["why"] | null = point ? outside(point[1], band) : noDataFires ? "no data" : null;
		if (verdict === null) {
			close(t, false);
			continue;
		}
		if (since === null) {
			since = t;
			why = verdict;
		}
		if (!firing && t - since >= forS) firing = { since, from: t, to: t, open: false, why };
	}
	close(end, true);
	result.covered = steps ? seen / steps : 0;
	return result;
}

/**
 * All series of a query. What no series covers, from the first point on, is judged as "no data" when that alerts: before
 * the first point there was nothing to watch.
 */
export function simulateAll(series: readonly (readonly Point[])[], band: Band, forS: number, start: number, end: number, stepS: number, noDataFires: boolean): Simulation {
	const total: Simulation = { firings: [], firingS: 0, spared: 0, covered: 0 };
	const add = (s: Simulation): void => {
		total.firings.push(...s.firings);
		total.firingS += s.firingS;
		total.spared += s.spared;
		total.covered = Math.max(total.covered, s.covered);
	};
	const seen = new Set<number>();
	for (const points of series) {
		add(simulate(points, band, forS, start, end, stepS, false));
		for (const [t] of points) seen.add(Math.round((t - start) / stepS));
	}
	const isCondition = band.above === null && band.below === null;
	if (seen.size > 0) {
		total.covered = seen.size / (Math.floor((end - start) / stepS + 1e-6) + 1);
		if (noDataFires && !isCondition) {
			const known = [...seen].sort((a, b) => a - b).map((i): Point => [start + i * stepS, 0]);
			const first = known[0]![0];
			const gaps = simulate(known, { above: Infinity, below: null }, forS, first, end, stepS, true);
			total.firings.push(...gaps.firings);
			total.firingS += gaps.firingS;
		}
	}
	total.firings.sort((a, b) => a.from - b.from);
	return total;
}
