#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Seeds that never ran before: counted from the second of the clock at which this starts (QUIS_SIM_FROM repeats a run).
#   fresh.sh QUIS_SIM COUNT OFFSET [DAYS]
set -eu
from=$((${QUIS_SIM_FROM:-$(date +%s)000} + $3))
exec "$1" --from "$from" --count "$2" --days "${4:-30}"
