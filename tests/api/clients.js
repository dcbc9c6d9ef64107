// SPDX-License-Identifier: Apache-2.0
// Real clients of PagerDuty's API against a Quis: node clients.js HTTP_URL HTTPS_PORT TOKEN KEY. Prints one JSON object.
'use strict';
const assert = require('assert');
const [, , url, tlsPort, token, key] = process.argv;
const { api, event } = require('@pagerduty/pdjs');
const PagerDuty = require('node-pagerduty');
const seen = {};

async function pdjs() {
  // the whole address, over plain HTTP
  const pd = api({ token });
  let r = await api({ token, url: `${url}/incidents?limit=1` });
  assert.strictEqual(r.status, 200);
  assert.strictEqual(r.data.incidents.length, 1);
  // https, with the name that the client wants to see, and all pages
  const server = `localhost:${tlsPort}/api.pagerduty.com`;
  r = await event({ server: `localhost:${tlsPort}/events.pagerduty.com`, data: {
    routing_key: key, event_action: 'trigger', dedup_key: 'pdjs', payload: { summary: 'from pdjs', source: 's', severity: 'error' } } });
  assert.strictEqual(r.status, 202);
  assert.strictEqual(r.data.dedup_key, 'pdjs');
  const secure = api({ token, server });
  // 202 says that the event is durable, a moment later it is an incident
  for (const end = Date.now() + 5000; Date.now() < end && !(seen.pdjsAll >= 5);) {
    const all = await secure.all('/incidents', { data: { limit: 2, 'statuses[]': 'triggered' } });
    seen.pdjsAll = all.resource.length;
  }
  r = await secure.get('/users');
  assert.strictEqual(r.resource[0].type, 'user');
  const incident = (await secure.get('/incidents', { queryParameters: { 'statuses[]': ['triggered'] } })).resource[0];
  r = await secure.put(`/incidents/${incident.id}`, { headers: { From: 'ana@example.com' },
    data: { incident: { type: 'incident_reference', status: 'acknowledged' } } });
  assert.strictEqual(r.data.incident.status, 'acknowledged');
  void pd;
}

async function nodePagerduty() {
  const pd = new PagerDuty(token, 'token', { proxy: url, tunnel: false });
  const body = (r) => (typeof r.body === 'string' ? JSON.parse(r.body) : r.body);
  let r = body(await pd.incidents.listIncidents({ 'statuses[]': ['triggered'], limit: 3 }));
  assert.ok(r.incidents.length >= 1, JSON.stringify(r));
  const id = r.incidents[0].id;
  r = body(await pd.incidents.updateIncident(id, 'ana@example.com', { incident: { type: 'incident_reference', status: 'resolved' } }));
  assert.strictEqual(r.incident.status, 'resolved');
  r = body(await pd.incidents.createNote(id, 'ana@example.com', { note: { content: 'from node-pagerduty' } }));
  assert.strictEqual(r.note.content, 'from node-pagerduty');
  r = body(await pd.incidents.listLogEntries(id, {}));
  assert.ok(r.log_entries.some((e) => e.type === 'resolve_log_entry'));
  r = body(await pd.onCalls.listAllOnCalls({}));
  assert.ok(r.oncalls.length >= 1);
  r = body(await pd.services.listServices({}));
  assert.strictEqual(r.services[0].name, 'web');
  r = body(await pd.users.listUsers({}));
  seen.nodePagerdutyUsers = r.users.length;
}

(async () => {
  await pdjs();
  await nodePagerduty();
  console.log(JSON.stringify(seen));
})().catch((e) => {
  console.error(e && e.stack ? e.stack : e);
  process.exit(1);
});
