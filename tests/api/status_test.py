#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""/status tells the truth: before and after the first page, when a provider fails, and when a role is dead."""
import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import quis  # noqa: E402


def look(q):
    a = quis.http_request('GET', q.url + '/status?format=json', timeout=10)
    checks = {c['name']: c for c in a.json['checks']}
    quis.equal(a.status, 200 if a.json['ok'] else 503)
    quis.equal('QUIS-OK' in a.text, a.json['ok'], 'the word')
    return a.json['ok'], checks


def steady(q):
    """Both web processes say so, several times in a row."""
    quis.wait_for('QUIS-OK', lambda: all(look(q)[0] for _ in range(8)), 40)


def bad(q):
    return {n for n, c in look(q)[1].items() if not c['ok']}


def test_a_fresh_installation_proves_itself():
    with quis.Quisd() as q:
        steady(q)
        ok, checks = look(q)
        for role in ('engine', 'telemetry', 'notifier', 'auditor', 'prober', 'web', 'web2'):
            quis.check(checks[f'role {role}']['age_s'] < 5, checks)
        quis.check('accepted a page' in checks['paging']['text'], checks['paging'])
        quis.check('committed in' in checks['inbox write']['text'], checks['inbox write'])
        page = quis.http_request('GET', q.url + '/status')
        quis.equal(page.status, 200)
        quis.check('QUIS-OK' in page.text and '<script' not in page.text and 'width=device-width' in page.text, page.text)
        quis.check('prefers-color-scheme:dark' in page.text, 'both themes')
        quis.check(quis.http_request('GET', q.url + '/status', headers={'Accept': 'application/json'}).json['ok'])
        quis.check(quis.http_request('GET', q.url + '/status', headers={'Accept': 'text/html,application/json;q=0.9'}).text.startswith('<!doctype'))
        quis.equal(quis.http_request('GET', q.url + '/healthz').text, 'ok\n')
        text = quis.http_request('GET', q.url + '/metrics').text
        for name in ('quis_events_total{', 'quis_http_connections{', 'quis_role_ok{', 'quis_build_info{'):
            quis.check(name in text, name)


def test_nobody_on_call_is_red_and_still_pages():
    people = quis.PEOPLE[:1] + [
        {'kind': 'Schedule', 'name': 'empty', 'time_zone': 'UTC',
         'layers': [{'start': '2020-01-06T09:00', 'end': '2020-01-07T09:00', 'rotation': '1w', 'users': ['ana']}]},
        {'kind': 'EscalationPolicy', 'name': 'web', 'steps': [{'targets': [{'schedule': 'empty'}], 'delay': '5m'}]},
    ] + quis.PEOPLE[2:]
    with quis.Quisd(resources=people) as q:
        steady(q)
        q.trigger(quis.KEY, 'nobody is there')
        quis.wait_for('/status to be red', lambda: all('on call' in bad(q) for _ in range(6)), 20)
        quis.wait_for('the fallback to be paged', lambda: 'nobody is there' in q.log, 20)
        incident = q.incident('nobody is there')
        quis.check(incident['quis']['nobody_on_call'], incident)
        answer = q.api('PUT', '/incidents/' + incident['id'], {'incident': {'type': 'incident_reference', 'status': 'resolved'}},
                       headers={'From': 'ana@example.com'})
        quis.equal(answer.status, 200, answer.text)
        steady(q)


def test_a_dead_engine_is_seen_and_does_not_stop_the_page():
    with quis.Quisd() as q:
        steady(q)
        pid = q.pid_of('engine')
        os.kill(pid, signal.SIGSTOP)
        try:
            quis.wait_for('the engine to be called bad', lambda: 'role engine' in bad(q), 20)
            quis.check('control store' not in bad(q), 'the store can be read without the engine')
        finally:
            try:
                os.kill(pid, signal.SIGCONT)
            except ProcessLookupError:
                pass
        steady(q)
        q.kill_role('telemetry')
        steady(q)


def test_nothing_to_watch_is_not_well():
    with quis.Quisd() as q:
        steady(q)
        q.set_resources([])
        q.reload()
        quis.wait_for('the missing resources to be seen', lambda: bad(q) == {'resources'}, 20)
        q.set_resources(quis.PEOPLE)
        q.reload()
        steady(q)


def test_a_failing_provider_is_seen():
    box = quis.Mailbox().start()
    with quis.Quisd(providers=[box.provider()]) as q:
        q.api('POST', '/api/quis/v1/test-page', {'user': 'ana', 'contact': 'mail'})
        box.wait()
        quis.wait_for('paging to be proven', lambda: 'paging' not in bad(q), 20)
        box.stop()
        q.trigger(quis.KEY, 'nobody hears this')
        quis.wait_for('paging to be bad', lambda: 'paging' in bad(q), 90)


if __name__ == '__main__':
    quis.run_tests(quis.tests_of(globals()))
