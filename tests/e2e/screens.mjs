// SPDX-License-Identifier: Apache-2.0
// Every screen of the UI against the mock server: both themes, a phone's width, and what people do on them.
import { join } from "node:path";
import { check, launch, open, picture, runAll, soundScreen, test, ui, until } from "./browser.mjs";

const browser = await launch();
const { startMock, makeWorld, PASSWORD, SETUP_TOKEN } = await import(join(ui, "test/mock.mjs"));

const THEMES = [
	{ name: "light", width: 1280, scheme: "light" },
	{ name: "dark", width: 1280, scheme: "dark" },
	{ name: "phone", width: 375, height: 800, scheme: "light" },
	{ name: "phone-dark", width: 375, height: 800, scheme: "dark" },
];

/** A server with this world, gone when the test is over. */
async function withMock(options, run) {
	const mock = await startMock(options);
	try {
		await run(mock);
	} finally {
		await mock.stop();
	}
}
const hot = (mock) => mock.world.incidents.filter((i) => i.title.startsWith("Payment")).at(-1);
const SCREENS = [
	["overview", () => "/ui/", "Overview", "Paging is proven to work"],
	["incidents", () => "/ui/incidents", "Incidents", "load: 0.72 is above 0.5"],
	["incidents-all", () => "/ui/incidents?status=all", "Incidents", "45 incidents"],
	["incident", (m) => `/ui/incidents/${hot(m).id}`, "Payment provider answers 5xx for 12 % of requests", "Escalates to the next step"],
	["oncall", () => "/ui/oncall", "On call", "Europe/Lisbon"],
	["directory", () => "/ui/directory/User/ana", "Directory", "mail at once, then phone after 1m"],
	["directory-service", () => "/ui/directory/Service/web", "Directory", "triggers again after 1h"],
	["directory-policy", () => "/ui/directory/EscalationPolicy/web", "Directory", "Repeated 2 times"],
	["metrics", () => "/ui/explore", "Metrics", "http_requests_total"],
	["explore", () => "/ui/explore?q=sum+by+(code)+(rate(http_requests_total[5m]))", "Metrics", "A point every"],
	["explore-rule", () => "/ui/explore?rule=load&range=21600", "Metrics", "With the band of load"],
	["alerts", () => "/ui/alerts", "Alerts", "avg(load1)"],
	["alert-file", () => "/ui/alerts/load", "load", "Read-only here."],
	["alert-ui", () => "/ui/alerts/request-rate", "request-rate", "Would have fired"],
	["alert-new", () => "/ui/alerts/new", "New alert", "The last day, once there is a query"],
	["proof", () => "/ui/proof", "Proof", "Never proven"],
];
for (const [name, path, heading, holds] of SCREENS) {
	test(`${name}: both themes, and a phone`, async (b) => withMock({ dist: join(ui, "dist"), signedIn: true }, async (mock) => {
		for (const theme of THEMES) {
			const { page, done } = await open(b, mock.url + path(mock), theme);
			await page.getByRole("heading", { level: 1, name: heading }).waitFor();
			await page.getByText(holds).locator("visible=true").first().waitFor();
			await until("everything is loaded", async () => (await page.locator(".loading").count()) === 0);
			await soundScreen(page, `${name} (${theme.name})`);
			await picture(page, `${name}-${theme.name}`);
			await done();
		}
	}));
}

test("sign-in: wrong, right, and out again", async (b) => withMock({}, async (mock) => {
	for (const theme of THEMES) {
		const { page, done } = await open(b, `${mock.url}/ui/incidents`, { ...theme, allowed: /401/ });
		await page.getByRole("heading", { name: "Sign in to Quis" }).waitFor();
		await soundScreen(page, `sign-in (${theme.name})`);
		await picture(page, `signin-${theme.name}`);
		await page.getByLabel("User name").fill("ana");
		await page.getByLabel("Password").fill("no");
		await page.keyboard.press("Enter");
		await page.getByRole("alert").getByText("The name or the password is wrong.").waitFor();
		check(await page.getByLabel("Password").evaluate((e) => e === document.activeElement && e.value === ""), "the password is empty and ready to be typed again");
		await page.keyboard.type(PASSWORD);
		await page.keyboard.press("Enter");
		await page.getByRole("heading", { level: 1, name: "Incidents" }).waitFor();
		if (theme.width < 760) await page.getByRole("button", { name: "More" }).click();
		await page.getByRole("button", { name: "Sign out" }).locator("visible=true").click();
		await page.getByRole("heading", { name: "Sign in to Quis" }).waitFor();
		await done();
	}
}));

