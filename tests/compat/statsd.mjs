// SPDX-License-Identifier: Apache-2.0
// Two real StatsD clients, as a service would use them. Values to send come as JSON lines on standard input
// ({"depth": 150, "jobs": 20}); they are sent over and over until the next line says otherwise.
//   hot-shots:   the gauge queue.depth, with DogStatsD tags
//   node-statsd: the counter jobs.done, plain
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const require = createRequire(import.meta.url);
const { StatsD: HotShots } = require("hot-shots");
const { StatsD: Plain } = require("node-statsd");
const port = Number(process.argv[2]);
const every = 100; // ms

const tagged = new HotShots({ host: "127.0.0.1", port, globalTags: { env: "prod" }, errorHandler: (e) => fail(e) });
const plain = new Plain({ host: "127.0.0.1", port });
plain.socket.on("error", (e) => fail(e));

function fail(error) {
	process.stderr.write(`${error}\n`);
	process.exit(1);
}

let now = {};
setInterval(() => {
	if (now.depth !== undefined) tagged.gauge("queue.depth", now.depth, { host: "q1" });
	if (now.jobs !== undefined) plain.increment("jobs.done", now.jobs * every / 1000);
}, every);

createInterface({ input: process.stdin })
	.on("line", (line) => {
		now = JSON.parse(line);
		process.stdout.write(`${line}\n`);
	})
	.on("close", () => process.exit(0));
