#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# The examples of the pages for devices, statistics and caches run as they stand there, on the lab's disks.
. "$KERNEL_LIB"
# try PAGE LEAST: its commands, of which there are at least so many.
try() {
	sed -n '/^# EXAMPLES/,/^# SEE/s/^\$ //p' "$(dirname "$KERNEL_LIB")/../../man/$1.8.scd" |
		sed "s|/dev/sdb|$DISK0|g; s|/dev/sdc|$DISK1|g; s|/dev/nvme0n1p1|/dev/mapper/fast|; s|/dev/nvme0n1p2|/dev/mapper/meta|" > examples
	[ "$(wc -l < examples)" -ge "$2" ] || fail "$1: the page has too few examples"
	sh -eux ./examples 2>&1 || fail "$1: an example failed"
}
try bedplate 8
expect "" bedplate ls -q
bedplate create home linear --device "$DISK0" --size 64MiB
try bedplate-stats 3
bedplate remove home
wipe "$DISK1"
bedplate create fast linear --device "$DISK1" --size 64MiB --offset 16MiB
bedplate create meta linear --device "$DISK1" --size 16MiB
try bedplate-cache 4
expect linear bedplate info -r --noheadings -o targets data # uncached: the slow device is left
bedplate remove data
bedplate remove fast
bedplate remove meta
expect "" bedplate ls -q
