/* SPDX-License-Identifier: Apache-2.0
 *
 * The web role: HTTP for people, sources and tools. Two of them share the listener; each can do it
 * alone.
 */
#pragma once
#include "net/child.h"

extern const struct role_body role_web, role_web2;
