#!/usr/bin/env python3
"""Check the #include lines below src/ against tools/rooms.txt.

Without arguments: first prove on a copy that a planted violation is found,
then check the tree.  --selftest does the first part only.
"""
import pathlib
import re
import shutil
import sys
import tempfile

INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)
TOP = pathlib.Path(__file__).resolve().parent.parent


def read_rules(path):
    rules = {}
    for line in path.read_text().splitlines():
        line = line.split("#")[0].strip()
        if line:
            room, allowed = line.split(":", 1)
            rules[room.strip()] = allowed.split()
    return rules.pop("open"), rules


def violations(src, opened, rules):
    """Yield one message for each include that the rules forbid."""
    for path in sorted(src.rglob("*.[ch]")):
        parts = path.relative_to(src).parts
        name = path.relative_to(src.parent)
        text = path.read_text(encoding="utf-8", errors="replace")
        room = parts[0] if len(parts) > 1 else None
        if room is not None and room not in rules:
            yield f"{name}: room {room} is not in tools/rooms.txt"
            continue
        for match in INCLUDE.finditer(text):
            header = match[1]
            line = text.count("\n", 0, match.start(1)) + 1
            where = f"{name}:{line}"
            if header.startswith(".") or (
                    "/" not in header and room is not None
                    and (src / room / header).exists()
                    and not (src / header).exists()):
                yield f'{where}: write "{header}" as "room/file.h"'
                continue
            if not (src / header).exists():
                continue        # PostgreSQL's own
            target = header.split("/")[0] if "/" in header else header
            if room is None or target == room:
                continue
            if header in opened or target in opened:
                continue
            allowed = rules[room]
            if target in allowed or (
                    "all" in allowed and target in rules and target != "api"):
                continue
            yield f"{where}: {room} may not include {header}"


def selftest(opened, rules):
    with tempfile.TemporaryDirectory() as tmp:
        src = pathlib.Path(tmp) / "src"
        shutil.copytree(TOP / "src", src)
        before = set(violations(src, opened, rules))
        for room in ("store", "refresh", "api"):
            (src / room).mkdir(exist_ok=True)
            (src / room / "planted.h").write_text("\n")
        (src / "store" / "planted.c").write_text(
            '#include "postgres.h"\n#include "refresh/planted.h"\n')
        (src / "refresh" / "planted.c").write_text(
            '#include "api/planted.h"\n#include "store/planted.h"\n')
        found = sorted(set(violations(src, opened, rules)) - before)
    expected = ["src/refresh/planted.c:1: refresh may not include api/planted.h",
                "src/store/planted.c:2: store may not include refresh/planted.h"]
    if found != expected:
        print("selftest: planted two violations, found", found)
        return False
    return True


def main():
    opened, rules = read_rules(TOP / "tools" / "rooms.txt")
    good = selftest(opened, rules)
    if "--selftest" not in sys.argv[1:]:
        for message in violations(TOP / "src", opened, rules):
            print(message)
            good = False
    return 0 if good else 1


sys.exit(main())
