/* SPDX-License-Identifier: Apache-2.0
 *
 * The names of the events' actions, as the Events API writes them.
 */
#include "model/record.h"

const struct str event_action_name[EVENT_ACTION_COUNT] = {
	[EVENT_TRIGGER] = STR_INIT("trigger"),
	[EVENT_ACKNOWLEDGE] = STR_INIT("acknowledge"),
	[EVENT_RESOLVE] = STR_INIT("resolve"),
};
