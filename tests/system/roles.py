#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What every running role is and may do, read from the outside: its title, its seccomp filter, no new privileges, its
account; and a stop that is clean and a start that has lost nothing."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import quis  # noqa: E402

ROLES = ['engine', 'notifier', 'web', 'web2', 'telemetry', 'auditor', 'prober', 'runner']


def proc_status(pid):
    with open(f'/proc/{pid}/status') as f:
        return dict(line.split(':', 1) for line in f.read().splitlines() if ':' in line)


def every_role_is_sandboxed():
    with quis.Quisd() as q:
        for role in ROLES:
            pid = quis.wait_for(role, lambda: q.pid_of(role))

            def bound():
                s = proc_status(pid)
                return s['Seccomp'].strip() == '2' and s['NoNewPrivs'].strip() == '1'
            quis.wait_for(f'{role} to be bound by its sandbox', bound, 10)
            for thread in os.listdir(f'/proc/{pid}/task'):
                with open(f'/proc/{pid}/task/{thread}/status') as f:
                    quis.check('Seccomp:\t2' in f.read(), f'{role}: thread {thread} has no filter')


def no_secret_in_argv_or_environment():
    with quis.Quisd() as q:
        for role in ROLES:
            pid = quis.wait_for(role, lambda: q.pid_of(role))
            with open(f'/proc/{pid}/cmdline', 'rb') as f:
                quis.check(q.token.encode() not in f.read(), f'{role}: the token is in its arguments')
            with open(f'/proc/{pid}/environ', 'rb') as f:
                quis.check(q.token.encode() not in f.read(), f'{role}: the token is in its environment')
        quis.check(q.token not in q.log, 'the token is in the log')


def stopping_and_starting_loses_nothing():
    with quis.Mailbox() as box, quis.Quisd(providers=[box.provider()]) as q:
        q.trigger(quis.KEY, 'before the stop')
        box.wait(lambda m: 'before the stop' in m['subject'])
        quis.equal(q.stop(), 0, 'exit code of a clean stop\n')
        quis.check('killed' not in q.log.split('event=stopping')[1], 'a role had to be killed:\n' + q.log)
        q.start()
        incident = quis.wait_for('the incident', lambda: q.incident('before the stop'))
        quis.equal(incident['status'], 'triggered')
        q.trigger(quis.KEY, 'after the start')
        box.wait(lambda m: 'after the start' in m['subject'])
        quis.equal(len(box.find(lambda m: 'before the stop' in m['subject'])), 1, 'pages of the first incident')


quis.run_tests([every_role_is_sandboxed, no_secret_in_argv_or_environment, stopping_and_starting_loses_nothing])
