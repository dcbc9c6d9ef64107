/* SPDX-License-Identifier: Apache-2.0
 *
 * Rules by hand, bad bytes, and every zone of this machine against Python's zoneinfo (skipped
 * without it).
 */
#include "oncall/test_zone_priv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

static int setup(void **state)
{
	struct arena *a = NULL;
	if (arena_open(&mem_system, 64u << 20, &a) != OK)
		return -1;
	*state = a;
	return 0;
}

static int teardown(void **state)
{
	struct arena *a = *state;
	arena_close(&a);
	return 0;
}

static struct wall utc(const char *text)
{
	struct wall t;
	assert_int_equal(wall_parse(str_c(text), &t), OK);
	return t;
}

static struct civil local(const char *text)
{
	struct civil c;
	assert_int_equal(civil_parse(str_c(text), &c), OK);
	return c;
}

static void test_offsets(void **state)
{
	static const struct {
		const char *footer, *at;
		int32_t offset_s;
	} cases[] = {
		{ "UTC0", "2026-01-01T00:00:00Z", 0 },
		{ "<+0530>-5:30", "2026-01-01T00:00:00Z", 19800 },
		{ "CET-1CEST,M3.5.0,M10.5.0/3", "2026-03-29T00:59:59Z", 3600 },
		{ "CET-1CEST,M3.5.0,M10.5.0/3", "2026-03-29T01:00:00Z", 7200 },
		{ "CET-1CEST,M3.5.0,M10.5.0/3", "2026-10-25T00:59:59Z", 7200 },
		{ "CET-1CEST,M3.5.0,M10.5.0/3", "2026-10-25T01:00:00Z", 3600 },
		{ "CET-1CEST,M3.5.0,M10.5.0/3", "2250-07-01T00:00:00Z", 7200 },
		{ "EST5EDT,M3.2.0,M11.1.0", "2026-03-08T06:59:59Z", -18000 },
		{ "EST5EDT,M3.2.0,M11.1.0", "2026-03-08T07:00:00Z", -14400 },
		/* south of the equator the year begins in summer */
		{ "AEST-10AEDT,M10.1.0,M4.1.0/3", "2026-01-01T00:00:00Z", 39600 },
		{ "AEST-10AEDT,M10.1.0,M4.1.0/3", "2026-07-01T00:00:00Z", 36000 },
		/* half an hour */
		{ "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", "2026-01-01T00:00:00Z", 39600 },
		{ "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", "2026-05-01T00:00:00Z", 37800 },
		/* Irish winter time is the exception, not summer time */
		{ "IST-1GMT0,M10.5.0,M3.5.0/1", "2026-01-01T00:00:00Z", 0 },
		{ "IST-1GMT0,M10.5.0,M3.5.0/1", "2026-07-01T00:00:00Z", 3600 },
		/* Julian days with and without 29 February, summer all year */
		{ "AAA3BBB,J60/0,J300/0", "2028-03-01T03:00:00Z", -7200 },
		{ "AAA3BBB,J60/0,J300/0", "2028-03-01T02:59:59Z", -10800 },
		{ "AAA3BBB,59/0,J300/0", "2028-02-29T03:00:00Z", -7200 },
		{ "XXX3EDT4,0/0,J365/23", "2026-01-01T00:00:00Z", -14400 },
		{ "XXX3EDT4,0/0,J365/23", "2026-12-31T23:59:59Z", -14400 },
		/* times beyond a day and before it */
		{ "<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "2026-03-29T00:59:59Z", -7200 },
		{ "<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "2026-03-29T01:00:00Z", -3600 },
		{ "EET-2EEST,M3.4.4/50,M10.4.4/50", "2026-03-28T00:00:00Z", 10800 },
	};
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		const struct zone *z = test_zone(*state, str_c(cases[i].footer));
		assert_non_null(z);
		struct wall t = utc(cases[i].at);
		if (zone_offset(z, t) != cases[i].offset_s)
			fprintf(stderr, "%s at %s: %d\n", cases[i].footer, cases[i].at,
			    zone_offset(z, t));
		assert_int_equal(zone_offset(z, t), cases[i].offset_s);
	}
}

static void test_instants(void **state)
{
	static const struct {
		const char *local, *first, *last;
	} cases[] = {
		{ "2026-01-05T09:00", "2026-01-05T08:00:00Z", "2026-01-05T08:00:00Z" },
		{ "2026-07-05T09:00", "2026-07-05T07:00:00Z", "2026-07-05T07:00:00Z" },
		{ "2026-10-25T02:30", "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z" }, /* twice */
		{ "2026-10-25T02:00", "2026-10-25T00:00:00Z", "2026-10-25T01:00:00Z" },
		{ "2026-10-25T03:00", "2026-10-25T02:00:00Z", "2026-10-25T02:00:00Z" },
		{ "2026-03-29T02:30", "2026-03-29T01:00:00Z", "2026-03-29T01:00:00Z" }, /* never */
		{ "2026-03-29T02:00", "2026-03-29T01:00:00Z", "2026-03-29T01:00:00Z" },
		{ "2026-03-29T03:00", "2026-03-29T01:00:00Z", "2026-03-29T01:00:00Z" },
		{ "2028-02-29T12:00", "2028-02-29T11:00:00Z", "2028-02-29T11:00:00Z" },
	};
	const struct zone *z = test_zone(*state, STR("CET-1CEST,M3.5.0,M10.5.0/3"));
	assert_non_null(z);
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct wall first, last;
		zone_instants(z, local(cases[i].local), &first, &last);
		assert_true(first.ns == utc(cases[i].first).ns);
		assert_true(last.ns == utc(cases[i].last).ns);
	}
	struct wall first, last;
	zone_instants(NULL, local("2026-01-05T09:00"), &first, &last);
	assert_true(first.ns == utc("2026-01-05T09:00:00Z").ns && last.ns == first.ns);
	assert_int_equal(zone_offset(NULL, first), 0);
}

