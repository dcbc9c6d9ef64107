#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The notifier's promises to the engine: receipts kept until confirmed, nothing twice at once, cancelling, reloads."""
import os
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from desk import Desk, new_id, quis  # noqa: E402

check, equal = quis.check, quis.equal


class Gate:
    """A sink whose answers wait until the gate is opened."""

    def __init__(self):
        self.open = threading.Event()
        self.now, self.most = 0, 0
        self.lock = threading.Lock()

    def __call__(self, request):
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        self.open.wait(20)
        with self.lock:
            self.now -= 1
        return 200, b'ok'


def hook(name='hook', **more):
    return dict(name=name, type='webhook', **more)


def hook_page(desk, sink, **more):
    return desk.page(kind='webhook', **{'provider': 'hook', 'address': sink.url, **more})


def holding(desk, count):
    """The count-th list of what is held."""
    def find():
        found = [g for g in desk.got if g['got'] == 'holding']
        return found[count - 1] if len(found) >= count else None
    return sorted(map(tuple, quis.wait_for('what is held', find)['attempts']))


def test_receipts_are_kept_until_confirmed():
    with quis.Sink() as sink, Desk([hook()]) as desk:
        equal(holding(desk, 1), [])
        a, b = desk.send(hook_page(desk, sink)), desk.send(hook_page(desk, sink))
        ra, rb = desk.receipt(a), desk.receipt(b)
        desk.confirm(ra)
        c = desk.send(hook_page(desk, sink))
        rc = desk.receipt(c)  # what came before it on the channel has been seen
        desk.tell(do='disconnect', role='engine')
        desk.tell(do='connect', role='engine')
        equal(holding(desk, 2), [(b['message'], 1), (c['message'], 1)])
        quis.wait_for('the receipt again', lambda: sum(1 for g in desk.got if g.get('message') == b['message']) == 2)
        equal(sum(1 for g in desk.got if g.get('message') == a['message']), 1)
        desk.confirm(rb)
        desk.confirm(rc)
        d = desk.send(hook_page(desk, sink))
        desk.receipt(d)
        desk.tell(do='connect', role='engine')
        equal(holding(desk, 3), [(d['message'], 1)])
        equal(len(sink.requests), 4)


def test_a_confirmation_of_another_state_confirms_nothing():
    with quis.Sink() as sink, Desk([hook()]) as desk:
        p = desk.send(hook_page(desk, sink))
        r = desk.receipt(p)
        desk.confirm(dict(r, number=5))
        desk.confirm(dict(r, attempt=2))
        desk.confirm(dict(r, message=new_id()))
        desk.tell(do='connect', role='engine')
        equal(holding(desk, 2), [(p['message'], 1)])


def test_an_attempt_goes_on_while_the_engine_is_away():
    gate = Gate()
    with quis.Sink(gate) as sink, Desk([hook()]) as desk:
        p = desk.send(hook_page(desk, sink))
        sink.wait()
        desk.tell(do='disconnect', role='engine')
        gate.open.set()
        desk.tell(do='connect', role='engine')
        check(holding(desk, 2) == [(p['message'], 1)])
        equal(desk.receipt(p)['state'], 'accepted')
        equal(len(sink.requests), 1)


def test_what_is_sent_again_leaves_once():
    gate = Gate()
    with quis.Sink(gate) as sink, Desk([hook()]) as desk:
        p = desk.send(hook_page(desk, sink))
        sink.wait()
        desk.send(p)
        desk.send(p)
        gate.open.set()
        desk.receipt(p)
        desk.send(p)  # settled and not confirmed: the receipt comes again, nothing else
        quis.wait_for('the receipt again', lambda: sum(1 for g in desk.got if g.get('message') == p['message']) >= 2)
        equal(len(sink.requests), 1)


