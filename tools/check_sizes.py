#!/usr/bin/env python3
"""Check sizes of source files, and what only compat.h may say.

A C file of more than 1500 lines fails; a function of more than 150 lines is
named as a warning (a flat switch or the table of settings may be longer);
PG_VERSION_NUM outside src/compat.h fails.
"""
import pathlib
import re
import sys

FILE_LIMIT = 1500
FUNCTION_LIMIT = 150
TOP = pathlib.Path(__file__).resolve().parent.parent
failed = False

for path in sorted((TOP / "src").rglob("*.[ch]")):
    name = path.relative_to(TOP)
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    if len(lines) > FILE_LIMIT:
        print(f"{name}: {len(lines)} lines, the limit is {FILE_LIMIT}")
        failed = True
    if name.as_posix() != "src/compat.h":
        for number, line in enumerate(lines, 1):
            if "PG_VERSION_NUM" in line:
                print(f"{name}:{number}: PG_VERSION_NUM belongs in src/compat.h")
                failed = True
    # In our layout a function body is what stands between a { and a } that
    # are alone in the first column; its name stands at the start of a line
    # somewhat above.
    start = None
    for number, line in enumerate(lines, 1):
        if line.rstrip() == "{":
            start = number
        elif line.rstrip() == "}" and start:
            if number - start > FUNCTION_LIMIT:
                above = lines[max(start - 12, 0):start]
                names = [m[1] for m in (re.match(r"(\w+)\(", x) for x in above) if m]
                print(f"warning: {name}:{start}: {names[-1] if names else 'function'}"
                      f" has {number - start} lines")
            start = None

sys.exit(1 if failed else 0)
