#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# What LVM does with the tools: their names, version, options, exit statuses, first lines.
. "$KERNEL_LIB"
. "${KERNEL_LIB%lib.sh}thin.sh"
ln -s "$(command -v bedplate)" thin_check
ln -s thin_check thin_dump
ln -s thin_check thin_restore
PATH=$PWD:$PATH

# Three numbers at the beginning of the version's line.
for tool in thin_check thin_dump thin_restore; do
	expect_match '^[0-9]+\.[0-9]+\.[0-9]+' $tool -V
done

# Activation: nothing is printed, and 0 is all well.
metadata meta 0 8
metadata spare 16 8
pool meta
for id in 1 2; do
	new_thin $id
done
dd if=/dev/urandom of=/dev/mapper/thin1 bs=1M count=20 2> /dev/null
snapshot 3 1
dd if=/dev/urandom of=/dev/mapper/thin1 bs=1M count=3 2> /dev/null
message 'set_transaction_id 0 4'
before=$(sums 1 2 3)

# A pool that is active is not checked: anything but 0 and 2, which means "no such program".
expect_fail 1 'busy|in use' thin_check --clear-needs-check-flag /dev/mapper/meta
no_pool 1 2 3
expect "" thin_check -q --clear-needs-check-flag /dev/mapper/meta
expect "" thin_check -q --clear-needs-check-flag --skip-mappings /dev/mapper/meta
for wrong in --no-such-option "-m --auto-repair"; do
	# shellcheck disable=SC2086
	expect_fail 64 . thin_check $wrong /dev/mapper/meta
done
expect_fail 1 . thin_check /dev/mapper/none

# After a repair: the first line alone, and the pipe is closed.
line=$(set +e; { thin_dump /dev/mapper/meta; echo $? > status; } 2> errors | head -n 1)
same 'exit status of a dump to a closed pipe' "$(cat status)" 0
same 'error output of a dump to a closed pipe' "$(cat errors)" ''
same 'transaction' "$(echo "$line" | sed -n 's/^<superblock .* transaction="\([0-9]*\)".*/\1/p')" 4

# Conversion: metadata comes through a descriptor that has no name any more; and options that are not set
# are passed as an empty argument.
thin_dump -o xml /dev/mapper/meta
exec 5< xml
rm xml
thin_restore "" -i /proc/self/fd/5 -o /dev/mapper/spare
exec 5<&-
agree /dev/mapper/spare
cat > thick.xml << 'END'
<superblock uuid="" time="0" transaction="1" version="2" data_block_size="128" nr_data_blocks="16384">
 <device dev_id="1" mapped_blocks="16000" transaction="0" creation_time="0" snap_time="0">
  <range_mapping origin_begin="0" data_begin="0" length="16000" time="0"/>
 </device>
</superblock>
END
pool spare
thin 1 2 3
same 'what the volumes read' "$(sums 1 2 3)" "$before"
no_pool 1 2 3

# All of a device becomes a volume.
exec 5< thick.xml
thin_restore -i "/proc/$$/fd/5" -o /dev/mapper/spare
exec 5<&-
expect "" thin_check -q --clear-needs-check-flag /dev/mapper/spare
pool spare
dmsetup create thick --table "0 $((16000 * 128)) thin /dev/mapper/pool 1"
cmp -n 50000000 /dev/mapper/thick "$DISK0"
expect_match "^0 $((16000 * 128)) thin $((16000 * 128)) " dmsetup status thick
dmsetup remove thick
no_pool
agree /dev/mapper/spare

# The beginning of a device that is all zeros is no metadata, so LVM does not ask.
dd if=/dev/zero of=/dev/mapper/meta bs=4096 count=1 2> /dev/null
expect_fail 1 'bad checksum in superblock' thin_check --clear-needs-check-flag /dev/mapper/meta
