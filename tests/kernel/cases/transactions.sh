#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# limit: 550
# A mounted file system full of unwritten data over a slow device, under time limits and signals:
# whatever came of it, in the end nothing is suspended, half made or left over.
. "$KERNEL_LIB"
command -v mkfs.ext4 > /dev/null || skip "no mkfs.ext4"
mkdir mnt

# settled: all processes that follow a request to its end have ended.
settled() {
	for _ in $(seq 400); do
		grep -qs bedplate-undo /proc/[0-9]*/comm || return 0
		sleep 0.1
	done
	fail "still followed:" "$(grep -s . /proc/[0-9]*/comm | grep bedplate)"
}

# awake NAME: it is not suspended, has no second table, and its file system takes writes.
awake() {
	expect "Active" dmsetup info -c --noheadings -o suspended "$1"
	timeout 60 sh -c 'echo x > mnt/probe && sync mnt/probe' || fail "$1 takes no writes"
}
tables() {
	dmsetup info -c --noheadings -o tables_loaded "$1" | grep -q '^Live *$' ||
		fail "$1 has tables: $(dmsetup info -c --noheadings -o tables_loaded "$1")"
}

dirty() {
	dd if=/dev/urandom of=mnt/data bs=64k count=40 conv=notrunc status=none
}

# A random number below $1.
below() {
	echo $(($(od -An -N2 -tu2 /dev/urandom) % $1))
}

# now: milliseconds.
now() {
	awk '{ printf "%d\n", $1 * 1000 }' /proc/uptime
}

# The slow one lies below: a delay target that is itself suspended lets all go at once.
size=65536 latency=300
bedplate create below linear --device "$DISK0" --size "${size}s"
bedplate create slow linear --device /dev/mapper/below
wipe /dev/mapper/slow
mkfs.ext4 -q /dev/mapper/slow
bedplate reload below --table "0 $size delay $DISK0 0 0 $DISK0 0 $latency"
mount /dev/mapper/slow mnt
# other: a table that does the same as the live one.
other() {
	printf '0 8 linear /dev/mapper/below 0\n8 %d linear /dev/mapper/below 8\n' $((size - 8))
}

# --- limits ---
for limit in 100ms 500ms 2s 5s; do
	dirty
	start=$(now)
	rc=0
	bedplate suspend slow --timeout $limit 2> err || rc=$?
	took=$(($(now) - start))
	if [ $rc -eq 1 ]; then
		# It came back when it was to, and says the truth.
		[ $took -lt $((${limit%%[ms]*} * 1000 + 2000)) ] || fail "back after $took ms"
		expect "Active" dmsetup info -c --noheadings -o suspended slow
		grep -q 'not done within the time limit' err || fail "it says" "$(cat err)"
	else
		same status "$rc" 0
		bedplate resume slow
	fi
	settled
	tables slow
	awake slow

	dirty
	bedplate reload slow --table "$(other)" --timeout $limit 2> err || same status $? 1
	settled
	tables slow
	awake slow
done

# The least limit is over for certain.
dirty
expect_fail 1 'waits for its end, and takes back' bedplate suspend slow --timeout 100ms
settled
awake slow

# --- signals ---
trials=10 ended=0
for i in $(seq "$trials"); do
	dirty
	pause=0.$(printf %03d "$(below 600)")
	signal=$([ $((i % 2)) -eq 0 ] && echo INT || echo TERM)
	# A shell's own children in the background ignore SIGINT: this one's don't.
	timeout -s "$signal" "$pause" bedplate reload slow --table "$(other)" 2> err ||
		ended=$((ended + 1))
	settled
	tables slow
	awake slow
done
[ $ended -gt 0 ] || fail "no reload of $trials was interrupted"

# --- snapshots of a mounted volume ---
umount mnt
bedplate remove slow below
wipe "$DISK1"
bedplate create meta linear --device "$DISK1" --size 4MiB
bedplate create below linear --device "$DISK0" --size "${size}s"
bedplate create data linear --device /dev/mapper/below
bedplate pool create pool --metadata /dev/mapper/meta --data /dev/mapper/data
bedplate pool thin pool v --size 24MiB
mkfs.ext4 -q /dev/mapper/v
mount /dev/mapper/v mnt
dirty
sync
bedplate reload below --table "0 $size delay $DISK0 0 0 $DISK0 0 $latency"
whole() {
	settled
	tables v
	awake v
	# A snapshot is there as volume and as device, or not at all.
	held=$(bedplate pool list pool --noheadings -o name | grep -c '^snap' || true)
	devices=$(dmsetup ls | grep -c '^snap' || true)
	same "snapshots" "$devices" "$held"
	[ "$devices" -eq 0 ] || { bedplate remove snap && bedplate pool delete --yes --id 1 pool; }
}
for limit in 100ms 500ms 2s 5s; do
	dirty
	bedplate pool snapshot pool --origin v snap --id 1 --timeout $limit 2> err || same status $? 1
	whole
done
dirty
expect_fail 1 'not done within the time limit' \
	bedplate pool snapshot pool --origin v snap --id 1 --timeout 100ms
whole
for i in $(seq $((trials / 2))); do
	dirty
	pause=0.$(printf %03d "$(below 600)")
	timeout -s TERM "$pause" bedplate pool snapshot pool --origin v snap --id 1 2> err || :
	whole
	# No volume without a device: its id is free.
	bedplate pool thin --inactive --id 1 pool
	bedplate pool delete --yes --id 1 pool
done
umount mnt
