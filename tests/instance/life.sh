# SPDX-License-Identifier: GPL-2.0
# Instances from their first start to their end.
# shellcheck shell=bash disable=SC2154

# --- what is refused, with one sentence and nothing changed
before=$(nitroctl export | md5sum)
head -c 17000 /dev/zero >/tmp/big
check "no kernel and no volume" refused "needs something to boot" nitroctl instance run x
check "a kernel that is not there" refused "cannot open '/nowhere'" \
	nitroctl instance run x --kernel /nowhere
check "a kernel that is no file" refused "is no file" nitroctl instance run x --kernel /
check "an ENI that is not there" not_found "ENI 'e9' does not exist" run x --eni e9
check "a volume that is not there" not_found "volume 'v9' does not exist" run x --volume v9
check "more CPUs than there are" refused "needs 200 CPUs; this host has" run x --vcpus 200
check "more memory than there is" refused "needs 1048576M of memory; this host has" \
	nitroctl instance run x --memory 1T --kernel $guest/kernel
check "no CPU" refused "vcpus 0 of instance 'x' is not from 1 to 255" run x --vcpus 0
check "too much user data" refused "more than the 16384 bytes" run x --user-data /tmp/big
check "no public key" refused "is not as OpenSSH writes it" run x --public-key /etc/hostname
check "no name" refused "name '../x' must" run ../x
check "what the VMM cannot boot" refused "instance 'x': the VMM failed" \
	nitroctl instance run x --kernel /etc/passwd --eni e1
check_eq "nothing of it is left" "0 available" \
	"$(nitroctl instance list -q | wc -l) $(nitroctl --json eni show e1 | jq -r .state)"
check_eq "nor of any unit" "" "$(systemctl list-units --no-legend --state=active 'nitro-instance@*')"
check_eq "the state is as before" "$before" "$(nitroctl export | md5sum)"

# --- a guest
cat >/tmp/user-data <<'END'
ping -c 1 -w 10 10.0.1.1 >/dev/null && echo "guest: router answers"
END
id=$(run web --eni e1 --user-data /tmp/user-data)
check "an instance runs" [ "$(of web state)" = running ]
check_eq "its ID was printed" "$(of web id)" "$id"
check "the guest is up" says web "guest: up"
check "it has its ENI's address, by DHCP" said web "guest: address 10.0.1.10/24"
check "it knows who it is, from its metadata" said web "guest: instance $id"
check "its user data have run, and the router answers" said web "guest: router answers"
check "vhost serves the guest" sh -c 'ps -eL -o comm | grep -q "^vhost-"'

# --- its unit
pid=$(vmm web)
check_eq "the unit is in nitro.slice" nitro.slice \
	"$(systemctl show -P Slice "nitro-instance@$id.service")"
check "the VMM has a user of its own" [ "$(stat -c %u "/proc/$pid")" -gt 60000 ]
check_eq "and no capability" 0000000000000000 \
	"$(sed -n 's/^CapBnd:\t//p' "/proc/$pid/status")"
check_eq "and no network but its ENI" "lo" \
	"$(nsenter -t "$pid" -n ip -o link | awk -F ': ' '{ print $2 }')"
check_eq "it runs on the CPUs that are its own" "$(of web cpus)" \
	"$(sed -n 's/^Cpus_allowed_list:\t//p' "/proc/$pid/status")"
check "an ENI in use is refused" refused "ENI 'e1' is attached already" run y --eni e1
check "an instance of that name is refused" refused "instance 'web' exists already" run web

# --- nitrod goes and comes
systemctl kill -s KILL nitrod.service
check "nitrod is back" wait_for 60 nitroctl status
check "and finds the instance" wait_for 60 sh -c \
	'[ "$(nitroctl --json instance show web | jq -r .state)" = running ]'
check_eq "which is the same" "$pid" "$(vmm web)"

# --- its end
check "the instance stops" nitroctl instance stop web
check_eq "it is stopped" stopped "$(of web state)"
check "the guest was told, it was not killed" said web "guest: up"
check "its VMM is gone" [ ! -e "/proc/$pid" ]
check_eq "it keeps its ENI" '["e1"]' "$(nitroctl --json instance show web | jq -c .enis)"
check "an ENI is added to it" nitroctl eni attach e2 --instance web
check "it starts" nitroctl instance start web
check "and is running" [ "$(of web state)" = running ]
check "with two ENIs" [ "$(of web 'enis | length')" = 2 ]
check "it is up again" wait_for 120 sh -c \
	'[ "$(nitroctl instance console web | grep -c "guest: up")" = 2 ]'
pid=$(vmm web)
check "it reboots" nitroctl instance reboot web
check "with a new VMM" [ "$(vmm web)" != "$pid" ]
pid=$(vmm web)
kill -KILL "$pid"
restarted()
{
	[ "$(of web state)" = running ] && [ "$(vmm web)" != "$pid" ]
}
check "a VMM that dies is started again" wait_for 60 restarted
check "it can be ended by force" nitroctl instance stop --force web
check "it starts without waiting" nitroctl instance start web --no-wait
check "and terminates" nitroctl instance terminate web --force
check_eq "it is terminated" terminated "$(of web state)"
check_eq "its ENIs are free" "available available" \
	"$(nitroctl --json eni list | jq -r '[.[] | select(.name != "e3") | .state] | join(" ")')"
check "it is deleted" nitroctl instance delete web
check_not "and is no more" nitroctl instance show web
check_eq "no process is left" "" "$(pgrep -x 'nitro-launch|qemu-system-x86')"
check_eq "and no file" "" "$(ls -A /var/lib/nitro/instances)$(ls -A /run/nitro/instances)"
