// SPDX-License-Identifier: Apache-2.0
//
// The small parts that every screen is made of. Colour never says anything alone: each state has a word and a shape.
import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { ComponentChildren } from "preact";
import { ApiError, type IncidentStatus, type ProofState } from "./api";
import { now } from "./live";
import { zone } from "./theme";
import * as time from "./time";

// -- icons: 16 x 16, drawn with the text's colour --

const PATHS = {
	alarm: "M8 1.5 15 14H1L8 1.5Zm0 4.7v4M8 11.6v.4",
	seen: "M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2Zm0 2.8V8l2.2 1.6",
	ok: "M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2Zm-2.6 6.2 1.8 1.8 3.5-3.8",
	broken: "M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2Zm-2.1 3.9 4.2 4.2m0-4.2-4.2 4.2",
	never: "M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2ZM6.4 6.4a1.7 1.7 0 1 1 2.3 1.6c-.5.2-.7.5-.7 1M8 11.3v.2",
	next: "M8 2v9m-3.5-3L8 11.5 11.5 8M4 14h8",
	mail: "M2 4h12v8.5H2V4Zm0 .5 6 4.5 6-4.5",
	note: "M3 2.5h10v8l-3 3H3v-11Zm10 8h-3v3M5.5 5.5h5m-5 2.5h5",
	up: "M8 13V3.5M4 7l4-4 4 4",
	people: "M6 8a2.6 2.6 0 1 0 0-5.2A2.6 2.6 0 0 0 6 8Zm-4.5 5.6c0-2.5 2-4 4.5-4s4.5 1.5 4.5 4M11 3.2a2.3 2.3 0 0 1 0 4.5m1.3 2.3c1.3.5 2.2 1.7 2.2 3.3",
	link: "M6.5 9.5l3-3M7 4.5l1.4-1.4a2.7 2.7 0 0 1 3.8 3.8L10.8 8.3M9 11.5l-1.4 1.4a2.7 2.7 0 0 1-3.8-3.8L5.2 7.7",
	overview: "M2.5 8.5 8 3l5.5 5.5M4 7.5V13h8V7.5",
	chart: "M2 13.5h12M3 11l3-4 2.5 2L13 3.5",
	bell: "M8 2a4 4 0 0 1 4 4c0 3.5 1.5 4.5 1.5 5.5h-11C2.5 10.5 4 9.5 4 6a4 4 0 0 1 4-4ZM6.5 13.5h3",
	book: "M3 2.5h9.5V13.5H4.2A1.2 1.2 0 0 1 3 12.3v-9.8Zm0 9.8a1.2 1.2 0 0 1 1.2-1.2h8.3",
	calendar: "M2.5 3.5h11v10h-11v-10Zm0 3h11M5.5 2v2.5M10.5 2v2.5",
	shield: "M8 1.8 13.5 4v4c0 3.2-2.3 5.3-5.5 6.3C4.8 13.3 2.5 11.2 2.5 8V4L8 1.8ZM5.7 8l1.7 1.7 3-3.3",
	more: "M3.5 8h.01M8 8h.01M12.5 8h.01",
	sun: "M8 5a3 3 0 1 0 0 6 3 3 0 0 0 0-6ZM8 1.5v1M8 13.5v1M1.5 8h1M13.5 8h1M3.4 3.4l.7.7M11.9 11.9l.7.7M12.6 3.4l-.7.7M4.1 11.9l-.7.7",
	moon: "M13 9.8A5.5 5.5 0 0 1 6.2 3a5.5 5.5 0 1 0 6.8 6.8Z",
	copy: "M5.5 5.5h8v8h-8v-8ZM3.5 10.5h-1v-8h8v1",
	clock: "M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2Zm0 2.8V8l2.2 1.6",
} as const;
export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 16 }: { name: IconName; size?: number }) {
	return (
		<svg class="icon" width={size} height={size} viewBox="0 0 16 16" aria-hidden="true" focusable="false">
			<path d={PATHS[name]} />
		</svg>
	);
}

export function Logo({ size = 24 }: { size?: number }) {
	return (
		<svg class="logo" width={size} height={size} viewBox="0 0 32 32" aria-hidden="true">
			<circle cx="15" cy="15" r="11" /><circle cx="15" cy="15" r="4" class="pupil" /><path d="m21 21 7 7" />
		</svg>
	);
}

// -- times --

function instant(at: string | number | null | undefined): number | null {
	return typeof at === "number" ? at : time.parseTime(at);
}

