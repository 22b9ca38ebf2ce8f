# tools/debian_source.sh - sourced, not run: fetch a Debian source package.
# Needs test/lib/server.sh.

# The address of the Debian mirror this machine already uses.  Taken from its
# own sources, so that a machine behind another mirror works as well.
debian_mirror() {
	{ cat /etc/apt/sources.list /etc/apt/sources.list.d/*.sources \
		/etc/apt/sources.list.d/*.list 2>/dev/null || true; } |
		sed 's/#.*//' |
		grep -oE 'https?://[^ ]+/debian/?( |$)' |
		grep -v archive | tr -d ' ' | sed 's,/$,,' | sed -n 1p
}

# Upstream's part of a source package that mirrors have kept, with its SHA256.
known_source() {
	case $1 in
	postgresql-17) echo "17.11 dd27f2b3c59e73ed14aa3324901242bf69a032a6347805f274e6260322d42979" ;;
	postgresql-18) echo "18.6 555610c24d53e4316da5b7d3fc25c279d96856d5e0e23ee308c328c5fa881d9f" ;;
	*) return 1 ;;
	esac
}

# fetch_source SUITE PACKAGE DIR - put the files of a source package into DIR,
# upstream's *.orig.tar.* among them.
fetch_source() {
	mirror=$(debian_mirror)
	[ -n "$mirror" ] || st_die "no Debian mirror among this machine's apt sources"
	mkdir -p "$3/lists/partial"
	# A private apt state: the machine's own sources stay as they are.
	echo "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $1 main" \
		>"$3/src.list"
	apt_private() {
		apt-get -q -o Dir::Etc::sourcelist="$list" \
			-o Dir::Etc::sourceparts=- -o Dir::State::lists="$lists" \
			-o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= \
			-o APT::Sandbox::User=root -o DPkg::Lock::Timeout=300 \
			-o Acquire::Retries=3 "$@"
	}
	list=$3/src.list
	lists=$3/lists
	if apt_private update >&2 && (cd "$3" && apt_private source --download-only "$2" >&2); then
		return 0
	fi
	# On the day of a release a mirror's index can be ahead of its files.
	known=$(known_source "$2") || st_die "could not fetch the source package $2"
	set -- "$2" "$3" "${known% *}" "${known#* }"
	rm -f "$2/$1"_*
	st_say "the mirror lacks what its index names; fetching $1 $3"
	/usr/lib/apt/apt-helper -o APT::Sandbox::User=root -o Acquire::Retries=3 download-file \
		"$mirror/pool/main/${1:0:1}/$1/$1_$3.orig.tar.bz2" "$2/$1_$3.orig.tar.bz2" "SHA256:$4" >&2
}
