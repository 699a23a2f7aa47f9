# SPDX-License-Identifier: GPL-2.0
# A virtual machine boots a volume by UEFI: its shell finds no loader, and runs what it finds
# instead.
# shellcheck shell=bash disable=SC2154

boots_a_volume()
{
	local device

	pool_up
	nitroctl volume create efi --size 64M >/dev/null
	device=$(nitroctl volume attach efi --local)
	mkfs.vfat -F 32 "$device" >/dev/null 2>&1
	mkdir -p /mnt/root
	mount "$device" /mnt/root
	cp $guest/kernel /mnt/root/linux.efi
	cp $guest/initrd /mnt/root/initrd
	echo "fs0:\\linux.efi initrd=\\initrd $cmdline" >/mnt/root/startup.nsh
	umount /mnt/root
	let_go efi
	check "an instance boots a volume" nitroctl instance run boots --memory 256M --boot efi --eni e1
	check "its guest comes up" says boots "guest: up"
	check "with its ENI" said boots "guest: address 10.0.1.10/24"
	check "what it boots stays" refused "boots" nitroctl volume detach efi
	check "it shuts down" nitroctl instance stop boots
	check "and terminates" nitroctl instance terminate boots
}

if [ "$(systemd-detect-virt --vm)" = qemu ]; then
	skip "an instance boots a volume" \
		"QEMU that emulates the host's AMD-V dies of UEFI in a guest: assertion bql_locked()"
else
	boots_a_volume
fi
