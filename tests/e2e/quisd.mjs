// SPDX-License-Identifier: Apache-2.0
// A person's way through a real installation, started by quisd_test.py: first sign-in, proving a contact, an incident
// from event to resolution, metrics, an alert that fires. One after the other; each needs what the ones before did.
import { createSocket } from "node:dgram";
import { check, launch, open, picture, runAll, soundScreen, test, until } from "./browser.mjs";

const { QUIS_URL: url, QUIS_LINK: link, QUIS_KEY: key, QUIS_STATSD: statsdPort } = process.env;
const browser = await launch();
let cookies = [];

const signedIn = (path, more = {}) => open(browser, url + path, { cookies, ...more });
async function event(summary, dedup_key, action = "trigger") {
	const r = await fetch(`${url}/v2/enqueue`, {
		method: "POST", headers: { "Content-Type": "application/json" },
		body: JSON.stringify({ routing_key: key, event_action: action, dedup_key, payload: { summary, source: "e2e", severity: "critical", custom_details: { region: "eu-west" } }, links: [{ href: "https://wiki.example.com/runbook", text: "Runbook" }] }),
	});
	check(r.status === 202, `the event was answered with ${r.status}: ${await r.text()}`);
}
const socket = createSocket("udp4");
const statsd = (text) => new Promise((done) => socket.send(text, Number(statsdPort), "127.0.0.1", done));
let load = .2;
const feed = setInterval(() => void statsd(`e2e_load:${load}|g\ne2e_requests:5|c`), 250);

test("the UI comes with a strict policy, hashed files for ever, pages never", async () => {
	const page = await fetch(`${url}/ui/incidents/anything`);
	check(page.status === 200 && /text\/html/.test(page.headers.get("content-type")), `a screen's address gives the page: ${page.status}`);
	check(/default-src 'self'/.test(page.headers.get("content-security-policy") ?? ""), `content security policy: ${page.headers.get("content-security-policy")}`);
	check(!/unsafe/.test(page.headers.get("content-security-policy")), "nothing unsafe in it");
	const html = await page.text();
	const script = /src="(\/ui\/assets\/app-[^"]+)"/.exec(html)[1];
	const js = await fetch(url + script);
	check(js.status === 200 && /immutable/.test(js.headers.get("cache-control") ?? ""), `the script is for ever: ${js.headers.get("cache-control")}`);
	check(/javascript/.test(js.headers.get("content-type")), js.headers.get("content-type"));
	check((await fetch(`${url}/ui/assets/none.js`)).status === 404, "a file that is not there is not a page");
});

