#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""StatsD: how exact Quis is, and what a million counters cost it, beside Debian's prometheus-statsd-exporter where that is
installed. Both get the same datagrams from the same generator (load.c), one after the other.

    QUIS_BUILD=build bench/statsd/run.py [--count 10000000] [--rate 1000000] [--names 1000] [--json]

Exactness: below the loss limit the stored sum is the sent sum; above it sent = stored + the kernel's drops, which Quis
counts itself. Cost: CPU seconds (user and system) of the receiving process per million counters, flushes included; on
loopback the kernel's work on reception is charged to the sender.
"""
import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, 'tests', 'lib'))
import quis  # noqa: E402

EXPORTER = 'prometheus-statsd-exporter'


def load(port, **options):
    tool = os.environ.get('STATSD_LOAD') or os.path.join(quis.build_dir(), 'bench', 'statsd_load')
    args = [tool, '--port', str(port)]
    for name, value in options.items():
        args += ['--' + name.replace('_', '-'), str(value)]
    return json.loads(subprocess.run(args, stdout=subprocess.PIPE, check=True).stdout)


def cpu_seconds(pid):
    with open(f'/proc/{pid}/stat') as f:
        fields = f.read().rsplit(')', 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


def rss_mib(pid):
    with open(f'/proc/{pid}/status') as f:
        return next(int(line.split()[1]) for line in f if line.startswith('VmRSS')) / 1024


def ask(q, query):
    result = q.api('GET', '/api/v1/query?query=' + query, timeout=60).json['data']['result']
    return float(result[0]['value'][1]) if result else 0.0


def stored(q, prefix):
    return ask(q, 'sum({__name__=~"%s_.*"})' % prefix)


def exactness(q, o):
    sent = load(q.statsd_port, prefix='below.', count=o.count, rate=o.rate, names=o.names)
    quis.wait_for('the stored sum to be the sent sum', lambda: stored(q, 'below') == sent['metrics'], 30)
    before = ask(q, 'quis_statsd_kernel_drops_total')
    above = load(q.statsd_port, prefix='above.', count=o.count, rate=0, names=o.names, segments=32)

    def adds_up():
        drops = ask(q, 'quis_statsd_kernel_drops_total') - before
        kept = stored(q, 'above')
        return (kept, drops) if kept + drops * above['per_datagram'] == above['metrics'] else None
    kept, drops = quis.wait_for('stored + dropped to be what was sent', adds_up, 30)
    return {'below_sent': sent['metrics'], 'below_stored': sent['metrics'], 'above_sent': above['metrics'],
            'above_per_s': above['metrics_per_s'], 'above_stored': kept, 'above_dropped_datagrams': drops}


def cost(port, pid, total, o, **more):
    """One load at o.rate: CPU seconds per million, and how many arrived."""
    cpu = cpu_seconds(pid)
    sent = load(port, prefix='cost.', count=o.count, rate=o.rate, **more)
    # until nothing more arrives within three flushes
    quiet, last = time.monotonic(), total()
    while time.monotonic() - quiet < 3.5 and last < sent['metrics']:
        time.sleep(0.2)
        now = total()
        if now != last:
            quiet, last = time.monotonic(), now
    return {'cpu_s_per_million': round((cpu_seconds(pid) - cpu) / sent['metrics'] * 1e6, 4), 'sent': sent['metrics'],
            'arrived': total(), 'rss_mib': round(rss_mib(pid), 1)}


def quis_cost(o, names):
    with quis.Quisd() as q:
        return cost(q.statsd_port, q.pid_of('telemetry'), lambda: stored(q, 'cost'), o, names=names)


def exporter_cost(o, names):
    folder = tempfile.mkdtemp(prefix='bench-statsd-')
    web, udp = quis.free_port(), quis.free_port(socket.SOCK_DGRAM)
    process = quis.Process([EXPORTER, f'--web.listen-address=127.0.0.1:{web}', f'--statsd.listen-udp=127.0.0.1:{udp}',
                            '--statsd.listen-tcp=', '--statsd.read-buffer=8388608'], os.path.join(folder, 'log'))

    def total():
        text = quis.http_request('GET', f'http://127.0.0.1:{web}/metrics', timeout=60).text
        return sum(float(line.rsplit(' ', 1)[1]) for line in text.splitlines() if line.startswith('cost_'))
    try:
        quis.wait_for('the exporter', lambda: quis.http_request('GET', f'http://127.0.0.1:{web}/metrics').status == 200)
        return cost(udp, process.pid, total, o, names=names)
    finally:
        process.stop()
        shutil.rmtree(folder, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--count', type=int, default=10000000)
    parser.add_argument('--rate', type=int, default=1000000)
    parser.add_argument('--names', type=int, default=1000)
    parser.add_argument('--json', action='store_true')
    o = parser.parse_args()
    report = {}
    with quis.Quisd() as q:
        report['exactness'] = exactness(q, o)
    for names in (o.names, 100 * o.names):
        report[f'quis_{names}_names'] = quis_cost(o, names)
        if shutil.which(EXPORTER):
            report[f'exporter_{names}_names'] = exporter_cost(o, names)
    if o.json:
        print(json.dumps(report))
        return
    e = report.pop('exactness')
    print(f'''below the loss limit: sent {e['below_sent']}, stored {e['below_stored']}
above it ({e['above_per_s']:.0f}/s): sent {e['above_sent']} = stored {e['above_stored']:.0f} + {e['above_dropped_datagrams']:.0f} datagrams that the kernel dropped''')
    for name, row in report.items():
        print(f'{name:28} {row["cpu_s_per_million"]:.4f} CPU s per million at {o.rate}/s, {row["arrived"]:.0f} of {row["sent"]} arrived, RSS {row["rss_mib"]} MiB')
    if not shutil.which(EXPORTER):
        print(f'{EXPORTER} is not installed: no comparison')


if __name__ == '__main__':
    main()
