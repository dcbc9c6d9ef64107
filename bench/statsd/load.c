/* SPDX-License-Identifier: Apache-2.0
 *
 * Sends StatsD counters to a loopback port at a given rate and says exactly what it sent, as one
 * line of JSON: statsd_load --port N [--names 1000] [--per-datagram 30] [--rate METRICS/S] [--count
 * METRICS]
 *               [--prefix bench.] [--tags 0] [--segments 0]
 * Each counter adds 1. Rate 0: as fast as it goes. With --segments N up to N datagrams of one size
 * leave in one call (UDP GSO), so that the sender is not what is measured. Every datagram holds the
 * same number of lines of one length, so that a dropped one is worth exactly --per-datagram
 * counters.
 */
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#define BATCH 32u
#define DATAGRAM_MAX 1432u
#define SUPER_MAX 60000u

struct options {
	unsigned long port, names, per_datagram, rate, count, tags, segments;
	const char *prefix;
};

static uint64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static bool read_number(const char *text, unsigned long *ret)
{
	char *end;
	errno = 0;
	*ret = strtoul(text, &end, 10);
	return errno == 0 && *text && !*end;
}

static bool read_options(int argc, char **argv, struct options *o)
{
	*o = (struct options){
		.names = 1000, .per_datagram = 30, .count = 1000000, .prefix = "bench."
	};
	const struct {
		const char *name;
		unsigned long *value;
	} numbers[] = {
		{ "--port", &o->port },
		{ "--names", &o->names },
		{ "--per-datagram", &o->per_datagram },
		{ "--rate", &o->rate },
		{ "--count", &o->count },
		{ "--tags", &o->tags },
		{ "--segments", &o->segments },
	};
	for (int i = 1; i + 1 < argc; i += 2) {
		bool known = strcmp(argv[i], "--prefix") == 0;
		if (known)
			o->prefix = argv[i + 1];
		for (size_t k = 0; k < sizeof(numbers) / sizeof(numbers[0]); k++) {
			if (strcmp(argv[i], numbers[k].name) == 0)
				known = read_number(argv[i + 1], numbers[k].value);
		}
		if (!known)
			return false;
	}
	return argc % 2 == 1 && o->port > 0 && o->port < 65536 && o->names > 0 &&
	       o->names <= 10000000 && o->per_datagram > 0 && strlen(o->prefix) < 64;
}

/* One datagram after the other, each of the same size; *ret_count of them. */
static char *make_datagrams(const struct options *o, size_t *ret_size, size_t *ret_count)
{
	char line[256];
	size_t count = (o->names + o->per_datagram - 1) / o->per_datagram, size = 0;
	if (count < 4096)
		count = 4096;
	char *all = NULL;
	unsigned long name = 0;
	for (size_t d = 0; d < count; d++) {
		size_t at = 0;
		for (unsigned long i = 0; i < o->per_datagram; i++) {
			int n = snprintf(
			    line, sizeof(line), "%s%07lu:1|c", o->prefix, name++ % o->names);
			if (o->tags)
				n += snprintf(line + n, sizeof(line) - (size_t)n,
				    "|#env:prod,host:web%02lu,zone:a", name % 50);
			size_t bytes = (size_t)n + (i + 1 < o->per_datagram);
			if (!all) {
				size = bytes * o->per_datagram - (i + 1 < o->per_datagram ? 1 : 0);
				all = size <= DATAGRAM_MAX ? calloc(count, size) : NULL;
				if (!all)
					return NULL;
			}
			line[n] = '\n';
			assert(at + bytes <= size);
			memcpy(all + d * size + at, line, bytes);
			at += bytes;
		}
		assert(at == size);
	}
	*ret_size = size;
	*ret_count = count;
	return all;
}

struct sender {
	int fd;
	const char *all;
	size_t size, count, at;
};

