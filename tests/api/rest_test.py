#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The PagerDuty-shaped REST API: shapes, pages, filters, acting, errors; live events; links in pages; test pages."""
import json
import os
import re
import socket
import sys
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import quis  # noqa: E402

RESOURCES = [
    *quis.PEOPLE[:1],
    {'kind': 'User', 'name': 'bo', 'email': 'bo@example.com', 'role': 'observer',
     'contacts': [{'name': 'mail', 'type': 'email', 'address': 'bo@example.com'}]},
    {'kind': 'Team', 'name': 'web-team', 'users': ['ana', 'bo']},
    {'kind': 'Schedule', 'name': 'primary', 'time_zone': 'Europe/Lisbon',
     'layers': [{'start': '2026-01-05T09:00', 'rotation': '1w', 'users': ['ana', 'bo']}]},
    {'kind': 'EscalationPolicy', 'name': 'web',
     'steps': [{'targets': [{'schedule': 'primary'}], 'delay': '5m'}, {'targets': [{'user': 'ana'}], 'delay': '10m'}], 'loops': 1},
    {'kind': 'Service', 'name': 'web', 'escalation_policy': 'web', 'team': 'web-team',
     'integrations': [{'name': 'events', 'key': quis.KEY}]},
    {'kind': 'Service', 'name': 'batch', 'escalation_policy': 'web', 'urgency': 'low',
     'integrations': [{'name': 'events', 'key': 'b' * 32}]},
]


def error(a):
    return a.status, a.json['error']['code']


def test_incidents():
    with quis.Quisd(resources=RESOURCES) as q:
        for i in range(7):
            q.trigger(quis.KEY, f'web {i}')
        for i in range(3):
            q.trigger('b' * 32, f'batch {i}')
        quis.wait_for('ten incidents', lambda: len(q.incidents()) == 10)
        page = q.api('GET', '/incidents?limit=4&offset=4&total=true&sort_by=incident_number:asc').json
        quis.equal((page['limit'], page['offset'], page['more'], page['total'], len(page['incidents'])), (4, 4, True, 10, 4))
        quis.equal([i['incident_number'] for i in page['incidents']], [5, 6, 7, 8])
        last = q.api('GET', '/incidents?limit=4&offset=8').json
        quis.equal((last['more'], last['total'], len(last['incidents'])), (False, None, 2))
        incident = page['incidents'][0]
        quis.equal((incident['type'], incident['status'], incident['urgency'], incident['service']['summary']),
                   ('incident', 'triggered', 'high', 'web'))
        quis.equal(incident['service']['type'], 'service_reference')
        quis.equal(incident['escalation_policy']['summary'], 'web')
        quis.equal([t['summary'] for t in incident['teams']], ['web-team'])
        quis.equal(incident['alert_counts'], {'all': 1, 'triggered': 1, 'resolved': 0})
        quis.equal(incident['self'], f'{q.url}/incidents/{incident["id"]}')
        for name in ('assignments', 'acknowledgements', 'pending_actions'):
            quis.check(isinstance(incident[name], list), name)
        # filters, in all the forms that clients send
        count = lambda query: len(q.api('GET', '/incidents?limit=100&' + query).json['incidents'])
        quis.equal(count('urgencies[]=low'), 3)
        quis.equal(count('urgencies%5B%5D=high&statuses%5B%5D=triggered&statuses[]=acknowledged'), 7)
        quis.equal(count('statuses[]=resolved'), 0)
        services = {s['name']: s['id'] for s in q.api('GET', '/services').json['services']}
        quis.equal(count('service_ids[]=' + services['batch']), 3)
        quis.equal(count('service_ids[]=PNOSUCH'), 0, 'an unknown service has no incidents')
        team = q.api('GET', '/teams').json['teams'][0]['id']
        quis.equal(count('team_ids[]=' + team), 7)
        quis.equal(count('q=batch+2'), 1)
        quis.equal(count('since=2099-01-01'), 0)
        quis.equal(count('since=2000-01-01T00:00:00%2B01:00&until=2099-01-01'), 10)
        # what cannot be asked
        quis.equal(error(q.api('GET', '/incidents?statuses[]=open')), (400, 2001))
        quis.equal(error(q.api('GET', '/incidents?limit=x')), (400, 2001))
        quis.equal(error(q.api('GET', '/incidents?offset=9990&limit=100')), (400, 2001))
        quis.equal(error(q.api('GET', '/incidents?user_ids[]=P1')), (400, 2001))
        quis.equal(error(q.api('GET', '/incidents/QNOSUCH')), (404, 2100))
        quis.equal(error(q.api('DELETE', '/incidents')), (405, 2001))
        quis.equal(error(q.api('GET', '/nothing')), (404, 2100))
        # some clients send a body with a GET
        a = q.api('GET', f'/incidents/{incident["id"]}', body={})
        quis.equal(a.json['incident']['id'], incident['id'])
        quis.equal([p['type'] for p in a.json['incident']['pending_actions'] if p['type'] == 'escalate'], ['escalate'])
        quis.equal(q.api('GET', '/incidents/5').json['incident']['incident_number'], 5, 'by its number')
        head = quis.http_request('HEAD', q.url + '/incidents', headers={'Authorization': f'Bearer {q.token}'})
        quis.check(head.status == 200 and head.body == b'' and int(head.headers['content-length']) > 100, 'HEAD')


