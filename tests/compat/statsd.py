#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Two real StatsD clients from npm (statsd.mjs) drive band rules over their high limit, under their low limit and back to
normal; each change arrives in the mailbox."""
import json
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'lib'))
import quis  # noqa: E402

check, equal = quis.check, quis.equal

BANDS = [
    {'kind': 'Alert', 'name': 'depth', 'service': 'web', 'query': 'avg(queue_depth{env="prod",host="q1"})', 'above': 100,
     'below': 10, 'for': '0s', 'no_data': 'keep'},
    {'kind': 'Alert', 'name': 'jobs', 'service': 'web', 'query': 'sum(rate(jobs_done[4s]))', 'above': 100, 'below': 5,
     'for': '0s', 'no_data': 'keep'},
]


class Clients:
    def __init__(self, q):
        folder = os.path.join(os.environ.get('QUIS_BUILD', q.dir), 'tests', 'compat', 'npm')
        os.makedirs(folder, exist_ok=True)
        for name in ('package.json', 'package-lock.json', 'statsd.mjs'):
            shutil.copy(os.path.join(HERE, name), folder)
        if not os.path.isdir(os.path.join(folder, 'node_modules', 'hot-shots')):
            subprocess.run(['npm', 'ci', '--omit=optional', '--no-audit', '--no-fund', '--ignore-scripts'], cwd=folder, check=True,
                           stdout=subprocess.DEVNULL)
        self.popen = subprocess.Popen(['node', os.path.join(folder, 'statsd.mjs'), str(q.statsd_port)], stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, text=True)

    def send(self, **values):
        self.popen.stdin.write(json.dumps(values) + '\n')
        self.popen.stdin.flush()
        check(self.popen.stdout.readline(), 'the clients have ended')

    def stop(self):
        self.popen.stdin.close()
        equal(self.popen.wait(10), 0, 'the clients')


def value(q, query):
    a = q.api('GET', '/api/v1/query?' + quis.urllib.parse.urlencode({'query': query}))
    result = a.json['data']['result']
    return float(result[0]['value'][1]) if result else None


def test_bands():
    with quis.Mailbox() as box, quis.Quisd(providers=[box.provider()], resources=quis.PEOPLE + BANDS) as q:
        clients = Clients(q)
        try:
            seen = lambda word, *texts: box.wait(
                lambda m: word in m['subject'] and all(t in m['subject'] + m.text for t in texts), 60)
            clients.send(depth=50, jobs=30)
            quis.wait_for('both series', lambda: value(q, BANDS[0]['query']) == 50 and (value(q, BANDS[1]['query']) or 0) > 5, 30)
            equal(q.incidents(), [], 'in the band')

            clients.send(depth=150, jobs=30)
            seen('TRIGGERED', 'depth', 'above')
            clients.send(depth=5, jobs=30)
            seen('TRIGGERED', 'depth', 'below')
            clients.send(depth=50, jobs=30)
            seen('RESOLVED', 'depth')
            quis.wait_for('no incident', lambda: not q.incidents(), 30)

            clients.send(depth=50, jobs=300)
            seen('TRIGGERED', 'jobs', 'above')
            clients.send(depth=50, jobs=1)
            seen('TRIGGERED', 'jobs', 'below')
            clients.send(depth=50, jobs=30)
            seen('RESOLVED', 'jobs')
            quis.wait_for('no incident', lambda: not q.incidents(), 30)
        finally:
            clients.stop()


if __name__ == '__main__':
    quis.run_tests(quis.tests_of(globals()))
