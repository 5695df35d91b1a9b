#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# The examples of the pool page run as they stand there, on the lab's disks.
. "$KERNEL_LIB"
wipe "$DISK0"
page=$(dirname "$KERNEL_LIB")/../../man/bedplate-pool.8.scd
sed -n '/^# EXAMPLES/,/^# SEE/s/^\$ //p' "$page" |
	sed "s|/dev/sdb|$DISK0|g; s|/dev/sdc|$DISK1|g" > examples
[ "$(wc -l < examples)" -ge 6 ] || fail "the page has too few examples"
sh -eux ./examples 2>&1 || fail "an example failed"
bedplate pool remove pool
expect "" bedplate ls -q
