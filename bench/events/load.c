/* SPDX-License-Identifier: Apache-2.0
 *
 * Posts single events over keep-alive connections, one outstanding on each, as fast as the server
 * answers (or at a given rate), and prints one line of JSON: how many were accepted, how fast, and
 * how long each took. What is counted as accepted was answered with the expected status. Loopback
 * only; bounded in count and time.
 *
 *   events_load --port 7847 --form v2 --key KEY --connections 64 --count 100000 [--seconds 60]
 * [--rate 0] [--from 0] [--same] events_load --port 9093 --form alertmanager ...
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS_MAX 1024
#define COUNT_MAX 2000000L
#define OUT_MAX 2048
#define IN_MAX 8192

struct options {
	int port, connections;
	long count, from, rate;
	double seconds;
	bool alertmanager, same;
	const char *key, *path;
	int expected;
};

struct client {
	int fd;
	size_t in_len;
	int64_t sent_at;
	bool busy;
	char in[IN_MAX];
};

struct run {
	struct options o;
	struct client *clients;
	int epoll_fd;
	long sent, answered, accepted, refused;
	int64_t *latency_ns;
	int64_t began, last_accepted;
	char first_refusal[256];
};

static int64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int make_body(const struct options *o, long id, char *out, size_t size)
{
	if (o->alertmanager)
		return snprintf(out, size,
		    "[{\"labels\":{\"alertname\":\"DiskFull%ld\",\"instance\":\"host%ld.example."
		    "com:9100\",\"job\":\"node\",\"severity\":\"critical\","
		    "\"cluster\":\"eu-1\"},\"annotations\":{\"summary\":\"Disk is 99%% full on "
		    "host%ld\",\"runbook\":\"http://runbooks.example.com/disk\"},"
		    "\"generatorURL\":\"http://prometheus.example.com/graph?g0.expr=disk\"}]",
		    id, id, id);
	return snprintf(out, size,
	    "{\"routing_key\":\"%s\",\"event_action\":\"trigger\",\"dedup_key\":\"disk/"
	    "host%ld\",\"payload\":{\"summary\":\"Disk is 99%% full on "
	    "host%ld\",\"source\":\"host%ld.example.com\",\"severity\":\"critical\",\"component\":"
	    "\"node\",\"group\":\"eu-1\",\"class\":\"disk\","
	    "\"custom_details\":{\"free space\":\"1%%\",\"ping time\":\"1500ms\",\"load "
	    "avg\":0.75}},\"client\":\"bench\","
	    "\"client_url\":\"http://prometheus.example.com/graph?g0.expr=disk\"}",
	    o->key, id, id, id);
}

static bool send_next(struct run *r, struct client *c)
{
	char body[OUT_MAX], out[OUT_MAX * 2];
	long id = r->o.same ? 0 : r->o.from + r->sent;
	int n = make_body(&r->o, id, body, sizeof body);
	int len = snprintf(out, sizeof out,
	    "POST %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Type: "
	    "application/json\r\nContent-Length: %d\r\n\r\n%.*s",
	    r->o.path, r->o.port, n, n, body);
	c->sent_at = now_ns();
	c->in_len = 0;
	c->busy = true;
	r->sent++;
	/* two kilobytes into an empty socket buffer: all of it or an error */
	return send(c->fd, out, (size_t)len, MSG_NOSIGNAL) == len;
}

/* 0: not yet whole; else the status. */
static int answer_whole(struct client *c)
{
	c->in[c->in_len] = 0;
	char *end = strstr(c->in, "\r\n\r\n");
	if (!end)
		return 0;
	char *field = strcasestr(c->in, "\r\ncontent-length:");
	size_t length = field && field < end ? strtoul(field + 17, NULL, 10) : 0;
	if (c->in_len < (size_t)(end + 4 - c->in) + length)
		return 0;
	return atoi(c->in + 9);
}

static bool client_open(struct run *r, struct client *c)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)r->o.port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int one = 1;
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&a, sizeof a) != 0) {
		perror("connect");
		return false;
	}
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = c };
	return epoll_ctl(r->epoll_fd, EPOLL_CTL_ADD, c->fd, &e) == 0;
}

/* False: the connection broke. */
static bool client_ready(struct run *r, struct client *c)
{
	ssize_t n = recv(c->fd, c->in + c->in_len, IN_MAX - 1 - c->in_len, MSG_DONTWAIT);
	if (n <= 0)
		return n < 0 && errno == EAGAIN;
	c->in_len += (size_t)n;
	int status = answer_whole(c);
	if (!status)
		return true;
	int64_t now = now_ns();
	r->latency_ns[r->answered++] = now - c->sent_at;
	c->busy = false;
	if (status == r->o.expected) {
		r->accepted++;
		r->last_accepted = now;
	} else if (r->refused++ == 0) {
		snprintf(r->first_refusal, sizeof r->first_refusal, "%.200s", c->in);
	}
	return true;
}

static bool may_send(const struct run *r)
{
	if (r->sent >= r->o.count)
		return false;
	if (r->o.rate == 0)
		return true;
	return r->sent < (long)((double)(now_ns() - r->began) / 1e9 * (double)r->o.rate);
}

