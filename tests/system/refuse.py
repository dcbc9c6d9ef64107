#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Installations that cannot be: each ends with the exact reason, or goes on with what is possible, and nothing that
was accepted is lost."""
import os
import re
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import quis  # noqa: E402


def ends(q, code):
    """Starts quisd, which must end by itself with this code; returns its log."""
    q.start(wait=False)
    quis.wait_for('quisd to end', lambda: not q.process.alive(), 20)
    quis.equal(q.process.popen.returncode, code, 'exit code\n' + q.log)
    return q.log


def must_say(log, text):
    quis.check(text in log, f'the log does not say {text!r}:\n{log}')


def a_port_in_use():
    q = quis.Quisd()
    try:
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            s.bind(('127.0.0.1', q.port))
            s.listen(1)
            must_say(ends(q, 1), f'event=cannot-listen name=http address=127.0.0.1:{q.port} why="the address is in use: '
                                 'stop the other program or change listen in the configuration"')
    finally:
        q.close()


def a_second_quisd_on_the_same_data():
    with quis.Quisd() as q:
        other = quis.Quisd(settings={'data_dir': q.path('data')})
        try:
            must_say(ends(other, 1), 'event=already-running')
        finally:
            other.close()
        quis.check(q.healthy(), 'the first one goes on')


def a_missing_configuration():
    p = subprocess.run([quis.quisd_path(), '--config', '/nowhere/quis.yaml'], capture_output=True, text=True)
    quis.equal(p.returncode, 2, p.stderr)
    must_say(p.stderr, 'quisd: /nowhere/quis.yaml: cannot be read: No such file or directory; '
                       'name the configuration with --config FILE')


def invalid_yaml_names_its_place():
    q = quis.Quisd()
    try:
        q.write('quis.yaml', 'data_dir: /tmp/x\nlisten: { http: "127.0.0.1:1"\nproviders: [\n')
        log = ends(q, 2)
        quis.check(re.search(r'quis\.yaml:\d+:\d+: ', log), 'no file:line:column:\n' + log)
    finally:
        q.close()


def a_schedule_with_an_unknown_user():
    q = quis.Quisd(resources=quis.PEOPLE + [
        {'kind': 'Schedule', 'name': 'first', 'time_zone': 'UTC',
         'layers': [{'start': '2026-01-05T09:00', 'rotation': '1w', 'users': ['anna']}]}])
    try:
        log = ends(q, 2)
        quis.check(re.search(r'all\.yaml:\d+:\d+: .*unknown user "anna"', log), log)
        must_say(log, 'did you mean "ana"?')
    finally:
        q.close()


def a_reload_that_is_wrong_changes_nothing():
    with quis.Quisd() as q:
        q.set_resources('kind: User\nname: [')
        q.reload()
        quis.wait_for('the refusal', lambda: 'event=reload-refused' in q.log, 15)
        quis.equal(q.event(quis.KEY, 'trigger', 'k', 'still here')['status'], 'success')
        q.set_resources(quis.PEOPLE + [{'kind': 'Team', 'name': 'late'}])
        q.reload()
        quis.wait_for('the new team', lambda: any(t['name'] == 'late' for t in q.api('GET', '/teams').json['teams']), 15)


def small_mount(prefix, options):
    """A tmpfs of its own, or the test is skipped."""
    folder = tempfile.mkdtemp(prefix=prefix)
    if subprocess.run(['mount', '-t', 'tmpfs', '-o', options, 'tmpfs', folder], capture_output=True).returncode:
        os.rmdir(folder)
        raise quis.Skip('mounts are not allowed here')
    return folder


def a_read_only_data_directory():
    folder = small_mount('quis-ro-', 'ro')  # root writes anywhere: a read-only mount is the real thing
    q = quis.Quisd(settings={'data_dir': folder})
    try:
        q.start(wait=False)
        quis.wait_for('quisd to end', lambda: not q.process.alive(), 20)
        log = q.log
        quis.check(q.process.popen.returncode in (1, 2), log)
        quis.check('Read-only file system' in log and folder in log, log)
    finally:
        q.close()
        subprocess.run(['umount', folder], check=True)
        os.rmdir(folder)


def a_full_disk_refuses_and_loses_nothing():
    folder = small_mount('quis-full-', 'size=192m')
    q = quis.Quisd(settings={'data_dir': folder})
    try:
        q.start()
        accepted = [q.trigger(quis.KEY, f'before {n}') for n in range(20)]
        filler = os.path.join(folder, 'filler')
        with open(filler, 'wb', buffering=0) as f:
            try:
                while True:
                    f.write(b'x' * 65536)
            except OSError:
                pass
        # Fill the rest through the API: at some point it must be refused as 503 with the reason, never 202.
        details = {'text': 'y' * 100000}
        refusal = None
        for n in range(3000):
            a = q.api('POST', '/v2/enqueue', {'routing_key': quis.KEY, 'event_action': 'trigger', 'dedup_key': f'full {n}',
                      'payload': {'summary': f'full {n}', 'severity': 'critical', 'source': 't', 'custom_details': details}},
                      token=False)
            if a.status == 202:
                accepted.append(f'full {n}')
            else:
                refusal = a
                break
        quis.check(refusal is not None, 'a full disk was never refused')
        quis.equal(refusal.status, 503, refusal.text)
        quis.check(q.process.alive(), 'quisd has ended')
        status = lambda: quis.http_request('GET', q.url + '/status?format=json')
        try:
            quis.wait_for('/status to see the full disk', lambda: status().status == 503, 10)
        except quis.Failure as e:
            raise quis.Failure(f'{e}: {status().text}')
        os.unlink(filler)
        quis.wait_for('events to be taken again', lambda: q.api('POST', '/v2/enqueue', {
            'routing_key': quis.KEY, 'event_action': 'trigger', 'dedup_key': 'after',
            'payload': {'summary': 'after', 'severity': 'critical', 'source': 't'}}, token=False).status == 202, 30)
        q.restart()

        def there():
            import sqlite3
            db = sqlite3.connect(f'file:{folder}/control/control.db?mode=ro', uri=True)
            try:
                titles = {r[0] for r in db.execute('SELECT title FROM incident')}
            finally:
                db.close()
            return set(accepted) <= titles
        quis.wait_for(f'all {len(accepted)} accepted events', there, 30)
        print(f'# {len(accepted)} accepted, then refused with: {refusal.text.strip()[:120]}')
    finally:
        q.close()
        for _ in range(50):
            if subprocess.run(['umount', folder], capture_output=True).returncode == 0:
                break
            time.sleep(0.1)
        os.rmdir(folder)


quis.run_tests([a_port_in_use, a_second_quisd_on_the_same_data, a_missing_configuration, invalid_yaml_names_its_place,
                a_schedule_with_an_unknown_user, a_reload_that_is_wrong_changes_nothing, a_read_only_data_directory,
                a_full_disk_refuses_and_loses_nothing])
