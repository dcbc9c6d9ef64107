// SPDX-License-Identifier: Apache-2.0
// Counts per minute as bars: small, without a library, readable as a sentence too.
import type { Rate } from "./api";
import { zone } from "./theme";
import { clock, parseTime } from "./time";
import { count, value } from "./format";

const W = 600;
const H = 72;

export function Bars({ rates, what, tone = "accent" }: { rates: readonly Rate[]; what: string; tone?: "accent" | "warn" }) {
	const z = zone();
	const most = Math.max(1, ...rates.map((r) => r.value));
	const sum = rates.reduce((s, r) => s + r.value, 0);
	const w = W / Math.max(rates.length, 1);
	const first = parseTime(rates[0]?.at);
	const last = parseTime(rates[rates.length - 1]?.at);
	return (
		<figure class="bars">
			<figcaption><strong>{what}</strong><span class="faint">{count(Math.round(sum))} in {rates.length} min, at most {value(Math.max(0, ...rates.map((r) => r.value)))} a minute</span></figcaption>
			<svg viewBox={`0 0 ${W} ${H}`} preserveAspectRatio="none" class={tone} aria-hidden="true">
				<path class="base" d={`M0 ${H - .5}H${W}`} vector-effect="non-scaling-stroke" />
				{rates.map((r, i) => {
					const h = (r.value / most) * (H - 4);
					const at = parseTime(r.at);
					return (
						<g key={r.at}>
							<rect class="hit" x={i * w} y={0} width={w} height={H}><title>{`${at === null ? r.at : clock(at, z)}: ${value(r.value)}`}</title></rect>
							{r.value > 0 && <rect class="bar" x={i * w + w * .12} y={H - h} width={w * .76} height={h} />}
						</g>
					);
				})}
			</svg>
			<div class="axis faint" aria-hidden="true">
				<span>{first !== null ? clock(first, z) : ""}</span>
				<span>{last !== null ? clock(last, z) : ""}</span>
			</div>
		</figure>
	);
}
