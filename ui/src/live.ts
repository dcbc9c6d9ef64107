// SPDX-License-Identifier: Apache-2.0
//
// What keeps screens true: the server's stream of "something changed", a clock, and loading that keeps the last answer
// while the next one is on its way, so that nothing jumps. Losing sight of the server is shown and never looks like "ok".
import { signal, effect } from "@preact/signals";
import { useEffect, useRef, useState } from "preact/hooks";
import { session, ApiError } from "./api";

/** One second's ticks; everything relative reads it. */
export const now = signal(Date.now());
setInterval(() => {
	if (!document.hidden) now.value = Date.now();
}, 1000);
document.addEventListener("visibilitychange", () => {
	if (!document.hidden) now.value = Date.now();
});

export type Link = "connecting" | "live" | "lost";
export const link = signal<Link>("connecting");
/** When the link was last known to work. */
export const lastContact = signal<number | null>(null);
/** Grows with every change; screens load again on it. */
export const changes = signal(0);
export const openIncidents = signal<{ open: number; triggered: number } | null>(null);

let source: EventSource | null = null;
let retry: ReturnType<typeof setTimeout> | undefined;
let wait = 1000;
let pending: ReturnType<typeof setTimeout> | undefined;

/** Many changes at once become one load; the first is taken at once. */
function changed(): void {
	if (pending) return;
	changes.value++;
	pending = setTimeout(() => {
		pending = undefined;
		if (late) {
			late = false;
			changed();
		}
	}, 1000);
}
let late = false;

function connect(): void {
	source?.close();
	const s = new EventSource("/api/quis/v1/stream");
	source = s;
	s.addEventListener("open", () => {
		if (link.value === "lost") changed(); // what was missed meanwhile
		link.value = "live";
		lastContact.value = Date.now();
		wait = 1000;
	});
	s.addEventListener("changed", (e) => {
		lastContact.value = Date.now();
		try {
			const data = JSON.parse((e as MessageEvent<string>).data) as { open?: number; triggered?: number };
			if (typeof data.open === "number") openIncidents.value = { open: data.open, triggered: data.triggered ?? 0 };
		} catch {
			// the change counts, whatever it says
		}
		if (pending) late = true;
		else changed();
	});
	s.addEventListener("error", () => {
		s.close();
		if (source !== s) return;
		link.value = "lost";
		clearTimeout(retry);
		retry = setTimeout(connect, wait);
		wait = Math.min(wait * 2, 15_000);
	});
}

effect(() => {
	const who = session.value;
	clearTimeout(retry);
	if (who) connect();
	else {
		source?.close();
		source = null;
		link.value = "connecting";
		openIncidents.value = null;
	}
});
addEventListener("online", () => {
	if (session.value && link.value === "lost") connect();
});

export interface Loaded<T> {
	data: T | null;
	error: ApiError | null;
	/** When `data` came. */
	at: number | null;
	loading: boolean;
	reload: () => void;
}

/**
 * Loads what `key` names: again when the key changes (the old answer goes away) and, with `live`, on every change
 * and twice a minute, or as often as it says in ms (the old answer stays until the new one is there).
 */
export function useLoad<T>(key: string, load: (s: AbortSignal) => Promise<T>, live: boolean | number = false): Loaded<T> {
	const [state, setState] = useState<{ key: string; data: T | null; error: ApiError | null; at: number | null; loading: boolean }>({
		key, data: null, error: null, at: null, loading: true,
	});
	const [round, setRound] = useState(0);
	const loader = useRef(load);
	loader.current = load;
	useEffect(() => {
		const abort = new AbortController();
		setState((s) => (s.key === key ? { ...s, loading: true } : { key, data: null, error: null, at: null, loading: true }));
		loader.current(abort.signal).then(
			(data) => {
				if (abort.signal.aborted) return;
				setState({ key, data, error: null, at: Date.now(), loading: false });
			},
			(e: unknown) => {
				if (abort.signal.aborted) return;
				const error = e instanceof ApiError ? e : new ApiError(0, e instanceof Error ? e.message : String(e));
				setState((s) => ({ ...s, error, loading: false }));
			},
		);
		return () => abort.abort();
	}, [key, round]);
	useEffect(() => {
		if (!live) return undefined;
		const again = (): void => setRound((n) => n + 1);
		let first = true;
		const stop = changes.subscribe(() => {
			if (!first) again();
			first = false;
		});
		const timer = setInterval(() => {
			if (!document.hidden) again();
		}, live === true ? 30_000 : live);
		const visible = (): void => {
			if (!document.hidden) again();
		};
		document.addEventListener("visibilitychange", visible);
		return () => {
			stop();
			clearInterval(timer);
			document.removeEventListener("visibilitychange", visible);
		};
	}, [live, key]);
	const current = state.key === key;
	return {
		data: current ? state.data : null,
		error: current ? state.error : null,
		at: current ? state.at : null,
		loading: current ? state.loading : true,
		reload: () => setRound((n) => n + 1),
	};
}
