/* SPDX-License-Identifier: Apache-2.0
 *
 * The readers of /proc take any bytes.
 */
#include "collect/host.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str s = str_make((const char *)data, size);
	double load[3];
	struct host_cpu cpu;
	struct host_memory memory;
	char path[256];
	ignore_err(host_read_loadavg(s, load), "any verdict is fine");
	ignore_err(host_read_stat(s, &cpu), "any verdict is fine");
	ignore_err(host_read_meminfo(s, &memory), "any verdict is fine");
	struct host_mounts mounts = { .rest = s };
	while (host_next_mount(&mounts, path, sizeof path))
		;
	return 0;
}
