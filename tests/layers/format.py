#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every C file is laid out as .clang-format says (clang-format 14, Debian 12's). To lay one out: clang-format-14 -i FILE"""
import os
import shutil
import subprocess
import sys

ROOT = os.path.abspath(sys.argv[1])
tool = shutil.which('clang-format-14')
if not tool:
    print('1..0 # SKIP clang-format-14 is not installed')
    sys.exit(0)
files = [os.path.join(folder, name) for top in ('src', 'sim', 'tests', 'bench')
         for folder, _, names in os.walk(os.path.join(ROOT, top)) if 'node_modules' not in folder
         for name in sorted(names) if name.endswith(('.c', '.h'))]
p = subprocess.run([tool, '--dry-run', '-Werror', '--ferror-limit=1', *files], capture_output=True, text=True)
wrong = sorted({line.split(':')[0] for line in p.stderr.splitlines() if 'clang-format-violations' in line})
print('1..1')
print(f"{'ok' if p.returncode == 0 and files else 'not ok'} 1 - {len(files)} files are laid out by the formatter")
for f in wrong:
    print('# ' + os.path.relpath(f, ROOT))
sys.exit(p.returncode)
