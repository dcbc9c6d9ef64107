#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Who may do what: tokens and their roles, the first sign-in, sessions, forged requests, guessed passwords."""
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import quis  # noqa: E402

PASSWORD = 'correct horse battery'
ROLES = ['admin', 'responder', 'observer', 'ingest']


def installation(**more):
    q = quis.Quisd(**more)
    tokens = []
    for role in ROLES:
        path = q.write(f'{role}.token', f'token-of-{role}-0123456789\n')
        tokens.append({'name': role, 'role': role, 'file': path})
    q.settings['api_tokens'] = tokens
    q.token = 'token-of-admin-0123456789'
    q.write_settings()
    return q


def setup_token(q):
    return quis.wait_for('the first sign-in link', lambda: re.search(r'link=\S+/ui/setup#(\S+)', q.log)).group(1)


def sign_up(q, user='root'):
    token = setup_token(q)

    def once():
        # the link is printed a moment before it is committed; a few wrong tries are allowed
        a = q.api('POST', '/api/quis/v1/setup', {'token': token, 'user': user, 'password': PASSWORD}, token=False)
        return a if a.status != 401 else None
    a = quis.wait_for('the first sign-in', once, 2, 0.3)
    quis.equal(a.status, 200, a.text)
    return cookie_of(a)


def cookie_of(a):
    cookie = a.headers['set-cookie']
    for flag in ('HttpOnly', 'SameSite=Strict', 'Path=/'):
        quis.check(flag in cookie, f'{flag} in {cookie}')
    return cookie.split(';')[0]


def test_tokens():
    with installation() as q:
        quis.wait_for('the store', lambda: q.api('GET', '/incidents').status == 200)
        for headers, status in [
                ({}, 401),
                ({'Authorization': 'Token token=wrong'}, 401),
                ({'Authorization': 'Basic YTpi'}, 401),
                ({'Authorization': f'Token token={q.token}'}, 200),
                ({'Authorization': f'Token token="{q.token}"'}, 200),
                ({'Authorization': f'token {q.token}'}, 200),
                ({'Authorization': f'Bearer {q.token}'}, 200),
                ({'Authorization': f'Bearer {q.token}x'}, 401),
                ({'Cookie': 'quis_session=forged'}, 401)]:
            a = quis.http_request('GET', q.url + '/incidents', headers=headers)
            quis.equal(a.status, status, headers)
            if status == 401:
                quis.equal(a.json['error']['code'], 2006)
        for path in ('/healthz', '/metrics', '/status', '/ui/'):
            quis.check(quis.http_request('GET', q.url + path).status in (200, 503), path)


def test_roles():
    with installation() as q:
        q.trigger(quis.KEY, 'x')
        incident = quis.wait_for('the incident', lambda: q.incidents())[0]['id']
        can = [
            ('GET', '/incidents', None, {'admin', 'responder', 'observer'}),
            ('POST', f'/incidents/{incident}/notes', {'note': {'content': 'n'}}, {'admin', 'responder'}),
            ('GET', '/api/quis/v1/resources', None, {'admin', 'responder'}),
            ('POST', '/api/quis/v1/resources', {'resources': []}, {'admin'}),
            ('POST', '/api/quis/v1/test-page', {'user': 'ana', 'contact': 'mail'}, {'admin'}),
        ]
        for method, path, body, roles in can:
            for role in ROLES:
                a = q.api(method, path, body, token=f'token-of-{role}-0123456789')
                quis.equal(a.status in (200, 201, 202), role in roles, f'{role} {method} {path}: {a.status} {a.text}')
                if role not in roles:
                    quis.equal((a.status, a.json['error']['code']), (403, 2010))
        service = q.api('GET', '/services', token='token-of-observer-0123456789').json['services'][0]
        quis.check('integration_key' not in service['integrations'][0], 'an observer does not see the keys')


