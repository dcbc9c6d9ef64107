#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Debian's real Prometheus uses Quis as its Alertmanager: nothing but `path_prefix: /alertmanager/KEY`. A rule fires and
ends with a value that this test serves; the mailbox sees both."""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import quis  # noqa: E402

check, equal = quis.check, quis.equal


class Prometheus(quis.Process):
    def __init__(self, q, target_port):
        self.port = quis.free_port()
        q.write('rules.yml', json.dumps({'groups': [{'name': 'g', 'rules': [{
            'alert': 'TankLevel', 'expr': 'tank_level > 0.9', 'labels': {'severity': 'critical', 'team': 'water'},
            'annotations': {'summary': 'tank {{ $labels.tank }} is at {{ $value }}'}}]}]}))
        config = q.write('prometheus.yml', json.dumps({
            'global': {'scrape_interval': '1s', 'scrape_timeout': '1s', 'evaluation_interval': '1s'},
            'rule_files': ['rules.yml'],
            'scrape_configs': [{'job_name': 'tank', 'static_configs': [{'targets': [f'127.0.0.1:{target_port}']}]}],
            'alerting': {'alertmanagers': [{
                'path_prefix': '/alertmanager/' + quis.KEY, 'api_version': 'v2',
                'static_configs': [{'targets': [f'127.0.0.1:{q.port}']}]}]}}))
        super().__init__(['prometheus', '--config.file=' + config, '--storage.tsdb.path=' + q.path('tsdb'),
                          f'--web.listen-address=127.0.0.1:{self.port}', '--rules.alert.resend-delay=1s'],
                         q.path('prometheus.log'))
        self.url = f'http://127.0.0.1:{self.port}'
        quis.wait_for('Prometheus', lambda: quis.http_request('GET', self.url + '/-/ready').status == 200, 60)

    def metric(self, name, **labels):
        """The sum over this Prometheus' own series of that name."""
        total = 0.0
        for line in quis.http_request('GET', self.url + '/metrics').text.splitlines():
            if line.startswith(name) and all(f'{k}="{v}"' in line for k, v in labels.items()):
                total += float(line.rsplit(' ', 1)[1])
        return total


def test_firing_and_resolved():
    level = [0.1]
    serve = lambda r: (200, f'tank_level{{tank="east"}} {level[0]}\n'.encode(), {'Content-Type': 'text/plain; version=0.0.4'})
    with quis.Sink(serve) as target, quis.Mailbox() as box, quis.Quisd(providers=[box.provider()]) as q:
        prometheus = Prometheus(q, target.port)
        try:
            target.wait(count=2, timeout=30)
            equal(q.incidents(), [])
            level[0] = 0.97
            mail = box.wait(lambda m: 'TRIGGERED' in m['subject'], 60)
            check('TankLevel' in mail.text and 'east' in mail.text and '0.97' in mail.text, mail.text)
            incident = q.incidents()[0]
            # it is sent again and again; that is one incident and one page
            sent = prometheus.metric('prometheus_notifications_sent_total')
            quis.wait_for('it to be sent again', lambda: prometheus.metric('prometheus_notifications_sent_total') >= sent + 3)
            equal(len(q.incidents('limit=100')), 1)
            equal(len(box.find(lambda m: 'TRIGGERED' in m['subject'])), 1)

            level[0] = 0.2
            quis.wait_for('the end', lambda: q.api('GET', '/incidents/' + incident['id'])
                          .json['incident']['status'] == 'resolved', 60)
            box.wait(lambda m: 'RESOLVED' in m['subject'], 30)
            equal([prometheus.metric('prometheus_notifications_errors_total'),
                   prometheus.metric('prometheus_notifications_dropped_total')], [0, 0], 'errors and drops')

            level[0] = 0.99
            box.wait(lambda m: 'TRIGGERED' in m['subject'], 60, count=2)
            check(q.incidents()[0]['id'] != incident['id'], 'a new incident')
        finally:
            prometheus.stop()


if __name__ == '__main__':
    quis.run_tests(quis.tests_of(globals()))
