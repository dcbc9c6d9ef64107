/* SPDX-License-Identifier: Apache-2.0
 *
 * The engine role: the inbox, the pager core, and the only writer of the control store. See
 * ARCHITECTURE.md, "The way of a signal".
 */
#pragma once
#include "net/child.h"

extern const struct role_body role_engine;
