#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The same seed gives the same line, another seed another one; the hash is also that of any other build.
set -eu
a=$("$1" 7 10)
b=$("$1" 7 10)
c=$("$1" 8 10)
[ "$a" = "$b" ] || { echo "seed 7 differs from itself: $a / $b"; exit 1; }
[ "${a##* }" != "${c##* }" ] || { echo "seeds 7 and 8 have the same history"; exit 1; }
echo "$a"
