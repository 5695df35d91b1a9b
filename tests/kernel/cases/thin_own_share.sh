#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Two virtual blocks of one device on one data block: to the kernel they are shared like any others. With
# times that say so a write copies; without, it changes both, and that is what the check finds and mends.
# limit: 60
. "$KERNEL_LIB"

# twice TIME: metadata whose superblock and last snapshot have this time.
twice() {
	cat > twice.xml << END
<superblock uuid="" time="$1" transaction="1" version="2" data_block_size="128" nr_data_blocks="50">
  <device dev_id="0" mapped_blocks="2" transaction="0" creation_time="0" snap_time="$1">
    <range_mapping origin_begin="0" data_begin="40" length="1" time="0"/>
    <range_mapping origin_begin="1" data_begin="40" length="1" time="0"/>
  </device>
</superblock>
END
	bedplate thin_restore -q -i twice.xml -o /dev/mapper/meta
}
patch() {
	"$(dirname "$KERNEL_LIB")/thin_patch.py" /dev/mapper/meta "$@"
}
# Times at which it is their own to the kernel: a restore raises them.
too_low() {
	twice 1
	patch sb 44 4 0
	patch detail 0 snapshotted 0
}
activate() {
	bedplate create pool thin-pool --metadata /dev/mapper/meta --data "$DISK1" --size 3200KiB
	bedplate create v thin --pool /dev/mapper/pool --id 0 --size 128KiB
}
deactivate() {
	bedplate remove v
	bedplate remove pool
}
# What block 1 begins with once block 0 was written.
other() {
	dd if=/dev/zero of="$DISK1" bs=64k seek=40 count=1 conv=notrunc status=none oflag=direct
	activate
	tr '\0' a < /dev/zero | head -c 65536 | dd of=/dev/mapper/v bs=64k conv=notrunc oflag=direct iflag=fullblock status=none
	dd if=/dev/mapper/v bs=64k skip=1 count=1 iflag=direct status=none | head -c 1 | tr '\0a' 01
	deactivate
}

bedplate create meta linear --device "$DISK0" --size 4MiB
twice 1
bedplate thin_check -q --strict /dev/mapper/meta
expect 0 other
bedplate thin_check -q /dev/mapper/meta
too_low
expect_fail 1 'snapshotted time 0 is not above 0' bedplate thin_check /dev/mapper/meta
expect 1 other
too_low
bedplate thin_check -q --auto-repair /dev/mapper/meta
expect 0 other
bedplate thin_check -q --strict /dev/mapper/meta
twice 0
expect 0 other
bedplate thin_check -q --strict /dev/mapper/meta
# One of the two is given back: the data block stays.
twice 1
activate
blkdiscard -l 65536 /dev/mapper/v
deactivate
bedplate thin_check -q /dev/mapper/meta
expect '1 40' sh -c "bedplate thin_dump -q /dev/mapper/meta | sed -n 's/.*origin_block=\"\([0-9]*\)\" data_block=\"\([0-9]*\)\".*/\1 \2/p'"
