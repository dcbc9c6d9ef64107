// SPDX-License-Identifier: Apache-2.0
// What may be a number in JSON or in a field. Pure.

/** The finite number that this is or says; null otherwise. */
export const numberOf = (v: unknown): number | null => {
	if (typeof v === "number") return Number.isFinite(v) ? v : null;
	return typeof v === "string" && v.trim() !== "" && Number.isFinite(Number(v)) ? Number(v) : null;
};

/** "" is none (null); what is no number is undefined. */
export function numberField(text: string): number | null | undefined {
	if (text.trim() === "") return null;
	return numberOf(text) ?? undefined;
}
