# SPDX-License-Identifier: GPL-2.0
# KTAP output and active waits for test scripts. Source it, then:
#
#   . tests/lib/ktap.sh
#   check "ARP is answered" arping -c 1 ...      command succeeds
#   check_not "spoofed ARP is not" arping ...    command fails
#   check_eq "TTL" 63 "$ttl"                     strings are equal
#   skip "vhost" "no /dev/vhost-net"             counted, with its reason
#   wait_for 10 ping_works                       poll until true, seconds at most
#   ktap_end                                     plan line; exits 1 if any failed
#
# A failed check shows what the command printed, as KTAP diagnostics.
# shellcheck shell=bash

ktap_n=0
ktap_failed=0
echo "KTAP version 1"

ktap_ok()
{
	ktap_n=$((ktap_n + 1))
	echo "ok $ktap_n ${1//#/}"
}

ktap_not_ok()
{
	ktap_n=$((ktap_n + 1))
	ktap_failed=$((ktap_failed + 1))
	[ -z "${2-}" ] || printf '%s\n' "$2" | sed 's/^/# /'
	echo "not ok $ktap_n ${1//#/}"
}

skip()
{
	ktap_n=$((ktap_n + 1))
	echo "ok $ktap_n ${1//#/} # SKIP ${2:?a skip needs a reason}"
}

check()
{
	local ktap_desc=$1 ktap_out ktap_rc=0

	shift
	ktap_out=$("$@" 2>&1) || ktap_rc=$?
	if [ "$ktap_rc" = 0 ]; then
		ktap_ok "$ktap_desc"
	else
		ktap_not_ok "$ktap_desc" "$*: exit status $ktap_rc
$ktap_out"
	fi
	return 0
}

check_not()
{
	local ktap_desc=$1 ktap_out

	shift
	if ktap_out=$("$@" 2>&1); then
		ktap_not_ok "$ktap_desc" "$*: unexpected success
$ktap_out"
	else
		ktap_ok "$ktap_desc"
	fi
	return 0
}

check_eq()
{
	if [ "$2" = "$3" ]; then
		ktap_ok "$1"
	else
		ktap_not_ok "$1" "expected: $2
     got: $3"
	fi
	return 0
}

wait_for()
{
	local ktap_deadline=$((SECONDS + $1))

	shift
	until "$@" >/dev/null 2>&1; do
		[ "$SECONDS" -lt "$ktap_deadline" ] || return 1
		sleep 0.05
	done
}

ktap_end()
{
	echo "1..$ktap_n"
	[ "$ktap_failed" = 0 ]
	exit
}
