// SPDX-License-Identifier: Apache-2.0
// The server's difference is all of the old and all of the new; people want to see what changes. Pure.

/** Lines with "+", "-" or " " before them: what both have stands once. */
export function compactDiff(diff: string): string[] {
	const lines = diff.replace(/\n$/, "").split("\n");
	const old = lines.filter((l) => l.startsWith("-")).map((l) => l.slice(1));
	const now = lines.filter((l) => l.startsWith("+")).map((l) => l.slice(1));
	if (old.length === 0 || now.length === 0 || old.length * now.length > 1_000_000) return lines;
	// Longest common subsequence, from the end.
	const width = now.length + 1;
	const length = new Uint16Array((old.length + 1) * width);
	for (let i = old.length - 1; i >= 0; i--) {
		for (let k = now.length - 1; k >= 0; k--) {
			length[i * width + k] = old[i] === now[k] ? length[(i + 1) * width + k + 1]! + 1 : Math.max(length[(i + 1) * width + k]!, length[i * width + k + 1]!);
		}
	}
	const out: string[] = [];
	let i = 0;
	let k = 0;
	while (i < old.length || k < now.length) {
		if (i < old.length && k < now.length && old[i] === now[k]) {
			out.push(` ${old[i]}`);
			i++;
			k++;
		} else if (k >= now.length || (i < old.length && length[(i + 1) * width + k]! >= length[i * width + k + 1]!)) out.push(`-${old[i++]}`);
		else out.push(`+${now[k++]}`);
	}
	return out;
}
