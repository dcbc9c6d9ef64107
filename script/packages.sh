# SPDX-License-Identifier: Apache-2.0
# What the scripts install, through apt alone, when it is missing. Sourced; needs `say` and `die`.

PACKAGES_BUILD="gcc libc6-dev meson ninja-build pkg-config python3 ca-certificates
 libsqlite3-dev libcurl4-openssl-dev libssl-dev libsodium-dev libfyaml-dev libpcre2-dev
 libzstd-dev libsnappy-dev libxxhash-dev libseccomp-dev libcmocka-dev linux-libc-dev tzdata"
PACKAGES_TEST="clang-14 libclang-rt-14-dev llvm-14 clang-format-14 python3-aiosmtpd python3-cryptography openssl curl
 prometheus prometheus-alertmanager chromium iproute2 procps"

# need_packages NAME...: installs those that are not there.
need_packages() {
	missing=""
	for p in "$@"; do
		dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'install ok installed' || missing="$missing $p"
	done
	[ -z "$missing" ] && return 0
	say "installing packages:$missing"
	[ "$(id -u)" = 0 ] || die "these packages are missing:$missing
  run as root once, or: sudo apt-get install --no-install-recommends$missing"
	log=$(mktemp)
	# Services of the test peers must not start by themselves.
	if ! { [ -s /var/lib/apt/lists/lock ] || apt-get update -q; } >"$log" 2>&1; then
		apt-get update -q >>"$log" 2>&1 || { tail -n 20 "$log" >&2; die "apt-get update failed (above)"; }
	fi
	if ! apt_install $missing >"$log" 2>&1; then
		apt-get update -q >>"$log" 2>&1 || true
		apt_install $missing >>"$log" 2>&1 || { tail -n 20 "$log" >&2; die "apt-get install failed (above)"; }
	fi
	rm -f "$log"
}

apt_install() {
	RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$@"
}

# Node for the UI: any node >= 18 with npm that is there is taken as it is.
need_node() {
	if command -v node >/dev/null 2>&1 && command -v npm >/dev/null 2>&1; then
		return 0
	fi
	need_packages nodejs npm
}
