# SPDX-License-Identifier: Apache-2.0
"""What the integration tests share: a real quisd on free loopback ports, a real mailbox, TAP.

    import sys; sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
    import quis
    with quis.Mailbox() as box, quis.Quisd(providers=[box.provider()], resources=[...]) as q:
        q.trigger(quis.KEY, 'disk full')
        mail = box.wait(lambda m: 'disk full' in m['subject'])

The program comes from QUIS_BUILD (the build folder) or QUISD (its path). Everything waits with a deadline
and looks often; nothing sleeps for a fixed time. Only processes that were started here are ended, by pid.
"""
import email
import email.policy
import http.client
import json
import logging
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import urllib.parse
import warnings

warnings.filterwarnings('ignore', module='aiosmtpd')
logging.getLogger('mail').setLevel(logging.CRITICAL)  # aiosmtpd's
KEY = '0123456789abcdef0123456789abcdef'


class Failure(AssertionError):
    pass


class Skip(Exception):
    """What the test needs is not here: told, and not counted as passed."""


def check(condition, *what):
    if not condition:
        raise Failure(' '.join(str(w) for w in what) or 'check failed')


def equal(got, want, what=''):
    if got != want:
        raise Failure(f'{what}: got {got!r}, want {want!r}')


def wait_for(what, probe, timeout=20.0, every=0.02):
    """Calls probe until it gives something true, which is returned. Fails with `what` and the last error."""
    end = time.monotonic() + timeout
    error = None
    while True:
        try:
            value = probe()
            error = None
            if value:
                return value
        except (OSError, http.client.HTTPException, Failure, ValueError, KeyError, IndexError) as e:
            error = e
        if time.monotonic() > end:
            raise Failure(f'{what}: not within {timeout:g} s' + (f' (last error: {error!r})' if error else ''))
        time.sleep(every)


def free_port(kind=socket.SOCK_STREAM):
    with socket.socket(socket.AF_INET, kind) as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def build_dir():
    build = os.environ.get('QUIS_BUILD')
    if not build:
        raise SystemExit('set QUIS_BUILD to the build folder')
    return build


def quisd_path():
    return os.environ.get('QUISD') or os.path.join(build_dir(), 'src', 'cmd', 'quisd')


# ---- HTTP ----

class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def text(self):
        return self.body.decode('utf-8', 'replace')

    @property
    def json(self):
        return json.loads(self.body)


def http_request(method, url, body=None, headers=None, timeout=15.0):
    u = urllib.parse.urlsplit(url)
    conn = http.client.HTTPConnection(u.hostname, u.port or 80, timeout=timeout)
    headers = dict(headers or {})
    if body is not None and not isinstance(body, (bytes, str)):
        body = json.dumps(body)
        headers.setdefault('Content-Type', 'application/json')
    if isinstance(body, str):
        body = body.encode()
    if body is None and method in ('POST', 'PUT'):
        body = b''
    try:
        conn.request(method, (u.path or '/') + ('?' + u.query if u.query else ''), body, headers)
        r = conn.getresponse()
        return Answer(r.status, dict((k.lower(), v) for k, v in r.getheaders()), r.read())
    finally:
        conn.close()


# ---- a mailbox: a real SMTP server ----

class Mail:
    """One mail as it arrived: `raw`, and parsed. m['subject'] is decoded; text and html are the parts."""

    def __init__(self, sender, recipients, raw):
        self.sender, self.recipients, self.raw, self.at = sender, recipients, raw, time.time()
        self.message = email.message_from_bytes(raw, policy=email.policy.default)

    def __getitem__(self, name):
        return str(self.message[name] or '')

    def _part(self, kind):
        part = self.message.get_body(preferencelist=(kind,))
        return part.get_content().replace('\r\n', '\n') if part else ''

    @property
    def text(self):
        return self._part('plain')

    @property
    def html(self):
        return self._part('html')

    def link(self, word):
        """The link that stands behind `word:` in the text, such as 'Acknowledge'."""
        m = re.search(r'^' + re.escape(word) + r':\s*(\S+)$', self.text, re.M)
        if not m:
            raise Failure(f'no {word} link in the mail:\n{self.text}')
        return m.group(1)


