#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# A vdo volume's life: made by our formatter, written, deduplicated, compressed, stopped, grown,
# crashed, recovered and filled; our numbers against the kernel's.
# limit: 600
. "$KERNEL_LIB"
modprobe loop 2> /dev/null || true
modprobe dm-vdo 2> /dev/null || true
dmsetup targets | grep -q '^vdo ' || skip "this kernel has no vdo"
data=$(dirname "$KERNEL_LIB")/../data
least=2949992448

attach() {
	losetup -f --show "$1"
}
create() {
	bedplate vdo create v --block-map-cache 16M --max-discard 1M "$@"
}
# What 'vdo status' or another verb says of v in one column, exactly.
column() {
	bedplate vdo "$1" -r --noheadings -b -o "$2" v 2> /dev/null
}
online() {
	for try in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		[ "$(column status index)" != online ] || return 0
		sleep 0.5
	done
	fail "the index is '$(column status index)' after $try tries"
}
# write FILE MIB-OFFSET, read it back.
write() {
	dd if="$1" of=/dev/mapper/v bs=1M seek="$2" oflag=direct conv=notrunc,fsync status=none
}
sum() {
	dd if=/dev/mapper/v bs=1M skip="$1" count="$2" iflag=direct status=none | sha256sum
}
settled() {
	dd if=/dev/null of=/dev/mapper/v conv=notrunc,fsync status=none
	udevadm settle 2> /dev/null || true
}

# --- what is wrong is told by us, before the kernel is asked ---
truncate -s "$least" v.img
loop=$(attach v.img)
echo "lab: cleared" > /dev/kmsg
expect_fail 1 'no geometry of a vdo volume' create --device "$loop"
expect_fail 1 'too small for a volume' create --device "$loop" --format
expect_fail 64 'hash' create --device "$loop" --format --slab-size 32M --hash 101
bedplate vdo format --slab-size 32M --logical-size 256M "$loop" > layout
expect_fail 1 'holds something already: vdo' create --device "$loop" --format --slab-size 32M
expect_fail 1 'must all be 0, or none' create --device "$loop" --hash 1
expect_fail 1 '2 zones, but the volume has 1 slabs' create --device "$loop" --hash 1 --logical 1 --physical 2
expect_fail 1 "can't shrink" create --device "$loop" --logical-size 128M
expect_fail 64 'minimum-io' create --device "$loop" --minimum-io 1024
expect_fail 64 'max-discard' create --device "$loop" --max-discard 5K
dmesg | awk '/lab: cleared$/ { n = 0; next } { line[n++] = $0 }
	END { for (i = 0; i < n; i++) print line[i] }' | grep 'vdo.*: table line' &&
	fail "the kernel was asked"

# --- written, deduplicated, compressed ---
create --device "$loop" --compression on
same "health" "$(column status health)" good
expect_fail 1 'in use|busy|Device or resource busy' bedplate vdo check "$loop"
expect_match '^new 268435456$|^dirty 268435456$' bedplate vdo inspect -q -r --noheadings -b -o state,logical_size_bytes "$loop"
online
head -c 4M /dev/urandom > random
write random 0
write random 100
dd if=/dev/zero of=zeros bs=1M count=2 status=none
write zeros 50
# Blocks of 4 KiB that all differ and shrink to less than a quarter.
awk 'BEGIN { for (i = 0; i < 64; i++) { printf "%04d", i; for (j = 0; j < 1023; j++) printf "aaaa" } }' > shrinks
# Not flushed at once: a flush writes what waits to be packed as it is.
dd if=shrinks of=/dev/mapper/v bs=4k seek=15360 oflag=direct conv=notrunc status=none
for try in 1 2 3 4 5 6 7 8 9 10; do
	[ "$(column stats compressed_fragments)" -lt 28 ] || break
	sleep 0.5
done
settled
sleep 1
# 4 MiB random twice, 2 MiB of zeros, 64 blocks that shrink.
same "logical_used_bytes" "$(column stats logical_used_bytes)" $((10 * 1048576 + 64 * 4096))
same "writes" "$(column stats writes)" $((2 * 1024 + 512 + 64))
[ "$(column stats duplicates)" -ge 1000 ] || fail "duplicates: $(column stats duplicates)"
taken=$(column stats data_bytes)
[ "$(column stats compressed_fragments)" -ge 28 ] || {
	bedplate vdo stats --json v
	fail "fragments: $(column stats compressed_fragments)"
}
[ "$taken" -ge 4194304 ] || fail "data takes $taken"
[ "$taken" -le $((4194304 + 40 * 4096)) ] || fail "data takes $taken"
expect_match '^v +2880852 ' vdostats
expect_match '^v +2\.7G +2\.7G +.*%' vdostats --human-readable
expect_match '  data blocks used  *: '$((taken / 4096))'$' vdostats --verbose v
bedplate vdo stats --json v > stats.json
grep -q '"logical_used_mblocks": '$((2560 + 64))',' stats.json || fail "stats as JSON"
same "slab size" "$(column config slab_size_bytes)" 33554432
same "physical size" "$(column config physical_size_bytes)" "$least"

# --- switches ---
bedplate vdo compression --set off v
same "compression" "$(column status compression)" offline
bedplate vdo deduplication --set off v
same "index" "$(column status index)" offline
bedplate vdo deduplication --set on v
online