def test_one_message_is_never_under_way_twice():
    gate = Gate()
    with quis.Sink(gate) as sink, Desk([hook()]) as desk:
        first = desk.send(hook_page(desk, sink))
        second = desk.send(dict(first, attempt=2))
        other = desk.send(hook_page(desk, sink))
        sink.wait(lambda r: r.headers['idempotency-key'] == other['message'])
        equal(sum(1 for r in sink.requests if r.headers['idempotency-key'] == first['message']), 1)
        gate.open.set()
        for p in (first, second, other):
            equal(desk.receipt(p)['state'], 'accepted')
        equal([r.headers['x-quis-attempt'] for r in sink.requests if r.headers['idempotency-key'] == first['message']],
              ['1', '2'])


def test_concurrency_is_bounded():
    gate = Gate()
    with quis.Sink(gate) as sink, Desk([hook(concurrency=3)]) as desk:
        pages = [desk.send(hook_page(desk, sink)) for _ in range(12)]
        sink.wait(count=3)
        gate.open.set()
        for p in pages:
            equal(desk.receipt(p)['state'], 'accepted')
        check(gate.most <= 3, gate.most)
        equal(len(sink.requests), 12)


def test_cancel_before_the_first_byte():
    gate = Gate()
    with quis.Sink(gate) as sink, Desk([hook(concurrency=1)]) as desk:
        leaving, waiting = desk.send(hook_page(desk, sink)), desk.send(hook_page(desk, sink))
        sink.wait()
        for p in (leaving, waiting):
            desk.tell(do='cancel', message=p['message'])
        equal(desk.receipt(waiting)['state'], 'cancelled')
        gate.open.set()
        equal(desk.receipt(leaving)['state'], 'accepted', 'what has left is told as it is')
        equal(len(sink.requests), 1)


def test_cancel_of_mail_before_data():
    import socket
    with socket.create_server(('127.0.0.1', 0)) as server:  # takes the connection and never greets
        mail = {'name': 'mail', 'type': 'smtp', 'url': f'smtp://127.0.0.1:{server.getsockname()[1]}', 'from': 'q@e.com'}
        with Desk([mail]) as desk:
            p = desk.send(desk.page())
            server.settimeout(10)
            conn, _ = server.accept()
            desk.tell(do='cancel', message=p['message'])
            equal(desk.receipt(p)['state'], 'cancelled')
            conn.settimeout(10)
            equal(conn.recv(100), b'', 'the connection is let go')
            conn.close()


def test_reload_swaps_providers():
    gate = Gate()
    with quis.Sink(gate) as old, quis.Sink() as new:
        with Desk([hook(url=old.url, token='old-token')]) as desk:
            under_way = desk.send(hook_page(desk, old, address=''))
            old.wait()
            equal(desk.config([hook(url=new.url, token='new-token')]), 'configured')
            later = desk.send(hook_page(desk, new, address=''))
            equal(desk.receipt(later)['state'], 'accepted')
            equal(new.wait().headers['authorization'], 'Bearer new-token')
            gate.open.set()
            equal(desk.receipt(under_way)['state'], 'accepted')
            equal(old.wait().headers['authorization'], 'Bearer old-token')


def test_a_wrong_reload_changes_nothing():
    with quis.Sink() as sink, Desk([hook()]) as desk:
        wrong = [([hook(), hook()], 'two providers are called "hook"'),
                 ([dict(name='x', type='carrier pigeon')],
                  'provider "x": type: must be smtp, webhook, ntfy or console'),
                 ([dict(name='m', type='smtp', url='http://x', **{'from': 'a@b'})],
                  'provider "m": url: must be smtp://HOST:PORT or smtps://HOST:PORT'),
                 ([dict(name='m', type='smtp', url='smtp://x')],
                  'provider "m": from: is not a mail address such as quis@example.com'),
                 ([dict(name='m', type='smtp', url='smtp://x', username='u', **{'from': 'a@b'})],
                  'provider "m": password: is missing beside the other'),
                 ([dict(name='n', type='ntfy', token='secret-token')],
                  'provider "n": url: is missing: a token or password is sent to that server alone'),
                 ([hook(concurrency=0)], 'provider "hook": concurrency: is not a number in its range'),
                 ([dict(type='console')], 'provider "?": name: is missing')]
        for providers, why in wrong:
            equal(desk.config(providers), 'refused', why)
            check(f'event=config_refused why="{why}"' in desk.log, why, 'is not in', desk.log)
        check('secret-token' not in desk.log)
        equal(desk.deliver(hook_page(desk, sink))['state'], 'accepted')


