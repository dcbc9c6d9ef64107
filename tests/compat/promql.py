#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Replays Prometheus' public PromQL test scripts over HTTP against a real quisd and prints the figures of each file.

    tests/compat/promql.py [FILE.test ...]       QUIS_PROMQLTEST names the folder (default ../shared/promqltest)

As a test (no arguments): literals, collision and selectors must pass whole; skipped with a reason when the scripts
are not there. With --all every file is run and a Markdown table for the docs is printed."""
import json
import os
import shlex
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'lib'))
SUITE = os.environ.get('QUIS_PROMQLTEST', os.path.join(HERE, '..', '..', '..', 'shared', 'promqltest'))
WHOLE = ['literals.test', 'collision.test', 'selectors.test']


def fresh(state_path):
    """Leaves an empty quisd answering: stops the old one, wipes its data, starts a new one."""
    import quis
    import shutil
    import signal
    with open(state_path) as f:
        state = json.load(f)
    if state.get('pid'):
        try:
            os.kill(state['pid'], signal.SIGKILL)  # roles end with their parent; the data is thrown away anyway
        except ProcessLookupError:
            pass
        for _ in range(500):
            if quis.socket.socket().connect_ex(('127.0.0.1', state['port'])) != 0:
                break
            time.sleep(0.01)
    shutil.rmtree(state['data'], ignore_errors=True)
    log = open(state['log'], 'ab')
    p = subprocess.Popen([quis.quisd_path(), '--config', state['config']], stdin=subprocess.DEVNULL, stdout=log,
                         stderr=log, start_new_session=True)
    state['pid'] = p.pid
    with open(state_path, 'w') as f:
        json.dump(state, f)
    url = f"http://127.0.0.1:{state['port']}"
    quis.wait_for('an empty quisd', lambda: quis.http_request('GET', url + '/api/v1/query?query=1', timeout=2).status == 200, 20)


def run(files, verbose):
    """Returns {file: (passed, total)} and the runner's output."""
    import quis
    import re
    import signal
    q = quis.Quisd()
    state_path = q.path('state.json')
    with open(state_path, 'w') as f:
        json.dump({'port': q.port, 'data': q.path('data'), 'log': q.path('quisd.log'), 'config': q.path('quis.yaml')}, f)
    restart = ' '.join(shlex.quote(a) for a in (sys.executable, os.path.abspath(__file__), '--fresh', state_path))
    try:
        subprocess.run(restart, shell=True, check=True)
        p = subprocess.run([sys.executable, os.path.join(SUITE, 'run.py'), *(['-v'] if verbose else []),
                            '--write', q.url + '/api/v1/write', '--query', q.url, '--restart', restart,
                            *[os.path.join(SUITE, f) for f in files]], capture_output=True, text=True)
        figures = {os.path.basename(m[0]): (int(m[1]), int(m[2]))
                   for m in re.findall(r'^(\S+\.test): (\d+)/(\d+)', p.stdout, re.M)}
        return figures, p.stdout + p.stderr
    finally:
        with open(state_path) as f:
            pid = json.load(f).get('pid')
        if pid:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        time.sleep(0.2)  # for the children to go before the folder does
        q.close()


def main():
    args = sys.argv[1:]
    if args[:1] == ['--fresh']:
        return fresh(args[1])
    if not os.path.exists(os.path.join(SUITE, 'run.py')):
        print('1..0 # SKIP the public PromQL test scripts are not here (QUIS_PROMQLTEST)')
        return 0
    every = sorted(f for f in os.listdir(SUITE) if f.endswith('.test'))
    if args:
        files = every if args == ['--all'] else args
        figures, output = run(files, verbose='-v' in args or args != ['--all'])
        if args != ['--all']:
            print(output)
        print('| file | passed | of |\n|---|---|---|')
        for f, (passed, total) in figures.items():
            print(f'| {f} | {passed} | {total} |')
        print(f'| **all** | **{sum(p for p, _ in figures.values())}** | **{sum(t for _, t in figures.values())}** |')
        return 0
    figures, output = run(WHOLE, verbose=True)
    print(f'1..{len(WHOLE)}')
    bad = 0
    for n, f in enumerate(WHOLE, 1):
        passed, total = figures.get(f, (0, -1))
        ok = passed == total and total > 0
        bad += not ok
        print(f"{'ok' if ok else 'not ok'} {n} - {f}: {passed} of {total}")
    if bad:
        print('\n'.join('# ' + line for line in output.splitlines()[-40:]))
    return 1 if bad else 0


sys.exit(main())