def test_acting():
    with quis.Quisd(resources=RESOURCES) as q:
        for i in range(4):
            q.trigger(quis.KEY, f'web {i}')
        quis.wait_for('four incidents', lambda: len(q.incidents()) == 4)
        ids = [i['id'] for i in q.incidents()]

        def put(i, status, **headers):
            return q.api('PUT', f'/incidents/{i}', {'incident': {'type': 'incident_reference', 'status': status}}, headers=headers)
        a = put(ids[0], 'acknowledged', From='ana@example.com')
        quis.equal((a.status, a.json['incident']['status']), (200, 'acknowledged'))
        quis.equal(a.json['incident']['acknowledgements'][0]['acknowledger']['summary'], 'Ana Souza')
        quis.equal(error(put(ids[0], 'acknowledged')), (400, 1002))
        quis.equal(put(ids[0], 'triggered').json['incident']['status'], 'triggered')
        quis.equal(put(ids[0], 'resolved').json['incident']['status'], 'resolved')
        quis.equal(error(put(ids[0], 'resolved')), (400, 1001))
        quis.equal(error(put(ids[0], 'acknowledged')), (400, 1001))
        quis.equal(error(put(ids[1], 'closed')), (400, 2001))
        quis.equal(error(put(ids[1], 'resolved', From='nobody@example.com')), (400, 1008))
        quis.equal(error(put('QAAAAAAAAAAAAA', 'resolved')), (404, 2100))
        quis.equal(error(q.api('PUT', f'/incidents/{ids[1]}', '{')), (400, 2001))
        quis.equal(error(q.api('PUT', f'/incidents/{ids[1]}', '[]')), (400, 2001))
        # all at once; one that is resolved already does no harm
        a = q.api('PUT', '/incidents', {'incidents': [{'id': i, 'type': 'incident_reference', 'status': 'acknowledged'} for i in ids]})
        quis.equal([i['status'] for i in a.json['incidents']], ['resolved'] + ['acknowledged'] * 3)
        many = [{'id': ids[1], 'status': 'resolved'}] * 251
        quis.equal(q.api('PUT', '/incidents', {'incidents': many}).status, 413)
        a = q.api('POST', f'/incidents/{ids[1]}/notes', {'note': {'content': 'looked at it: é'}}, headers={'From': 'ana@example.com'})
        quis.equal((a.status, a.json['note']['content']), (201, 'looked at it: é'))
        quis.equal(error(q.api('POST', f'/incidents/{ids[1]}/notes', {'note': {}})), (400, 2001))
        log = q.api('GET', f'/incidents/{ids[1]}/log_entries?limit=100').json['log_entries']
        types = [e['type'] for e in log]
        for t in ('trigger_log_entry', 'acknowledge_log_entry', 'annotate_log_entry'):
            quis.check(t in types, f'{t} in {types}')
        note = [e for e in log if e['type'] == 'annotate_log_entry'][0]
        quis.check('looked at it' in json.dumps(note, ensure_ascii=False), note)
        quis.check(q.api('GET', '/log_entries?limit=5').json['more'], 'pages of the log')


