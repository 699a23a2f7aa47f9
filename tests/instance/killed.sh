# SPDX-License-Identifier: GPL-2.0
# nitrod is killed at random points of the life of instances. NITRO_POINTS= says how many;
# each takes some seconds, so it is a few unless somebody asks for more.
# shellcheck shell=bash disable=SC2154

killed()
{
	tests/instance/kill --points "${NITRO_POINTS:-10}" --pool /srv/pool $guest
}

[ -e /srv/pool ] || check "there is a pool" pool_up
killed | sed -u 's/^/    /'
check_eq "nitrod killed at random points of the lifecycle" 0 "${PIPESTATUS[0]}"
