// SPDX-License-Identifier: Apache-2.0
// Numbers and small texts. Pure.

/** A measured value in few characters: 0.00123, 12.4, 1.23k, 4.5M. */
export function value(v: number): string {
	if (Number.isNaN(v)) return "NaN";
	if (!Number.isFinite(v)) return v > 0 ? "+Inf" : "-Inf";
	const size = Math.abs(v);
	if (size === 0) return "0";
	if (size >= 1e15 || size < 1e-6) return v.toExponential(2);
	for (const [limit, unit] of [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e4, "k"]] as const) {
		if (size >= limit) return trim(v / (unit === "k" ? 1e3 : limit)) + unit;
	}
	return trim(v);
}

function trim(v: number): string {
	return String(Number(v.toPrecision(4)));
}

/** 1,234 */
export function count(n: number): string {
	return n.toLocaleString("en-GB");
}

/** "1 event", "2 events" */
export function plural(n: number, one: string, many = `${one}s`): string {
	return `${count(n)} ${n === 1 ? one : many}`;
}

/** A series as Prometheus writes it: name{label="value", ...}. */
export function seriesName(labels: Readonly<Record<string, string>>): string {
	const rest = Object.entries(labels).filter(([k]) => k !== "__name__").sort(([a], [b]) => (a < b ? -1 : 1));
	const name = labels.__name__ ?? "";
	if (rest.length === 0) return name || "{}";
	return `${name}{${rest.map(([k, v]) => `${k}="${v.replace(/\\/g, "\\\\").replace(/"/g, '\\"')}"`).join(", ")}}`;
}

/** First letter large; for the server's words in headings. */
export function capital(text: string): string {
	return text.charAt(0).toUpperCase() + text.slice(1);
}

/** The same small number for the same name, below `n`. */
export function hashOf(name: string, n: number): number {
	let h = 2166136261;
	for (let i = 0; i < name.length; i++) h = Math.imul(h ^ name.charCodeAt(i), 16777619);
	return (h >>> 0) % n;
}