test("first sign-in: the link works once, and only with a good password", async (b) => withMock({}, async (mock) => {
	const { page, done } = await open(b, `${mock.url}/ui/setup#${SETUP_TOKEN}`, { allowed: /401/ });
	await page.getByRole("heading", { name: "Welcome to Quis" }).waitFor();
	await soundScreen(page, "setup");
	await picture(page, "setup-light");
	await page.getByLabel("User name").fill("ana");
	await page.getByLabel("Password").fill("short");
	await page.getByLabel("Once more").fill("short");
	await page.keyboard.press("Enter");
	await page.getByText("At least 10 characters").waitFor();
	await page.getByLabel("Password").fill("long enough now");
	await page.getByLabel("Once more").fill("long enough, no");
	await page.getByText("The two are not the same.").waitFor();
	await page.getByLabel("Once more").fill("long enough now");
	await page.keyboard.press("Enter");
	await page.getByRole("heading", { level: 1, name: "Overview" }).waitFor();
	check(!page.url().includes("#"), "the token is gone from the address");
	await done();
	const again = await open(b, `${mock.url}/ui/setup#${SETUP_TOKEN}`, { allowed: /401/, width: 375 });
	await again.page.getByLabel("User name").fill("ana");
	await again.page.getByLabel("Password").fill("long enough now");
	await again.page.getByLabel("Once more").fill("long enough now");
	await again.page.getByRole("button", { name: "Set password" }).click();
	await again.page.getByText("was used already").waitFor();
	await soundScreen(again.page, "setup (phone)");
	await again.done();
	const none = await open(b, `${mock.url}/ui/setup`, { allowed: /401/ });
	await none.page.getByText("This link is not whole").waitFor();
	await none.done();
}));

test("keyboard: move, acknowledge, open, note, resolve, go, help", async (b) => withMock({ signedIn: true }, async (mock) => {
	const { page, done } = await open(b, `${mock.url}/ui/incidents`);
	await page.getByRole("link", { name: "load: 0.72 is above 0.5" }).waitFor();
	await page.keyboard.press("Tab");
	check((await page.evaluate(() => document.activeElement?.textContent)) === "Skip to the content", "the first stop is the skip link");
	await page.keyboard.press("j");
	await page.keyboard.press("j");
	await page.keyboard.press("k");
	await page.keyboard.press("j");
	await page.keyboard.press("a");
	const row = page.locator("tr.cursor");
	await row.getByText("Acknowledged").waitFor();
	await page.getByText("Acknowledged #44.").waitFor();
	check(hot(mock).status === "acknowledged", "the server knows");
	await page.keyboard.press("Enter");
	await page.getByRole("heading", { level: 1, name: hot(mock).title }).waitFor();
	await page.getByText("Triggers again, unless it is resolved").waitFor();
	await page.keyboard.press("n");
	await page.keyboard.type("Rolled back.");
	await page.keyboard.press("Control+Enter");
	await page.getByLabel("What happened, newest first").getByText("Rolled back.").waitFor();
	await page.keyboard.press("Escape");
	await page.keyboard.press("r");
	await page.getByText("Nothing more happens: it is resolved.").waitFor();
	check(hot(mock).status === "resolved", "resolved");
	await page.keyboard.press("g");
	await page.keyboard.press("c");
	await page.getByRole("heading", { level: 1, name: "On call" }).waitFor();
	await page.keyboard.press("?");
	await page.getByRole("dialog", { name: "Keyboard shortcuts" }).getByText("Go to Incidents").waitFor();
	await page.keyboard.press("Escape");
	await page.getByRole("dialog").waitFor({ state: "detached" });
	await page.keyboard.press("t");
	check((await page.evaluate(() => document.documentElement.dataset.theme)) === "dark", "the theme is chosen");
	await page.reload();
	check((await page.evaluate(() => document.documentElement.dataset.theme)) === "dark", "and kept");
	await done();
}));

test("several at once: select, confirm, resolve", async (b) => withMock({ signedIn: true }, async (mock) => {
	const { page, done } = await open(b, `${mock.url}/ui/incidents`);
	await page.getByLabel("Select #45").check();
	await page.getByLabel("Select #43").check();
	await page.getByText("2 selected").waitFor();
	await page.locator(".bulk").getByRole("button", { name: "Resolve" }).click();
	const dialog = page.getByRole("dialog");
	await dialog.getByText("Resolve 2 incidents?").first().waitFor();
	await picture(page, "confirm-light");
	await dialog.getByRole("button", { name: "Resolve 2" }).click();
	await page.getByText("Resolved 2 incidents.").waitFor();
	await until("both are resolved", () => mock.world.incidents.filter((i) => i.status === "resolved").length === 42);
	await done();
}));

