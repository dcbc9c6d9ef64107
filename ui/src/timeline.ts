// SPDX-License-Identifier: Apache-2.0
//
// An incident as one story: what will happen next (from timers and attempts that wait), and what happened (from the log).
// Newest first, so the future stands above the past. Pure.
import type { Incident, LogEntry, Message, Timer } from "./api";
import { parseTime } from "./time";

export interface Next {
	at: number;
	what: "escalate" | "notify" | "retry" | "receipt" | "ack_timeout" | "auto_resolve";
	text: string;
}

export type PastTone = "bad" | "warn" | "good" | "calm";
export interface Past {
	id: string;
	at: number;
	kind: string;
	text: string;
	note: string | null;
	tone: PastTone;
	page: PageFacts | null;
	/** How it came in: events, ui, link, ... */
	via: string;
}

export interface PageFacts {
	message: string;
	state: string;
	user: string;
	contact: string;
	type: string;
	address: string;
	provider: string;
	attempt: number;
	duplicate: boolean;
	error: string;
	purpose: string;
}

const whom = (m: { user: string; contact: string }): string => `${m.user || "the fallback contact"}${m.contact ? ` by ${m.contact}` : ""}`;

export function nextSteps(timers: readonly Timer[], messages: readonly Message[]): Next[] {
	const out: Next[] = [];
	for (const t of timers) {
		const at = parseTime(t.due);
		if (at === null) continue;
		switch (t.type) {
			case "escalate": out.push({ at, what: "escalate", text: "Escalates to the next step, unless somebody acknowledges" }); break;
			case "notify": out.push({ at, what: "notify", text: `Pages ${whom(t)}, unless somebody acknowledges` }); break;
			case "ack_timeout": out.push({ at, what: "ack_timeout", text: "Triggers again, unless it is resolved: acknowledged for too long" }); break;
			case "auto_resolve": out.push({ at, what: "auto_resolve", text: "Resolves by itself, unless there is news" }); break;
			case "retry": if (t.user || t.contact) out.push({ at, what: "retry", text: `Sends again to ${whom(t)}` }); break;
			case "receipt": if (t.user || t.contact) out.push({ at, what: "receipt", text: `Gives up waiting for the receipt from ${whom(t)}` }); break;
		}
	}
	for (const m of messages) {
		const at = parseTime(m.next_at);
		if (at === null || m.state === "delivered" || m.state === "failed" || m.state === "superseded") continue;
		const known = out.some((n) => (n.what === "retry" || n.what === "receipt") && Math.abs(n.at - at) < 1000 && n.text.includes(whom(m)));
		if (known) continue;
		if (m.state === "accepted") out.push({ at, what: "receipt", text: `Waits until then for a receipt from ${whom(m)}` });
		else out.push({ at, what: "retry", text: `Sends again to ${whom(m)}${m.provider ? ` through ${m.provider}` : ""} (attempt ${m.attempt + 1})` });
	}
	return out.sort((a, b) => a.at - b.at);
}

function text(v: unknown): string {
	return typeof v === "string" ? v : typeof v === "number" ? String(v) : "";
}

export function pageFacts(e: LogEntry): PageFacts | null {
	if (!e.type.startsWith("notify")) return null;
	const d = ((e as { details?: unknown }).details ?? {}) as Record<string, unknown>;
	const n = e.channel?.notification ?? {};
	const state = text(d.state) || text(n.status);
	if (!state && !d.message) return null;
	return {
		message: text(d.message), state, user: text(d.user), contact: text(d.contact), type: text(d.type) || text(n.type),
		address: text(d.address) || text(n.address), provider: text(d.provider), attempt: Number(d.attempt) || 1,
		duplicate: d.maybe_duplicate === true, error: text(d.error), purpose: text(d.purpose),
	};
}

const TONES: Record<string, PastTone> = { trigger: "bad", unacknowledge: "bad", exhaust_escalation_path: "bad", escalate: "warn", repeat_escalation_path: "warn", acknowledge: "good", resolve: "good" };
const PAGE_TONES: Record<string, PastTone> = { delivered: "good", failed: "bad" };

export function pastOf(log: readonly LogEntry[]): Past[] {
	const out: Past[] = [];
	for (const e of log) {
		const at = parseTime(e.created_at);
		if (at === null) continue;
		const kind = e.type.replace(/_log_entry(_reference)?$/, "");
		const page = pageFacts(e);
		const note = kind === "annotate" ? e.note ?? text((e.channel as Record<string, unknown> | null | undefined)?.summary) ?? e.summary : null;
		const tone = page ? (page.error && page.state !== "delivered" ? "bad" : PAGE_TONES[page.state] ?? "calm") : TONES[kind] ?? "calm";
		out.push({
			id: e.id, at, kind, page, tone,
			text: kind === "annotate" ? `Note by ${e.agent?.summary ?? "somebody"}` : e.summary,
			note: kind === "annotate" ? note || e.summary : null,
			via: text((e.channel as Record<string, unknown> | null | undefined)?.via) || (e.channel?.type ?? ""),
		});
	}
	// Newest first; ids grow with time and settle what happened in the same moment.
	return out.sort((a, b) => b.at - a.at || (a.id < b.id ? 1 : a.id > b.id ? -1 : 0));
}

/** An open incident with nothing scheduled, which nobody has seen and nobody was told of, breaks the first promise of paging. */
export function forgotten(i: Incident, next: readonly Next[], messages: readonly Message[]): boolean {
	if (i.status !== "triggered" || next.length > 0) return false;
	return !messages.some((m) => m.state === "accepted" || m.state === "delivered" || m.state === "sending" || m.state === "intended");
}
