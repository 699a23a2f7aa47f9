# SPDX-License-Identifier: GPL-2.0
# ENIs and volumes of instances of either kind: from the start, coming and going while they
# run; and what is counted.
# shellcheck shell=bash disable=SC2154,SC2034

check "there is a pool" pool_up
for volume in data late; do
	check "and a volume '$volume'" nitroctl volume create $volume --size 16M
done
device=$(disk data 1)
cat >/tmp/user-data <<END
echo "guest: disk \$([ -b $device ] && echo there)"
echo "written by the guest" | dd of=$device conv=sync bs=4096 2>/dev/null
sync
END
check "an instance runs with a volume" run disks --eni e1 --volume data --user-data /tmp/user-data
check "the guest is up" says disks "guest: up"
check "it has the volume" said disks "guest: disk there"
check "nobody else gets it" refused "volume 'data' is attached already" \
	nitroctl volume attach data --local
volumes_of_kind disks

check "a volume comes while it runs" nitroctl volume attach late --instance disks
device=$(disk late 2)
check "the guest sees it" tell disks \
	"until [ -b $device ]; do usleep 100000; done; dd if=$device of=/dev/null count=1 2>/dev/null && echo guest: \$((40 + 2)) volumes" \
	"guest: 42 volumes"
check "nitrod goes" systemctl kill -s KILL nitrod.service
check "and is back, with both" wait_for 60 sh -c \
	'nitroctl --json instance show disks | jq -e '\''.state == "running" and (.volumes | contains(["data", "late"]))'\'
check "the volume goes while it runs" nitroctl volume detach late
check_eq "and is free" available "$(nitroctl --json volume show late | jq -r .state)"
check "the guest sees that" tell disks \
	"until [ ! -e $device ]; do usleep 100000; done; echo guest: \$((40 + 3)) volume" \
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
enis_of_kind disks

stats=$(nitroctl --json instance stats disks)
counted()
{
	jq -e "$1" <<<"$stats"
}
check "CPU time is counted" counted '.guest_time > 0 and .cpu_time >= .guest_time'
check "and memory" counted '.memory | .current > 0 and .peak >= .current and .limit >= .peak'
check "and packets of each ENI" counted \
	'.enis[] | select(.name == "e1") | .packets_in > 0 and .packets_out > 0'
check "and I/O of each volume" counted \
	'.volumes[] | select(.name == "data") | .write.ops > 0 and .write.p99 > 0'
stats_of_kind
check "for people, too" sh -c 'nitroctl instance stats disks | grep -q "In the guest"'
check "it is terminated" nitroctl instance terminate disks
check "then nothing is counted" refused "is not running" nitroctl instance stats disks
check_eq "all is free" available \
	"$(nitroctl --json volume list | jq -r '[.[].state] | unique | join(" ")')"
device=$(nitroctl volume attach data --local)
check_eq "what the guest has written is there" "written by the guest" "$(head -n 1 "$device")"
check_not "and in the pool there is ciphertext" grep -r "written by" /srv/pool
let_go data
for volume in data late; do
	nitroctl volume delete $volume
done
