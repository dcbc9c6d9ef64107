/* SPDX-License-Identifier: Apache-2.0
 *
 * quis-sim SEED [DAYS]                      one world, one line with the hash of its history
 * quis-sim --from SEED --count N [--days D] many, one line at the end
 * quis-sim --file FILE                      lines of "SEED DAYS", those that ever failed
 * --bug lose-timer | lose-message           with a fault on purpose: must end with a broken promise
 */
#include "sim.h"
#include "base/hash.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct args {
	uint64_t from, count, days;
	const char *file, *bug;
	bool many;
};

#define SEED_MAX UINT64_C(1000000000000000) /* a second of the clock and three more digits */

static void usage(void)
{
	fprintf(stderr, "usage: quis-sim SEED [DAYS] | --from SEED --count N [--days D] | --file "
	                "FILE  [--bug NAME]\n");
	exit(2);
}

static uint64_t number(const char *text)
{
	uint64_t v = 0;
	if (!text || str_u64(str_c(text), &v) != OK || v > SEED_MAX) {
		fprintf(stderr, "quis-sim: '%s' is not a number\n", text ? text : "");
		usage();
	}
	return v;
}

static struct args parse(int argc, char **argv)
{
	struct args a = { .from = 1, .count = 1, .days = 30 };
	int places = 0;
	for (int i = 1; i < argc; i++) {
		struct str arg = str_c(argv[i]);
		const char *next = i + 1 < argc ? argv[i + 1] : NULL;
		if (str_eq(arg, STR("--from")))
			a.from = number(next), a.many = true, i++;
		else if (str_eq(arg, STR("--count")))
			a.count = number(next), a.many = true, i++;
		else if (str_eq(arg, STR("--days")))
			a.days = number(next), i++;
		else if (str_eq(arg, STR("--file")))
			a.file = next, i++;
		else if (str_eq(arg, STR("--bug")))
			a.bug = next, i++;
		else if (places == 0)
			a.from = number(argv[i]), places++;
		else if (places == 1)
			a.days = number(argv[i]), places++;
		else
			usage();
	}
	if (argc < 2 || a.days < 2 || a.days > 3660)
		usage();
	return a;
}

static uint64_t run(uint64_t seed, uint64_t days, const char *bug, bool say)
{
	struct sim *s = mem_new(&mem_system, 1, sizeof(*s));
	if (!s)
		exit(2);
	s->seed = seed;
	s->days = (uint32_t)days;
	s->bug = bug;
	sim_run(s);
	uint64_t history = s->history;
	if (say)
		printf("seed %" PRIu64 ": %" PRIu64 " days, %" PRIu64 " decisions, %" PRIu64
		       " triggers, %" PRIu64 " pages, %" PRIu64 " reached somebody, %" PRIu64
		       " crashes, history %016" PRIx64 "\n",
		    seed, days, s->steps, s->totals.triggers, s->totals.pages_intended,
		    s->deliveries, s->crashes, history);
	mem_free(&mem_system, s);
	return history;
}

static int run_file(const char *path, const char *bug)
{
	char line[128];
	FILE *f = fopen(path, "re");
	if (!f) {
		fprintf(stderr, "quis-sim: cannot read %s\n", path);
		return 2;
	}
	while (fgets(line, sizeof(line), f)) {
		struct str rest = str_trim(str_c(line)), seed = str_cut(&rest, ' ');
		uint64_t seed_v, days_v;
		if (seed.len == 0 || seed.ptr[0] == '#')
			continue;
		struct str days = str_cut(&rest, ' ');
		if (str_u64(seed, &seed_v) != OK || str_u64(days, &days_v) != OK || days_v < 2) {
			fprintf(stderr, "quis-sim: %s: a line is not \"SEED DAYS ...\": %s", path,
			    line);
			return 2;
		}
		(void)run(seed_v, days_v, bug, true);
	}
	return fclose(f) == 0 ? 0 : 2;
}

int main(int argc, char **argv)
{
	struct args a = parse(argc, argv);
	uint64_t all = 0;
	if (a.file)
		return run_file(a.file, a.bug);
	for (uint64_t i = 0; i < a.count; i++)
		all = hash_mix(all, run(a.from + i, a.days, a.bug, !a.many));
	if (a.many)
		printf("seeds %" PRIu64 " to %" PRIu64 ", %" PRIu64
		       " days each: no promise broken, history %016" PRIx64 "\n",
		    a.from, a.from + a.count - 1, a.days, all);
	return 0;
}
