#!/bin/bash
#
# demo/data.sh [SCALE] - make sure that there is a Python environment with the
# TPC-H generator and a client, and TPC-H data of that scale (0.1 if not given),
# in the cache outside the checkout.  Prints the directory of the environment
# and that of the data, a CSV file for each table.  The demo, the benchmarks and
# the tests have their data from here.

set -euo pipefail

TOP=$(cd "$(dirname "$0")/.." && pwd)
. "$TOP/test/lib/server.sh"

scale=${1:-0.1}
st_need_packages python3 python3-venv
cache=$(st_cache_dir)
sum=$({ python3 --version && cat "$TOP/demo/requirements.txt"; } | cksum | cut -d' ' -f1)
venv=$cache/venv-demo-$sum
data=$cache/tpch-all-$scale
mkdir -p "$cache"
exec 9>"$cache/lock-demo"
flock 9
if [ ! -e "$venv/.complete" ]; then
	st_say "installing the TPC-H generator and a client (once)"
	rm -rf "$venv"
	python3 -m venv "$venv" >&2
	"$venv/bin/pip" -q --disable-pip-version-check install -r "$TOP/demo/requirements.txt" >&2 </dev/null
	touch "$venv/.complete"
fi
if [ ! -e "$data/.complete" ]; then
	st_say "generating TPC-H data, scale $scale (once)"
	# Made beside and put there whole: somebody may be reading an incomplete one.
	new=$(mktemp -d "$cache/tpch.XXXXXX")
	chmod 755 "$new"
	"$venv/bin/tpchgen-cli" csv -s "$scale" --output-dir "$new" >/dev/null
	touch "$new/.complete"
	rm -rf "$data"
	mv "$new" "$data"
fi
echo "$venv"
echo "$data"
