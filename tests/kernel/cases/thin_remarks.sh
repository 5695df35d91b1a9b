#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# What the check calls a remark does a kernel no harm: it goes on over it, and all volumes read what
# they should. What the check calls worse does harm, and LVM's call mends it first.
# limit: 1200
. "$KERNEL_LIB"
. "${KERNEL_LIB%lib.sh}thin.sh"
patch() {
	"${KERNEL_LIB%lib.sh}thin_patch.py" /dev/mapper/meta "$@"
}
# fill ID WORD FROM COUNT: blocks of a volume, told apart by the word.
fill() {
	yes "$2" | head -c $(($4 * 65536)) | dd of="/dev/mapper/thin$1" bs=64k seek="$3" conv=notrunc \
		iflag=fullblock oflag=direct status=none
}

# What volumes read, as far as they were written to.
sums() {
	for thin_id in "$@"; do
		dd if="/dev/mapper/thin$thin_id" bs=64k count=110 status=none | md5sum | sed "s/-/$thin_id/"
	done
}

# Volume 1, its snapshot 2, written to since; 3 has no relatives.
metadata meta 0 4
pool meta 1000
new_thin 1
fill 1 first 0 100
snapshot 2 1
fill 1 second 0 10
new_thin 3
fill 3 third 0 20
before=$(sums 2 3)
no_pool 1 2 3
agree /dev/mapper/meta
dd if=/dev/mapper/meta of=good bs=1M count=4 status=none

fresh() {
	dd if=good of=/dev/mapper/meta bs=1M status=none
	patch "$@"
}
# The kernel works on: writes to the origin, snapshots, deletes, discards; others keep what they have.
# (What volume 1 has to itself is written in place, and not put back with the metadata.)
kernel_works() {
	pool meta 1000
	thin 1 2 3
	same "what the volumes read after '$*'" "$(sums 2 3)" "$before"
	fill 1 fourth 5 30
	same "what the snapshot reads after '$*'" "$(sums 2)" "$(echo "$before" | sed -n 1p)"
	snapshot 4 1
	four=$(sums 4)
	fill 1 fifth 0 100
	fill 2 sixth 50 20
	same "what a new snapshot reads after '$*'" "$(sums 4)" "$four"
	same "what volume 3 reads after '$*'" "$(sums 3)" "$(echo "$before" | sed -n 2p)"
	blkdiscard /dev/mapper/thin3
	delete 4
	no_pool 1 2 3
}

# apply: each line of standard input, WHAT|VALUES, is changed and then found, as $1.
apply() {
	dd if=good of=/dev/mapper/meta bs=1M status=none
	while IFS='|' read -r says how; do
		# shellcheck disable=SC2086
		patch $how
		echo "$says" >> wanted
	done
	bedplate thin_check /dev/mapper/meta > out 2>&1 || true
	while read -r says; do
		grep -qE "^$1.*$says" out || fail "no '$1' with '$says':" "
$(cat out)"
	done < wanted
	rm wanted
}

# Remarks, all at once: seen, without status, and the kernel does not mind. Where it needs the entry of
# the count tree it overwrites it.
apply 'remark: ' << 'END'
version|sb 40 4 9
metadata_block_size|sb 340 4 16
transaction id|detail 1 transaction 77
creation time|detail 1 creation 99
snapshotted time|detail 1 snapshotted 99
snapshotted time|detail 2 snapshotted 99
reference count tree|entry 135 7
index entry 0|index nr_free 16320
END
bedplate thin_check -q /dev/mapper/meta
kernel_works remarks
out=$(bedplate thin_check /dev/mapper/meta 2>&1) || fail "after remarks: $out"
dd if=good of=/dev/mapper/meta bs=1M status=none
patch sb 44 4 0xfff000
bedplate thin_check -q /dev/mapper/meta
kernel_works 'a clock near its end'

# Worse: found, mended by LVM's call, and then the kernel works; the check has nothing to say.
apply '' << 'END'
the pool's time is 0|sb 44 4 0
snapshotted time 0 is not above 0|detail 1 snapshotted 0
snapshotted time 0 is not above 0|detail 2 snapshotted 0
says 1000 blocks are in use|sb 72 8 1000
none is free before 999|index none_free_before 999
says 1 free|index nr_free 1
counts for blocks past the end|bitmap 1001 1
END
if bedplate thin_check -q /dev/mapper/meta; then fail 'nothing was wrong'; fi
expect "" bedplate thin_check -q --clear-needs-check-flag /dev/mapper/meta
agree /dev/mapper/meta
kernel_works mended
bedplate thin_check -q --strict /dev/mapper/meta

# What they do unmended. A lower clock, or an origin's lower time: a write to it changes the snapshot.
fresh detail 1 snapshotted 0
pool meta 1000
thin 1 2 3
fill 1 fourth 5 30
[ "$(sums 2)" != "$(echo "$before" | sed -n 1p)" ] || fail 'this kernel looks at more than the snapshotted time'
no_pool 1 2 3
# A total that is too high: no space, with hundreds of blocks free.
fresh sb 72 8 1000
pool meta 1000
expect_match ' 1000/1000 ' dmsetup status pool
dmsetup remove pool

# Refused by kernels, or spoilt by them at the next snapshot: never cleared by LVM's call.
fresh sb 356 4 1
expect_fail 1 'compat_ro_flags is 1' bedplate thin_check --clear-needs-check-flag /dev/mapper/meta
expect_fail 1 . pool meta 1000
fresh sb 44 4 0x1000000
expect_fail 1 'time is 16777216, above' bedplate thin_check --clear-needs-check-flag /dev/mapper/meta
fresh sb 44 4 0xffffff
pool meta 1000
thin 1 3
snapshot 4 1
fill 1 fourth 0 1
no_pool 1 3 4
expect_fail 1 'time is 16777216, above' bedplate thin_check /dev/mapper/meta
