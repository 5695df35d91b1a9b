#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# limit: 240
# Faults under a mounted file system: each does what it says, heal gives back the very table, and
# neither a killed caller nor a crash in between leaves a device with a fault.
. "$KERNEL_LIB"
. "${KERNEL_LIB%lib.sh}fault.sh"
# ms CMD...: how many milliseconds it took; it may fail.
ms() {
	from=$(date +%s%N)
	"$@" > /dev/null 2>&1 || :
	echo $((($(date +%s%N) - from) / 1000000))
}
# Behind the file system.
# shellcheck disable=SC2317 # called by expect_fail
read_d() { dd if=/dev/mapper/d of=/dev/null bs=4k skip=16000 count=1 iflag=direct status=none; }
write_d() {
	dd if=/dev/zero of=/dev/mapper/d bs=4k seek=16000 count=1 oflag=direct conv=notrunc status=none
}

wipe "$DISK0"
# Two segments, of which the second lies before the first.
dmsetup create d << END
0 65536 linear $DISK0 65536
65536 65536 linear $DISK0 0
END
keep_table
mkfs.ext4 -q /dev/mapper/d 48M
mount /dev/mapper/d m
echo kept > m/kept && sync

# slow: writes wait, reads do not; the mount point names the device.
f slow m --writes --delay 300ms
[ "$(ms write_d)" -ge 300 ] || fail "a write was not slow"
[ "$(ms write_d)" -ge 300 ] || fail "the second write was not slow"
f heal m && own

# stall: held until healed, then done: nothing failed.
f stall d
dd if=/dev/zero of=m/held bs=4k count=1 oflag=direct status=none &
writer=$!
sleep 0.3
kill -0 $writer || fail "a write ended during the stall"
expect_match '^d +1 stall +reads,writes,flushes active' f status m
f heal d && own
wait $writer || fail "the held write failed"

# error: of a part, and only there; flushes of the file system work on.
f error d --range 128000s..128008s
expect_fail 1 'Input/output error' read_d
echo more > m/more && sync m/more
f heal d --id 1 && own
expect_fail 1 'no fault of number 1' f heal d --id 1

# corrupt: the byte as told, on the way; the disk has what it had.
third() { dd "if=$1" bs=4k skip="$2" count=1 iflag=direct status=none | od -An -tx1 -j2 -N1; }
write_d
if f corrupt d --byte 3 --value 88 2> err; then
	same "byte read" "$(third /dev/mapper/d 16000)" " 58"
	f heal d
else
	grep -q 'changes no reads' err || fail "$(cat err)"
fi
same "byte" "$(third /dev/mapper/d 16000)" " 00"
f corrupt d --writes --byte 3 --value 88
write_d
f heal d && own
same "byte written" "$(third /dev/mapper/d 16000)" " 58"

# bad sectors: so many, the same by one seed.
f bad-sectors d --count 5 --seed 9 --range 32MiB..
first=$(dmsetup table d)
same "bad blocks" "$(dmsetup table d | grep -c error)" 5
f heal d
f bad-sectors d --count 5 --seed 9 --range 32MiB..
same "bad blocks" "$(dmsetup table d)" "$first"
# One fault beside another, and both gone.
f slow d --range ..8s
same "segments" "$(dmsetup table d | grep -c -e error -e delay)" 6
f heal --all && own

# drop: what was not written before is lost, after the machine's death too.
f drop d
echo lost > m/lost && sync m/lost
umount m
f heal d && own
e2fsck -fn /dev/mapper/d > /dev/null 2>&1 || e2fsck -fy /dev/mapper/d > fsck 2>&1 || [ $? -le 1 ] ||
	fail "e2fsck: $(cat fsck)"
mount /dev/mapper/d m
expect kept cat m/kept
[ ! -s m/lost ] || fail "what was dropped is there"

# The power goes: what was acknowledged is there when it is back, what was in memory is not.
echo safe > m/safe && sync m/safe m
echo memory > m/memory
f power-cut m
expect_match '^d +[0-9]+ power-cut +reads,writes,flushes +active' f status d
expect_fail 1 'Input/output error' write_d
umount m
f heal d && own
e2fsck -fp /dev/mapper/d > fsck 2>&1 || [ $? -le 1 ] || fail "e2fsck: $(cat fsck)"
mount /dev/mapper/d m
expect safe cat m/safe
[ ! -s m/memory ] || fail "what was in memory only is there"
rm -f m/safe m/memory

