// SPDX-License-Identifier: Apache-2.0
//
// A schedule's final timeline as bars: shifts, gaps (nobody!) and which parts come from an override. Pure.
import type { ScheduleEntry } from "./api";
import { parseTime } from "./time";

export interface Shift {
	from: number;
	to: number;
	/** null: a gap, nobody is on call. */
	who: string | null;
	override: boolean;
}

function spans(list: readonly ScheduleEntry[] | null | undefined): { from: number; to: number; who: string | null }[] {
	const out: { from: number; to: number; who: string | null }[] = [];
	for (const e of list ?? []) {
		const from = parseTime(e.start);
		const to = parseTime(e.end);
		if (from !== null && to !== null && to > from) out.push({ from, to, who: e.user ? e.user.summary : null });
	}
	return out.sort((a, b) => a.from - b.from);
}

/** The whole of [from, to), without a hole: what nobody covers is a gap. Parts of an override are split off. */
export function shiftsOf(final: readonly ScheduleEntry[] | null | undefined, overrides: readonly ScheduleEntry[] | null | undefined, from: number, to: number): Shift[] {
	const over = spans(overrides);
	const out: Shift[] = [];
	const push = (s: Shift): void => {
		if (s.to <= s.from) return;
		const last = out[out.length - 1];
		if (last && last.who === s.who && last.override === s.override && last.to === s.from) last.to = s.to;
		else out.push(s);
	};
	const covered = (a: number, b: number, who: string | null): void => {
		let at = a;
		for (const o of over) {
			if (o.to <= at || o.from >= b || o.who !== who) continue;
			push({ from: at, to: Math.max(at, o.from), who, override: false });
			push({ from: Math.max(at, o.from), to: Math.min(b, o.to), who, override: true });
			at = Math.min(b, o.to);
		}
		push({ from: at, to: b, who, override: false });
	};
	let at = from;
	for (const s of spans(final)) {
		if (s.to <= at) continue;
		if (s.from >= to) break;
		covered(at, Math.min(s.from, to), null);
		at = Math.max(at, s.from);
		covered(at, Math.min(s.to, to), s.who);
		at = Math.min(s.to, to);
	}
	covered(at, to, null);
	return out;
}

export function gapTime(list: readonly Shift[]): number {
	return list.reduce((sum, s) => sum + (s.who === null ? s.to - s.from : 0), 0);
}
