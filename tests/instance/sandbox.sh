# SPDX-License-Identifier: GPL-2.0
# What a VMM that was taken over could do: its unit, with a program in the VMM's place that tries.
# shellcheck shell=bash

install -m 755 tests/instance/confined /usr/local/bin/nitro-confined
sed -e '/^Exec\|^OpenFile=\|^Before=/d' -e 's/^Type=.*/Type=oneshot/' \
	-e '/^\[Service\]/a ExecStart=/usr/local/bin/nitro-confined' \
	/usr/lib/systemd/system/nitro-instance@.service \
	>/run/systemd/system/nitro-confined@.service
systemctl daemon-reload
systemctl start nitro-confined@test.service >/dev/null 2>&1
journalctl --sync
said=$(journalctl -o cat -u nitro-confined@test.service)
check "what a VMM must not do was tried" grep -q "^tried: " <<<"$said"
check_eq "and nothing of it is possible" "" "$(grep "^possible:" <<<"$said")"
rm /run/systemd/system/nitro-confined@.service /usr/local/bin/nitro-confined
systemctl daemon-reload
