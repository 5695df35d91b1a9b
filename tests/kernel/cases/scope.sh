#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# limit: 200
# What is made in a scope is gone afterwards, whatever ended it; nothing else is.
# BEDPLATE_KILLS: how many scopes are killed at random points.
# shellcheck disable=SC2016 # what the scopes run expands its own variables
. "$KERNEL_LIB"
BEDPLATE_STATE_DIR=$PWD/state
export BEDPLATE_STATE_DIR

# A mapped device and a loop device of others; a uuid that only looks like one of a scope.
truncate -s 1M theirs
losetup -f theirs
loops=$PWD/theirs
bedplate create foreign --uuid bedplate-scope:t: --table '0 8 zero'
bedplate create above --table '0 8 linear /dev/mapper/foreign 0'
nothing_left() {
	expect "above
foreign" bedplate ls -r --noheadings -o name
	same "loop devices" "$(losetup -n -l -O BACK-FILE | sort)" "$loops"
	same "scopes" "$(ls state/scopes)" ""
	same "kept files" "$(find state -name 'overlay-*')" ""
	same "nodes" "$(ls /dev/mapper)" "above
control
foreign"
}

# Its status is the command's; devices lie on one another, on loop devices, in a pool; one is suspended.
rc=0
bedplate scope run t --loop 16M --loop 4M -- sh -ec '
	test "$BEDPLATE_LOOPS" = 2
	bedplate create data linear --device "$BEDPLATE_LOOP0" --uuid mine
	bedplate pool create pool --metadata "$BEDPLATE_LOOP1" --data /dev/mapper/data
	bedplate pool thin pool v --size 8M > /dev/null
	bedplate info -r --noheadings -o uuid data | grep -q "^bedplate-scope:t:[0-9a-f]\{8\}:mine$"
	bedplate scope list -r --noheadings -o name,state,devices,loops | grep -q "^t live 3 2$"
	bedplate suspend v
	exit 7' || rc=$?
same status "$rc" 7
nothing_left

# Signals end the command first; a second scope of the name is refused meanwhile.
bedplate scope run t -- sh -c 'bedplate create d --table "0 8 zero"; exec sleep 60' &
owner=$!
until [ -e /dev/mapper/d ]; do sleep 0.02; done
expect_fail 125 'its owner lives' bedplate scope run t -- true
bedplate scope gc
expect_match '^d ' bedplate ls -r --noheadings
kill -TERM $owner
rc=0
wait $owner || rc=$?
same status "$rc" 143
nothing_left

# What is in use stays, and is told; gc has another try.
mkdir mnt
expect_fail 1 'the mount on .*/mnt' bedplate scope run t --timeout 3s --loop 16M -- sh -ec '
	bedplate create d linear --device "$BEDPLATE_LOOP0"
	mkfs.ext4 -q /dev/mapper/d
	mount /dev/mapper/d mnt'
expect_match '^t dead ' bedplate scope list -r --noheadings
umount mnt
expect_match 'would remove d' bedplate scope gc -n
bedplate scope gc t
nothing_left
expect_fail 1 'there is none of this name' bedplate scope gc t

# Error tables only where asked: who holds the device sees errors, and it goes with them.
bedplate scope run t --error-tables --timeout 3s -- sh -ec '
	bedplate create d --table "0 8 zero"
	exec 3< /dev/mapper/d # here: what runs behind might open it too late
	sleep 60 > /dev/null 2>&1 &
	echo $! > holder'
expect_match '"deferred_remove": true' bedplate info --json d
kill "$(cat holder)"
for _ in $(seq 100); do
	[ "$(bedplate ls -r --noheadings -o name | grep -c '^d$')" -eq 0 ] && break
	sleep 0.05
done
bedplate mknodes
nothing_left

# --- writable copies: the device is as it was, unless asked twice ---
truncate -s 8M disk
losetup -f disk
loops="$PWD/disk
$loops"
disk=$(losetup -n -O NAME -j disk)
put "$disk" 0 old
expect_match '^would overlay ' bedplate overlay -n "$disk" -- touch ran
[ ! -e ran ] || fail "a dry run ran it"
expect_match '"used_bytes": [1-9]' bedplate overlay --json "$disk" -- sh -ec '
	test "$BEDPLATE_OVERLAYS" = 1
	dd if="$BEDPLATE_OVERLAY0" bs=3 count=1 status=none | grep -q old
	echo new | dd of="$BEDPLATE_OVERLAY0" conv=notrunc,fsync status=none
	dd if="$BEDPLATE_OVERLAY0" bs=3 count=1 status=none | grep -q new'
nothing_left
same "what is on the device" "$(get "$disk" 0)" old
# Full: told, and the copy is lost, not the device.
expect_fail 1 'is lost' bedplate overlay --size 64k "$disk" -- dd if=/dev/zero of=/dev/mapper/overlay-"${disk##*/}" bs=64k count=16 oflag=direct
nothing_left
same "what is on the device" "$(get "$disk" 0)" old
expect_fail 125 'it is in use' bedplate overlay /dev/mapper/foreign -- true
# Merged where it succeeds, and only there.
write='printf %s new | dd of="$BEDPLATE_OVERLAY0" bs=512 seek=0 conv=notrunc,sync,fsync status=none'
expect_fail 3 'thrown away' bedplate overlay --merge --yes "$disk" -- sh -ec "$write; exit 3"
same "what is on the device" "$(get "$disk" 0)" old
expect_fail 0 'written, merged' bedplate overlay --merge --yes "$disk" -- sh -ec "$write"
same "what is on the device" "$(get "$disk" 0)" new
nothing_left
# A killed one leaves nothing either.
bedplate overlay "$disk" -- sleep 60 &
owner=$!
until [ -e "/dev/mapper/overlay-${disk##*/}" ]; do sleep 0.02; done
kill -KILL $owner
wait $owner || :
bedplate scope gc
nothing_left

# --- killed at random points ---
cat > workload <<'EOF'
set -e
i=0
while :; do
	bedplate create low linear --device "$BEDPLATE_LOOP0"
	bedplate create high linear --device /dev/mapper/low
	bedplate reload low --table '0 8192 zero'
	bedplate suspend high
	bedplate resume high
	bedplate remove high low
	i=$((i + 1))
done
EOF
for _ in $(seq "${BEDPLATE_KILLS:-8}"); do
	bedplate scope run t --loop 4M -- sh workload 2> /dev/null &
	owner=$!
	sleep "0.$(printf %03d $(($(od -An -N2 -tu2 /dev/urandom) % 400)))"
	kill -KILL $owner
	wait $owner || :
	bedplate scope gc
	nothing_left
done
