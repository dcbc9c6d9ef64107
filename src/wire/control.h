/* SPDX-License-Identifier: Apache-2.0
 *
 * The control protocol between the parent and a role: one packet a message over a SOCK_SEQPACKET
 * socketpair, some with a descriptor. First byte version, second type.
 */
#pragma once
#include "base/codec.h"
#include "base/time.h"
#include "wire/rolemsg.h"

#define CONTROL_VERSION 1
#define CONTROL_BYTES_MAX 8192

enum control_type {
	/* parent -> role */
	CONTROL_CONFIG =
	    1, /* fd: a memfd with the slice. The first starts the role, later ones reload it */
	CONTROL_PEER,   /* fd: a socketpair's end; u8 role, u32 generation */
	CONTROL_LISTEN, /* fd: a socket; str name */
	CONTROL_ROLES,  /* the table of roles */
	CONTROL_STOP,
	/* role -> parent */
	CONTROL_READY,   /* open() returned OK and the sandbox is on */
	CONTROL_BEAT,    /* once a second: u8 ok, str verdict, i64 lag ns of the loop */
	CONTROL_REFUSED, /* a reload was refused: str why */
	CONTROL_TYPE_COUNT
};

enum role_state {
	ROLE_STATE_OFF,
	ROLE_STATE_STARTING,
	ROLE_STATE_RUNNING,
	ROLE_STATE_BACKOFF,
	ROLE_STATE_STOPPED,
	ROLE_STATE_COUNT
};
extern const struct str role_state_name[ROLE_STATE_COUNT];

/* The parent's view of a role. */
struct role_status {
	enum role_state state;
	uint32_t restarts;
	struct wall since;   /* of this state */
	struct wall beat_at; /* the last beat seen by the parent; ns 0 = none yet */
	bool ok;             /* its own last verdict */
	struct str verdict;
	struct str
	    last_end; /* how the last run ended: "killed by signal 9", "exit 1", "stuck" or empty */
	int32_t pid;
};

struct control {
	enum control_type type;
	enum role peer;                       /* PEER */
	uint32_t generation;                  /* PEER */
	struct str name;                      /* LISTEN; CONFIG: the account to run as, or empty */
	struct str text;                      /* BEAT's verdict, REFUSED; CONFIG: data_dir */
	bool ok;                              /* BEAT */
	struct span lag;                      /* BEAT */
	struct role_status roles[ROLE_COUNT]; /* ROLES */
};

void control_encode(struct buf *b, const struct control *c);
/* Texts borrow from bytes. ERR_INPUT for what is not of this version. */
must_check enum err control_decode(struct str bytes, struct control *ret);
