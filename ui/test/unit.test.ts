// SPDX-License-Identifier: Apache-2.0
// The pure parts: times, bands, timelines, shifts, completion, the verdict.
import { test } from "node:test";
import assert from "node:assert/strict";
import * as time from "../src/time";
import { simulate, simulateAll, outside, type Point } from "../src/band";
import { value, seriesName, plural, hashOf } from "../src/format";
import { placeAt, rank } from "../src/promql";
import { shiftsOf, gapTime } from "../src/shifts";
import { nextSteps, pastOf, forgotten, pageFacts } from "../src/timeline";
import { verdictOf, FRESH_MS } from "../src/verdict";
import { compactDiff } from "../src/diff";
import { numberField, numberOf } from "../src/numbers";
import type { Incident, LogEntry, Message, Overview, Timer } from "../src/api";

const at = (text: string): number => Date.parse(text);

test("relative times", () => {
	const now = at("2026-11-22T12:00:00Z");
	assert.equal(time.relative(now - 1500, now), "just now");
	assert.equal(time.relative(now - 59_000, now), "59 s ago");
	assert.equal(time.relative(now - 60_000, now), "1 min ago");
	assert.equal(time.relative(now + 2 * time.HOUR, now), "in 2 h");
	assert.equal(time.relative(now - 26 * time.HOUR, now), "1 d ago");
	assert.equal(time.countdown(now + 65_000, now), "in 1:05");
	assert.equal(time.countdown(now + 400, now), "in 0:01");
	assert.equal(time.countdown(now + 3 * time.HOUR, now), "in 3 h");
	assert.equal(time.countdown(now - 9000, now), "due 9 s ago");
	assert.equal(time.formatSpan(90_000), "1 min 30 s");
	assert.equal(time.formatSpan(33 * time.HOUR), "1 d 9 h");
});

test("times of the API", () => {
	assert.equal(time.parseTime(null), null);
	assert.equal(time.parseTime("nonsense"), null);
	assert.equal(time.parseTime("2026-11-22T12:00:00.123456789Z"), at("2026-11-22T12:00:00.123Z"));
});

test("durations as in the configuration", () => {
	assert.equal(time.parseSpan("1h30m"), 90 * time.MINUTE);
	assert.equal(time.parseSpan("500ms"), 500);
	assert.equal(time.parseSpan("1w"), 7 * time.DAY);
	for (const bad of ["", "5", "m", "-1m", "1.5h", "1h 30m", "1y"]) assert.equal(time.parseSpan(bad), null, bad);
});

test("days where clocks change have 23 and 25 hours", () => {
	const spring = time.dayStarts(at("2026-03-29T12:00:00Z"), 1, "Europe/Lisbon");
	assert.equal(spring[0], at("2026-03-29T00:00:00Z"));
	assert.equal((spring[1]! - spring[0]!) / time.HOUR, 23);
	const autumn = time.dayStarts(at("2026-10-25T12:00:00Z"), 1, "Europe/Lisbon");
	assert.equal((autumn[1]! - autumn[0]!) / time.HOUR, 25);
	const fortnight = time.dayStarts(at("2026-11-22T01:30:00Z"), 14, "America/New_York");
	assert.equal(fortnight.length, 15);
	assert.equal(fortnight[0], at("2026-11-21T05:00:00Z"));
	assert.equal(fortnight[14]! - fortnight[0]!, 14 * time.DAY);
	assert.equal(time.zoneName(at("2026-11-22T12:00:00Z"), "America/New_York"), "EST");
	assert.equal(time.zoneName(at("2026-11-22T12:00:00Z"), "Europe/Berlin"), "CET");
	assert.equal(time.clock(at("2026-11-22T23:05:00Z"), "UTC"), "23:05");
	assert.equal(time.clock(at("2026-11-22T00:05:00Z"), "UTC"), "00:05");
});

test("a band that is left for long enough fires, and no sooner", () => {
	const band = { above: 10, below: 1 };
	assert.equal(outside(10, band), null);
	assert.equal(outside(10.1, band), "above");
	assert.equal(outside(.9, band), "below");
	assert.equal(outside(NaN, band), null);
	const values = [5, 11, 11, 5, 11, 11, 11, 11, 5, 0, 0, 0, 0];
	const points = values.map((v, i): Point => [i * 60, v]);
	const s = simulate(points, band, 120, 0, 12 * 60, 60, false);
	assert.equal(s.spared, 1);
	assert.deepEqual(s.firings.map((f) => [f.since / 60, f.from / 60, f.to / 60, f.why, f.open]), [[4, 6, 8, "above", false], [9, 11, 12, "below", true]]);
	assert.equal(s.firingS, 180);
	const at0 = simulate(points, band, 0, 0, 12 * 60, 60, false);
	assert.deepEqual(at0.firings.map((f) => f.from / 60), [1, 4, 9]);
	assert.equal(at0.spared, 0);
});

