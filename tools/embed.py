#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""embed.py FOLDER OUTPUT.c [DEPFILE]: the files below FOLDER as the table of src/web/assets.h.

Same folder, same bytes: sorted by path, gzip without a time. What lies in assets/ carries a hash in its name
(ui/build.mjs) and may be cached for ever."""
import gzip
import hashlib
import os
import re
import sys

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".json": "application/json",
    ".webmanifest": "application/manifest+json",
    ".txt": "text/plain; charset=utf-8",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
}
PATH = re.compile(r"[A-Za-z0-9._/-]+")
MAX_BYTES = 8 << 20  # a UI beyond this is a mistake: most likely the wrong folder


class Refused(Exception):
    pass


def collect(folder):
    """[(path, bytes)] of the folder, sorted by path's bytes."""
    found = []
    for base, folders, names in os.walk(folder):
        folders.sort()
        for name in names:
            full = os.path.join(base, name)
            path = os.path.relpath(full, folder).replace(os.sep, "/")
            if not PATH.fullmatch(path):
                raise Refused(f"{full}: only letters, digits, '.', '_' and '-' may be in the name of an asset")
            if os.path.splitext(name)[1] not in TYPES:
                raise Refused(f"{full}: no content type is known for this ending; add it to TYPES in tools/embed.py")
            with open(full, "rb") as f:
                found.append((path, f.read()))
    found.sort(key=lambda item: item[0].encode())
    if not any(path == "index.html" for path, _ in found):
        raise Refused(f"{folder}: holds no index.html; build the UI first (npm --prefix ui run build)")
    for path, data in found:
        if not data:
            raise Refused(f"{folder}/{path}: is empty")
    if sum(len(data) for _, data in found) > MAX_BYTES:
        raise Refused(f"{folder}: more than {MAX_BYTES} bytes; is this the built UI?")
    return found


def literal(data):
    """Bytes as C string literals, 32 bytes a line. Octal of three digits cannot swallow what follows."""
    lines = []
    for at in range(0, len(data), 32):
        text = "".join(
            chr(b) if 32 <= b < 127 and b not in (34, 63, 92) else f"\\{b:03o}" for b in data[at:at + 32])
        lines.append(f'\t"{text}"')
    return "\n".join(lines)


def render(found):
    out = ["/* Made by tools/embed.py; do not edit. */", '#include "web/assets.h"', ""]
    rows = []
    for i, (path, data) in enumerate(found):
        packed = gzip.compress(data, compresslevel=9, mtime=0)
        if len(packed) >= len(data):
            packed = b""
        out.append(f"static const char plain_{i}[] =\n{literal(data)};")
        if packed:
            out.append(f"static const char gzip_{i}[] =\n{literal(packed)};")
        zipped = f"{{ gzip_{i}, {len(packed)} }}" if packed else '{ "", 0 }'
        rows.append(
            f'\t{{ STR_INIT("{path}"), STR_INIT("{TYPES[os.path.splitext(path)[1]]}"),\n'
            f"\t    {{ plain_{i}, {len(data)} }}, {zipped},\n"
            f'\t    STR_INIT("{hashlib.sha256(data).hexdigest()[:24]}"), {"true" if path.startswith("assets/") else "false"} }},')
    out.append("\nconst struct web_asset web_assets[] = {\n" + "\n".join(rows) + "\n};")
    out.append(f"const size_t web_asset_count = {len(found)};\n")
    return "\n".join(out)


def main(argv):
    if len(argv) not in (3, 4):
        print(__doc__.splitlines()[0], file=sys.stderr)
        return 2
    folder, output = argv[1], argv[2]
    try:
        found = collect(folder)
    except (Refused, OSError) as why:
        print(f"embed.py: {why}", file=sys.stderr)
        return 1
    with open(output, "w", encoding="ascii", newline="\n") as f:
        f.write(render(found))
    if len(argv) == 4:  # a rebuilt UI has new names, and a name that is gone makes the target stale as well
        with open(argv[3], "w", encoding="utf-8", newline="\n") as f:
            names = [os.path.join(folder, path).replace(" ", "\\ ") for path, _ in found]
            f.write(f"{output}: {' '.join(names)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
