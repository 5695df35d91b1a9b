#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# limit: 240
# Damaged metadata of a kernel, repaired: the kernel takes the result, and what is said to be whole is.
. "$KERNEL_LIB"
. "${KERNEL_LIB%lib.sh}thin.sh"

wipe "$DISK1" 48 # nodes of earlier pools would be looked at too
metadata meta 0 8
metadata spare 16 8
metadata sound 32 8
pool meta
for id in 1 2; do
	new_thin $id
	dd if=/dev/urandom of=/dev/mapper/thin$id bs=1M count=8 2> /dev/null
done
snapshot 3 1
dd if=/dev/urandom of=/dev/mapper/thin1 bs=1M seek=2 count=3 2> /dev/null
# More than thin 1 has: else nothing would tell the two apart once the top level is lost.
dd if=/dev/urandom of=/dev/mapper/thin3 bs=64k seek=200 count=9 2> /dev/null
message 'set_transaction_id 0 4'
before=$(sums 1 2 3)
no_pool 1 2 3
dd if=/dev/mapper/meta of=/dev/mapper/sound bs=1M 2> /dev/null

# field OFFSET: a number of the superblock.
field() {
	od -An -t u8 -j "$1" -N 8 /dev/mapper/sound | tr -d ' '
}
# hurt BLOCK: zero one block of a fresh copy.
hurt() {
	dd if=/dev/mapper/sound of=/dev/mapper/meta bs=1M 2> /dev/null
	dd if=/dev/zero of=/dev/mapper/meta bs=4096 seek="$1" count=1 2> /dev/null
}
# as_before WHAT: activate what was written, compare, deactivate.
as_before() {
	agree /dev/mapper/spare
	pool spare
	thin 1 2 3
	same "what the volumes read after $1" "$(sums 1 2 3)" "$before"
	no_pool 1 2 3
}

# Nothing is lost with roots, details, superblock.
for at in 320 328; do
	hurt "$(field $at)"
	bedplate thin_repair -i /dev/mapper/meta -o /dev/mapper/spare
	as_before "the loss of the root at $at"
done
hurt 0
bedplate thin_repair -i /dev/mapper/meta -o /dev/mapper/spare --data-block-size 128 \
	--transaction-id 4 --nr-data-blocks 16384
as_before 'the loss of the superblock'

# A leaf of thin 2 is lost: the others are as they were, and of thin 2 what is not named.
block() {
	dd if="$1" of=/dev/mapper/meta bs=4096 skip="$3" seek="$2" count=1 2> /dev/null
}
dd if=/dev/mapper/sound of=/dev/mapper/meta bs=1M 2> /dev/null
leaf=
for b in $(seq 1 200); do
	block /dev/zero "$b" 0
	if ! bedplate thin_repair -i /dev/mapper/meta --plan > plan &&
		grep -q '^lost: device 2: virtual blocks' plan && ! grep -q '^lost: device [13]' plan; then
		leaf=$b
		break
	fi
	block /dev/mapper/sound "$b" "$b"
done
[ -n "$leaf" ] || fail 'no leaf of thin 2 was found'
expect_fail 1 'lost: device 2: virtual blocks' bedplate thin_repair -i /dev/mapper/meta -o /dev/mapper/spare
range=$(sed -n 's/^lost: device 2: virtual blocks \([0-9]*\) \(to \([0-9]*\)\|and higher\).*/\1 \3/p' plan)
agree /dev/mapper/spare
pool spare
thin 1 2 3
same 'the volumes that lost nothing' "$(sums 1 3)" "$(echo "$before" | sed 2d)"
dd if=/dev/mapper/thin2 of=after bs=1M count=10 2> /dev/null
no_pool 1 2 3
dd if=/dev/mapper/sound of=/dev/mapper/meta bs=1M 2> /dev/null
pool meta
thin 2
dd if=/dev/mapper/thin2 of=whole bs=1M count=10 2> /dev/null
no_pool 2
# Blocks of 64 KiB that differ lie in the range that was named.
# shellcheck disable=SC2086
set -- $range
{ cmp -l whole after || true; } | awk -v first="$1" -v last="${2:-1023}" '
	{ b = int(($1 - 1) / 65536); if (b < first || b > last) { print "block", b; exit 1 } }'

# What is lost is filled from an older transaction: 697 mappings become 465, and 252 older ones in the leaf. The list of
# roots, with a block of the data space map, costs nothing.
dmsetup create bigdata --table '0 25165824 zero'
filled() {
	agree /dev/mapper/spare
	dmsetup create pool --table '0 25165824 thin-pool /dev/mapper/spare /dev/mapper/bigdata 128 0 1 skip_block_zeroing'
	thin 0
	dd if=/dev/mapper/thin0 of=/dev/null bs=1M 2> /dev/null
	dd if=/dev/zero of=/dev/mapper/thin0 bs=64k count=16 conv=fsync 2> /dev/null
	[ "$(dmsetup status thin0 | cut -d' ' -f4)" -ge $(($1 * 128)) ] || fail "thin 0 has less than $1 blocks: $(dmsetup status thin0)"
	filled_pool=$(dmsetup status pool)
	case $filled_pool in *Fail* | *needs_check* | *' ro '*) fail "pool: $filled_pool" ;; esac
	no_pool 0
	agree /dev/mapper/spare
}
old() {
	dd if=/dev/zero of=/dev/mapper/meta bs=1M count=8 2> /dev/null
	xz -dc "$THIN_DATA/thin-one.img.xz" | dd of=/dev/mapper/meta bs=1M 2> /dev/null
	block /dev/zero "$1" 0
	block /dev/zero "$2" 0
}
old 139 140
expect_fail 1 'lost: device 0' bedplate thin_repair -i /dev/mapper/meta -o /dev/mapper/spare
filled 717
old 136 5
bedplate thin_repair -i /dev/mapper/meta -o /dev/mapper/spare
filled 697

# Blocks that say whose they are: what a volume reads after a repair was its own once. (By hand with more seeds.)
dmsetup remove bigdata
dmsetup remove meta spare sound
metadata meta 0 4
metadata spare 16 4
"${KERNEL_LIB%lib.sh}thin_survive.py" 1 3 /dev/mapper/meta /dev/mapper/spare "$DISK0"
