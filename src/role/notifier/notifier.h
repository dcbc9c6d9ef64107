/* SPDX-License-Identifier: Apache-2.0
 *
 * The notifier role: takes pages from the engine (and the auditor), sends each through its
 * provider, and brings back one receipt for each attempt.
 *
 * Promises. An attempt is sent at most once by this process; one message (idempotency key) is never
 * under way twice at the same time. A receipt is kept until the engine confirmed it durable; on
 * connecting it is told what is held. A cancelled page does not leave when its first byte has not.
 * What may have left without an answer is said to be unknown.
 */
#pragma once
#include "net/child.h"

extern const struct role_body role_notifier;
