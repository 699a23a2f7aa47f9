# SPDX-License-Identifier: GPL-2.0
# What the tests of instances share. Runs on a test host, in the checkout.
# shellcheck shell=bash disable=SC2034

guest=/src/build/instance
# Of the kernel of virtual machines
cmdline="console=hvc0 quiet mitigations=off cryptomgr.notests random.trust_cpu=1 reboot=t panic=-1"

# A VPC, a group that lets everything in, and ENIs that instances can have
network_up()
{
	local eni

	nitroctl host set host-a --underlay 192.0.2.1 --local >/dev/null &&
		nitroctl vpc create shop --cidr 10.0.0.0/16 >/dev/null &&
		nitroctl subnet create front --vpc shop --cidr 10.0.1.0/24 >/dev/null &&
		nitroctl sg create open --vpc shop >/dev/null &&
		nitroctl sg allow open --ingress --protocol all --peer 0.0.0.0/0 >/dev/null || return
	for eni in e1:10.0.1.10 e2:10.0.1.20 e3:10.0.1.30; do
		nitroctl eni create "${eni%:*}" --subnet front --ip "${eni#*:}" --sg open >/dev/null ||
			return
	done
}

# directory DIR N SIZE - on the Nth RAM disk: the root of a test host is no file system that
# loop devices can use directly
directory()
{
	modprobe brd rd_nr=2 rd_size=$((800 << 10)) && mkfs.ext4 -q "/dev/ram$2" "$3" &&
		mkdir -p "$1" && mount "/dev/ram$2" "$1" && chmod 700 "$1"
}

pool_up()
{
	nitroctl pool show main >/dev/null 2>&1 && return
	directory /srv/pool 0 256M && nitroctl pool create main --dir /srv/pool --size 200M
}

# of NAME PROPERTY - what nitrod says
of()
{
	nitroctl --json instance show "$1" | jq -r ".$2"
}

# says NAME TEXT - it has written that to its console, at last
says()
{
	wait_for 300 said "$@"
}

said()
{
	nitroctl instance console "$1" | tr -d '\r' | grep -qF -- "$2"
}

# let_go VOLUME - from this host, when udev has seen what was written to it
let_go()
{
	udevadm settle
	wait_for 60 nitroctl volume detach "$1" >/dev/null 2>&1
}

# state_is NAME STATE
state_is()
{
	[ "$(of "$1" state)" = "$2" ]
}

# ups NAME N - it has come up that often
ups()
{
	wait_for 300 sh -c '[ "$(nitroctl instance console "$1" | grep -c "guest: up")" -ge "$2" ]' sh "$@"
}

# carrier NAME - process ID of what it runs in
carrier()
{
	vmm "$@"
}

# vmm NAME - process ID of its VMM
vmm()
{
	systemctl show -P MainPID "$(of "$1" unit)"
}

# restarted NAME PID - it runs in another process; of a unit between two systemd says 0
restarted()
{
	local now

	now=$(carrier "$1")
	[ "$(of "$1" state)" = running ] && [ "$now" != 0 ] && [ "$now" != "$2" ]
}

# listens NAME - its shell has asked for a command since it is up
listens()
{
	nitroctl instance console "$1" |
		awk '/guest: up/ { ready = 0 } /[~\/] # / { ready = 1 } END { exit !ready }'
}

# tell NAME COMMAND TEXT - type that at its console, and wait until it says TEXT
tell()
{
	local pid status=0

	# a line that is typed before may be lost
	wait_for 120 listens "$1"
	nitroctl instance console "$1" --follow < <(printf '%s\n' "$2") >/dev/null 2>&1 &
	pid=$!
	says "$1" "$3" || status=1
	kill $pid 2>/dev/null
	wait $pid 2>/dev/null
	return $status
}

# fails STATUS SENTENCE COMMAND... - with nothing on stdout and one sentence on stderr
fails()
{
	local want=$1 sentence=$2 out err status=0

	shift 2
	err=$(mktemp)
	out=$("$@" 2>"$err") || status=$?
	if [ "$status" = "$want" ] && [ -z "$out" ] && [ "$(wc -l <"$err")" = 1 ] &&
	   grep -qF -- "$sentence" "$err"; then
		return 0
	fi
	echo "status $status, stdout '$out', stderr: $(cat "$err")"
	return 1
}

refused()
{
	fails 1 "$@"
}

not_found()
{
	fails 3 "$@"
}
