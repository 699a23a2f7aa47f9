# SPDX-License-Identifier: GPL-2.0
# The image of docs/IMAGES.md as an instance from an encrypted volume: Debian's kernel, systemd
# and cloud-init, which learns from the metadata service, with a token, who it is.
# shellcheck shell=bash disable=SC2154

. tests/instance/debian.sh

key="ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEeYhX6yTeCkqhEXiPzDCvpnThMKoXFRRMzTqZEiTs6s tester"
told=$(cat /proc/sys/kernel/random/uuid)
echo "$key" >/tmp/key.pub
debian_user_data "$told" >/tmp/user-data

check "there is a pool" debian_pool
check "and a volume" nitroctl volume create debian --pool debian --size 640M
check "the drive has its text in clear" grep -qaF "$clear_text" $drive
check "which is written to the volume" debian_write
check "an instance runs with it" nitroctl instance run debian --memory 768M --vcpus 1 \
	--kernel $debian/vmlinuz --cmdline "$words" --volume debian --eni e3 \
	--user-data /tmp/user-data --public-key /tmp/key.pub
check "a login comes up, with the name that the metadata have" \
	debian_says "ip-10-0-1-30 login:" 900
echo "# login after $SECONDS s"
check "its user data are run; it takes the service for EC2's" \
	debian_says "guest: name ip-10-0-1-30 from aws" 600
check "it is on the volume, by its serial number" debian_says \
	"guest: root /dev/nvme0n1p1 of vol$(nitroctl --json volume show debian | jq -r '.id[4:]')" 300
check "the user has the key" debian_says "guest: keys $key" 300
check_not "nothing has told of the first boot" debian_says "$told" 0
echo "# user data are run after $SECONDS s"
check "it reboots" nitroctl instance reboot debian
check "and finds what it has written" debian_says "$told" 600
echo "# again after $SECONDS s"
check "it is stopped" nitroctl instance stop debian --force
check_not "of all that the pool has nothing in clear" debian_in_clear "$told"
check "it is terminated" nitroctl instance terminate debian
nitroctl volume delete debian
nitroctl pool delete debian
umount $pool
