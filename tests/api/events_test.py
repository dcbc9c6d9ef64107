#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The contract of events in, over real HTTP: what is accepted is an incident, what is refused is refused in these words."""
import json
import os
import socket
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import quis  # noqa: E402

LIMIT = 512 * 1024


def post(q, path, body, headers=None):
    if not isinstance(body, (bytes, str)):
        body = json.dumps(body)
    return quis.http_request('POST', q.url + path, body, {'Content-Type': 'application/json', **(headers or {})})


def trigger(**more):
    return {'routing_key': quis.KEY, 'event_action': 'trigger',
            'payload': {'summary': 's', 'source': 'h', 'severity': 'error'}, **more}


def talk(q, data, wait=5.0):
    """Sends raw bytes and returns all that comes until the server closes or is silent."""
    with socket.create_connection(('127.0.0.1', q.port), timeout=wait) as s:
        s.sendall(data)
        got = b''
        try:
            while chunk := s.recv(65536):
                got += chunk
        except socket.timeout:
            pass
        return got


def test_answers():
    with quis.Quisd() as q:
        a = post(q, '/v2/enqueue', trigger(dedup_key='srv01/HTTP'))
        quis.equal((a.status, a.json), (202, {'status': 'success', 'message': 'Event processed', 'dedup_key': 'srv01/HTTP'}))
        quis.check(a.headers['content-type'].startswith('application/json'), a.headers)
        a = post(q, '/v2/enqueue', trigger())
        quis.equal(a.status, 202)
        quis.equal(len(a.json['dedup_key']), 32, 'a key is made for a trigger without one')
        a = post(q, '/v2/change/enqueue', {'routing_key': quis.KEY, 'payload': {'summary': 'deployed', 'timestamp': '2015-07-17T08:42:58.315+0000'}})
        quis.equal((a.status, a.json['status']), (202, 'success'))
        a = post(q, '/generic/2010-04-15/create_event.json',
                 {'service_key': quis.KEY, 'event_type': 'trigger', 'incident_key': 'v1', 'description': 'from v1'})
        quis.equal((a.status, a.json), (200, {'status': 'success', 'message': 'Event processed', 'incident_key': 'v1'}))
        # accepted: also what will be dropped, because nothing is open under that key
        quis.equal(post(q, '/v2/enqueue', {'routing_key': quis.KEY, 'event_action': 'resolve', 'dedup_key': 'nobody'}).status, 202)
        quis.wait_for('three incidents', lambda: len(q.incidents()) == 3)
        changes = q.api('GET', '/api/quis/v1/changes').json['change_events']
        quis.equal([(c['summary'], c['timestamp'][:10]) for c in changes], [('deployed', '2015-07-17')])


def test_refusals():
    with quis.Quisd() as q:
        a = post(q, '/v2/enqueue', '{"routing_key": ')
        quis.equal((a.status, a.json['status'], a.json['message'], a.json['errors'][0]),
                   (400, 'Unrecognized object', 'Event object format is unrecognized', 'JSON parse error'))
        quis.check(a.json['errors'][1].startswith('line 1, column 17: '), a.text)
        a = post(q, '/v2/enqueue', trigger(routing_key='f' * 32))
        quis.equal((a.status, a.json['errors']), (400, ['Invalid routing key']))
        a = post(q, '/v2/enqueue', trigger(routing_key='x' * 5000))
        quis.equal((a.status, a.json['errors']), (400, ['Invalid routing key']))
        wrong = [
            (trigger(event_action='explode'), "'event_action' is invalid (must be one of 'trigger', 'acknowledge' or 'resolve')"),
            (trigger(payload=[]), "'payload' must be an object"),
            (trigger(payload={'summary': 5, 'source': 'h', 'severity': 'error'}), "'payload.summary' must be a string"),
            (trigger(dedup_key=7), "'dedup_key' must be a string"),
            (trigger(dedup_key='k' * 256), "'dedup_key' is longer than 255 characters (it has 256)"),
            (trigger(links='no'), "'links' must be an array"),
        ]
        for body, error in wrong:
            a = post(q, '/v2/enqueue', body)
            quis.equal((a.status, a.json['status'], a.json['message'], a.json['errors']),
                       (400, 'invalid event', 'Event object is invalid', [error]))
        quis.equal(q.incidents(''), [], 'incidents out of refused events')
        metrics = q.api('GET', '/metrics').text + q.api('GET', '/metrics').text
        quis.check('quis_events_total{' in metrics)


