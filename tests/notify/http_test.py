#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Webhooks, ntfy and the console: what is sent, and what is said about what comes back."""
import base64
import hashlib
import hmac
import json
import os
import re
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from desk import Desk, quis  # noqa: E402

check, equal = quis.check, quis.equal
CERTS = tempfile.TemporaryDirectory()
CA, CERT, KEY = quis.certificates(CERTS.name)
with open(CA) as _f:
    CA_PEM = _f.read()
SECRET = 'a-signing-secret'


def hook(**more):
    return dict(name='hook', type='webhook', secret=SECRET, **more)


def hook_page(desk, url, **more):
    return desk.page(kind='webhook', provider='hook', address=url, **more)


def ntfy_server(topics):
    """A peer that publishes as ntfy does: JSON to the root; records what it published."""
    def answer(r):
        m = r.json
        if r.method != 'POST' or r.path != '/' or not isinstance(m.get('topic'), str):
            return 400, b'{"code":40009,"http":400,"error":"invalid request: topic invalid"}'
        if m['topic'] == 'locked' and r.headers.get('authorization') != 'Bearer tk_secret':
            return 403, b'{"code":40301,"http":403,"error":"forbidden"}'
        if not 1 <= m.get('priority', 3) <= 5 or len(m.get('actions', [])) > 3:
            return 400, b'{"code":40007,"http":400,"error":"invalid priority"}'
        m['id'] = 'id%d' % (len(topics) + 1)
        topics.append(m)
        return 200, json.dumps({'id': m['id'], 'event': 'message', 'topic': m['topic']}).encode()
    return answer


def test_webhook():
    with quis.Sink(lambda r: (202, b'')) as sink, Desk([hook()]) as desk:
        details = json.dumps({'routing_key': 'secret-routing-key', 'payload': {'custom_details': {'a': {'b': 1e3, 'c': None, 'd': [True]}}}})
        page = hook_page(desk, sink.url + '/in?x=1', details=details, attempt=3, maybe_duplicate=True)
        equal(desk.deliver(page)['state'], 'accepted')
        r = sink.wait()
    equal([r.method, r.path], ['POST', '/in?x=1'])
    equal(r.headers['idempotency-key'], page['message'])
    equal(r.headers['x-quis-attempt'], '3')
    equal(r.headers['content-type'], 'application/json; charset=utf-8')
    check('expect' not in r.headers)
    stamp = r.headers['x-quis-timestamp']
    check(abs(int(stamp) - time.time()) < 60, stamp)
    want = hmac.new(SECRET.encode(), stamp.encode() + b'.' + r.body, hashlib.sha256).hexdigest()
    equal(r.headers['x-quis-signature'], 'v1=' + want)
    body = r.json
    equal(body['type'], 'quis.page')
    equal([body['id'], body['attempt'], body['possible_duplicate'], body['purpose']], [page['message'], 3, True, 'incident'])
    equal(body['to'], {'user': 'ana', 'name': 'Ana Souza'})
    incident = body['incident']
    equal([incident['id'], incident['number'], incident['title'], incident['status'], incident['severity']],
          ['Q0000000000ABC', 42, 'disk full on db1', 'triggered', 'critical'])
    equal(body['details'], {'a.b': '1000.0', 'a.d[0]': 'true'})
    check(body['links']['acknowledge'].startswith('http://quis.example.com/link/'), body['links'])
    check(b'secret-routing-key' not in r.body and SECRET.encode() not in r.body)


def test_webhook_verdicts():
    cases = [(200, 'accepted'), (204, 'accepted'), (301, 'final'), (307, 'final'), (400, 'final'), (401, 'retry'),
             (403, 'retry'), (404, 'final'), (408, 'retry'), (410, 'final'), (422, 'final'), (429, 'retry'),
             (500, 'retry'), (502, 'retry'), (503, 'retry'), (504, 'unknown')]
    for status, state in cases:
        body = b'' if status == 204 else b'<p>because</p>\nand more'
        with quis.Sink(lambda r: (status, body, {'Location': 'http://127.0.0.1:1/'})) as sink, Desk([hook()]) as desk:
            r = desk.deliver(hook_page(desk, sink.url))
            equal(r['state'], state, status)
            if status // 100 == 3:
                equal(r['error'], f'answered {status}: redirects are not followed, use the address it leads to')
            elif status // 100 != 2:
                equal(r['error'], f'answered {status}: <p>because</p>')
            equal(len(sink.requests), 1, 'requests')