test("live: new incidents appear, and wait while somebody is at work", async (b) => withMock({ signedIn: true }, async (mock) => {
	const { page, done } = await open(b, `${mock.url}/ui/incidents`);
	await page.getByText("Live", { exact: true }).waitFor();
	await page.getByText("5 incidents").waitFor();
	mock.world.addIncident("Brand new trouble", "web", "critical", Date.now());
	mock.tell();
	await page.getByRole("link", { name: "Brand new trouble" }).waitFor();
	await page.keyboard.press("j");
	const before = await page.locator("tr.cursor").getAttribute("id");
	mock.world.addIncident("Trouble while at work", "web", "critical", Date.now());
	mock.tell();
	await page.getByRole("button", { name: "Show 1 new incident" }).waitFor();
	check((await page.getByRole("link", { name: "Trouble while at work" }).count()) === 0, "rows stay where they are");
	check((await page.locator("tr.cursor").getAttribute("id")) === before, "so does the cursor");
	await page.getByRole("button", { name: "Show 1 new incident" }).click();
	await page.getByRole("link", { name: "Trouble while at work" }).waitFor();
	check(/^\(7\) Incidents/.test(await page.title()), `the tab counts: ${await page.title()}`);
	await done();
}));

test("filters are in the address, and back works", async (b) => withMock({ signedIn: true, world: makeWorld({ many: 200 }) }, async (mock) => {
	const { page, done } = await open(b, `${mock.url}/ui/incidents`);
	await page.getByRole("button", { name: "Resolved", exact: true }).click();
	await page.getByText("240 incidents").waitFor();
	await page.getByRole("button", { name: "Older" }).click();
	await page.getByText("51–100 of 240").waitFor();
	await page.getByLabel("Service").selectOption({ label: "database" });
	await page.waitForURL(/service=/);
	await page.getByLabel("Search in titles").fill("replication");
	await page.waitForURL(/q=replication/);
	await page.locator(".incidents .title", { hasText: "Replication lag" }).first().waitFor();
	check((await page.locator(".incidents .title").allTextContents()).every((t) => /Replication/.test(t)), "only what fits is shown");
	await page.reload();
	check((await page.getByLabel("Search in titles").inputValue()) === "replication", "a view can be sent to somebody");
	await page.goBack();
	await page.waitForURL(/offset=50/);
	await page.getByText("51–100 of 240").waitFor();
	await done();
}));

test("empty: how to send the first event", async (b) => withMock({ signedIn: true, world: makeWorld({ empty: true }) }, async (mock) => {
	for (const theme of THEMES) {
		const { page, done } = await open(b, `${mock.url}/ui/incidents`, theme);
		await page.getByText("No incidents yet").waitFor();
		await page.getByText(`curl -X POST ${mock.url}/v2/enqueue`).waitFor();
		await page.getByText("0123456789abcdef0123456789abcdef").waitFor();
		await soundScreen(page, `empty (${theme.name})`);
		await picture(page, `empty-${theme.name}`);
		await page.goto(`${mock.url}/ui/`);
		await page.getByText("Paging has never been proven").waitFor();
		await soundScreen(page, `never proven (${theme.name})`);
		await picture(page, `never-${theme.name}`);
		await page.goto(`${mock.url}/ui/explore`);
		await page.getByText("No metrics yet").waitFor();
		await done();
	}
}));

test("the verdict is green only while there is evidence and contact", async (b) => {
	const mock = await startMock({ signedIn: true });
	const { page, context } = await open(b, `${mock.url}/ui/`, { allowed: /./, clock: true });
	await page.locator(".verdict.good").waitFor();
	mock.world.brokenPush = true;
	mock.tell();
	await page.locator(".verdict.bad").getByText("Paging is broken").waitFor();
	await soundScreen(page, "broken");
	await picture(page, "broken-light");
	mock.world.brokenPush = false;
	mock.world.sickRole = "notifier";
	mock.tell();
	await page.clock.runFor(1500);
	await page.locator(".verdict.bad").getByText("Not well: notifier").waitFor();
	await page.getByText("ended by signal 9").waitFor();
	mock.world.sickRole = "";
	mock.tell();
	await page.clock.runFor(1500);
	await page.locator(".verdict.good").waitFor();
	await mock.stop();
	await page.getByText("No contact with Quis").waitFor();
	await page.clock.runFor(150_000);
	await page.locator(".verdict.calm").getByText("Unknown whether paging works").waitFor();
	await soundScreen(page, "no contact");
	await picture(page, "lost-light");
	await context.close();
});