def test_people():
    with quis.Quisd(resources=RESOURCES) as q:
        oncalls = quis.wait_for('on-calls', lambda: q.api('GET', '/oncalls').json['oncalls'])
        first = [o for o in oncalls if o['escalation_level'] == 1][0]
        quis.check(first['user']['summary'] in ('Ana Souza', 'bo') and first['start'] and first['end'] and first['schedule']['summary'] == 'primary', first)
        second = [o for o in oncalls if o['escalation_level'] == 2][0]
        quis.equal((second['user']['summary'], second['schedule'], second['start']), ('Ana Souza', None, None))
        long = q.api('GET', '/oncalls?since=2026-02-01&until=2026-03-01&limit=100').json['oncalls']
        quis.check(len([o for o in long if o['escalation_level'] == 1]) >= 4, 'a month has four weeks')
        users = q.api('GET', '/users').json['users']
        quis.equal([u['name'] for u in users], ['Ana Souza', 'bo'])
        ana = q.api('GET', f'/users/{users[0]["id"]}').json['user']
        quis.equal((ana['email'], ana['contact_methods'][0]['address'], ana['teams'][0]['summary']), ('ana@example.com', 'ana@example.com', 'web-team'))
        quis.equal(ana['html_url'], f'{q.url}/ui/users/{ana["id"]}')
        quis.equal(error(q.api('GET', '/users/PNOSUCH')), (404, 2100))
        quis.equal(q.api('GET', '/users?query=souza').json['users'][0]['id'], ana['id'])
        service = q.api('GET', '/services/' + q.api('GET', '/services?query=batch').json['services'][0]['id']).json['service']
        quis.equal((service['name'], service['integrations'][0]['integration_key']), ('batch', 'b' * 32))
        schedule = q.api('GET', '/schedules').json['schedules'][0]
        s = q.api('GET', f'/schedules/{schedule["id"]}?since=2026-03-23T00:00:00Z&until=2026-04-06T00:00:00Z').json['schedule']
        entries = s['final_schedule']['rendered_schedule_entries']
        # the clocks go forward on the 29th: the turn stays at nine local time
        quis.equal([e['start'] for e in entries], ['2026-03-23T00:00:00Z', '2026-03-23T09:00:00Z', '2026-03-30T08:00:00Z'])
        quis.equal(s['final_schedule']['rendered_coverage_percentage'], 100)
        quis.equal((s['time_zone'], len(s['schedule_layers']), len(s['users'])), ('Europe/Lisbon', 1, 2))
        policy = q.api('GET', '/escalation_policies').json['escalation_policies'][0]
        quis.equal([r['escalation_delay_in_minutes'] for r in policy['escalation_rules']], [5, 10])
        quis.equal(policy['num_loops'], 1)


def test_live_events():
    with quis.Quisd() as q, socket.create_connection(('127.0.0.1', q.port), timeout=10) as s:
        s.sendall(f'GET /api/quis/v1/stream HTTP/1.1\r\nHost: q\r\nAuthorization: Token token={q.token}\r\n\r\n'.encode())
        got = b''
        while b'event: changed' not in got:
            got += s.recv(4096)
        quis.check(b'Content-Type: text/event-stream' in got, got)
        q.trigger(quis.KEY, 'live')
        seen = b''
        while not re.search(rb'"open":1,"triggered":1', seen):
            seen += s.recv(4096)


def test_links_of_a_page():
    with quis.Mailbox() as box, quis.Quisd(providers=[box.provider()]) as q:
        q.trigger(quis.KEY, 'disk full <b>&')
        mail = box.wait(lambda m: 'disk full' in m['subject'])
        link = mail.link('Acknowledge')
        quis.check(link.startswith(q.url + '/link/'), link)
        page = quis.http_request('GET', link)
        quis.equal(page.status, 200)
        quis.check('<form method="post">' in page.text and 'disk full &lt;b&gt;&amp;' in page.text, page.text)
        quis.check("script" not in page.text and "default-src 'none'" in page.headers['content-security-policy'], page.headers)
        for method in ('GET', 'HEAD'):  # what a mail scanner does
            quis.http_request(method, link)
        quis.equal(q.incidents()[0]['status'], 'triggered', 'looking at the link does nothing')
        token = link.rsplit('/', 1)[1]
        for broken in (token[:-2], token[:30], 'x', token.swapcase()):
            quis.equal(quis.http_request('POST', f'{q.url}/link/{broken}').status, 404, 'a broken link')
        quis.equal(q.incidents()[0]['status'], 'triggered')
        done = quis.http_request('POST', link)
        quis.check(done.status == 200 and 'Acknowledged' in done.text, done.text)
        incident = q.incidents()[0]
        quis.equal((incident['status'], incident['acknowledgements'][0]['acknowledger']['summary']), ('acknowledged', 'Ana Souza'))
        quis.check('Nothing to do' in quis.http_request('POST', link).text, 'the second time')
        quis.check('Resolved' in quis.http_request('POST', mail.link('Resolve')).text)
        quis.equal(q.incidents(), [])
        proofs = q.api('GET', '/api/quis/v1/proofs').json['proofs']
        quis.check([p for p in proofs if p['kind'] == 'person' and p['subject'] == 'ana/mail' and p['state'] == 'proven'], proofs)


