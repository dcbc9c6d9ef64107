#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Keeps the law of rooms: src/LAYERS against the includes of every file, and against itself.

Refuses: a cycle in the table, an include of a room that is not listed for the including room, a room that
is missing from the table, kernel headers in pure rooms. Prints TAP."""
import os
import re
import sys

ROOT = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(__file__), "..", "..")
SRC = os.path.join(ROOT, "src")
PURE = {"base", "model", "wire", "query", "oncall", "incident", "rules", "proof", "conf", "guard", "quorum"}
SYSTEM = re.compile(r'#\s*include\s*<(sys/|unistd\.h|fcntl\.h|time\.h|netinet/|arpa/|netdb\.h|poll\.h|signal\.h|pthread\.h)')
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.M)


def table(text):
    rooms = {}
    for number, line in enumerate(text.splitlines(), 1):
        line = line.split("#")[0].strip()
        if not line:
            continue
        name, _, knows = line.partition(":")
        if name in rooms:
            raise SystemExit(f"src/LAYERS:{number}: room {name} is listed twice")
        rooms[name] = knows.split()
    return rooms


def cycle(rooms):
    """A list of rooms that forms a cycle, or None."""
    state = {}

    def visit(room, path):
        if state.get(room) == 2:
            return None
        if state.get(room) == 1:
            return path[path.index(room):] + [room]
        state[room] = 1
        for other in rooms.get(room, []):
            found = visit(other, path + [room])
            if found:
                return found
        state[room] = 2
        return None

    for room in rooms:
        found = visit(room, [])
        if found:
            return found
    return None


def room_of(path, rooms):
    """The longest room that is a prefix of the path."""
    best = None
    for room in rooms:
        if path == room or path.startswith(room + "/"):
            if best is None or len(room) > len(best):
                best = room
    return best


def check_file(path, text, rooms):
    """Complaints about one file below src/ (path relative to it)."""
    room = room_of(path, rooms)
    if room is None:
        return [] if path.startswith("cmd/") else [f"{path}: its room is not in src/LAYERS"]
    allowed = set(rooms[room]) | {room}
    complaints = []
    for included in INCLUDE.findall(text):
        if "/" not in included:
            continue
        other = room_of(included, rooms)
        if other is None or other not in allowed:
            complaints.append(f"{path}: {room} may not know {included}")
    is_test = path.endswith(("_test.c", "_fuzz.c"))
    if room in PURE and not is_test and SYSTEM.search(text):
        complaints.append(f"{path}: the pure room {room} includes {SYSTEM.search(text).group(0)}")
    return complaints


def self_test():
    """The checker must refuse what it is for."""
    rooms = table("base:\nos: base\nquery: base\n")
    bad = check_file("query/a.c", '#include "os/os.h"\n', rooms)
    clock = check_file("query/b.c", "#include <sys/time.h>\n", rooms)
    good = check_file("os/linux/c.c", '#include "base/str.h"\n#include "os/os.h"\n', rooms)
    return bool(bad) and bool(clock) and not good and cycle({"a": ["b"], "b": ["a"]}) is not None


def main():
    results = [("the checker refuses a wrong include, a clock in a pure room and a cycle", self_test(), [])]
    with open(os.path.join(SRC, "LAYERS")) as f:
        rooms = table(f.read())
    found = cycle(rooms)
    results.append(("src/LAYERS has no cycle", found is None, [" -> ".join(found)] if found else []))
    unknown = [f"{room}: {other} is not a room" for room, knows in rooms.items() for other in knows if other not in rooms]
    results.append(("src/LAYERS names only rooms", not unknown, unknown))
    complaints, files = [], 0
    for folder, _, names in os.walk(SRC):
        for name in sorted(names):
            if not name.endswith((".c", ".h")):
                continue
            path = os.path.relpath(os.path.join(folder, name), SRC)
            with open(os.path.join(folder, name), errors="replace") as f:
                complaints += check_file(path, f.read(), rooms)
            files += 1
    results.append((f"{files} files include only what their room may know", not complaints and files > 0, complaints))
    print(f"1..{len(results)}")
    for number, (name, ok, notes) in enumerate(results, 1):
        print(f"{'ok' if ok else 'not ok'} {number} - {name}")
        for note in notes:
            print(f"# {note}")
    return 0 if all(ok for _, ok, _ in results) else 1


sys.exit(main())