static void test_bad_footers(void **state)
{
	static const char *bad[] = { "A0", "UTC", "UTC0EDT", "UTC0EDT,M3.2.0",
		"UTC0EDT,M13.2.0,M11.1.0", "UTC0EDT,M3.6.0,M11.1.0", "UTC0EDT,M3.2.7,M11.1.0",
		"UTC0EDT,J0,J5", "UTC0EDT,366,5", "UTC25", "UTC0EDT,M3.2.0,M11.1.0x",
		"UTC0EDT,M3.2.0/168,M11.1.0", "<>0", "<AB0", "UTC0:60", "UTC99999999999" };
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
		assert_null(test_zone(*state, str_c(bad[i])));
}

static void test_bad_bytes(void **state)
{
	struct buf b = test_zone_bytes(STR("CET-1CEST,M3.5.0,M10.5.0/3"));
	const struct zone *z = NULL;
	for (size_t n = 0; n < b.len; n++)
		assert_int_equal(zone_read(*state, str_first(buf_str(&b), n), &z), ERR_INPUT);
	assert_null(z);
	b.ptr[4] = '\0'; /* version 1 has no footer */
	assert_int_equal(zone_read(*state, buf_str(&b), &z), ERR_INPUT);
	b.ptr[4] = '2';
	b.ptr[0] = 'X';
	assert_int_equal(zone_read(*state, buf_str(&b), &z), ERR_INPUT);
	buf_free(&b);
}

static void test_names(void **state)
{
	(void)state;
	static const char *good[] = { "UTC", "Europe/Lisbon", "America/Argentina/Buenos_Aires",
		"Etc/GMT+5", "America/Port-au-Prince" };
	static const char *bad[] = { "", "/", "/etc", "a//b", "../x", "a/../b", "a.b", "Europe/",
		"a b", "-x", "a/-x", "\xc3\xa4" };
	for (size_t i = 0; i < ARRAY_COUNT(good); i++)
		assert_true(zone_name_valid(str_c(good[i])));
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
		assert_false(zone_name_valid(str_c(bad[i])));
}

/* -- every zone -----------------------------------------------------------------------------------
 */

/* "Z name" begins a zone, "O t offset" is an offset, "L local first last" a local time (in seconds
 * of the civil line), "G local" one that does not exist. */
