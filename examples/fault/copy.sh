#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# A copy of a file, over one that was there before, by two scenarios:
#	bedplate fault run disk-full.fault -- sh copy.sh full
#	bedplate fault run bit-rot.fault -- sh copy.sh rot
set -eu
cd "$BEDPLATE_FAULT_MOUNT"
# Over the old one: a new file would lie elsewhere, and be without the fault.
copy() { dd if=original of=copy bs=64k oflag=direct conv=notrunc status=none; }

yes new | head -c 1M > original && yes old | head -c 1M > copy && sync
case $1 in
full)
	bedplate fault tell full
	if copy; then
		echo "a full disk was not seen" && exit 1
	fi
	bedplate fault tell space
	copy
	;;
rot)
	sha256sum original > sums && sed 's/original/copy/' sums >> sums.copy && cat sums.copy >> sums
	bedplate fault tell rot
	copy
	bedplate fault tell healed
	echo 3 > /proc/sys/vm/drop_caches
	sha256sum -c sums || echo "the copy is not what was written"
	;;
esac
