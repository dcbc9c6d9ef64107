/* SPDX-License-Identifier: Apache-2.0
 *
 * What the auditor believes, as a pure function of what it sees: which promises are broken.
 */
#pragma once
#include "store/control/reader.h"

enum check {
	CHECK_BEAT,
	CHECK_UNDECIDED,
	CHECK_OUTBOX,
	CHECK_COVER,
	CHECK_TIMERS,
	CHECK_STORE,
	CHECK_COUNT
};
extern const struct str check_name[CHECK_COUNT]; /* beat undecided outbox cover timers store */

#define CHECK_BEAT_MAX SPAN_S(5)
#define CHECK_UNDECIDED_MAX SPAN_S(5)
#define CHECK_OUTBOX_MAX SPAN_S(60)
#define CHECK_TIMER_GRACE SPAN_S(60)
#define CHECK_STORE_MAX SPAN_S(15)
#define CHECK_START SPAN_S(20) /* after our own start the others may still be starting */

struct sight {
	struct mono now, started;
	struct mono beat_at;           /* of the engine's last state; ns 0 = none yet */
	struct span undecided, outbox; /* as the engine said then */
	bool has_promises;             /* the store was read */
	struct mono promises_at;       /* when; ns 0 = never */
	struct control_promises promises;
	struct wall wall;
};

/* The sentence that says what is broken, or an empty str when the check holds. */
struct str check_look(enum check check, const struct sight *s, struct arena *a);
