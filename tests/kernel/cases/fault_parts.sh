#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# limit: 120
# Faults of parts of a file system, and space that runs out: they are where they should be and nowhere
# else, on ext4 and, where it can be made, on xfs; and what is made for them goes away.
. "$KERNEL_LIB"
. "${KERNEL_LIB%lib.sh}fault.sh"
# shellcheck disable=SC2317 # called by expect_fail
direct() { dd if=/dev/zero "of=$1" bs=4k count=1 oflag=direct conv=notrunc status=none; }
alone() { same "devices" "$(bedplate ls -q --noheadings | wc -l)$(losetup -a)" 1; }
check_fs() {
	umount m
	case $1 in
	xfs) xfs_repair -n /dev/mapper/d > fsck 2>&1 || fail "$(cat fsck)" ;;
	*) e2fsck -fn /dev/mapper/d > fsck 2>&1 || fail "$(cat fsck)" ;;
	esac
}

wipe "$DISK0"
dmsetup create d --table "0 655360 linear $DISK0 2048"
keep_table
fs() { # TYPE OPTION...
	type=$1 && shift
	command -v "mkfs.$type" > /dev/null || return 1
	dd if=/dev/zero of=/dev/mapper/d bs=1M count=1 conv=notrunc status=none
	"mkfs.$type" -q "$@" /dev/mapper/d
	mount -t "$type" /dev/mapper/d m 2> /dev/null || return 1
	for n in 1 2 3; do
		yes "line of $n" | head -c 300000 > m/file$n
	done
	sync
}

# moved COMMAND PATTERN: what healing tells of m/moved, to which that was done meanwhile; '': nothing.
moved() {
	f slow m --file m/moved --delay 1ms
	sh -ec "$1" > out 2>&1 || fail "$1: $(cat out)"
	sync
	f heal m 2> err
	if [ -n "$2" ]; then
		grep -qE "m/moved': $2" err || fail "$1: $(cat err)"
	else
		[ ! -s err ] || fail "$1: $(cat err)"
	fi
	own
}
moves() { # TYPE
	some='it has changed its place .*: [1-9][0-9]* sectors of the fault are its no more, [1-9]'
	yes old | head -c 262144 > m/moved && sync
	moved 'yes new | head -c 262144 | dd of=m/moved bs=64k iflag=fullblock conv=notrunc' ''
	moved 'mv m/file3 m/file4 && mv m/file4 m/file3' ''
	moved 'fallocate -p -o 65536 -l 65536 m/moved' '.*: 128 sectors of the fault are its no more, 0 '
	moved 'dd if=/dev/zero of=m/moved bs=64k seek=1 count=1 conv=notrunc' '.*: 0 sectors of the fault are its no more, 128 '
	moved 'truncate -s 196608 m/moved' '.*: 128 sectors of the fault are its no more, 0 '
	moved 'yes more | head -c 65536 >> m/moved' '.*: 0 sectors of the fault are its no more, 128 '
	moved 'cp --reflink=never m/moved m/new && mv m/new m/moved' "$some"
	if [ "$1" = xfs ]; then
		moved 'cp --reflink=always m/moved m/clone && dd if=/dev/zero of=m/moved bs=64k count=1 conv=notrunc' "$some"
		rm m/clone
	elif command -v e4defrag > /dev/null; then
		# In pieces, as others were written between: put together again by a tool for that.
		: > m/moved
		for n in 1 2 3 4 5 6 7 8; do
			head -c 32768 /dev/zero | tee -a m/other >> m/moved && sync
		done
		rm m/other && sync
		moved 'e4defrag m/moved' "$some"
	fi
	moved 'rm m/moved && sync' 'it is gone since the slow was put in'
}

each() { # TYPE
	# One file: it alone can't be read.
	f error m --file m/file2
	echo 3 > /proc/sys/vm/drop_caches
	expect_fail 1 'Input/output error' cat m/file2
	cat m/file1 m/file3 > /dev/null || fail "others can't be read"
	echo new > m/new
	sync m/new || fail "nothing can be written beside it"
	f heal m && own
	# What lies elsewhere by the end was without the fault: healing tells it, and only then.
	f slow m --file m/file3 --delay 1ms
	f heal m 2> err
	[ ! -s err ] || fail "$(cat err)"
	f slow m --file m/file3 --delay 1ms
	yes more | head -c 100000 >> m/file3 && sync
	f heal m 2> err
	grep -q 'file3.* 0 sectors of the fault are its no more, [1-9]' err || fail "$(cat err)"
	: > state/log
	f slow m --file m/file3 --range ..64s --for 10min
	yes new | head -c 300000 > m/file3.new && mv m/file3.new m/file3 && sync
	pkill -TERM -x bedplate-heal # the process that heals it later, which does now
	for _ in $(seq 120); do
		grep -q '"action": "moved".*m/file3", "left_sectors": 64, "new_sectors": 0' state/log && break
		sleep 0.5
	done
	grep -q '"left_sectors": 64' state/log || fail "$(tail -n 3 state/log)"
	until_own # that is told before the table is put back
	moves "$1"
	# Healed beside another fault, it is told too.
	f slow m --file m/file3 --delay 1ms > one
	f slow m --file m/file1 --delay 1ms > /dev/null
	yes newer | head -c 200000 > m/file3.new && mv m/file3.new m/file3 && sync
	f heal m --id "$(sed -n 's/^Id: *//p' one)" 2> err
	grep -q "m/file3': it has changed its place" err || fail "$(cat err)"
	f heal m 2> err && own
	[ ! -s err ] || fail "$(cat err)"
	# Space runs out for one file; then it is there again. Others are written meanwhile.
	f full m --file m/file2
	expect_fail 1 'No space left' direct m/file2
	direct m/file1 || fail "another file is full"
	expect "line of 2" sh -c 'head -n 1 m/file2'
	f slow m --file m/file1 --delay 1ms
	expect_fail 1 'No space left' direct m/file2
	f heal m && own
	alone
	direct m/file2 || fail "it is still full"
	check_fs "$1"
	# The journal is where nobody but the file system writes.
	mount /dev/mapper/d m
	f slow m --journal --delay 200ms
	from=$(date +%s%N)
	echo more > m/more && sync m/more
	[ $((($(date +%s%N) - from) / 1000000)) -ge 200 ] || fail "the journal was not slow"
	f heal m && own
	f error m --journal
	echo lost > m/lost 2> /dev/null || :
	sync m/lost 2> /dev/null && fail "the journal works"
	# Without its log xfs gives up all of it, and newer kernels' ext4 does: what is there still is right, or EIO.
	cat m/file1 m/file2 m/file3 > /dev/null 2> err || grep -q 'Input/output error' err || fail "$(cat err)"
	f heal m && own
	umount m
	mount /dev/mapper/d m # and what was in the journal is done
	check_fs "$1"
	f error d --metadata
	expect_fail 32 'mount' mount /dev/mapper/d m
	f heal d && own
}

fs ext4 -b 1024 || fail "no ext4"
each ext4
if fs xfs; then each xfs; else echo "no xfs here"; fi

expect_fail 64 'journal' f error d --journal --range ..8s
wipe "$DISK0" && wipefs -qa /dev/mapper/d
expect_fail 1 'neither ext2' f error d --journal
# All of a device; reads go on.
f full d --for 1min
expect_fail 1 'No space left' direct /dev/mapper/d
dd if=/dev/mapper/d of=/dev/null bs=4k count=1 iflag=direct status=none
expect_match '^d +[0-9]+ full +writes +active' f status d
f heal d && own
alone
dmsetup remove --retry d
expect "" losetup -a
