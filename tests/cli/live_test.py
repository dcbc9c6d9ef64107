#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The command line against a real quisd: what people do with it in a day."""
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import quis  # noqa: E402

CLI = os.environ['QUIS_CLI']


def run(q, *args, code=0, stdin=''):
    env = {'PATH': os.environ['PATH'], 'HOME': q.dir, 'TZ': 'UTC', 'QUIS_URL': q.url,
           'QUIS_TOKEN_FILE': q.path('admin.token'), 'LANG': 'C.UTF-8'}
    p = subprocess.run([CLI, *args], input=stdin, capture_output=True, text=True, env=env, cwd=q.dir, timeout=60)
    quis.equal(p.returncode, code, f'exit code of quis {args}\n{p.stdout}{p.stderr}')
    return p


def an_incident_from_send_to_resolve():
    with quis.Quisd() as q:
        key = q.write('key', quis.KEY)
        dedup = json.loads(run(q, 'send', '--key-file', key, '--details', '-', 'disk full', stdin='{"free": 0}').stdout)['dedup_key']
        number = str(quis.wait_for('the incident', lambda: q.incident('disk full'))['incident_number'])
        quis.check('disk full' in run(q, 'incidents', '--table').stdout, 'the list')
        quis.wait_for('the page', lambda: 'accepted' in run(q, 'incidents', 'show', number, '--table').stdout)
        run(q, 'incidents', 'note', number, 'looking into it')
        quis.equal(run(q, 'incidents', 'ack', number, '--table').stdout, f'Acknowledged #{number} disk full\n')
        quis.equal(q.incident('disk full')['status'], 'acknowledged')
        shown = run(q, 'incidents', 'show', number, '--table').stdout
        quis.check('looking into it' in shown and 'acknowledged, high urgency' in shown, shown)
        run(q, 'send', '--key-file', key, '-d', dedup, '--action', 'resolve')
        quis.wait_for('the end', lambda: run(q, 'incidents', '--table').stdout == 'No incidents.\n')
        quis.check('disk full' in run(q, 'incidents', 'list', '--status', 'resolved', '--since', '1h', '--table').stdout, 'the past')
        quis.equal(run(q, 'incidents', 'show', '99', code=1).stderr, 'quis: the server said 404: Incident Not Found\n')
        quis.equal(run(q, 'send', '--key', 'f' * 32, 'x', code=1).stderr.count('Invalid routing key'), 1)


TEAM = '''kind: User
name: zoe
contacts:
  - name: mail
    type: email
    address: zoe@example.com
---
kind: Schedule
name: nights
time_zone: Europe/Lisbon
layers:
  - start: "2026-01-05T09:00"
    rotation: 1d
    users:
      - zoe
---
kind: EscalationPolicy
name: nights
steps:
  - targets:
      - schedule: nights
    delay: 5m
'''


def resources_from_check_to_removal():
    with quis.Quisd() as q:
        os.mkdir(q.path('team'))
        q.write('team/a.yaml', TEAM.replace('- zoe', '- zoey'))
        p = run(q, 'check', 'team', '--table', code=1)
        quis.equal(p.stderr, 'team/a.yaml:15:9: Schedule nights: layers[0].users[0]: unknown user "zoey"; did you mean "zoe"?\n')
        q.write('team/a.yaml', TEAM)
        quis.check(run(q, 'check', 'team', '--table').stdout.endswith('3 to create, 0 to update, 0 to remove, 0 unchanged\n'), 'check')
        quis.check('zoe' not in run(q, 'export', '--kind', 'User').stdout, 'a check changes nothing')
        quis.check(run(q, 'apply', 'team', '--table').stdout.endswith('3 created, 0 updated, 0 removed, 0 unchanged\n'), 'apply')
        oncall = run(q, 'oncall', '--schedule', 'nights', '--table').stdout
        quis.check('zoe' in oncall, oncall)
        # what is exported is what was applied, and applying it again changes nothing
        exported = run(q, 'export', '--manager', 'apply').stdout
        quis.equal(sorted(exported.split('---\n')), sorted(TEAM.split('---\n')))
        quis.check(run(q, 'apply', '-', '--table', stdin=exported).stdout == '0 created, 0 updated, 0 removed, 3 unchanged\n', 'again')
        # whole: what is no longer there goes, unless somebody needs it
        user, schedule, policy = TEAM.split('---\n')
        p = run(q, 'apply', '--whole', '-', '--table', stdin=user + '---\n' + policy, code=1)
        quis.check('<stdin>:' in p.stderr and 'unknown schedule "nights"' in p.stderr, p.stderr)
        out = run(q, 'apply', '--whole', '-', '--table', stdin=user).stdout
        quis.check(out.endswith('0 created, 0 updated, 2 removed, 1 unchanged\n'), out)
        # a file's resource is not the command line's
        name = next(r['name'] for r in quis.PEOPLE if r['kind'] == 'User')
        p = run(q, 'apply', '-', '--table', stdin=f'kind: User\nname: {name}\n', code=1)
        quis.check('is managed by file' in p.stderr, p.stderr)


