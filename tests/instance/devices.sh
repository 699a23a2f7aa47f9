# SPDX-License-Identifier: GPL-2.0
# ENIs and volumes of instances: from the start, coming and going while they run, and a
# volume that is booted.
# shellcheck shell=bash disable=SC2154

check "there is a pool" pool_up
for volume in data late; do
	check "and a volume '$volume'" nitroctl volume create $volume --size 16M
done
serial=vol$(nitroctl --json volume show data | jq -r '.id[4:]')

cat >/tmp/user-data <<'END'
echo "guest: disk $(cat /sys/block/nvme0n1/device/serial)"
echo "written by the guest" | dd of=/dev/nvme0n1 conv=sync bs=4096 2>/dev/null
sync
END
check "an instance runs with a volume" run disks --eni e1 --volume data --user-data /tmp/user-data
check "the guest is up" says disks "guest: up"
check "it has the volume, under its serial number" said disks "guest: disk $serial"
check "nobody else gets it" refused "volume 'data' is attached already" \
	nitroctl volume attach data --local

check "a volume comes while it runs" nitroctl volume attach late --instance disks
check "the guest sees it" tell disks \
	'until [ -e /dev/nvme1n1 ]; do usleep 100000; done; echo guest: $((40 + 2)) volumes' \
	"guest: 42 volumes"
check "nitrod goes" systemctl kill -s KILL nitrod.service
check "and is back, with both" wait_for 60 sh -c \
	'[ "$(nitroctl --json instance show disks | jq -c "[.state, .volumes]")" = "[\"running\",[\"data\",\"late\"]]" ]'
check "the volume goes while it runs" nitroctl volume detach late
check_eq "and is free" available "$(nitroctl --json volume show late | jq -r .state)"
check "the guest sees that" tell disks \
	'until [ ! -e /dev/nvme1n1 ]; do usleep 100000; done; echo guest: $((40 + 3)) volume' \
	"guest: 43 volume"
check "it comes again" nitroctl volume attach late --instance disks
check "and can be taken by force" nitroctl volume detach late --force

check "an ENI comes while it runs" nitroctl eni attach e2 --instance disks
check "it works in the guest" tell disks \
	'until [ -e /sys/class/net/eth1 ]; do usleep 100000; done; ip link set eth1 up; udhcpc -q -n -i eth1 -t 20 -T 1 -s /dhcp >/dev/null; echo guest: $((40 + 4)) $(ip -4 -o addr show eth1 | awk "{ print \$4 }")' \
	"guest: 44 10.0.1.20/24"
check "the ENI goes while it runs" nitroctl eni detach e2
check_eq "and is free" available "$(nitroctl --json eni show e2 | jq -r .state)"
check "the guest sees that" tell disks \
	'until [ ! -e /sys/class/net/eth1 ]; do usleep 100000; done; echo guest: $((40 + 5)) ENI' \
	"guest: 45 ENI"
for n in 1 2 3; do
	nitroctl eni create "more$n" --subnet front --sg open >/dev/null
done
check "more ENIs come" sh -c \
	'nitroctl eni attach more1 --instance disks && nitroctl eni attach more2 --instance disks'
check "but no more than there are places for" refused "there is no place for more" \
	nitroctl eni attach more3 --instance disks
check_eq "and that one is free as before" available \
	"$(nitroctl --json eni show more3 | jq -r .state)"

stats=$(nitroctl --json instance stats disks)
counted()
{
	jq -e "$1" <<<"$stats"
}
check "CPU time is counted, in the guest and outside" counted \
	'.guest_time > 0 and .host_time > 0 and .cpu_time >= .guest_time and (.vcpus | length) == 1'
check "and exits" counted '.exits > .halt_exits and .halt_exits > 0'
check "and memory" counted '.memory | .current > 0 and .peak >= .current and .limit >= .peak'
check "and packets of each ENI" counted \
	'(.enis | length) == 3 and (.enis[] | select(.name == "e1") | .packets_in > 0 and .packets_out > 0)'
check "and I/O of each volume" counted '.volumes[0] | .name == "data" and .write.ops > 0'
check "for people, too" sh -c 'nitroctl instance stats disks | grep -q "In the guest"'
check "it is terminated" nitroctl instance terminate disks
check "then nothing is counted" refused "is not running" nitroctl instance stats disks
check_eq "all is free" "available available" \
	"$(nitroctl --json volume list | jq -r '[.[].state] | join(" ")')"
device=$(nitroctl volume attach data --local)
check_eq "what the guest has written is there" "written by the guest" "$(head -n 1 "$device")"
check_not "and in the pool there is ciphertext" grep -r "written by" /srv/pool
nitroctl volume detach data

# --- UEFI: its shell finds no loader, and runs what it finds instead
boots_a_volume()
{
	local device

	nitroctl volume create root --size 64M >/dev/null
	device=$(nitroctl volume attach root --local)
	mkfs.vfat -F 32 "$device" >/dev/null 2>&1
	mkdir -p /mnt/root
	mount "$device" /mnt/root
	cp $guest/kernel /mnt/root/linux.efi
	cp $guest/initrd /mnt/root/initrd
	echo "fs0:\\linux.efi initrd=\\initrd $cmdline" >/mnt/root/startup.nsh
	umount /mnt/root
	nitroctl volume detach root
	check "an instance boots a volume" nitroctl instance run boots --memory 256M --boot root --eni e1
	check "its guest comes up" says boots "guest: up"
	check "with its ENI" said boots "guest: address 10.0.1.10/24"
	check "what it boots stays" refused "boots" nitroctl volume detach root
	check "it shuts down" nitroctl instance stop boots
	check "and terminates" nitroctl instance terminate boots
}

if [ "$(systemd-detect-virt --vm)" = qemu ]; then
	skip "an instance boots a volume" \
		"QEMU that emulates the host's AMD-V dies of UEFI in a guest: assertion bql_locked()"
else
	boots_a_volume
fi
