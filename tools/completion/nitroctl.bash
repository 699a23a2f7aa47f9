# SPDX-License-Identifier: GPL-2.0
# bash completion for nitroctl(8)
# shellcheck shell=bash

__nitroctl_names()
{
	nitroctl "$1" list --quiet --no-legend 2>/dev/null
}

__nitroctl_rules()
{
	nitroctl sg show "$1" --json 2>/dev/null |
		grep -o 'sgr-[0-9a-f]*'
}

# What the value of an option may be
__nitroctl_values()
{
	case $1 in
	--vpc) __nitroctl_names vpc ;;
	--subnet) __nitroctl_names subnet ;;
	--route-table) __nitroctl_names route-table ;;
	--host) __nitroctl_names host ;;
	--sg) __nitroctl_names sg ;;
	--eni) __nitroctl_names eni ;;
	--pool) __nitroctl_names pool ;;
	--key) __nitroctl_names key ;;
	--instance | --parent) __nitroctl_names instance ;;
	--boot | --volume) __nitroctl_names volume ;;
	--restart) echo on-failure no ;;
	--sector-size) echo 512 1024 2048 4096 ;;
	--vg) command lvs --noheadings --select 'segtype=thin-pool' -o lv_full_name 2>/dev/null ;;
	--protocol) echo tcp udp icmp icmpv6 all ;;
	--metadata) [ "$2" = build ] || echo on v1 off ;;
	--to)
		echo local blackhole
		__nitroctl_names eni | sed 's/^/eni:/'
		;;
	--peer)
		__nitroctl_names sg | sed 's/^/sg:/'
		__nitroctl_names prefix-list | sed 's/^/pl:/'
		;;
	--netns) command ip netns list 2>/dev/null | cut -d ' ' -f 1 ;;
	--port)
		[ "$2" != attach ] || command ls /sys/class/net 2>/dev/null
		;;
	esac
}

