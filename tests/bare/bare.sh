#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A fresh Debian 12 made by debootstrap, with nothing installed by hand: clones the committed tree into it and runs
# script/run there, sends an event, sees the page, stops, starts again, sees that nothing was lost.
# Needs root. QUIS_BARE_DIR names the folder (default: a new one below /var/tmp, removed at the end).
set -eu -o pipefail
here=$(cd "$(dirname "$0")/../.." && pwd)
. "$here/script/lib.sh"
[ "$(id -u)" = 0 ] || { say "skipped: debootstrap needs root"; exit 77; }
need_packages debootstrap git
dir=${QUIS_BARE_DIR:-$(mktemp -d /var/tmp/quis-bare-XXXXXX)}
cleanup() {
	[ -n "${pid:-}" ] && kill -TERM "$pid" 2>/dev/null || true
	for m in proc sys dev; do mountpoint -q "$dir/$m" && umount -l "$dir/$m" || true; done
	[ -n "${QUIS_BARE_DIR:-}" ] || rm -rf --one-file-system "$dir"
}
trap cleanup EXIT
mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2>/dev/null |
	grep -oE 'https?://[^ ]+' | grep -v security | head -n 1 || true)
if [ ! -x "$dir/bin/sh" ]; then
	say "debootstrap"
	quiet debootstrap debootstrap --variant=minbase --include=ca-certificates bookworm "$dir" "$mirror"
fi
# The machine's own way to its package registries.
cp /etc/resolv.conf "$dir/etc/resolv.conf" 2>/dev/null || true
cp -r /etc/apt/. "$dir/etc/apt/" 2>/dev/null || true
cp -r /usr/local/share/ca-certificates/. "$dir/usr/local/share/ca-certificates/" 2>/dev/null && chroot "$dir" update-ca-certificates >/dev/null 2>&1 || true
[ -f /etc/npmrc ] && cp /etc/npmrc "$dir/etc/npmrc" || true
for f in /root/.npmrc /usr/etc/npmrc /usr/local/etc/npmrc; do [ -f "$f" ] && mkdir -p "$dir$(dirname "$f")" && cp "$f" "$dir$f" || true; done
for m in proc sys dev; do mountpoint -q "$dir/$m" || mount --rbind "/$m" "$dir/$m"; done
rm -rf "$dir/src/quis"; mkdir -p "$dir/src"
git clone -q --no-hardlinks "$here" "$dir/src/quis"
inside() { chroot "$dir" /usr/bin/env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
	${npm_config_registry:+npm_config_registry=$npm_config_registry} ${http_proxy:+http_proxy=$http_proxy} ${https_proxy:+https_proxy=$https_proxy} "$@"; }
say "script/run --background, inside"
inside /src/quis/script/run --background | tee "$dir/run.out"
say "sending the first event as it was printed"
command=$(sed -n '/^  curl -s/,/}}.$/p' "$dir/run.out")
inside sh -c "command -v curl >/dev/null || apt-get install -qy --no-install-recommends curl >/dev/null 2>&1; $command" | tee "$dir/event.out"
grep -q '"status": *"success"' "$dir/event.out" || die "the first event was not accepted"
for _ in $(seq 100); do grep -q "The first event" "$dir/src/quis/var/quisd.log" && break; sleep 0.2; done
grep -q "The first event" "$dir/src/quis/var/quisd.log" || die "no page on the console"
say "stopping and starting again"
inside /src/quis/script/run --stop
inside /src/quis/script/run --background >/dev/null
inside sh -c 'QUIS_URL=http://127.0.0.1:7847 QUIS_TOKEN_FILE=/src/quis/var/admin.token /src/quis/build/src/cmd/cli/quis incidents --json' | tee "$dir/incidents.out"
grep -q "The first event" "$dir/incidents.out" || die "the incident was lost by a restart"
inside /src/quis/script/run --stop
if [ "${QUIS_BARE_TEST:-quick}" != none ]; then
	say "script/test ${QUIS_BARE_TEST:-quick}, inside"
	inside /src/quis/script/test ${QUIS_BARE_TEST:-quick} | tail -n 3
fi
say "bare Debian 12: all well"
