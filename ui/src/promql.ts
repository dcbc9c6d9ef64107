// SPDX-License-Identifier: Apache-2.0
//
// What may stand where the caret is in a PromQL text: enough of a scanner to offer metrics, functions, label names
// and label values. Not a parser: the server says what is wrong with a query. Pure.

export const FUNCTIONS: readonly string[] = [
	"abs", "absent", "absent_over_time", "avg", "avg_over_time", "bottomk", "ceil", "changes", "clamp", "clamp_max", "clamp_min",
	"count", "count_over_time", "count_values", "day_of_month", "day_of_week", "days_in_month", "delta", "deriv", "exp", "floor", "group",
	"histogram_avg", "histogram_count", "histogram_fraction", "histogram_quantile", "histogram_sum", "hour", "idelta", "increase", "irate",
	"label_join", "label_replace", "last_over_time", "ln", "log10", "log2", "max", "max_over_time", "min", "min_over_time", "minute", "month",
	"predict_linear", "present_over_time", "quantile", "quantile_over_time", "rate", "resets", "round", "scalar", "sgn", "sort", "sort_desc",
	"sqrt", "stddev", "stddev_over_time", "stdvar", "sum", "sum_over_time", "time", "timestamp", "topk", "vector", "year",
];

export type Place =
	| { kind: "name"; prefix: string; from: number }
	| { kind: "label"; prefix: string; from: number; metric: string }
	| { kind: "value"; prefix: string; from: number; metric: string; label: string }
	| { kind: "none" };

const WORD = /[A-Za-z0-9_:.]/;

export function placeAt(text: string, caret: number): Place {
	let brace = -1; // where the open { is
	let quote = ""; // inside a string
	let quoteAt = -1;
	let grouping = -1; // where the open ( of by/without/on/ignoring is
	for (let i = 0; i < caret; i++) {
		const c = text[i]!;
		if (quote) {
			if (c === "\\" && quote !== "`") i++;
			else if (c === quote) quote = "";
		} else if (c === '"' || c === "'" || c === "`") {
			quote = c;
			quoteAt = i;
		} else if (c === "{") brace = i;
		else if (c === "}") brace = -1;
		else if (c === "(" && /\b(by|without|on|ignoring|group_left|group_right)\s*$/.test(text.slice(0, i))) grouping = i;
		else if (c === ")") grouping = -1;
	}
	let from = caret;
	while (from > 0 && WORD.test(text[from - 1]!)) from--;
	if (brace >= 0) {
		const metric = /([A-Za-z_:][A-Za-z0-9_:]*)\s*$/.exec(text.slice(0, brace))?.[1] ?? "";
		if (quote) {
			const label = /([A-Za-z_][A-Za-z0-9_]*)\s*(?:=~|!~|!=|=)\s*$/.exec(text.slice(brace + 1, quoteAt))?.[1];
			return label ? { kind: "value", prefix: text.slice(quoteAt + 1, caret), from: quoteAt + 1, metric, label } : { kind: "none" };
		}
		const before = text.slice(brace + 1, from).trimEnd();
		if (before === "" || before.endsWith(",")) return { kind: "label", prefix: text.slice(from, caret), from, metric };
		return { kind: "none" };
	}
	if (quote) return { kind: "none" };
	const prefix = text.slice(from, caret);
	if (grouping >= 0) {
		const metric = /([A-Za-z_:][A-Za-z0-9_:]*)\s*[[{]/.exec(text)?.[1] ?? "";
		return { kind: "label", prefix, from, metric };
	}
	if (/^\d/.test(prefix) || text[from - 1] === "[") return { kind: "none" };
	return { kind: "name", prefix, from };
}

/** Those that begin with the prefix first, then those that contain it; at most `limit`. */
export function rank(candidates: readonly string[], prefix: string, limit: number): string[] {
	const p = prefix.toLowerCase();
	const starts: string[] = [];
	const holds: string[] = [];
	for (const c of candidates) {
		const low = c.toLowerCase();
		if (low.startsWith(p)) starts.push(c);
		else if (p.length >= 2 && low.includes(p)) holds.push(c);
		if (starts.length >= limit) break;
	}
	return [...starts, ...holds].slice(0, limit);
}