def test_first_sign_in_and_sessions():
    with installation() as q:
        token = setup_token(q)
        short = q.api('POST', '/api/quis/v1/setup', {'token': token, 'user': 'root', 'password': 'short'}, token=False)
        quis.equal(short.status, 400, 'a short password')
        quis.equal(q.api('POST', '/api/quis/v1/setup', {'token': 'x', 'user': 'root', 'password': PASSWORD}, token=False).status, 401)
        cookie = sign_up(q)
        me = q.api('GET', '/api/quis/v1/session', token=False, headers={'Cookie': cookie}).json
        quis.equal((me['user'], me['role']), ('root', 'admin'))
        again = q.api('POST', '/api/quis/v1/setup', {'token': token, 'user': 'eve', 'password': PASSWORD}, token=False)
        quis.equal(again.status, 401, 'the link works once')
        quis.equal(q.api('POST', '/api/quis/v1/session', {'user': 'root', 'password': 'wrong password'}, token=False).status, 401)
        quis.equal(q.api('POST', '/api/quis/v1/session', {'user': 'nobody', 'password': PASSWORD}, token=False).status, 401)
        a = q.api('POST', '/api/quis/v1/session', {'user': 'root', 'password': PASSWORD}, token=False)
        quis.equal((a.status, a.json['user']), (200, 'root'))
        second = cookie_of(a)
        quis.check(second != cookie, 'each sign-in has its own session')
        # sessions live over a restart
        q.restart()
        quis.equal(q.api('GET', '/users/me', token=False, headers={'Cookie': 'a=b; ' + second}).json['user']['login'], 'root')
        a = q.api('DELETE', '/api/quis/v1/session', token=False, headers={'Cookie': second, 'X-Quis': '1'})
        quis.equal(a.status, 204)
        quis.wait_for('the end of the session', lambda: q.api('GET', '/incidents', token=False, headers={'Cookie': second}).status == 401, 10)
        quis.equal(q.api('GET', '/incidents', token=False, headers={'Cookie': cookie}).status, 200, 'the other one stays')
        secrets = open(os.path.join(q.settings['data_dir'], 'control', 'control.db'), 'rb').read()
        quis.check(PASSWORD.encode() not in secrets and cookie.split('=')[1].encode() not in secrets, 'no secret is stored')


def test_forged_requests():
    with installation() as q:
        cookie = sign_up(q)
        q.trigger(quis.KEY, 'x')
        incident = quis.wait_for('the incident', lambda: q.incidents())[0]['id']
        body = {'incident': {'type': 'incident_reference', 'status': 'acknowledged'}}
        a = q.api('PUT', f'/incidents/{incident}', body, token=False, headers={'Cookie': cookie})
        quis.equal((a.status, a.json['error']['code']), (403, 2010))
        quis.check('X-Quis: 1' in a.text, a.text)
        a = q.api('PUT', f'/incidents/{incident}', body, token=False, headers={'Cookie': cookie, 'X-Quis': '1'})
        quis.equal(a.status, 200, a.text)
        quis.equal(a.json['incident']['acknowledgements'][0]['acknowledger']['summary'], 'root')


def test_guessing():
    with installation() as q:
        sign_up(q)
        statuses = [q.api('POST', '/api/quis/v1/session', {'user': 'root', 'password': f'guess {i}'}, token=False).status for i in range(24)]
        # each of the two web processes has its own count of ten
        quis.check(statuses[0] == 401 and statuses.count(401) <= 20 and 429 in statuses, statuses)


def test_programs_of_this_machine():
    """They may ask without a token where the configuration says so; a browser that was led here may not."""
    with installation(settings={'metrics_access': 'loopback'}) as q:
        def ask(**headers):
            return quis.http_request('GET', q.url + '/api/v1/query?query=1', headers={k.replace('_', '-'): v for k, v in headers.items()}).status
        quis.equal((ask(), ask(Host='localhost'), ask(Sec_Fetch_Site='same-origin')), (200, 200, 200))
        for headers in ({'Host': 'evil.example'}, {'Host': f'evil.example:{q.port}'}, {'Origin': 'http://evil.example'}, {'X-Forwarded-For': '192.0.2.1'},
                        {'Sec_Fetch_Site': 'cross-site'}, {'Authorization': 'Bearer wrong'}):
            quis.equal(ask(**headers), 401, headers)
        quis.equal(quis.http_request('GET', q.url + '/incidents').status, 401, 'the rest needs a token')
    with installation(settings={'metrics_access': 'token'}) as q:
        quis.equal(quis.http_request('GET', q.url + '/api/v1/query?query=1').status, 401)


def test_headers_of_pages():
    with installation() as q:
        for path in ('/ui/', '/status', '/incidents', '/link/x'):
            h = quis.http_request('GET', q.url + path).headers
            quis.equal((h['x-content-type-options'], h['x-frame-options'], h['referrer-policy']), ('nosniff', 'DENY', 'no-referrer'), path)
            quis.check('frame-ancestors' in h['content-security-policy'], path)
            quis.check('server' not in h, path)
        quis.equal(quis.http_request('GET', q.url + '/').headers['location'], '/ui/')
        deep = quis.http_request('GET', q.url + '/ui/incidents/Q1')
        quis.check(deep.status == 200 and deep.headers['content-type'].startswith('text/html'), 'the UI routes by itself')
        for outside in ('/ui/../../etc/passwd', '/ui/%2e%2e/%2e%2e/etc/passwd'):
            quis.check('root:' not in quis.http_request('GET', q.url + outside).text, outside)
        quis.equal(quis.http_request('GET', q.url + '/ui/nothing.js').status, 404)
        etag = quis.http_request('GET', q.url + '/ui/').headers['etag']
        quis.equal(quis.http_request('GET', q.url + '/ui/', headers={'If-None-Match': etag}).status, 304)


if __name__ == '__main__':
    quis.run_tests(quis.tests_of(globals()))
