#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# limit: 300
# The published scenarios on a toy store: a right one survives power cuts, one without fsync is found,
# and whatever is killed, nothing is left.
. "$KERNEL_LIB"
command -v mkfs.ext4 > /dev/null || skip "no mkfs.ext4"
examples=$(dirname "$KERNEL_LIB")/../../examples/fault
cp "$examples"/* .
export BEDPLATE_STATE_DIR=/run/fault-scopes STORE_ACKS="$PWD/acks"
run() { bedplate fault run "$@"; }
left() {
	bedplate ls -q
	losetup -a
	grep bedplate- /proc/mounts
	find "$BEDPLATE_STATE_DIR/scopes" -mindepth 1 -type d
}
nothing_left() {
	for _ in $(seq 120); do
		[ -n "$(left)" ] || return 0
		sleep 0.5
	done
	fail "left: $(left)"
}

for file in *.fault; do
	run "$file" --check
	[ "$(grep -cv '^#' "$file")" -le 15 ] || fail "$file is too long"
done

# A right store, by two seeds; what is told is told once more by JSON and XML.
expect_match '^[0-9]+ checks, 0 failed; seed 2$' run bbolt-power-failure.fault --repeat 2 -- ./store put 10000
nothing_left
# One that forgets to fsync: found, with the seed and the record.
{ grep -v -e ^at -e ^after bbolt-power-failure.fault && echo 'on told power-cut'; } > forget.fault
run forget.fault --seed 5 --json --junit j.xml -- \
	sh -c './store forget 50 && bedplate fault tell told; sleep 60' > out 2> err &&
	fail "a missing fsync was not found: $(cat out)"
grep -q '"what": "power-cut: mounted again"' out || fail "$(cat out err)"
grep -q '"what": "./store verify",' out || fail "$(cat out)"
grep -q 'record [0-9]* is lost' err || fail "$(cat err)"
grep -q '<failure message="exit status 1"/>' j.xml || fail "$(cat j.xml)"
! command -v python3 > /dev/null ||
	"$(dirname "$KERNEL_LIB")/../lib/check-json" "$(command -v bedplate)" out || fail "the document is not as declared"
nothing_left

run cockroachdb-disk-stall.fault -- sh -c './store put 5 && bedplate fault tell again && ./store put 5'
run cockroachdb-slow-disk.fault -- ./store put 5
run longhorn-eio.fault -- ./store put 10000
for shape in flakey error log-writes; do
	run xfstests-dm-$shape.fault -- sh ./xfstests.sh $shape
done
run disk-full.fault -- sh ./copy.sh full
run bit-rot.fault -- sh ./copy.sh rot
# A line of the program that has no end yet is ended before what is told; of a tool that can't, what it said, not its usage.
printf 'device loop 1MiB\nat 100ms slow 1ms\n' > line.fault
run line.fault -- sh -c 'printf half; sleep 0.5; echo line' > out
grep -qx half out || fail "$(cat out)"
printf 'device loop 8MiB fs xfs mount /run/bedplate-small\n' > small.fault
if command -v mkfs.xfs > /dev/null; then
	expect_fail 1 'mkfs.xfs ended with 1: .*[a-z.]$' run small.fault -- true
	run small.fault -- true 2> err || ! grep -q Usage err || fail "$(cat err)"
fi
cat > reads.sh << 'END'
cd "$BEDPLATE_FAULT_MOUNT"
echo log > wal && echo other > other && sync
bedplate fault tell wal
dd if=wal of=/dev/null bs=4k iflag=direct && exit 1
dd if=other of=/dev/null bs=4k iflag=direct && bedplate fault tell healed && exec dd if=wal of=/dev/null bs=4k iflag=direct
END
# Of the examples for languages those that need no compiler; they see writes fail.
cat > tests.sh << 'END'
set -e
sh ./reads.sh
sh ./wal.sh
! command -v python3 > /dev/null || python3 ./wal.py
END
run bad-wal.fault -- sh ./tests.sh
expect_fail 1 'no scenario runs' bedplate fault tell wal
nothing_left

# An existing device: nothing is made, and it is as before.
dmsetup create d --table "0 2048 linear $DISK0 0"
printf 'device d\nat 0s slow 1ms\nuntil 300ms\n' > d.fault
run d.fault -- sleep 10
expect "0 2048 linear $(lsblk -dno MAJ:MIN "$DISK0" | tr -d ' ') 0" dmsetup table d
dmsetup remove d

# A mount point that was there before: its files, by names in it. Checks have a /proc, and nobody to tell anything.
mkdir there && mkfs.ext4 -q "$DISK0" 32M && dmsetup create d --table "0 65536 linear $DISK0 0" && mount /dev/mapper/d there
echo one > there/a && echo two > there/b && sync
cat > there.fault << 'END'
device there
on bad error file a
check grep -q there /proc/self/mounts
check ! bedplate fault tell bad
expect exit 0
END
# shellcheck disable=SC2016 # the program expands it
run there.fault -- sh -c 'bedplate fault tell bad && cd "$BEDPLATE_FAULT_MOUNT" && echo 3 > /proc/sys/vm/drop_caches && ! cat a && cat b'
expect one cat there/a
umount there && dmsetup remove --retry d
# Who connects and says nothing holds up no moment of the scenario; a line without an end is one in the end.
printf 'device loop 32MiB fs ext4 mount /run/bedplate-idle\nat 500ms slow 1ms\non a heal\n' > idle.fault
cat > idle.py << 'END'
import os, socket
def connect():
    s = socket.socket(socket.AF_UNIX)
    s.connect(os.environ["BEDPLATE_FAULT_SOCKET"])
    return s
idle, held = connect(), connect()
held.sendall(b"a")
assert held.recv(9) == b"ok\n"
held.sendall(b"a\nb\r\na\n")
assert held.makefile().read(19) == "ok\nno such name\nok\n"
END
if command -v python3 > /dev/null; then
	run idle.fault -- python3 idle.py > out || fail "$(cat out)"
	grep -qE '^ +0\.[5-9][0-9]+  slow' out || fail "$(cat out)"
fi
# A file system that can't answer while the disk is stalled does not hold the run: it is told, and all is healed. What
# was written and not synced keeps it from answering: where a file lies that is whole on disk it knows.
printf 'device loop 32MiB fs ext4 mount /run/bedplate-held\nat 300ms stall\nat 600ms error file a\nuntil 1min\n' > held.fault
# shellcheck disable=SC2016 # the program expands it
expect_fail 1 'line 3, error: .*does not answer while a fault holds' run held.fault -- \
	sh -c 'cd "$BEDPLATE_FAULT_MOUNT" && while :; do echo a >> a; done'
nothing_left

# A program that can't be, and a scenario that can't be read.
expect_fail 1 'exit 127' run cockroachdb-slow-disk.fault -- ./nothing
echo 'device loop 5x' > bad.fault
expect_fail 1 'line 1, column 13' run bad.fault -- true
nothing_left

# Killed, by itself and asked to end: the disk is stalled meanwhile, and all is taken down.
printf 'device loop 32MiB\nfs ext4\nmount /run/bedplate-kill\nat 100ms stall\n' > kill.fault
for _ in $(seq "${BEDPLATE_KILLS:-3}"); do
	setsid bedplate fault run kill.fault -- ./store put 10000 > /dev/null 2>&1 &
	victim=$!
	sleep "$(shuf -i 0-1999 -n 1 | awk '{ print $1 / 1000 }')"
	kill -KILL $victim 2> /dev/null || :
	wait $victim || :
	nothing_left
done
# Killed when the program's first process was just made, and has not asked yet to end with the run: strace holds it up there.
if command -v strace > /dev/null; then
	printf 'device loop 32MiB\n' > early.fault
	strace -f -qq -o /dev/null -e trace=prctl -e inject=prctl:delay_enter=4000000 \
		sh -c 'echo $$ > victim && exec bedplate fault run early.fault -- sleep 1001' > /dev/null 2>&1 &
	: > early
	for _ in $(seq 300); do # in a process namespace of its own
		[ ! -s early ] || break
		sleep 0.1
		for pid in $(pgrep -P "$(cat victim 2> /dev/null || echo 1)" -x bedplate); do
			[ "$(readlink "/proc/$pid/ns/pid")" = "$(readlink /proc/self/ns/pid)" ] || echo "$pid" > early
		done
	done
	kill -KILL "$(cat victim)"
	[ -s early ] || fail "the program's first process was not seen"
	nothing_left
	! pgrep -x sleep || fail "the program of a killed run goes on"
fi
# A device that was there is healed, and stays.
dmsetup create d --table "0 2048 linear $DISK0 0"
own=$(dmsetup table d)
printf 'device d\nat 0s stall\nuntil 1min\n' > d.fault
for _ in $(seq "${BEDPLATE_KILLS:-3}"); do
	setsid bedplate fault run d.fault --state d-state -- sleep 60 > /dev/null 2>&1 &
	victim=$!
	sleep "$(shuf -i 0-999 -n 1 | awk '{ print $1 / 1000 }')"
	kill -KILL $victim 2> /dev/null || :
	wait $victim || :
	for _ in $(seq 120); do
		[ "$(dmsetup table d)" != "$own" ] || [ -n "$(find "$BEDPLATE_STATE_DIR/scopes" -mindepth 1 -type d)" ] || break
		sleep 0.5
	done
	same table "$(dmsetup table d)" "$own"
	expect "" bedplate fault status -q --noheadings --state d-state
done
dmsetup remove --retry d
nothing_left
bedplate fault run kill.fault -- ./store put 10000 > out 2>&1 &
victim=$!
for _ in $(seq 120); do
	grep -q stall out && break
	sleep 0.5
done
kill -TERM $victim
! wait $victim || fail "a run that was interrupted ended well"
grep -q interrupted out || fail "$(cat out)"
nothing_left
expect "" bedplate scope list --noheadings -q
