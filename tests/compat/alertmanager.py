#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Debian's real prometheus-alertmanager pages through Quis: firing and resolving, into a real mailbox, acknowledged from
the mail's link. Its pagerduty_configs.url is the only thing that knows of Quis."""
import datetime
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import quis  # noqa: E402

check, equal = quis.check, quis.equal


class Alertmanager(quis.Process):
    def __init__(self, q):
        self.port = quis.free_port()
        config = q.write('alertmanager.yml', json.dumps({
            'route': {'receiver': 'quis', 'group_by': ['alertname'], 'group_wait': '50ms', 'group_interval': '1s',
                      'repeat_interval': '1h'},
            'receivers': [{'name': 'quis', 'pagerduty_configs': [{
                'routing_key': quis.KEY, 'url': q.url + '/v2/enqueue', 'send_resolved': True,
                'severity': '{{ .CommonLabels.severity }}'}]}]}))
        super().__init__(['prometheus-alertmanager', '--config.file=' + config, '--storage.path=' + q.path('am'),
                          f'--web.listen-address=127.0.0.1:{self.port}', '--cluster.listen-address='],
                         q.path('alertmanager.log'))
        self.url = f'http://127.0.0.1:{self.port}'
        quis.wait_for('Alertmanager', lambda: quis.http_request('GET', self.url + '/-/ready').status == 200)

    def alert(self, name, over=False, **labels):
        now = datetime.datetime.now(datetime.timezone.utc)
        alert = {'labels': dict(labels, alertname=name), 'annotations': {'summary': f'{name} it is'},
                 'startsAt': (now - datetime.timedelta(seconds=30)).isoformat(),
                 'generatorURL': 'http://prometheus.example:9090/graph?g0.expr=up'}
        alert['endsAt'] = (now - datetime.timedelta(seconds=1) if over else now + datetime.timedelta(hours=1)).isoformat()
        a = quis.http_request('POST', self.url + '/api/v2/alerts', [alert])
        equal(a.status, 200, a.text)


def test_firing_acknowledged_from_the_mail_and_resolved():
    with quis.Mailbox() as box, quis.Quisd(providers=[box.provider()]) as q:
        am = Alertmanager(q)
        try:
            am.alert('DiskFull', severity='critical', instance='db1')
            mail = box.wait(lambda m: 'TRIGGERED' in m['subject'] and 'DiskFull' in m['subject'])
            equal(mail.recipients, ['ana@example.com'])
            check(quis.KEY not in mail.raw.decode(), 'the routing key is in the mail')
            for words in ('Service:  web', 'Severity: critical', 'DiskFull', 'db1'):
                check(words in mail.text, repr(words), 'is not in', mail.text)

            incident = quis.wait_for('the incident', lambda: (q.incidents() or [None])[0])
            equal([incident['status'], incident['urgency']], ['triggered', 'high'])
            check(mail['x-quis-incident'] == incident['id'], 'the mail is about that incident')

            # what a mail scanner does changes nothing
            link = mail.link('Acknowledge')
            check(link.startswith(q.url + '/link/'), link)
            for method in ('GET', 'HEAD', 'GET'):
                page = quis.http_request(method, link)
                equal(page.status, 200, f'{method} {link}: {page.text}')
            page = quis.http_request('GET', link)
            check('<form' in page.text and 'post' in page.text.lower() and 'DiskFull' in page.text, page.text)
            equal(q.api('GET', '/incidents/' + incident['id']).json['incident']['status'], 'triggered')

            # the button does
            answer = quis.http_request('POST', link, '', {'Content-Type': 'application/x-www-form-urlencoded'})
            equal(answer.status, 200, answer.text)
            quis.wait_for('the acknowledgement', lambda: q.api('GET', '/incidents/' + incident['id'])
                          .json['incident']['status'] == 'acknowledged')
            log = q.api('GET', f'/incidents/{incident["id"]}/log_entries').json['log_entries']
            acknowledged = [e for e in log if e['type'] == 'acknowledge_log_entry']
            equal(len(acknowledged), 1, [e['type'] for e in log])
            check('ana' in json.dumps(acknowledged[0]), acknowledged[0])

            am.alert('DiskFull', over=True, severity='critical', instance='db1')
            quis.wait_for('the end', lambda: q.api('GET', '/incidents/' + incident['id'])
                          .json['incident']['status'] == 'resolved')
            box.wait(lambda m: 'RESOLVED' in m['subject'] and m['x-quis-incident'] == incident['id'])
            equal(len(box.find(lambda m: 'TRIGGERED' in m['subject'])), 1, 'one page, not more')
        finally:
            am.stop()


def test_resolved_from_the_mail():
    with quis.Mailbox() as box, quis.Quisd(providers=[box.provider()]) as q:
        am = Alertmanager(q)
        try:
            am.alert('Slow', severity='warning')
            mail = box.wait(lambda m: 'Slow' in m['subject'])
            link = mail.link('Resolve')
            answer = quis.http_request('POST', link, '', {'Content-Type': 'application/x-www-form-urlencoded'})
            equal(answer.status, 200, answer.text)
            quis.wait_for('the end', lambda: not q.incidents())
            # a link that was changed by one character does nothing
            wrong = link[:-1] + ('A' if link[-1] != 'A' else 'B')
            check(quis.http_request('POST', wrong, '').status in (400, 403, 404), 'a forged link')
        finally:
            am.stop()


if __name__ == '__main__':
    quis.run_tests(quis.tests_of(globals()))
