#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# A test in shell that lets the disk fail at a moment of its own, by bad-wal.fault:
#	bedplate fault run bad-wal.fault -- sh wal.sh
# An fsync that fails has to be seen, and what was not safe has to be written again.
set -eu
wal=${BEDPLATE_FAULT_MOUNT:-.}/wal
put() { echo "$1" | dd of="$wal" conv=notrunc,fsync status=none; }

put one
bedplate fault tell wal
if put two 2> /dev/null; then
	echo "the failing disk was not seen" >&2
	exit 1
fi
bedplate fault tell healed
put two
echo "two is safe"
