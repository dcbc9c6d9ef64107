#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The command line against a server with fixed answers: what it asks, what it prints on a terminal and into a pipe,
its exit codes, its completion, and that its reference page is fresh."""
import http.server
import json
import os
import pty
import subprocess
import sys
import tempfile
import threading
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import quis  # noqa: E402

CLI = os.environ['QUIS_CLI']
SOURCE = os.environ['QUIS_SOURCE']
TOKEN = 'an-admin-token-of-some-length'

INCIDENT = {
    'id': 'Q0123456789ABC', 'incident_number': 12, 'title': 'disk \x1b[31mfull', 'status': 'triggered', 'urgency': 'high',
    'created_at': '2026-01-05T09:00:00Z', 'service': {'summary': 'web'}, 'escalation_policy': {'summary': 'p'},
    'assignments': [{'assignee': {'summary': 'Ana'}}, {'assignee': {'summary': 'Bo'}}], 'acknowledgements': [],
    'pending_actions': [], 'quis': {'nobody_on_call': True}}


class Server:
    """Answers by path; keeps the requests."""

    def __init__(self):
        self.answers, self.requests = {}, []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def serve(self):
                body = self.rfile.read(int(self.headers.get('Content-Length') or 0))
                path, _, query = self.path.partition('?')
                outer.requests.append((self.command, path, urllib.parse.parse_qs(query), body, dict(self.headers)))
                status, answer = outer.answers.get((self.command, path), (404, {'error': {'message': 'Not Found', 'code': 2100}}))
                data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                self.send_response(status)
                self.send_header('Content-Length', str(len(data)))
                self.end_headers()
                self.wfile.write(data)
            do_GET = do_PUT = do_POST = serve

            def log_message(self, *args):
                pass
        self.http = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        self.url = f'http://127.0.0.1:{self.http.server_port}'
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def close(self):
        self.http.shutdown()
        self.http.server_close()


class World:
    def __enter__(self):
        self.server = Server()
        self.dir = tempfile.TemporaryDirectory(prefix='quis-cli-')
        self.token = self.write('token', TOKEN + '\n', 0o600)
        self.key = self.write('key', quis.KEY + '\n', 0o600)
        return self

    def __exit__(self, *args):
        self.server.close()
        self.dir.cleanup()

    def path(self, name):
        return os.path.join(self.dir.name, name)

    def write(self, name, text, mode=0o644):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), 'w') as f:
            f.write(text)
        os.chmod(self.path(name), mode)
        return self.path(name)

    def env(self, **more):
        return {'PATH': os.environ['PATH'], 'HOME': self.dir.name, 'TZ': 'UTC', 'QUIS_URL': self.server.url,
                'QUIS_TOKEN_FILE': self.token, 'LANG': 'C.UTF-8', **more}

    def run(self, *args, code=0, stdin='', env=None):
        p = subprocess.run([CLI, *args], input=stdin, capture_output=True, text=True, env=env or self.env(), cwd=self.dir.name,
                           timeout=30)
        quis.equal(p.returncode, code, f'exit code of quis {args}\n{p.stdout}{p.stderr}')
        return p

    def on_a_terminal(self, *args, env=None):
        """The output as a terminal gets it."""
        main, child = pty.openpty()
        p = subprocess.Popen([CLI, *args], stdin=subprocess.DEVNULL, stdout=child, stderr=child, env=env or self.env(TERM='xterm'))
        os.close(child)
        out = b''
        while True:
            try:
                chunk = os.read(main, 65536)
            except OSError:
                break
            if not chunk:
                break
            out += chunk
        os.close(main)
        p.wait()
        return out.decode().replace('\r\n', '\n'), p.returncode


def send_is_an_event():
    with World() as w:
        w.server.answers['POST', '/v2/enqueue'] = 202, {'status': 'success', 'message': 'Event processed', 'dedup_key': 'k1'}
        p = w.run('send', '--key-file', w.key, '-d', 'k1', '-s', 'critical', '--source', 'db1', '-f', 'a=b', '--link',
                  'https://x/', 'disk full', '--details', '-', stdin='{"free": 0, "on": ["/"]}')
        quis.equal(json.loads(p.stdout)['dedup_key'], 'k1')
        _, _, _, body, headers = w.server.requests[-1]
        quis.equal(json.loads(body), {
            'routing_key': quis.KEY, 'event_action': 'trigger', 'dedup_key': 'k1', 'client': 'quis send',
            'payload': {'summary': 'disk full', 'source': 'db1', 'severity': 'critical',
                        'custom_details': {'free': 0, 'on': ['/'], 'a': 'b'}},
            'links': [{'href': 'https://x/'}]})
        quis.check(headers['User-Agent'].startswith('quis/'), headers)
        p = w.run('send', '--table', '--key', quis.KEY, '--action', 'resolve', '-d', 'k1')
        quis.equal(p.stdout, 'Accepted, dedup key k1\n')
        quis.equal(json.loads(w.server.requests[-1][3]), {'routing_key': quis.KEY, 'event_action': 'resolve', 'dedup_key': 'k1'})
        w.run('send', '--key', quis.KEY, '--summary', 'text', '--details', '-', stdin='not json\n')
        quis.equal(json.loads(w.server.requests[-1][3])['payload']['custom_details'], {'text': 'not json\n'})
        w.server.answers['POST', '/v2/enqueue'] = 400, {'status': 'invalid event', 'message': 'Event object is invalid',
                                                       'errors': ['Invalid routing key']}
        p = w.run('send', '--key', 'x', 'text', code=1)
        quis.equal(p.stderr, 'quis: the server said 400: Event object is invalid: Invalid routing key\n')


def mistakes_end_with_2():
    with World() as w:
        asked = len(w.server.requests)
        for args, words in [
                (['send', 'x'], 'quis: an integration key is needed: --key-file FILE; `quis export --kind Service` shows the keys\n'),
                (['send', '--key', 'k'], 'quis: say what happened: quis send ... "disk full on db1"\n'),
                (['send', '--key', 'k', '-a', 'close', 'x'], 'quis: --action is trigger, acknowledge or resolve, not "close"\n'),
                (['send', '--key', 'k', '-a', 'resolve'], 'quis: --action resolve needs the --dedup-key of the alert\n'),
                (['send', '--key', 'k', '-s', 'bad', 'x'], 'quis: --severity is critical, error, warning or info, not "bad"\n'),
                (['proof', '--state', 'bad'], 'quis: --state is proven, stale, broken or never, not "bad"\n'),
                (['send', '--key', 'k', '-f', 'nothing', 'x'], 'quis: --detail is NAME=VALUE, not "nothing"\n'),
                (['send', '--key-file', '/nowhere', 'x'], 'quis: /nowhere: No such file or directory\n'),
                (['incidents', 'list', '--since', 'soon'],
                 'quis: --since is a time such as 2026-01-05T09:00:00Z, or how long ago such as 2h, not "soon"\n'),
                (['query', '--range', 'x', 'up'], 'quis: --range is a duration such as 5m, not "x"\n'),
                (['query', '--range', '1d', '--step', '1s', 'up'], 'quis: --step is too short for that range: at most 11000 points\n'),
                (['incident'], 'quis: unknown command "incident"; see quis --help\n'),
                (['incidents', 'drop'], 'quis: unknown command "incidents drop"; see quis --help\n'),
                (['oncall', '--sched', 'x'], 'quis: unknown option "--sched"; see quis oncall --help\n'),
                (['oncall', '--url', 'ftp://x'], 'quis: "ftp://x" is not an address: it begins with http:// or https://\n'),
                (['oncall', '--url', 'http://a:b@x'], 'quis: no name or password may stand in the address: others could see it\n'),
                (['oncall', '--token-file', '/nowhere'], 'quis: token file /nowhere: No such file or directory\n'),
                (['oncall', '--timeout', 'x'], 'quis: --timeout: "x" is not a duration such as 10s\n'),
                (['oncall', '--color', 'blue'], 'quis: --color is auto, always or never, not "blue"\n'),
                (['completion', 'zsh'], 'quis: there is a completion for bash only, not for "zsh"\n'),
                (['apply', 'nowhere'], 'quis: nowhere: No such file or directory\n')]:
            p = w.run(*args, code=2)
            quis.equal(p.stderr, words)
            quis.equal(p.stdout, '')
        quis.equal(len(w.server.requests), asked, 'requests')


def no_answer_ends_with_3():
    with World() as w:
        url = f'http://127.0.0.1:{quis.free_port()}'
        p = w.run('--url', url, 'oncall', code=3)
        quis.check(p.stderr.startswith(f'quis: cannot reach {url}: '), p.stderr)
        quis.check('is quisd running?' in p.stderr, p.stderr)


def the_token_travels_in_a_header():
    with World() as w:
        w.server.answers['GET', '/oncalls'] = 200, {'oncalls': []}
        w.run('oncall')
        quis.equal(w.server.requests[-1][4]['Authorization'], 'Token token=' + TOKEN)
        env = w.env()
        del env['QUIS_TOKEN_FILE']
        w.run('oncall', env=env)
        quis.check('Authorization' not in w.server.requests[-1][4], 'no token')
        w.write('.config/quis/token', 'another-token-of-some-length', 0o600)
        w.run('oncall', env=env)
        quis.equal(w.server.requests[-1][4]['Authorization'], 'Token token=another-token-of-some-length')
        os.chmod(w.token, 0o644)
        quis.equal(w.run('oncall').stderr, f'quis: warning: others can read the token: chmod 600 {w.token}\n')
        w.write('token', 'two tokens\n', 0o600)
        quis.equal(w.run('oncall', code=2).stderr, f'quis: token file {w.token}: it holds more than one token\n')


def refusals_are_sentences():
    with World() as w:
        path = ('GET', '/oncalls')
        for status, body, words in [
                (401, {'error': {'message': 'Unauthorized', 'code': 2006}}, 'the server said 401: Unauthorized'),
                (403, {'error': {'message': 'Access Denied', 'code': 2010, 'errors': ['a token with the role admin is needed']}},
                 'the server said 403: Access Denied: a token with the role admin is needed'),
                (502, b'<html>bad gateway</html>', 'the server said 502: <html>bad gateway</html>'),
                (500, b'', 'the server said 500'),
                (302, b'', f'{w.server.url} answers with a redirection: give the address itself with --url'),
                (200, b'hello', f'{w.server.url} does not answer as a Quis does (no JSON): is the address right?')]:
            w.server.answers[path] = status, body
            quis.equal(w.run('oncall', code=1).stderr, f'quis: {words}\n')
        w.server.answers[path] = 401, {'error': {'message': 'Unauthorized'}}
        env = w.env()
        del env['QUIS_TOKEN_FILE']
        quis.equal(w.run('oncall', code=1, env=env).stderr, 'quis: this needs an API token: put one into ~/.config/quis/token, '
                                                            'or name its file with --token-file or QUIS_TOKEN_FILE\n')


def incidents_are_listed():
    with World() as w:
        w.server.answers['GET', '/incidents'] = 200, {'incidents': [INCIDENT], 'more': True}
        raw = w.run('incidents').stdout
        quis.equal(json.loads(raw)['incidents'][0]['incident_number'], 12)
        quis.equal(w.server.requests[-1][2], {'statuses[]': ['triggered', 'acknowledged']})
        p = w.run('incidents', 'list', '--table', '--status', 'all', '--service', 'a b', '--urgency', 'high', '-q', 'x&y', '-n', '5')
        quis.equal(w.server.requests[-1][2], {'service_ids[]': ['a b'], 'urgencies[]': ['high'], 'q': ['x&y'], 'limit': ['5']})
        lines = p.stdout.split('\n')
        quis.equal(lines[0].split(), ['NR', 'STATUS', 'URGENCY', 'SINCE', 'SERVICE', 'WITH', 'TITLE'])
        quis.check(lines[1].endswith('web      Ana, Bo  disk ?[31mfull'), lines[1])
        quis.equal(lines[2], 'There are more: --limit 100, or --offset 1')
        screen, code = w.on_a_terminal('incidents')
        quis.equal(code, 0)
        quis.check('\x1b[31mtriggered\x1b[0m' in screen and '?[31mfull' in screen, screen)
        screen, _ = w.on_a_terminal('incidents', env=w.env(TERM='xterm', NO_COLOR='1'))
        quis.check('\x1b' not in screen, screen)
        w.server.answers['GET', '/incidents'] = 200, {'incidents': [], 'more': False}
        quis.equal(w.run('incidents', '--table').stdout, 'No incidents.\n')


def an_incident_is_shown_and_handled():
    with World() as w:
        a = w.server.answers
        a['GET', '/incidents/12'] = 200, {'incident': INCIDENT}
        a['GET', '/api/quis/v1/incidents/Q0123456789ABC/messages'] = 200, {'messages': [
            {'user': 'ana', 'contact': 'mail', 'provider': 'm', 'state': 'failed', 'attempt': 2, 'maybe_duplicate': True,
             'changed_at': '2026-01-05T09:00:05Z', 'error': 'refused'}], 'timers': []}
        a['GET', '/incidents/Q0123456789ABC/log_entries'] = 200, {'log_entries': [
            {'created_at': '2026-01-05T09:00:00Z', 'agent': {'summary': 'web'}, 'summary': 'Triggered'}]}
        p = w.run('incidents', 'show', '12', '--table')
        for words in ['#12  disk ?[31mfull', 'nobody was on call: the fallback contacts were paged', '2 (maybe twice)', 'refused',
                      '2026-01-05 09:00:00  web  Triggered']:
            quis.check(words in p.stdout, p.stdout)
        quis.equal(sorted(json.loads(w.run('incidents', 'show', '12').stdout)), ['incident', 'log_entries', 'messages'])
        a['PUT', '/incidents/12'] = 200, {'incident': dict(INCIDENT, status='acknowledged')}
        quis.equal(w.run('incidents', 'ack', '12', '--table').stdout, 'Acknowledged #12 disk ?[31mfull\n')
        quis.equal(json.loads(w.server.requests[-1][3]), {'incident': {'type': 'incident', 'status': 'acknowledged'}})
        p = w.run('incidents', 'resolve', '12', '13', code=1)
        quis.equal([i['incident_number'] for i in json.loads(p.stdout)], [12])
        quis.equal(p.stderr, 'quis: the server said 404: Not Found\n')
        a['POST', '/incidents/12/notes'] = 200, {'note': {'content': 'x'}}
        quis.equal(w.run('incidents', 'note', '12', '-', '--table', stdin='restarted\n').stdout, 'Noted.\n')
        quis.equal(json.loads(w.server.requests[-1][3]), {'note': {'content': 'restarted'}})


def who_is_on_call():
    with World() as w:
        w.server.answers['GET', '/oncalls'] = 200, {'oncalls': [
            {'escalation_policy': {'summary': 'p'}, 'escalation_level': 1, 'schedule': {'summary': 's'},
             'user': {'summary': 'Ana'}, 'start': '2026-01-05T09:00:00Z', 'end': '2026-01-12T09:00:00Z'},
            {'escalation_policy': {'summary': 'p'}, 'escalation_level': 2, 'schedule': None, 'user': None, 'start': None, 'end': None}]}
        lines = w.run('oncall', '--table').stdout.split('\n')
        quis.check(lines[1].startswith('p       1      s         Ana      2026-01-12 09:00:00'), lines[1])
        quis.check(lines[2].startswith('p       2      -         nobody   always'), lines[2])
        quis.equal(len(w.run('oncall', '--table', '--user', 'ana').stdout.strip().split('\n')), 2)
        quis.equal(w.run('oncall', '--table', '--schedule', 'x').stdout, 'Nobody is on call there, or no escalation policy uses it.\n')


def metrics_are_asked():
    with World() as w:
        w.server.answers['GET', '/api/v1/query'] = 200, {'status': 'success', 'warnings': ['careful'], 'data': {
            'resultType': 'vector', 'result': [
                {'metric': {'__name__': 'load1', 'host': 'a"b'}, 'value': [1, '0.25']},
                {'metric': {}, 'value': [1, 'NaN']}]}}
        p = w.run('query', '--table', 'avg by (host) (load1)', '--time', '2026-01-05T09:00:00Z')
        quis.equal(p.stdout, 'SERIES              VALUE\nload1{host="a\\"b"}  0.25\n{}                  NaN\n')
        quis.equal(p.stderr, 'quis: careful\n')
        quis.equal(w.server.requests[-1][2], {'query': ['avg by (host) (load1)'], 'time': ['1767603600.000']})
        points = [[1767600000 + 60 * i, str(i % 8)] for i in range(61) if i != 5]
        w.server.answers['GET', '/api/v1/query_range'] = 200, {'status': 'success', 'data': {
            'resultType': 'matrix', 'result': [{'metric': {'a': 'b'}, 'values': points}]}}
        p = w.run('query', '--table', '--graph', 'x', '--time', '2026-01-05T09:00:00Z')
        quis.equal(w.server.requests[-1][2], {'query': ['x'], 'start': ['1767600000.000'], 'end': ['1767603600.000'], 'step': ['60.000']})
        quis.check('{a="b"}  ▁▂▃▄▅ ▇█▁▂' in p.stdout, p.stdout)
        p = w.run('query', '--table', '--graph', 'x', '--time', '2026-01-05T09:00:00Z', env=w.env(LANG='C'))
        quis.check('{a="b"}  _.:-= *#_.' in p.stdout, p.stdout)
        quis.check('3.35' in w.run('query', '--table', '-r', '1h', 'x', '--time', '2026-01-05T09:00:00Z').stdout, 'the mean')
        w.server.answers['GET', '/api/v1/query'] = 400, {'status': 'error', 'errorType': 'bad_data', 'error': 'parse error: no'}
        quis.equal(w.run('query', 'x(', code=1).stderr, 'quis: the server said 400: parse error: no\n')


TEAM = 'kind: Team\nname: t\nusers:\n  - ana\n  - anna\n'


def resources_are_applied():
    with World() as w:
        url = ('POST', '/api/quis/v1/resources')
        w.write('team/a.yaml', TEAM)
        w.write('team/b.yml', 'kind: User\nname: ana\n')
        w.write('team/notes.txt', 'nothing')
        w.server.answers[url] = 200, {'changes': [
            {'action': 'create', 'kind': 'Team', 'name': 't', 'diff': '+kind: Team\n'},
            {'action': 'update', 'kind': 'User', 'name': 'ana', 'diff': '-role: admin\n+role: observer\n'},
            {'action': 'same', 'kind': 'User', 'name': 'bo', 'diff': ''}], 'errors': []}
        p = w.run('check', '--table', 'team/', '--color', 'always')
        quis.equal(json.loads(w.server.requests[-1][3]), {'dry_run': True, 'whole': False, 'resources': [
            {'kind': 'Team', 'name': 't', 'users': ['ana', 'anna']}, {'kind': 'User', 'name': 'ana'}]})
        quis.equal(p.stdout, '\x1b[32mcreate\x1b[0m Team t\n    \x1b[32m+kind: Team\x1b[0m\n'
                             '\x1b[33mupdate\x1b[0m User ana\n    \x1b[31m-role: admin\x1b[0m\n    \x1b[32m+role: observer\x1b[0m\n'
                             '1 to create, 1 to update, 0 to remove, 1 unchanged\n')
        p = w.run('apply', '--table', '--whole', '-v', '-', stdin=TEAM)
        quis.check(json.loads(w.server.requests[-1][3])['whole'] is True, 'whole')
        quis.check('same User bo\n' in p.stdout and p.stdout.endswith('1 created, 1 updated, 0 removed, 1 unchanged\n'), p.stdout)
        # what the server finds is named at its place
        w.server.answers[url] = 422, {'changes': [], 'errors': [
            {'path': 'Team t: users[1]', 'message': 'unknown user "anna"', 'hint': 'did you mean "ana"?'},
            {'path': 'User zoe', 'message': 'is still needed', 'hint': ''}]}
        p = w.run('apply', '--table', 'team', code=1)
        quis.equal(p.stderr, 'team/a.yaml:5:5: Team t: users[1]: unknown user "anna"; did you mean "ana"?\nUser zoe: is still needed\n')
        quis.equal(p.stdout, '')
        # what can be found here is found here, all of it
        asked = len(w.server.requests)
        w.write('team/c.yaml', 'kind: Usr\n---\nkind: User\nname: x\nrole: boss\n')
        p = w.run('apply', 'team', code=2)
        quis.equal(p.stderr, 'team/c.yaml:1:7: unknown kind "Usr"; did you mean "User"?\n'
                             'team/c.yaml:5:7: User x: role: unknown role "boss"; it must be admin, responder or observer\n')
        w.write('team/c.yaml', 'kind: Alert\nname: a\nquery: rate(\n')
        p = w.run('apply', 'team', code=2)
        quis.equal(p.stderr, 'team/c.yaml:3:8: Alert a: query: this is not PromQL: 1:6: parse error: unclosed left parenthesis\n')
        quis.equal(len(w.server.requests), asked, 'requests')
        os.mkdir(w.path('empty'))
        quis.equal(w.run('check', 'empty', code=2).stderr, 'quis: empty: there is no .yaml or .yml file in it\n')


def resources_are_exported():
    with World() as w:
        w.server.answers['GET', '/api/quis/v1/resources'] = 200, {'resources': [
            {'kind': 'Team', 'name': 't', 'manager': 'apply', 'body': {'kind': 'Team', 'name': 't', 'users': ['ana']}},
            {'kind': 'Alert', 'name': 'a', 'manager': 'file', 'body': {'kind': 'Alert', 'name': 'a', 'query': 'x > 1\nor y\n'}}]}
        out = w.run('export').stdout
        quis.equal(out, 'kind: Team\nname: t\nusers:\n  - ana\n---\n# managed by file\nkind: Alert\nname: a\nquery: |\n  x > 1\n  or y\n')
        quis.equal(w.run('export', '--manager', 'apply').stdout, 'kind: Team\nname: t\nusers:\n  - ana\n')
        quis.equal(len(json.loads(w.run('export', '--json').stdout)['resources']), 2)
        w.run('export', '--kind', 'Team')
        quis.equal(w.server.requests[-1][2], {'kind': ['Team']})


def quis_itself_is_looked_at():
    with World() as w:
        checks = [{'name': 'engine', 'ok': True, 'age_s': 0.25, 'text': 'deciding'}, {'name': 'outbox', 'ok': False, 'age_s': 90, 'text': 'old'}]
        w.server.answers['GET', '/status'] = 200, {'status': 'QUIS-OK', 'ok': True, 'version': '0.1.0', 'checks': checks[:1]}
        p = w.run('status', '--table')
        quis.equal(p.stdout, 'QUIS-OK  0.1.0\n\n    CHECK   AGE    SAYS\nok  engine  250ms  deciding\n')
        w.server.answers['GET', '/status'] = 503, {'status': 'bad', 'ok': False, 'version': '0.1.0', 'checks': checks}
        p = w.run('status', '--table', code=1)
        quis.check('BAD  outbox  1m30s  old' in p.stdout, p.stdout)
        quis.equal(json.loads(w.run('status', code=1).stdout)['ok'], False)
        w.server.answers['GET', '/api/quis/v1/proofs'] = 200, {'proofs': [
            {'kind': 'provider', 'subject': 'mail', 'state': 'proven', 'proven_at': '2026-01-05T09:00:00Z', 'by': 'receipt', 'evidence': 'Q1'},
            {'kind': 'person', 'subject': 'ana/mail', 'state': 'never', 'proven_at': None, 'by': '', 'evidence': ''}]}
        lines = w.run('proof', '--table').stdout.split('\n')
        quis.check(lines[2].startswith('person    ana/mail  never'), lines[2])
        quis.equal(len(w.run('proof', '--table', '--state', 'proven').stdout.strip().split('\n')), 2)
        w.server.answers['POST', '/api/quis/v1/test-page'] = 202, {'status': 'accepted'}
        quis.equal(w.run('test-page', 'ana', 'mail', '--table').stdout,
                   'A test page is on its way to ana; `quis proof` tells when it arrived.\n')
        quis.equal(json.loads(w.server.requests[-1][3]), {'user': 'ana', 'contact': 'mail'})


def complete(script, words, word):
    """What bash would offer after these words."""
    quoted = ' '.join(f'"{x}"' for x in ['quis', *words, word])
    p = subprocess.run(['bash', '--norc', '-c', f'source "{script}"; COMP_WORDS=({quoted}); COMP_CWORD={len(words) + 1}; _quis; '
                                                'printf "%s\\n" "${COMPREPLY[@]}"'], capture_output=True, text=True)
    quis.equal(p.stderr, '')
    return p.stdout.split()


def completion_completes():
    with World() as w:
        script = w.write('completion', w.run('completion', 'bash').stdout)
        quis.equal(complete(script, [], 'inc'), ['incidents'])
        quis.equal(complete(script, ['incidents'], ''), ['list', 'show', 'ack', 'resolve', 'note'])
        quis.equal(complete(script, ['incidents', 'list'], '--st'), ['--status'])
        quis.equal(complete(script, ['incidents', 'list', '--status'], 'tr'), ['triggered'])
        quis.equal(complete(script, ['--color'], ''), ['auto', 'always', 'never'])
        quis.equal(complete(script, ['send', '-s'], ''), ['critical', 'error', 'warning', 'info'])
        quis.equal(complete(script, ['send'], '--de'), ['--dedup-key', '--detail', '--details'])
        quis.equal(complete(script, ['export', '--kind'], 'Sch'), ['Schedule'])
        quis.equal(complete(script, ['completion'], ''), ['bash'])
        quis.check(w.path('token') in complete(script, ['apply'], w.path('tok')), 'files after apply')
        quis.check('send' in complete(script, ['help'], ''), 'commands after help')


def help_has_examples():
    with World() as w:
        overview = w.run('--help').stdout
        quis.equal(w.run('help').stdout, overview)
        quis.equal(w.run().stdout, overview)
        for command in ['send', 'incidents list', 'incidents show', 'incidents ack', 'incidents resolve', 'incidents note', 'oncall',
                        'query', 'check', 'apply', 'export', 'status', 'proof', 'test-page', 'completion']:
            quis.check(f'  {command} ' in overview, command)
            text = w.run(*command.split(), '--help').stdout
            quis.check(text.startswith(f'Usage: quis {command}') and '\nExamples:\n  ' in text, text)
        quis.check(w.run('help', 'incidents').stdout.count('Usage:') == 5, 'a family')
        quis.check(w.run('--version').stdout.startswith('quis '), 'version')


def the_reference_is_fresh():
    with World() as w, open(os.path.join(SOURCE, 'docs/reference/cli.md')) as f:
        quis.check(f.read() == w.run('reference').stdout, 'stale: quis reference > docs/reference/cli.md')


quis.run_tests([send_is_an_event, mistakes_end_with_2, no_answer_ends_with_3, the_token_travels_in_a_header, refusals_are_sentences,
                incidents_are_listed, an_incident_is_shown_and_handled, who_is_on_call, metrics_are_asked, resources_are_applied,
                resources_are_exported, quis_itself_is_looked_at, completion_completes, help_has_examples, the_reference_is_fresh])
