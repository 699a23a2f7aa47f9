# SPDX-License-Identifier: GPL-2.0
# What is different for virtual machines in the tests of instances.
# shellcheck shell=bash disable=SC2154,SC2034

units='nitro-instance@*'
processes='nitro-launch|qemu-system-x86'

kind_up()
{
	modprobe -q kvm_amd || modprobe -q kvm_intel
}

# run NAME OPTION... - an instance of the tests, with $memory
run()
{
	nitroctl instance run "$1" --memory "${memory:-160M}" --kernel $guest/kernel \
		--initrd $guest/initrd --cmdline "$cmdline" "${@:2}"
}

# disk NAME N - where an instance finds a volume, the Nth that it was given
disk()
{
	echo "/dev/nvme$(($2 - 1))n1"
}

refusals_of_kind()
{
	check "no kernel and no volume" refused "needs something to boot" nitroctl instance run x
	check "a kernel that is not there" refused "cannot open '/nowhere'" \
		nitroctl instance run x --kernel /nowhere
	check "a kernel that is no file" refused "is no file" nitroctl instance run x --kernel /
	check "what the VMM cannot boot" refused "instance 'x': the VMM failed" \
		nitroctl instance run x --kernel /etc/passwd --eni e1
}

# unit_of_kind NAME PID
unit_of_kind()
{
	check "vhost serves the guest" sh -c 'ps -eL -o comm | grep -q "^vhost-"'
	check "the VMM has a user of its own" [ "$(stat -c %u "/proc/$2")" -gt 60000 ]
	check_eq "and no capability" 0000000000000000 \
		"$(sed -n 's/^CapBnd:\t//p' "/proc/$2/status")"
	check_eq "and no network but its ENI" "lo" \
		"$(nsenter -t "$2" -n ip -o link | awk -F ': ' '{ print $2 }')"
}

volumes_of_kind()
{
	check "it knows the volume's serial number" tell "$1" \
		"echo guest: \$((40 + 7)) \$(cat /sys/block/nvme0n1/device/serial)" \
		"guest: 47 vol$(nitroctl --json volume show data | jq -r '.id[4:]')"
}

enis_of_kind()
{
	local n

	for n in 1 2 3; do
		nitroctl eni create "more$n" --subnet front --sg open >/dev/null
	done
	check "more ENIs come" sh -c \
		"nitroctl eni attach more1 --instance $1 && nitroctl eni attach more2 --instance $1"
	check "but no more than there are places for" refused "there is no place for more" \
		nitroctl eni attach more3 --instance "$1"
	check_eq "and that one is free as before" available \
		"$(nitroctl --json eni show more3 | jq -r .state)"
}

stats_of_kind()
{
	check "CPU time is counted outside of the guest, too" counted \
		'.host_time > 0 and (.vcpus | length) == 1'
	check "and exits" counted '.exits > .halt_exits and .halt_exits > 0'
}
