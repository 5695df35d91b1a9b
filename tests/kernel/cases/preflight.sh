#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# What the kernel would refuse, or worse: take, is found before it is asked.
. "$KERNEL_LIB"

finds() {
	expect_fail 1 "$1" bedplate check-table --table "$2"
}
passes() {
	expect '' bedplate check-table --quiet --table "$1"
}

# A device must not lie on itself, at any depth.
bedplate create a linear --device "$DISK0" --size 10MiB
bedplate create b linear --device /dev/mapper/a
bedplate create c linear --device /dev/mapper/b
for below in a b c; do
	expect_fail 1 "lie on itself|lies on the one" \
		bedplate load a --table "0 8 linear /dev/mapper/$below 0"
	expect_fail 1 'lie on itself|lies on the one' bedplate reload a linear --device /dev/mapper/$below
	expect_fail 1 'lie on itself|lies on .a. itself|lies on the one' bedplate reload --dry-run a linear --device /dev/mapper/$below
	expect_fail 1 'refused .*dev .*(a circle|lie on itself)' bedplate check-table --for a \
		--table "0 8 linear /dev/mapper/$below 0"
done
expect no bedplate info -r --noheadings -o inactive-table a
bedplate load a --no-check --table '0 8 linear /dev/mapper/c 0'
bedplate clear a
# What is loaded but not live counts; what is gone does not.
bedplate reload b linear --device "$DISK0" --size 10MiB
bedplate load b --table '0 8 linear /dev/mapper/a 0'
expect_fail 1 'lie on itself|lies on the one' bedplate load a --table '0 8 linear /dev/mapper/c 0'
bedplate clear b
bedplate load a --table '0 8 linear /dev/mapper/c 0'
bedplate clear a
for name in c b a; do bedplate remove $name; done

# The layout of the table.
finds 'a gap' '0 8 zero
16 8 zero'
finds 'an overlap' '0 8 zero
4 8 zero'
finds 'must begin at 0' '8 8 zero'
finds 'has no target .nosuch' '0 8 nosuch'

# Devices: missing, no block device, too small.
finds 'no such device' '0 8 linear /dev/nowhere 0'
finds 'not a block device' '0 8 linear /dev/null 0'
size=$(sectors "$DISK0")
passes "0 $size linear $DISK0 0"
finds "too small: $((size + 1)) sectors from 0 are used, it has $size" "0 $((size + 1)) linear $DISK0 0"

# Held: by a mount, and as swap.
mke2fs -q "$DISK1" 8M
mkdir mnt
mount "$DISK1" mnt
finds 'held by someone else' "0 8 linear $DISK1 0"
umount mnt
passes "0 8 linear $DISK1 0"
if mkswap "$DISK1" > /dev/null 2>&1 && swapon "$DISK1" 2> /dev/null; then
	finds 'held by someone else' "0 8 linear $DISK1 0"
	swapoff "$DISK1"
fi
# A process may have it for itself alone, or not: that can't be seen.
exec 3< "$DISK1"
expect_match "unknown .*can't be told" bedplate check-table --table "0 8 linear $DISK1 0"
exec 3<&-

# Names and uuids.
long=$(printf '%0128d' 0)
expect_fail 1 'too long' bedplate create "$long" zero --size 1MiB
expect_fail 1 'uuid .*too long' bedplate create x zero --size 1MiB --uuid "${long}0"
expect '' bedplate ls -q

# What crashes Linux 6.1 is not handed over.
case $(uname -r) in
6.1.*)
	expect_fail 1 'known to crash' bedplate create m --table "0 8 snapshot-merge $DISK0 $DISK1 N 16"
	expect '' bedplate ls -q
	;;
esac

# Logical blocks of 4096 bytes.
modprobe loop 2> /dev/null || true
truncate -s 4M image
if loop=$(losetup -f --show -b 4096 image 2> /dev/null); then
	passes "0 8 linear $loop 8"
	finds 'offset, 4 sectors, must be a multiple .* 8 sectors' "0 8 linear $loop 4"
	finds 'length, 4 sectors, must be a multiple .* 8 sectors' "0 4 linear $loop 0"
	losetup -d "$loop"
fi
