// SPDX-License-Identifier: Apache-2.0
//
// Times as people read them: relative and absolute, always with a zone. Pure: "now" is a parameter.
// Instants are milliseconds since 1970 UTC; the API's are ISO 8601 text.

export const SECOND = 1000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

export const browserZone: string = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";

/** null for what is empty or no time. */
export function parseTime(text: string | null | undefined): number | null {
	if (!text) return null;
	const at = Date.parse(text);
	return Number.isNaN(at) ? null : at;
}

/** "45 s", "12 min", "3 h 20 min", "5 d 4 h": at most two units, never rounded up. */
export function formatSpan(ms: number): string {
	const s = Math.floor(Math.abs(ms) / SECOND);
	if (s < 60) return `${s} s`;
	const min = Math.floor(s / 60);
	if (min < 10 && s % 60 !== 0) return `${min} min ${s % 60} s`;
	if (min < 60) return `${min} min`;
	const h = Math.floor(min / 60);
	if (h < 24) return min % 60 && h < 10 ? `${h} h ${min % 60} min` : `${h} h`;
	const d = Math.floor(h / 24);
	return h % 24 && d < 10 ? `${d} d ${h % 24} h` : `${d} d`;
}

export function relative(at: number, now: number): string {
	const gap = at - now;
	const size = Math.abs(gap);
	if (size < 2 * SECOND) return gap <= 0 ? "just now" : "now";
	let text: string;
	if (size < MINUTE) text = `${Math.floor(size / SECOND)} s`;
	else if (size < HOUR) text = `${Math.floor(size / MINUTE)} min`;
	else if (size < DAY) text = `${Math.floor(size / HOUR)} h`;
	else text = `${Math.floor(size / DAY)} d`;
	return gap < 0 ? `${text} ago` : `in ${text}`;
}

/** "in 4:05" for what is about to happen, else relative. */
export function countdown(at: number, now: number): string {
	const gap = at - now;
	if (gap <= 0) return gap > -2 * SECOND ? "now" : `due ${relative(at, now)}`;
	if (gap >= HOUR) return `in ${formatSpan(gap)}`;
	const s = Math.ceil(gap / SECOND);
	return `in ${Math.floor(s / 60)}:${String(s % 60).padStart(2, "0")}`;
}

const formats = new Map<string, Intl.DateTimeFormat>();
function formatter(zone: string, options: Intl.DateTimeFormatOptions, key: string): Intl.DateTimeFormat {
	const id = `${zone}|${key}`;
	let f = formats.get(id);
	if (!f) {
		try {
			f = new Intl.DateTimeFormat("en-GB", { ...options, timeZone: zone, hourCycle: "h23" });
		} catch {
			f = new Intl.DateTimeFormat("en-GB", { ...options, timeZone: "UTC", hourCycle: "h23" }); // a zone that this browser lacks
		}
		formats.set(id, f);
	}
	return f;
}

interface Parts {
	year: number;
	month: number;
	day: number;
	hour: number;
	minute: number;
	second: number;
}

