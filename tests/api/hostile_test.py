#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Clients that are broken, slow, many, or mean: each gets its exact answer, and everybody else is served meanwhile."""
import json
import os
import resource
import socket
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import quis  # noqa: E402


def message(text):
    return json.dumps({'error': {'message': text, 'code': 2001}}, separators=(',', ':')).encode() + b'\n'


BAD = [
    (b'POST /v2/enqueue HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx', 400, 'the request has more than one Content-Length'),
    (b'POST /v2/enqueue HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', 400, 'the request has both Content-Length and Transfer-Encoding'),
    (b'POST /v2/enqueue HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\nx', 400, 'Content-Length is not a plain decimal number'),
    (b'POST /v2/enqueue HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n', 501, "the only Transfer-Encoding taken is 'chunked'"),
    (b'POST /v2/enqueue HTTP/1.1\r\nHost: a\r\n\r\n', 411, 'a request of this method needs a Content-Length (0 for an empty body) or chunks'),
    (b'POST /v2/enqueue HTTP/1.1\r\nHost: a\r\nContent-Length: 36\r\n x\r\n\r\nGET /incidents HTTP/1.1\r\n\r\n', 400, 'a header is continued on a second line'),
    (b'GET /healthz HTTP/1.1\r\n\r\n', 400, 'an HTTP/1.1 request needs a Host header'),
    (b'GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n', 400, 'the request has more than one Host header'),
    (b'GET /healthz HTTP/1.1\r\nHost : a\r\n\r\n', 400, "a header's name is empty, has a forbidden character, or a blank before its colon"),
    (b'GET /healthz HTTP/1.1\nHost: a\n\n', 400, "a line of the request's head does not end with CR LF"),
    (b'GET /healthz HTTP/1.1\r\nHost: a\r\nX: \x00\r\n\r\n', 400, "a header's value has a control character in it"),
    (b'GET /healthz HTTP/2.0\r\nHost: a\r\n\r\n', 505, 'only HTTP/1.0 and HTTP/1.1 are spoken here'),
    (b'GET healthz HTTP/1.1\r\nHost: a\r\n\r\n', 400, 'the request target is neither a path nor an http:// address'),
    (b'GET /' + b'a' * 9000 + b' HTTP/1.1\r\nHost: a\r\n\r\n', 414, 'the request target is longer than 8192 bytes'),
    (b'GET / HTTP/1.1\r\nHost: a\r\nX: ' + b'a' * 17000 + b'\r\n\r\n', 431, "the request's head is longer than 16384 bytes"),
    (b'GET / HTTP/1.1\r\nHost: a\r\n' + b'a: b\r\n' * 200 + b'\r\n', 431, 'the request has more than 100 headers'),
    (b'\x16\x03\x01\x00\xf8\x01', 400, 'this is not an HTTP request: it does not begin with a method (TLS on a plain port?)'),
]


def read_all(s, seconds):
    s.settimeout(seconds)
    got = b''
    try:
        while chunk := s.recv(65536):
            got += chunk
        return got, True
    except socket.timeout:
        return got, False
    except ConnectionResetError:
        return got, True


def connect(q):
    return socket.create_connection(('127.0.0.1', q.port), timeout=10)


def test_malformed():
    with quis.Quisd() as q:
        for data, status, text in BAD:
            with connect(q) as s:
                s.sendall(data)
                answer, closed = read_all(s, 5)
                head, _, body = answer.partition(b'\r\n\r\n')
                quis.equal((head.split(b' ')[1:2], body, closed), ([str(status).encode()], message(text), True), data[:80])
        quis.equal(q.incidents(''), [])


def test_slow_loris():
    with quis.Quisd() as q:
        slow = [connect(q) for _ in range(200)]
        bodies = [connect(q) for _ in range(50)]
        for s in bodies:
            s.sendall(b'POST /v2/enqueue HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n{')
        started = time.monotonic()
        for i, byte in enumerate(b'GET /healthz HTTP/1.1\r\nX: '):
            for s in slow:
                try:
                    s.send(bytes([byte]))
                except OSError:
                    pass
            took = time.monotonic()
            quis.equal(quis.http_request('GET', q.url + '/healthz', timeout=5).status, 200)
            quis.check(time.monotonic() - took < 2, 'others are served at once')
            if time.monotonic() - started > 13:
                break
            time.sleep(0.5)
        for s, text in ((slow[0], "the request's head did not come within 10 seconds"), (slow[-1], "the request's head did not come within 10 seconds")):
            answer, closed = read_all(s, 5)
            quis.check(answer.startswith(b'HTTP/1.1 408 ') and answer.endswith(message(text)) and closed, answer)
        answer, closed = read_all(bodies[0], 5)
        quis.check(answer.startswith(b'HTTP/1.1 408 ') and b'"errors":["the request\'s body comes too slowly"]' in answer and closed, answer)
        for s in slow + bodies:
            s.close()
        quis.wait_for('the connections to be gone', lambda: connections(q) <= 4)


def connections(q):
    """Of both web processes: the one that answers /metrics tells its own, so the larger of several answers counts."""
    seen = {}
    for _ in range(8):
        text = quis.http_request('GET', q.url + '/metrics').text
        for line in text.splitlines():
            if line.startswith('quis_http_connections{role="'):
                seen[line.split('"')[1]] = float(line.split()[-1])
    return sum(seen.values())


def test_ten_thousand_idle_connections():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    want = 10000
    if hard < want + 500:
        want = hard - 500
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 20000), hard))
    with quis.Quisd() as q:
        def memory():
            return sum(int(line.split()[1]) for role in ('web', 'web2') for line in open(f'/proc/{q.pid_of(role)}/smaps_rollup') if line.startswith('Pss:'))
        before = memory()
        idle = [connect(q) for _ in range(want)]
        print(f'# {want} idle connections cost {(memory() - before) / want:.2f} KiB each')
        quis.check(memory() - before < 64 * 1024, 'idle connections take less than 64 MiB')
        started = time.monotonic()
        for i in range(200):
            q.trigger(quis.KEY, f'beside the idle {i}')
        quis.check(time.monotonic() - started < 10, 'events are taken meanwhile')
        quis.wait_for('all of them', lambda: q.api('GET', '/incidents?total=true&limit=1').json['total'] == 200)
        # an idle one still works
        idle[want // 2].sendall(b'GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n')
        idle[want // 2].settimeout(5)
        quis.check(idle[want // 2].recv(100).startswith(b'HTTP/1.1 200'), 'an idle connection')
        for s in idle:
            s.close()


def test_slow_readers_do_not_hold_the_rest():
    with quis.Quisd() as q:
        for i in range(100):
            q.trigger(quis.KEY, f'incident {i}', details={'text': 'x' * 1000})
        quis.wait_for('them', lambda: len(q.incidents('limit=100')) == 100)
        request = f'GET /incidents?limit=100 HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {q.token}\r\n\r\n'.encode()
        deaf = []
        for _ in range(50):
            s = socket.socket()
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            s.connect(('127.0.0.1', q.port))
            s.sendall(request * 50)
            deaf.append(s)
        started = time.monotonic()
        for _ in range(20):
            quis.equal(len(q.incidents('limit=100')), 100)
        quis.check(time.monotonic() - started < 10, 'others are served')
        for s in deaf:
            s.close()


if __name__ == '__main__':
    quis.run_tests(quis.tests_of(globals()))