def test_resources_and_test_pages():
    with quis.Mailbox() as box, quis.Quisd(providers=[box.provider()]) as q:
        def post(resources, **more):
            return q.api('POST', '/api/quis/v1/resources', {'resources': resources, **more})
        cy = {'kind': 'User', 'name': 'cy', 'contacts': [{'name': 'mail', 'type': 'email', 'address': 'cy@example.com'}]}
        a = post([cy], dry_run=True)
        quis.equal((a.status, [(c['action'], c['name']) for c in a.json['changes']], a.json['errors']), (200, [('create', 'cy')], []))
        quis.equal(len(q.api('GET', '/users').json['users']), 1, 'a dry run changes nothing')
        quis.equal(post([cy]).status, 200)
        quis.equal([u['login'] for u in q.api('GET', '/users').json['users']], ['ana', 'cy'])
        quis.equal([c['action'] for c in post([cy]).json['changes']], ['same'])
        a = post([{'kind': 'Team', 'name': 't', 'users': ['nobody']}])
        quis.equal(a.status, 422)
        quis.check('nobody' in a.json['errors'][0]['message'], a.text)
        a = post([{**quis.PEOPLE[0], 'role': 'admin'}])
        quis.equal(a.status, 422, 'what a file owns stays')
        quis.equal(error(q.api('POST', '/api/quis/v1/resources', {'resources': 5})), (400, 2001))
        rows = q.api('GET', '/api/quis/v1/resources?kind=User').json['resources']
        quis.equal([(r['name'], r['manager']) for r in rows], [('ana', 'file'), ('cy', 'api')])
        a = q.api('POST', '/api/quis/v1/test-page', {'user': 'cy', 'contact': 'mail'})
        quis.equal(a.status, 202)
        box.wait(lambda m: m.recipients == ['cy@example.com'])
        quis.equal(q.api('POST', '/api/quis/v1/test-page', {'user': 'cy', 'contact': 'pigeon'}).status, 404)
        messages = q.api('GET', '/api/quis/v1/incidents/test/messages').json['messages']
        quis.check([m for m in messages if m['user'] == 'cy'], messages)


def test_overview():
    with quis.Quisd(resources=RESOURCES) as q:
        q.trigger(quis.KEY, 'one')
        quis.wait_for('the incident', lambda: q.incidents())
        o = q.api('GET', '/api/quis/v1/overview').json
        quis.equal(o['incidents'], {'open': 1, 'triggered': 1, 'acknowledged': 0})
        quis.equal([(s['schedule'], s['user'] in ('ana', 'bo'), s['next_user'] in ('ana', 'bo')) for s in o['oncalls']], [('primary', True, True)])
        quis.equal(len(o['rates']['events_per_minute']), 60)
        quis.check(sum(r['value'] for r in o['rates']['events_per_minute']) >= 1, 'the event is counted')
        quis.wait_for('the roles to be well', lambda: {'engine', 'web', 'web2', 'notifier'} <= {
            r['role'] for r in q.api('GET', '/api/quis/v1/overview').json['roles'] if r['ok']})
        messages = q.api('GET', f'/api/quis/v1/incidents/{q.incidents()[0]["id"]}/messages').json
        quis.check(messages['messages'] and messages['timers'][0]['type'], messages)


if __name__ == '__main__':
    quis.run_tests(quis.tests_of(globals()))