static int by_size(const void *x, const void *y)
{
	int64_t a = *(const int64_t *)x, b = *(const int64_t *)y;
	return (a > b) - (a < b);
}

static double percentile_ms(const struct run *r, double q)
{
	return r->answered ? (double)r->latency_ns[(long)((double)(r->answered - 1) * q)] / 1e6 : 0;
}

static int run_all(struct run *r)
{
	struct epoll_event events[256];
	r->began = r->last_accepted = now_ns();
	long broken = 0;
	while (r->answered + broken < r->o.count &&
	       (double)(now_ns() - r->began) / 1e9 < r->o.seconds) {
		for (int i = 0; i < r->o.connections && may_send(r); i++)
			if (r->clients[i].fd >= 0 && !r->clients[i].busy &&
			    !send_next(r, &r->clients[i])) {
				fprintf(stderr, "a connection broke while sending\n");
				return 1;
			}
		int n = epoll_wait(r->epoll_fd, events, 256, r->o.rate ? 1 : 1000);
		for (int i = 0; i < n; i++) {
			struct client *c = events[i].data.ptr;
			if (!client_ready(r, c)) {
				fprintf(stderr, "a connection broke\n");
				return 1;
			}
			if (!c->busy && r->o.rate == 0 && may_send(r) && !send_next(r, c))
				return 1;
		}
	}
	return 0;
}

static void report(struct run *r)
{
	double seconds = (double)(r->last_accepted - r->began) / 1e9;
	qsort(r->latency_ns, (size_t)r->answered, sizeof *r->latency_ns, by_size);
	if (r->refused)
		fprintf(stderr, "first refusal: %s\n", r->first_refusal);
	printf("{\"connections\":%d,\"sent\":%ld,\"accepted\":%ld,\"refused\":%ld,\"seconds\":%.3f,"
	       "\"per_s\":%.0f,"
	       "\"ms\":{\"p50\":%.3f,\"p95\":%.3f,\"p99\":%.3f,\"max\":%.3f}}\n",
	    r->o.connections, r->sent, r->accepted, r->refused, seconds,
	    seconds > 0 ? (double)r->accepted / seconds : 0, percentile_ms(r, 0.5),
	    percentile_ms(r, 0.95), percentile_ms(r, 0.99), percentile_ms(r, 1));
}

static bool options_read(int argc, char **argv, struct options *o)
{
	static const struct option names[] = { { "port", 1, NULL, 'p' }, { "form", 1, NULL, 'f' },
		{ "key", 1, NULL, 'k' }, { "connections", 1, NULL, 'c' }, { "count", 1, NULL, 'n' },
		{ "seconds", 1, NULL, 's' }, { "rate", 1, NULL, 'r' }, { "from", 1, NULL, 'o' },
		{ "same", 0, NULL, 'd' }, { NULL, 0, NULL, 0 } };
	*o = (struct options){ .connections = 64,
		.count = 100000,
		.seconds = 60,
		.path = "/v2/enqueue",
		.expected = 202,
		.key = "0123456789abcdef0123456789abcdef" };
	for (int c; (c = getopt_long(argc, argv, "", names, NULL)) != -1;) {
		switch (c) {
		case 'p': o->port = atoi(optarg); break;
		case 'f': o->alertmanager = strcmp(optarg, "alertmanager") == 0; break;
		case 'k': o->key = optarg; break;
		case 'c': o->connections = atoi(optarg); break;
		case 'n': o->count = atol(optarg); break;
		case 's': o->seconds = atof(optarg); break;
		case 'r': o->rate = atol(optarg); break;
		case 'o': o->from = atol(optarg); break;
		case 'd': o->same = true; break;
		default: return false;
		}
	}
	if (o->alertmanager) {
		o->path = "/api/v2/alerts";
		o->expected = 200;
	}
	return o->port > 0 && o->port < 65536 && o->connections > 0 &&
	       o->connections <= CONNECTIONS_MAX && o->count > 0 && o->count <= COUNT_MAX &&
	       o->seconds > 0 && o->seconds <= 600 && strlen(o->key) <= 64;
}

int main(int argc, char **argv)
{
	struct run r = { .epoll_fd = epoll_create1(EPOLL_CLOEXEC) };
	if (!options_read(argc, argv, &r.o)) {
		fprintf(stderr, "usage: events_load --port PORT [--form v2|alertmanager] [--key "
		                "KEY] [--connections N] [--count N] [--seconds S] "
		                "[--rate PER_S] [--from ID] [--same]\n");
		return 2;
	}
	r.clients = calloc((size_t)r.o.connections, sizeof *r.clients);
	r.latency_ns = calloc((size_t)r.o.count, sizeof *r.latency_ns);
	if (!r.clients || !r.latency_ns || r.epoll_fd < 0)
		return 1;
	for (int i = 0; i < r.o.connections; i++)
		if (!client_open(&r, &r.clients[i]))
			return 1;
	int code = run_all(&r);
	report(&r);
	for (int i = 0; i < r.o.connections; i++)
		close(r.clients[i].fd);
	free(r.clients);
	free(r.latency_ns);
	close(r.epoll_fd);
	return code;
}
