# SPDX-License-Identifier: GPL-2.0
# examples/shop.yaml on host-a and host-b with KVM guests, for the demo and the suite.
# Runs on host-a.
#
#	host-a                          host-b
#	web-1 10.0.1.10 (web)           client-1 10.0.1.20 (client)
#	                                stranger-1 10.0.1.30 (guest)
#	192.0.2.1 ------- Geneve ------ 192.0.2.2
# shellcheck shell=bash

stack=/src/examples/shop.yaml

# on_host HOST COMMAND... - one way to write for both
on_host()
{
	local host=$1

	shift
	if [ "$host" = "$(hostname)" ]; then
		if [ $# = 1 ]; then
			bash -c "$1"
		else
			"$@"
		fi
	else
		on "$host" "$@"
	fi
}

# guest HOST NAME COMMAND... - run in a guest
guest()
{
	local host=$1

	shift
	on_host "$host" nitro-test-guest exec "$@"
}

web()
{
	guest host-a web-1 "$@"
}

client()
{
	guest host-b client-1 "$@"
}

stranger()
{
	guest host-b stranger-1 "$@"
}

# Each host holds the whole network and its own name
network_up()
{
	local host

	for host in host-a host-b; do
		on_host $host nitroctl host set $host --local \
			--underlay "$([ $host = host-a ] && echo 192.0.2.1 || echo 192.0.2.2)" ||
			return
		on_host $host nitroctl apply -f $stack || return
	done
}

# The pool and the volume that is web-1's disk, on host-a
pool=/srv/nitro

volume_up()
{
	install -d -m 700 $pool &&
		nitroctl pool create main --dir $pool --size 1G &&
		nitroctl volume create data --size 64M &&
		nitroctl volume attach data --instance web-1
}

# Nothing of a text is anywhere in the pool
pool_lacks()
{
	! grep -rqaF "$1" $pool
}

# guest_up HOST ENI IP4 IP6 OPTION...
guest_up()
{
	local host=$1 name=$2 ip=$3/24,$4/64

	shift 4
	on_host "$host" nitroctl eni attach "$name" --instance "$name" >/dev/null &&
		on_host "$host" nitro-test-guest start "$name" --eni "$name" \
			--ip "$ip" --gateway 10.0.1.1 "$@"
}

guests_up()
{
	local pids=() pid

	guest_up host-a web-1 10.0.1.10 fd00:10:0:1::10 --volume data &
	pids+=($!)
	guest_up host-b client-1 10.0.1.20 fd00:10:0:1::20 &
	pids+=($!)
	guest_up host-b stranger-1 10.0.1.30 fd00:10:0:1::30 &
	pids+=($!)
	for pid in "${pids[@]}"; do
		wait "$pid" || return
	done
}

fetch()
{
	echo "wget -q -T ${2:-10} -O - http://${1}/"
}
