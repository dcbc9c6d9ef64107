/* SPDX-License-Identifier: Apache-2.0
 *
 * See table.h.
 */
#include "role/parent/table.h"
#include <assert.h>
#include <string.h>
#include <sys/wait.h>

const struct role_link role_links[] = {
	{ ROLE_WEB, ROLE_ENGINE },
	{ ROLE_WEB2, ROLE_ENGINE },
	{ ROLE_WEB, ROLE_TELEMETRY },
	{ ROLE_WEB2, ROLE_TELEMETRY },
	{ ROLE_ENGINE, ROLE_TELEMETRY },
	{ ROLE_ENGINE, ROLE_NOTIFIER },
	{ ROLE_ENGINE, ROLE_AUDITOR },
	{ ROLE_AUDITOR, ROLE_NOTIFIER },
	{ ROLE_NOTIFIER, ROLE_TELEMETRY },
	{ ROLE_AUDITOR, ROLE_TELEMETRY },
	{ ROLE_PROBER, ROLE_TELEMETRY },
	{ ROLE_PROBER, ROLE_ENGINE },
	{ ROLE_RUNNER, ROLE_ENGINE },
};
const size_t role_link_count = ARRAY_COUNT(role_links);

/* The pager path first. */
const enum role role_started[] = {
	ROLE_ENGINE,
	ROLE_NOTIFIER,
	ROLE_WEB,
	ROLE_WEB2,
	ROLE_TELEMETRY,
	ROLE_AUDITOR,
	ROLE_PROBER,
	ROLE_RUNNER,
};
const size_t role_started_count = ARRAY_COUNT(role_started);

struct span restart_wait(uint32_t in_a_row)
{
	if (in_a_row <= 1)
		return SPAN_MS(0);
	uint32_t doublings = in_a_row - 2;
	int64_t ms = doublings >= 6 ? 5000 : 100 << doublings;
	return SPAN_MS(ms > 5000 ? 5000 : ms);
}

void role_end_text(struct buf *b, int status, bool stuck)
{
	if (stuck)
		buf_add_c(b, "no beat, ");
	if (WIFSIGNALED(status))
		buf_printf(
		    b, "killed by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
	else if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
		buf_printf(b, "exit %d", WEXITSTATUS(status));
	else
		buf_add_c(b, "ended");
	assert(b->err != OK || b->len > 0);
}
