# SPDX-License-Identifier: GPL-2.0
# A host that is rebooted, with instances. Twice in two boots of the host: the first ends
# with instances that run, one that is stopped and one whose guest ignores its power
# button; the second finds them.
# shellcheck shell=bash disable=SC2154

# A file system that loop devices can use, and that is there again after a reboot
disk_up()
{
	mkdir -p /srv/disk && echo "/dev/vdc /srv/disk ext4 defaults 0 0" >>/etc/fstab &&
		systemctl daemon-reload && mount /srv/disk && mkdir -m 700 /srv/disk/pool &&
		nitroctl pool create main --dir /srv/disk/pool --size 100M
}

# --- before
if [ ! -e /srv/disk ]; then
	check "the host has a pool that it keeps" disk_up
	check "and a volume" nitroctl volume create data --size 16M
	cat >/tmp/user-data <<-'END'
	echo "written before the reboot" | dd of=/dev/nvme0n1 conv=sync bs=4096 2>/dev/null
	END
	run stays --eni e1 --volume data --user-data /tmp/user-data >/dev/null
	check "an instance runs, and writes to its volume" says stays "guest: up"

	# systemd alone, without nitrod
	nitroctl instance stop stays
	nitroctl instance start stays
	check "its guest is up again" wait_for 300 sh -c \
		'[ "$(nitroctl instance console stays | grep -c "guest: up")" = 2 ]'
	check "its unit is stopped by hand" systemctl stop "$(of stays unit)"
	check "the guest was told both times" wait_for 10 sh -c \
		'[ "$(nitroctl instance console stays | grep -c "guest: power button")" = 2 ]'
	check "nitrod takes that for the guest's wish" wait_for 30 sh -c \
		'[ "$(nitroctl --json instance show stays | jq -r .state)" = stopped ]'
	check "it is started again" nitroctl instance start stays
	run rests --eni e2 >/dev/null
	check "another one is stopped" nitroctl instance stop --force rests
	check "its guest is up, when the host is rebooted" wait_for 300 sh -c \
		'[ "$(nitroctl instance console stays | grep -c "guest: up")" = 3 ]'
	return
fi

# --- after
nitro-test-kvm
check "the instance that ran is back" wait_for 120 sh -c \
	'[ "$(nitroctl --json instance show stays | jq -r .state)" = running ]'
[ "$(of stays state)" = running ] || { nitroctl instance show stays; nitroctl; } | sed 's/^/# /'
check_eq "with its ENI and its volume" '["e1"] ["data"]' \
	"$(nitroctl --json instance show stays | jq -r '(.enis | tojson) + " " + (.volumes | tojson)')"
check_eq "its guest was told before the host went" 3 \
	"$(nitroctl instance console stays | grep -c 'guest: power button')"
check "its guest is up" wait_for 300 sh -c \
	'[ "$(nitroctl instance console stays | grep -c "guest: up")" = 4 ]'
check_eq "the one that was stopped still is" stopped "$(of rests state)"
check "it is terminated" nitroctl instance terminate stays
device=$(nitroctl volume attach data --local)
check_eq "its volume has what was written" "written before the reboot" "$(head -n 1 "$device")"
