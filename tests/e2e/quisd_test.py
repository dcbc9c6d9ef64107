#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The UI in a real browser against a real quisd with a real mailbox: starts them, then lets quisd.mjs be the person.

The UI comes out of the binary, as it does for users: build with -Dui_dist=ui/dist."""
import os
import re
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, '..', '..')
sys.path.insert(0, os.path.join(HERE, '..', 'lib'))


def skip(why):
    print(f'1..0 # SKIP {why}')
    sys.exit(0)


node = shutil.which('node')
if not node:
    skip('node is not installed')
if not os.path.exists(os.environ.get('QUIS_CHROMIUM', '/usr/bin/chromium')):
    skip('no browser')
if not os.path.exists(os.path.join(ROOT, 'ui/dist/index.html')) or not os.path.exists(os.path.join(ROOT, 'ui/node_modules/playwright-core')):
    skip('the UI is not built: npm --prefix ui ci && npm --prefix ui run build')

import quis  # noqa: E402  (needs QUIS_BUILD)

RESOURCES = [
    {'kind': 'User', 'name': 'ana', 'full_name': 'Ana Souza', 'email': 'ana@example.com', 'time_zone': 'Europe/Lisbon', 'role': 'admin',
     'contacts': [{'name': 'mail', 'type': 'email', 'address': 'ana@example.com'}, {'name': 'second', 'type': 'email', 'address': 'ana@elsewhere.example'}],
     'notify': {'high': [{'after': '0m', 'contact': 'mail'}, {'after': '3m', 'contact': 'second'}], 'low': [{'after': '5m', 'contact': 'mail'}]}},
    {'kind': 'User', 'name': 'bo', 'full_name': 'Bo Lind', 'time_zone': 'Europe/Stockholm',
     'contacts': [{'name': 'mail', 'type': 'email', 'address': 'bo@example.com'}]},
    {'kind': 'Schedule', 'name': 'web-primary', 'time_zone': 'Europe/Lisbon',
     'layers': [{'start': '2026-01-05T09:00', 'rotation': '1w', 'users': ['ana']}]},
    {'kind': 'Schedule', 'name': 'office-hours', 'time_zone': 'America/New_York',
     'layers': [{'start': '2026-01-05T09:00', 'rotation': '1d', 'users': ['bo'],
                 'restrictions': [{'days': ['mon', 'tue', 'wed', 'thu', 'fri'], 'from': '09:00', 'to': '18:00'}]}]},
    {'kind': 'EscalationPolicy', 'name': 'web', 'steps': [{'targets': [{'schedule': 'web-primary'}], 'delay': '5m'},
                                                        {'targets': [{'user': 'bo'}], 'delay': '10m'}], 'loops': 1},
    {'kind': 'Service', 'name': 'web', 'escalation_policy': 'web', 'integrations': [{'name': 'events', 'key': quis.KEY}]},
    {'kind': 'Alert', 'name': 'from-a-file', 'service': 'web', 'query': 'avg(queue_length)', 'above': 1000, 'for': '1m', 'no_data': 'ok'},
]


def main():
    with quis.Mailbox() as box, quis.Quisd(providers=[box.provider()], resources=RESOURCES) as q:
        if 'id="app"' not in quis.http_request('GET', q.url + '/ui/').text:
            print('1..0 # SKIP this quisd was built without the UI: meson configure -Dui_dist=ui/dist')
            return 0
        link = quis.wait_for('the link for the first sign-in', lambda: first_link(q))
        env = dict(os.environ, QUIS_URL=q.url, QUIS_LINK=link, QUIS_KEY=quis.KEY, QUIS_STATSD=str(q.statsd_port))
        done = subprocess.run([node, os.path.join(HERE, 'quisd.mjs')], env=env, check=False)
        if done.returncode != 0:
            print('# the log of quisd:')
            print('\n'.join('#   ' + line for line in q.log.splitlines()[-60:]))
    return done.returncode


def first_link(q):
    found = re.search(r'event=first-sign-in link=(\S+)', q.log)
    return found.group(1) if found else None


if __name__ == '__main__':
    sys.exit(main())
