# SPDX-License-Identifier: GPL-2.0
# Instances with several CPUs, and queues of the ENI for them; VMMs that fail; a host that
# cannot run virtual machines.
# shellcheck shell=bash disable=SC2154

[ -e /srv/pool ] || check "there is a pool" pool_up

# --- several CPUs
cat >/tmp/user-data <<'END'
echo "guest: $(grep -c ^processor /proc/cpuinfo) CPUs"
echo "guest: channels $(ethtool -l eth0 | awk '/^Combined/ { print $2 }' | tr '\n' ' ')"
kicks()
{
	ethtool -S eth0 | awk -v name="tx$1_kicks:" '$1 == name { print $2 }'
}
# a queue is chosen by the CPU that sends
for cpu in 0 1; do
	before=$(kicks $cpu)
	taskset $((1 << cpu)) ping -q -c 3 -i 0.1 10.0.1.1 >/dev/null &&
		[ "$(kicks $cpu)" -gt "$before" ] && echo "guest: queue $cpu is used"
done
END
check "an instance runs with two CPUs" nitroctl instance run two --vcpus 2 --memory 160M \
	--kernel $guest/kernel --initrd $guest/initrd-more --cmdline "$cmdline" --eni e1 \
	--user-data /tmp/user-data
check "its guest is up" says two "guest: up"
check "it has two CPUs" said two "guest: 2 CPUs"
check "its ENI has as many queues, all in use" said two "guest: channels 2 2"
check "the first one sends for the first CPU, and answers come" said two "guest: queue 0 is used"
check "the second one for the second" said two "guest: queue 1 is used"
pid=$(vmm two)
check_eq "vhost has a thread for each queue" 2 \
	"$(ps -L -o comm= -p "$pid" | grep -c '^vhost-')"
check_eq "the unit has two CPUs" 2 "$(of two cpus | tr ',' '\n' | wc -l)"
check_eq "in its cpuset" "$(of two cpus)" "$(systemctl show -P EffectiveCPUs "$(of two unit)" |
	awk '/^[0-9]+-[0-9]+$/ { split($1, r, "-"); s = r[1]; while (r[1]++ < r[2]) s = s "," r[1]; $1 = s } { gsub(" ", ","); print }')"
check_eq "every thread of the VMM is there" 1 "$(sed -n 's/^Cpus_allowed_list:\t//p' \
	/proc/"$pid"/task/*/status | sort -u | wc -l)"
check "a third CPU is refused" refused "of which instances and enclaves have 2" run three
check_eq "and nothing of that instance is left" 1 "$(nitroctl instance list -q | wc -l)"
check "it is ended" nitroctl instance terminate two --force

# --- a VMM that fails
small()
{
	nitroctl instance run "$1" --memory 64M --kernel $guest/sleeper "${@:2}"
}
check "an instance that is not to be restarted runs" small once --restart no --eni e1
kill -SEGV "$(vmm once)"
check "when its VMM fails it has failed" wait_for 30 sh -c \
	'[ "$(nitroctl --json instance show once | jq -r .state)" = failed ]'
check "for a reason that can be read" sh -c \
	'nitroctl instance show once | grep "the VMM failed: "'
check "which nitrod's status tells, too" sh -c "nitroctl status | grep \"instance 'once': the VMM failed\""
check "it keeps its ENI" [ "$(of once 'enis[0]')" = e1 ]
check "it is started" nitroctl instance start once
check "and runs" says once "sleeper: up"
check "it is ended" nitroctl instance terminate once
check "an instance that is restarted runs" small again
for n in first second; do
	pid=$(vmm again)
	kill -KILL "$pid"
	check "it is again after its $n failure" wait_for 60 restarted again "$pid"
done
check "its guest knows the power button" nitroctl instance stop again
check_eq "and was told" 1 "$(nitroctl instance console again | grep -c 'power button')"

# --- without KVM, with one sentence and nothing changed
before=$(nitroctl export | md5sum)
systemctl stop nitro-test-kvm
kvm=$(lsmod | awk '$1 == "kvm_amd" || $1 == "kvm_intel" { print $1 }')
check "KVM goes" modprobe -r "$kvm"
check "no instance is run" refused "this host cannot run virtual machines: /dev/kvm" small none --eni e1
check "or started" refused "this host cannot run virtual machines: /dev/kvm" \
	nitroctl instance start again
check_eq "it is stopped as before" stopped "$(of again state)"
nitro-test-kvm
check "a volume that is not there is not booted" not_found "volume 'v9' does not exist" \
	nitroctl instance run none --boot v9
check "no initial ramdisk without a kernel" refused "goes with a kernel" \
	nitroctl instance run none --boot v9 --initrd $guest/initrd
check "user data of 16385 bytes are refused" refused "more than the 16384 bytes" sh -c \
	"head -c 16385 /dev/zero | nitroctl instance run none --kernel $guest/sleeper --user-data -"
check_eq "the state is as before" "$before" "$(nitroctl export | md5sum)"
check_eq "and ENIs are free" available "$(nitroctl --json eni show e1 | jq -r .state)"
check "16384 bytes are taken" sh -c \
	"head -c 16384 /dev/urandom | nitroctl instance run full --memory 64M --kernel $guest/sleeper --user-data -"
check "a volume is taken once" nitroctl volume create taken --size 8M
nitroctl volume attach taken --instance full >/dev/null
check "then by nobody else" refused "volume 'taken' is attached already" small none --volume taken
for name in full again; do
	check "'$name' is ended" nitroctl instance terminate $name --force
done
check_eq "no process is left" "" "$(pgrep -x 'nitro-launch|qemu-system-x86')"
nitroctl volume delete taken