def test_webhook_cut_and_silence():
    with quis.Sink(lambda r: None) as sink, Desk([hook()]) as desk:
        r = desk.deliver(hook_page(desk, sink.url))
        equal(r['state'], 'unknown')
        check(r['error'].startswith(f'127.0.0.1:{sink.port}: '), r)
    with quis.Sink(lambda r: time.sleep(3)) as sink, Desk([hook(timeout_ns=1_000_000_000)]) as desk:
        r = desk.deliver(hook_page(desk, sink.url))
        equal([r['state'], r['error']], ['unknown', f'no answer from 127.0.0.1:{sink.port} within 1s'])
    with Desk([hook()]) as desk:
        port = quis.free_port()
        r = desk.deliver(hook_page(desk, f'http://127.0.0.1:{port}/token-in-path'))
        equal([r['state'], r['error']], ['retry', f'cannot connect to 127.0.0.1:{port}'])
        r = desk.deliver(hook_page(desk, 'http://no-such-name.invalid/x'))
        equal([r['state'], r['error']], ['retry', 'cannot resolve the name of no-such-name.invalid'])


def test_webhook_tls():
    with quis.Sink(tls=(CERT, KEY)) as sink:
        with Desk([hook(ca=CA_PEM)]) as desk:
            equal(desk.deliver(hook_page(desk, sink.url))['state'], 'accepted')
        with Desk([hook()]) as desk:
            r = desk.deliver(hook_page(desk, sink.url))
            equal(r['state'], 'retry')
            check(r['error'].startswith(f'no secure connection to 127.0.0.1:{sink.port}: SSL certificate problem'), r)
        equal(len(sink.requests), 1)


def test_webhook_wrong_addresses():
    with Desk([hook()]) as desk:
        for address in ('', 'ftp://a/b', 'file:///etc/passwd', 'http://', 'http://user:pass@h/', 'http://a b/',
                        'http://a/\r\nX: 1', 'javascript:alert(1)', 'gopher://a/'):
            r = desk.deliver(hook_page(desk, address))
            equal([r['state'], r['error']], ['final', "the contact's address is not an http:// or https:// URL"], address)


def test_a_long_answer_is_cut():
    with quis.Sink(lambda r: (500, b'x' * 10_000_000)) as sink, Desk([hook()]) as desk:
        r = desk.deliver(hook_page(desk, sink.url))
        equal([r['state'], r['error']], ['retry', 'answered 500: ' + 'x' * 160])


def test_no_proxy_of_the_environment():
    with quis.Sink() as proxy, quis.Sink() as sink:
        os.environ['http_proxy'] = proxy.url
        try:
            with Desk([hook()]) as desk:
                equal(desk.deliver(hook_page(desk, sink.url))['state'], 'accepted')
        finally:
            del os.environ['http_proxy']
        equal([len(proxy.requests), len(sink.requests)], [0, 1])


def test_a_token_stays_at_home():
    with quis.Sink() as home, quis.Sink() as elsewhere:
        with Desk([dict(name='hook', type='webhook', url=home.url + '/default', token='tk-webhook')]) as desk:
            for url in ('', home.url + '/other', elsewhere.url + '/evil'):
                equal(desk.deliver(hook_page(desk, url))['state'], 'accepted')
            equal([(r.path, r.headers.get('authorization')) for r in home.requests],
                  [('/default', 'Bearer tk-webhook'), ('/other', 'Bearer tk-webhook')])
            equal([r.headers.get('authorization') for r in elsewhere.requests], [None])
            check('tk-webhook' not in desk.log + json.dumps(desk.got))


def test_secrets_are_not_in_errors():
    echo = lambda r: (500, b'you sent ' + r.headers['authorization'].encode())
    with quis.Sink(echo) as sink, Desk([dict(name='hook', type='webhook', url=sink.url, token='tk-webhook')]) as desk:
        r = desk.deliver(hook_page(desk, ''))
        equal(r['error'], 'answered 500: you sent Bearer ***')
        check('tk-webhook' not in desk.log)


