# SPDX-License-Identifier: GPL-2.0
# What is different for virtual machines in the tests of instances.
# shellcheck shell=bash disable=SC2154,SC2034

units='nitro-instance@*'
processes='nitro-launch|qemu-system-x86'

kind_up()
{
	nitro-test-kvm
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
	comes_again "$1" more1
}

# comes_again NAME ENI - an ENI that the guest lets go, as it was asked by a nitrod that was
# killed since, is still the instance's, and comes again; the guest sees another device
comes_again()
{
	local n=50 wait mac id

	mac=$(nitroctl --json eni show "$2" | jq -r .mac)
	id=$(nitroctl --json eni show "$2" | jq -r .id)
	for wait in "" --wait; do
		n=$((n + 2))
		check "a guest has an ENI" tell "$1" \
			"index() { for i in /sys/class/net/*; do [ \"\$(cat \$i/address)\" != $mac ] || cat \$i/ifindex; done; }; until old=\$(index); [ \"\$old\" ]; do usleep 100000; done; echo guest: \$(($n + 1)) old" \
			"guest: $((n + 1)) old"
		check "nitrod is stopped" systemctl stop nitrod.service
		check "the guest is asked to let it go${wait:+, and does}" \
			tests/instance/unplug $wait "$(basename /run/nitro/instances/i-*)" \
			"$id"
		check "nitrod starts" systemctl start nitrod.service
		check "and it comes again" tell "$1" \
			"until new=\$(index); [ \"\$new\" ] && [ \"\$new\" != \$old ]; do usleep 100000; done; echo guest: \$(($n + 2)) new" \
			"guest: $((n + 2)) new"
	done
}

stats_of_kind()
{
	check "CPU time is counted outside of the guest, too" counted \
		'.host_time > 0 and (.vcpus | length) == 1'
	check "and exits" counted '.exits > .halt_exits and .halt_exits > 0'
}
