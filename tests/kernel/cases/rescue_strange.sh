#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# limit: 120
# Disasters beside those of rescue_snapshots and rescue_groups: what was written over a disk, metadata in pieces and in several
# states. Each is a part; by default one is run, all with BEDPLATE_DISASTERS=all.
# shellcheck disable=SC2317,SC2034 # disasters are called by their names, their variables are of rescue.sh
. "$KERNEL_LIB"
. "${KERNEL_LIB%lib.sh}rescue.sh"

ALL="mkfs_over other_disk half_missing stale_leg lost_origin extended repaired_before"
disasters=${BEDPLATE_DISASTERS:-mkfs_over}
[ "$disasters" != all ] || disasters=$ALL

volumes_of() { # POOL
	lvcreate -q -V 6M -T "vg/$1" -n a
	fill a 40
	lvcreate -q -s -kn -n as vg/a
	fill a 4 10
	volumes="a as"
	remember a as
}
# What was written over the disk is not metadata's to know: only what is said to be missing differs.
trouble() {
	kinds
	jq -c '[.data.volumes[] | [.name, .verdict, .intact_dblocks, .mapped_dblocks]]' said.json
}

# mkfs, and a few files, over the beginning of a disk: label, metadata areas, the first blocks of the pool's metadata.
mkfs_over() {
	on "$DISK0"
	lvcreate -q -y -Wn -L 2M -n held vg
	lvcreate -q -y -Wn -L 12M -n pool vg
	lvconvert -q -y --thinpool vg/pool --poolmetadata vg/held -c 64k
	volumes_of pool
	vgchange -q -an vg
	vgcfgbackup -q -f text vg
	truncate -s 4M fs
	mkfs.ext4 -q -F -E lazy_itable_init=0 -O ^has_journal -N 256 fs
	dd if=fs of="$DISK0" bs=4096 count=$((256 + 4)) conv=notrunc oflag=direct status=none
	expect_match 'ext' bedplate probe "$DISK0"
	plan --lvm-backup text
	trouble
	exported --lvm-backup text
	swapped
}

# The first MiBs of another disk, with a group of its own, were copied over it.
other_disk() {
	on "$DISK1"
	vgrename -q vg other
	lvcreate -q -y -Wn -L 4M -n thick other
	vgchange -q -an other
	copy_of "$DISK1" other.img
	wipe "$DISK1" "$MIB"
	on "$DISK0"
	lvcreate -q -y -Wn -L 4M -n first vg
	lvcreate -q -L 12M -T vg/pool -c 64k --poolmetadatasize 2M
	volumes_of pool
	vgchange -q -an vg
	vgcfgbackup -q -f text vg
	dd if=other.img of="$DISK0" bs=1M count=4 conv=notrunc oflag=direct status=none
	expect_match 'other' bedplate probe "$DISK0"
	exported --lvm-backup text
	for name in $volumes; do cmp "$name.was" "$name.img"; done
	rm -f new.meta
	bedplate rescue vg/pool --pv "$DISK0" --lvm-backup text || true
}

# The metadata lies on two disks, and the second is gone.
half_missing() {
	on "$DISK0" "$DISK1"
	lvcreate -q -y -Wn -L 14M -n pool vg "$DISK0"
	lvcreate -q -y -Wn -L 1M -n held vg "$DISK0"
	lvextend -q -L +2M vg/held "$DISK1"
	lvconvert -q -y --thinpool vg/pool --poolmetadata vg/held -c 64k
	volumes_of pool
	vgchange -q -an vg
	disks=$DISK0
	plan
	trouble
	expect_match missing-disk kinds
	same "what is whole" "$(whole)" "a as"
	exported
	cat lines
}

