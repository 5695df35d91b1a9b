#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# The line that says what is wrong is explained, not the one behind it that only says that it failed;
# and nobody is told to zero metadata that are whole.
. "$KERNEL_LIB"

wipe "$DISK0"
bedplate create m --table "0 16384 linear $DISK0 0"
bedplate create d --table "0 524288 linear $DISK1 0"
bedplate create p --table "0 524288 thin-pool /dev/mapper/m /dev/mapper/d 128 0"
bedplate remove p
table="0 524288 thin-pool /dev/mapper/m /dev/mapper/d 1024 0"
expect_fail 1 'another block size' bedplate create p --table "$table"
expect_fail 1 'data_block_sectors' bedplate --json create p --table "$table"
bedplate create p --table "$table" 2>&1 | grep -i 'zero' && fail "told to zero"
# A pool that would shrink says so at resume.
expect_fail 1 "can't shrink" bedplate create p --table "0 262144 thin-pool /dev/mapper/m /dev/mapper/d 128 0"
# Not metadata at all.
bedplate remove m
dd if=/dev/urandom of="$DISK0" bs=4k count=1 conv=notrunc oflag=direct status=none
bedplate create m --table "0 16384 linear $DISK0 0"
expect_fail 1 'something else than the metadata' \
	bedplate create p --table "0 524288 thin-pool /dev/mapper/m /dev/mapper/d 128 0"
