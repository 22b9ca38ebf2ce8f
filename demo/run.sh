#!/bin/bash
#
# demo/run.sh - called by "./dev demo", which builds and installs the extension.
#
#   --keep         leave the server up at the end ("./dev stop" ends it)
#   --plant-error  make one row of a stream table wrong: the table must say
#                  "no" and the demo must fail
#   --rounds N     of each batch of changes; 3 if not given
#
# It starts a server of its own below /tmp and touches no other.

set -euo pipefail

TOP=${TOP:-$(cd "$(dirname "$0")/.." && pwd)}
. "$TOP/test/lib/server.sh"
: "${PGBIN:?run this through ./dev demo}"

keep=
options=()
while [ $# -gt 0 ]; do
	case $1 in
	--keep) keep=1 ;;
	--plant-error) options+=(--plant-error) ;;
	--rounds)
		options+=(--rounds "${2:-}")
		shift
		;;
	*) st_die "unknown option $1; there are --keep, --plant-error and --rounds N" ;;
	esac
	shift
done

{
	read -r venv
	read -r data
} < <(bash "$TOP/demo/data.sh")
[ -n "${data:-}" ] || exit 1

state=$TOP/build/demo/server # "./dev stop" looks here
if [ -n "$keep" ] && [ -f "$state" ]; then
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
PYTHONDONTWRITEBYTECODE=1 "$venv/bin/python3" "$TOP/demo/demo.py" --data "$data" ${options[@]+"${options[@]}"} || rc=$?

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
