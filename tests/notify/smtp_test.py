#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Mail against real SMTP servers: what arrives, and what is said about what does not."""
import base64
import json
import os
import socket
import ssl
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from desk import AT, Desk, quis  # noqa: E402

check, equal = quis.check, quis.equal
CERTS = tempfile.TemporaryDirectory()
CA, CERT, KEY = quis.certificates(CERTS.name)
with open(CA) as _f:
    CA_PEM = _f.read()


class Script:
    """A server that plays lines: each step is (wait for a line that starts so, then say); `after` decides the end."""

    def __init__(self, play):
        self.play = play
        self.sock = socket.create_server(('127.0.0.1', 0))
        self.port = self.sock.getsockname()[1]
        self.lines = []
        self.connections = 0
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while True:
            try:
                conn, _ = self.sock.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._one, args=(conn,), daemon=True).start()

    def _one(self, conn):
        with conn:
            try:
                self.play(self, conn, conn.makefile('rb'))
            except OSError:
                pass

    def provider(self, **more):
        return dict(name='mail', type='smtp', url=f'smtp://127.0.0.1:{self.port}', **{'from': 'quis@example.com'}, **more)

    def __enter__(self):
        return self

    def __exit__(self, *a):
        self.sock.close()


def talk(answers):
    """A play: greets, then answers each command by its first word; a callable gets the connection."""
    def play(script, conn, lines):
        conn.sendall(b'220 script ESMTP\r\n')
        in_data = False
        for raw in lines:
            line = raw.rstrip(b'\r\n').decode()
            if in_data:
                if line == '.':
                    in_data = False
                    reply = answers.get('.', '250 taken')
                else:
                    continue
            else:
                script.lines.append(line)
                word = line.split(' ')[0].split(':')[0]
                reply = answers.get(word, {'EHLO': '250 script', 'MAIL': '250 ok', 'RCPT': '250 ok', 'DATA': '354 go',
                                           'QUIT': '221 bye'}.get(word, '500 what'))
                in_data = word == 'DATA' and isinstance(reply, str) and reply.startswith('354')
            if callable(reply):
                if reply(conn):
                    return
                continue
            conn.sendall(reply.encode() + b'\r\n')
            if line == 'QUIT':
                return
    return play


def test_a_whole_mail():
    with quis.Mailbox() as box, Desk([box.provider()]) as desk:
        details = json.dumps({'routing_key': 'secret-routing-key', 'payload': {
            'summary': 'disk full on db1', 'source': 'db1', 'severity': 'critical',
            'custom_details': {'free': '0 bytes', 'mount': {'path': '/srv', 'options': ['rw', 'noatime']},
                               'html': '<script>alert(1)</script>', 'query': 'disk_free{host="db1"}'}},
            'links': [{'href': 'https://wiki.example.com/disk', 'text': 'Runbook'}]})
        r = desk.deliver(desk.page(details=details, title='disk full on db1: Größe Ω'))
        equal(r['state'], 'accepted')
        check(r['reference'].startswith('250 2.0.0 taken as 1'), r)
        m = box.wait()
    equal(m.sender, 'quis@example.com')
    equal(m.recipients, ['ana@example.com'])
    equal(m['subject'], '[Quis #42] TRIGGERED web: disk full on db1: Größe Ω')
    equal(m['from'], 'Quis <quis@example.com>')
    equal(m['to'], 'Ana Souza <ana@example.com>')
    equal(m['message-id'], f'<{r["message"]}.1@example.com>')
    equal(m['references'], '<incident.Q0000000000ABC@example.com>')
    equal(m['auto-submitted'], 'auto-generated')
    equal(m['x-quis-incident'], 'Q0000000000ABC')
    equal(m['x-quis-purpose'], 'incident')
    equal(m['x-quis-possible-duplicate'], '')
    equal(m['importance'], 'high')
    equal(m.message.get_content_type(), 'multipart/alternative')
    equal([p.get_content_type() for p in m.message.iter_parts()], ['text/plain', 'text/html'])
    for words in ('TRIGGERED: disk full on db1: Größe Ω', 'Service:  web', 'Severity: critical (urgency high)',
                  'Status:   triggered', 'Since:    2026-01-05 07:59:00 UTC', 'Source:   db1', '  free: 0 bytes',
                  '  mount.path: /srv', '  mount.options[1]: noatime', 'Runbook: https://wiki.example.com/disk',
                  'Graph:       http://quis.example.com/ui/explore?q=disk_free%7Bhost%3D%22db1%22%7D',
                  'Incident:    http://quis.example.com/ui/incidents/Q0000000000ABC'):
        check(words in m.text, repr(words), 'is not in', m.text)
    check('secret-routing-key' not in m.raw.decode(), 'the routing key leaked')
    check('&lt;script&gt;' in m.html and '<script' not in m.html, 'HTML is not escaped')
    for word in ('Acknowledge', 'Resolve'):
        link = m.link(word)
        check(link in m.html, word, 'is not in the HTML part')
        token = link.removeprefix('http://quis.example.com/link/')
        text = base64.urlsafe_b64decode(token + '=' * (-len(token) % 4)).decode()
        equal(text.split('.')[:3], [r['message'], word[0].lower(), str(AT + 7 * 24 * 3600)])
    check(all(len(line) <= 998 for line in m.raw.split(b'\r\n')), 'a line is too long')
    head = m.raw.split(b'\r\n\r\n')[0]
    check(all(len(line) <= 78 for line in head.split(b'\r\n')), 'a header line is too long', head)
    check(b'\n' not in m.raw.replace(b'\r\n', b''), 'a bare LF')


