#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A name server that never answers must stop nobody but those who wait for it. Runs in name spaces of its own (network
and mounts), in which a silent socket is the only name server; skipped where those cannot be had."""
import os
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from desk import Desk, quis  # noqa: E402

check, equal = quis.check, quis.equal
INSIDE = 'QUIS_TEST_INSIDE'


def test_a_silent_name_server_stops_nobody_else():
    hook = lambda name, **more: dict(name=name, type='webhook', **more)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as names, quis.Sink() as sink:
        names.bind(('127.0.0.1', 53))
        names.settimeout(10)
        with Desk([hook('slow', timeout_ns=1_000_000_000), hook('hook')]) as desk:
            slow = desk.send(desk.page(kind='webhook', provider='slow', address='http://silent.example/'))
            check(names.recv(512), 'the name is asked for')
            took = []
            until = time.monotonic() + 2.5
            while time.monotonic() < until:  # before, while and after the first gives up
                begun = time.monotonic()
                equal(desk.deliver(desk.page(kind='webhook', provider='hook', address=sink.url))['state'], 'accepted')
                took.append(time.monotonic() - begun)
            r = desk.receipt(slow)
            equal([r['state'], r['error']], ['retry', 'no answer from silent.example within 1s'])
            check(max(took) < 0.5, 'the loop stood still for', max(took), 's')
            # ending with a name still being resolved does not wait for it either
            desk.send(desk.page(kind='webhook', provider='slow', address='http://silent2.example/'))
            names.recv(512)
            begun = time.monotonic()
            desk.close()
            check(time.monotonic() - begun < 4.5, 'stopping took', time.monotonic() - begun)


def outside():
    """Runs this file again inside; the exit code."""
    with tempfile.NamedTemporaryFile('w', suffix='.conf') as resolv:
        resolv.write('nameserver 127.0.0.1\noptions timeout:10 attempts:3\n')
        resolv.flush()
        script = ('ip link set lo up && mount --bind "$1" /etc/resolv.conf && '
                  'exec "$2" "$3"')
        args = ['unshare', '--net', '--mount']
        if os.geteuid() != 0:
            args += ['--user', '--map-root-user']
        inner = ['sh', '-c', script, 'sh', resolv.name, sys.executable, os.path.abspath(__file__)]
        if subprocess.run(args + ['sh', '-c', 'ip link set lo up && mount --bind "$1" /etc/resolv.conf', 'sh', resolv.name],
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode != 0:
            print('1..0 # SKIP no name spaces to be had here')
            return 0
        return subprocess.run(args + inner, env=dict(os.environ, **{INSIDE: '1'})).returncode


if __name__ == '__main__':
    if os.environ.get(INSIDE):
        quis.run_tests(quis.tests_of(globals()))
    sys.stdout.flush()
    raise SystemExit(outside())
