#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Pages out of a whole quisd: every kind of provider from within the sandbox, the second provider when the first fails,
a killed notifier, a reload."""
import json
import os
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'lib'))
sys.path.insert(0, HERE)
import quis  # noqa: E402

check, equal = quis.check, quis.equal
CERTS = tempfile.TemporaryDirectory()
CA, CERT, KEY = quis.certificates(CERTS.name)


def people(contacts, steps=None):
    """ana with these contacts, all used at once."""
    rules = [{'after': '0m', 'contact': c['name']} for c in contacts]
    return [{'kind': 'User', 'name': 'ana', 'full_name': 'Ana Souza', 'contacts': contacts,
             'notify': {'high': rules, 'low': rules}}] + quis.PEOPLE[1:]


def messages(q, incident):
    return q.api('GET', f'/api/quis/v1/incidents/{incident["id"]}/messages').json['messages']


def test_every_kind_of_provider():
    topics = []
    def ntfy(r):
        topics.append(r.json)
        return 200, b'{"id":"abc","event":"message"}'
    with quis.Mailbox(tls=(CERT, KEY), require_starttls=True, login=('quis', 'pass')) as box, \
            quis.Sink(tls=(CERT, KEY)) as hook, quis.Sink(ntfy) as push:
        q = quis.Quisd(resources=people([
            {'name': 'mail', 'type': 'email', 'address': 'ana@example.com'},
            {'name': 'hook', 'type': 'webhook', 'address': f'https://localhost:{hook.port}/in'},
            {'name': 'push', 'type': 'ntfy', 'address': 'ana'},
            {'name': 'term', 'type': 'console'}]))
        ca = q.write('ca.pem', open(CA).read())
        q.settings['providers'] = [
            # by name: resolving must work where the notifier lives
            {'name': 'mail', 'type': 'smtp', 'url': f'smtp://localhost:{box.port}', 'from': 'quis@example.com', 'username': 'quis',
             'password_file': q.write('mail.password', 'pass\n'), 'ca_file': ca},
            {'name': 'hook', 'type': 'webhook', 'secret_file': q.write('hook.secret', 'signing-secret\n'), 'ca_file': ca},
            {'name': 'push', 'type': 'ntfy', 'url': push.url, 'token_file': q.write('push.token', 'tk_token\n')},
            {'name': 'console', 'type': 'console'}]
        q.write_settings()
        with q:
            q.trigger(quis.KEY, 'disk full on db1', details={'free': '0 bytes'})
            box.wait(lambda m: 'disk full on db1' in m['subject'])
            equal(hook.wait().json['incident']['title'], 'disk full on db1')
            check(hook.requests[0].headers['x-quis-signature'].startswith('v1='))
            push.wait()
            equal([topics[0]['topic'], push.requests[0].headers['authorization']], ['ana', 'Bearer tk_token'])
            quis.wait_for('the console', lambda: '| TRIGGERED: disk full on db1' in q.log)
            incident = q.incidents()[0]
            quis.wait_for('four accepted pages', lambda: [m['state'] for m in messages(q, incident)].count('accepted') == 4)
            for secret in ('signing-secret', 'tk_token', 'pass\n'):
                check(secret not in q.log, secret.strip(), 'is in the log')


def test_the_systems_authorities_are_found():
    """From within the sandbox: an unknown authority is refused as unknown, not for want of the list of known ones."""
    with quis.Sink(tls=(CERT, KEY)) as sink:
        contacts = [{'name': 'hook', 'type': 'webhook', 'address': f'https://localhost:{sink.port}/'}]
        with quis.Quisd(providers=[{'name': 'hook', 'type': 'webhook'}], resources=people(contacts)) as q:
            q.trigger(quis.KEY, 'who are you')
            incident = quis.wait_for('the incident', lambda: q.incidents())[0]
            m = quis.wait_for('an error', lambda: [m for m in messages(q, incident) if m['error']])[0]
            check('unable to get local issuer certificate' in m['error'] or 'self-signed' in m['error'], m)
            equal(sink.requests, [])


def test_the_second_provider_takes_over():
    down = quis.free_port()
    with quis.Mailbox() as box:
        first = {'name': 'first', 'type': 'smtp', 'url': f'smtp://127.0.0.1:{down}', 'from': 'quis@example.com'}
        with quis.Quisd(providers=[first, box.provider('second')]) as q:
            q.trigger(quis.KEY, 'first provider is down')
            mail = box.wait(timeout=60)
            equal(mail['x-quis-possible-duplicate'], '', 'nothing left by the first')
            incident = q.incidents()[0]
            m = quis.wait_for('its state', lambda: [m for m in messages(q, incident) if m['state'] == 'accepted'])[0]
            equal(m['provider'], 'second')
            check(m['attempt'] >= 2, m)


def test_an_address_that_nobody_takes_fails_for_good():
    with quis.Mailbox(rcpt=lambda a: '550 5.1.1 no such user') as box, quis.Quisd(providers=[box.provider()]) as q:
        q.trigger(quis.KEY, 'nobody there')
        incident = quis.wait_for('the incident', lambda: q.incidents())[0]
        m = quis.wait_for('its end', lambda: [m for m in messages(q, incident) if m['state'] == 'failed'], 60)[0]
        check('550 5.1.1 no such user' in m['error'], m)


def test_cut_after_data_comes_again_marked():
    import socket
    import threading
    taken = []

    # a server that takes the whole first message and goes away without a word
    def serve(sock):
        while True:
            try:
                one(sock.accept()[0])
            except ConnectionError:
                continue  # the client hung up before it read the last answer
            except OSError:
                return

    def one(conn):
        lines = conn.makefile('rb')
        conn.sendall(b'220 x\r\n')
        body = None
        for raw in lines:
            line = raw.rstrip(b'\r\n')
            if body is not None:
                if line != b'.':
                    body.append(line)
                    continue
                taken.append(b'\n'.join(body))
                body = None
                if len(taken) == 1:
                    break
                conn.sendall(b'250 taken\r\n')
            elif line.upper() == b'DATA':
                body = []
                conn.sendall(b'354 go\r\n')
            else:
                conn.sendall(b'221 bye\r\n' if line == b'QUIT' else b'250 x\r\n')
        conn.close()
        lines.close()

    with socket.create_server(('127.0.0.1', 0)) as sock:
        threading.Thread(target=serve, args=(sock,), daemon=True).start()
        mail = {'name': 'mail', 'type': 'smtp', 'url': f'smtp://127.0.0.1:{sock.getsockname()[1]}', 'from': 'quis@example.com'}
        with quis.Quisd(providers=[mail]) as q:
            q.trigger(quis.KEY, 'in doubt')
            quis.wait_for('both mails', lambda: len(taken) >= 2, 60)
            check(b'X-Quis-Possible-Duplicate' not in taken[0], taken[0])
            check(b'X-Quis-Possible-Duplicate: yes' in taken[1], taken[1])
            ids = [[x for x in t.split(b'\n') if x.startswith(b'X-Quis-Message:')] for t in taken[:2]]
            equal(ids[0], ids[1], 'the idempotency key')
            incident = q.incidents()[0]
            m = quis.wait_for('its state', lambda: [m for m in messages(q, incident) if m['state'] == 'accepted'])[0]
            equal(m['maybe_duplicate'], True)


def test_a_killed_notifier():
    """Killed while a page is under way: the page comes again, marked, and later ones go out as ever."""
    import threading
    gate = threading.Event()
    def answer(r):
        gate.wait(20)
        return 200, b''
    with quis.Sink(answer) as sink:
        contacts = [{'name': 'hook', 'type': 'webhook', 'address': sink.url + '/'}]
        with quis.Quisd(providers=[{'name': 'hook', 'type': 'webhook'}], resources=people(contacts)) as q:
            q.trigger(quis.KEY, 'one')
            sink.wait()
            pid = q.kill_role('notifier')
            gate.set()
            again = sink.wait(count=2, timeout=60)
            check(q.pid_of('notifier') != pid)
            equal(again.json['possible_duplicate'], True)
            equal(again.json['id'], sink.requests[0].json['id'])
            q.trigger(quis.KEY, 'two')
            two = sink.wait(lambda r: r.json['incident']['title'] == 'two', 60)
            equal(two.json['possible_duplicate'], False)
            incident = q.incident('one')
            quis.wait_for('it to be settled', lambda: [m['state'] for m in messages(q, incident)] == ['accepted'], 30)


def test_an_acknowledgement_stops_what_waits():
    with quis.Mailbox() as box:
        down = {'name': 'down', 'type': 'smtp', 'url': f'smtp://127.0.0.1:{quis.free_port()}', 'from': 'quis@example.com'}
        with quis.Quisd(providers=[down]) as q:
            q.trigger(quis.KEY, 'stop it')
            incident = quis.wait_for('the incident', lambda: q.incidents())[0]
            quis.wait_for('a failed attempt', lambda: any(m['error'] for m in messages(q, incident)))
            a = q.api('PUT', '/incidents/' + incident['id'],
                      {'incident': {'type': 'incident_reference', 'status': 'acknowledged'}}, headers={'From': 'ana@example.com'})
            equal(a.status, 200, a.text)
            equal([m['state'] for m in messages(q, incident)], ['superseded'])
            # the provider comes back: nothing is sent about what somebody has in hand
            q.settings['providers'] = [box.provider('down')]
            q.write_settings()
            q.reload()
            q.trigger(quis.KEY, 'after')
            box.wait(lambda m: 'after' in m['subject'], 60)
            equal([m['subject'] for m in box.mails if 'stop it' in m['subject']], [])


def test_whatever_a_source_says_arrives():
    """The largest and strangest facts that are accepted still make a page."""
    with quis.Mailbox() as box, quis.Quisd(providers=[box.provider()]) as q:
        events = {'long source': dict(source='s' * 10_000),
                  'emoji': dict(summary='\U0001f525' * 1024),
                  'control': dict(summary='a\r\nBcc: eve@example.com\r\n\x00b', source='\x1b[31mred'),
                  'deep': dict(details=json.loads('{"a":' * 20 + '1' + '}' * 20)),
                  'wide': dict(details={f'k{i}': 'v' * 100 for i in range(2000)})}
        for key, more in events.items():
            q.trigger(quis.KEY, more.pop('summary', key), key, **more)
        box.wait(count=len(events), timeout=30)
        check(all(m.recipients == ['ana@example.com'] and not m['bcc'] for m in box.mails))
        incidents = q.incidents('limit=100')
        quis.wait_for('all accepted', lambda: all([m['state'] for m in messages(q, i)] == ['accepted'] for i in incidents))


def test_its_series_can_be_asked_for():
    with quis.Mailbox() as box, quis.Quisd(providers=[box.provider()]) as q:
        q.trigger(quis.KEY, 'one')
        q.trigger(quis.KEY, 'two')
        box.wait(count=2)
        def value(query):
            a = q.api('GET', '/api/v1/query?' + quis.urllib.parse.urlencode({'query': query}))
            result = a.json['data']['result']
            return float(result[0]['value'][1]) if result else None
        quis.wait_for('its series', lambda: value('quis_pages_total{provider="mail",outcome="accepted"}') == 2, 40, 0.2)
        quis.wait_for('its latency', lambda: value('histogram_quantile(0.5, quis_page_seconds_bucket{provider="mail"})') is not None)
        equal(value('quis_pages_waiting'), 0)


def test_a_test_page():
    with quis.Mailbox() as box, quis.Quisd(providers=[box.provider()]) as q:
        a = q.api('POST', '/api/quis/v1/test-page', {'user': 'ana', 'contact': 'mail'})
        check(a.status in (200, 202), a.status, a.text)
        equal(box.wait()['subject'], '[Quis] TEST: page for Ana Souza')
        equal(q.incidents('limit=100'), [])


if __name__ == '__main__':
    quis.run_tests(quis.tests_of(globals()))
