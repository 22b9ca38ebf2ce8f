#!/bin/bash
#
# tools/indent.sh [--check] [FILE...] - lay out src/, or some files of it, with
# PostgreSQL's pgindent.  "--check" changes nothing, shows what would change and
# fails if there is anything.
#
# pgindent and its program pg_bsd_indent are in PostgreSQL's source only; they
# are taken from Debian's source package once and kept in the cache.

set -euo pipefail

top=$(cd "$(dirname "$0")/.." && pwd)
. "$top/test/lib/server.sh"
. "$top/tools/debian_source.sh"
: "${PG_CONFIG:?run this through ./dev indent}"

cache=$(st_cache_dir)
dir=$cache/pgindent-18
st_need_packages build-essential dpkg-dev bzip2 perl ca-certificates
mkdir -p "$cache"
exec 9>"$cache/lock-pgindent"
flock 9
if [ ! -e "$dir/.complete" ]; then
	st_say "fetching pgindent"
	work=$(mktemp -d "$cache/pgindent.XXXXXX")
	trap 'rm -rf "$work"' EXIT
	fetch_source forky postgresql-18 "$work"
	mkdir "$work/src"
	tar -xf "$work"/*.orig.tar.* -C "$work/src" --strip-components=3 --wildcards \
		'*/src/tools/pgindent' '*/src/tools/pg_bsd_indent'
	# Its own makefile needs a configured source tree; an installed server has
	# the one header and the library that it uses.  Those before 18 lack a macro.
	cd "$work/src/pg_bsd_indent"
	include=$("$PG_CONFIG" --includedir-server)
	noreturn=()
	grep -q pg_noreturn "$include/c.h" || noreturn=("-Dpg_noreturn=__attribute__((noreturn))")
	gcc -O2 -fno-strict-aliasing -fwrapv ${noreturn[@]+"${noreturn[@]}"} -I. -I"$include" \
		-o pg_bsd_indent args.c err.c indent.c io.c lexi.c parse.c pr_comment.c \
		-L"$("$PG_CONFIG" --pkglibdir)" -L"$("$PG_CONFIG" --libdir)" -lpgcommon -lpgport
	cd "$top"
	rm -rf "$dir"
	mv "$work/src" "$dir"
	rm -rf "$work"
	touch "$dir/.complete"
fi
exec 9>&-

options=()
files=()
for arg in "$@"; do
	case $arg in
	--check) options=(--check --diff) ;;
	*) files+=("$(realpath "$arg")") ;;
	esac
done
cd "$top"
python3 tools/update_typedefs.py
# pgindent puts its own files where it stands, and leaves them when it is stopped.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat "$dir/pgindent/typedefs.list" tools/typedefs.list >"$work/types"
export PG_BSD_INDENT=$dir/pg_bsd_indent/pg_bsd_indent
cd "$work"
perl "$dir/pgindent/pgindent" --typedefs="$work/types" --indent="$top/tools/bsd_indent.sh" \
	${options[@]+"${options[@]}"} "${files[@]:-$top/src}"
