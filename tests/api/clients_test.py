#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Clients that other people wrote for PagerDuty, from npm, unchanged, against a Quis; and Quis' own TLS."""
import json
import os
import shutil
import ssl
import subprocess
import sys
import tempfile
import warnings

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import quis  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
PACKAGES = ['@pagerduty/pdjs@2.2.4', 'node-pagerduty@1.3.6']


def clients():
    """The folder with the packages; they are fetched once into the build folder."""
    folder = os.path.join(quis.build_dir(), 'npm-pagerduty')
    if not os.path.exists(os.path.join(folder, 'done')):
        os.makedirs(folder, exist_ok=True)
        subprocess.run(['npm', 'install', '--prefix', folder, '--ignore-scripts', '--no-audit', '--no-fund', '--silent', *PACKAGES],
                       check=True, stdin=subprocess.DEVNULL, stdout=sys.stderr)
        open(os.path.join(folder, 'done'), 'w').close()
    return folder


def with_tls(folder):
    ca, cert, key = quis.certificates(folder)
    q = quis.Quisd()
    q.settings['tls'] = {'cert': cert, 'key': key}
    q.settings['base_url'] = f'https://localhost:{q.port}'
    q.write_settings()
    return ca, q


def https(q, ca, path, **more):
    import urllib.request
    request = urllib.request.Request(f'https://localhost:{q.port}{path}', headers={'Authorization': f'Bearer {q.token}'}, **more)
    with urllib.request.urlopen(request, context=ssl.create_default_context(cafile=ca), timeout=10) as r:
        return r.status, r.read(), r.headers


def start_tls(q, ca):
    q.start(wait=False)
    quis.wait_for('quisd with TLS', lambda: https(q, ca, '/healthz')[0] == 200)


def test_tls():
    folder = tempfile.mkdtemp(prefix='quis-tls-')
    ca, q = with_tls(folder)
    try:
        start_tls(q, ca)
        quis.wait_for('the store', lambda: https(q, ca, '/incidents')[0] == 200)
        big = json.dumps({'routing_key': quis.KEY, 'event_action': 'trigger', 'dedup_key': 'big',
                          'payload': {'summary': 's', 'source': 'h', 'severity': 'error', 'custom_details': 'x' * 400000}}).encode()
        quis.equal(https(q, ca, '/v2/enqueue', data=big)[0], 202, 'a large body over TLS')
        incident = quis.wait_for('it', lambda: json.loads(https(q, ca, '/incidents')[1])['incidents'])[0]
        alerts = https(q, ca, f'/incidents/{incident["id"]}/alerts')[1]
        quis.check(len(alerts) > 400000, 'a large answer over TLS')
        # TLS 1.1 is refused, plain HTTP is not understood
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')  # old is the point
            old.minimum_version = ssl.TLSVersion.TLSv1
            old.maximum_version = ssl.TLSVersion.TLSv1_1
        import socket
        try:
            with socket.create_connection(('127.0.0.1', q.port), timeout=5) as s, old.wrap_socket(s):
                raise quis.Failure('TLS 1.1 was spoken')
        except (ssl.SSLError, ConnectionResetError):
            pass
        with socket.create_connection(('127.0.0.1', q.port), timeout=5) as s:
            s.sendall(b'GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n')
            try:
                answer = s.recv(100)
            except ConnectionResetError:
                answer = b''
            quis.check(b'200' not in answer, 'plain HTTP on the TLS port')
        # half a handshake harms nobody
        idle = [socket.create_connection(('127.0.0.1', q.port), timeout=5) for _ in range(100)]
        for s in idle:
            s.sendall(b'\x16\x03\x01\x00\xf8\x01')
        quis.equal(https(q, ca, '/healthz')[0], 200)
        for s in idle:
            s.close()
        sign = https(q, ca, '/ui/')
        quis.equal(sign[0], 200)
    finally:
        q.close()
        shutil.rmtree(folder, ignore_errors=True)


def test_npm_clients():
    packages = clients()
    folder = tempfile.mkdtemp(prefix='quis-tls-')
    ca, secure = with_tls(folder)
    try:
        with quis.Quisd() as plain:
            start_tls(secure, ca)
            for i in range(5):
                plain.trigger(quis.KEY, f'plain {i}')
            quis.wait_for('five', lambda: len(plain.incidents()) == 5)
            for i in range(4):
                body = {'routing_key': quis.KEY, 'event_action': 'trigger', 'payload': {'summary': f'tls {i}', 'source': 'h', 'severity': 'error'}}
                https(secure, ca, '/v2/enqueue', data=json.dumps(body).encode())
            quis.wait_for('four', lambda: len(json.loads(https(secure, ca, '/incidents')[1])['incidents']) == 4)
            script = os.path.join(packages, 'clients.js')
            shutil.copy(os.path.join(HERE, 'clients.js'), script)
            out = subprocess.run(['node', script, plain.url, str(secure.port), plain.token, quis.KEY], capture_output=True, text=True,
                                 env={**os.environ, 'NODE_EXTRA_CA_CERTS': ca}, timeout=120)
            quis.equal(out.returncode, 0, out.stderr)
            quis.equal(json.loads(out.stdout.splitlines()[-1]), {'pdjsAll': 5, 'nodePagerdutyUsers': 1})
    finally:
        secure.close()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == '__main__':
    if not shutil.which('node') or not shutil.which('npm'):
        print('1..0 # SKIP node and npm are not here')
        raise SystemExit(0)
    quis.run_tests(quis.tests_of(globals()))
