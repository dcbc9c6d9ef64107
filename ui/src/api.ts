// SPDX-License-Identifier: Apache-2.0
//
// The server as functions with types: Quis' own API, the PagerDuty-shaped one and Prometheus'. Every request carries the
// session cookie; one that changes something carries X-Quis as well, which no foreign page can send. A 401 clears
// the session, and with it the screen asks to sign in.
import { signal } from "@preact/signals";

export class ApiError extends Error {
	/** status 0: the server could not be reached. */
	constructor(readonly status: number, message: string, readonly details: readonly string[] = []) {
		super(message);
	}
}

export type Role = "admin" | "responder" | "observer" | "ingest";
export interface Session {
	user: string;
	role: Role;
}
/** undefined: not asked yet; null: nobody. */
export const session = signal<Session | null | undefined>(undefined);
export const mayAct = (): boolean => session.value?.role === "admin" || session.value?.role === "responder";
export const mayAdmin = (): boolean => session.value?.role === "admin";

export interface Reference {
	id: string;
	type: string;
	summary: string;
	html_url?: string | null;
}
export type IncidentStatus = "triggered" | "acknowledged" | "resolved";
export type Urgency = "high" | "low";
export interface Incident extends Reference {
	incident_number: number;
	title: string;
	created_at: string;
	updated_at?: string;
	status: IncidentStatus;
	urgency: Urgency;
	service: Reference;
	escalation_policy?: Reference | null;
	assignments: { at: string; assignee: Reference }[];
	acknowledgements: { at: string; acknowledger: Reference }[];
	last_status_change_at?: string;
	last_status_change_by?: Reference | null;
	resolved_at?: string | null;
	alert_counts?: { all: number; triggered: number; resolved: number };
	pending_actions?: { type: string; at: string }[];
}
export interface Page<T> {
	items: T[];
	limit: number;
	offset: number;
	more: boolean;
	total: number | null;
}
export interface Alert extends Reference {
	status: "triggered" | "resolved";
	alert_key: string;
	severity: string;
	created_at: string;
	updated_at?: string;
	resolved_at?: string | null;
	integration?: Reference | null;
	/** details: the event's payload; contexts: its links and images; the whole event is in cef_details or details. */
	body?: { details?: unknown; cef_details?: unknown; contexts?: { type: string; href?: string; src?: string; text?: string }[] | null } | null;
}
export interface LogEntry extends Reference {
	created_at: string;
	agent?: Reference | null;
	channel?: ({ type: string; summary?: string; notification?: { type?: string; address?: string; status?: string } } & Record<string, unknown>) | null;
	note?: string | null;
	event_details?: Record<string, unknown> | null;
}
export interface Message {
	id: string;
	user: string;
	contact_type: string;
	contact: string;
	address: string;
	provider: string;
	state: "intended" | "sending" | "accepted" | "delivered" | "failed" | "superseded";
	attempt: number;
	maybe_duplicate: boolean;
	created_at: string;
	changed_at: string;
	next_at: string | null;
	error: string;
	purpose: "incident" | "resolved" | "test";
}
export interface Timer {
	type: "escalate" | "notify" | "ack_timeout" | "auto_resolve" | "retry" | "receipt";
	due: string;
	user: string;
	contact: string;
}
export type ProofState = "proven" | "stale" | "broken" | "never";
export interface Proof {
	kind: "rule" | "route" | "provider" | "person";
	subject: string;
	proven_at: string | null;
	by: string;
	evidence: string;
	state: ProofState;
}
export interface RoleHealth {
	role: string;
	state: string;
	ok: boolean;
	verdict: string;
	restarts: number;
	beat_age_ms: number;
}
export interface Rate {
	at: string;
	value: number;
}
export interface Overview {
	now: string;
	paging: { state: ProofState; proven_at: string | null; by: string; evidence: string };
	routes: { kind: string; subject: string; state: ProofState; proven_at: string | null; by: string }[];
	incidents: { open: number; triggered: number; acknowledged: number };
	oncalls: { schedule: string; user: string; until: string | null; next_user: string }[];
	rates: { events_per_minute: Rate[]; pages_per_minute: Rate[] };
	roles: RoleHealth[];
}
export interface ScheduleEntry {
	start: string;
	end: string;
	user: Reference | null;
}
export interface SubSchedule {
	name?: string;
	rendered_schedule_entries: ScheduleEntry[] | null;
	rendered_coverage_percentage?: number | null;
}
export interface Schedule extends Reference {
	name: string;
	time_zone: string;
	escalation_policies?: Reference[];
	users?: Reference[];
	final_schedule?: SubSchedule | null;
	overrides_subschedule?: SubSchedule | null;
}
export interface OnCall {
	escalation_level: number;
	start: string | null;
	end: string | null;
	user: Reference;
	schedule: Reference | null;
	escalation_policy: Reference;
}
export type Kind = "User" | "Team" | "Schedule" | "EscalationPolicy" | "Service" | "Alert" | "RuleGroup";
export interface Resource {
	kind: Kind;
	name: string;
	manager: "file" | "apply" | "ui" | "api";
	version: number;
	changed_at: string;
	body: Record<string, unknown>;
}
export interface Applied {
	changes: { action: "create" | "update" | "remove" | "same"; kind: string; name: string; diff: string }[];
	errors: { path: string; message: string; hint?: string }[];
}
export type Labels = Record<string, string>;
export interface Series {
	metric: Labels;
	values: [number, string][];
}
export interface Sample {
	metric: Labels;
	value: [number, string];
}
export interface PromRule {
	type: "alerting" | "recording";
	name: string;
	query: string;
	state?: "inactive" | "pending" | "firing";
	duration?: number;
	/** Of Quis' own alerts. */
	above?: number;
	below?: number;
	labels?: Labels;
	annotations?: Labels;
	alerts?: { labels: Labels; state: string; activeAt: string; value: string }[];
	health: string;
	lastError?: string;
	lastEvaluation?: string;
	evaluationTime?: number;
}
export interface RuleGroup {
	name: string;
	file: string;
	interval: number;
	rules: PromRule[];
}