/** Relative, with the absolute time in the title; `both` shows the absolute one as well. */
export function Time({ at, both = false, none = "never", first = "relative" }: { at: string | number | null | undefined; both?: boolean | "stack"; none?: string; first?: "relative" | "absolute" }) {
	const t = instant(at);
	if (t === null) return <span class="faint">{none}</span>;
	const z = zone();
	const full = time.fullTime(t, z);
	const rel = time.relative(t, now.value);
	return (
		<time dateTime={new Date(t).toISOString()} title={full} class={first === "absolute" ? "time wraps" : both === "stack" ? "time stack" : "time"}>
			{first === "absolute"
				? <span>{time.dateTime(t, z, now.value)} {time.zoneName(t, z)} <span class="faint">({rel})</span></span>
				: <><span>{rel}</span>{both && <span class="abs">{time.dateTime(t, z, now.value)} {time.zoneName(t, z)}</span>}</>}
		</time>
	);
}

/** The absolute time to the second, with the relative one in the title. */
export function Clock({ at }: { at: string | number }) {
	const t = instant(at);
	if (t === null) return null;
	const z = zone();
	const today = now.value - t < 20 * time.HOUR && time.dayName(t, z) === time.dayName(now.value, z);
	return (
		<time dateTime={new Date(t).toISOString()} title={`${time.relative(t, now.value)}, ${time.fullTime(t, z)}`} class="clock">
			{today ? time.clock(t, z, true) : time.dateTime(t, z, now.value, true)}
		</time>
	);
}

export function Countdown({ at }: { at: string | number }) {
	const t = instant(at);
	if (t === null) return null;
	return <time class="countdown" dateTime={new Date(t).toISOString()} title={time.fullTime(t, zone())}>{time.countdown(t, now.value)}</time>;
}

// -- states --

type Tone = "bad" | "warn" | "good" | "calm" | "accent";

export function Mark({ tone, icon, children, title }: { tone: Tone; icon?: IconName; children: ComponentChildren; title?: string }) {
	return <span class={`mark ${tone}`} title={title}>{icon && <Icon name={icon} size={14} />}{children}</span>;
}

export function StatusMark({ status }: { status: IncidentStatus }) {
	if (status === "triggered") return <Mark tone="bad" icon="alarm">Triggered</Mark>;
	if (status === "acknowledged") return <Mark tone="warn" icon="seen">Acknowledged</Mark>;
	return <Mark tone="calm" icon="ok">Resolved</Mark>;
}

export const PROOF_WORD: Record<ProofState, string> = { proven: "Proven", stale: "Stale", broken: "Broken", never: "Never proven" };
export function ProofMark({ state }: { state: ProofState }) {
	if (state === "proven") return <Mark tone="good" icon="ok">Proven</Mark>;
	if (state === "stale") return <Mark tone="warn" icon="clock" title="Proven once, but too long ago to rely on">Stale</Mark>;
	if (state === "broken") return <Mark tone="bad" icon="broken" title="The last attempt failed">Broken</Mark>;
	return <Mark tone="calm" icon="never">Never proven</Mark>;
}

/** "By" in the ledger, in words. */
export function provenBy(by: string): string {
	const words: Record<string, string> = { receipt: "a delivery receipt", acknowledgement: "an acknowledgement", fired: "a real firing", test: "a test page", "": "" };
	return words[by] ?? by;
}

// -- loading, failing, empty --

/** Holds the place of what is coming, so that nothing jumps. */
export function Loading({ what, rows = 4 }: { what: string; rows?: number }) {
	return (
		<div class="loading" role="status">
			<span class="sr">Loading {what}…</span>
			{Array.from({ length: rows }, (_, i) => <div class="bone" key={i} />)}
		</div>
	);
}

export function Failure({ error, what, retry }: { error: ApiError; what: string; retry?: () => void }) {
	return (
		<div class="note bad" role="alert">
			<Icon name="broken" />
			<div>
				<strong>{what}</strong>
				<p>{error.message}</p>
				{error.details.length > 0 && <ul>{error.details.map((d) => <li key={d}>{d}</li>)}</ul>}
				{retry && <button type="button" class="small" onClick={retry}>Try again</button>}
			</div>
		</div>
	);
}

/** Old data is still shown, but it is old, and the screen says so. */
export function Outdated({ error, at, retry }: { error: ApiError | null; at: number | null; retry: () => void }) {
	if (!error || at === null) return null;
	return (
		<div class="note warn" role="status">
			<Icon name="clock" />
			<div><strong>This is what Quis said <Time at={at} />.</strong> {error.message} <button type="button" class="small" onClick={retry}>Try again</button></div>
		</div>
	);
}

export function Empty({ title, icon = "ok", children }: { title: string; icon?: IconName; children?: ComponentChildren }) {
	return (
		<div class="empty">
			<Icon name={icon} size={28} />
			<h2>{title}</h2>
			{children}
		</div>
	);
}

