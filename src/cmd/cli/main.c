/* SPDX-License-Identifier: Apache-2.0
 *
 * quis: the command line of Quis.
 */
#include "cmd/cli/cli.h"

int main(int argc, char **argv)
{
	return cli_main(argc, argv);
}
