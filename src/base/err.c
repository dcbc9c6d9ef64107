/* SPDX-License-Identifier: Apache-2.0
 *
 * The phrases of enum err. Contract in err.h.
 */
#include "base/err.h"

const char *err_text(enum err e)
{
	switch (e) {
	case OK: return "ok";
	case ERR_NOMEM: return "out of memory";
	case ERR_LIMIT: return "a limit is exceeded";
	case ERR_INPUT: return "invalid input";
	case ERR_IO: return "input/output error";
	case ERR_BUSY: return "busy, try again later";
	case ERR_GONE: return "not found";
	case ERR_DENIED: return "not allowed";
	}
	return "unknown error";
}
