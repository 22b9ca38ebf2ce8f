#!/usr/bin/env python3
"""Check that every place that names the version names the same one.

The control file decides.  META.json and the newest heading of CHANGELOG.md
must agree, and the update scripts must form a path that ends at it.
"""
import json
import pathlib
import re
import sys

TOP = pathlib.Path(__file__).resolve().parent.parent
errors = []

control = (TOP / "pg_trickle.control").read_text()
version = re.search(r"^default_version\s*=\s*'([^']+)'", control, re.M)[1]

meta = json.loads((TOP / "META.json").read_text())
if meta["version"] != version:
    errors.append(f"META.json: version {meta['version']}, control file {version}")
provided = meta["provides"]["pg_trickle"]["version"]
if provided != version:
    errors.append(f"META.json: provides version {provided}, control file {version}")

heading = re.search(r"^## \[?([0-9][^\]\s]*)", (TOP / "CHANGELOG.md").read_text(), re.M)
if heading is None or heading[1] != version:
    errors.append(f"CHANGELOG.md: newest heading is {heading and heading[1]}, "
                  f"control file {version}")

scripts = sorted(p.stem for p in (TOP / "sql" / "updates").glob("*.sql"))
for script in scripts:
    if not re.fullmatch(r"\d+\.\d+\.\d+--\d+\.\d+\.\d+", script):
        errors.append(f"sql/updates/{script}.sql: the name is not A--B.sql")
targets = {s.split("--")[-1] for s in scripts}
for target in sorted(targets - {version}):
    if not any(s.startswith(target + "--") for s in scripts):
        errors.append(f"sql/updates: {target} is reached, but no script leads on to {version}")
if scripts and version not in targets:
    errors.append(f"sql/updates: no script leads to {version}")

print("\n".join(errors), end="\n" if errors else "")
sys.exit(1 if errors else 0)
