#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# limit: 120
# Whoever uses a device is named, by 'holders' and by each error that says it is in use.
. "$KERNEL_LIB"
command -v mkfs.ext2 > /dev/null || skip "no mkfs.ext2"
command -v unshare > /dev/null || skip "no unshare"

# named KIND PATTERN: the list has such a line, and the device can't be removed for that reason.
named() {
	expect_match "^$1 " bedplate holders -r --noheadings d
	expect_fail 1 "used by .*$2" bedplate remove d
}
# started COMMAND...: in the background, once it says so.
started() {
	rm -f ready
	"$@" &
	child=$!
	until [ -e ready ]; do sleep 0.02; done
}
ended() {
	kill "$child"
	wait "$child" || :
}

size=32768
bedplate create d linear --device "$DISK0" --size "${size}s"
expect "holders: nobody uses it, as far as can be seen from here" sh -c 'bedplate holders d 2>&1'
mkfs.ext2 -q /dev/mapper/d
mkdir mnt 'mnt 2'

# A mapped device on it; one further up that is suspended.
bedplate create on --table "0 8 linear /dev/mapper/d 0"
bedplate create up --table "0 8 linear /dev/mapper/on 0"
named mapped "mapped device 'on'"
bedplate suspend up
named above "mapped device 'up' further up, which is suspended"
bedplate suspend on
named mapped "mapped device 'on', which is suspended"
bedplate resume on
bedplate resume up
bedplate remove up on

# Mounts: here, with a blank in the path; in a namespace that nobody here sees.
mount /dev/mapper/d 'mnt 2'
named mount 'the mount on .*/mnt 2'
umount 'mnt 2'
started unshare --mount --propagation private sh -c 'mount /dev/mapper/d mnt && : > ready && exec sleep 60'
named mount "the mount on .*/mnt \(in the mount namespace of process $child: nsenter --mount --target $child\)"
expect_match "/mnt $child " bedplate holders -r --noheadings -o name,pid,kind /dev/mapper/d
ended

# A file, a directory, a loop device on a file, behind a mount that is gone.
mount /dev/mapper/d mnt
truncate -s 1M mnt/image
started sh -c 'exec 3> mnt/file && : > ready && exec sleep 60'
umount --lazy mnt
named file "a file that process sleep has open \($child, root: sleep 60\)"
ended
mount /dev/mapper/d mnt
started sh -c 'cd mnt && : > ../ready && exec sleep 60'
umount --lazy mnt
named file "a file that process sleep has open \($child, root: sleep 60\)"
ended
mount /dev/mapper/d mnt
loop=$(losetup -f --show mnt/image)
umount --lazy mnt
named loop-file "loop device ${loop#/dev/}, for a file on it"
losetup -d "$loop"

# The device itself: open, in a loop device, swapped to.
started sh -c 'exec 3< /dev/mapper/d && : > ready && exec sleep 60'
named process "process sleep \($child, root: sleep 60\)"
expect "sleep root sleep\\x2060" bedplate holders -r --noheadings -o name,user,command d
ended
loop=$(losetup -f --show /dev/mapper/d)
named loop "loop device ${loop#/dev/}"
losetup -d "$loop"
mkswap -q /dev/mapper/d
swapon /dev/mapper/d
named swap 'swap on /dev/'
swapoff /dev/mapper/d

# A part of an array, by which it is held before the array runs.
devno=$(bedplate info -c --noheadings -r -o major,minor d | tr ' ' ':')
modprobe md-mod 2> /dev/null || true
new=/sys/module/md_mod/parameters/new_array
if [ -w "$new" ]; then
	echo md_t > "$new"
	echo "$devno" > /sys/block/md_t/md/new_dev
	named raid 'RAID array md_t'
	echo clear > /sys/block/md_t/md/array_state
fi

# What bcache has in its care, before a cache is attached: a superblock of a backing device, made here.
modprobe bcache 2> /dev/null || true
if [ -w /sys/fs/bcache/register ] && command -v python3 > /dev/null; then
	python3 - /dev/mapper/d << 'END'
import struct, sys

magic = bytes.fromhex("c68573f64e1a45ca8265f57f48ba6d81")
body = struct.pack("<QQ16s16s16s32sQQ64sQHHHHIHH", 8, 1, magic, b"u" * 16, b"s" * 16, b"", 0, 0, b"", 0, 1, 0, 0, 0, 0, 0, 0)
crc = 2**64 - 1
for byte in body:
    crc ^= byte << 56
    for _ in range(8):
        crc = (crc << 1 ^ (crc >> 63) * 0x42F0E1EBA9EA3693) & 2**64 - 1
with open(sys.argv[1], "r+b") as device:
    device.seek(4096)
    device.write(struct.pack("<Q", crc ^ 2**64 - 1) + body)
END
	sync
	echo /dev/mapper/d > /sys/fs/bcache/register
	named bcache 'bcache device bcache'
	echo 1 > "/sys/dev/block/$devno/bcache/stop"
	for _ in $(seq 100); do
		bedplate holders -r --noheadings d 2> /dev/null | grep -q . || break
		sleep 0.05
	done
fi

# Errors of others: a table of one device, of two; metadata tools; a fresh pool.
mkfs.ext2 -q -F /dev/mapper/d
mount /dev/mapper/d mnt
for table in "0 8 linear /dev/mapper/d 0" "0 8 linear $DISK1 0
8 8 linear /dev/mapper/d 0"; do
	expect_fail 1 "used by the mount on .*/mnt" bedplate create --no-check bad --table "$table"
done
expect_fail 1 "used by the mount on .*/mnt" thin_check --clear-needs-check-flag /dev/mapper/d
expect_fail 1 "used by the mount on .*/mnt" thin_restore -i /dev/null -o /dev/mapper/d
expect_fail 1 "the mount on .*/mnt" \
	bedplate pool create p --metadata /dev/mapper/d --data "$DISK1" --wipe --yes
umount mnt
bedplate remove d

expect_fail 1 'no such mapped device' bedplate holders nobody
expect_fail 1 'not there|No such file' bedplate holders /dev/nobody
