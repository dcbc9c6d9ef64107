// SPDX-License-Identifier: Apache-2.0
//
// Who is on call, as it will really be: the final timeline of each schedule, in the schedule's own zone, days with their
// names, gaps in red, overrides marked, days on which clocks change said so. On a phone the same as a list.
import * as api from "../api";
import { useLoad, now } from "../live";
import { place, go, href } from "../router";
import { Card, Empty, Failure, Head, Icon, Loading, Mark, Outdated, Time } from "../ui";
import { gapTime, shiftsOf, type Shift } from "../shifts";
import { DAY, HOUR, clock, dayName, dayStarts, formatSpan, parseTime, shortDay, weekday, zoneName, zoneOffset } from "../time";
import { hashOf } from "../format";

const DAYS = 14;

/** For bars too narrow for a name; the title and the list below say it in full. */
const initials = (who: string): string => who.split(/\s+/).map((w) => w.charAt(0).toUpperCase()).join("").slice(0, 2);

function Bar({ s, from, to, zone }: { s: Shift; from: number; to: number; zone: string }) {
	const left = ((s.from - from) / (to - from)) * 100;
	const width = ((s.to - s.from) / (to - from)) * 100;
	const text = `${s.who ?? "Nobody"}, ${dayName(s.from, zone)} ${clock(s.from, zone)} to ${dayName(s.to, zone)} ${clock(s.to, zone)}${s.override ? ", override" : ""}`;
	return (
		<div class={`bar ${width < 5 ? "narrow" : ""} ${s.who === null ? "gap" : `p${hashOf(s.who, 6)}`} ${s.override ? "override" : ""}`} style={{ left: `${left}%`, width: `${width}%` }} title={text}>
			<span>{s.who === null ? (width >= 6 ? "Nobody" : "") : width >= 5 ? s.who : initials(s.who)}</span>
		</div>
	);
}

function ShiftList({ shifts, zone, at }: { shifts: readonly Shift[]; zone: string; at: number }) {
	return (
		<ol class="shift-list">
			{shifts.map((s) => (
				<li key={s.from} class={`${s.who === null ? "gap" : ""} ${s.from <= at && at < s.to ? "current" : ""}`}>
					<span class="span">{dayName(s.from, zone)} {clock(s.from, zone)} – {dayName(s.from, zone) === dayName(s.to, zone) ? "" : `${dayName(s.to, zone)} `}{clock(s.to, zone)}</span>
					<span class="person">{s.who ?? <Mark tone="bad" icon="alarm">Nobody</Mark>}{s.override && <> <Mark tone="accent">Override</Mark></>}{s.from <= at && at < s.to && <> <Mark tone="good">Now</Mark></>}</span>
					<span class="faint">{formatSpan(s.to - s.from)}</span>
				</li>
			))}
		</ol>
	);
}

function ScheduleCard({ s, offset }: { s: api.Schedule; offset: number }) {
	const zone = s.time_zone || "UTC";
	const days = dayStarts(Date.now() + offset * DAYS * DAY, DAYS, zone);
	const from = days[0]!;
	const to = days[DAYS]!;
	const load = useLoad(`schedule ${s.id} ${from}`, (sig) => api.schedule(s.id, new Date(from).toISOString(), new Date(to).toISOString(), sig), true);
	const full = load.data;
	const t = now.value;
	const shifts = full ? shiftsOf(full.final_schedule?.rendered_schedule_entries, full.overrides_subschedule?.rendered_schedule_entries, from, to) : [];
	const current = offset === 0 ? shifts.find((x) => x.from <= t && t < x.to) : undefined;
	const following = current ? shifts.find((x) => x.from >= current.to && x.who !== current.who) : undefined;
	const gaps = gapTime(shifts.filter((x) => x.to > t || offset !== 0));
	const changesAt = days.slice(0, DAYS).filter((d, i) => zoneOffset(d, zone) !== zoneOffset(days[i + 1]!, zone));
	return (
		<section class="card schedule" id={`schedule-${s.id}`}>
			<header>
				<h2>{s.name || s.summary} {gaps > 0 && <Mark tone="bad" icon="alarm">{formatSpan(gaps)} without anybody</Mark>}</h2>
				<div class="aside"><Icon name="clock" size={14} /> {zone}, {zoneName(from, zone)}{zoneName(to, zone) !== zoneName(from, zone) && ` then ${zoneName(to, zone)}`}</div>
			</header>
			{load.error && !full && <Failure error={load.error} what="The timeline cannot be shown" retry={load.reload} />}
			{!full && !load.error && <div class="schedule-wait"><Loading what={`the timeline of ${s.name || s.summary}`} rows={3} /></div>}
			{full && (
				<>
					<Outdated error={load.error} at={load.at} retry={load.reload} />
					{offset === 0 && (
						<p class="duty">
							<span>Now <strong>{current?.who ?? <Mark tone="bad" icon="alarm">Nobody</Mark>}</strong>{current && current.to < to && <span class="faint"> until {dayName(current.to, zone)} {clock(current.to, zone)} {zoneName(current.to, zone)} (<Time at={current.to} />)</span>}</span>
							{following && <span>Next <strong>{following.who ?? <Mark tone="bad" icon="alarm">Nobody</Mark>}</strong></span>}
						</p>
					)}
					<div class="lanes" aria-hidden="true">
						<div class="days">
							{days.slice(0, DAYS).map((d, i) => {
								const dow = weekday(d, zone);
								return (
									<div key={d} class={`day ${dow === "Sat" || dow === "Sun" ? "weekend" : ""} ${d <= t && t < days[i + 1]! ? "today" : ""}`} style={{ left: `${((d - from) / (to - from)) * 100}%`, width: `${((days[i + 1]! - d) / (to - from)) * 100}%` }}>
										<b>{dow}</b> {shortDay(d, zone)}{changesAt.includes(d) && <em title={`Clocks change: this day has ${Math.round((days[i + 1]! - d) / HOUR)} hours`}>{Math.round((days[i + 1]! - d) / HOUR)} h</em>}
									</div>
								);
							})}
						</div>
						<div class="lane">
							{shifts.map((x) => <Bar s={x} from={from} to={to} zone={zone} key={x.from} />)}
							{t >= from && t < to && <i class="now-mark" style={{ left: `${((t - from) / (to - from)) * 100}%` }} />}
						</div>
					</div>
					<details class="shifts" open={innerWidth <= 760}>
						<summary>{shifts.length} shifts{shifts.some((x) => x.override) && ", some by override"}</summary>
						<ShiftList shifts={shifts} zone={zone} at={t} />
					</details>
				</>
			)}
		</section>
	);
}

