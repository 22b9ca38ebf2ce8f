#!/bin/bash
#
# demo/run.sh - called by "./dev demo", which builds and installs the extension.
#
#   --keep         leave the server up at the end ("./dev stop" ends it)
#   --plant-error  make one row of a stream table wrong: the table must say
#                  "no" and the demo must fail
#
# It starts a server of its own below /tmp and touches no other.

set -euo pipefail

TOP=${TOP:-$(cd "$(dirname "$0")/.." && pwd)}
. "$TOP/test/lib/server.sh"
: "${PGBIN:?run this through ./dev demo}"

keep=
plant=
for arg in "$@"; do
	case $arg in
	--keep) keep=1 ;;
	--plant-error) plant=--plant-error ;;
	*) st_die "unknown option $arg; there are --keep and --plant-error" ;;
	esac
done

# A Python environment for the client and the data generator.
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
	python3 -m venv "$venv"
	"$venv/bin/pip" -q --disable-pip-version-check install -r "$TOP/demo/requirements.txt" >&2 </dev/null
	touch "$venv/.complete"
fi
if [ ! -e "$data/.complete" ]; then
	st_say "generating TPC-H data, scale 0.1 (once)"
	rm -rf "$data"
	"$venv/bin/tpchgen-cli" csv -s 0.1 -T orders,lineitem --output-dir "$data" >/dev/null
	touch "$data/.complete"
fi
exec 9>&-

state=$TOP/build/demo/server # "./dev stop" looks here
if [ -f "$state" ]; then
	st_server_stop "$(cat "$state")"
	rm -f "$state"
fi
st_say "starting a server for the demo"
ST_SERVER_CONF="shared_buffers = 256MB
max_wal_size = 2GB
jit = off
${ST_SERVER_CONF:-}"
dir=$(st_server_init "$PGBIN")
trap 'st_server_stop "$dir"' EXIT
trap 'exit 130' INT TERM
st_server_start "$dir"
. "$dir/env"
export PGHOST PGPORT PGUSER PGDATABASE=demo
unset PGSERVICE PGPASSWORD PGOPTIONS
"$PGBIN/createdb" demo

rc=0
PYTHONDONTWRITEBYTECODE=1 "$venv/bin/python3" "$TOP/demo/demo.py" --data "$data" $plant || rc=$?

if [ -n "$keep" ]; then
	mkdir -p "$(dirname "$state")"
	echo "$dir" >"$state"
	trap - EXIT
	cat <<TELL

The server is still up.  Connect with

    $PGBIN/psql -h $PGHOST -p $PGPORT -U $PGUSER demo

and try

    UPDATE lineitem SET l_discount = 0.01 WHERE l_orderkey < 100;
    SELECT pgtrickle.refresh_stream_table('q1');
    SELECT * FROM q1;
    SELECT * FROM pgtrickle.verify_stream_table('q1');
    SELECT * FROM pgtrickle.get_refresh_history('q1');
    SELECT pgtrickle.explain_stream_table('q1');

./dev stop ends it.
TELL
else
	cat <<'TELL'

To look around in it: ./dev demo --keep leaves the server up and tells how to connect.
To see that "exact" is really compared: ./dev demo --plant-error
TELL
fi
exit $rc
