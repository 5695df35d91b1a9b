#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Metadata as a crash leaves it: cut off at any moment of heavy work. Our check and the reference's find
# it sound, and the kernel takes it.
#
# The device below the pool's metadata is suspended without flushing: no write gets through any
# more, wherever the kernel is. What lies there is what a reboot would find.
# limit: 120
. "$KERNEL_LIB"
. "${KERNEL_LIB%lib.sh}thin.sh"
command -v python3 > /dev/null || skip 'python3 is not installed'

# freeze OFFSET_MIB: copy the metadata's blocks as they are, to there.
freeze() {
	dmsetup suspend --noflush --nolockfs meta
	dd if="$DISK1" of="$DISK1" bs=1M count=8 seek="$1" conv=notrunc iflag=direct oflag=direct 2> /dev/null
	dmsetup resume meta
}

metadata meta 0 8
pool meta
for id in 0 1 2 3; do
	new_thin $id
done
load 1 100 5 0 1 2 3
(
	round=0
	while [ ! -e stop ]; do
		round=$((round + 1))
		load "$round" 40 10 0 1 2 3
	done
) &
worker=$!
for at in 16 24 32 40; do
	snapshot $((at + 100)) $((at / 8 % 4))
	[ $((at % 16)) -ne 0 ] || message "create_thin $at"
	sleep 0.$((at % 10))
	freeze $at
	[ $((at % 24)) -ne 0 ] || delete $((at + 100))
done
touch stop
wait $worker
dmsetup remove_all
agree "$DISK1"

changed=0
for at in 16 24 32 40; do
	dmsetup create left --table "0 16384 linear $DISK1 $((at * 2048))"
	bedplate thin_dump -o now.xml /dev/mapper/left
	[ $at -eq 16 ] || cmp -s now.xml last.xml || changed=$((changed + 1))
	mv now.xml last.xml
	agree /dev/mapper/left
	pool left
	expect_match ' rw .* - ' dmsetup status pool # needs_check stands at the '-'
	thin 0 1
	dd if=/dev/urandom of=/dev/mapper/thin0 bs=64k count=40 seek=$at 2> /dev/null
	snapshot 500 1
	no_pool 0 1 500
	agree /dev/mapper/left
	dmsetup remove left
done
[ $changed -ge 2 ] || fail "only $changed of 3 states differ from the one before"
