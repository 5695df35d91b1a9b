#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# The examples of the faults' page run as they stand there, on a disk of the lab.
. "$KERNEL_LIB"
command -v mkfs.ext4 > /dev/null || skip "no mkfs.ext4"
trap 'bedplate fault heal --all > /dev/null 2>&1' EXIT
wipe "$DISK0"
page=$(dirname "$KERNEL_LIB")/../../man/bedplate-fault.8.scd
sed -n '/^# EXAMPLES/,/^# SEE/s/^\$ //p' "$page" | sed "s|/dev/sdb|$DISK0|g" > examples
[ "$(wc -l < examples)" -ge 11 ] || fail "the page has too few examples"
sh -eux ./examples 2>&1 || fail "an example failed"
expect "" bedplate ls -q
