# SPDX-License-Identifier: GPL-2.0
# What a VMM that was taken over could do: its unit, with a program in the VMM's place that tries.
# shellcheck shell=bash

# confined KIND - in the unit of an instance or of an enclave
confined()
{
	local unit=/run/systemd/system/nitro-confined-$1@.service said

	sed -e '/^Exec\|^OpenFile=\|^Before=/d' -e 's/^Type=.*/Type=oneshot/' \
		-e '/^\[Service\]/a ExecStart=/usr/local/bin/nitro-confined '"$1" \
		"/usr/lib/systemd/system/nitro-$1@.service" >"$unit"
	systemctl daemon-reload
	systemctl start "nitro-confined-$1@test.service" >/dev/null 2>&1
	journalctl --sync
	said=$(journalctl -o cat -u "nitro-confined-$1@test.service")
	check "what the VMM of an $1 must not do was tried" grep -q "^tried: " <<<"$said"
	check_eq "and nothing of it is possible" "" "$(grep "^possible:" <<<"$said")"
	rm "$unit"
}

install -m 755 tests/instance/confined /usr/local/bin/nitro-confined
confined instance
confined enclave
rm /usr/local/bin/nitro-confined
systemctl daemon-reload
