#!/usr/bin/env python3
"""Write tools/typedefs.list: the types that src/ defines, sorted.

pgindent takes a name that is in no list for a variable. ./dev indent runs this.
"""
import pathlib
import re

TOP = pathlib.Path(__file__).resolve().parent.parent
LIST = TOP / "tools" / "typedefs.list"

names = set()
for path in sorted((TOP / "src").rglob("*.[ch]")):
    text = re.sub(r"/\*.*?\*/", "", path.read_text(encoding="utf-8", errors="replace"), flags=re.DOTALL)
    # a body in braces, if there is one, ends before the name
    names.update(re.findall(r"^}\s*(\w+);", text, re.MULTILINE) if "typedef" in text else [])
    names.update(re.findall(r"^typedef\s[^;{}()]*?\b(\w+);", text, re.MULTILINE))
    names.update(re.findall(r"^typedef\s[^;{}]*?\(\*(\w+)\)\s*\(", text, re.MULTILINE))
    names.update(m[1] for m in re.finditer(r"^typedef\s+[\w \t*]+?\b(\w+)\s*\([^()]*\);", text, re.MULTILINE))

LIST.write_text("".join(f"{name}\n" for name in sorted(names)))