# --- stopped: what lies there is what the kernel said ---
first=$(sum 0 4) second=$(sum 60 1)
used=$(column status data_bytes)
bedplate remove v
expect_match '^state: clean$' bedplate vdo check "$loop"
expect_match "^logical blocks: 2624 mapped \(512 to zeros, [0-9]+ compressed\) of 65536" bedplate vdo check "$loop"
expect_match "^physical blocks: $((used / 4096)) with data" bedplate vdo check "$loop"
create --device "$loop"
same "data after a stop" "$(sum 0 4)" "$first"
same "its copy" "$(sum 100 4)" "$first"
same "data that was compressed" "$(sum 60 1)" "$second"

# --- grown ---
expect_fail 1 "can't shrink" bedplate vdo grow v --logical-size 128M
expect_fail 1 'must grow to [0-9]+ bytes at least' bedplate vdo grow v --physical-size $((least + 4096))B
expect_fail 1 'the device has only' bedplate vdo grow v --physical-size 4G
bedplate vdo grow v --logical-size 512M
same "size" "$(blockdev --getsize64 /dev/mapper/v)" 536870912
truncate -s $((least + 320 * 1048576)) v.img
losetup -c "$loop"
bedplate vdo grow v --all
same "physical size" "$(column config physical_size_bytes)" $((least + 320 * 1048576))
same "data after growing" "$(sum 0 4)" "$first"
write random 500

# --- dirty: a copy of what lies there now is what a crash leaves ---
settled
cp --sparse=always v.img crash.img
bedplate remove v
expect_match '^state: clean$' bedplate vdo check "$loop"
losetup -d "$loop"
loop=$(attach crash.img)
expect_match '^dirty 0 512MiB$' bedplate vdo inspect -q -r --noheadings -o state,complete_recoveries,logical_size_bytes "$loop"
create --device "$loop" 2>&1 | grep 'it recovers now' || fail "nothing was said of a recovery"
for try in 1 2 3 4 5 6 7 8 9 10; do
	[ "$(column status health)" != recovering ] || sleep 0.5
done
same "health after recovery" "$(column status health)" good
same "data after a crash" "$(sum 500 4)" "$first"
same "older data" "$(sum 60 1)" "$second"
bedplate remove v
expect_match '^clean 1$' bedplate vdo inspect -q -r --noheadings -o state,complete_recoveries "$loop"
bedplate vdo check "$loop"
losetup -d "$loop"
rm v.img crash.img

# --- by sts' names: activated as its example does, read again from the kernel ---
package=$(dirname "$BEDPLATE")/../../python
if [ -e "$package/bedplate/sts/vdo.py" ]; then
	truncate -s "$least" sts.img
	loop=$(attach sts.img)
	bedplate vdo format --slab-size 32M --logical-size 256M "$loop" > layout
	PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$package LOOP=$loop python3 -S << 'END'
import os
from bedplate.sts.dm import BlockDevice, DmDevice, VdoDevice

made = VdoDevice.from_block_device(
    device=BlockDevice(os.environ['LOOP']), logical_size_sectors=524288, block_map_cache_size_mb=128, ack=2,
    compression=True)
assert made.create('v'), made.last_error
found = DmDevice.get_by_name('v')
assert isinstance(found, VdoDevice) and (found.ack, found.compression, found.deduplication) == (2, True, True)
status = VdoDevice.parse_status(found.get_status())
assert status['operating_mode'] == 'normal' and status['total_physical_blocks'] == made.storage_size_blocks
again = VdoDevice.from_table_line(found.table)
assert again.storage_device == made.storage_device and again.size_sectors == 524288
assert made.remove() and found.is_created is False
END
	losetup -d "$loop"
	rm sts.img
fi

# --- full: told before it is ---
truncate -s "$least" full.img
loop=$(attach full.img)
create --device "$loop" --format --slab-size 32M --logical-size 64M --deduplication off 2>&1 |
	grep 'more than it can hold' || fail "nothing was said of thin provisioning"
head -c 29M /dev/urandom > much
write much 0
same "health when nearly full" "$(column status health)" 'low\x20on\x20space'
expect_match 'has only .* left' sh -c 'bedplate vdo status v 2>&1'
head -c 8M /dev/urandom > rest
write rest 40 2> /dev/null && fail "it took more than it has"
same "health when full" "$(column status health)" full
expect_match 'is full: writes fail' sh -c 'bedplate vdo status v 2>&1'
blkdiscard -o 0 -l 16777216 /dev/mapper/v
same "health with room again" "$(column status health)" good
bedplate remove v
bedplate vdo check "$loop"
losetup -d "$loop"
rm full.img much rest

# --- a volume that another kernel left dirty ---
tar -xJSf "$data/vdo-used-dirty.img.tar.xz"
loop=$(attach used-dirty.img)
create --device "$loop"
four() { dd if=/dev/mapper/v bs=4096 skip="$1" count=56 iflag=direct status=none | sha256sum; }
same "what was only in the journal" "$(four 5000)" "$(four 3000)"
bedplate remove v
bedplate vdo check "$loop"
losetup -d "$loop"
rm used-dirty.img
