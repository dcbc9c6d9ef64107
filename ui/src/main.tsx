// SPDX-License-Identifier: Apache-2.0
// The frame around every screen: who is signed in, where one can go, whether the screen is live, shortcuts.
import "uplot/dist/uPlot.min.css"; // here, for style sheets of parts that come later are not loaded by themselves
import "./css/base.css";
import "./css/parts.css";
import "./css/screens.css";
import { render, type ComponentType } from "preact";
import { signal, effect } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";
import { session, whoAmI, signOut, ApiError } from "./api";
import { link, lastContact, now, openIncidents } from "./live";
import { place, go, href } from "./router";
import { useShortcuts, allShortcuts, revision } from "./keys";
import { dark, nextTheme, utc, zone } from "./theme";
import { zoneName, browserZone } from "./time";
import { Dialog, Failure, Icon, Loading, Logo, Time, Toasts, Empty, sayError, type IconName } from "./ui";
import { SignIn, SetUp } from "./screens/signin";
import { OverviewScreen } from "./screens/overview";
import { IncidentsScreen } from "./screens/incidents";

// -- screens that are loaded when they are opened --

type Screen = ComponentType;
const loaded = signal(new Map<string, Screen | ApiError>());
const wanted = new Set<string>();
function later(name: string, load: () => Promise<Screen>): ComponentType {
	return function Later() {
		const found = loaded.value.get(name);
		useEffect(() => {
			if (wanted.has(name)) return;
			wanted.add(name);
			load().then(
				(screen) => { loaded.value = new Map(loaded.value).set(name, screen); },
				() => {
					wanted.delete(name);
					loaded.value = new Map(loaded.value).set(name, new ApiError(0, "A part of this page did not come. Quis may have been updated meanwhile: load the page again."));
				},
			);
		}, []);
		if (found instanceof ApiError) return <Failure error={found} what="This screen cannot be shown" retry={() => location.reload()} />;
		if (!found) return <Loading what="the screen" rows={6} />;
		const Found = found;
		return <Found />;
	};
}
const IncidentScreen = later("incident", () => import("./screens/incident").then((m) => m.IncidentScreen));
const OnCall = later("oncall", () => import("./screens/oncall").then((m) => m.OnCallScreen));
const Directory = later("directory", () => import("./screens/directory").then((m) => m.DirectoryScreen));
const ById = later("byid", () => import("./screens/directory").then((m) => m.ByIdScreen));
const Explore = later("explore", () => import("./screens/explore").then((m) => m.ExploreScreen));
const Alerts = later("alerts", () => import("./screens/alerts").then((m) => m.AlertsScreen));
const AlertEditor = later("editor", () => import("./screens/editor").then((m) => m.EditorScreen));
const Proof = later("proof", () => import("./screens/proof").then((m) => m.ProofScreen));

function screenOf(parts: readonly string[]): [key: string, Screen: ComponentType] {
	const [first, second] = parts;
	switch (first) {
		case undefined: return ["overview", OverviewScreen];
		case "incidents": return second ? [`incident/${second}`, IncidentScreen] : ["incidents", IncidentsScreen];
		case "oncall": return ["oncall", OnCall];
		case "directory": return ["directory", Directory];
		case "explore": return ["explore", Explore];
		case "alerts": return second ? [`alert/${second}`, AlertEditor] : ["alerts", Alerts];
		case "proof": return ["proof", Proof];
		case "users": case "services": case "schedules": case "escalation_policies": case "teams": return [`by-id/${parts.join("/")}`, ById];
		default: return ["nothing", Nothing];
	}
}

function Nothing() {
	return (
		<Empty title="There is no such page" icon="never">
			<p><a href={href([])}>Go to the overview</a></p>
		</Empty>
	);
}

// -- navigation --