class Mailbox:
    """A real SMTP server (aiosmtpd) on a free loopback port. Options:
    login=(user, password): asks for it; tls=(cert, key) files: offers STARTTLS; require_starttls; smtps.
    answer: a function(mailbox, envelope) called for each message; returns a reply or None for 250."""

    def __init__(self, login=None, tls=None, require_starttls=False, smtps=False, answer=None, rcpt=None):
        from aiosmtpd.controller import Controller
        from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword
        self.mails = []
        self.seen = []      # every recipient asked for
        self.logins = []
        self.lock = threading.Lock()
        self.port = free_port()
        self.smtps = smtps
        box = self

        class Handler:
            async def handle_RCPT(self, server, session, envelope, address, options):
                box.seen.append(address)
                refusal = rcpt(address) if rcpt else None
                if refusal:
                    return refusal
                envelope.rcpt_tos.append(address)
                return '250 2.1.5 ok'

            async def handle_DATA(self, server, session, envelope):
                reply = answer(box, envelope) if answer else None
                if hasattr(reply, '__await__'):
                    reply = await reply
                if reply is None or reply.startswith('250'):
                    with box.lock:
                        box.mails.append(Mail(envelope.mail_from, list(envelope.rcpt_tos), envelope.original_content))
                return reply or '250 2.0.0 taken as %d' % len(box.mails)

        def authenticate(server, session, envelope, mechanism, data):
            ok = isinstance(data, LoginPassword) and (data.login.decode(), data.password.decode()) == login
            box.logins.append((mechanism, ok))
            return AuthResult(success=ok, handled=ok)

        context = None
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
        options = dict(require_starttls=require_starttls, tls_context=None if smtps else context, ident='mailbox')
        if login:
            options.update(authenticator=authenticate, auth_required=True, auth_require_tls=context is not None and not smtps)

        class Box(Controller):
            def factory(self):
                return SMTP(self.handler, **options)

        self.controller = Box(Handler(), hostname='127.0.0.1', port=self.port, ssl_context=context if smtps else None)

    def start(self):
        # the controller's own start connects once to see whether it serves; with smtps it cannot
        self.controller.start()
        return self

    def stop(self):
        self.controller.stop()

    __enter__ = start

    def __exit__(self, *a):
        self.stop()

    @property
    def url(self):
        return f'{"smtps" if self.smtps else "smtp"}://127.0.0.1:{self.port}'

    def provider(self, name='mail', **more):
        return dict(name=name, type='smtp', url=self.url, **{'from': 'Quis <quis@example.com>'}, **more)

    def find(self, want):
        with self.lock:
            return [m for m in self.mails if want(m)]

    def wait(self, want=lambda m: True, timeout=20.0, count=1):
        """The first mail that `want`s; the count-th when count is given."""
        def probe():
            found = self.find(want)
            return found[count - 1] if len(found) >= count else None
        try:
            return wait_for('a mail', probe, timeout)
        except Failure as e:
            raise Failure(f'{e}; there are: {[m["subject"] for m in self.mails]}') from None


def certificates(folder, name='localhost', address='127.0.0.1'):
    """A throw-away authority and a server certificate of it: (ca, cert, key) files."""
    def run(*args):
        subprocess.run(['openssl', *args], check=True, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    path = lambda n: os.path.join(folder, n)
    run('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2',
        '-keyout', 'ca.key', '-out', 'ca.pem', '-subj', '/CN=test authority')
    run('req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', 'server.key',
        '-out', 'server.csr', '-subj', f'/CN={name}')
    with open(path('ext'), 'w') as f:
        f.write(f'subjectAltName=DNS:{name},IP:{address}\n')
    run('x509', '-req', '-in', 'server.csr', '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2',
        '-extfile', 'ext', '-out', 'server.pem')
    return path('ca.pem'), path('server.pem'), path('server.key')


# ---- processes ----

class Process:
    """A program with its output in a file; ended by pid."""

    def __init__(self, argv, log, env=None, cwd=None):
        self.log_path = log
        self.log_file = open(log, 'ab')
        self.popen = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=self.log_file, stderr=self.log_file,
                                      env=env, cwd=cwd)

    @property
    def pid(self):
        return self.popen.pid

    @property
    def log(self):
        with open(self.log_path, errors='replace') as f:
            return f.read()

    def alive(self):
        return self.popen.poll() is None

    def stop(self, timeout=15.0, sig=signal.SIGTERM):
        """Returns the exit status (negative: signal)."""
        if self.alive():
            self.popen.send_signal(sig)
            try:
                self.popen.wait(timeout)
            except subprocess.TimeoutExpired:
                self.popen.kill()
                self.popen.wait()
                raise Failure(f'pid {self.pid} did not end within {timeout:g} s of signal {sig}') from None
            finally:
                self.log_file.close()
        return self.popen.returncode


PEOPLE = [
    {'kind': 'User', 'name': 'ana', 'full_name': 'Ana Souza', 'email': 'ana@example.com', 'time_zone': 'UTC',
     'contacts': [{'name': 'mail', 'type': 'email', 'address': 'ana@example.com'}],
     'notify': {'high': [{'after': '0m', 'contact': 'mail'}], 'low': [{'after': '0m', 'contact': 'mail'}]}},
    {'kind': 'EscalationPolicy', 'name': 'web', 'steps': [{'targets': [{'user': 'ana'}], 'delay': '5m'}], 'loops': 1},
    {'kind': 'Service', 'name': 'web', 'escalation_policy': 'web',
     'integrations': [{'name': 'events', 'key': KEY}]},
]


