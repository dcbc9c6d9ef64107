#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Counts a Meson testlog.json: TAP points where a test speaks TAP, else one for each test.
Prints "PASSED FAILED SKIPPED"."""
import json
import re
import sys

POINT = re.compile(r"^(not )?ok\b(.*)$", re.M)


def tally(lines):
    passed = failed = skipped = 0
    for line in lines:
        entry = json.loads(line)
        points = POINT.findall(entry.get("stdout") or "")
        bad = entry["result"] not in ("OK", "SKIP", "EXPECTEDFAIL")
        good_points = sum(1 for no, text in points if not no and "# SKIP" not in text.upper())
        skips = sum(1 for _, text in points if "# SKIP" in text.upper())
        bad_points = sum(1 for no, text in points if no and "# SKIP" not in text.upper())
        passed += good_points
        skipped += skips
        failed += bad_points
        if not points:
            passed += entry["result"] == "OK"
            skipped += entry["result"] == "SKIP"
        if bad and bad_points == 0:
            failed += 1  # died, timed out, or was silent
    return passed, failed, skipped


if __name__ == "__main__":
    try:
        with open(sys.argv[1]) as log:
            print(*tally(log))
    except FileNotFoundError:
        print("0 1 0")  # no log: nothing ran, and that is a failure
