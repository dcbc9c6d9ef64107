// SPDX-License-Identifier: Apache-2.0
// Keyboard shortcuts: screens register theirs while they are shown; the help lists what is registered.
import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";

export interface Shortcut {
	/** "j", "Enter", "?", or two keys one after the other: "g i". */
	keys: string;
	does: string;
	run: (e: KeyboardEvent) => void;
}

const active = new Set<{ current: readonly Shortcut[] }>();
/** Grows when the set of shortcuts changes. */
export const revision = signal(0);
export const allShortcuts = (): Shortcut[] => [...active].flatMap((r) => r.current);

export function useShortcuts(list: readonly Shortcut[]): void {
	const ref = useRef(list);
	ref.current = list;
	useEffect(() => {
		active.add(ref);
		revision.value++;
		return () => {
			active.delete(ref);
			revision.value++;
		};
	}, []);
}

let first = "";
let firstAt = 0;

function typing(e: KeyboardEvent): boolean {
	const t = e.target as HTMLElement | null;
	if (!t) return false;
	if (t.isContentEditable) return true;
	const tag = t.tagName;
	if (tag === "TEXTAREA" || tag === "SELECT") return true;
	return tag === "INPUT" && !["checkbox", "radio", "button", "submit"].includes((t as HTMLInputElement).type);
}

document.addEventListener("keydown", (e) => {
	if (e.defaultPrevented || e.ctrlKey || e.metaKey || e.altKey || e.isComposing || typing(e)) return;
	if (document.querySelector("dialog[open]")) return;
	const target = e.target as HTMLElement | null;
	if ((e.key === "Enter" || e.key === " ") && target?.closest("a,button,summary,label,input")) return; // they have a meaning of their own
	const both = first && e.timeStamp - firstAt < 1500 ? `${first} ${e.key}` : "";
	const list = allShortcuts();
	const match = (both && list.find((s) => s.keys === both)) || list.find((s) => s.keys === e.key);
	first = list.some((s) => s.keys.startsWith(`${e.key} `)) && !match ? e.key : "";
	firstAt = e.timeStamp;
	if (match) {
		e.preventDefault();
		match.run(e);
	}
});