class Quisd:
    """A whole installation in a folder of its own. resources: documents (dicts) or YAML text; `settings` goes
    into quis.yaml over the defaults here. Started by start() or `with`; the data stay until close()."""

    def __init__(self, providers=None, resources=None, settings=None, keep=False):
        self.dir = tempfile.mkdtemp(prefix='quis-test-')
        self.port = free_port()
        self.statsd_port = free_port(socket.SOCK_DGRAM)
        self.keep = keep
        self.process = None
        self.token = 'test-admin-token-0123456789abcdef'
        self.write('admin.token', self.token + '\n')
        self.settings = {
            'data_dir': os.path.join(self.dir, 'data'),
            'base_url': self.url,
            'listen': {'http': f'127.0.0.1:{self.port}', 'statsd': f'127.0.0.1:{self.statsd_port}'},
            'statsd': {'flush': '1s'},
            'rules': {'interval': '1s'},
            'api_tokens': [{'name': 'admin', 'role': 'admin', 'file': os.path.join(self.dir, 'admin.token')}],
            'providers': providers if providers is not None else [{'name': 'console', 'type': 'console'}],
            'resources': [os.path.join(self.dir, 'conf.d')],
        }
        self.settings.update(settings or {})
        os.mkdir(os.path.join(self.dir, 'data'))
        os.mkdir(os.path.join(self.dir, 'conf.d'))
        self.set_resources(PEOPLE if resources is None else resources)
        self.write_settings()

    @property
    def url(self):
        return f'http://127.0.0.1:{self.port}'

    def path(self, name):
        return os.path.join(self.dir, name)

    def write(self, name, text, mode=0o600):
        with open(self.path(name), 'w') as f:
            f.write(text)
        os.chmod(self.path(name), mode)
        return self.path(name)

    def write_settings(self):
        # JSON is YAML
        self.write('quis.yaml', json.dumps(self.settings, indent=1))

    def set_resources(self, resources):
        text = resources if isinstance(resources, str) else '\n---\n'.join(json.dumps(r, indent=1) for r in resources)
        self.write('conf.d/all.yaml', text + '\n', 0o644)

    def start(self, wait=True, timeout=20.0):
        env = dict(os.environ)
        env.setdefault('ASAN_OPTIONS', 'detect_leaks=0')
        self.process = Process([quisd_path(), '--config', self.path('quis.yaml')], self.path('quisd.log'), env)
        if wait:
            try:
                wait_for('quisd to be healthy', self.healthy, timeout)
            except Failure as e:
                raise Failure(f'{e}\n{self.log}') from None
        return self

    def healthy(self):
        if not self.process.alive():
            # not one of the errors that wait_for tries again
            raise RuntimeError(f'quisd has ended with {self.process.popen.returncode}:\n{self.log}')
        return http_request('GET', self.url + '/healthz', timeout=2).status == 200

    def stop(self, timeout=15.0):
        process, self.process = self.process, None
        if process:
            return process.stop(timeout)

    def reload(self):
        os.kill(self.process.pid, signal.SIGHUP)

    def restart(self):
        self.stop()
        return self.start()

    def close(self):
        try:
            self.stop()
        finally:
            if not self.keep:
                shutil.rmtree(self.dir, ignore_errors=True)

    __enter__ = start

    def __exit__(self, kind, error, trace):
        if error is not None:
            print('# the log of quisd:')
            print('\n'.join('#   ' + line for line in self.log.splitlines()[-80:]))
        self.close()

    @property
    def log(self):
        try:
            with open(self.path('quisd.log'), errors='replace') as f:
                return f.read()
        except FileNotFoundError:
            return ''

    def pid_of(self, role):
        """The pid of a role, found among this quisd's own children; None when it is not there."""
        for pid in os.listdir('/proc'):
            if not pid.isdigit():
                continue
            try:
                with open(f'/proc/{pid}/stat') as f:
                    ppid = int(f.read().rsplit(')', 1)[1].split()[1])
                with open(f'/proc/{pid}/cmdline', 'rb') as f:
                    title = f.read().split(b'\0')[0].decode()
            except (OSError, IndexError, ValueError):
                continue
            if ppid == self.process.pid and title.strip() == f'quisd: {role}':
                return int(pid)
        return None

    def kill_role(self, role, sig=signal.SIGKILL):
        pid = self.pid_of(role)
        check(pid, f'no process of role {role}')
        os.kill(pid, sig)
        return pid

    # ---- what clients do ----

    def api(self, method, path, body=None, token=True, headers=None, timeout=15.0):
        headers = dict(headers or {})
        headers.setdefault('Accept', 'application/json')
        if token:
            headers['Authorization'] = 'Token token=' + (self.token if token is True else token)
        return http_request(method, self.url + path, body, headers, timeout)

    def event(self, key, action, dedup_key, summary='', severity='critical', source='test', details=None):
        body = {'routing_key': key, 'event_action': action, 'dedup_key': dedup_key}
        if action == 'trigger':
            body['payload'] = {'summary': summary, 'severity': severity, 'source': source}
            if details is not None:
                body['payload']['custom_details'] = details
        a = self.api('POST', '/v2/enqueue', body, token=False)
        equal(a.status, 202, f'answer to {action}: {a.text}')
        return a.json

    def trigger(self, key, summary, dedup_key=None, **more):
        return self.event(key, 'trigger', dedup_key or summary, summary, **more)['dedup_key']

    def resolve(self, key, dedup_key):
        return self.event(key, 'resolve', dedup_key)

    def incidents(self, query='statuses[]=triggered&statuses[]=acknowledged'):
        a = self.api('GET', '/incidents?' + query)
        equal(a.status, 200, 'GET /incidents: ' + a.text)
        return a.json['incidents']

    def incident(self, number_or_title, query='limit=100'):
        for i in self.incidents(query):
            if number_or_title in (i.get('incident_number'), i.get('title')):
                return i
        return None

    def statsd(self, text):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.sendto(text.encode(), ('127.0.0.1', self.statsd_port))


