// SPDX-License-Identifier: Apache-2.0
//
// Is paging proven to work? What the server says, made no better than its evidence: without a time and a piece
// of evidence, or without a recent word from the server, it is not green. Pure.
import type { Overview, ProofState } from "./api";
import { parseTime, MINUTE } from "./time";

/** An overview older than this says nothing about now. */
export const FRESH_MS = 2 * MINUTE;

export interface Verdict {
	tone: "good" | "warn" | "bad" | "calm";
	state: ProofState | "unknown";
	title: string;
	says: string;
}

export function verdictOf(o: Overview, age: number): Verdict {
	const p = o.paging;
	const broken = o.routes.filter((r) => r.state === "broken");
	const sick = o.roles.filter((r) => !r.ok);
	if (age > FRESH_MS) {
		return { tone: "calm", state: "unknown", title: "Unknown whether paging works", says: "Quis has not answered for a while, so what it said last proves nothing about now." };
	}
	if (p.state === "broken") {
		return { tone: "bad", state: "broken", title: "Paging is broken", says: "A provider failed when it was tried last, and has taken no page since. The ledger says which one." };
	}
	const pagers = sick.filter((r) => r.role === "engine" || r.role === "notifier");
	if (pagers.length > 0) {
		return { tone: "bad", state: "broken", title: "Paging is broken", says: `Not well: ${pagers.map((r) => r.role).join(" and ")}. Pages cannot be relied on.` };
	}
	if (p.state === "never" || parseTime(p.proven_at) === null) {
		return { tone: "warn", state: "never", title: "Paging has never been proven", says: "No page has reached anybody yet. Send a test page to find out whether one would." };
	}
	if (p.state === "stale") {
		return { tone: "warn", state: "stale", title: "The proof is old", says: "Paging worked once, but that is too long ago to rely on. A test page renews the proof." };
	}
	if (p.evidence === "" && p.by === "") {
		return { tone: "warn", state: "stale", title: "Paging is not proven", says: "The server calls paging proven but shows no evidence." };
	}
	if (broken.length > 0) {
		const names = broken.map((r) => r.subject).slice(0, 4).join(", ");
		return { tone: "warn", state: "proven", title: "Paging works, but not everywhere", says: `Broken: ${names}${broken.length > 4 ? ` and ${broken.length - 4} more` : ""}.` };
	}
	return { tone: "good", state: "proven", title: "Paging is proven to work", says: "" };
}