def test_unknown_provider_and_wrong_type():
    with Desk([hook(), dict(name='console', type='console')]) as desk:
        r = desk.deliver(desk.page(provider='gone'))
        equal([r['state'], r['error']], ['retry', 'there is no provider "gone" (any more)'])
        r = desk.deliver(desk.page(provider='console'))
        equal([r['state'], r['error']], ['retry', 'provider "console" is of another type than the contact'])


def test_the_auditor_has_its_own_line():
    with quis.Sink() as sink, Desk([hook()], roles=('engine', 'auditor')) as desk:
        p = desk.send(hook_page(desk, sink), role='auditor')
        equal(desk.receipt(p, role='auditor')['state'], 'accepted')
        desk.tell(do='connect', role='engine')
        equal(holding(desk, 2), [], "the auditor's pages are not the engine's")
        desk.tell(do='disconnect', role='auditor')
        q = desk.send(hook_page(desk, sink))
        equal(desk.receipt(q)['state'], 'accepted')


def test_more_than_the_credit():
    with quis.Sink() as sink, Desk([hook(concurrency=32)]) as desk:
        pages = [desk.send(hook_page(desk, sink)) for _ in range(256)]
        for p in pages:
            desk.confirm(desk.receipt(p))
        again = [desk.send(hook_page(desk, sink)) for _ in range(200)]
        for p in again:
            desk.confirm(desk.receipt(p))
        equal(desk.count('busy'), 0, 'credit comes back')
        equal(len(sink.requests), 456)
        check(sink.connections < 200, 'connections are kept', sink.connections)


def test_metrics():
    with quis.Sink(lambda r: (200, b'') if r.path == '/' else (500, b'')) as sink:
        with Desk([hook()], roles=('engine', 'telemetry')) as desk:
            desk.deliver(hook_page(desk, sink, address=sink.url + '/'))
            desk.deliver(hook_page(desk, sink, address=sink.url + '/no'))
            want = {'quis_pages_total provider=hook outcome=accepted': 1, 'quis_pages_total provider=hook outcome=retry': 1,
                    'quis_pages_total provider=hook outcome=final': 0, 'quis_page_seconds_count provider=hook': 2,
                    'quis_page_seconds_bucket provider=hook le=+Inf': 2, 'quis_pages_waiting': 0, 'quis_pages_sending': 0,
                    'quis_receipts_unconfirmed': 0}
            m = desk.wait(lambda g: g['got'] == 'metrics' and 'quis_page_seconds_count provider=hook' in g and
                          g['quis_page_seconds_count provider=hook'] == 2, 25, 'metrics')
            for name, value in want.items():
                equal(m[name], value, name)
            check(m['quis_page_seconds_sum provider=hook'] < 10)


def test_stop_tells_the_truth():
    gate = Gate()
    with quis.Sink(gate) as sink:
        desk = Desk([hook(concurrency=1)])
        under_way, waiting = desk.send(hook_page(desk, sink)), desk.send(hook_page(desk, sink))
        sink.wait()
        desk.tell(do='stop')
        equal([(r['state'], r['error']) for r in (desk.receipt(under_way), desk.receipt(waiting))],
              [('unknown', 'the notifier was stopped'), ('retry', 'the notifier was stopped')])
        gate.open.set()
        desk.popen.stdin.close()
        equal(desk.popen.wait(10), 0, desk.log)


if __name__ == '__main__':
    quis.run_tests(quis.tests_of(globals()))