test("a failing part says so, and the rest is shown", async (b) => withMock({ signedIn: true }, async (mock) => {
	mock.world.failing = /\/api\/v1\/rules/;
	const { page, context } = await open(b, `${mock.url}/ui/alerts`, { allowed: /503/ });
	await page.getByText("What the rules say now is unknown.").waitFor();
	await page.getByRole("link", { name: "request-rate" }).waitFor();
	mock.world.failing = /\/incidents/;
	await page.goto(`${mock.url}/ui/incidents`);
	await page.getByText("Incidents cannot be shown").waitFor();
	mock.world.failing = undefined;
	await page.getByRole("button", { name: "Try again" }).click();
	await page.getByRole("link", { name: "load: 0.72 is above 0.5" }).waitFor();
	await context.close();
}));

test("alert: preview, review, save; what a file owns stays as it is", async (b) => withMock({ signedIn: true }, async (mock) => {
	const { page, done } = await open(b, `${mock.url}/ui/alerts/request-rate`);
	await page.locator(".preview-words").getByText("Would have fired").waitFor();
	check(await page.getByRole("button", { name: "Review and save" }).isDisabled(), "nothing to save yet");
	const before = await page.locator(".preview-words .big").textContent();
	await page.getByLabel("Wrong below").fill("0.5");
	await page.getByText("Would not have fired in the last day.").waitFor();
	check(before !== (await page.locator(".preview-words .big").textContent()), "the preview follows the band");
	await page.getByLabel("Wrong above").fill("0.1");
	await page.getByText("Below must be less than above").waitFor();
	await page.getByLabel("Wrong above").fill("410");
	await page.getByRole("button", { name: "Review and save" }).click();
	const dialog = page.getByRole("dialog", { name: "What will be saved" });
	await dialog.getByText("+above: 410").waitFor();
	await dialog.getByText("-above: 400").waitFor();
	await dialog.locator(".diff .same", { hasText: 'interval: "30s"' }).waitFor(); // what the form does not know stays
	check(mock.world.resources.find((r) => r.name === "request-rate").body.above === 400, "nothing is saved by a look");
	await soundScreen(page, "review");
	await picture(page, "review-light");
	await dialog.getByRole("button", { name: "Save" }).click();
	await page.getByText("Saved request-rate.").waitFor();
	check(mock.world.resources.find((r) => r.name === "request-rate").body.above === 410, "saved");

	await page.goto(`${mock.url}/ui/alerts`);
	await page.getByRole("link", { name: "New alert" }).click();
	await page.getByRole("button", { name: "Review and save" }).isDisabled();
	await page.getByLabel("Name").fill("errors");
	await page.getByLabel("Query").fill("rate(http_requests_total[5m])");
	await page.getByLabel("Wrong above").fill("1000");
	await page.getByLabel("Service").selectOption("web");
	await page.getByText("Would not have fired").waitFor();
	await page.getByRole("button", { name: "Review and save" }).click();
	await page.getByRole("dialog").getByText("create").waitFor();
	await page.getByRole("dialog").getByRole("button", { name: "Save" }).click();
	await page.getByText("Saved errors.").waitFor();
	await page.waitForURL(/\/ui\/alerts\/errors$/);
	await page.getByRole("button", { name: "Remove" }).click();
	await page.getByRole("dialog").getByRole("button", { name: "Remove", exact: true }).click();
	await page.getByText("Removed errors.").waitFor();

	await page.goto(`${mock.url}/ui/alerts/load`);
	await page.getByText("A file of the installation manages this alert").waitFor();
	check((await page.getByRole("button", { name: "Review and save" }).count()) === 0, "a file's alert cannot be saved here");
	await done();
}));

test("alert: what the server refuses is said where it is", async (b) => withMock({ signedIn: true }, async (mock) => {
	const { page, context } = await open(b, `${mock.url}/ui/alerts/request-rate`, { allowed: /4(00|22)/ });
	await page.getByLabel("Query").fill("sum(");
	await page.getByText("unclosed left parenthesis").waitFor();
	await page.getByRole("button", { name: "Review and save" }).click();
	await page.getByRole("dialog").getByText("unexpected end of input in a call").waitFor();
	check(await page.getByRole("dialog").getByRole("button", { name: "Save" }).isDisabled(), "it cannot be saved");
	await context.close();
}));

