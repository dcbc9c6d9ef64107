/* SPDX-License-Identifier: Apache-2.0
 *
 * The prober role: collects this host's own samples and sends them to telemetry.
 */
#pragma once
#include "net/child.h"

extern const struct role_body role_prober;