/* Sends up to n datagrams; how many went. */
static size_t send_some(struct sender *s, size_t n, unsigned long segments)
{
	size_t left = s->count - s->at;
	n = n < left ? n : left;
	if (segments > 1) {
		size_t most = SUPER_MAX / s->size;
		n = n < segments ? n : segments;
		n = n < most ? n : most;
		struct iovec part = { (char *)(uintptr_t)(s->all + s->at * s->size), n * s->size };
		union {
			char bytes[CMSG_SPACE(sizeof(uint16_t))];
			struct cmsghdr align;
		} control = { { 0 } };
		struct msghdr m = { .msg_iov = &part,
			.msg_iovlen = 1,
			.msg_control = control.bytes,
			.msg_controllen = sizeof(control.bytes) };
		struct cmsghdr *c = CMSG_FIRSTHDR(&m);
		uint16_t size = (uint16_t)s->size;
		c->cmsg_level = IPPROTO_UDP;
		c->cmsg_type = UDP_SEGMENT;
		c->cmsg_len = CMSG_LEN(sizeof(size));
		memcpy(CMSG_DATA(c), &size, sizeof(size));
		if (sendmsg(s->fd, &m, 0) < 0)
			return 0;
	} else {
		struct mmsghdr list[BATCH] = { 0 };
		struct iovec parts[BATCH];
		n = n < BATCH ? n : BATCH;
		for (size_t i = 0; i < n; i++) {
			parts[i] =
			    (struct iovec){ (char *)(uintptr_t)(s->all + (s->at + i) * s->size),
				    s->size };
			list[i].msg_hdr = (struct msghdr){ .msg_iov = &parts[i], .msg_iovlen = 1 };
		}
		int sent = sendmmsg(s->fd, list, (unsigned)n, 0);
		n = sent > 0 ? (size_t)sent : 0;
	}
	s->at = (s->at + n) % s->count;
	return n;
}

int main(int argc, char **argv)
{
	struct options o;
	struct sender s = { 0 };
	if (!read_options(argc, argv, &o) || !(s.all = make_datagrams(&o, &s.size, &s.count))) {
		fprintf(stderr,
		    "usage: statsd_load --port N [--names N] [--per-datagram N] [--rate N] "
		    "[--count N] "
		    "[--prefix TEXT] [--tags 0|1] [--segments N]; a datagram is at most %u bytes\n",
		    DATAGRAM_MAX);
		return 2;
	}
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)o.port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	s.fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (s.fd < 0 || connect(s.fd, (struct sockaddr *)&to, sizeof(to)) != 0) {
		perror("socket");
		return 1;
	}
	uint64_t start = now_ns(), datagrams = 0,
	         want = (o.count + o.per_datagram - 1) / o.per_datagram;
	while (datagrams < want) {
		uint64_t due = want;
		if (o.rate) {
			due = (uint64_t)((double)(now_ns() - start) / 1e9 * (double)o.rate /
			                 (double)o.per_datagram) +
			      1;
			due = due < want ? due : want;
		}
		if (due <= datagrams) {
			const struct timespec rest = { 0, 100000 };
			nanosleep(&rest, NULL);
			continue;
		}
		datagrams += send_some(&s, (size_t)(due - datagrams), o.segments);
	}
	double seconds = (double)(now_ns() - start) / 1e9;
	struct rusage use;
	getrusage(RUSAGE_SELF, &use);
	printf("{\"datagrams\":%llu,\"metrics\":%llu,\"per_datagram\":%lu,\"seconds\":%.4f,"
	       "\"metrics_per_s\":%.0f,\"cpu_s\":%.3f}\n",
	    (unsigned long long)datagrams, (unsigned long long)(datagrams * o.per_datagram),
	    o.per_datagram, seconds, (double)(datagrams * o.per_datagram) / seconds,
	    (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
	        (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6);
	free((char *)(uintptr_t)s.all);
	close(s.fd);
	return 0;
}
