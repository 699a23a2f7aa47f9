# SPDX-License-Identifier: GPL-2.0
# Debian with cloud-init, as docs/IMAGES.md has it, in an encrypted volume of a test host
# whose drive is what tests/instance/debian has made. For the test and for the demo.
# shellcheck shell=bash disable=SC2034

debian=/src/build/instance/debian
drive=/dev/disk/by-id/virtio-persistent
pool=/srv/debian
# on the drive, and in no case in the pool
clear_text="Debian GNU/Linux"

# Where virtualization is emulated this takes minutes, of which systemd gives no device so
# many, and what nothing here needs is left out
words="root=PARTLABEL=root rootwait rw console=hvc0 mitigations=off"
if [ "$(systemd-detect-virt --vm)" = qemu ]; then
	words+=" quiet cryptomgr.notests random.trust_cpu=1 audit=0 lsm=capability"
	words+=" module_blacklist=vsock,vmw_vmci systemd.default_device_timeout_sec=900"
	words+=" systemd.default_timeout_start_sec=900"
	for unit in ldconfig.service systemd-journal-catalog-update.service systemd-binfmt.service \
		proc-sys-fs-binfmt_misc.automount modprobe@{configfs,dm_mod,drm,efi_pstore,fuse,loop}.service \
		sys-kernel-{config,debug,tracing}.mount sys-fs-fuse-connections.mount \
		dev-{hugepages,mqueue}.mount e2scrub_reap.service getty@tty1.service; do
		words+=" systemd.mask=$unit"
	done
fi

debian_pool()
{
	directory $pool 1 800M && nitroctl pool create debian --dir $pool --size 660M
}

# Of the partition only what is used: the rest of the volume is never read
debian_write()
{
	local device mib=$((1 << 20)) at

	device=$(nitroctl volume attach debian --local) || return
	for at in 0 639; do
		dd if=$drive of="$device" bs=$mib count=1 skip=$at seek=$at status=none || return
	done
	e2image -ra -o $mib -O $mib $drive "$device" >/dev/null && sync "$device" &&
		udevadm settle || return
	# udev may look at it once more
	for at in {1..60}; do
		nitroctl volume detach debian >/dev/null 2>&1 && return
		sleep 1
	done
	return 1
}

# What cloud-init is to run once, at the first boot: it leaves something for the second one
debian_user_data()
{
	cat <<-END
	#!/bin/sh
	echo "$1, on /dev/hvc0 of every boot" >/var/lib/told
	cat >/etc/systemd/system/tell.service <<UNIT
	[Unit]
	DefaultDependencies=no
	After=systemd-remount-fs.service
	[Service]
	ExecStart=cat /var/lib/told
	StandardOutput=tty
	TTYPath=/dev/hvc0
	[Install]
	WantedBy=sysinit.target
	UNIT
	systemctl --quiet enable tell.service
	exec >/dev/hvc0
	echo "guest: name \$(hostname) from \$(cat /run/cloud-init/cloud-id)"
	echo "guest: root \$(findmnt -n -o SOURCE /) of \$(cat /sys/block/nvme0n1/device/serial)"
	echo "guest: keys \$(cat /home/debian/.ssh/authorized_keys)"
	sync
	END
}

# Nothing that can be read: neither what was written to it here nor what the guest wrote
debian_in_clear()
{
	grep -rqaF -e "$clear_text" -e "$1" $pool
}

# debian_says TEXT SECONDS - at last, on its console
debian_says()
{
	local end=$((SECONDS + $2))

	# each look takes what the guest would have
	until nitroctl instance console debian | tr -d '\r' | grep -qF -- "$1"; do
		[ "$SECONDS" -lt $end ] || return
		sleep 2
	done
}
