// SPDX-License-Identifier: Apache-2.0
//
// What browser tests share: TAP on standard output, a Chromium that talks to nobody but the page, and checks that hold on
// every screen. Skips as a whole, with the reason, where there is no browser or the UI was not built.
import { existsSync, mkdirSync } from "node:fs";
import { join, dirname } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");
export const ui = join(root, "ui");
const CHROMIUM = process.env.QUIS_CHROMIUM ?? "/usr/bin/chromium";
const ARGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

export function skipAll(reason) {
	console.log(`1..0 # SKIP ${reason}`);
	process.exit(0);
}

export async function launch() {
	if (!existsSync(CHROMIUM)) skipAll(`no browser at ${CHROMIUM}`);
	if (!existsSync(join(ui, "node_modules/playwright-core"))) skipAll("playwright-core is not installed: npm --prefix ui ci");
	if (!existsSync(join(ui, "dist/index.html"))) skipAll("the UI is not built: npm --prefix ui run build");
	const { chromium } = await import(join(ui, "node_modules/playwright-core/index.mjs"));
	return chromium.launch({ executablePath: CHROMIUM, args: ARGS, headless: true });
}

const tests = [];
export const test = (name, run) => tests.push({ name, run });

/** Runs what was registered, one after the other; QUIS_ONLY picks by a part of the name. */
export async function runAll(browser, cleanUp = async () => {}) {
	const chosen = tests.filter((t) => !process.env.QUIS_ONLY || t.name.includes(process.env.QUIS_ONLY));
	console.log(`TAP version 13\n1..${chosen.length}`);
	let failed = 0;
	for (const [i, t] of chosen.entries()) {
		const began = Date.now();
		try {
			await t.run(browser);
			console.log(`ok ${i + 1} - ${t.name} # ${Date.now() - began} ms`);
		} catch (e) {
			failed++;
			console.log(`not ok ${i + 1} - ${t.name}`);
			for (const line of String(e?.stack ?? e).split("\n").slice(0, 14)) console.log(`# ${line}`);
		}
	}
	await browser.close();
	await cleanUp();
	process.exit(failed ? 1 : 0);
}

export function check(condition, what) {
	if (!condition) throw new Error(what);
}

/**
 * A page whose every complaint is kept: `complaints` must be empty at the end (errors on the console, uncaught ones,
 * violations of the content security policy, requests beyond the server). Failed requests are told apart by `allowed`.
 */
export async function open(browser, url, { width = 1280, height = 860, scheme = "light", allowed = null, cookies = [], clock = false } = {}) {
	const phone = width < 760;
	const context = await browser.newContext({ viewport: { width, height }, colorScheme: scheme, timezoneId: "Europe/Lisbon", locale: "en-GB", isMobile: phone, hasTouch: phone });
	if (cookies.length) await context.addCookies(cookies);
	const page = await context.newPage();
	const complaints = [];
	page.on("console", (m) => {
		if (m.type() === "error" && !(allowed && allowed.test(`${m.text()} ${m.location().url}`))) complaints.push(`console: ${m.text()} (${m.location().url})`);
	});
	page.on("pageerror", (e) => complaints.push(`uncaught: ${e.message}`));
	page.on("request", (r) => {
		if (!r.url().startsWith(new URL(url).origin)) complaints.push(`a request to elsewhere: ${r.url()}`);
	});
	await page.addInitScript(() => {
		window.violations = [];
		document.addEventListener("securitypolicyviolation", (e) => window.violations.push(`${e.violatedDirective} ${e.blockedURI}`));
	});
	if (clock) await page.clock.install();
	await page.goto(url);
	page.setDefaultTimeout(10_000);
	const done = async () => {
		const violations = await page.evaluate(() => window.violations);
		await context.close();
		check(violations.length === 0, `content security policy: ${violations.join("; ")}`);
		check(complaints.length === 0, complaints.join("\n"));
	};
	return { page, context, done, complaints };
}