def test_the_same_attempt_gives_the_same_mail():
    raws = []
    for _ in range(2):
        with quis.Mailbox() as box, Desk([box.provider()]) as desk:
            desk.deliver(desk.page(message='Q00000000000S1'))
            raws.append([line for line in box.wait().raw.split(b'\r\n') if not line.startswith(b'Date:')])
    equal(raws[0], raws[1])


def test_possible_duplicate_test_and_resolved():
    with quis.Mailbox() as box, Desk([box.provider()]) as desk:
        desk.deliver(desk.page(maybe_duplicate=True, attempt=2))
        desk.deliver(desk.page(purpose=1, status='resolved'))
        desk.deliver(desk.page(purpose=2, incident='', incident_number=0, title='', status=''))
        box.wait(count=3)
        dup, resolved, test = box.mails
    equal(dup['subject'], '[Quis #42] (possible duplicate) TRIGGERED web: disk full on db1')
    equal(dup['x-quis-possible-duplicate'], 'yes')
    check('This may be a duplicate' in dup.text and 'This may be a duplicate' in dup.html)
    equal(resolved['subject'], '[Quis #42] RESOLVED web: disk full on db1')
    check('/link/' not in resolved.text, 'a resolved page has nothing to acknowledge')
    equal(test['subject'], '[Quis] TEST: page for Ana Souza')


def test_hostile_texts_stay_texts():
    title = 'x\r\nBcc: eve@example.com\r\n\r\nbody \x00\x1b[31m =?UTF-8?B?eA==?= ' + 'w' * 3000
    with quis.Mailbox() as box, Desk([box.provider()]) as desk:
        r = desk.deliver(desk.page(title=title[:1000], service='w\nX-Evil: 1', user_full_name='A "B" <c@d>\r\nTo: e'))
        equal(r['state'], 'accepted')
        m = box.wait()
    equal(m.recipients, ['ana@example.com'])
    equal([m['bcc'], m['x-evil']], ['', ''])
    check(m['subject'].startswith('[Quis #42] TRIGGERED w X-Evil: 1: x Bcc: eve@example.com'), m['subject'])
    check('=?UTF-8?B?eA==?=' in m['subject'], 'an encoded word in a title must arrive as it was', m['subject'])
    equal(m.message['to'].addresses[0].addr_spec, 'ana@example.com')
    check(b'\x1b' not in m.raw and b'\x00' not in m.raw)