test("metrics: completion, chart, legend, zoom", async (b) => withMock({ signedIn: true }, async (mock) => {
	const { page, done } = await open(b, `${mock.url}/ui/explore`);
	await page.getByLabel("PromQL expression").pressSequentially("http_re");
	await page.getByRole("option", { name: /http_requests_total/ }).waitFor();
	await picture(page, "completion-light");
	await page.keyboard.press("ArrowDown");
	await page.keyboard.press("ArrowDown");
	await page.keyboard.press("Enter");
	check((await page.getByLabel("PromQL expression").inputValue()) === "http_requests_total", "the proposal is taken");
	await page.keyboard.type("{co");
	await page.getByRole("option", { name: /code/ }).waitFor();
	await page.keyboard.press("Tab");
	await page.keyboard.type('="5');
	await page.getByRole("option", { name: /500/ }).waitFor();
	await page.keyboard.press("Tab");
	await page.keyboard.type('"}');
	await page.keyboard.press("Enter");
	await page.locator(".chart canvas").waitFor();
	check((await page.locator(".legend tbody tr").count()) === 3, "each series has a row");
	await page.locator(".legend .swatch").first().click();
	await page.locator(".legend tr.off").waitFor();
	const box = await page.locator(".chart .u-over").boundingBox();
	await page.mouse.move(box.x + 100, box.y + 50);
	await page.mouse.down();
	await page.mouse.move(box.x + 300, box.y + 60, { steps: 4 });
	await page.mouse.up();
	await page.waitForURL(/start=\d+&end=\d+/);
	await page.getByRole("button", { name: "Back to now" }).click();
	await page.getByRole("button", { name: "Refresh" }).waitFor();
	await page.getByRole("link", { name: "Alert on this" }).click();
	await page.getByRole("heading", { level: 1, name: "New alert" }).waitFor();
	check((await page.getByLabel("Query").inputValue()).includes("http_requests_total"), "the query comes along");
	await done();
}));

test("proof: a test page proves a contact", async (b) => withMock({ signedIn: true }, async (mock) => {
	const { page, done } = await open(b, `${mock.url}/ui/proof?kind=person`);
	const row = page.getByRole("row", { name: /ana sms/ });
	await row.getByText("Never proven").waitFor();
	await row.getByRole("button", { name: "Send a test page to ana/sms" }).click();
	await page.getByText("A test page to ana over sms is on its way.").waitFor();
	await page.locator(".tests").getByText("Delivered").waitFor();
	await row.getByText("Proven", { exact: true }).waitFor();
	await row.getByText("a test page").waitFor();
	await done();
}));

test("an observer looks and cannot act", async (b) => withMock({ signedIn: true, world: Object.assign(makeWorld(), { role: "observer" }) }, async (mock) => {
	const { page, done } = await open(b, `${mock.url}/ui/incidents/${hot(mock).id}`);
	await page.getByText("Escalates to the next step").waitFor();
	check((await page.getByRole("button", { name: /Acknowledge|Resolve|Add note/ }).count()) === 0, "no button that would be refused");
	await page.keyboard.press("a");
	await page.waitForTimeout(200);
	check(hot(mock).status === "triggered", "and no key either");
	await page.goto(`${mock.url}/ui/alerts`);
	await page.getByText("HostOutOfDisk").waitFor();
	check((await page.getByRole("link", { name: "New alert" }).count()) === 0, "nothing new either");
	await done();
}));

test("phone: everything is reached through More", async (b) => withMock({ signedIn: true }, async (mock) => {
	const { page, done } = await open(b, `${mock.url}/ui/`, THEMES[2]);
	await page.getByRole("button", { name: "More" }).click();
	await picture(page, "more-phone");
	await page.getByRole("dialog").getByRole("link", { name: "Directory" }).click();
	await page.getByRole("heading", { level: 1, name: "Directory" }).waitFor();
	check((await page.getByRole("dialog").count()) === 0, "the sheet is gone");
	await page.getByRole("link", { name: /^chidi/ }).click();
	await page.getByText("nobody can page this person").waitFor();
	await page.getByRole("link", { name: "← All" }).click();
	await page.getByRole("link", { name: /^bo/ }).waitFor();
	await done();
}));

await runAll(browser);
