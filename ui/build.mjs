// SPDX-License-Identifier: Apache-2.0
//
// ui/src -> ui/dist: one bundle, split where a screen is loaded on demand, hashed names, index.html, and the licences of what
// is bundled. Refuses to exceed the budgets: the UI must open on a phone in a tunnel. `--watch` builds again on
// every change, `--test` bundles the unit tests (Node 18 cannot read TypeScript).
import { build, context } from "esbuild";
import { gzipSync } from "node:zlib";
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync, rmSync, mkdirSync, existsSync } from "node:fs";
import { join, dirname } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const dist = join(here, "dist");
const BUDGET_ALL_JS = 100_000; // bytes after gzip -9
const BUDGET_FIRST_PAGE = 40_000; // everything that the first screen loads: HTML, CSS and JS

const shared = {
	absWorkingDir: here,
	bundle: true,
	minify: true,
	target: "es2022",
	jsx: "automatic",
	jsxImportSource: "preact",
	legalComments: "none", // licenses.txt holds them
	charset: "utf8",
	logLevel: "warning",
};

const options = {
	...shared,
	entryPoints: { app: "src/main.tsx" },
	outdir: "dist/assets",
	format: "esm",
	splitting: true,
	entryNames: "[name]-[hash]",
	chunkNames: "[name]-[hash]",
	assetNames: "[name]-[hash]",
	metafile: true,
};

const packed = (path) => gzipSync(readFileSync(path), { level: 9 }).length;

/** The licences of the packages whose code is in the bundle. */
function licences(inputs) {
	const names = new Set();
	for (const path of Object.keys(inputs)) {
		const match = /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path);
		if (match) names.add(match[1]);
	}
	let text = "Parts of other projects in this UI, and their licences.\n";
	for (const name of [...names].sort()) {
		const folder = join(here, "node_modules", name);
		const file = ["LICENSE", "LICENSE.md", "license"].map((n) => join(folder, n)).find(existsSync);
		if (!file) throw new Error(`${name}: no licence file in its package`);
		text += `\n${"-".repeat(72)}\n${name}\n\n${readFileSync(file, "utf8").trim()}\n`;
	}
	return text;
}

/** Paths of `entry` and of all that it loads at once. */
function loadedAtOnce(outputs, entry) {
	const seen = new Set();
	const visit = (path) => {
		if (seen.has(path)) return;
		seen.add(path);
		for (const i of outputs[path].imports) if (i.kind === "import-statement" && !i.external) visit(i.path);
	};
	visit(entry);
	return [...seen];
}

async function finish(meta) {
	const outputs = meta.outputs;
	const entry = Object.keys(outputs).find((p) => outputs[p].entryPoint === "src/main.tsx");
	const css = outputs[entry].cssBundle;
	// Runs before the first paint, so that a chosen theme does not flash.
	const theme = (await build({ ...shared, entryPoints: ["src/theme-early.ts"], format: "iife", write: false })).outputFiles[0];
	const themeName = `assets/theme-${createHash("sha256").update(theme.contents).digest("hex").slice(0, 8).toUpperCase()}.js`;
	writeFileSync(join(dist, themeName), theme.contents);
	for (const name of ["favicon.svg", "favicon-alarm.svg"]) writeFileSync(join(dist, name), readFileSync(join(here, "src", name)));
	writeFileSync(join(dist, "licenses.txt"), licences(meta.inputs));

	const first = loadedAtOnce(outputs, entry);
	const url = (path) => "/ui/" + path.replace(/^dist\//, "");
	const html = readFileSync(join(here, "src/index.html"), "utf8")
		.replace("<!-- early -->", `<script src="/ui/${themeName}"></script>`)
		.replace("<!-- style -->", `<link rel="stylesheet" href="${url(css)}">`)
		.replace("<!-- preload -->", first.filter((p) => p !== entry).map((p) => `<link rel="modulepreload" href="${url(p)}">`).join("\n"))
		.replace("<!-- script -->", `<script type="module" src="${url(entry)}"></script>`);
	writeFileSync(join(dist, "index.html"), html); // last: script/lib.sh takes its time as the build's

	const js = Object.keys(outputs).filter((p) => p.endsWith(".js"));
	const all = js.reduce((sum, p) => sum + packed(join(here, p)), 0) + packed(join(dist, themeName));
	const firstPage = [...first, css].reduce((sum, p) => sum + packed(join(here, p)), 0) + packed(join(dist, themeName)) + packed(join(dist, "index.html"));
	console.log(`ui: ${(all / 1000).toFixed(1)} kB of JavaScript in all (at most ${BUDGET_ALL_JS / 1000}), ` +
		`first page ${(firstPage / 1000).toFixed(1)} kB (at most ${BUDGET_FIRST_PAGE / 1000}), after gzip`);
	if (all > BUDGET_ALL_JS || firstPage > BUDGET_FIRST_PAGE) {
		rmSync(join(dist, "index.html")); // so that nothing embeds it
		throw new Error("over the budget; the largest parts:\n" + js.map((p) => [packed(join(here, p)), p]).sort((a, b) => b[0] - a[0])
			.slice(0, 8).map(([n, p]) => `  ${n}\t${p}`).join("\n"));
	}
}

if (process.argv.includes("--test")) {
	await build({ ...shared, minify: false, platform: "node", format: "esm", entryPoints: ["test/unit.test.ts"], outfile: "node_modules/.quis/unit.test.mjs" });
} else {
	rmSync(dist, { recursive: true, force: true });
	mkdirSync(join(dist, "assets"), { recursive: true });
	if (process.argv.includes("--watch")) {
		const again = { name: "finish", setup: (b) => b.onEnd((r) => (r.metafile && r.errors.length === 0 ? finish(r.metafile).catch((e) => console.error(e.message)) : undefined)) };
		await (await context({ ...options, plugins: [again] })).watch();
	} else {
		try {
			await finish((await build(options)).metafile);
		} catch (e) {
			console.error(`ui: ${e.message}`);
			process.exit(1);
		}
	}
}
