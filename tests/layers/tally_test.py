#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The counter of test results counts what is there, and silence as failure."""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools"))
from tally import tally  # noqa: E402

CASES = [
    ([{"result": "OK", "stdout": "1..2\nok 1 - a\nok 2 - b\n"}], (2, 0, 0)),
    ([{"result": "FAIL", "stdout": "1..2\nok 1 - a\nnot ok 2 - b\n"}], (1, 1, 0)),
    ([{"result": "ERROR", "stdout": "ok 1 - a\n"}], (1, 1, 0)),
    ([{"result": "TIMEOUT", "stdout": ""}], (0, 1, 0)),
    ([{"result": "OK"}], (1, 0, 0)),
    ([{"result": "OK", "stdout": "ok 1 - a # SKIP no root\n"}], (0, 0, 1)),
    ([], (0, 0, 0)),
]
print(f"1..{len(CASES)}")
bad = 0
for number, (entries, want) in enumerate(CASES, 1):
    got = tally([json.dumps(e) for e in entries])
    bad += got != want
    print(f"{'ok' if got == want else 'not ok'} {number} - {want}, got {got}")
sys.exit(bool(bad))
