# SPDX-License-Identifier: GPL-2.0
# Instances from their first start to their end, of either kind.
# shellcheck shell=bash disable=SC2154,SC2034

# --- what is refused, with one sentence and nothing changed
before=$(nitroctl export | md5sum)
head -c 17000 /dev/zero >/tmp/big
check "an ENI that is not there" not_found "ENI 'e9' does not exist" run x --eni e9
check "a volume that is not there" not_found "volume 'v9' does not exist" run x --volume v9
memory=1T check "more memory than there is" refused "needs 1048576M of memory; this host has" run x
check "too much user data" refused "more than the 16384 bytes" run x --user-data /tmp/big
check "no public key" refused "is not as OpenSSH writes it" run x --public-key /etc/hostname
check "no name" refused "name '../x' must" run ../x
refusals_of_kind
check_eq "nothing of it is left" "0 available" \
	"$(nitroctl instance list -q | wc -l) $(nitroctl --json eni show e1 | jq -r .state)"
check_eq "nor of any unit" "" "$(systemctl list-units --no-legend --state=active "$units")"
check_eq "the state is as before" "$before" "$(nitroctl export | md5sum)"

# --- a guest
cat >/tmp/user-data <<'END'
ping -c 1 -w 10 10.0.1.1 >/dev/null && echo "guest: router answers"
END
id=$(run web --eni e1 --user-data /tmp/user-data)
check "an instance runs" [ "$(of web state)" = running ]
check_eq "its ID was printed" "$(of web id)" "$id"
check_eq "it is of its kind" "$kind" "$(of web kind)"
check "the guest is up" says web "guest: up"
check "it has its ENI's address, by DHCP" said web "guest: address 10.0.1.10/24"
check "it knows who it is, from its metadata" said web "guest: instance $id"
check "its user data have run, and the router answers" said web "guest: router answers"

# --- its unit
pid=$(carrier web)
check_eq "the unit is in nitro.slice" nitro.slice "$(systemctl show -P Slice "$(of web unit)")"
check_eq "it runs on the CPUs that are its own" "$(of web cpus)" \
	"$(sed -n 's/^Cpus_allowed_list:\t//p' "/proc/$pid/status")"
unit_of_kind web "$pid"
check "an instance of that name is refused" refused "instance 'web' exists already" \
	nitroctl instance run web --kernel $guest/kernel

# --- nitrod goes and comes
systemctl kill -s KILL nitrod.service
check "nitrod is back" wait_for 60 nitroctl status
check "and finds the instance" wait_for 60 sh -c \
	'[ "$(nitroctl --json instance show web | jq -r .state)" = running ]'
check_eq "which is the same" "$pid" "$(carrier web)"

# --- its security groups and limits
check "a group is taken from it while it runs" sh -c \
	'nitroctl sg create shut --vpc shop >/dev/null && nitroctl eni set e1 --sg shut'
check "its ENI has a limit" nitroctl eni set e1 --pps 1000
check_eq "both are seen" "shut 1000" \
	"$(nitroctl --json eni show e1 | jq -r '"\(.security_groups[0]) \(.pps)"')"
check "and it has its network still" tell web \
	'ping -c 1 -w 10 10.0.1.1 >/dev/null && echo guest: $((30 + 1)) reached' "guest: 31 reached"
check "all is as before" sh -c \
	'nitroctl eni set e1 --sg open --pps 0 && nitroctl sg delete shut'

# --- its end
check "the instance stops" nitroctl instance stop web
check_eq "it is stopped" stopped "$(of web state)"
check "the guest was told, it was not killed" said web "guest: power button"
check "its carrier is gone" [ ! -e "/proc/$pid" ]
check "an ENI in use is refused" refused "ENI 'e1' is attached already" \
	nitroctl instance run y --kernel $guest/kernel --eni e1
check_eq "it keeps its ENI" '["e1"]' "$(nitroctl --json instance show web | jq -c .enis)"
check "an ENI is added to it" nitroctl eni attach e2 --instance web
check "it starts" nitroctl instance start web
check "and is running" [ "$(of web state)" = running ]
check "with two ENIs" [ "$(of web 'enis | length')" = 2 ]
check "it is up again" ups web 2
pid=$(carrier web)
check "it reboots" nitroctl instance reboot web
check "with a new carrier" [ "$(carrier web)" != "$pid" ]
check "and is up a third time" ups web 3
check "it reboots by itself" tell web 'echo guest: $((30 + 2)); sleep 1; reboot -f' "guest: 32"
check "and is up a fourth time" ups web 4
check "nitrod knows it as running" wait_for 60 state_is web running
pid=$(carrier web)
kill -KILL "$pid"
check "a carrier that dies is started again" wait_for 60 restarted web "$pid"
check "it can be ended by force" nitroctl instance stop --force web
check "it starts without waiting" nitroctl instance start web --no-wait
check "and terminates" nitroctl instance terminate web --force
check_eq "it is terminated" terminated "$(of web state)"
check_eq "its ENIs are free" "available available" \
	"$(nitroctl --json eni list | jq -r '[.[] | select(.name != "e3") | .state] | join(" ")')"
check "it is deleted" nitroctl instance delete web
check_not "and is no more" nitroctl instance show web

# --- one that shuts down by itself
cat >/tmp/user-data <<'END'
poweroff -f
END
check "an instance runs that shuts down" run brief --eni e1 --user-data /tmp/user-data
check "it is stopped" wait_for 120 state_is brief stopped
check_eq "and it is known why" "the guest has shut down" "$(of brief reason)"
check "it is terminated" nitroctl instance terminate brief
check "and deleted" nitroctl instance delete brief
check_eq "no process is left" "" "$(pgrep -x "$processes")"
check_eq "and no file" "" \
	"$(find /var/lib/nitro/instances /run/nitro/instances /dev/nitro/instance -mindepth 1 2>/dev/null)"
