-- SPDX-License-Identifier: Apache-2.0
-- The few incidents that found nobody on call, for those who look at them all the time.
CREATE INDEX incident_nobody ON incident (id) WHERE resolved_at = 0 AND nobody = 1 AND status = 'triggered';
