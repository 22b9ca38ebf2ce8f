#!/usr/bin/env python3
"""Rewrite the OBJS list of the Makefile from the files below src/.

The list stays explicit so that a diff shows a file that comes or goes, and so
that a stray file is never linked in by accident.
"""
import pathlib
import re

ROOMS = ("util catalog capture store query delta apply graph refresh schedule "
         "observe integrate api").split()

top = pathlib.Path(__file__).resolve().parent.parent
files = [p.relative_to(top).with_suffix(".o").as_posix()
         for p in sorted((top / "src").rglob("*.c"))]


def room(name):
    parts = name.split("/")
    return parts[1] if len(parts) > 2 else ""


order = [""] + ROOMS
rooms = sorted({room(f) for f in files},
               key=lambda r: (order.index(r) if r in order else len(order), r))
lines = ["OBJS = \\"]
for r in rooms:
    lines += ["\t%s \\" % f for f in files if room(f) == r]
lines[-1] = lines[-1].removesuffix(" \\")
if not files:
    lines = ["OBJS ="]

makefile = top / "Makefile"
old = makefile.read_text()
new = re.sub(r"(?s)(# BEGIN OBJS\n).*?(# END OBJS\n)",
             lambda m: m[1] + "\n".join(lines) + "\n" + m[2], old)
if new != old:
    makefile.write_text(new)
    print("Makefile: %d objects" % len(files))
