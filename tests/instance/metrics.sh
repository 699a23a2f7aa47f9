# SPDX-License-Identifier: GPL-2.0
# What nitro-exporter says of an instance that runs, and what Prometheus makes of it.
# shellcheck shell=bash disable=SC2154

url=http://127.0.0.1:9964/metrics

scraped()
{
	curl -sf -m 60 $url >/tmp/metrics
}

# value SAMPLE - of the last scrape, of the instance
value()
{
	grep -F "nitro_instance_$1{$labels" /tmp/metrics | grep -F "${2:-}" | sed 's/.* //'
}

# bounded KEY SAMPLE LABEL - between what the instance had used before the scrape and after
bounded()
{
	jq -n --argjson low "$(jq "$1" <<<"$before")" --argjson high "$(jq "$1" <<<"$after")" \
		--argjson seen "$(value "$2" "${3:-}")" \
		'$low <= $seen + 0.0000001 and $seen <= $high + 0.0000001 and $high > 0' | grep -qx true
}

# query EXPRESSION - its values
query()
{
	curl -sf -m 60 -G --data-urlencode "query=$1" http://127.0.0.1:9099/api/v1/query |
		jq -r '.data.result[].value[1]' | sort | tr '\n' ' '
}

is()
{
	[ "$(query "$1")" = "$2 " ]
}

nitroctl pool show main >/dev/null 2>&1 || check "there is a pool" pool_up
check "and a volume" nitroctl volume create seen --size 16M
check "an instance runs" run seen --eni e3 --volume seen
check "the guest is up" says seen "guest: up"
labels="instance_id=\"$(of seen id)\",name=\"seen\""
check "the exporter starts" systemctl start nitro-exporter.socket
before=$(nitroctl --json instance stats seen)
check "a scrape" scraped
after=$(nitroctl --json instance stats seen)
check_eq "it is there once, and runs" 1 \
	"$(grep -c "^nitro_instance_info{$labels,state=\"running\",.*} 1$" /tmp/metrics)"
check_eq "and has not failed" 0 "$(value failed)"
check_eq "its CPUs" 1 "$(value vcpus)"
check_eq "its memory" $((160 << 20)) "$(value memory_bytes)"
check "CPU time in the guest" bounded '.guest_time / 1000000' cpu_seconds_total 'where="guest"'
check "and outside of it, on its behalf" bounded '.host_time / 1000000' cpu_seconds_total 'where="host"'
check "of its vCPU" bounded '.vcpus[0].time / 1000000' vcpu_seconds_total 'vcpu="0"'
check "its vCPU's wait for a CPU" bounded '.vcpus[0].steal / 1000000' vcpu_steal_seconds_total 'vcpu="0"'
check "exits" bounded .exits exits_total
check "of those, for want of work" bounded .halt_exits halt_exits_total
check "what memory it may have" bounded .memory.limit memory_limit_bytes
check_eq "its ENI names it" 1 "$(grep -c "^nitro_eni_info{.*instance_id=\"$(of seen id)\"" /tmp/metrics)"
check_eq "and its volume" 1 "$(grep -c "^nitro_volume_info{.*instance_id=\"$(of seen id)\"" /tmp/metrics)"

cat >/tmp/prometheus.yml <<'END2'
global: {scrape_interval: 5s, scrape_timeout: 5s}
scrape_configs:
  - job_name: nitro
    static_configs: [{targets: ["127.0.0.1:9964"]}]
END2
# Debian's own instance has the usual port
prometheus --config.file=/tmp/prometheus.yml --storage.tsdb.path=/tmp/tsdb \
	--web.listen-address=127.0.0.1:9099 >/tmp/prometheus.log 2>&1 &
prometheus=$!
check "Prometheus takes the scrape" wait_for 300 is 'up{job="nitro"}' 1
check "and knows both kinds of CPU time" wait_for 60 is 'count(nitro_instance_cpu_seconds_total)' 2
check "and joins volumes to their instance" wait_for 60 is \
	'count(nitro_volume_bytes_total * on (volume) group_left (instance_id) nitro_volume_info{instance_id!=""})' 2
panels=$(jq -r '.. | .expr? // empty' examples/grafana-dashboard.json | grep nitro_instance)
wrong()
{
	while IFS= read -r expr; do
		curl -s -m 60 -G --data-urlencode "query=${expr//\$__rate_interval/1m}" \
			http://127.0.0.1:9099/api/v1/query | jq -e '.status == "success"' >/dev/null ||
			echo "$expr"
	done
}
check_eq "each expression of the dashboard is one" "" "$(wrong <<<"$panels")"
check_eq "and names metrics that there are" "" "$(comm -23 \
	<(grep -o 'nitro_[a-z_0-9]*' <<<"$panels" | sort -u) \
	<(sed -n 's/^\(nitro_[a-z_0-9]*\).*/\1/p' /tmp/metrics | sort -u))"
kill $prometheus
wait $prometheus

check "it is terminated" nitroctl instance terminate seen --force
check "a scrape after that" scraped
check_eq "it is there, and counts nothing" "terminated 0" \
	"$(sed -n "s/^nitro_instance_info{$labels,state=\"\([a-z]*\)\".*/\1/p" /tmp/metrics) $(grep -c "^nitro_instance_.*_total{$labels" /tmp/metrics)"
check "it is deleted" nitroctl instance delete seen