interface Options {
	method?: "GET" | "POST" | "PUT" | "DELETE";
	body?: unknown;
	signal?: AbortSignal | undefined;
	/** A 422 is an answer and no failure. */
	accept422?: boolean;
	/** A 401 is about what was typed and not about the session. */
	keepSession?: boolean;
}

/** What an error answer says, in any of the three shapes. */
function explain(status: number, body: unknown): { message: string; details: string[] } {
	if (body && typeof body === "object") {
		const e = (body as { error?: unknown }).error;
		if (typeof e === "string") return { message: e, details: [] };
		if (e && typeof e === "object") {
			const { message, errors } = e as { message?: unknown; errors?: unknown };
			const details = Array.isArray(errors) ? errors.filter((x): x is string => typeof x === "string") : [];
			if (typeof message === "string") return { message, details: details.filter((d) => d !== message) };
		}
	}
	const known: Record<number, string> = {
		401: "Not signed in, or the session is over.",
		403: "Your role does not allow this.",
		404: "There is no such thing here (any more).",
		429: "Too many attempts; wait a minute and try again.",
		503: "The part of Quis that answers this is not there at the moment.",
	};
	return { message: known[status] ?? `The server answered ${status}.`, details: [] };
}

async function call<T>(path: string, options: Options = {}): Promise<T> {
	const method = options.method ?? "GET";
	const headers: Record<string, string> = { Accept: "application/json" };
	if (method !== "GET") headers["X-Quis"] = "1";
	const init: RequestInit = { method, headers, credentials: "same-origin", cache: "no-store" };
	if (options.signal) init.signal = options.signal;
	if (options.body !== undefined) {
		headers["Content-Type"] = "application/json";
		init.body = JSON.stringify(options.body);
	}
	let response: Response;
	try {
		response = await fetch(path, init);
	} catch (e) {
		if (e instanceof DOMException && e.name === "AbortError") throw e;
		throw new ApiError(0, "Quis cannot be reached.");
	}
	let body: unknown = null;
	const text = await response.text();
	if (text !== "") {
		try {
			body = JSON.parse(text);
		} catch {
			if (response.ok) throw new ApiError(response.status, "The server's answer is not JSON; is something between this browser and Quis?");
		}
	}
	if (!response.ok && !(response.status === 422 && options.accept422 && body && typeof body === "object" && "errors" in body)) {
		if (response.status === 401 && !options.keepSession) session.value = null;
		const { message, details } = explain(response.status, body);
		throw new ApiError(response.status, message, details);
	}
	return body as T;
}

