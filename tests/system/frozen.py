#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A role that is frozen (SIGSTOP) is seen: /status says so and is not well, never QUIS-OK; the parent kills it and
starts it again; then all is well again. The pager path goes on when what is beside it is frozen."""
import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import quis  # noqa: E402

WATCHED = os.environ.get('QUIS_ROLES', 'telemetry notifier engine').split()


def status(q):
    return quis.http_request('GET', q.url + '/status?format=json', timeout=10)


def well(q):
    a = status(q)
    return a.status == 200 and 'QUIS-OK' in quis.http_request('GET', q.url + '/status', timeout=10).text


def ill(q, role):
    """Not well, and says who: asked often, since two web roles answer, each with its own view."""
    a = quis.http_request('GET', q.url + '/status', timeout=10)
    return a.status == 503 and 'QUIS-OK' not in a.text and role in a.text and status(q).status == 503


def a_frozen_role_is_seen_and_replaced():
    with quis.Quisd() as q:
        quis.wait_for('a fresh installation to prove itself', lambda: well(q), 40)
        for role in WATCHED:
            pid = q.pid_of(role)
            os.kill(pid, signal.SIGSTOP)
            try:
                quis.wait_for(f'/status to notice the frozen {role}', lambda: all(ill(q, role) for _ in range(6)), 9.5)
                quis.wait_for(f'{role} to be replaced', lambda: q.pid_of(role) not in (None, pid), 20)
            finally:
                try:
                    os.kill(pid, signal.SIGCONT)
                except ProcessLookupError:
                    pass
            quis.wait_for(f'all to be well after {role}', lambda: well(q), 40)


def paging_lives_while_the_rest_is_frozen():
    with quis.Mailbox() as box, quis.Quisd(providers=[box.provider()]) as q:
        pids = [q.pid_of(r) for r in ('telemetry', 'prober', 'runner', 'auditor', 'web2')]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            # web2 shares the listener: a connection that it took before the stop may hang, so ask again
            quis.wait_for('an event to be taken', lambda: quis.http_request('POST', q.url + '/v2/enqueue', {
                              'routing_key': quis.KEY, 'event_action': 'trigger', 'dedup_key': 'f',
                              'payload': {'summary': 'frozen around', 'severity': 'critical', 'source': 'test'}},
                              timeout=2).status == 202, 20)
            box.wait(lambda m: 'frozen around' in m['subject'], 20)
        finally:
            for pid in pids:
                try:
                    os.kill(pid, signal.SIGCONT)
                except ProcessLookupError:
                    pass


quis.run_tests([a_frozen_role_is_seen_and_replaced, paging_lives_while_the_rest_is_frozen])