/** What must hold on every screen, in every theme and width. */
export async function soundScreen(page, name) {
	const found = await page.evaluate(() => {
		const visible = (e) => e.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true }) && e.getClientRects().length > 0;
		const out = { wide: document.documentElement.scrollWidth - innerWidth, h1: [...document.querySelectorAll("h1")].filter(visible).length, nameless: [], pale: [], outside: [] };
		for (const e of document.querySelectorAll("button, a[href], input, select, textarea, [role=img], dialog")) {
			if (!visible(e)) continue;
			const label = e.getAttribute("aria-label") || e.labels?.[0]?.textContent || e.textContent || e.getAttribute("title");
			if (!label?.trim()) out.nameless.push(e.outerHTML.slice(0, 120));
		}
		// Contrast of every text against the ground under it: 4.5 : 1, or 3 : 1 where it is large.
		const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
		const rgba = (color) => {
			canvas.clearRect(0, 0, 1, 1);
			canvas.fillStyle = color;
			canvas.fillRect(0, 0, 1, 1);
			return [...canvas.getImageData(0, 0, 1, 1).data];
		};
		const lum = (c) => {
			const [r, g, b] = c.map((v) => (v / 255 <= .03928 ? v / 255 / 12.92 : ((v / 255 + .055) / 1.055) ** 2.4));
			return .2126 * r + .7152 * g + .0722 * b;
		};
		const over = (top, under) => top.slice(0, 3).map((v, i) => (v * top[3] + under[i] * (255 - top[3])) / 255);
		const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
		for (let n = walker.nextNode(); n; n = walker.nextNode()) {
			const e = n.parentElement;
			if (!n.data.trim() || !visible(e) || e.closest(".sr, .skip, option, noscript, svg, button:disabled, .off")) continue;
			const box = e.getBoundingClientRect();
			const style = getComputedStyle(e);
			const grounds = [];
			for (let p = e; p; p = p.parentElement) {
				const bg = rgba(getComputedStyle(p).backgroundColor);
				if (bg[3] > 0) grounds.push(bg);
				if (bg[3] === 255) break;
			}
			let ground = [255, 255, 255];
			for (const g of grounds.reverse()) ground = over(g, ground);
			const ink = over(rgba(style.color), ground);
			const [a, b] = [lum(ink), lum(ground)].sort((x, y) => y - x);
			const ratio = (a + .05) / (b + .05);
			const size = parseFloat(style.fontSize);
			const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
			if (ratio < (large ? 3 : 4.5)) out.pale.push(`${ratio.toFixed(2)} "${n.data.trim().slice(0, 40)}" ${e.className}`);
			// Text that is cut off or beyond its card, where nothing scrolls.
			const card = e.closest(".card");
			if (card && !e.closest(".scroll, pre, .lanes, [hidden]")) {
				const c = card.getBoundingClientRect();
				if (box.right > c.right + 1 && box.width > 0) out.outside.push(`"${n.data.trim().slice(0, 40)}" by ${Math.round(box.right - c.right)} px`);
			}
		}
		return out;
	});
	check(found.wide <= 0, `${name}: scrolls sideways by ${found.wide} px`);
	check(found.h1 === 1, `${name}: ${found.h1} main headings`);
	check(found.nameless.length === 0, `${name}: without a name: ${found.nameless.join(" | ")}`);
	check(found.outside.length === 0, `${name}: beyond its card: ${[...new Set(found.outside)].slice(0, 6).join(" | ")}`);
	check(found.pale.length === 0, `${name}: too little contrast: ${[...new Set(found.pale)].slice(0, 8).join(" | ")}`);
}

/** A picture of the whole page, when QUIS_SHOTS names a folder. */
export async function picture(page, name) {
	const folder = process.env.QUIS_SHOTS;
	if (!folder) return;
	mkdirSync(folder, { recursive: true });
	await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
}

export async function until(what, fn, ms = 10_000) {
	const end = Date.now() + ms;
	for (;;) {
		if (await fn()) return;
		if (Date.now() > end) throw new Error(`waited ${ms} ms in vain: ${what}`);
		await new Promise((r) => setTimeout(r, 50));
	}
}
