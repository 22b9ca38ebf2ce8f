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

# fetch_source SUITE PACKAGE DIR - put the files of a source package into DIR.
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
	apt_private update >&2
	(cd "$3" && apt_private source --download-only "$2" >&2)
}