def test_sizes():
    with quis.Quisd() as q:
        def sized(n):
            body = trigger(dedup_key=f'size {n}')
            body['payload']['custom_details'] = ''
            body['payload']['custom_details'] = 'x' * (n - len(json.dumps(body)))
            text = json.dumps(body)
            quis.equal(len(text), n)
            return text
        quis.equal(post(q, '/v2/enqueue', sized(LIMIT)).status, 202, 'exactly 512 KiB')
        a = post(q, '/v2/enqueue', sized(LIMIT + 1))
        quis.equal((a.status, a.json['message'], a.json['errors']),
                   (413, 'Event is too large', ['the event is larger than 512 KiB (524288 bytes)']))
        chunked = f'POST /v2/enqueue HTTP/1.1\r\nHost: q\r\nTransfer-Encoding: chunked\r\n\r\n{LIMIT + 1:x}\r\n'.encode() + b' ' * (LIMIT + 1)
        quis.check(talk(q, chunked).startswith(b'HTTP/1.1 413 '), 'chunked and too large')
        # many small values: large when parsed, still an event
        body = trigger(dedup_key='many')
        body['payload']['custom_details'] = {'list': [0] * 150000}
        quis.equal(post(q, '/v2/enqueue', json.dumps(body, separators=(',', ':'))).status, 202, 'many values')
        quis.wait_for('both incidents', lambda: len(q.incidents()) == 2)
        keys = set()
        for i in q.incidents():
            for alert in q.api('GET', f'/incidents/{i["id"]}/alerts').json['alerts']:
                keys.add(alert['alert_key'])
                if alert['alert_key'].startswith('size'):
                    quis.check(len(alert['body']['details']) > LIMIT - 1000, 'the details are whole')
        quis.equal(keys, {f'size {LIMIT}', 'many'})


def test_wire_forms():
    with quis.Quisd() as q:
        def raw(key, line='POST /v2/enqueue HTTP/1.1', extra='', body=None):
            body = (body or json.dumps(trigger(dedup_key=key))).encode()
            return f'{line}\r\nHost: q\r\nConnection: close\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: {len(body)}\r\n{extra}\r\n'.encode() + body
        for name, data in [
                ('absolute', raw('absolute', 'POST https://events.pagerduty.com/v2/enqueue HTTP/1.1')),
                ('1.0', raw('1.0', 'POST /v2/enqueue HTTP/1.0')),
                ('query', raw('query', 'POST /v2/enqueue?x=1 HTTP/1.1')),
        ]:
            quis.check(b' 202 Accepted\r\n' in talk(q, data).split(b'\n')[0] + b'\n', name)
        body = json.dumps(trigger(dedup_key='chunks')).encode()
        data = b'POST /v2/enqueue HTTP/1.1\r\nHost: q\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n'
        for i in range(0, len(body), 7):
            data += f'{len(body[i:i+7]):X};ext=1\r\n'.encode() + body[i:i + 7] + b'\r\n'
        quis.check(talk(q, data + b'0\r\nTrailer: x\r\n\r\n').startswith(b'HTTP/1.1 202'), 'chunks')
        with socket.create_connection(('127.0.0.1', q.port), timeout=5) as s:
            data = raw('expect', extra='Expect: 100-continue\r\n')
            head, body = data.split(b'\r\n\r\n', 1)
            s.sendall(head + b'\r\n\r\n')
            quis.check(s.recv(100).startswith(b'HTTP/1.1 100 Continue\r\n\r\n'), 'continue')
            s.sendall(body)
            quis.check(s.recv(1000).startswith(b'HTTP/1.1 202'), 'after continue')
        # fifty at once on one connection, answered in order
        many = b''.join(raw(f'pipe {i}').replace(b'Connection: close\r\n', b'Connection: close\r\n' if i == 49 else b'') for i in range(50))
        answers = talk(q, many)
        quis.equal([a for a in range(50) if f'"dedup_key":"pipe {a}"'.encode() in answers], list(range(50)))
        quis.check(answers.index(b'pipe 3"') < answers.index(b'pipe 30"'), 'order')