/** The wall clock of a zone at an instant. */
export function wallClock(at: number, zone: string): Parts {
	const f = formatter(zone, { year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric", second: "numeric" }, "parts");
	const out: Record<string, number> = {};
	for (const p of f.formatToParts(at)) if (p.type !== "literal") out[p.type] = Number(p.value);
	return { year: out.year!, month: out.month!, day: out.day!, hour: out.hour!, minute: out.minute!, second: out.second! };
}

/** How far the zone's wall clock is ahead of UTC, in ms. */
export function zoneOffset(at: number, zone: string): number {
	const p = wallClock(at, zone);
	return Date.UTC(p.year, p.month - 1, p.day, p.hour, p.minute, p.second) - Math.floor(at / SECOND) * SECOND;
}

/** The instant at which the zone's wall clock shows this; in a gap, the instant after it. */
export function fromWallClock(year: number, month: number, day: number, hour: number, zone: string): number {
	const naive = Date.UTC(year, month - 1, day, hour);
	const first = naive - zoneOffset(naive, zone);
	const second = naive - zoneOffset(first, zone);
	return Math.max(first, second) === first && zoneOffset(first, zone) === naive - first ? first : second;
}

/** The beginnings of `count` + 1 days in the zone, from the day that `at` is in. Days may have 23 or 25 hours. */
export function dayStarts(at: number, count: number, zone: string): number[] {
	const p = wallClock(at, zone);
	const out: number[] = [];
	for (let i = 0; i <= count; i++) {
		const d = new Date(Date.UTC(p.year, p.month - 1, p.day + i));
		out.push(fromWallClock(d.getUTCFullYear(), d.getUTCMonth() + 1, d.getUTCDate(), 0, zone));
	}
	return out;
}

const names = new Map<string, string>();
/** "WET", "UTC", "GMT+1": as short as the browser knows it. */
export function zoneName(at: number, zone: string): string {
	const offset = zoneOffset(at, zone);
	const id = `${zone}|${offset}`;
	let name = names.get(id);
	if (name === undefined) {
		// Each English knows the names of its own part of the world; the others are offsets.
		for (const locale of ["en-GB", "en-US", "en-AU", "en-IN", "en-ZA"]) {
			try {
				const parts = new Intl.DateTimeFormat(locale, { timeZone: zone, timeZoneName: "short" }).formatToParts(at);
				const found = parts.find((p) => p.type === "timeZoneName")?.value ?? zone;
				name ??= found;
				if (!/^(GMT|UTC)[+-]/.test(found)) {
					name = found;
					break;
				}
			} catch {
				break; // a zone that this browser lacks
			}
		}
		name ??= "UTC";
		names.set(id, name);
	}
	return name;
}

/** "22 Nov 13:05", with the year when it is not now's, with seconds on demand; without the zone's name. */
export function dateTime(at: number, zone: string, now: number, seconds = false): string {
	const year = wallClock(at, zone).year !== wallClock(now, zone).year;
	const date = formatter(zone, { day: "numeric", month: "short", ...(year ? { year: "numeric" } : {}) }, `date${year}`).format(at);
	return `${date} ${clock(at, zone, seconds)}`;
}

export function clock(at: number, zone: string, seconds = false): string {
	return formatter(zone, { hour: "2-digit", minute: "2-digit", ...(seconds ? { second: "2-digit" } : {}) }, `clock${seconds}`).format(at);
}

/** "Sun 22 Nov" */
export function dayName(at: number, zone: string): string {
	return formatter(zone, { weekday: "short", day: "numeric", month: "short" }, "day").format(at).replace(",", "");
}

export function shortDay(at: number, zone: string): string {
	return formatter(zone, { day: "numeric", month: "short" }, "shortday").format(at);
}

export function weekday(at: number, zone: string): string {
	return formatter(zone, { weekday: "short" }, "weekday").format(at);
}

/** The whole truth, for titles: "Sunday 22 November 2026 13:05:33 GMT+1". */
export function fullTime(at: number, zone: string): string {
	const date = formatter(zone, { weekday: "long", day: "numeric", month: "long", year: "numeric" }, "full").format(at).replace(",", "");
	return `${date} ${clock(at, zone, true)} ${zoneName(at, zone)}`;
}

const UNITS: Record<string, number> = { ms: 1, s: SECOND, m: MINUTE, h: HOUR, d: DAY, w: 7 * DAY };

/** A duration as in the configuration (500ms, 10s, 1m30s, 7d) in ms; null when it is none. */
export function parseSpan(text: string): number | null {
	const trimmed = text.trim();
	if (!/^(\d+(ms|s|m|h|d|w))+$/.test(trimmed)) return null;
	let total = 0;
	for (const [, n, unit] of trimmed.matchAll(/(\d+)(ms|s|m|h|d|w)/g)) total += Number(n) * UNITS[unit!]!;
	return Number.isSafeInteger(total) ? total : null;
}
