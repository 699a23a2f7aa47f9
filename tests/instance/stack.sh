# SPDX-License-Identifier: GPL-2.0
# Instances that a stack file says: made, changed, given more, stopped, pruned.
# shellcheck shell=bash disable=SC2154

# stack STATE ENIS VOLUMES [MEMORY] - the file, with one instance
stack()
{
	cat <<-END
	version: 1
	instances:
	  - name: said
	    memory: ${4:-160M}
	    kernel: $guest/kernel
	    initrd: $guest/initrd
	    cmdline: "$cmdline"
	    enis: [$2]
	    volumes: [$3]
	    user_data: |
	      echo "guest: data \$((6 * 7))"
	    state: $1
	END
}

# apply STATE ENIS VOLUMES... - and how many objects that has changed
apply()
{
	stack "$@" | nitroctl apply -f -
}

changes()
{
	stack "$@" | nitroctl --json apply -f - | jq -r '.changes | length'
}

nitroctl pool show main >/dev/null 2>&1 || check "there is a pool" pool_up
check "and volumes" sh -c 'nitroctl volume create s1 --size 16M && nitroctl volume create s2 --size 16M'
check "a stack with an instance that is stopped" apply stopped e1 s1
check_eq "makes it" "stopped" "$(of said state)"
check_eq "with its ENI and volume" '["e1"] ["s1"]' "$(of said 'enis | tojson') $(of said 'volumes | tojson')"
check_eq "and its files" "initrd kernel" \
	"$(find "/var/lib/nitro/instances/$(of said id)" -type f -printf '%f\n' | sort | xargs)"
check_eq "the same again changes nothing" 0 "$(changes stopped e1 s1)"
check_eq "nor what is exported" 0 "$(nitroctl export | nitroctl --json apply -f - | jq '.changes | length')"
check "memory changes while it is stopped" apply stopped e1 s1 192M
check "and it starts" apply running e1 s1 192M
check "and runs" wait_for 120 sh -c '[ "$(nitroctl --json instance show said | jq -r .state)" = running ]'
check "the guest is up" says said "guest: up"
check "with the user data" said said "guest: data 42"
check_eq "which changes nothing" 0 "$(changes running e1 s1 192M)"
before=$(nitroctl export | md5sum)
check "memory does not change while it runs" refused "line 3: instance 'said' is running; 'instance stop said' first" \
	apply running e1 s1 256M
check "nor is a volume taken from it" refused \
	"line 9: volume 's1' is attached to instance 'said', which is not stopped; 'volume detach s1' first" \
	apply running e1 "" 192M
check_eq "all is as before" "$before" "$(nitroctl export | md5sum)"
check "an ENI and a volume come while it runs" apply running "e1, e2" "s1, s2" 192M
check "the guest sees both" tell said \
	'until [ -e /dev/nvme1n1 ] && [ -e /sys/class/net/eth1 ]; do usleep 100000; done; echo guest: $((40 + 6)) both' \
	"guest: 46 both"
check "nitrod goes" systemctl kill -s KILL nitrod.service
check "and is back" wait_for 60 nitroctl status
check "and the instance runs" wait_for 60 sh -c \
	'[ "$(nitroctl --json instance show said | jq -r .state)" = running ]'
check_eq "and a stack changes nothing" 0 "$(changes running "e1, e2" "s1, s2" 192M)"
check "it is stopped" apply stopped "e1, e2" "s1, s2" 192M
check "and stops" wait_for 120 sh -c '[ "$(nitroctl --json instance show said | jq -r .state)" = stopped ]'
check "what it is not to have is free then" apply stopped e2 "" 192M
check_eq "which is most" '["e2"] []' "$(of said 'enis | tojson') $(of said 'volumes | tojson')"
nitroctl export | sed '/^instances:/,$d' >/tmp/without
echo "instances: [{name: other, host: host-a, state: stopped, kernel: $guest/kernel}]" >>/tmp/without
check "a stack that does not name it terminates it, if that is asked for" \
	nitroctl apply --prune -f /tmp/without
check "it is terminated" wait_for 60 sh -c \
	'[ "$(nitroctl --json instance show said | jq -r .state)" = terminated ]'
check_eq "and the other is there" stopped "$(of other state)"
check "its name may be used again" apply stopped "" ""
check_eq "for another" stopped "$(of said state)"
check "it is terminated" nitroctl instance terminate said
check "and deleted" nitroctl instance delete said

# --- EC2 shows what is terminated for an hour
gone()
{
	[ "$(nitroctl --json instance list | jq length)" = 0 ]
}
check "the other is terminated" nitroctl instance terminate other
date -s '+59 minutes' >/dev/null
check "nitrod is started again" systemctl restart nitrod.service
check_eq "which lists it still" terminated "$(of other state)"
date -s '+2 minutes' >/dev/null
check "and after an hour no more" wait_for 60 gone
for name in s1 s2; do
	check "volume '$name' is deleted" nitroctl volume delete $name
done
check_eq "no file is left" "" "$(ls -A /var/lib/nitro/instances)"
