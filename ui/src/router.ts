// SPDX-License-Identifier: Apache-2.0
// Where we are, as a signal, and how links change it without loading the page again.
import { signal } from "@preact/signals";

export const ROOT = "/ui";

export interface Place {
	/** Decoded parts below /ui: [] is the overview, ["incidents", "Q123"] one incident. */
	parts: string[];
	params: URLSearchParams;
	/** Without the #. */
	hash: string;
}

/** Pure. A part that is not valid percent encoding is taken as it is. */
export function placeOf(path: string, search: string, hash: string): Place {
	const below = path.startsWith(ROOT) ? path.slice(ROOT.length) : path;
	const parts = below.split("/").filter((p) => p !== "").map((p) => {
		try {
			return decodeURIComponent(p);
		} catch {
			return p;
		}
	});
	return { parts, params: new URLSearchParams(search), hash: hash.replace(/^#/, "") };
}

const here = (): Place => placeOf(location.pathname, location.search, location.hash);
export const place = signal<Place>(here());

/** A link below /ui of these parts and parameters; empty parameters are left out. */
export function href(parts: readonly string[], params: Record<string, string | number | null | undefined> = {}): string {
	const q = new URLSearchParams();
	for (const [k, v] of Object.entries(params)) if (v !== null && v !== undefined && v !== "") q.set(k, String(v));
	const search = q.toString();
	return `${ROOT}/${parts.map(encodeURIComponent).join("/")}${search ? `?${search}` : ""}`;
}

export function go(to: string, replace = false): void {
	if (to === location.pathname + location.search + location.hash) return;
	if (replace) history.replaceState(null, "", to);
	else history.pushState(null, "", to);
	const before = place.value.parts.join("/");
	place.value = here();
	if (!replace && place.value.parts.join("/") !== before) {
		scrollTo(0, 0);
		focusHeading();
	}
}

/** A new screen is read from its heading on, by screen readers too. */
function focusHeading(): void {
	requestAnimationFrame(() => document.getElementById("main")?.focus({ preventScroll: true }));
}

addEventListener("popstate", () => {
	place.value = here();
});
addEventListener("hashchange", () => {
	place.value = here();
});
document.addEventListener("click", (e) => {
	if (e.defaultPrevented || e.button !== 0 || e.metaKey || e.ctrlKey || e.shiftKey || e.altKey) return;
	const a = (e.target as Element | null)?.closest?.("a");
	if (!a || a.target || a.hasAttribute("download") || a.origin !== location.origin || !a.pathname.startsWith(`${ROOT}/`)) return;
	if (a.pathname.endsWith(".txt")) return;
	if (a.pathname === location.pathname && a.search === location.search && a.hash) return; // within the page
	e.preventDefault();
	go(a.pathname + a.search + a.hash);
});
