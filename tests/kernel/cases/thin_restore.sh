#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# What the kernel wrote is dumped and restored to another device, and activated from there: all
# volumes read as before, and the kernel goes on with it without damage.
# limit: 120
. "$KERNEL_LIB"

data_blocks=4096 # of 64 KiB
dmsetup create meta1 --table "0 8192 linear $DISK1 0"
dmsetup create meta2 --table "0 16384 linear $DISK1 8192"
dd if=/dev/zero of=/dev/mapper/meta1 bs=4096 count=1 2> /dev/null

pool() {
	dmsetup create pool --table "0 $((data_blocks * 128)) thin-pool $1 $DISK0 128 0 1 skip_block_zeroing"
}
thin() {
	dmsetup create "thin$1" --table "0 131072 thin /dev/mapper/pool $1"
}
message() {
	dmsetup message pool 0 "$1"
}
snapshot() {
	dmsetup suspend "thin$2"
	message "create_snap $1 $2"
	dmsetup resume "thin$2"
	thin "$1"
}
# write DEVICE SEED STEP: a block of 4 KiB in every STEP-th data block, told apart by the seed
write() {
	yes "device $1 seed $2" | head -c 4096 > block
	at=0
	while [ $at -lt 1024 ]; do
		dd if=block of="/dev/mapper/thin$1" bs=4096 seek=$((at * 16)) conv=notrunc 2> /dev/null
		at=$((at + $3))
	done
}
sums() {
	for device in "$@"; do
		md5sum < "/dev/mapper/thin$device"
	done
}

pool /dev/mapper/meta1
message 'create_thin 0'
thin 0
dd if=/dev/urandom of=/dev/mapper/thin0 bs=1M count=60 2> /dev/null
message 'create_thin 1'
thin 1
write 1 first 3
snapshot 2 0
write 0 second 40
write 2 third 50
snapshot 3 2
snapshot 4 1
write 1 fourth 7
message 'set_transaction_id 0 5'
before=$(sums 0 1 2 3 4)
dmsetup remove thin0 thin1 thin2 thin3 thin4
dmsetup remove pool

bedplate thin_dump -o xml /dev/mapper/meta1
dd if=/dev/urandom of=/dev/mapper/meta2 bs=1M count=8 2> /dev/null
bedplate thin_restore -i xml -o /dev/mapper/meta2
bedplate thin_check -q /dev/mapper/meta2

# The pool is in use, then: its metadata can't be overwritten.
pool /dev/mapper/meta2
expect_fail 1 'busy|in use' bedplate thin_restore -i xml -o /dev/mapper/meta2
for device in 0 1 2 3 4; do
	thin $device
done
same 'what the volumes read' "$(sums 0 1 2 3 4)" "$before"
expect_match '^0 [0-9]+ thin-pool 5 ' dmsetup status pool

# The kernel shares, breaks sharing, discards and deletes as if it had written all of it.
snapshot 5 3
write 3 fifth 11
write 0 sixth 13
same 'what untouched volumes read' "$(sums 1 2 4)" \
	"$(echo "$before" | sed -n '2p;3p;5p')"
dmsetup remove thin2
message 'delete 2'
after=$(sums 0 1 3 4 5)

# A dump of the metadata snapshot, taken while all is active, restores to the same.
message reserve_metadata_snap
bedplate thin_dump -m -o live.xml /dev/mapper/meta2
message release_metadata_snap
dmsetup remove thin0 thin1 thin3 thin4 thin5
dmsetup remove pool
bedplate thin_check /dev/mapper/meta2
bedplate thin_dump -o stopped.xml /dev/mapper/meta2
[ "$(grep -c device live.xml)" = "$(grep -c device stopped.xml)" ] || fail 'devices differ'
bedplate thin_restore -i live.xml -o /dev/mapper/meta1
bedplate thin_check -q /dev/mapper/meta1
pool /dev/mapper/meta1
for device in 0 1 3 4 5; do
	thin $device
done
same 'what the volumes read from the live dump' "$(sums 0 1 3 4 5)" "$after"
