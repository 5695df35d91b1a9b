#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# limit: 200
# A cache's life: made, written, flushed, changed, taken away under a running user; the data are compared at
# each step.
. "$KERNEL_LIB"
modprobe -a dm-cache dm-cache-smq 2> /dev/null || true
dmsetup targets | grep -q '^cache ' || skip "this kernel has no cache"
wipe "$DISK0" 32
wipe "$DISK1" 32
bedplate create slow linear --device "$DISK0" --size 32M
bedplate create fast linear --device "$DISK1" --size 8M
bedplate create meta linear --device "$DISK1" --offset 16M --size 4M
dev=/dev/mapper
make() {
	bedplate cache create c --origin $dev/slow --fast $dev/fast --metadata $dev/meta --block-size 32K "$@"
}
# What 'cache status' says in one column.
column() {
	bedplate cache status -r --noheadings -b -o "$1" c
}
# holds DEVICE: the same as the file "a", past the page cache.
holds() {
	dd if="$1" bs=64K count=16 iflag=direct status=none | cmp a - || fail "$1 has other data"
}
random() {
	dd if=/dev/urandom of="$1" bs=64K count=16 status=none
}

# --- what is wrong is told before the kernel is asked ---
clear_kernel_log
expect_fail 1 'must be three devices' bedplate cache create c --origin $dev/slow --fast $dev/slow --metadata $dev/meta
put $dev/meta 0 something
expect_fail 1 'it holds something' make
expect_fail 64 'yes' make --wipe
expect_match 'would zero' make -n --wipe --yes
same "metadata" "$(get $dev/meta 0)" something
expect_fail 1 'no such policy' make --wipe --yes --policy best
same "metadata" "$(get $dev/meta 0)" something
wipe "$DISK1" 32

# --- written in writeback, flushed while in use ---
make --mode writeback
expect "rw writeback smq 33554432 8388608" column state,mode,policy,size_bytes,cache_bytes
random a
for pass in 1 2 3 4; do
	dd if=a of=$dev/c bs=64K conv=notrunc oflag=direct status=none
	echo "pass $pass: $(column dirty_dblocks) dirty"
done
bedplate cache status --json > document
"$(dirname "$KERNEL_LIB")/../lib/check-json" "$(command -v bedplate)" document || fail "not as declared"
holds $dev/c
bedplate cache flush c
expect "writeback smq" column mode,policy
same "dirty" "$(column dirty_dblocks)" 0
holds $dev/slow

# --- changed: what is cached stays ---
used=$(column used_dblocks)
bedplate cache policy c --mode writethrough --migration-threshold 4096
expect "writethrough $used" column mode,used_dblocks
expect_match 'migration_threshold 4096' bedplate table c
random a
dd if=a of=$dev/c bs=64K conv=notrunc oflag=direct status=none
holds $dev/slow
bedplate cache policy c --mode writeback --policy cleaner
expect "writeback cleaner" column mode,policy
expect_fail 1 'no such policy' bedplate cache policy c --policy best
bedplate cache policy c --policy smq
random a
dd if=a of=$dev/c bs=64K conv=notrunc oflag=direct status=none
bedplate cache policy c --mode passthrough
expect "passthrough smq" column mode,policy
holds $dev/slow
bedplate cache policy c --mode writeback

# --- taken away under a user, who writes on ---
exec 7<> $dev/c
random a
dd if=a of=$dev/c bs=64K conv=notrunc oflag=direct status=none
bedplate cache uncache -n c > plan
grep -q 'would' plan || fail "no plan"
expect "writeback smq" column mode,policy
bedplate cache uncache c
expect_match '^0 65536 linear' bedplate table c
holds $dev/c
holds $dev/slow
printf 'goes on' >&7
exec 7>&-
sync
same "what the user wrote" "$(dd if=$dev/c bs=512 count=1 iflag=direct status=none | head -c 7)" 'goes on'
same "metadata" "$(get $dev/meta 0)" ''
expect_fail 1 'not a cache' bedplate cache flush c
bedplate remove c
# Begun anew without a word; and kept when told.
make
expect "rw writethrough" column state,mode
bedplate cache uncache --keep-metadata c
[ -n "$(get $dev/meta 0)" ] || fail "the metadata are gone"
bedplate remove c fast meta slow