# ---- an HTTP sink ----

class Request:
    def __init__(self, method, path, headers, body):
        self.method, self.path, self.headers, self.body, self.at = method, path, headers, body, time.time()

    @property
    def json(self):
        return json.loads(self.body)


class Sink:
    """An HTTP server on a free loopback port that keeps what it is sent. answer(request) gives (status, body) or
    (status, body, headers); None: the connection is cut without an answer. tls=(cert, key): serves HTTPS."""

    def __init__(self, answer=lambda r: (200, b'ok'), tls=None):
        import http.server
        sink = self
        self.requests = []
        self.connections = 0

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = 'HTTP/1.1'

            def setup(self):
                sink.connections += 1
                super().setup()

            def any(self):
                length = int(self.headers.get('Content-Length') or 0)
                r = Request(self.command, self.path, dict((k.lower(), v) for k, v in self.headers.items()),
                            self.rfile.read(length))
                sink.requests.append(r)
                reply = answer(r)
                if reply is None:
                    self.close_connection = True
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                status, body, headers = (*reply, {})[:3]
                self.send_response(status)
                for k, v in headers.items():
                    self.send_header(k, v)
                self.send_header('Content-Length', str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_PUT = any

            def log_message(self, *a):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request, address):
                pass

        self.server = Server(('127.0.0.1', 0), Handler)
        self.scheme = 'http'
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
            self.scheme = 'https'
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, kwargs={'poll_interval': 0.05}, daemon=True).start()

    @property
    def url(self):
        return f'{self.scheme}://127.0.0.1:{self.port}'

    def wait(self, want=lambda r: True, timeout=20.0, count=1):
        def probe():
            found = [r for r in list(self.requests) if want(r)]
            return found[count - 1] if len(found) >= count else None
        return wait_for('a request', probe, timeout)

    def __enter__(self):
        return self

    def __exit__(self, *a):
        self.server.shutdown()
        self.server.server_close()


# ---- TAP ----

def tests_of(names):
    """The functions test_* of a module, in the order of its lines."""
    found = [f for n, f in names.items() if n.startswith('test_') and callable(f)]
    return sorted(found, key=lambda f: f.__code__.co_firstlineno)


def run_tests(tests, description=''):
    """Runs functions in order, prints TAP, exits 1 if any failed."""
    names = sys.argv[1:]
    chosen = [t for t in tests if not names or t.__name__ in names]
    print(f'1..{len(chosen)}')
    if description:
        print(f'# {description}')
    failed = 0
    for i, test in enumerate(chosen, 1):
        started = time.monotonic()
        try:
            test()
        except Skip as why:
            print(f'ok {i} - {test.__name__} # SKIP {why}')
        except Exception:  # noqa: BLE001 - the report is the point
            failed += 1
            print(f'not ok {i} - {test.__name__}')
            print('\n'.join('# ' + line for line in traceback.format_exc().splitlines()))
        else:
            print(f'ok {i} - {test.__name__} # {time.monotonic() - started:.1f} s')
        sys.stdout.flush()
    raise SystemExit(1 if failed else 0)
