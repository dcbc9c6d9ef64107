#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""kill -9 of each role at random instants under a stream of events. Afterwards: every event that was answered 202
is an incident, every page that it owed reached the provider at least once, every repeated page is marked as a
possible duplicate, and no connection attempt was ever refused. QUIS_KILLS: how many (default 24); QUIS_SEED."""
import collections
import http.client
import http.server
import json
import os
import random
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import quis  # noqa: E402

KILLS = int(os.environ.get('QUIS_KILLS', '24'))
SEED = int(os.environ.get('QUIS_SEED', str(time.time_ns() % 1000000)))
ROLES = ['engine', 'notifier', 'web', 'web2', 'telemetry', 'auditor', 'prober', 'runner']
RATE = 40.0  # events a second from each of SENDERS
SENDERS = 2


class Desk:
    """Takes pages over HTTP and remembers every one: the far end of the webhook provider."""

    def __init__(self):
        self.pages = collections.defaultdict(list)  # message id -> [possible_duplicate, ...]
        self.keys = set()                           # incident titles that were paged
        self.lock = threading.Lock()
        desk = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = 'HTTP/1.1'

            def do_POST(self):
                page = json.loads(self.rfile.read(int(self.headers['Content-Length'])))
                with desk.lock:
                    desk.pages[page['id']].append(page['possible_duplicate'])
                    if page.get('incident'):
                        desk.keys.add(page['incident']['title'])
                self.send_response(200)
                self.send_header('Content-Length', '0')
                self.end_headers()

            def log_message(self, *args):
                pass

        class Server(http.server.ThreadingHTTPServer):
            request_queue_size = 256
            daemon_threads = True

        self.server = Server(('127.0.0.1', 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


class Sender(threading.Thread):
    """Posts events one after the other and keeps those that were accepted. An answer that never came proves
    nothing, so the event is sent again under the same key, as a client would."""

    def __init__(self, q, number, until):
        super().__init__(daemon=True)
        self.q, self.number, self.until = q, number, until
        self.accepted, self.refused, self.connect_refused, self.odd = [], 0, 0, []
        self.conn = None

    def post(self, body):
        try:
            if self.conn is None:
                self.conn = http.client.HTTPConnection('127.0.0.1', self.q.port, timeout=20)
                self.conn.connect()
            self.conn.request('POST', '/v2/enqueue', body, {'Content-Type': 'application/json'})
            r = self.conn.getresponse()
            r.read()
            return r.status
        except ConnectionRefusedError:
            self.connect_refused += 1
        except (OSError, http.client.HTTPException, socket.timeout):
            pass
        if self.conn:
            self.conn.close()
        self.conn = None
        return None

    def run(self):
        number = 0
        while not self.until.is_set():
            number += 1
            title = f'event {self.number}-{number}'
            body = json.dumps({'routing_key': quis.KEY, 'event_action': 'trigger', 'dedup_key': title,
                               'payload': {'summary': title, 'source': 'test', 'severity': 'critical'}})
            while not self.until.is_set():
                status = self.post(body)
                if status == 202:
                    self.accepted.append(title)
                    break
                if status in (429, 503, None):
                    self.refused += 1
                    time.sleep(0.02)
                    continue
                self.odd.append((status, title))
                break
            time.sleep(1 / RATE)


def all_titles(q):
    titles, offset = set(), 0
    import sqlite3
    db = sqlite3.connect(f'file:{q.path("data/control/control.db")}?mode=ro', uri=True)
    try:
        titles = {row[0] for row in db.execute('SELECT title FROM incident')}
    finally:
        db.close()
    return titles


def kill_each_role_under_events():
    rng = random.Random(SEED)
    print(f'# seed {SEED}, {KILLS} kills')
    desk = Desk()
    people = [
        {'kind': 'User', 'name': 'ana', 'email': 'ana@example.com', 'time_zone': 'UTC',
         'contacts': [{'name': 'desk', 'type': 'webhook', 'address': f'http://127.0.0.1:{desk.port}/page'}],
         'notify': {'high': [{'after': '0m', 'contact': 'desk'}], 'low': [{'after': '0m', 'contact': 'desk'}]}},
    ] + quis.PEOPLE[1:]
    providers = [{'name': 'desk', 'type': 'webhook', 'url': f'http://127.0.0.1:{desk.port}/'}]
    until = threading.Event()
    with quis.Quisd(providers=providers, resources=people) as q:
        senders = [Sender(q, n, until) for n in range(SENDERS)]
        for s in senders:
            s.start()
        order = []
        while len(order) < KILLS:
            batch = ROLES[:]
            rng.shuffle(batch)
            order += batch
        for role in order[:KILLS]:
            time.sleep(rng.uniform(0.02, 0.4))
            old = quis.wait_for(f'{role} to be there', lambda: q.pid_of(role), 20)
            os.kill(old, 9)
            quis.wait_for(f'{role} to be started again', lambda: q.pid_of(role) not in (None, old), 20)
        time.sleep(0.3)
        until.set()
        for s in senders:
            s.join(30)
        accepted = [t for s in senders for t in s.accepted]
        print(f'# {len(accepted)} accepted, {sum(s.refused for s in senders)} asked to come back')
        quis.check(len(accepted) > 10, 'too few events were accepted to prove anything')
        quis.equal([o for s in senders for o in s.odd], [], 'answers that are neither 202 nor "later"')
        quis.equal(sum(s.connect_refused for s in senders), 0, 'refused connection attempts')
        quis.wait_for('every accepted event to be an incident', lambda: set(accepted) <= all_titles(q), 60)

        def paged():
            with desk.lock:
                return set(accepted) <= desk.keys
        try:
            quis.wait_for('every page to reach the provider', paged, 150)
        except quis.Failure:
            with desk.lock:
                raise quis.Failure(f'not paged: {sorted(set(accepted) - desk.keys)[:10]}')
        with desk.lock:
            repeated = {k: v for k, v in desk.pages.items() if len(v) > 1}
            unmarked = {k: v for k, v in repeated.items() if not all(v[1:])}
        print(f'# {len(desk.pages)} pages, {len(repeated)} repeated')
        quis.equal(unmarked, {}, 'repeated pages that are not marked as possible duplicates')
        quis.check(q.process.alive(), 'the parent has ended')


quis.run_tests([kill_each_role_under_events])
