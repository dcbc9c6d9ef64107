/* SPDX-License-Identifier: Apache-2.0
 *
 * The runner role: the one place where foreign programs (plugins, suites) are executed. It holds no
 * secret and no database. Nothing is configured to run in this release; the role, its sandbox and
 * its channel are.
 */
#pragma once
#include "net/child.h"

extern const struct role_body role_runner;
