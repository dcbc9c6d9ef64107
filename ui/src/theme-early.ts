// SPDX-License-Identifier: Apache-2.0
// Runs before the first paint: the theme that the person chose, if any. Without a choice the system decides (in CSS).
try {
	const theme = localStorage.getItem("quis.theme");
	if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
	// storage may be forbidden; then the system decides
}
