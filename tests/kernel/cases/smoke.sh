#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# The lab itself: a table of two segments moves data as mapped, and targets load themselves.
. "$KERNEL_LIB"

wipe "$DISK0"
wipe "$DISK1"
dmsetup create smoke << END
0 8 linear $DISK0 100
8 8 linear $DISK1 200
END
put /dev/mapper/smoke 9 "second segment"
expect "second segment" get "$DISK1" 201
expect "" get "$DISK0" 101
put "$DISK0" 103 "first segment"
expect "first segment" get /dev/mapper/smoke 3

dmsetup create nothing --table "0 8 zero"
expect_match '^zero ' dmsetup targets

clear_kernel_log
expect_fail 1 'reload ioctl' dmsetup create bad --table "0 8 linear $DISK0 -1"
expect_kernel 'linear: Invalid device sector'