test("no data fires when it is asked to, and only after data began", () => {
	const points = [3, 4, 5, 9, 10].map((i): Point => [i * 60, 5]);
	const band = { above: 10, below: null };
	const s = simulateAll([points], band, 60, 0, 600, 60, true);
	assert.deepEqual(s.firings.map((f) => [f.why, f.from / 60, f.to / 60]), [["no data", 7, 9]]);
	assert.equal(simulateAll([points], band, 60, 0, 600, 60, false).firings.length, 0);
	assert.equal(simulateAll([], band, 60, 0, 600, 60, true).firings.length, 0);
	const condition = simulateAll([points], { above: null, below: null }, 0, 0, 600, 60, true);
	assert.deepEqual(condition.firings.map((f) => f.why), ["condition", "condition"]);
});

test("a series with a gap starts its `for` again", () => {
	const points = [0, 1, 3, 4].map((i): Point => [i * 60, 20]);
	const s = simulate(points, { above: 10, below: null }, 120, 0, 240, 60, false);
	assert.equal(s.firings.length, 0);
});

test("numbers", () => {
	assert.deepEqual([0, .00123, 12.345, 999.99, 12_345, 4_500_000, 3e-9, NaN, Infinity].map(value), ["0", "0.00123", "12.35", "1000", "12.35k", "4.5M", "3.00e-9", "NaN", "+Inf"]);
	assert.equal(plural(1, "event"), "1 event");
	assert.equal(plural(1200, "event"), "1,200 events");
	assert.equal(numberField(" "), null);
	assert.equal(numberField("x"), undefined);
	assert.equal(numberField("-1e3"), -1000);
	assert.equal(numberOf("Infinity"), null);
	assert.equal(seriesName({ __name__: "up", job: 'a"b', instance: "x" }), 'up{instance="x", job="a\\"b"}');
	assert.equal(seriesName({}), "{}");
	assert.equal(hashOf("ana", 6), hashOf("ana", 6));
});

test("where a PromQL text can be completed", () => {
	const of = (text: string) => placeAt(text.replace("|", ""), text.indexOf("|"));
	assert.deepEqual(of("http_re|"), { kind: "name", prefix: "http_re", from: 0 });
	assert.deepEqual(of("sum(rate(up|[5m]))"), { kind: "name", prefix: "up", from: 9 });
	assert.deepEqual(of("up{jo|}"), { kind: "label", prefix: "jo", from: 3, metric: "up" });
	assert.deepEqual(of('up{job="a", in|'), { kind: "label", prefix: "in", from: 12, metric: "up" });
	assert.deepEqual(of('up{job=~"no|'), { kind: "value", prefix: "no", from: 9, metric: "up", label: "job" });
	assert.deepEqual(of("sum by (co| "), { kind: "label", prefix: "co", from: 8, metric: "" });
	assert.equal(of("rate(up[5|").kind, "none");
	assert.equal(of('up{job="a|" }').kind, "value");
	assert.equal(of('label_replace(up, "a|').kind, "none");
	assert.deepEqual(rank(["load1", "node_load1", "other"], "loa", 5), ["load1", "node_load1"]);
});

test("a difference shows what changes once", () => {
	assert.deepEqual(compactDiff("-kind: Alert\n-above: 1\n-for: 1m\n+kind: Alert\n+above: 2\n+below: 1\n+for: 1m\n"), [" kind: Alert", "-above: 1", "+above: 2", "+below: 1", " for: 1m"]);
	assert.deepEqual(compactDiff("+a\n+b\n"), ["+a", "+b"]);
	assert.deepEqual(compactDiff("-a\n"), ["-a"]);
	assert.deepEqual(compactDiff("-a\n-b\n+c\n"), ["-a", "-b", "+c"]);
});

const entry = (who: string | null, from: string, to: string) => ({ start: from, end: to, user: who ? { id: who, type: "user_reference", summary: who } : null });

test("shifts leave no hole: gaps are nobody's, overrides are marked", () => {
	const from = at("2026-11-22T00:00:00Z");
	const to = at("2026-11-26T00:00:00Z");
	const list = shiftsOf(
		[entry("ana", "2026-11-20T00:00:00Z", "2026-11-23T00:00:00Z"), entry("bo", "2026-11-23T06:00:00Z", "2026-11-24T00:00:00Z"), entry("ana", "2026-11-24T00:00:00Z", "2026-11-25T00:00:00Z")],
		[entry("bo", "2026-11-23T06:00:00Z", "2026-11-23T12:00:00Z")], from, to,
	);
	assert.deepEqual(list.map((s) => [s.who, s.override, (s.to - s.from) / time.HOUR]), [["ana", false, 24], [null, false, 6], ["bo", true, 6], ["bo", false, 12], ["ana", false, 24], [null, false, 24]]);
	assert.equal(gapTime(list), 30 * time.HOUR);
	assert.equal(list.reduce((n, s) => n + s.to - s.from, 0), to - from);
	assert.deepEqual(shiftsOf([], [], from, to), [{ from, to, who: null, override: false }]);
	// An override that takes somebody off leaves a gap that says so.
	const off = shiftsOf([], [entry(null, "2026-11-22T00:00:00Z", "2026-11-26T00:00:00Z")], from, to);
	assert.deepEqual(off, [{ from, to, who: null, override: true }]);
});

