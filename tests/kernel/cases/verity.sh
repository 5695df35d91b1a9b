#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# limit: 60
# A tree that we made activates by the line we print; what the kernel refuses to read is what a
# verification names.
. "$KERNEL_LIB"
modprobe dm-verity 2> /dev/null || true
dmsetup targets | grep -q '^verity ' || skip "this kernel has no verity"

seq 1 700000 | head -c 4M | dd of="$DISK0" bs=1M oflag=direct status=none
wipe "$DISK1" 1

activate() {
	bedplate create proven --readonly --table "$line"
}
# each_kind BLOCK [OPTION]...
each_kind() {
	block=$1
	shift
	clear_kernel_log
	line=$(bedplate verity format --force -r --noheadings --separator='
' -o table --data-blocks $((4194304 / block)) "$@" "$DISK0" "$DISK1" | sed 's/\\x20/ /g')
	root=$(echo "$line" | cut -d ' ' -f 12)
	expect "$line" bedplate verity verify --data-blocks $((4194304 / block)) "$@" "$DISK0" "$DISK1" "$root"
	activate
	same "size" "$(sectors /dev/mapper/proven)" 8192
	cmp -n 4194304 /dev/mapper/proven "$DISK0"
	expect_match 'verity V$' bedplate status proven
	bedplate remove proven

	# One byte of block 100: that block alone can't be read.
	dd if="$DISK0" of=kept bs="$block" skip=100 count=1 status=none
	printf x | dd of="$DISK0" bs=1 seek=$((100 * block + 5)) conv=notrunc,fsync status=none
	expect_fail 1 '^data block 100 is corrupted' bedplate verity verify \
		--data-blocks $((4194304 / block)) "$@" "$DISK0" "$DISK1" "$root"
	activate
	dd if=/dev/mapper/proven of=/dev/null bs="$block" skip=99 count=1 iflag=direct status=none
	dd if=/dev/mapper/proven of=/dev/null bs="$block" skip=100 count=1 iflag=direct status=none 2> /dev/null &&
		fail "block 100 can be read"
	expect_match 'verity C$' bedplate status proven
	expect_kernel 'data block 100 is corrupted'
	bedplate remove proven
	dd if=kept of="$DISK0" bs="$block" seek=100 conv=notrunc,fsync status=none
}

each_kind 4096
each_kind 1024 --data-block-size 1024 --hash-block-size 512 --salt 0102
each_kind 4096 --format 0 --salt aabbcc --no-superblock --hash-offset 8192

# A block of the tree: the kernel finds it when it reads below it.
line=$(bedplate verity format --force -r --noheadings --separator='
' -o table --data-blocks 1024 "$DISK0" "$DISK1" | sed 's/\\x20/ /g')
root=$(echo "$line" | cut -d ' ' -f 12)
printf x | dd of="$DISK1" bs=1 seek=$((3 * 4096)) conv=notrunc,fsync status=none
expect_fail 1 '^hash block 3 is corrupted: data blocks 128..256' bedplate verity verify "$DISK0" "$DISK1" "$root"
clear_kernel_log
activate
dd if=/dev/mapper/proven of=/dev/null bs=4096 skip=127 count=1 iflag=direct status=none
dd if=/dev/mapper/proven of=/dev/null bs=4096 skip=128 count=1 iflag=direct status=none 2> /dev/null &&
	fail "data below a bad hash can be read"
expect_kernel 'metadata block 3 is corrupted'
# In use it is not written over.
expect_fail 1 'busy|in use' bedplate verity format --force "$DISK0" "$DISK1"
bedplate remove proven
wipe "$DISK1" 1