type Value = string | number | boolean | null | undefined;
/** ?a=1&b[]=x&b[]=y; empty ones are left out. */
export function query(params: Record<string, Value | readonly string[]>): string {
	const q = new URLSearchParams();
	for (const [k, v] of Object.entries(params)) {
		if (Array.isArray(v)) for (const one of v) q.append(k, one);
		else if (v !== null && v !== undefined && v !== "") q.set(k, String(v));
	}
	const text = q.toString();
	return text ? `?${text}` : "";
}

const own = "/api/quis/v1";
const enc = encodeURIComponent;

function paged<T>(body: Record<string, unknown>, key: string): Page<T> {
	const items = (body[key] as T[] | undefined) ?? [];
	return {
		items,
		limit: Number(body.limit ?? items.length),
		offset: Number(body.offset ?? 0),
		more: body.more === true,
		total: typeof body.total === "number" ? body.total : null,
	};
}

/** All pages of a list, up to `max` things. */
async function everything<T>(path: string, key: string, s?: AbortSignal, max = 1000): Promise<T[]> {
	const out: T[] = [];
	for (;;) {
		const page = paged<T>(await call(`${path}${path.includes("?") ? "&" : "?"}limit=100&offset=${out.length}`, { signal: s }), key);
		out.push(...page.items);
		if (!page.more || page.items.length === 0 || out.length >= max) return out;
	}
}

// session
export async function whoAmI(): Promise<void> {
	session.value = await call<Session>(`${own}/session`, { keepSession: true }).catch((e: unknown) => {
		if (e instanceof ApiError && e.status === 401) return null;
		throw e;
	});
}
export async function signIn(user: string, password: string): Promise<void> {
	await call(`${own}/session`, { method: "POST", body: { user, password }, keepSession: true });
	await whoAmI();
}
export async function signOut(): Promise<void> {
	await call(`${own}/session`, { method: "DELETE" });
	session.value = null;
}
export async function setUp(token: string, user: string, password: string): Promise<void> {
	await call(`${own}/setup`, { method: "POST", body: { token, user, password }, keepSession: true });
}

// Quis' own
export const overview = (s?: AbortSignal) => call<Overview>(`${own}/overview`, { signal: s });
export const messages = (incident: string, s?: AbortSignal) =>
	call<{ messages: Message[]; timers: Timer[] }>(`${own}/incidents/${enc(incident)}/messages`, { signal: s });
export const proofs = async (s?: AbortSignal) => (await call<{ proofs: Proof[] }>(`${own}/proofs`, { signal: s })).proofs;
export const resources = async (kind?: Kind, s?: AbortSignal) =>
	(await call<{ resources: Resource[] }>(`${own}/resources${query({ kind })}`, { signal: s })).resources;
export const apply = (list: Record<string, unknown>[], dryRun: boolean) =>
	call<Applied>(`${own}/resources`, { method: "POST", body: { resources: list, dry_run: dryRun, whole: false }, accept422: true });
export const testPage = (user: string, contact: string) => call<unknown>(`${own}/test-page`, { method: "POST", body: { user, contact } });

