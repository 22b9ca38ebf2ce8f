#!/bin/bash
#
# demo/data.sh - make sure that there is a Python environment with the TPC-H
# generator and a client, and TPC-H data of scale 0.1, in the cache outside the
# checkout.  Prints the directory of the environment and that of the data.

set -euo pipefail

TOP=$(cd "$(dirname "$0")/.." && pwd)
. "$TOP/test/lib/server.sh"

st_need_packages python3 python3-venv
cache=$(st_cache_dir)
sum=$({ python3 --version && cat "$TOP/demo/requirements.txt"; } | cksum | cut -d' ' -f1)
venv=$cache/venv-demo-$sum
data=$cache/tpch-0.1
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
	st_say "generating TPC-H data, scale 0.1 (once)"
	rm -rf "$data"
	"$venv/bin/tpchgen-cli" csv -s 0.1 -T orders,lineitem --output-dir "$data" >/dev/null
	touch "$data/.complete"
fi
echo "$venv"
echo "$data"
