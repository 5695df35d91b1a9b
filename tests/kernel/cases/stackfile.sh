#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# limit: 200
# Stacks from files: made, compared, changed under a mounted file system, taken away; killed at any point
# too. BEDPLATE_KILLS: how many applies are killed at random points.
. "$KERNEL_LIB"
command -v mkfs.ext2 > /dev/null || skip "no mkfs.ext2"

bedplate create foreign --table '0 8 zero'
nothing_left() {
	expect foreign bedplate ls -r --noheadings -o name
	same "loop devices" "$(losetup -n -l -O BACK-FILE)" ""
	same "nodes" "$(ls /dev/mapper)" "control
foreign"
}

# stack SIZE [LINE...]: a pool on a loop device, a volume's place beside it.
stack() {
	size=$1
	shift
	cat <<-END
		stack s
		loop disk 16MiB $PWD/disk     # made where it is missing
		device top
		  0 $size linear @low 0
		device low
		  0 $size linear @disk 2048
	END
	printf '%s\n' "$@"
}
stack 4MiB > one
stack 8MiB 'device more readonly' "0 8 linear $DISK0 0" > two

expect_fail 1 '^create top$' bedplate diff one
expect_match '^would create low: 0 8192 linear @disk 2048$' bedplate apply -n one
nothing_left
bedplate apply one
expect "" bedplate diff one
expect bedplate-stack:s:top bedplate info -r --noheadings -o uuid top
same "size" "$(stat -c %s disk)" 16777216

# Larger, under a file system in use; what is suspended meanwhile is a moment.
mkfs.ext2 -q /dev/mapper/top
mkdir mnt
mount /dev/mapper/top mnt
echo kept > mnt/file
expect_fail 1 '^reload low$' bedplate diff two
bedplate apply two
expect "" bedplate diff two
same "sectors of top" "$(sectors /dev/mapper/top)" 16384
expect kept cat mnt/file

# What is described no more and in use stops it; so does a device of others.
printf 'stack s\n' > none
expect_fail 1 'described no more, and in use: nothing was done' bedplate apply none
expect "" bedplate diff two
expect_fail 1 'used by the mount on .*/mnt' bedplate down --timeout 3s one
umount mnt
bedplate apply two # what was not in use has gone
stack 4MiB 'device foreign' '0 8 zero' > bad
expect_fail 1 "that is not the stack's" bedplate apply bad
expect_fail 1 'bad: line 3, column 3: .x. is not a size' sh -c '
	printf "stack s\ndevice d\n0 x zero\n" > bad && bedplate apply bad'

# A table that the kernel refuses takes all back, the new loop device and its file as well.
stack 8MiB 'device more' "0 8 linear $DISK0 0" "loop new 1MiB $PWD/new" \
	'device worse' '0 8 linear @new 2097152' > bad
expect_fail 1 'worse' bedplate apply bad
[ ! -e new ] || fail "a file was left"
expect "" bedplate diff two

bedplate apply one
expect "" bedplate diff one
expect_match '"change": "remove"' bedplate down --json one
bedplate down one
nothing_left
[ -e disk ] || fail "the file is gone"
bedplate apply one
bedplate down --delete-files one
nothing_left
[ ! -e disk ] || fail "the file is there"

# --- killed at random points: apply makes it whole, down takes all away ---
for i in $(seq "${BEDPLATE_KILLS:-8}"); do
	sh -c 'while :; do bedplate apply one; bedplate apply two; done' 2> /dev/null &
	child=$!
	sleep "0.$(printf %03d $(($(od -An -N2 -tu2 /dev/urandom) % 400)))"
	kill -KILL $child
	# Nothing else of that name runs here.
	grep -lsx bedplate /proc/[0-9]*/comm | cut -d/ -f3 | xargs -r kill -KILL 2> /dev/null || :
	wait $child || :
	if [ $((i % 2)) -eq 0 ]; then
		bedplate apply two
		expect "" bedplate diff two
	fi
	bedplate down --delete-files two
	nothing_left
done