// PagerDuty-shaped
export interface IncidentFilter {
	statuses: readonly IncidentStatus[];
	urgency: Urgency | "";
	service: string;
	q: string;
	offset: number;
	limit: number;
}
export const incidents = async (f: IncidentFilter, s?: AbortSignal) =>
	paged<Incident>(
		await call(
			`/incidents${query({
				"statuses[]": f.statuses, "urgencies[]": f.urgency ? [f.urgency] : [], "service_ids[]": f.service ? [f.service] : [],
				q: f.q, limit: f.limit, offset: f.offset, total: true, sort_by: "created_at:desc",
			})}`,
			{ signal: s },
		),
		"incidents",
	);
export const incident = async (id: string, s?: AbortSignal) => (await call<{ incident: Incident }>(`/incidents/${enc(id)}`, { signal: s })).incident;
export const incidentAlerts = async (id: string, s?: AbortSignal) =>
	paged<Alert>(await call(`/incidents/${enc(id)}/alerts?limit=100&total=true`, { signal: s }), "alerts");
export const incidentLog = (id: string, s?: AbortSignal) => everything<LogEntry>(`/incidents/${enc(id)}/log_entries`, "log_entries", s, 500);
export const changeIncidents = (ids: readonly string[], status: "acknowledged" | "resolved") =>
	ids.length === 1
		? call<unknown>(`/incidents/${enc(ids[0]!)}`, { method: "PUT", body: { incident: { type: "incident_reference", status } } })
		: call<unknown>("/incidents", { method: "PUT", body: { incidents: ids.map((id) => ({ id, type: "incident_reference", status })) } });
export const addNote = (id: string, content: string) => call<unknown>(`/incidents/${enc(id)}/notes`, { method: "POST", body: { note: { content } } });
export const services = (s?: AbortSignal) => everything<Reference & { name?: string }>("/services", "services", s);
export const schedules = (s?: AbortSignal) => everything<Schedule>("/schedules", "schedules", s);
export const schedule = async (id: string, since: string, until: string, s?: AbortSignal) =>
	(await call<{ schedule: Schedule }>(`/schedules/${enc(id)}${query({ since, until, time_zone: "UTC" })}`, { signal: s })).schedule;
export const oncalls = (s?: AbortSignal) => everything<OnCall>("/oncalls", "oncalls", s);

// Prometheus
async function prom<T>(path: string, s?: AbortSignal): Promise<T> {
	const body = await call<{ status: string; data: T; error?: string }>(`/api/v1/${path}`, { signal: s });
	if (body?.status !== "success") throw new ApiError(200, body?.error ?? "The query failed.");
	return body.data;
}
export const labelValues = (label: string, matcher?: string, s?: AbortSignal) =>
	prom<string[]>(`label/${enc(label)}/values${query({ "match[]": matcher })}`, s);
export const labelNames = (matcher?: string, s?: AbortSignal) => prom<string[]>(`labels${query({ "match[]": matcher })}`, s);
/** Series over time; a scalar becomes one series without labels. */
export async function queryRange(expr: string, start: number, end: number, step: number, s?: AbortSignal): Promise<Series[]> {
	const data = await prom<{ resultType: string; result: unknown }>(`query_range${query({ query: expr, start, end, step })}`, s);
	return data.resultType === "matrix" ? (data.result as Series[]) : [];
}
export async function queryNow(expr: string, at: number, s?: AbortSignal): Promise<Sample[]> {
	const data = await prom<{ resultType: string; result: unknown }>(`query${query({ query: expr, time: at })}`, s);
	if (data.resultType === "vector") return data.result as Sample[];
	if (data.resultType === "scalar") return [{ metric: {}, value: data.result as [number, string] }];
	return [];
}
export const rules = async (s?: AbortSignal) => (await prom<{ groups: RuleGroup[] }>("rules", s)).groups;
/** The name of a user, service ... of PagerDuty's id. */
export async function nameById(list: string, id: string, s?: AbortSignal): Promise<string> {
	const body = await call<Record<string, { login?: string; name?: string; summary?: string }>>(`/${enc(list)}/${enc(id)}`, { signal: s });
	const thing = Object.values(body ?? {})[0];
	return thing?.login ?? thing?.name ?? thing?.summary ?? "";
}