function Levels() {
	const load = useLoad("oncalls", (s) => api.oncalls(s), true);
	if (load.error && !load.data) return <Failure error={load.error} what="Who is on call cannot be shown" retry={load.reload} />;
	if (!load.data) return <Loading what="who is on call" rows={3} />;
	const policies = [...new Set(load.data.map((o) => o.escalation_policy.summary))].sort();
	if (policies.length === 0) return <Empty title="There is no escalation policy yet" icon="people"><p>Escalation policies say whom an incident reaches, step by step.</p></Empty>;
	return (
		<div class="scroll">
			<table class="table blocks">
				<thead><tr><th scope="col">Escalation policy</th><th scope="col">First</th><th scope="col" class="wide">Then</th></tr></thead>
				<tbody>
					{policies.map((p) => {
						const levels = new Map<number, { who: string; until: string | null; via: string }[]>();
						for (const o of load.data!.filter((x) => x.escalation_policy.summary === p)) {
							const list = levels.get(o.escalation_level) ?? [];
							if (!list.some((x) => x.who === o.user.summary)) list.push({ who: o.user.summary, until: o.end, via: o.schedule?.summary ?? "" });
							levels.set(o.escalation_level, list);
						}
						const order = [...levels.keys()].sort((a, b) => a - b);
						const names = (n: number) => levels.get(n)!.map((x) => x.who).join(", ");
						const first = order[0] === 1 ? levels.get(1)! : null;
						return (
							<tr key={p}>
								<th scope="row" class="plain-th"><a href={href(["directory", "EscalationPolicy", p])}>{p}</a></th>
								<td class="now-first">{first ? <><strong>{first.map((x) => x.who).join(", ")}</strong>{first[0]!.until && parseTime(first[0]!.until) !== null && <div class="faint small-text">until <Time at={first[0]!.until} first="absolute" /></div>}</> : <Mark tone="bad" icon="alarm">Nobody</Mark>}</td>
								<td data-label="Then">{order.filter((n) => n > 1).map((n) => names(n)).join(" → ") || <span class="faint">–</span>}</td>
							</tr>
						);
					})}
				</tbody>
			</table>
		</div>
	);
}

export function OnCallScreen() {
	const load = useLoad("schedules", (s) => api.schedules(s));
	const offset = Math.trunc(Number(place.value.params.get("page")) || 0);
	const only = place.value.params.get("schedule") ?? "";
	const list = (load.data ?? []).filter((s) => only === "" || (s.name || s.summary) === only);
	const shift = (by: number): void => go(href(["oncall"], { schedule: only, page: offset + by || "" }));
	return (
		<>
			<Head title="On call" sub={only ? <>Only {only}. <a href={href(["oncall"])}>Show all schedules</a></> : undefined}>
				<button type="button" onClick={() => shift(-1)} aria-label="Two weeks earlier">← Earlier</button>
				<button type="button" disabled={offset === 0} onClick={() => shift(-offset)}>Today</button>
				<button type="button" onClick={() => shift(1)} aria-label="Two weeks later">Later →</button>
			</Head>
			<div class="stack-gap">
				{offset === 0 && !only && <Card title="Now" aside="whom an incident would reach"><Levels /></Card>}
				{load.error && !load.data && <Failure error={load.error} what="Schedules cannot be shown" retry={load.reload} />}
				{!load.data && !load.error && <div class="card"><Loading what="schedules" /></div>}
				{load.data && list.length === 0 && (
					<div class="card"><Empty title={only ? `There is no schedule ${only}` : "There is no schedule yet"} icon="calendar">
						<p>A schedule is a resource of kind <code>Schedule</code>: people who take turns, in a time zone.</p>
					</Empty></div>
				)}
				{list.map((s) => <ScheduleCard s={s} offset={offset} key={s.id} />)}
			</div>
		</>
	);
}
