// SPDX-License-Identifier: Apache-2.0
// What a person prefers to look at, kept in this browser: theme and the zone in which times are shown.
import { signal, effect } from "@preact/signals";
import { browserZone } from "./time";

export type Theme = "system" | "light" | "dark";

function kept(key: string): string | null {
	try {
		return localStorage.getItem(key);
	} catch {
		return null;
	}
}

function keep(key: string, value: string | null): void {
	try {
		if (value === null) localStorage.removeItem(key);
		else localStorage.setItem(key, value);
	} catch {
		// storage may be forbidden; the choice lasts until the page is closed
	}
}

const storedTheme = kept("quis.theme");
export const theme = signal<Theme>(storedTheme === "light" || storedTheme === "dark" ? storedTheme : "system");
/** Does the screen show dark colours now? Charts draw with it. */
export const dark = signal(false);
export const utc = signal(kept("quis.zone") === "UTC");
/** The zone in which times are shown. */
export const zone = (): string => (utc.value ? "UTC" : browserZone);

const system = matchMedia("(prefers-color-scheme: dark)");
const decide = (): void => {
	dark.value = theme.value === "dark" || (theme.value === "system" && system.matches);
};
system.addEventListener("change", decide);
effect(() => {
	if (theme.value === "system") delete document.documentElement.dataset.theme;
	else document.documentElement.dataset.theme = theme.value;
	keep("quis.theme", theme.value === "system" ? null : theme.value);
	decide();
});
effect(() => keep("quis.zone", utc.value ? "UTC" : null));

export function nextTheme(): void {
	theme.value = theme.value === "system" ? (dark.value ? "light" : "dark") : theme.value === "dark" ? "light" : "dark";
}