export function Code({ text, label }: { text: string; label: string }) {
	return (
		<div class="code">
			<pre tabIndex={0} role="region" aria-label={label}><code>{text}</code></pre>
			<button type="button" class="small copy" onClick={() => copy(text)}><Icon name="copy" size={14} />Copy</button>
		</div>
	);
}

function copy(text: string): void {
	// The clipboard is closed to pages that came over plain HTTP from elsewhere than this machine.
	const done = navigator.clipboard?.writeText(text);
	if (!done) say("This browser does not let a page without HTTPS copy; select the text instead.", "bad");
	else done.then(() => say("Copied."), () => say("The browser refused to copy; select the text instead.", "bad"));
}

// -- messages that come and go --

interface Toast {
	id: number;
	text: string;
	tone: "calm" | "bad";
}
const toasts = signal<Toast[]>([]);
let toastId = 0;
export function say(text: string, tone: Toast["tone"] = "calm"): void {
	const id = ++toastId;
	toasts.value = [...toasts.value.slice(-2), { id, text, tone }];
	setTimeout(() => dismiss(id), tone === "bad" ? 12_000 : 5000);
}
function dismiss(id: number): void {
	toasts.value = toasts.value.filter((t) => t.id !== id);
}
export function sayError(what: string, e: unknown): void {
	const details = e instanceof ApiError && e.details.length ? ` ${e.details.join("; ")}` : "";
	say(`${what}: ${e instanceof Error ? e.message : String(e)}${details}`, "bad");
}
export function Toasts() {
	return (
		<div class="toasts" role="status" aria-live="polite">
			{toasts.value.map((t) => (
				<div class={`toast ${t.tone}`} key={t.id}>
					<span>{t.text}</span>
					<button type="button" class="plain" aria-label="Dismiss" onClick={() => dismiss(t.id)}>×</button>
				</div>
			))}
		</div>
	);
}

// -- dialogs --

export function Dialog({ title, onClose, children, wide = false }: { title: string; onClose: () => void; children: ComponentChildren; wide?: boolean }) {
	const ref = useRef<HTMLDialogElement>(null);
	useEffect(() => {
		const d = ref.current!;
		const before = document.activeElement as HTMLElement | null;
		d.showModal();
		return () => {
			d.close();
			before?.focus?.({ preventScroll: true });
		};
	}, []);
	return (
		<dialog
			ref={ref} class={wide ? "wide" : ""} aria-label={title}
			onCancel={(e) => { e.preventDefault(); onClose(); }}
			onClick={(e) => { if (e.target === ref.current) onClose(); }}
		>
			<div class="dialog">
				<header><h2>{title}</h2><button type="button" class="plain" aria-label="Close" onClick={onClose}>×</button></header>
				{children}
			</div>
		</dialog>
	);
}

/** A title and what may be done on this screen. */
export function Head({ title, children, sub }: { title: ComponentChildren; children?: ComponentChildren; sub?: ComponentChildren }) {
	return (
		<div class="head">
			<div><h1>{title}</h1>{sub && <p class="sub">{sub}</p>}</div>
			{children && <div class="actions">{children}</div>}
		</div>
	);
}

export function Card({ title, children, aside, class: cls = "" }: { title: ComponentChildren; children: ComponentChildren; aside?: ComponentChildren; class?: string }) {
	return (
		<section class={`card ${cls}`}>
			<header><h2>{title}</h2>{aside && <div class="aside">{aside}</div>}</header>
			{children}
		</section>
	);
}

export interface Choice<T extends string> {
	value: T;
	label: ComponentChildren;
}
/** A few choices side by side, of which one holds. */
export function Segments<T extends string>({ label, value, choices, onChange }: { label: string; value: T; choices: readonly Choice<T>[]; onChange: (v: T) => void }) {
	return (
		<div class="segments" role="group" aria-label={label}>
			{choices.map((c) => (
				<button type="button" key={c.value} aria-pressed={c.value === value} onClick={() => onChange(c.value)}>{c.label}</button>
			))}
		</div>
	);
}

export function Field({ label, hint, error, children, for: id }: { label: string; hint?: ComponentChildren; error?: string | undefined; children: ComponentChildren; for: string }) {
	return (
		<div class={error ? "field wrong" : "field"}>
			<label for={id}>{label}</label>
			{children}
			{error ? <p class="hint error" id={`${id}-hint`} role="alert">{error}</p> : hint && <p class="hint" id={`${id}-hint`}>{hint}</p>}
		</div>
	);
}


export const valueOf = (e: Event): string => (e.currentTarget as HTMLInputElement).value;
