# SPDX-License-Identifier: Apache-2.0
"""The engine's chair (see desk.c): starts the notifier role, sends it pages, waits for its receipts."""
import itertools
import json
import os
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import quis  # noqa: E402

LINK_KEY = '000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f'
AT = 1767600000
TYPES = {'email': 0, 'webhook': 1, 'ntfy': 2, 'console': 3}
_ids = itertools.count(1)


def new_id():
    return 'Q%013d' % next(_ids)


class Desk:
    def __init__(self, providers, roles=('engine',)):
        self.err = tempfile.TemporaryFile()
        self.popen = subprocess.Popen([os.environ['NOTIFIER_DESK']], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=self.err, text=True, bufsize=1)
        self.got = []
        self.news = threading.Condition()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        self.config(providers)
        for role in roles:
            self.tell(do='connect', role=role)

    def _read(self):
        for line in self.popen.stdout:
            with self.news:
                self.got.append(json.loads(line))
                self.news.notify_all()

    def tell(self, **command):
        self.popen.stdin.write(json.dumps(command) + '\n')
        self.popen.stdin.flush()

    def wait(self, want, timeout=20.0, what='an answer'):
        end = time.monotonic() + timeout
        with self.news:
            while True:
                for g in self.got:
                    if want(g):
                        return g
                left = end - time.monotonic()
                if left <= 0 or (self.popen.poll() is not None and not self.reader.is_alive()):
                    raise quis.Failure(f'{what}: not within {timeout} s; got {self.got}; log:\n{self.log}')
                self.news.wait(min(left, 0.2))

    def count(self, word):
        with self.news:
            return sum(1 for g in self.got if g['got'] == word)

    def config(self, providers):
        before = self.count('configured') + self.count('refused')
        self.tell(do='config', config={'providers': providers, 'link_key': LINK_KEY})
        quis.wait_for('the configuration', lambda: self.count('configured') + self.count('refused') > before)
        with self.news:
            return [g['got'] for g in self.got if g['got'] in ('configured', 'refused')][-1]

    def page(self, kind='email', provider='mail', message=None, **more):
        p = dict(message=message or new_id(), contact_type=TYPES[kind], provider=provider, address='ana@example.com',
                 user='ana', user_full_name='Ana Souza', incident='Q0000000000ABC', incident_number=42,
                 title='disk full on db1', service='web', status='triggered', created_at_s=AT - 60, at_s=AT,
                 source='db1', base_url='http://quis.example.com')
        p.update(more)
        return p

    def send(self, page, role='engine'):
        self.tell(do='send', role=role, page=page)
        return page

    def receipt(self, page, timeout=20.0, role='engine'):
        return self.wait(lambda g: g['got'] == 'receipt' and g['message'] == page['message'] and
                         g['attempt'] == page.get('attempt', 1) and g['role'] == role,
                         timeout, f'a receipt of {page["message"]}')

    def deliver(self, page, timeout=20.0, role='engine'):
        self.send(page, role)
        r = self.receipt(page, timeout, role)
        if role == 'engine':
            self.confirm(r)
        return r

    def confirm(self, r):
        self.tell(do='confirm', message=r['message'], attempt=r['attempt'], state=r['number'])

    @property
    def log(self):
        self.err.flush()
        size = os.fstat(self.err.fileno()).st_size
        return os.pread(self.err.fileno(), size, 0).decode(errors='replace')

    def close(self):
        if self.popen.returncode is not None:
            return
        try:
            self.tell(do='stop')
            self.popen.stdin.close()
        except OSError:
            pass
        try:
            code = self.popen.wait(10)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            raise quis.Failure('the notifier did not stop') from None
        quis.equal(code, 0, f'exit of the notifier; its log:\n{self.log}')

    def __enter__(self):
        return self

    def __exit__(self, *a):
        self.close()
