# SPDX-License-Identifier: GPL-2.0
# A guest that means harm, beside one that goes on with its work: the victim, which a
# neighbour asks a question every few milliseconds. No answer may be lost, the victim's VMM
# stays the same one, and the daemons need no more memory than before. Nothing here depends
# on how long anything takes; what it took is told as a comment.
#
#     rogue (e1)      victim (e2) <--- pings --- neighbour (e3, a network namespace)
#        `--> sink (e4, another one)
# shellcheck shell=bash disable=SC2154

daemons="nitrod nitro-services"

# rss UNIT - KiB of memory that its main process has
rss()
{
	sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' \
		"/proc/$(systemctl show -P MainPID "$1.service")/status"
}

# What a daemon had when all was quiet
declare -A quiet=()

# A twentieth more at most, or a few pages if that is more
modest()
{
	local now

	now=$(rss "$1")
	[ "$now" -le $((${quiet[$1]} + ${quiet[$1]} / 20 + 128)) ] || {
		echo "$1 has $now KiB, it had ${quiet[$1]}"
		return 1
	}
}

answered()
{
	local status=0

	ip netns exec neighbour ping -q -i 0.02 -c 200 -W 10 10.0.1.20 >/tmp/pings || status=$?
	sed -n 's/^rtt/# &/p' /tmp/pings
	grep -q '200 packets transmitted, 200 received' /tmp/pings && [ $status = 0 ] || {
		cat /tmp/pings
		return 1
	}
}

# harmless WHAT - nothing of it is felt by others
harmless()
{
	local what=$1 start daemon

	check "$what: the victim answers every question" answered
	sed -n 's/^rtt/# &/p' /tmp/pings
	start=$(date +%s%N)
	check "$what: nitrod answers" nitroctl instance list
	echo "# nitrod has answered in $((($(date +%s%N) - start) / 1000000)) ms"
	check_eq "$what: the victim's VMM is the same" "$victim" "$(vmm victim)"
	for daemon in $daemons; do
		check "$what: $daemon needs no more memory" modest "$daemon"
	done
}

# rogue DOES OPTION... - an instance whose guest does that
rogue()
{
	printf '%s\n' "$1" >/tmp/user-data
	nitroctl instance run rogue --memory 160M --kernel $guest/kernel \
		--initrd $guest/initrd-more --cmdline "$cmdline" --eni e1 --restart no \
		--user-data /tmp/user-data "${@:2}"
}

ended()
{
	nitroctl instance terminate rogue --force && nitroctl instance delete rogue
}

lab_up()
{
	local n

	nitroctl eni create e4 --subnet front --ip 10.0.1.40 --sg open >/dev/null || return
	for n in neighbour:e3 sink:e4; do
		ip netns add "${n%:*}" && ip -n "${n%:*}" link set lo up &&
			nitroctl eni attach "${n#*:}" --netns "${n%:*}" || return
	done
}

counter()
{
	nitroctl --json eni show e1 | jq ".stats.$1"
}

check "there are a neighbour and a sink" lab_up
check "a victim runs" run victim --eni e2
check "its guest is up" says victim "guest: up"
victim=$(vmm victim)
nitroctl instance list >/dev/null
for daemon in $daemons; do
	quiet[$daemon]=$(rss "$daemon")
	echo "# $daemon has ${quiet[$daemon]} KiB"
done
harmless "quiet"

# --- it reboots without end
check "a guest that reboots" nitroctl instance run rogue --memory 64M --kernel $guest/rebooter \
	--restart no
check "again and again" wait_for 60 sh -c \
	'[ "$(nitroctl instance console rogue | grep -c "sleeper: up")" -gt 50 ]'
harmless "endless reboot"
check_eq "endless reboot: for nitrod it runs" running "$(of rogue state)"
check "endless reboot: it is ended" ended

# --- it floods its console
check "a guest that floods its console" rogue 'yes "nitro console flood"'
check "it floods" says rogue "nitro console flood"
harmless "console flood"
log=$(stat -c %s "/var/lib/nitro/instances/$(of rogue id)/console.log")
check "console flood: the log is no larger than it may be" [ "$log" -le $((2 << 20)) ]
check "console flood: it is ended" ended

# --- it floods what serves it, and the card
check "a guest that floods everything" rogue 'echo "guest: floods"
(while :; do rogue dhcp 5000; done) >/dev/null &
(while :; do rogue syn 169.254.169.254 5000; done) >/dev/null &
rogue syn 10.0.1.40 100000
echo "guest: $((99999 + 1)) connections"
wait'
check "it floods" says rogue "guest: floods"
harmless "DHCP and IMDS flood"
check "it has begun 100,000 connections" says rogue "guest: 100000 connections"
harmless "100,000 connections"
echo "# $(nitroctl --json eni show e1 | jq -c '[.flow_count, .stats]')"
check "what is too much for services is dropped and counted" \
	[ "$(counter linklocal_allowance_exceeded)" -gt 0 ]
check "another guest is served meanwhile" tell victim \
	'udhcpc -q -n -i eth0 -t 20 -T 1 -s /dhcp >/dev/null && echo guest: $((40 + 2)) lease' \
	"guest: 42 lease"
check "flood: it is ended" ended

# --- it writes garbage to its devices
[ -e /srv/pool ] || check "there is a pool" pool_up
check "a volume is at its mercy" nitroctl volume create mercy --size 8M
check "a guest that writes garbage to its devices" rogue 'exec >/dev/ttyS0 2>&1
for device in /sys/bus/pci/devices/*; do
	case $(cat $device/vendor),$(cat $device/class) in
	0x1af4,*) rogue rings ${device##*/} 2600 ;;
	*,0x0108*) rogue registers ${device##*/} 20000 ;;
	esac
done
echo "guest: $((40 + 6)) is the end"' --volume mercy
# The VMM complains of what it reads there
complains()
{
	grep -q "^qemu-system" "/var/lib/nitro/instances/$(of rogue id)/vmm.log" ||
		[ "$(of rogue state)" != running ]
}
check "it does so, or has died of it" wait_for 300 complains
nitroctl instance console rogue | tr -d '\r' | grep -o "^rogue.*" | sed "s/^/# /"
echo "# it is $(of rogue state): $(of rogue reason)"
sed 's/^/# /' "/var/lib/nitro/instances/$(of rogue id)/vmm.log" | sort | uniq -c | head -n 20
harmless "garbage in rings"
has_reason()
{
	[ "$(of rogue state)" = running ] || [ "$(of rogue reason)" != null ]
}
check "garbage in rings: it runs, or says why it has ended" has_reason
check "garbage in rings: it is ended" ended
check_eq "all is free" "available available" "$(nitroctl --json eni show e1 | jq -r .state) \
$(nitroctl --json volume show mercy | jq -r .state)"
nitroctl instance terminate victim --force
nitroctl instance delete victim
nitroctl volume delete mercy
for n in neighbour:e3 sink:e4; do
	nitroctl eni detach "${n#*:}"
	ip netns del "${n%:*}"
done
