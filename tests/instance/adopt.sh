# SPDX-License-Identifier: GPL-2.0
# The host itself as an instance.
# shellcheck shell=bash disable=SC2154

check "there is a pool" pool_up
nitroctl volume create mine --size 16M >/dev/null
nitroctl eni attach e3 --local >/dev/null
uptime=$(cut -d ' ' -f 1 /proc/uptime)
id=$(nitroctl instance adopt host --metal)
check_eq "the host is an instance" "host running" "$(nitroctl --json instance show host | jq -r '"\(.kind) \(.state)"')"
check_eq "its ID was printed" "$(of host id)" "$id"
check_eq "it has the CPUs that there are" "$(nproc --all)" "$(of host vcpus)"
check_eq "an ENI that is attached to the host is its own" '["e3"]' \
	"$(nitroctl --json instance show host | jq -c .enis)"
device=$(nitroctl volume attach mine --local)
check_eq "and a volume" '["mine"]' "$(nitroctl --json instance show host | jq -c .volumes)"
check "there is no other host" refused "this host is instance 'host' already" \
	nitroctl instance adopt other --metal
check "nor one that boots" refused "needs something to boot" nitroctl instance run other
for verb in start stop reboot; do
	check "nitrod does not $verb it" refused "is this host itself" nitroctl instance $verb host
done
check "an ENI for it is a local one" refused "attach it with --local" \
	nitroctl eni attach e1 --instance host
check "a volume, too" refused "is attached already" nitroctl volume attach mine --instance host

metadata()
{
	local token

	token=$(curl -s -m 10 --interface "$1" -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' \
		http://169.254.169.254/latest/api/token) &&
		curl -s -m 10 --interface "$1" -H "X-aws-ec2-metadata-token: $token" \
			"http://169.254.169.254/latest/meta-data/$2"
}
ifname=$(nitroctl --json eni show e3 | jq -r .ifname)
ip route add 169.254.169.254 dev "$ifname" 2>/dev/null
check_eq "its metadata say who it is" "$id" "$(metadata "$ifname" instance-id)"

dd if=/dev/zero of="$device" bs=4096 count=4 oflag=direct 2>/dev/null
stats=$(nitroctl --json instance stats host)
counted()
{
	jq -e "$1" <<<"$stats"
}
check "CPU time is counted" counted '.cpu_time > 0 and .guest_time == .cpu_time and .exits == 0'
check "and memory" counted '.memory | .current > 0 and .limit > .current'
check "and packets" counted '.enis[] | select(.name == "e3") | .packets_out > 0'
check "and I/O" counted '.volumes[] | select(.name == "mine") | .write.ops > 0 and .write.p99 > 0'
echo "said by the kernel" >/dev/kmsg
check "its console is what the kernel says" wait_for 30 said host "said by the kernel"
check "nitrod goes" systemctl kill -s KILL nitrod.service
check "and is back, with it" wait_for 60 state_is host running
check "its volume has a limit" nitroctl volume set mine --iops 500
check "it is given up" nitroctl instance terminate host
check_eq "it is terminated" terminated "$(of host state)"
check_eq "its ENI stays attached" local "$(nitroctl --json eni show e3 | jq -r .attachment.kind)"
check "its volume stays" dd if="$device" of=/dev/null bs=4096 count=1
check "the host has not noticed" sh -c "[ \$(cut -d . -f 1 /proc/uptime) -ge ${uptime%.*} ]"
check "it may be adopted again" nitroctl instance adopt host --metal
check "and given up again" nitroctl instance terminate host
check "it is deleted" nitroctl instance delete host
let_go mine
nitroctl volume delete mine
nitroctl eni detach e3 >/dev/null