const message = (m: Partial<Message>): Message => ({ id: "Q0000000000001", user: "ana", contact_type: "email", contact: "mail", address: "a@b.c", provider: "mail", state: "sending", attempt: 1, maybe_duplicate: false, created_at: "2026-11-22T12:00:00Z", changed_at: "2026-11-22T12:00:00Z", next_at: null, error: "", purpose: "incident", ...m });
const timer = (type: Timer["type"], due: string, user = "", contact = ""): Timer => ({ type, due, user, contact });

test("what happens next, in order, each thing once", () => {
	const next = nextSteps(
		[timer("escalate", "2026-11-22T12:05:00Z"), timer("notify", "2026-11-22T12:01:00Z", "ana", "phone"), timer("retry", "2026-11-22T12:00:30Z"), timer("auto_resolve", "2026-11-23T12:00:00Z")],
		[message({ next_at: "2026-11-22T12:00:30Z", attempt: 2 }), message({ state: "delivered", next_at: "2026-11-22T12:00:40Z" })],
	);
	assert.deepEqual(next.map((n) => n.what), ["retry", "notify", "escalate", "auto_resolve"]);
	assert.match(next[0]!.text, /ana by mail through mail \(attempt 3\)/);
	assert.match(next[1]!.text, /Pages ana by phone/);
});

test("the log as a story, newest first", () => {
	const log = [
		{ id: "Q1", type: "trigger_log_entry", summary: "Triggered", created_at: "2026-11-22T12:00:00Z", channel: { type: "api", via: "events" } },
		{ id: "Q3", type: "notify_log_entry", summary: "ana, mail (email): failed", created_at: "2026-11-22T12:00:01Z", channel: { type: "auto", via: "auto" }, details: { message: "Q9", state: "sending", user: "ana", contact: "mail", type: "email", address: "a@b.c", provider: "mail", attempt: 1, maybe_duplicate: true, error: "refused" } },
		{ id: "Q2", type: "assign_log_entry", summary: "Assigned to ana", created_at: "2026-11-22T12:00:01Z", channel: null },
		{ id: "Q4", type: "annotate_log_entry", summary: "looking", note: "looking", created_at: "2026-11-22T12:02:00Z", agent: { id: "P1", type: "user_reference", summary: "Ana" }, channel: { type: "website", via: "ui" } },
	] as unknown as LogEntry[];
	const past = pastOf(log);
	assert.deepEqual(past.map((p) => p.id), ["Q4", "Q3", "Q2", "Q1"]);
	assert.equal(past[0]!.note, "looking");
	assert.equal(past[0]!.text, "Note by Ana");
	assert.equal(past[1]!.tone, "bad");
	assert.equal(past[1]!.page!.duplicate, true);
	assert.equal(past[3]!.via, "events");
	assert.equal(pageFacts(log[0]!), null);
});

test("an open incident that nobody was told of and nothing is planned for is shouted about", () => {
	const i = { status: "triggered" } as Incident;
	assert.equal(forgotten(i, [], []), true);
	assert.equal(forgotten(i, [], [message({ state: "failed" })]), true);
	assert.equal(forgotten(i, [], [message({ state: "accepted" })]), false);
	assert.equal(forgotten(i, [{ at: 1, what: "escalate", text: "" }], []), false);
	assert.equal(forgotten({ status: "acknowledged" } as Incident, [], []), false);
});

test("paging is green only with evidence, and with a server that answers", () => {
	const good: Overview = {
		now: "", paging: { state: "proven", proven_at: "2026-11-22T12:00:00Z", by: "receipt", evidence: "Q1" }, routes: [], incidents: { open: 0, triggered: 0, acknowledged: 0 },
		oncalls: [], rates: { events_per_minute: [], pages_per_minute: [] }, roles: [{ role: "engine", state: "running", ok: true, verdict: "", restarts: 0, beat_age_ms: 1 }],
	};
	const tone = (o: Partial<Overview>, age = 0): string => verdictOf({ ...good, ...o }, age).tone;
	assert.equal(tone({}), "good");
	assert.equal(tone({}, FRESH_MS + 1), "calm");
	for (const paging of [
		{ ...good.paging, proven_at: null }, { ...good.paging, by: "", evidence: "" }, { ...good.paging, state: "stale" as const }, { ...good.paging, state: "never" as const, proven_at: null },
	]) assert.equal(tone({ paging }), "warn");
	assert.equal(tone({ paging: { ...good.paging, state: "broken" } }), "bad");
	assert.equal(tone({ routes: [{ kind: "route", subject: "web/email", state: "broken", proven_at: null, by: "" }] }), "warn");
	assert.equal(tone({ roles: [{ ...good.roles[0]!, ok: false }] }), "bad");
	assert.equal(tone({ roles: [{ ...good.roles[0]!, role: "prober", ok: false }] }), "good");
});
