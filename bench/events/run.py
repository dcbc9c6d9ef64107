#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Quis against Debian's prometheus-alertmanager, in one run on one machine: events posted singly over keep-alive connections.

Quis answers when an event is durable; Alertmanager keeps it in memory. Both get the same load from the same generator, one
after the other, several rounds, and the ratio of the medians is printed, with what else was promised: how long after the last
202 everything is decided, memory, the time of one page of the list, and how near four connections come to the wall of fsync.

    QUIS_BUILD=build bench/events/run.py [--rounds 3] [--count 100000] [--json]
"""
import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, 'tests', 'lib'))
import quis  # noqa: E402

AM_CONFIG = """
route: { receiver: none, group_by: [cluster], group_wait: 5m, group_interval: 5m, repeat_interval: 1h }
receivers: [ { name: none } ]
"""


def load(port, form, connections, count, start):
    tool = os.environ.get('EVENTS_LOAD') or os.path.join(quis.build_dir(), 'bench', 'events_load')
    out = subprocess.run([tool, '--port', str(port), '--form', form, '--connections', str(connections), '--count', str(count),
                          '--from', str(start), '--seconds', '120'], stdout=subprocess.PIPE, check=True)
    result = json.loads(out.stdout)
    if result['refused'] or result['accepted'] != count:
        raise SystemExit(f'{form}: {result["accepted"]} of {count} accepted, {result["refused"]} refused')
    return result


def pss_mib(pids):
    total = 0
    for pid in pids:
        with open(f'/proc/{pid}/smaps_rollup') as f:
            total += sum(int(line.split()[1]) for line in f if line.startswith('Pss:'))
    return total / 1024


def alertmanager(connections, count):
    """A fresh one for each round, so that both begin empty."""
    folder = tempfile.mkdtemp(prefix='bench-am-')
    port = quis.free_port()
    with open(os.path.join(folder, 'am.yml'), 'w') as f:
        f.write(AM_CONFIG)
    process = quis.Process(['prometheus-alertmanager', f'--config.file={folder}/am.yml', f'--storage.path={folder}/data',
                            f'--web.listen-address=127.0.0.1:{port}', '--cluster.listen-address='], os.path.join(folder, 'log'))
    try:
        quis.wait_for('Alertmanager', lambda: quis.http_request('GET', f'http://127.0.0.1:{port}/-/ready').status == 200)
        result = load(port, 'alertmanager', connections, count, 0)
        result['pss_mib'] = pss_mib([process.pid])
        started = time.monotonic()
        body = quis.http_request('GET', f'http://127.0.0.1:{port}/api/v2/alerts', timeout=60).body
        result['list_ms'] = (time.monotonic() - started) * 1000
        result['list_bytes'] = len(body)
        return result
    finally:
        process.stop()
        shutil.rmtree(folder, ignore_errors=True)


def counts(q):
    return q.api('GET', '/api/quis/v1/overview', timeout=60).json['incidents']['open']


def installation(connections, count):
    roles = ('engine', 'telemetry', 'auditor', 'notifier', 'prober', 'runner', 'web', 'web2')
    with quis.Quisd(settings={'providers': [{'name': 'console', 'type': 'console'}]}) as q:
        quis.wait_for('the engine', lambda: q.api('GET', '/incidents').status == 200)
        # the console's pages go to a file that nobody reads
        q.trigger(quis.KEY, 'warm')
        result = load(q.port, 'v2', connections, count, 0)
        ended = time.monotonic()
        quis.wait_for('all to be open', lambda: counts(q) >= count + 1, 60, 0.01)
        result['all_open_after_s'] = time.monotonic() - ended
        times = []
        for _ in range(5):
            started = time.monotonic()
            quis.equal(len(q.incidents('limit=100&statuses[]=triggered')), 100)
            times.append((time.monotonic() - started) * 1000)
        result['list_ms'] = statistics.median(times)
        result['pss_mib'] = pss_mib([q.process.pid] + [p for p in (q.pid_of(r) for r in roles) if p])
        return result


def fsync_wall(seconds=1.0):
    """fdatasyncs a second of one writer that preallocated: what one event at a time could reach at most."""
    with tempfile.NamedTemporaryFile(dir=os.environ.get('TMPDIR', '/tmp')) as f:
        os.posix_fallocate(f.fileno(), 0, 1 << 24)
        os.fsync(f.fileno())
        end, n = time.monotonic() + seconds, 0
        while time.monotonic() < end:
            os.pwrite(f.fileno(), b'x' * 600, (n * 600) % (1 << 23))
            os.fdatasync(f.fileno())
            n += 1
        return n / seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--count', type=int, default=100000)
    parser.add_argument('--json', action='store_true')
    o = parser.parse_args()
    if not shutil.which('prometheus-alertmanager'):
        raise SystemExit('prometheus-alertmanager is not installed: apt-get install prometheus-alertmanager')
    ours, theirs = [], []
    for i in range(o.rounds):  # turn by turn, so that a busy minute hits both
        theirs.append(alertmanager(64, o.count))
        ours.append(installation(64, o.count))
        print(f'# round {i + 1}: Alertmanager {theirs[-1]["per_s"]}/s, Quis {ours[-1]["per_s"]}/s', file=sys.stderr)
    few_theirs, few_ours = alertmanager(4, o.count // 5), installation(4, o.count // 5)
    wall = fsync_wall()
    median = lambda rows, key: statistics.median(r[key] for r in rows)
    report = {
        'count': o.count,
        'alertmanager_per_s': median(theirs, 'per_s'), 'quis_per_s': median(ours, 'per_s'),
        'ratio': round(median(ours, 'per_s') / median(theirs, 'per_s'), 2),
        'quis_ms': ours[-1]['ms'], 'alertmanager_ms': theirs[-1]['ms'],
        'all_open_after_s': round(max(r['all_open_after_s'] for r in ours), 3),
        'list_page_ms': round(median(ours, 'list_ms'), 1),
        'alertmanager_list_ms': round(median(theirs, 'list_ms'), 1), 'alertmanager_list_bytes': theirs[-1]['list_bytes'],
        'quis_pss_mib': round(median(ours, 'pss_mib'), 1), 'alertmanager_pss_mib': round(median(theirs, 'pss_mib'), 1),
        'four_connections': {'alertmanager_per_s': few_theirs['per_s'], 'quis_per_s': few_ours['per_s'],
                             'ratio': round(few_ours['per_s'] / few_theirs['per_s'], 2),
                             'fsync_per_s': round(wall), 'of_the_fsync_wall': round(few_ours['per_s'] / wall, 2)},
    }
    if o.json:
        print(json.dumps(report))
        return
    print(f'''events posted singly over 64 keep-alive connections, {o.count} of them, median of {o.rounds} rounds
  Alertmanager (in memory)   {report['alertmanager_per_s']:>8.0f}/s
  Quis (durable)             {report['quis_per_s']:>8.0f}/s      ratio {report['ratio']}
  all of them open incidents {report['all_open_after_s']:.2f} s after the last answer (worst round)
  memory with them open      Quis {report['quis_pss_mib']} MiB (all roles, PSS), Alertmanager {report['alertmanager_pss_mib']} MiB
  a page of 100 of the list  {report['list_page_ms']} ms; Alertmanager's whole list {report['alertmanager_list_ms']} ms, {report['alertmanager_list_bytes']} bytes
over 4 connections
  Alertmanager {few_theirs['per_s']}/s, Quis {few_ours['per_s']}/s, ratio {report['four_connections']['ratio']}; one writer's fdatasync {wall:.0f}/s, share of that wall {report['four_connections']['of_the_fsync_wall']}''')


if __name__ == '__main__':
    main()