const PLACES: readonly { name: string; label: string; icon: IconName; key: string }[] = [
	{ name: "", label: "Overview", icon: "overview", key: "o" },
	{ name: "incidents", label: "Incidents", icon: "alarm", key: "i" },
	{ name: "oncall", label: "On call", icon: "calendar", key: "c" },
	{ name: "alerts", label: "Alerts", icon: "bell", key: "a" },
	{ name: "explore", label: "Metrics", icon: "chart", key: "m" },
	{ name: "proof", label: "Proof", icon: "shield", key: "p" },
	{ name: "directory", label: "Directory", icon: "people", key: "d" },
];
const aliases: Record<string, string> = { users: "directory", services: "directory", schedules: "directory", escalation_policies: "directory", teams: "directory" };

function NavLink({ p }: { p: (typeof PLACES)[number] }) {
	const first = place.value.parts[0] ?? "";
	const here = (aliases[first] ?? first) === p.name;
	const open = openIncidents.value;
	return (
		<a href={href(p.name ? [p.name] : [])} aria-current={here ? "page" : undefined}>
			<Icon name={p.icon} size={18} />
			<span>{p.label}</span>
			{p.name === "incidents" && open !== null && open.open > 0 && (
				<span class={open.triggered > 0 ? "badge bad" : "badge"} title={`${open.open} open, ${open.triggered} triggered`}>
					<span class="sr">, </span>{open.open}<span class="sr"> open</span>
				</span>
			)}
		</a>
	);
}

function LinkState() {
	if (link.value === "live") return <span class="link live" title="Changes appear by themselves"><i />Live</span>;
	if (link.value === "connecting") return <span class="link"><i />Connecting…</span>;
	return <span class="link lost"><i />No contact{lastContact.value !== null && <> since <Time at={lastContact.value} /></>}</span>;
}

function Preferences({ onDone }: { onDone?: () => void }) {
	const z = zone();
	return (
		<div class="preferences">
			<button type="button" class="plain row" onClick={nextTheme}>
				<Icon name={dark.value ? "sun" : "moon"} />{dark.value ? "Light theme" : "Dark theme"}
			</button>
			<button
				type="button" class="plain row" onClick={() => { utc.value = !utc.value; }}
				title={`Times are shown in ${z}. Press to change to ${utc.value ? browserZone : "UTC"}.`}
			>
				<Icon name="clock" />Times in {utc.value ? "UTC" : zoneName(now.value, z)}
			</button>
			<button type="button" class="plain row" onClick={() => { onDone?.(); helpOpen.value = true; }}><Icon name="never" />Shortcuts <kbd>?</kbd></button>
		</div>
	);
}

async function leave(): Promise<void> {
	try {
		await signOut();
	} catch (e) {
		sayError("Signing out failed", e);
	}
}

const helpOpen = signal(false);
const SHOWN_KEYS: Record<string, string> = { Enter: "Enter", Escape: "Esc", ArrowDown: "↓", ArrowUp: "↑" };

function Help() {
	void revision.value;
	return (
		<Dialog title="Keyboard shortcuts" onClose={() => { helpOpen.value = false; }}>
			<dl class="keys">
				{allShortcuts().map((s) => (
					<div key={s.keys}>
						<dt>{s.keys.split(" ").map((k) => <kbd key={k}>{SHOWN_KEYS[k] ?? k}</kbd>)}</dt>
						<dd>{s.does}</dd>
					</div>
				))}
			</dl>
			<p class="faint"><a href="/status">Status page</a> · <a href="/ui/licenses.txt">Licences</a></p>
		</Dialog>
	);
}

