/* SPDX-License-Identifier: Apache-2.0
 *
 * quisd: reads its arguments and becomes the parent, or, started again by the parent, a role.
 */
#include "cmd/quisd/roles.h"
#include "role/config/config.h"
#include "role/parent/parent.h"
#include "os/linux/proc.h"
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CONFIG_DEFAULT "/etc/quis/quis.yaml"
#define ROLE_ARGUMENT "--role="

static const char usage[] =
    "Usage: quisd [--config FILE] [--check | --reference | --version]\n"
    "\n"
    "Quis: monitoring and incident management that pages the right person and proves that it "
    "would.\n"
    "\n"
    "  --config FILE   the installation's configuration (default " CONFIG_DEFAULT ")\n"
    "  --check         read the configuration, say what is wrong with it, and end (0 right, 2 "
    "wrong)\n"
    "  --reference     print the reference of every setting as Markdown and end\n"
    "  --version       print the version and end\n"
    "  --help          print this and end\n"
    "\n"
    "Signals: SIGTERM stops cleanly; SIGHUP reads the configuration again (what is wrong changes "
    "nothing).\n"
    "\n"
    "Examples:\n"
    "  quisd --config /etc/quis/quis.yaml --check\n"
    "  quisd --config ./quis.yaml\n";

static int run_role(struct str name)
{
	if (str_starts(name, STR("config:"))) {
		proc_title(STR("quisd: config"));
		return config_run(&os_linux, name.ptr + STR("config:").len, 3);
	}
	const struct role_entry *entry = role_entry_find(name);
	if (!entry) {
		fprintf(stderr, "quisd: no role is called \"%.*s\"\n", STR_ARG(name));
		return 2;
	}
	char title[32];
	snprintf(title, sizeof title, "quisd: %.*s", STR_ARG(name));
	proc_title(str_c(title));
	return child_main(entry->body, &entry->sandbox);
}

int main(int argc, char **argv)
{
	const char *config = CONFIG_DEFAULT;
	bool check = false;
	if (argc == 2 && str_starts(str_c(argv[1]), STR(ROLE_ARGUMENT)))
		return run_role(str_from(str_c(argv[1]), STR(ROLE_ARGUMENT).len));
	for (int i = 1; i < argc; i++) {
		struct str arg = str_c(argv[i]);
		if (str_eq(arg, STR("--config")) && i + 1 < argc) {
			config = argv[++i];
		} else if (str_starts(arg, STR("--config="))) {
			config = argv[i] + STR("--config=").len;
		} else if (str_eq(arg, STR("--check"))) {
			check = true;
		} else if (str_eq(arg, STR("--reference"))) {
			return config_reference(1);
		} else if (str_eq(arg, STR("--version"))) {
			puts("quisd " QUIS_VERSION);
			return 0;
		} else if (str_eq(arg, STR("--help")) || str_eq(arg, STR("-h"))) {
			fputs(usage, stdout);
			return 0;
		} else {
			fprintf(
			    stderr, "quisd: unknown argument \"%s\"; see quisd --help\n", argv[i]);
			return 2;
		}
	}
	char path[PATH_MAX];
	if (!realpath(config, path)) {
		fprintf(stderr,
		    "quisd: %s: cannot be read: %m; name the configuration with --config FILE\n",
		    config);
		return 2;
	}
	if (check)
		return config_check(&os_linux, path);
	struct parent_args args = {
		.config_path = path, .version = STR(QUIS_VERSION), .role_argument = ROLE_ARGUMENT
	};
	return parent_run(&args);
}