# A file: nothing but it fails, through a linear device, a partition of a loop device's file too.
hit_only() {
	echo 3 > /proc/sys/vm/drop_caches
	expect_fail 1 'Input/output error' cat "$1"
	for other in m/*; do
		[ "$other" = "$1" ] || [ -d "$other" ] || cat "$other" > /dev/null || fail "$other can't be read"
	done
}
for n in 1 2 3 4 5 6; do
	yes "line of $n" | head -c 300000 > m/file$n
done
sync
f error m --file m/file3
hit_only m/file3
echo new > m/new && sync m/new
f heal m && own
f error d --file m/file5 --range 64KiB..68KiB
hit_only m/file5
expect "line of 5" sh -c 'head -c 65536 m/file5 | head -n 1'
f heal m && own
expect_fail 1 'no regular file' f error m --file m
expect_fail 1 'does not lie on|no single' f error m --file /bin/sh
: > m/empty
expect_fail 1 'nothing of it has a place' f error m --file m/empty
rm m/new m/empty
mkdir inner
truncate -s 16M m/image
# One partition: sectors 2048 to 30719 of type 0x83.
printf '\0\0\0\0\203\0\0\0\0\10\0\0\0\160\0\0' |
	dd of=m/image bs=1 seek=446 conv=notrunc status=none
printf '\125\252' | dd of=m/image bs=1 seek=510 conv=notrunc status=none
loop=$(losetup -Pf --show m/image)
dmsetup create over --table "0 24576 linear ${loop}p1 1024"
mkfs.ext4 -q /dev/mapper/over
mount /dev/mapper/over inner
yes deep | head -c 200000 > inner/deep && yes flat | head -c 200000 > inner/flat && sync
f error m --file inner/deep
echo 3 > /proc/sys/vm/drop_caches
expect_fail 1 'Input/output error' cat inner/deep
expect flat sh -c 'head -n 1 inner/flat'
f heal m && own
umount inner && dmsetup remove over && losetup -d "$loop" && rm m/image

# What can't be is refused, and nothing has changed.
expect_fail 1 "can't fail" f error d --writes --range 0..8s
expect_fail 1 'beyond the device' f slow d --range 0..131073s
expect_fail 1 'no mapped device|does not lie on' f slow /proc
expect_fail 1 'fault attach' f slow "$DISK1"
expect_fail 64 'written A..B' f slow d --range 5
if f error d --reads 2> err; then
	expect_fail 1 'Input/output error' read_d
	f heal d
else
	grep -q 'Linux 6.5' err || fail "$(cat err)"
fi
own

# --for heals by itself, also where the caller and all its group are killed in the middle.
# (Only where no file is: a journal that can't be written ends the file system.)
f error d --range 128000s..128008s --for 8s > /dev/null
expect_fail 1 'Input/output error' read_d
until_own
own
for delay in 0.01 0.03 0.05 0.07 0.09 0.11 0.13 0.2; do
	setsid sh -c 'exec bedplate fault slow d --state state --delay 1ms --for 300ms' > /dev/null 2>&1 &
	victim=$!
	sleep $delay
	kill -KILL $victim 2> /dev/null || :
	wait $victim || :
done
until_own
own
f heal --all && own
echo after > m/after
sync m/after
umount m
e2fsck -fn /dev/mapper/d > fsck 2>&1 || fail "e2fsck: $(cat fsck)"

# A heal that is killed with all that it has started, after each of its steps, which strace lets take 60 ms: what is half
# done is listed with what to do, and one heal more ends it. (Putting in is alike; u:fault_killed tries each step of both.)
if command -v strace > /dev/null; then
	halves=0
	for n in 05 06 07 08 09 10 11 12 13 14 15 16; do
		f error d --range 128000s..128008s > /dev/null
		was=$(dmsetup table d)
		strace -f -qq -o /dev/null -e trace=ioctl,rename,unlink -e inject=ioctl,rename,unlink:delay_enter=60000 \
			bedplate fault heal d --state state > /dev/null 2>&1 &
		sleep "$(echo "$n" | awk '{ print $1 * 0.06 }')"
		pkill -KILL -x bedplate || :
		wait $! || :
		f status d > out 2> err
		if dmsetup info -c --noheadings -o tables_loaded,suspended d | grep -qv Live:Active; then
			grep -q ' unfinished ' out || fail "killed after $n steps: $(cat out err)"
			grep -q 'killed on the way.*: bedplate fault heal d --state state$' err || fail "$(cat err)"
			halves=$((halves + 1))
		elif [ "$(dmsetup table d)" = "$was" ]; then
			grep -qE ' (unfinished|active) ' out || fail "killed after $n steps: $(cat out err)"
		fi
		f heal --all && own
	done
	[ $halves -ge 1 ] || fail "nothing was half done"
	echo "$halves half done"
fi

# A layer over an idle disk; a busy one is refused.
expect_fail 1 'it is in use' bedplate fault attach "$DISK0"
expect /dev/mapper/layer bedplate fault attach "$DISK1" layer
f slow layer
bedplate fault detach --state state layer
expect_fail 1 'no layer of ours' bedplate fault detach d
dmsetup remove --retry d # who looked at it last may still have it open

# The log: a line of JSON for each change, in order.
grep -c '"action": "heal"' state/log > heals
[ "$(cat heals)" -ge 8 ] || fail "the log has $(cat heals) heals"
head -n 1 state/log | grep -q '"action": "slow", "device": "d"' || fail "$(head -n 1 state/log)"
expect "" bedplate ls -q
[ -z "$(find state -name '*:*' ! -name '*.lock')" ] || fail "something is kept"