function Frame() {
	const [menu, setMenu] = useState(false);
	const who = session.value!;
	const [key, Screen] = screenOf(place.value.parts);
	useEffect(() => setMenu(false), [place.value]);
	useShortcuts([
		{ keys: "?", does: "This help", run: () => { helpOpen.value = true; } },
		...PLACES.map((p) => ({ keys: `g ${p.key}`, does: `Go to ${p.label}`, run: () => go(href(p.name ? [p.name] : [])) })),
		{ keys: "t", does: "Light or dark", run: nextTheme },
		{ keys: "u", does: "Times in UTC or local", run: () => { utc.value = !utc.value; } },
	]);
	return (
		<div class="frame">
			<a class="skip" href="#main">Skip to the content</a>
			<header class="side">
				<a class="brand" href={href([])}><Logo /><span>Quis</span></a>
				<nav aria-label="Main">
					{PLACES.map((p) => <NavLink p={p} key={p.name} />)}
					<button type="button" class="more" aria-expanded={menu} onClick={() => setMenu(!menu)}><Icon name="more" size={18} /><span>More</span></button>
				</nav>
				<div class="foot">
					<LinkState />
					<Preferences />
					<div class="who"><span title={`Role: ${who.role}`}><strong>{who.user}</strong> <span class="faint">{who.role}</span></span>
						<button type="button" class="plain" onClick={() => void leave()}>Sign out</button></div>
				</div>
			</header>
			<main id="main" tabIndex={-1}>
				{link.value === "lost" && (
					<div class="note bad lost" role="alert">
						<Icon name="broken" />
						<div><strong>No contact with Quis{lastContact.value !== null && <> since <Time at={lastContact.value} /></>}.</strong> What is shown here may be old. Trying again by itself.</div>
					</div>
				)}
				<Screen key={key} />
			</main>
			{menu && (
				<Dialog title="More" onClose={() => setMenu(false)}>
					<nav class="sheet" aria-label="More">{PLACES.slice(4).map((p) => <NavLink p={p} key={p.name} />)}</nav>
					<Preferences onDone={() => setMenu(false)} />
					<div class="who"><LinkState /><span><strong>{who.user}</strong> <span class="faint">{who.role}</span></span>
						<button type="button" onClick={() => void leave()}>Sign out</button></div>
				</Dialog>
			)}
			{helpOpen.value && <Help />}
		</div>
	);
}

function App() {
	const [failed, setFailed] = useState<ApiError | null>(null);
	const ask = (): void => {
		setFailed(null);
		whoAmI().catch((e: unknown) => setFailed(e instanceof ApiError ? e : new ApiError(0, String(e))));
	};
	useEffect(ask, []);
	let body;
	if (place.value.parts[0] === "setup") body = <SetUp />;
	else if (failed) body = <div class="alone"><Failure error={failed} what="Quis does not answer" retry={ask} /></div>;
	else if (session.value === undefined) body = <div class="alone" aria-busy="true" />;
	else if (session.value === null) body = <SignIn />;
	else body = <Frame />;
	return <>{body}<Toasts /></>;
}

// The tab says how many are open, whatever the screen is.
const TITLES: Record<string, string> = { "": "Overview", oncall: "On call", explore: "Metrics", setup: "First sign-in" };
effect(() => {
	const first = place.value.parts[0] ?? "";
	const second = place.value.parts[1];
	const known = PLACES.find((p) => p.name === (aliases[first] ?? first));
	const name = (first === "alerts" || first === "directory") && second ? (place.value.parts[2] ?? second) : TITLES[first] ?? known?.label ?? "Quis";
	const open = openIncidents.value;
	document.title = `${open && open.open > 0 ? `(${open.open}) ` : ""}${session.value ? name : "Sign in"} · Quis`;
	const icon = document.getElementById("favicon") as HTMLLinkElement | null;
	const file = open && open.triggered > 0 ? "/ui/favicon-alarm.svg" : "/ui/favicon.svg";
	if (icon && !icon.href.endsWith(file)) icon.href = file;
});

render(<App />, document.getElementById("app")!);

// The screen that matters most in an emergency is fetched ahead, for the server may not answer then.
addEventListener("load", () => setTimeout(() => void import("./screens/incident").catch(() => undefined), 1500));
