# SPDX-License-Identifier: GPL-2.0
# What is different for bare metal in the tests of instances.
# shellcheck shell=bash disable=SC2154,SC2034

units='nitro-metal@*'
processes='nitro-launch|systemd-nspawn'

# What an instance boots lies in the pool
kind_up()
{
	local device

	pool_up && nitroctl volume create root --size 64M >/dev/null &&
		nitroctl volume create empty --size 16M >/dev/null || return
	device=$(nitroctl volume attach root --local) &&
		dd if=$guest/metal.raw of="$device" bs=1M oflag=direct conv=fsync status=none &&
		let_go root
}

# run NAME OPTION... - an instance of the tests, with $memory
run()
{
	nitroctl instance run "$1" --metal --vcpus 1 --memory "${memory:-160M}" --boot root "${@:2}"
}

# disk NAME N - where an instance finds a volume, the Nth that it was given
disk()
{
	echo "/dev/nitro/by-id/$(nitroctl --json volume show "$1" | jq -r .id)"
}

refusals_of_kind()
{
	check "no volume" refused "needs a volume to boot" nitroctl instance run x --metal
	check "a kernel" refused "is for a virtual machine" \
		nitroctl instance run x --metal --boot root --kernel $guest/kernel
	check "a volume to boot that is not there" not_found "volume 'v9' does not exist" \
		nitroctl instance run x --metal --boot v9
	check "a volume without an operating system" refused "volume 'empty' has no operating system" \
		nitroctl instance run x --metal --vcpus 1 --boot empty --eni e1
	check_eq "which is free as before" available \
		"$(nitroctl --json volume show empty | jq -r .state)"
	nitroctl volume attach root --local >/dev/null
	check "a volume in use" refused "volume 'root' is attached already" run x
	let_go root
}

# unit_of_kind NAME PID
unit_of_kind()
{
	check_not "nothing is served by vhost" sh -c 'ps -eL -o comm | grep -q "^vhost-"'
	check_not "and there is no VMM" pgrep -x qemu-system-x86
	check "its init is a system's" tell "$1" \
		'echo guest: $((40 + 6)) $(cat /proc/1/comm) $(cat /proc/sys/kernel/hostname)' \
		"guest: 46 systemd $(of "$1" id)"
	check_eq "its ENI is in its own namespace" eth0 \
		"$(ip -n "nitro-$(of "$1" id)" -o link | grep -o ' eth[0-9]*' | tr -d ' ')"
	check "it cannot load modules" tell "$1" \
		'echo guest: $((40 + 8)) $(( ($(printf "%d" 0x$(sed -n "s/^CapBnd:\t//p" /proc/1/status)) >> 16) & 1 ))' \
		"guest: 48 0"
}

# A volume that is no instance's, by its number
volumes_of_kind()
{
	local id other

	id=$(nitroctl --json volume show data | jq -r .id)
	other=$(nitroctl volume attach empty --local)
	check "it can open no volume that is not its own" tell "$1" \
		"mknod /tmp/x b $(stat -c '0x%t 0x%T' "$other" | xargs printf '%d %d'); dd if=/tmp/x of=/dev/null count=1 2>&1 | grep -o 'not permitted'; echo guest: \$((40 + 9))" \
		"guest: 49"
	check "the kernel says so" said "$1" "not permitted"
	let_go empty
	check "it mounts a volume" tell "$1" \
		"mke2fs -F /dev/nitro/by-id/$id >/dev/null 2>&1; mount /dev/nitro/by-id/$id /mnt && echo guest: \$((50 + 1)) mounted" \
		"guest: 51 mounted"
	check "which is not taken away from it" refused "volume 'data'" nitroctl volume detach data
	check_eq "and stays attached" attached "$(nitroctl --json volume show data | jq -r .state)"
	check "until it is unmounted" tell "$1" "umount /mnt; echo guest: \$((50 + 2))" "guest: 52"
	tell "$1" "echo written by the guest | dd of=/dev/nitro/by-id/$id conv=sync bs=4096 2>/dev/null; sync; echo guest: \$((50 + 3))" \
		"guest: 53"
}

enis_of_kind()
{
	:
}

stats_of_kind()
{
	check "there are no exits" counted '.exits == 0 and .halt_exits == 0'
}
