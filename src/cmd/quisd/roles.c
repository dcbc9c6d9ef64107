/* SPDX-License-Identifier: Apache-2.0
 *
 * See roles.h. A path that begins with '@' is below data_dir. Nobody may listen, and only the
 * runner may start programs; sockets to the outside are for those who call out.
 */
#include "cmd/quisd/roles.h"
#include "role/auditor/auditor.h"
#include "role/engine/engine.h"
#include "role/notifier/notifier.h"
#include "role/prober/prober.h"
#include "role/runner/runner.h"
#include "role/telemetry/telemetry.h"
#include "role/web/web.h"

static const struct sandbox_path engine_paths[] = {
	{ "@/control", true },
	{ "/usr/share/zoneinfo", false },
	{ "/etc/localtime", false },
	{ "/dev/urandom", false },
};
static const struct sandbox_path telemetry_paths[] = {
	{ "@/series", true },
	{ "/dev/urandom", false },
};
/* A reader of a WAL database needs to write its -shm for its read marks: the folder, but not the
 * inbox, is owned by the engine's account too; SQLite opens the database itself read-only. */
static const struct sandbox_path auditor_paths[] = {
	{ "@/control", true },
	{ "/dev/urandom", false },
};
static const struct sandbox_path web_paths[] = {
	{ "@/control", true },
	{ "/usr/share/zoneinfo", false },
	{ "/dev/urandom", false },
};
/* Names must resolve, certificates must be found. */
static const struct sandbox_path client_paths[] = {
	{ "/etc/resolv.conf", false },
	{ "/etc/hosts", false },
	{ "/etc/nsswitch.conf", false },
	{ "/etc/host.conf", false },
	{ "/etc/gai.conf", false },
	{ "/etc/services", false },
	{ "/etc/ssl", false },
	{ "/usr/share/ca-certificates", false },
	{ "/usr/local/share/ca-certificates", false },
	{ "/usr/lib", false },
	{ "/lib", false },
	{ "/etc/ld.so.cache", false },
	{ "/run/systemd/resolve", false },
	{ "/dev/urandom", false },
	{ "/dev/null", true },
};
static const struct sandbox_path prober_paths[] = {
	{ "/proc", false },
	{ "/sys", false },
	{ "/etc", false },
	{ "/usr/lib", false },
	{ "/lib", false },
};
static const struct sandbox_path runner_paths[] = {
	{ "/usr", false },
	{ "/lib", false },
	{ "/bin", false },
	{ "/etc", false },
	{ "/dev/null", true },
};

#define PATHS(list) list, ARRAY_COUNT(list)
static const struct role_entry entries[] = {
	{ &role_engine, { SANDBOX_THREADS, PATHS(engine_paths) } },
	{ &role_notifier, { SANDBOX_NET_CLIENT | SANDBOX_THREADS, PATHS(client_paths) } },
	{ &role_web, { SANDBOX_THREADS, PATHS(web_paths) } },
	{ &role_web2, { SANDBOX_THREADS, PATHS(web_paths) } },
	{ &role_telemetry, { SANDBOX_THREADS, PATHS(telemetry_paths) } },
	{ &role_auditor, { SANDBOX_THREADS, PATHS(auditor_paths) } },
	{ &role_prober, { SANDBOX_NET_CLIENT | SANDBOX_THREADS, PATHS(prober_paths) } },
	{ &role_runner, { SANDBOX_EXEC | SANDBOX_THREADS, PATHS(runner_paths) } },
};

const struct role_entry *role_entry_find(struct str name)
{
	for (size_t i = 0; i < ARRAY_COUNT(entries); i++)
		if (str_eq(role_name[entries[i].body->role], name))
			return &entries[i];
	return NULL;
}