_nitroctl()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
	local common='--json --pretty --quiet --no-legend --help --version'
	local object='' verb='' name='' word
	local -A verbs=(
		[host]='set list show delete harden'
		[vpc]='create set list show delete'
		[subnet]='create set list show delete'
		[route-table]='create list show add-route delete-route delete'
		[prefix-list]='create set list show delete'
		[sg]='create list show allow revoke delete'
		[eni]='create set list show attach detach delete'
		[pool]='create set list show delete'
		[volume]='create set list show attach detach stats delete'
		[key]='create list show rotate delete'
		[instance]='run adopt list show start stop reboot terminate console stats delete'
		[enclave]='build run list show console terminate delete describe-image'
		[attest]='init root host verify'
		[kms]='create-key encrypt list show rotate delete'
		[memory]='set show'
	)
	local eni_options='--subnet --ip --sg --mac --host --source-dest-check
		--no-source-dest-check --bandwidth --pps --flows
		--tcp-established-timeout --udp-timeout --udp-stream-timeout
		--metadata --metadata-hop-limit'
	local vpc_options='--cidr --domain --dns-server --ntp-server'
	local -A options=(
		['host set']='--underlay --local --port'
		['host harden']='--check --apply'
		['vpc create']=$vpc_options
		['vpc set']=$vpc_options
		['subnet set']='--cidr --route-table'
		['prefix-list set']='--entry'
		['subnet create']='--vpc --cidr --route-table'
		['route-table create']='--vpc'
		['route-table add-route']='--to'
		['prefix-list create']='--entry --vpc'
		['sg create']='--vpc'
		['sg allow']='--ingress --egress --protocol --port --icmp-type
			--peer'
		['eni create']=$eni_options
		['eni set']=$eni_options
		['eni show']='--flows --drops'
		['eni attach']='--netns --port --local --instance --ifname'
		['pool create']='--dir --vg --device --size --sparse'
		['pool set']='--size'
		['volume create']='--size --pool --sector-size --iops
			--throughput --key --key-file --instance-store'
		['volume set']='--size --iops --throughput'
		['volume attach']='--local --instance'
		['volume detach']='--force'
		['instance run']='--metal --vcpus --memory --kernel --initrd --cmdline --boot
			--volume --eni --user-data --public-key --enclaves --restart
			--no-wait'
		['instance adopt']='--metal --user-data --public-key'
		['instance start']='--no-wait'
		['instance stop']='--force --no-wait'
		['instance reboot']='--force --no-wait'
		['instance terminate']='--force --no-wait'
		['instance console']='--follow'
		['enclave build']='--output --kernel --rootfs --command --modules --init
			--cmdline --ramdisk --name --version
			--metadata --signing-certificate --private-key'
		['enclave run']='--image --cpus --memory --cid --parent --debug --no-wait'
		['enclave console']='--follow'
		['enclave terminate']='--no-wait'
		['attest init']='--root-key --root-certificate --directory --replace'
		['attest root']='--directory'
		['attest verify']='--root --nonce --pcr --at --debug'
		['kms create-key']='--policy'
		['kms encrypt']='--in --out --context'
		['memory set']='--pool'
		['apply ']='--file --dry-run --prune'
		['trace ']='--eni --egress --ingress --protocol --peer --port
			--peer-port --icmp-type'
	)
	local commands='status apply export monitor trace help'

	# With ':' in COMP_WORDBREAKS, "sg:web" is three words.
	if [[ $cur == : ]]; then
		cur=
	elif [[ $prev == : ]]; then
		prev=${COMP_WORDS[COMP_CWORD - 2]}
	fi

	for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
		case $word in
		-*) ;;
		*)
			if [ -z "$object" ]; then
				object=$word
			elif [ -z "$verb" ] && [ -n "${verbs[$object]-}" ]; then
				verb=$word
			elif [ -z "$name" ]; then
				name=$word
			fi
			;;
		esac
	done

	if [[ $prev == --file || $prev == -f || $prev == --dir ||
	      $prev == --device || $prev == --key-file || $prev == --kernel ||
	      $prev == --initrd || $prev == --user-data || $prev == --public-key ||
	      $prev == --output || $prev == -o || $prev == --image || $prev == --ramdisk ||
	      $prev == --rootfs || $prev == --modules || $prev == --init ||
	      $prev == --signing-certificate || $prev == --private-key ||
	      $verb$prev == build--metadata || $prev == --root || $prev == --root-key ||
	      $prev == --root-certificate || $prev == --directory ||
	      $prev == --policy || $prev == --in || $prev == --out ||
	      ( "$object $verb" == 'attest verify' && $cur != -* && $prev != --* ) ||
	      ( "$object $verb" == 'enclave describe-image' && $cur != -* ) ]]; then
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return
	fi
	if [[ $prev == --* && " $common --dry-run --prune --local --ingress
		--egress --flows --drops --source-dest-check
		--no-source-dest-check --sparse --instance-store --force --no-wait --follow --metal --replace --debug " != *" $prev "* ]]; then
		mapfile -t COMPREPLY < <(
			compgen -W "$(__nitroctl_values "$prev" "$verb")" \
				-- "$cur")
		return
	fi

	if [ -z "$object" ]; then
		word="${!verbs[*]} $commands $common"
	elif [[ $cur == -* ]]; then
		word="${options["$object $verb"]-} $common"
	elif [ -n "${verbs[$object]-}" ] && [ -z "$verb" ]; then
		word="${verbs[$object]} help"
	elif [ "$object" = help ]; then
		word="${!verbs[*]} $commands"
	elif [ "$object $verb" = 'sg revoke' ] && [ -n "$name" ]; then
		word=$(__nitroctl_rules "$name")
	elif [ -n "$verb" ] && [ -z "$name" ] &&
	     [[ $verb != create && $verb != run && $verb != list ]]; then
		word=$(__nitroctl_names "$object")
	else
		word="${options["$object $verb"]-}"
	fi
	mapfile -t COMPREPLY < <(compgen -W "$word" -- "$cur")
}

complete -F _nitroctl nitroctl
