#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""StatsD counters are stored exactly: below the loss limit the stored sum is the sent sum; above it, sent = stored +
counted kernel drops. QUIS_STATSD_COUNT: how many counters (default 1,000,000; the long form sends 10,000,000)."""
import os
import socket
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import quis  # noqa: E402

COUNT = int(os.environ.get('QUIS_STATSD_COUNT', '1000000'))
PER_DATAGRAM = 25
NAMES = 100


def value(q, query):
    a = q.api('GET', '/api/v1/query?query=' + query)
    quis.equal(a.status, 200, query + ': ' + a.text)
    result = a.json['data']['result']
    return float(result[0]['value'][1]) if result else None


def datagrams():
    """One datagram for each name: 25 counters of 1."""
    return [b'\n'.join(b'exact.name%d:1|c' % n for _ in range(PER_DATAGRAM)) for n in range(NAMES)]


def send(q, count, rate):
    """Sends count counters at about `rate` a second (0: as fast as the sender can). Returns how many were sent."""
    packets, sent = datagrams(), 0
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.connect(('127.0.0.1', q.statsd_port))
    started = time.monotonic()
    i = 0
    while sent < count:
        s.send(packets[i % NAMES])
        i += 1
        sent += PER_DATAGRAM
        if rate and i % 32 == 0:
            ahead = sent / rate - (time.monotonic() - started)
            if ahead > 0:
                time.sleep(ahead)  # paces the load; nothing is judged by it
    s.close()
    return sent


def below_the_loss_limit_every_counter_is_stored():
    with quis.Quisd() as q:
        sent = send(q, COUNT, 250000)
        quis.wait_for(f'the stored sum to be {sent}', lambda: value(q, 'sum({__name__=~"exact_name.*"})') == sent, 60)
        drops = value(q, 'sum(quis_statsd_kernel_drops_total)')
        quis.check(drops in (0, None), f'{drops} kernel drops below the limit')
        print(f'# sent {sent}, stored {sent}, dropped {drops}')


def above_it_sent_is_stored_plus_counted_drops():
    with quis.Quisd() as q:
        # a frozen telemetry cannot empty its socket: the kernel must drop, and count
        pid = q.pid_of('telemetry')
        os.kill(pid, 19)
        try:
            sent = send(q, min(COUNT, 2000000), 0)
        finally:
            os.kill(pid, 18)

        def adds_up():
            stored = value(q, 'sum({__name__=~"exact_name.*"})') or 0
            dropped = value(q, 'sum(quis_statsd_kernel_drops_total)') or 0
            return (stored, dropped) if stored + dropped * PER_DATAGRAM == sent and dropped > 0 else None
        stored, dropped = quis.wait_for('stored + dropped to be what was sent', adds_up, 60)
        print(f'# sent {sent}, stored {stored:.0f}, dropped {dropped:.0f} datagrams of {PER_DATAGRAM}')


def checks_with_long_tags_are_told_apart():
    with quis.Quisd() as q:
        tags = 'service:web,' + ','.join(f'tag{i}:{"v" * 40}' for i in range(8))
        for mount in 'ab':
            q.statsd(f'_sc|disk|2|h:db1|#{tags},mount:/{mount}')
        quis.wait_for('an incident for each', lambda: len(q.incidents()) == 2)
        q.statsd(f'_sc|disk|0|h:db1|#{tags},mount:/a')
        quis.wait_for('one to be resolved', lambda: len(q.incidents()) == 1)
        q.statsd(f'_sc|disk|0|h:db1|#{tags},mount:/b')
        quis.wait_for('the other one too', lambda: not q.incidents())


def a_flood_of_one_alert_silences_no_other():
    alert = {'kind': 'Alert', 'service': 'web', 'interval': '1s', 'no_data': 'ok', 'for': '1s'}
    rules = [dict(alert, name='flood', query='flood', above=1, summary='x' * 1000), dict(alert, name='quiet', query='quiet', above=1)]
    with quis.Quisd(resources=quis.PEOPLE + rules) as q:
        for first in range(0, 9000, 25):
            q.statsd('\n'.join(f'flood:0|g|#n:{n}' for n in range(first, first + 25)))
        quis.wait_for('the series', lambda: value(q, 'count(flood)') == 9000)
        for first in range(0, 9000, 25):
            q.statsd('\n'.join(f'flood:2|g|#n:{n}' for n in range(first, first + 25)))
        quis.wait_for('the flood', lambda: value(q, 'count(flood>1)') == 9000)
        q.statsd('quiet:2|g')
        titles = lambda: {i['title'].split(' is ')[0] for i in q.incidents('limit=100')}
        quis.wait_for('the other alert', lambda: 'quiet' in titles(), 30)
        quis.wait_for('somebody to be told about the flood',
                      lambda: 'A rule of group alerts cannot be evaluated: flood: it has more alerts than can be told' in titles(), 30)


quis.run_tests([below_the_loss_limit_every_counter_is_stored, above_it_sent_is_stored_plus_counted_drops,
                checks_with_long_tags_are_told_apart, a_flood_of_one_alert_silences_no_other])
