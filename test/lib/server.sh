# test/lib/server.sh - sourced, not run: helpers to install what the tests need
# and to start and stop a throwaway PostgreSQL server.
#
# A throwaway server lives in one directory made by mktemp under /tmp:
#
#   data/    the cluster        sock/   its socket directory
#   log      the server's log   env     shell assignments (port, directories)
#
# Only a server whose directory we hold is ever stopped, through pg_ctl and
# that directory: no server is looked for by port or by process name.
# PostgreSQL refuses to run as root, so as root its programs run as the system
# user postgres.

st_say() {
	printf '%s\n' "== $*" >&2
}

st_die() {
	printf '%s\n' "error: $*" >&2
	exit 1
}

# Where things outside the checkout are kept.  As root not below $HOME: the
# user postgres cannot read /root.
st_cache_dir() {
	if [ -n "${PGTRICKLE_CACHE:-}" ]; then
		echo "$PGTRICKLE_CACHE"
	elif [ "$(id -u)" = 0 ]; then
		echo /var/cache/pg_trickle
	else
		echo "${XDG_CACHE_HOME:-$HOME/.cache}/pg_trickle"
	fi
}

# The named Debian packages that are missing.
st_missing_packages() {
	for st_p in "$@"; do
		dpkg-query -W -f='${Status}\n' "$st_p" 2>/dev/null |
			grep -q '^install ok installed' || printf ' %s' "$st_p"
	done
}

# Install the named Debian packages that are missing, or say how to.
st_need_packages() {
	st_missing=$(st_missing_packages "$@")
	[ -n "$st_missing" ] || return 0
	if [ "$(id -u)" = 0 ]; then
		st_sudo=
	elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
		st_sudo=sudo
	else
		st_die "missing packages; run: apt-get install -y$st_missing"
	fi
	mkdir -p "$(st_cache_dir)"
	# "apt-get update" waits for no lock of another one, and two checks may
	# run at once.
	(
		flock 9
		st_missing=$(st_missing_packages "$@")
		[ -n "$st_missing" ] || exit 0
		st_say "installing$st_missing"
		# An old or absent package list is the usual reason for a failure:
		# update first, since some of these packages may have moved on.
		$st_sudo apt-get -q -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 update >&2 </dev/null
		# shellcheck disable=SC2086
		$st_sudo env DEBIAN_FRONTEND=noninteractive apt-get -q -y \
			-o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 \
			install --no-install-recommends $st_missing >&2 </dev/null
	) 9>"$(st_cache_dir)/lock-packages" || st_die "could not install:$st_missing"
}

# Run a command as a user who may run a server.
st_as_pg() {
	if [ "$(id -u)" = 0 ]; then
		runuser -u postgres -- "$@"
	else
		"$@"
	fi
}

# Make sure that user exists (Debian's package makes it; a machine with only a
# server built from source has none).
st_need_pg_user() {
	if [ "$(id -u)" = 0 ] && ! id postgres >/dev/null 2>&1; then
		useradd --system --home-dir /var/lib/postgresql --shell /bin/bash postgres
	fi
}

st_free_port() {
	python3 -c '
import socket
s = socket.socket()
s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])'
}

# st_server_init BINDIR - make a cluster, print its directory.
# ST_SERVER_CONF may hold more lines for postgresql.conf.
st_server_init() {
	st_bin=$1
	st_need_pg_user
	st_dir=$(st_as_pg mktemp -d "/tmp/pg_trickle.XXXXXX")
	st_port=$(st_free_port)
	st_as_pg mkdir -m 700 "$st_dir/sock"
	st_as_pg "$st_bin/initdb" -D "$st_dir/data" -U postgres -A trust \
		-E UTF8 --locale=C --no-sync >"$st_dir/initdb.log" 2>&1 || {
		cat "$st_dir/initdb.log" >&2
		rm -rf "$st_dir"
		st_die "initdb failed"
	}
	{
		echo "listen_addresses = ''"
		echo "unix_socket_directories = '$st_dir/sock'"
		echo "port = $st_port"
		# The cluster is thrown away: a crash of the machine does not matter.
		# Tests that kill the server are safe, the kernel keeps what it wrote.
		echo "fsync = off"
		echo "shared_preload_libraries = '${ST_PRELOAD:-}'"
		echo "max_prepared_transactions = 20"
		echo "max_worker_processes = 32"
		echo "wal_level = logical"
		echo "max_wal_senders = 10"
		echo "max_replication_slots = 20"
		echo "log_line_prefix = '%m [%p] %q%a/%d '"
		echo "timezone = 'UTC'"
		echo "autovacuum_naptime = 60"
		# Tests refresh by hand; those of the scheduler turn it on.
		echo "pg_trickle.enabled = off"
		# Tests of deltas must see deltas, however quick a recompute would be.
		echo "pg_trickle.refresh_strategy = differential"
		printf '%s\n' "${ST_SERVER_CONF:-}"
	} >>"$st_dir/data/postgresql.conf"
	cat >"$st_dir/env" <<-ENV
		ST_DIR='$st_dir'
		PGBIN='$st_bin'
		PGHOST='$st_dir/sock'
		PGPORT='$st_port'
		PGUSER='postgres'
	ENV
	# The socket directory is opened to this user only; as root that is enough.
	echo "$st_dir"
}

# st_server_start DIR - start it and wait until it answers.
st_server_start() {
	. "$1/env"
	st_as_pg env PGCTLTIMEOUT=120 "$PGBIN/pg_ctl" -D "$1/data" -l "$1/log" -s -w start \
		</dev/null >&2 || {
		tail -n 40 "$1/log" >&2
		st_die "the server did not start (log: $1/log)"
	}
}

# st_server_running DIR - true if that server is up.
st_server_running() {
	[ -f "$1/env" ] && (
		. "$1/env"
		st_as_pg "$PGBIN/pg_ctl" -D "$1/data" status >/dev/null 2>&1
	)
}

# st_server_stop DIR [keep] - stop it and remove its directory.
st_server_stop() {
	[ -f "$1/env" ] || return 0
	(
		. "$1/env"
		if st_as_pg "$PGBIN/pg_ctl" -D "$1/data" status >/dev/null 2>&1; then
			st_as_pg env PGCTLTIMEOUT=60 "$PGBIN/pg_ctl" -D "$1/data" -s -m fast -w stop >&2 ||
				st_as_pg "$PGBIN/pg_ctl" -D "$1/data" -s -m immediate -w stop >&2
		fi
	)
	[ "${2:-}" = keep ] || rm -rf "$1"
}
