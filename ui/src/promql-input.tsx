// SPDX-License-Identifier: Apache-2.0
// A box for PromQL: completes metrics, functions, labels and values from what the server knows. Enter runs, Shift+Enter
// breaks the line, Tab takes the first proposal.
import { useRef, useState } from "preact/hooks";
import * as api from "./api";
import { FUNCTIONS, placeAt, rank, type Place } from "./promql";
import { valueOf } from "./ui";

interface Props {
	id: string;
	value: string;
	onInput: (v: string) => void;
	onRun: () => void;
	rows?: number;
	readOnly?: boolean;
	describedBy?: string | undefined;
}

const cache = new Map<string, { at: number; list: Promise<string[]> }>();
/** Names change slowly; a minute's answer is good enough for a proposal. */
function remembered(key: string, load: () => Promise<string[]>): Promise<string[]> {
	const hit = cache.get(key);
	if (hit && Date.now() - hit.at < 60_000) return hit.list;
	const list = load().catch(() => {
		cache.delete(key);
		return [];
	});
	if (cache.size > 100) cache.clear();
	cache.set(key, { at: Date.now(), list });
	return list;
}

async function propose(p: Place): Promise<{ text: string; kind: string }[]> {
	switch (p.kind) {
		case "none": return [];
		case "name": {
			if (p.prefix === "") return [];
			const metrics = await remembered("metrics", () => api.labelValues("__name__"));
			return [
				...rank(metrics, p.prefix, 30).map((text) => ({ text, kind: "metric" })),
				...rank(FUNCTIONS, p.prefix, 10).filter((f) => f.startsWith(p.prefix.toLowerCase())).map((text) => ({ text: `${text}(`, kind: "function" })),
			];
		}
		case "label": {
			const names = await remembered(`labels ${p.metric}`, () => api.labelNames(p.metric || undefined));
			return rank(names.filter((n) => n !== "__name__"), p.prefix, 30).map((text) => ({ text, kind: "label" }));
		}
		case "value": {
			const values = await remembered(`values ${p.metric} ${p.label}`, () => api.labelValues(p.label, p.metric || undefined));
			return rank(values, p.prefix, 30).map((text) => ({ text, kind: "value" }));
		}
	}
}

export function PromqlInput({ id, value, onInput, onRun, rows = 2, readOnly = false, describedBy }: Props) {
	const ref = useRef<HTMLTextAreaElement>(null);
	const [list, setList] = useState<{ text: string; kind: string }[]>([]);
	const [at, setAt] = useState(-1);
	const place = useRef<Place>({ kind: "none" });
	const round = useRef(0);

	const close = (): void => {
		round.current++;
		setList([]);
		setAt(-1);
	};
	const look = async (): Promise<void> => {
		const el = ref.current!;
		const mine = ++round.current;
		const p = placeAt(el.value, el.selectionStart);
		const found = await propose(p);
		if (mine !== round.current) return;
		place.current = p;
		const only = found.length === 1 && p.kind !== "none" && found[0]!.text === p.prefix;
		setList(only ? [] : found);
		setAt(-1);
	};
	const take = (text: string): void => {
		const p = place.current;
		const el = ref.current!;
		if (p.kind === "none") return;
		const after = el.value.slice(el.selectionStart);
		// At once and not with the next rendering: the next key may be on its way.
		el.value = el.value.slice(0, p.from) + text + after;
		el.setSelectionRange(p.from + text.length, p.from + text.length);
		el.focus();
		onInput(el.value);
		close();
	};
	const onKeyDown = (e: KeyboardEvent): void => {
		const open = list.length > 0;
		if (open && (e.key === "ArrowDown" || e.key === "ArrowUp")) {
			e.preventDefault();
			const next = (at + (e.key === "ArrowDown" ? 1 : -1) + list.length + (at < 0 && e.key === "ArrowUp" ? 1 : 0)) % list.length;
			setAt(next);
			document.getElementById(`${id}-o${next}`)?.scrollIntoView({ block: "nearest" });
		} else if (open && ((e.key === "Tab" && !e.shiftKey) || (e.key === "Enter" && at >= 0))) {
			e.preventDefault();
			take(list[Math.max(at, 0)]!.text);
		} else if (open && e.key === "Escape") {
			e.preventDefault();
			close();
		} else if (e.key === "Enter" && !e.shiftKey) {
			e.preventDefault();
			close();
			onRun();
		} else if (e.key === " " && e.ctrlKey) {
			e.preventDefault();
			void look();
		} else if (e.key === "Escape") ref.current?.blur();
	};
	return (
		<div class="promql">
			<textarea
				id={id} ref={ref} rows={rows} class="mono" value={value} readOnly={readOnly} spellcheck={false} autoCapitalize="none" autoComplete="off" aria-describedby={describedBy}
				aria-autocomplete="list" aria-haspopup="listbox" aria-controls={`${id}-list`} aria-activedescendant={at >= 0 ? `${id}-o${at}` : undefined}
				onInput={(e) => { onInput(valueOf(e)); void look(); }} onKeyDown={onKeyDown} onBlur={() => setTimeout(close, 150)}
			/>
			<ul id={`${id}-list`} role="listbox" aria-label="Proposals" hidden={list.length === 0}>
				{list.map((o, i) => (
					<li key={`${o.kind}${o.text}`} id={`${id}-o${i}`} role="option" aria-selected={i === at} onMouseDown={(e) => { e.preventDefault(); take(o.text); }}>
						<span class="mono">{o.text}</span><span class="faint">{o.kind}</span>
					</li>
				))}
			</ul>
		</div>
	);
}
