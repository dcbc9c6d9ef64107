/* SPDX-License-Identifier: Apache-2.0
 *
 * The telemetry role: receives samples (StatsD, remote write, other roles), owns the series store,
 * answers queries, evaluates rules and tells the engine the states of each group. Its own health is
 * series too.
 */
#pragma once
#include "net/child.h"

extern const struct role_body role_telemetry;
