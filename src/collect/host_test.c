/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading /proc: real texts, broken texts, and this machine itself.
 */
#include "collect/host.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void loadavg(void **state)
{
	(void)state;
	double load[3];
	assert_int_equal(host_read_loadavg(STR("0.52 0.41 12.30 1/234 5678\n"), load), OK);
	assert_true(load[0] == 0.52 && load[1] == 0.41 && load[2] == 12.30);
	assert_int_equal(host_read_loadavg(STR(""), load), ERR_INPUT);
	assert_int_equal(host_read_loadavg(STR("0.5 x 1"), load), ERR_INPUT);
	assert_int_equal(host_read_loadavg(STR("0.5 0.5"), load), ERR_INPUT);
}

static void stat_line(void **state)
{
	(void)state;
	struct host_cpu cpu;
	assert_int_equal(
	    host_read_stat(STR("cpu  10 1 20 1000 50 2 3 4 5 6\ncpu0 1 1 1 1\n"), &cpu), OK);
	assert_int_equal(cpu.total, 1090);
	assert_int_equal(cpu.busy, 40);
	assert_int_equal(host_read_stat(STR("cpu0 1 2 3 4\n"), &cpu), ERR_INPUT);
	assert_int_equal(host_read_stat(STR("cpu 1 2\n"), &cpu), ERR_INPUT);
	assert_int_equal(host_read_stat(STR("cpu 1 2 -3 4\n"), &cpu), ERR_INPUT);
}

static void meminfo(void **state)
{
	(void)state;
	struct host_memory m;
	struct str text = STR("MemTotal:       1000 kB\nMemFree: 1 kB\nMemAvailable:    250 "
	                      "kB\nSwapTotal: 8 kB\nSwapFree: 2 kB\n");
	assert_int_equal(host_read_meminfo(text, &m), OK);
	assert_int_equal(m.total_bytes, 1024000);
	assert_int_equal(m.available_bytes, 256000);
	assert_int_equal(m.swap_free_bytes, 2048);
	assert_int_equal(host_read_meminfo(STR("MemFree: 1 kB\n"), &m), ERR_INPUT);
	assert_int_equal(
	    host_read_meminfo(STR("MemTotal: 99999999999999999999 kB\n"), &m), ERR_INPUT);
}

static void mounts(void **state)
{
	(void)state;
	struct host_mounts m = { .rest = STR("proc /proc proc rw 0 0\n"
		                             "/dev/a / ext4 rw 0 0\n"
		                             "/dev/a /var/bind ext4 rw 0 0\n"
		                             "tmpfs /run tmpfs rw 0 0\n"
		                             "/dev/b /mnt/my\\040disk xfs rw 0 0\n") };
	char path[64];
	assert_true(host_next_mount(&m, path, sizeof path));
	assert_string_equal(path, "/");
	assert_true(host_next_mount(&m, path, sizeof path));
	assert_string_equal(path, "/mnt/my disk");
	assert_false(host_next_mount(&m, path, sizeof path));
}

static void this_machine(void **state)
{
	(void)state;
	struct buf b = buf_make(&mem_system, 1 << 20);
	struct host_state host = { 0 };
	struct host_sample_writer w = { .body = &b, .host = STR("here") };
	uint32_t failed = 0;
	host_collect(&os_linux, &host, &w, &failed);
	assert_int_equal(failed, 0);
	assert_true(w.count >= 6);
	assert_int_equal(b.err, OK);
	struct rd r = rd_make(buf_str(&b));
	for (uint32_t i = 0; i < w.count; i++) {
		assert_true(rd_str(&r, 64).len > 0);
		for (unsigned labels = rd_u8(&r); labels > 0; labels--) {
			rd_str(&r, 64);
			rd_str(&r, 1024);
		}
		assert_true(rd_f64(&r) >= 0);
	}
	assert_int_equal(rd_done(&r), OK);
	buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loadavg),
		cmocka_unit_test(stat_line),
		cmocka_unit_test(meminfo),
		cmocka_unit_test(mounts),
		cmocka_unit_test(this_machine),
	};
	return cmocka_run_group_tests_name("host", tests, NULL, NULL);
}
