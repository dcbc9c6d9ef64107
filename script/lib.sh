# SPDX-License-Identifier: Apache-2.0
# Shared by the scripts. Sourced with `here` set to the project's root.

say() { printf '== %s\n' "$*" >&2; }
die() { printf '\n!! %s\n' "$*" >&2; exit 1; }

. "$here/script/packages.sh"

# quiet LABEL COMMAND...: runs it; shows its output only when it fails.
quiet() {
	local label=$1 out
	shift
	out=$(mktemp)
	if ! "$@" >"$out" 2>&1; then
		tail -n 60 "$out" >&2
		rm -f "$out"
		die "$label failed (above)"
	fi
	rm -f "$out"
}

# build_ui: ui/dist from ui/src, when the sources are newer.
build_ui() {
	[ -f "$here/ui/package.json" ] || return 0
	if [ -f "$here/ui/dist/index.html" ] && [ -z "$(find "$here/ui/src" "$here/ui/package.json" "$here/ui/build.mjs" -newer "$here/ui/dist/index.html" 2>/dev/null | head -n 1)" ]; then
		return 0
	fi
	need_node
	if [ ! -d "$here/ui/node_modules" ] || [ "$here/ui/package-lock.json" -nt "$here/ui/node_modules/.package-lock.json" ]; then
		say "installing the UI's build tools (npm ci)"
		quiet "npm ci" npm --prefix "$here/ui" ci --no-audit --no-fund
	fi
	say "building the UI"
	quiet "the UI's build" npm --prefix "$here/ui" run build
}

# build_tree DIR [MESON OPTIONS]: configures when needed and compiles; TARGETS limits it to some.
build_tree() {
	local tree=$1; shift
	if [ ! -f "$tree/build.ninja" ]; then
		quiet "meson setup" meson setup "$tree" "$here" "$@"
	fi
	quiet "the build in $tree" ninja -C "$tree" ${TARGETS:-}
}