def test_starttls():
    with quis.Mailbox(tls=(CERT, KEY), require_starttls=True, login=('quis', 'pass word')) as box:
        good = box.provider(ca=CA_PEM, username='quis', password='pass word')
        with Desk([good]) as desk:
            equal(desk.deliver(desk.page())['state'], 'accepted')
            box.wait()
        check(any(ok for _, ok in box.logins), 'it signed in')
        # an authority that we do not know, and a password that is wrong, end before any mail
        with Desk([{k: v for k, v in good.items() if k != 'ca'}]) as desk:
            r = desk.deliver(desk.page())
            equal(r['state'], 'retry')
            check(r['error'].startswith(f'no secure connection to 127.0.0.1:{box.port}: SSL certificate problem'), r)
        with Desk([dict(good, password='wrong-secret')]) as desk:
            r = desk.deliver(desk.page())
            equal([r['state'], r['error']], ['retry', f'127.0.0.1:{box.port} refused the username and password: '
                                             '535 5.7.8 Authentication credentials invalid'])
            check('wrong-secret' not in desk.log + json.dumps(desk.got), 'the password leaked')
        equal(len(box.mails), 1)


def test_smtps():
    with quis.Mailbox(tls=(CERT, KEY), smtps=True) as box, Desk([box.provider(ca=CA_PEM)]) as desk:
        equal(desk.deliver(desk.page())['state'], 'accepted')
        box.wait()


def test_a_password_never_goes_out_in_the_clear():
    with quis.Mailbox(login=('quis', 'secret')) as box:
        with Desk([box.provider(username='quis', password='secret')]) as desk:
            r = desk.deliver(desk.page())
            equal(r['state'], 'retry')
            check(r['error'].startswith(f'no secure connection to 127.0.0.1:{box.port}'), r)
            equal(box.logins, [])
        with Desk([box.provider(username='quis', password='secret', tls='off')]) as desk:
            equal(desk.deliver(desk.page())['state'], 'accepted')


def test_refusals():
    cases = [({'RCPT': '550 5.1.1 no such user'}, 'final', '550 5.1.1 no such user'),
             ({'RCPT': '450 4.2.1 busy'}, 'retry', '450 4.2.1 busy'),
             ({'MAIL': '452 4.3.1 full'}, 'retry', '452 4.3.1 full'),
             ({'MAIL': '530 5.7.0 sign in first'}, 'retry', '530 5.7.0 sign in first'),
             ({'DATA': '554 5.7.1 no'}, 'final', '554 5.7.1 no'),
             ({'.': '554-5.7.1 your mail\r\n554 5.7.1 is spam'}, 'final', '554 5.7.1 is spam'),
             ({'.': '451 4.3.0 try later'}, 'retry', '451 4.3.0 try later')]
    for answers, state, text in cases:
        with Script(talk(answers)) as s, Desk([s.provider()]) as desk:
            r = desk.deliver(desk.page())
            equal([r['state'], r['error']], [state, f'127.0.0.1:{s.port} answered: {text}'], str(answers))


def test_greeting_that_refuses():
    with Script(lambda s, conn, lines: conn.sendall(b'421 4.3.2 not now\r\n')) as s, Desk([s.provider()]) as desk:
        r = desk.deliver(desk.page())
        equal(r['state'], 'retry')
        check('421 4.3.2 not now' in r['error'], r)


def close(conn):
    conn.shutdown(socket.SHUT_RDWR)
    return True


def test_cut_before_data_is_tried_again():
    for word in ('MAIL', 'RCPT', 'DATA'):
        with Script(talk({word: close})) as s, Desk([s.provider()]) as desk:
            r = desk.deliver(desk.page())
            equal([r['state'], r['error']],
                  ['retry', f'127.0.0.1:{s.port}: the connection broke before the message was sent'], word)


def test_cut_after_data_is_unknown():
    with Script(talk({'.': close})) as s, Desk([s.provider()]) as desk:
        r = desk.deliver(desk.page())
        equal([r['state'], r['error']],
              ['unknown', f'127.0.0.1:{s.port}: the connection broke after the message was sent and before the server '
               'said what it did with it'])