def test_ntfy():
    topics = []
    with quis.Sink(ntfy_server(topics)) as sink:
        ntfy = dict(name='push', type='ntfy', url=sink.url, token='tk_secret')
        with Desk([ntfy]) as desk:
            page = lambda **more: desk.page(kind='ntfy', provider='push', **more)
            r = desk.deliver(page(address=sink.url + '/oncall', title='Größe', details='{"a":{"b":"c"}}'))
            equal([r['state'], r['reference']], ['accepted', 'id1'])
            m = topics[0]
            equal([m['topic'], m['title'], m['priority'], m['tags']],
                  ['oncall', '[Quis #42] TRIGGERED web: Größe', 5, ['rotating_light']])
            check(m['message'].startswith('Größe\nService: web\nSeverity: critical'), m['message'])
            check('a.b: c' in m['message'])
            equal(m['click'], 'http://quis.example.com/ui/incidents/Q0000000000ABC')
            equal([(a['action'], a['label'], a.get('method')) for a in m['actions']],
                  [('http', 'Acknowledge', 'POST'), ('http', 'Resolve', 'POST'), ('view', 'Open', None)])
            check(all('/link/' in a['url'] for a in m['actions'][:2]))
            # a bare topic is one of the provider's server; low urgency is quieter; a duplicate is marked
            equal(desk.deliver(page(address='locked', urgency=1, maybe_duplicate=True))['state'], 'accepted')
            equal([topics[1]['topic'], topics[1]['priority']], ['locked', 3])
            check('possible-duplicate' in topics[1]['tags'] and '(possible duplicate)' in topics[1]['title'])
            desk.deliver(page(address='oncall', purpose=1, status='resolved'))
            equal([topics[2]['tags'], [a['label'] for a in topics[2]['actions']]], [['white_check_mark'], ['Open']])
            for address in ('', 'a topic', sink.url + '/', sink.url + '/a/b c', 'x' * 65):
                equal(desk.deliver(page(address=address))['state'], 'final', address)
            r = desk.deliver(page(address='oncall', title='x' * 1000, details=json.dumps({str(i): 'y' * 400 for i in range(90)})))
            equal(r['state'], 'accepted')
            check(len(topics[-1]['message'].encode()) <= 3500)
        with Desk([dict(name='push', type='ntfy', url=sink.url)]) as desk:
            r = desk.deliver(desk.page(kind='ntfy', provider='push', address='locked'))
            equal([r['state'], r['error']], ['retry', 'answered 403: {"code":40301,"http":403,"error":"forbidden"}'])


def test_what_is_not_ntfy():
    with quis.Sink(lambda r: (200, b'<html>welcome</html>')) as sink:
        with Desk([dict(name='push', type='ntfy', url=sink.url)]) as desk:
            r = desk.deliver(desk.page(kind='ntfy', provider='push', address='oncall'))
            equal([r['state'], r['error']],
                  ['final', 'answered 200, but not as an ntfy server does: is the address right?'])


def test_ntfy_with_a_password():
    topics = []
    with quis.Sink(ntfy_server(topics)) as sink:
        with Desk([dict(name='push', type='ntfy', url=sink.url, username='u', password='p w')]) as desk:
            equal(desk.deliver(desk.page(kind='ntfy', provider='push', address='oncall'))['state'], 'accepted')
        equal(sink.requests[0].headers['authorization'], 'Basic ' + base64.b64encode(b'u:p w').decode())


def test_console():
    with Desk([dict(name='console', type='console')]) as desk:
        r = desk.deliver(desk.page(kind='console', provider='console', address='', title='disk full\x1b[2J'))
        equal(r['state'], 'accepted')
        block = re.search(r'^\+-+ QUIS PAGE -+\n(.*?)^\+-+\n', desk.log, re.M | re.S)
        check(block, desk.log)
        lines = block.group(1).splitlines()
        check(all(line.startswith('|') for line in lines), lines)
        check('| TRIGGERED: disk full [2J' in lines, lines)
        check(any(re.match(r'\| Acknowledge: http://quis.example.com/link/\S+$', line) for line in lines), lines)


if __name__ == '__main__':
    quis.run_tests(quis.tests_of(globals()))
