#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# No output is written over a device in use, nor over what is read: another node of the same
# device, or the file below a loop device.
# limit: 120
. "$KERNEL_LIB"

dmsetup create meta --table "0 8192 linear $DISK1 0"
dmsetup create target --table "0 32768 linear $DISK0 0"
cat > xml << END
<superblock uuid="" time="0" transaction="3" version="2" data_block_size="128" nr_data_blocks="64">
  <device dev_id="1" mapped_blocks="1" transaction="0" creation_time="0" snap_time="0">
    <single_mapping origin_block="0" data_block="0" time="0"/>
  </device>
</superblock>
END
bedplate thin_restore -i xml -o /dev/mapper/meta
before=$(md5sum < /dev/mapper/meta)

# A mounted device, by two ways of writing.
mkfs.ext4 -q -F /dev/mapper/target
mkdir mnt
mount /dev/mapper/target mnt
echo precious > mnt/file
expect_fail 1 'target: cannot open for writing: Device or resource busy' \
	bedplate thin_dump -o /dev/mapper/target /dev/mapper/meta
expect_fail 1 'cannot open .*target.: .*busy' bedplate thin_restore -i xml -o /dev/mapper/target
umount mnt
mount /dev/mapper/target mnt
expect precious cat mnt/file
umount mnt

# The metadata itself through another node.
mknod node b "$(dmsetup info -c --noheadings -o major meta)" \
	"$(dmsetup info -c --noheadings -o minor meta)"
expect_fail 64 'node: output and input are the same' bedplate thin_dump -o node /dev/mapper/meta
expect_fail 64 'output and input are the same' bedplate thin_dump -m -o node /dev/mapper/meta
expect_fail 64 'output and input are the same' bedplate thin_restore -i /dev/mapper/meta -o node
same 'what the metadata holds' "$(md5sum < /dev/mapper/meta)" "$before"

# A loop device and its file are one thing by two names.
if modprobe loop 2> /dev/null && [ -e /dev/loop-control ]; then
	dd if=/dev/mapper/meta of=file bs=1M count=4 2> /dev/null
	loop=$(losetup -f --show file) || skip 'no loop device'
	expect_fail 64 'output and input are the same' bedplate thin_dump -o file "$loop"
	expect_fail 64 'output and input are the same' bedplate thin_dump -o "$loop" file
	losetup -d "$loop"
fi

# A device nobody uses is written to.
bedplate thin_dump -o /dev/mapper/target /dev/mapper/meta
bedplate thin_dump -o dump /dev/mapper/meta
cmp -n "$(stat -c %s dump)" dump /dev/mapper/target || fail 'the dump on the device differs'
dmsetup remove target
dmsetup remove meta