def test_silence_after_data_is_unknown():
    with Script(talk({'.': lambda conn: False})) as s, Desk([s.provider(timeout_ns=1_000_000_000)]) as desk:
        r = desk.deliver(desk.page())
        equal([r['state'], r['error']], ['unknown', f'no answer from 127.0.0.1:{s.port} within 1s'])


def test_silence_before_is_tried_again():
    with Script(lambda s, conn, lines: lines.read()) as s, Desk([s.provider(timeout_ns=1_000_000_000)]) as desk:
        r = desk.deliver(desk.page())
        equal([r['state'], r['error']], ['retry', f'no answer from 127.0.0.1:{s.port} within 1s'])


def test_what_is_not_smtp():
    with Script(lambda s, conn, lines: conn.sendall(b'HTTP/1.1 400 Bad Request\r\n\r\n')) as s, \
            Desk([s.provider(timeout_ns=5_000_000_000)]) as desk:
        equal(desk.deliver(desk.page())['state'], 'retry')


def test_nobody_listens():
    port = quis.free_port()
    with Desk([{'name': 'mail', 'type': 'smtp', 'url': f'smtp://127.0.0.1:{port}', 'from': 'a@b.c'}]) as desk:
        r = desk.deliver(desk.page())
        equal([r['state'], r['error']], ['retry', f'cannot connect to 127.0.0.1:{port}'])


def test_an_address_that_is_none():
    with quis.Mailbox() as box, Desk([box.provider()]) as desk:
        for address in ('', 'ana', 'ana@', '@b', 'a@b@c', 'a b@c', 'a@b\r\nRCPT TO:<e@f>', '<a@b>', 'a@b>,<c@d'):
            r = desk.deliver(desk.page(address=address))
            equal([r['state'], r['error']],
                  ['final', "the contact's address is not a mail address such as ana@example.com"], address)
        equal(box.seen, [])


def test_a_server_that_ignores_quit_does_not_stop_the_others():
    """Every step that hangs must leave the loop turning: a second mail goes through at once meanwhile."""
    hang = lambda conn: False
    for word, first in (('QUIT', 'accepted'), ('RCPT', None)):
        with Script(talk({word: hang})) as slow, quis.Mailbox() as box:
            with Desk([dict(slow.provider(timeout_ns=4_000_000_000), name='slow'), box.provider()]) as desk:
                hanging = desk.send(desk.page(provider='slow'))
                quis.wait_for('the slow server to be asked', lambda: any(x.startswith('RCPT') for x in slow.lines))
                if first:
                    equal(desk.receipt(hanging)['state'], first)
                begun = time.monotonic()
                equal(desk.deliver(desk.page())['state'], 'accepted')
                check(time.monotonic() - begun < 2, word, 'stopped the loop')
                if not first:
                    equal(desk.receipt(hanging)['state'], 'retry')


def test_a_refused_mail_with_a_hanging_quit():
    with Script(talk({'RCPT': '550 no', 'QUIT': lambda conn: False})) as s, quis.Mailbox() as box:
        with Desk([dict(s.provider(), name='slow'), box.provider()]) as desk:
            begun = time.monotonic()
            equal(desk.deliver(desk.page(provider='slow'))['state'], 'final')
            equal(desk.deliver(desk.page())['state'], 'accepted')
            check(time.monotonic() - begun < 3, 'the refusal stopped the loop')


def test_a_storm():
    with quis.Mailbox() as box, Desk([box.provider(concurrency=16)]) as desk:
        pages = [desk.send(desk.page()) for _ in range(200)]
        for p in pages:
            r = desk.receipt(p)
            equal(r['state'], 'accepted')
            desk.confirm(r)
        equal(sorted(m['x-quis-message'] for m in box.mails), sorted(p['message'] for p in pages))


if __name__ == '__main__':
    quis.run_tests(quis.tests_of(globals()))