static const char python[] =
    "import zoneinfo as Z,datetime as D,sys\n"
    "E=D.datetime(1970,1,1);U=D.timezone.utc;w=sys.stdout.write;s=1\n"
    "for n in sorted(Z.available_timezones()):\n"
    "  z=Z.ZoneInfo(n);w('Z %s\\n'%n)\n"
    "  for k in range(330):\n"
    "    s=(s*6364136223846793005+1442695040888963407)&(2**64-1)\n"
    "    t=-2208988800+k*19000000+(s>>44)\n"
    "    o=D.datetime.fromtimestamp(t,U).astimezone(z).utcoffset()\n"
    "    w('O %d %d\\n'%(t,o.total_seconds()))\n"
    "    if k%3==0:\n"
    "      d=E+D.timedelta(seconds=t);a=d.replace(tzinfo=z,fold=0);b=d.replace(tzinfo=z,fold=1)\n"
    "      x=a.astimezone(U);y=b.astimezone(U)\n"
    "      if x.astimezone(z).replace(tzinfo=None)!=d: w('G %d\\n'%t)\n"
    "      else: w('L %d %d %d\\n'%(t,x.timestamp(),y.timestamp()))\n";

static FILE *python_start(pid_t *ret_pid)
{
	int ends[2];
	if (pipe(ends) != 0)
		return NULL;
	pid_t pid = fork();
	if (pid == 0) {
		(void)dup2(ends[1], STDOUT_FILENO);
		(void)close(ends[0]);
		(void)close(ends[1]);
		(void)execlp("python3", "python3", "-c", python, (char *)NULL);
		_exit(127);
	}
	(void)close(ends[1]);
	*ret_pid = pid;
	return fdopen(ends[0], "r");
}

static const struct zone *zone_load(struct arena *a, const char *name)
{
	static char bytes[1 << 20];
	char path[256];
	const struct zone *z = NULL;
	snprintf(path, sizeof(path), "/usr/share/zoneinfo/%s", name);
	FILE *f = fopen(path, "re");
	if (!f)
		return NULL;
	size_t n = fread(bytes, 1, sizeof(bytes), f);
	(void)fclose(f);
	return zone_read(a, str_make(bytes, n), &z) == OK ? z : NULL;
}

static struct wall at_s(long long s)
{
	return (struct wall){ s * NS_PER_S };
}

static void check_line(const struct zone *z, const char *name, const char *line)
{
	long long t = 0, x = 0, y = 0;
	struct wall first, last;
	int n = sscanf(line + 1, "%lld %lld %lld", &t, &x, &y);
	bool ok = n >= 1;
	if (line[0] == 'O') {
		ok = ok && zone_offset(z, at_s(t)) == x;
	} else {
		zone_instants(z, civil_from_s(t), &first, &last);
		if (line[0] == 'L')
			ok = ok && first.ns == at_s(x).ns && last.ns == at_s(y).ns;
		else /* the change: right before it is earlier, from it on it is later */
			ok = ok && first.ns == last.ns &&
			     civil_to_s(zone_local(z, wall_add(first, SPAN_S(-1)))) < t &&
			     civil_to_s(zone_local(z, first)) > t;
	}
	if (!ok)
		fprintf(stderr, "%s: %s", name, line);
	assert_true(ok);
}

static void test_every_zone(void **state)
{
	pid_t pid = -1;
	char line[128], name[128] = "";
	const struct zone *z = NULL;
	size_t zones = 0, lines = 0, missing = 0;
	int status = 0;
	FILE *f = python_start(&pid);
	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		if (line[0] == 'Z') {
			line[strcspn(line, "\n")] = '\0';
			snprintf(name, sizeof(name), "%s", line + 2);
			arena_reset(*state);
			z = zone_load(*state, name);
			zones += z != NULL;
			missing += z == NULL;
			continue;
		}
		if (z)
			check_line(z, name, line);
		lines++;
	}
	(void)fclose(f);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (zones == 0) {
		print_message("# no python3, no zoneinfo, or no zone files: not compared\n");
		return;
	}
	assert_int_equal(status, 0);
	assert_int_equal(missing, 0);
	assert_true(zones > 300 && lines > 300 * zones);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_offsets, setup, teardown),
		cmocka_unit_test_setup_teardown(test_instants, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_footers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_bytes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_names, setup, teardown),
		cmocka_unit_test_setup_teardown(test_every_zone, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
