#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tools/embed.py: what it writes is what was in the folder, the same each time, and bad folders are refused. TAP."""
import gzip
import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..')
EMBED = os.path.join(ROOT, 'tools', 'embed.py')
results = []


def check(name, condition):
    results.append(bool(condition))
    print(f'{"ok" if condition else "not ok"} {len(results)} - {name}')


def embed(files):
    """(status, C text, complaint) of a folder with these files."""
    with tempfile.TemporaryDirectory() as folder:
        dist = os.path.join(folder, 'dist')
        os.makedirs(dist)
        for path, data in files.items():
            full = os.path.join(dist, path)
            os.makedirs(os.path.dirname(full), exist_ok=True)
            with open(full, 'wb') as f:
                f.write(data)
        out, dep = os.path.join(folder, 'out.c'), os.path.join(folder, 'out.d')
        done = subprocess.run([sys.executable, EMBED, dist, out, dep], capture_output=True, text=True, check=False)
        text = deps = ''
        if os.path.exists(out):
            with open(out, encoding='ascii') as f:
                text = f.read()
            with open(dep, encoding='utf-8') as f:
                deps = f.read()
        return done.returncode, text, done.stderr + deps


def bytes_of(text, name):
    """The bytes of a C array of string literals."""
    body = re.search(r'static const char %s\[\] =\n(.*?);\n' % name, text, re.S).group(1)
    out = b''
    for literal in re.findall(r'"((?:[^"\\]|\\.)*)"', body):
        out += re.sub(rb'\\([0-7]{3})', lambda m: bytes([int(m.group(1), 8)]), literal.encode())
    return out


page = b'<!doctype html>' + b' "quoted" ??= \\ \x00 1' * 40
script = bytes(range(256)) * 8
files = {'index.html': page, 'assets/a-B.js': script, 'z.svg': b'<svg/>'}
status, text, said = embed(files)
check('a good folder is taken', status == 0)
check('sorted by path', re.findall(r'\{ STR_INIT\("([^"]+)"\)', text) == ['assets/a-B.js', 'index.html', 'z.svg'])
check('the bytes are the same', bytes_of(text, 'plain_0') == script and bytes_of(text, 'plain_1') == page)
check('and so are the packed ones', gzip.decompress(bytes_of(text, 'gzip_1')) == page)
check('what would grow is not packed', 'gzip_2' not in text)
check('only hashed names are for ever', [line.strip().endswith('true },') for line in text.splitlines() if line.strip().endswith((' },',)) and 'STR_INIT("' in line and 'plain_' not in line] == [True, False, False])
check('the dependencies name each file', all(path in said for path in files))
check('the same folder gives the same bytes', embed(files)[1] == text)
for name, bad, word in [
        ('no index.html', {'a.js': b'1'}, 'index.html'), ('an unknown ending', {'index.html': page, 'a.exe': b'1'}, 'content type'),
        ('a strange name', {'index.html': page, 'a b.js': b'1'}, 'name of an asset'), ('an empty file', {'index.html': b''}, 'empty')]:
    status, _, said = embed(bad)
    check(f'{name} is refused, with the reason', status == 1 and word in said)
print(f'1..{len(results)}')
sys.exit(0 if all(results) else 1)