# One leg of mirrored metadata is of an earlier time: all of it is sound.
stale_leg() {
	on "$DISK0" "$DISK1"
	lvcreate -q -y -Wn -L 12M -n pool vg "$DISK0"
	lvcreate -q -y -Wn --type raid1 -m1 -L 2M -n held vg
	lvconvert -q -y --thinpool vg/pool --poolmetadata vg/held -c 64k
	volumes_of pool
	vgchange -q -an vg
	for leg in 0 1; do places_of "pool_tmeta_rimage_$leg" > "leg$leg.places"; done
	for leg in 0 1; do
		truncate -s 2M stale
		take stale leg$leg.places
		vgchange -q -ay vg
		fill a 10 50
		lvcreate -q -s -kn -n "s$leg" vg/a
		fill a 3 20
		volumes="$volumes s$leg"
		# shellcheck disable=SC2086
		remember $volumes
		vgchange -q -an vg
		give stale leg$leg.places
		bedplate rescue vg/pool --pv "$DISK0" --pv "$DISK1" || true
		plan
		trouble
		expect_match mirror kinds
		exported
		swapped
		break
	done
}

# The external origin lies on a disk that is gone.
lost_origin() {
	on "$DISK0" "$DISK1"
	lvcreate -q -y -Wn -L 4M -n base vg "$DISK1"
	fill base 64
	lvchange -q -an vg/base
	lvchange -q -pr vg/base
	lvcreate -q -L 12M -T vg/pool -c 64k --poolmetadatasize 2M "$DISK0"
	lvcreate -q -y -kn -s vg/base --thinpool vg/pool -n a
	fill a 8 4
	lvcreate -q -V 4M -T vg/pool -n b
	fill b 20
	volumes="a b"
	remember a b
	vgchange -q -an vg
	metadata_of pool
	zero_block 0 pool.meta
	give pool.meta pool.places
	disks=$DISK0
	plan
	trouble
	expect_match missing-disk kinds
	exported
	cmp b.was b.img
	same "missing of a, in 4 KiB blocks" "$(jq '[.data[] | select(.kind == "missing") | .length_bytes] | add / 4096' a.json)" \
		$(((64 - 8) * 16))
}

# The metadata was extended, and what is behind its old end is used; then its beginning is lost.
extended() {
	on "$DISK0"
	lvcreate -q -L 12M -T vg/pool -c 64k --poolmetadatasize 2M
	volumes_of pool
	lvextend -q --poolmetadatasize +2M vg/pool
	lvcreate -q -s -kn -n later vg/a
	fill a 6 20
	volumes="a as later"
	remember a as later
	vgchange -q -an vg
	metadata_of pool 4M
	for lost in superblock both; do
		[ "$lost" = superblock ] || zero_block "$(bedplate inspect pool.meta.was | sed -n 's/^mapping root: //p')" pool.meta
		cp pool.meta pool.meta.was
		zero_block 0 pool.meta
		give pool.meta pool.places
		plan
		trouble
		same "size of the new metadata" "$(stat -c %s new.meta)" "$((4 << 20))"
		# Of the newest tree of roots only zeros are left: what an older one says is no more than a guess.
		if [ "$lost" = both ]; then
			same "what is whole" "$(whole)" ""
			anything=1
		else
			same "what is whole" "$(whole)" "a as later"
		fi
		exported
	done
	swapped
}

# LVM has repaired it once; what it kept of that time is older than the pool, and the pool is damaged anew.
repaired_before() {
	on "$DISK0"
	lvcreate -q -L 12M -T vg/pool -c 64k --poolmetadatasize 2M
	volumes_of pool
	vgchange -q -an vg
	lvconvert -q -y --repair vg/pool
	lvs -a vg
	vgchange -q -ay vg
	lvcreate -q -s -kn -n later vg/a
	fill a 6 20
	volumes="a as later"
	remember a as later
	vgchange -q -an vg
	metadata_of pool
	zero_block "$(bedplate inspect pool.meta | sed -n 's/^mapping root: //p')" pool.meta
	zero_block 0 pool.meta
	give pool.meta pool.places
	plan
	trouble
	same "what is whole" "$(whole)" ""
	anything=1 exported
	bedplate rescue vg/pool_meta0 --pv "$DISK0" || true
	bedplate --json rescue vg/pool_meta0 --pv "$DISK0" > meta0.json || true
	same "volumes of the old metadata" "$(jq -c '[.data.volumes[] | [.id, .verdict]]' meta0.json)" '[[1,"whole"],[2,"whole"]]'
	swapped
}

# shellcheck disable=SC2086 # names
run_disasters $disasters
