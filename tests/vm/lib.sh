# SPDX-License-Identifier: GPL-2.0
# Shared by the scripts in tests/vm. Source it; it sets:
#   SRC          the checkout
#   NITRO_CACHE  everything that is built once and outlives the checkout
# shellcheck shell=bash

set -euo pipefail

SRC=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
NITRO_CACHE=${NITRO_CACHE:-/var/cache/nitro}
export SRC NITRO_CACHE

die()
{
	echo "${0##*/}: $*" >&2
	exit 1
}

say()
{
	echo "${0##*/}: $*" >&2
}

need_root()
{
	[ "$(id -u)" = 0 ] || die "needs root (mounts and chroot); try sudo"
	mkdir -p "$NITRO_CACHE"
}

# hash FILE... - 12 hex digits over the contents; "-" reads stdin
hash_of()
{
	cat -- "$@" | sha256sum | cut -c1-12
}

# with_lock ENTRY COMMAND... - one holder per cache entry, others wait
with_lock()
{
	local _entry=$1

	shift
	mkdir -p "$NITRO_CACHE/lock"
	(
		flock -n 9 || {
			say "waiting for another run that builds '$_entry'"
			flock 9
		}
		"$@" 9>&-
	) 9>"$NITRO_CACHE/lock/$_entry"
}

# complaints LOG - print what the kernel complained about; false if nothing
complaints()
{
	grep -aE -A 25 -m 3 'WARNING: |\bBUG: |\bKASAN: |UBSAN: |suspicious RCU|possible circular locking|possible recursive locking|inconsistent lock state|bad unlock balance|held lock freed|sleeping function called|scheduling while atomic|ODEBUG: [a-z]|refcount_t: |INFO: task .* blocked|unregister_netdevice: waiting|reference already released|leaked reference|list_(add|del) corruption|general protection fault|Oops: |Kernel panic' \
		"$1"
}

# modules - names of our kernel modules: what DKMS installs
modules()
{
	(
		. "$SRC/dkms.conf"
		printf '%s\n' "${BUILT_MODULE_NAME[@]}"
	)
}

# prune KEEP PATH... - remove all but the newest KEEP; what runs has its files open
prune()
{
	local keep=$1

	shift
	# the first time there are none
	{ ls -1td -- "$@" 2>/dev/null || true; } | tail -n +$((keep + 1)) | xargs -r -d '\n' rm -rf --
}