test("first sign-in by the link, and the verdict is not green without evidence", async (b) => {
	check(/\/ui\/setup#./.test(link), `the link: ${link}`);
	const { page, context, done } = await open(b, link.replace(/^https?:\/\/[^/]+/, url), { allowed: /401/ });
	await page.getByLabel("User name").fill("ana");
	await page.getByLabel("Password").fill("a long sentence");
	await page.getByLabel("Once more").fill("a long sentence");
	await page.keyboard.press("Enter");
	await page.getByRole("heading", { level: 1, name: "Overview" }).waitFor();
	await page.getByText("Paging has never been proven").waitFor();
	await page.getByText("Live", { exact: true }).waitFor();
	await soundScreen(page, "overview, fresh");
	await picture(page, "real-never");
	await page.getByRole("button", { name: "Sign out" }).click();
	await page.getByRole("heading", { name: "Sign in to Quis" }).waitFor();
	await page.getByLabel("User name").fill("ana");
	await page.getByLabel("Password").fill("a wrong sentence");
	await page.keyboard.press("Enter");
	await page.getByText("The name or the password is wrong.").waitFor();
	await page.getByLabel("Password").fill("a long sentence");
	await page.keyboard.press("Enter");
	await page.getByRole("heading", { level: 1, name: "Overview" }).waitFor();
	cookies = await context.cookies();
	check(cookies.some((c) => c.name === "quis_session" && c.httpOnly && c.sameSite === "Strict"), "the cookie is closed to scripts and other sites");
	await done();
});

test("no incidents yet: the command on the screen works", async (b) => {
	const { page, done } = await signedIn("/ui/incidents");
	await page.getByText("No incidents yet").waitFor();
	const text = await page.getByRole("region", { name: "Command that sends an event" }).textContent();
	const body = /-d '([\s\S]+)'/.exec(text)[1];
	check(text.includes(key), "with the service's key");
	const answer = await fetch(`${url}/v2/enqueue`, { method: "POST", headers: { "Content-Type": "application/json" }, body });
	check(answer.status === 202, `it is accepted: ${answer.status}`);
	await page.getByRole("link", { name: "Hello from Quis" }).waitFor(); // live
	await page.keyboard.press("j");
	await page.keyboard.press("r");
	await page.locator("tr.cursor").getByText("Resolved").waitFor();
	await done();
});

test("a test page proves a contact, and the verdict turns green", async (b) => {
	const { page, done } = await signedIn("/ui/proof?kind=person");
	await page.getByRole("button", { name: "Send a test page to ana/mail" }).click();
	await page.getByText("A test page to ana over mail is on its way.").waitFor();
	await page.locator(".tests").getByText(/Accepted by the provider|Delivered/).first().waitFor();
	await picture(page, "real-proof");
	await page.goto(`${url}/ui/`);
	await page.locator(".verdict.good").getByText("Paging is proven to work").waitFor();
	await soundScreen(page, "overview, proven");
	await picture(page, "real-overview");
	await done();
});

test("an incident: live, keyboard, timeline with the page, note, resolve", async (b) => {
	const { page, done } = await signedIn("/ui/incidents");
	await page.getByText("No open incidents").waitFor();
	await event("The disk of db-1 is full", "disk");
	await page.getByRole("link", { name: "The disk of db-1 is full" }).waitFor();
	await page.keyboard.press("j");
	await page.keyboard.press("Enter");
	await page.getByRole("heading", { level: 1, name: "The disk of db-1 is full" }).waitFor();
	const story = page.getByLabel("What happened, newest first");
	await story.getByText(/Accepted by the provider|Delivered/).first().waitFor();
	await story.getByText("ana@example.com").first().waitFor();
	await page.getByText("Escalates to the next step").waitFor();
	await page.getByText("Pages ana by second").waitFor();
	await page.getByRole("link", { name: "Runbook" }).waitFor();
	await soundScreen(page, "incident");
	await picture(page, "real-incident");
	await page.keyboard.press("a");
	await page.locator(".sub-line").getByText("Acknowledged").waitFor();
	await story.getByText("Acknowledged by ana").waitFor();
	check((await page.getByText("Escalates to the next step").count()) === 0, "an acknowledgement stops the escalation");
	await page.keyboard.press("n");
	await page.keyboard.type("Deleted old logs.");
	await page.keyboard.press("Control+Enter");
	await story.getByText("Deleted old logs.").waitFor();
	await page.keyboard.press("Escape");
	await page.keyboard.press("r");
	await page.getByText("Nothing more happens: it is resolved.").waitFor();
	await page.keyboard.press("Escape");
	await page.getByText("No open incidents").waitFor();
	await done();
});

test("filters ask the server rightly", async (b) => {
	await event("Filtered trouble one", "f1");
	await event("Filtered trouble two", "f2");
	const { page, done } = await signedIn("/ui/incidents?status=all&q=filtered");
	await until("both are found", async () => (await page.locator(".incidents .title").count()) === 2);
	await page.getByLabel("Service").selectOption({ label: "web" });
	await page.waitForURL(/service=/);
	await until("still both", async () => (await page.locator(".incidents .title").count()) === 2);
	await page.getByLabel("Urgency").selectOption("low");
	await page.getByText("Nothing fits").waitFor();
	await page.goto(`${url}/ui/incidents?q=filtered`);
	await page.getByLabel("Select all shown").check();
	await page.locator(".bulk").getByRole("button", { name: "Resolve" }).click();
	await page.getByRole("dialog").getByRole("button", { name: "Resolve 2" }).click();
	await page.getByText("Resolved 2 incidents.").waitFor();
	await done();
});

test("metrics: StatsD shows up, completes and draws", async (b) => {
	const { page, done } = await signedIn("/ui/explore");
	await until("a metric arrives", async () => {
		await page.reload();
		return page.getByRole("button", { name: "e2e_load" }).waitFor({ timeout: 1500 }).then(() => true, () => false);
	}, 20_000);
	await page.getByLabel("PromQL expression").pressSequentially("e2e_lo");
	await page.getByRole("option", { name: /e2e_load/ }).first().waitFor();
	await page.keyboard.press("Tab");
	await page.keyboard.press("Enter");
	await page.locator(".chart canvas").waitFor();
	await page.locator(".legend").getByText("e2e_load").waitFor();
	await page.getByLabel("PromQL expression").fill("sum(");
	await page.keyboard.press("Enter");
	await page.getByText("The query failed").waitFor();
	await page.goto(`${url}/ui/explore?q=e2e_load`);
	await page.locator(".chart canvas").waitFor();
	await soundScreen(page, "metrics");
	await picture(page, "real-metrics");
	await page.context().close();
	void done;
});

test("an alert: previewed, saved, fires, and its incident leads to the graph", async (b) => {
	const { page, done } = await signedIn("/ui/alerts/new?query=avg(e2e_load)");
	await page.getByLabel("Name").fill("e2e load");
	await page.getByLabel("Wrong above").fill("0.5");
	await page.getByLabel("For").fill("0s");
	await page.getByLabel("No data").selectOption("ok");
	await page.getByLabel("Service").selectOption("web");
	await page.locator(".preview-words").getByText("Would not have fired").waitFor();
	await picture(page, "real-editor");
	await page.getByRole("button", { name: "Review and save" }).click();
	await page.getByRole("dialog").getByText("create").waitFor();
	await page.getByRole("dialog").getByRole("button", { name: "Save" }).click();
	await page.getByText("Saved e2e load.").waitFor();
	await page.goto(`${url}/ui/alerts`);
	const row = page.getByRole("row", { name: /e2e load/ });
	await row.getByText("Inside").waitFor();
	load = .9;
	await row.getByText("Firing").waitFor({ timeout: 20_000 });
	await picture(page, "real-alerts");
	await page.goto(`${url}/ui/incidents`);
	await page.locator(".incidents .title").first().click();
	await page.getByText("above the band").waitFor();
	await soundScreen(page, "incident of a rule");
	await picture(page, "real-rule-incident");
	await page.getByRole("link", { name: "Graph with band" }).click();
	await page.getByText("With the band of").waitFor();
	await page.locator(".chart canvas").waitFor();
	await picture(page, "real-band");
	load = .2;
	await page.goto(`${url}/ui/incidents`);
	await page.getByText("No open incidents").waitFor({ timeout: 20_000 });
	await page.goto(`${url}/ui/proof?kind=rule`);
	await page.getByRole("row", { name: /e2e load/ }).getByText("a real firing").waitFor();
	await page.goto(`${url}/ui/alerts/from-a-file`);
	await page.getByText("A file of the installation manages this alert").waitFor();
	await done();
});

for (const theme of [{ name: "light", scheme: "light" }, { name: "dark", scheme: "dark" }, { name: "phone", width: 375, height: 800 }]) {
	test(`every screen is sound with a real server: ${theme.name}`, async (b) => {
		for (const [path, holds] of [["/ui/", "Overview"], ["/ui/incidents?status=all", "Hello from Quis"], ["/ui/oncall", "Ana Souza"], ["/ui/alerts", "from-a-file"], ["/ui/proof", "a delivery receipt"], ["/ui/directory/User/ana", "second after 3m"],
			["/ui/directory/Schedule/office-hours", "America/New_York"], ["/ui/directory/EscalationPolicy/web", "whoever is on call in"], ["/ui/directory/Service/web", "web"]]) {
			const { page, done } = await signedIn(path, theme);
			await page.getByText(holds).locator("visible=true").first().waitFor();
			await until("everything is loaded", async () => (await page.locator(".loading").count()) === 0);
			await soundScreen(page, `${path} (${theme.name})`);
			await picture(page, `real${path.replaceAll(/[^a-z]+/gi, "-")}${theme.name}`);
			await done();
		}
	});
}

test("PagerDuty's links to people and services find them", async (b) => {
	const { page, done } = await signedIn("/ui/incidents");
	const users = await page.evaluate(() => fetch("/users").then((r) => r.json()));
	await page.goto(`${url}/ui/users/${users.users.find((u) => u.login === "bo").id}`);
	await page.waitForURL(/\/ui\/directory\/User\/bo$/);
	await page.getByText("Only one way to be reached").waitFor();
	await done();
});

await runAll(browser, async () => {
	clearInterval(feed);
	socket.close();
});
