#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# catches.sh PROGRAM [ARGS]: with a fault on purpose ten seeds must not pass, and it must be a promise that says so.
set -eu
program=$1
shift
if said=$("$program" --from 1 --count 10 "$@" 2>&1); then
	echo "the fault was not noticed: $said"
	exit 1
fi
case $said in
*": promise "*) echo "noticed: $said" ;;
*) echo "it failed, but not by a promise: $said"; exit 1 ;;
esac
