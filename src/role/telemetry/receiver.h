/* SPDX-License-Identifier: Apache-2.0
 *
 * A thread that does nothing but receive StatsD datagrams and hand them to the aggregation, so that
 * no flush, query or slow disk makes the socket's buffer run over. Batches by recvmmsg, an 8 MiB
 * receive buffer (asked for with SO_RCVBUFFORCE, else SO_RCVBUF), and what the kernel dropped all
 * the same is read from the socket itself (SO_MEMINFO).
 */
#pragma once
#include "role/telemetry/agg.h"

struct receiver;

struct receiver_counters {
	uint64_t calls;        /* of recvmmsg that gave something */
	uint64_t kernel_drops; /* datagrams, since the socket was made */
	uint64_t truncated;    /* datagrams larger than a buffer */
	uint64_t errors;
	uint32_t buffer_bytes; /* the receive buffer as granted */
};

#define RECEIVER_BUFFER_BYTES (8u << 20)

/* Takes fd. The aggregation must outlive the receiver. */
must_check enum err receiver_start(
    const struct mem *mem, int fd, struct agg *agg, struct receiver **ret);
/* Receives what is in the socket's buffer already, then ends the thread; counters can be asked
 * until it is freed. */
void receiver_end(struct receiver *receiver);
/* Ends it if it has not ended; closes fd. */
void receiver_free(struct receiver **receiver);
void receiver_counters(struct receiver *receiver, struct receiver_counters *ret);
