#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Three tests in the shape of xfstests', by xfstests-dm-*.fault:
#	bedplate fault run xfstests-dm-flakey.fault -- sh xfstests.sh flakey
# The disk drops writes, fails, or loses its power when the test says so; the test unmounts, mounts again and looks.
set -eu
m=$BEDPLATE_FAULT_MOUNT
again() { umount "$m" && bedplate fault tell "$1" && mount "$BEDPLATE_FAULT_DEVICE" "$m"; }
synced() { echo "$2" > "$m/$1" && sync "$m/$1" "$m"; }
wrong() { echo "$*" && exit 1; }

synced a synced
case $1 in
flakey) # as _flakey_drop_and_remount
	bedplate fault tell drop
	synced b late || wrong "a disk that drops writes has to tell nothing"
	again allow
	[ ! -s "$m/b" ] || wrong "what was dropped is there"
	;;
error)
	bedplate fault tell error
	! synced b late 2> /dev/null || wrong "fsync has told nothing"
	again works
	synced b again
	;;
log-writes)
	echo late > "$m/b"
	bedplate fault tell mark
	sleep 60
	;;
esac
[ "$(cat "$m/a")" = synced ] || wrong "what was synced is lost"
umount "$m" && e2fsck -fn "$BEDPLATE_FAULT_DEVICE" && mount "$BEDPLATE_FAULT_DEVICE" "$m"
echo "$1: all as it should be"