def test_repeat_and_scope():
    other = 'fedcba9876543210fedcba9876543210'
    resources = quis.PEOPLE[:-1] + [{**quis.PEOPLE[-1], 'integrations': [{'name': 'events', 'key': quis.KEY}, {'name': 'other', 'key': other}]}]
    with quis.Quisd(resources=resources) as q:
        q.trigger(quis.KEY, 'first words', 'k', details={'n': 1})
        q.trigger(quis.KEY, 'second words', 'k', details={'n': 2})
        incident = quis.wait_for('one incident', lambda: q.incidents()[0])
        def alert():
            return q.api('GET', f'/incidents/{incident["id"]}/alerts').json['alerts'][0]
        quis.wait_for('the repeat', lambda: alert()['count'] == 2)
        quis.equal((alert()['summary'], alert()['body']['details']), ('second words', {'n': 2}), 'a repeat refreshes what is shown')
        quis.check('routing_key' not in json.dumps(alert()), 'the key is not shown')
        q.resolve(other, 'k')  # the key of another integration: dropped
        q.trigger(quis.KEY, 'another', 'k2')
        quis.wait_for('two incidents', lambda: len(q.incidents()) == 2)
        q.resolve(quis.KEY, 'k')
        quis.wait_for('the resolve', lambda: [i['title'] for i in q.incidents()] == ['another'])
        q.trigger(quis.KEY, 'again', 'k')
        quis.wait_for('a new incident', lambda: len(q.incidents()) == 2)
        quis.check(incident['id'] not in [i['id'] for i in q.incidents()], 'a resolved one is not opened again')


def test_alertmanager():
    with quis.Quisd() as q:
        path = f'/alertmanager/{quis.KEY}/api/v2/alerts'
        alerts = [{'labels': {'alertname': f'Disk{i}', 'severity': 'critical'}, 'annotations': {'summary': f'disk {i}'},
                   'startsAt': '2026-01-01T00:00:00Z', 'endsAt': '2099-01-01T00:00:00Z', 'generatorURL': 'http://p'} for i in range(3)]
        quis.equal(post(q, path, alerts).status, 200)
        quis.equal(post(q, path, alerts).status, 200, 'sent again, as Prometheus does')
        quis.wait_for('three incidents', lambda: len(q.incidents()) == 3)
        alerts[1]['endsAt'] = '2026-01-01T00:00:01Z'
        quis.equal(post(q, path, alerts[1:2]).status, 200)
        quis.wait_for('one resolved', lambda: sorted(i['title'] for i in q.incidents()) == ['disk 0', 'disk 2'])
        quis.equal(post(q, path, []).status, 200, 'no alerts')
        a = post(q, f'/alertmanager/{"0" * 32}/api/v2/alerts', alerts)
        quis.equal((a.status, a.json['errors']), (400, ['Invalid routing key']))
        a = post(q, path, [{'labels': {}}])
        quis.equal((a.status, a.json['errors']), (400, ["alert 0: 'labels' must be an object of strings with at least one label"]))
        a = post(q, f'/alertmanager/{quis.KEY}/api/v1/alerts', alerts[:1])
        quis.equal((a.status, a.json), (200, {'status': 'success'}))


def test_engine_restarts_under_events():
    """An event that comes while the engine is being restarted waits for it and is accepted."""
    with quis.Quisd() as q:
        for i in range(3):
            q.trigger(quis.KEY, f'before {i}')
            q.kill_role('engine')
            q.trigger(quis.KEY, f'while {i}')
        quis.wait_for('all of them', lambda: len(q.incidents('statuses[]=triggered')) == 6)


if __name__ == '__main__':
    quis.run_tests(quis.tests_of(globals()))
