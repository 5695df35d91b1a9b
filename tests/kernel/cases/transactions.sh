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

# BEDPLATE_TRIALS: how many verbs are disturbed at random; BEDPLATE_SEED: which, and how.
trials=${BEDPLATE_TRIALS:-24} seed=${BEDPLATE_SEED:-1}
echo "$trials trials, seed $seed"

# draw N: a random number below N.
draw() {
	seed=$(((seed * 1103515245 + 12345) % 2147483648))
	drawn=$((seed / 65536 % $1))
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
	rc=0
	bedplate suspend slow --timeout $limit 2> err || rc=$?
	if [ $rc -eq 1 ]; then
		# Who follows may have it suspended for a moment.
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

# --- random trials ---
# delay MILLISECONDS: how slow what lies below is.
delay() {
	bedplate reload below --table "0 $size delay $DISK0 0 0 $DISK0 0 $1"
}

# disturbed VERB...: with a limit, a signal to all of its processes, or one behind its n-th ioctl.
# rc: how it ended.
disturbed() {
	draw 2
	signal=$([ "$drawn" -eq 0 ] && echo INT || echo TERM)
	draw 3
	case $drawn in
	0)
		draw 200
		with="limit"
		set -- "$@" --timeout "$((1 + drawn * drawn / 8))ms"
		;;
	1)
		draw 300
		with="SIG$signal after $drawn ms"
		# A shell's own children in the background ignore SIGINT: this one's don't.
		set -- timeout -s "$signal" "0.$(printf %03d "$drawn")" "$@"
		;;
	2)
		draw 16
		with="SIG$signal at ioctl $((drawn + 1))"
		set -- strace -f -o trace -e trace=ioctl \
			-e "inject=ioctl:signal=$signal:when=$((drawn + 1))" "$@"
		;;
	esac
	echo "trial $trial: $with: $*"
	rc=0
	"$@" 2> err || rc=$?
	settled
}

there() {
	grep -qsx "$1" /sys/block/dm-*/dm/name
}

# whole: no device is suspended, without table, or has a second one.
whole() {
	dmsetup info -c --noheadings --separator ' ' -o suspended,tables_loaded,name > state
	! grep -v '^Active Live ' state || fail "trial $trial left this: $(cat state err)"
}

trial_of_device() {
	dirty
	draw 4
	case $drawn in
	0) disturbed bedplate reload slow --table "$(other)" ;;
	1)
		disturbed bedplate suspend slow
		# Where a signal came it may have been done before.
		if [ $rc -eq 0 ] || [ "${with#SIG}" != "$with" ]; then bedplate resume slow; fi
		;;
	2) disturbed bedplate create new linear --device /dev/mapper/below ;;
	3)
		# With a second table: many a kernel does not survive clear, rename, load (docs/HACKING.md).
		bedplate load slow --table "$(other)"
		disturbed bedplate rename slow renamed
		! there renamed || bedplate rename renamed slow
		bedplate clear slow
		;;
	esac
	whole
	awake slow
	! there new || bedplate remove new
}

delay 40
for trial in $(seq $((trials * 2 / 3))); do
	trial_of_device
done
delay $latency

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
delay $latency
whole_volume() {
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
	whole_volume
done
dirty
expect_fail 1 'not done within the time limit' \
	bedplate pool snapshot pool --origin v snap --id 1 --timeout 100ms
whole_volume
# What trials with pools start with: a second volume, and devices for a second pool.
bedplate pool thin pool w --size 8MiB --id 2
bedplate create meta2 linear --device "$DISK1" --offset 8MiB --size 4MiB
bedplate create data2 linear --device "$DISK1" --offset 16MiB --size 16MiB
length=$(dmsetup table pool | cut -d ' ' -f 2)

# volumes_have_devices: each volume of the pool has its device, and none is half made.
volumes_have_devices() {
	volumes=$(bedplate pool list --all --noheadings -o thin_id pool | wc -l)
	devices=$(dmsetup ls --target thin | wc -l)
	same "trial $trial: volumes" "$volumes" "$devices"
}

# drop_snapshots: of the trial before.
drop_snapshots() {
	for snapshot in snap snap2; do
		! there $snapshot || bedplate pool delete --yes pool $snapshot
	done
}

# The pool's new size is taken as a whole or not at all.
grow() {
	disturbed bedplate pool grow pool --size "$((length + 128))s"
	now=$(dmsetup table pool | cut -d ' ' -f 2)
	[ "$now" -eq "$length" ] || same "trial $trial: length" "$now" $((length + 128))
	length=$now
}

second_pool() {
	disturbed bedplate pool create second --metadata /dev/mapper/meta2 --data /dev/mapper/data2 \
		--wipe --yes
	if there second; then
		bedplate pool thin second x --size 1MiB --id 7
		disturbed bedplate pool remove second
		whole
		# What was removed before it was disturbed stays so.
		! there second || bedplate pool remove second
	fi
}

trial_of_pool() {
	dirty
	draw 7
	case $drawn in
	0 | 1) disturbed bedplate pool snapshot pool --origin v snap --id 1 ;;
	2) disturbed bedplate pool thin pool snap --id 1 --size 8MiB ;;
	3) disturbed bedplate pool snapshot-group pool v snap w snap2 ;;
	4) grow ;;
	5) second_pool ;;
	6)
		disturbed bedplate create --concise \
			'snap,,,rw,0 8 linear /dev/mapper/snap2 0;snap2,,,rw,0 8 zero'
		same "trial $trial: both" "$(there snap && echo 1)" "$(there snap2 && echo 1)"
		whole
		! there snap || bedplate remove snap snap2
		;;
	esac
	whole
	awake v
	volumes_have_devices
	drop_snapshots
}

delay 40
for trial in $(seq $((trials / 3))); do
	trial_of_pool
done
umount mnt
delay 0
bedplate remove v w pool
thin_check /dev/mapper/meta