def everything_that_is_exported_can_be_read():
    with quis.Quisd() as q:
        quis.wait_for('the engine', lambda: q.api('GET', '/api/quis/v1/resources').json['resources'])
        q.write('all.yaml', run(q, 'export').stdout)
        quis.equal(run(q, 'check', 'all.yaml', '--table').stdout,
                   f'0 to create, 0 to update, 0 to remove, {len(quis.PEOPLE)} unchanged\n')


def a_broken_query_is_refused_at_every_door():
    with quis.Quisd() as q:
        q.write('a.yaml', 'kind: Alert\nname: a\nquery: load1[5m]\n')
        why = 'this gives a range of samples, a rule needs one value: use a function such as rate'
        quis.equal(run(q, 'check', 'a.yaml', code=2).stderr, f'a.yaml:3:8: Alert a: query: {why}\n')
        alert = {'kind': 'Alert', 'name': 'a', 'query': 'load1[5m]'}
        group = {'kind': 'RuleGroup', 'name': 'f/g', 'rules': [{'alert': 'b', 'expr': 'up'}, {'record': 'c', 'expr': 'sum('}]}
        for dry_run in [True, False]:
            a = q.api('POST', '/api/quis/v1/resources', {'dry_run': dry_run, 'resources': [alert, group]})
            quis.equal(a.status, 422, a.text)
            quis.equal([(e['path'], e['message']) for e in a.json['errors']], [
                ('Alert a: query', why),
                ('RuleGroup f/g: rules[1].expr', 'this is not PromQL: 1:5: parse error: unclosed left parenthesis')])
        with open(q.path('conf.d/all.yaml'), 'a') as f:
            f.write('---\nkind: Alert\nname: a\nquery: sum(\n')
        p = subprocess.run([quis.quisd_path(), '--config', q.path('quis.yaml'), '--check'], capture_output=True, text=True)
        quis.equal(p.returncode, 2)
        quis.check('Alert a: query: this is not PromQL: 1:5: parse error: unclosed left parenthesis' in p.stderr, p.stderr)


def metrics_proof_and_status():
    with quis.Quisd() as q:
        quis.wait_for('samples of this machine', lambda: 'load1{' in run(q, 'query', '--table', 'load1').stdout)
        quis.check('GRAPH' in run(q, 'query', '--table', '-g', '-r', '1m', 'load1').stdout, 'a graph')
        quis.check('parse error' in run(q, 'query', 'load1{', code=1).stderr, 'a broken query')
        name = next(r['name'] for r in quis.PEOPLE if r['kind'] == 'User')
        run(q, 'test-page', name)
        quis.check('no such user' in run(q, 'test-page', 'nobody-of-that-name', code=1).stderr, 'nobody')
        quis.wait_for('the proof', lambda: 'proven' in run(q, 'proof', '--table', '--state', 'proven').stdout)
        quis.wait_for('Quis to be well', lambda: json.loads(
            subprocess.run([CLI, '--url', q.url, 'status'], capture_output=True, text=True).stdout)['ok'], 30)
        quis.check(run(q, 'status', '--table').stdout.startswith('QUIS-OK'), 'status')


quis.run_tests([an_incident_from_send_to_resolve, resources_from_check_to_removal, everything_that_is_exported_can_be_read,
                a_broken_query_is_refused_at_every_door,                 metrics_proof_and_status])
