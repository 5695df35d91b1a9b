#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# limit: 120
# Disasters of groups that are more than one pool on one disk, as rescue_snapshots has them of one: pools that are
# taken for each other, volumes and pools that lie on others, metadata on its way from disk to disk, disks that
# are cut, shared out anew or without labels. Each is a part; by default one is run, all with BEDPLATE_DISASTERS=all.
# shellcheck disable=SC2317,SC2034 # disasters are called by their names, their variables are of rescue.sh
. "$KERNEL_LIB"
. "${KERNEL_LIB%lib.sh}rescue.sh"

ALL="superblock_of_other superblock_of_twin exchanged copied external cachevol cachepool moved cut_short legs partitioned two_labels thrice"
disasters=${BEDPLATE_DISASTERS:-two_labels}
[ "$disasters" != all ] || disasters=$ALL

volume_with_snapshot() { # POOL NAME BLOCKS
	lvcreate -q -V 6M -T "vg/$1" -n "$2"
	fill "$2" "$3"
	lvcreate -q -s -kn -n "$2s" "vg/$2"
	fill "$2" 4 10
}

# --- two pools, p and q, in one group ---
two_pools() { # CHUNK of q
	on "$DISK0"
	lvcreate -q -L 12M -T vg/p -c 64k --poolmetadatasize 2M
	lvcreate -q -L 12M -T vg/q -c "$1" --poolmetadatasize 2M
	volume_with_snapshot p a 40
	volume_with_snapshot q b 30
	volume_with_snapshot q c 20
	remember a as b bs c cs
	vgchange -q -an vg
	expect_fail 1 'vg/p.*vg/q|vg/q.*vg/p' bedplate rescue "$DISK0"
	metadata_of p
	metadata_of q
}
over_p() { # the superblock of q lies over that of p
	dd if=q.meta of=p.meta bs=4096 count=1 conv=notrunc status=none
	give p.meta p.places
	pool=p volumes="a as"
	plan
	same "what is whole" "$(whole)" "a as"
	same "the transaction" "$(thin_check --json new.meta | jq .data.superblock.transaction_id)" 2
	expect_match 'data_block_size="128"' bedplate thin_dump new.meta
	exported
	swapped
	pool=q volumes="b bs c cs"
	exported
}
superblock_of_other() {
	two_pools 128k
	over_p
}
superblock_of_twin() {
	two_pools 64k
	over_p
}
# Each has the other's metadata.
exchanged() {
	for chunk in 128k 64k; do
		two_pools "$chunk"
		give p.meta q.places
		give q.meta p.places
		for pool in p q; do
			volumes="a as"
			[ "$pool" = p ] || volumes="b bs c cs"
			plan
			same "the trouble" "$(kinds)" other-pool
			same "what is whole" "$(whole)" "$volumes"
			sed "s/new.meta/new.$pool/g; s/rescued/rescued_$pool/g; /^lvchange -ay/d" lines > "lines.$pool"
			cp new.meta "new.$pool"
			exported
		done
		cat lines.p lines.q > both
		cat both
		sh -e both
		echo : > lines
		for pool in p q; do
			volumes="a as"
			[ "$pool" = p ] || volumes="b bs c cs"
			swapped
		done
	done
}
# The metadata of one was made a copy of the other's: its own is nowhere.
copied() {
	two_pools 64k
	give q.meta p.places
	# shellcheck disable=SC2046
	bedplate --json rescue vg/p $(pvs_given) > said.json || true
	expect_match other-pool kinds
	same "plans" "$(jq '.data.plans | length' said.json)" 0
	# shellcheck disable=SC2046
	expect_fail 1 "that of another pool, q" bedplate export vg/p a $(pvs_given) --to a.img
	pool=q volumes="b bs c cs"
	exported
}

# --- what lies on something else ---

# Volumes on an external origin.
external() {
	on "$DISK0"
	lvcreate -q -y -Wn -L 4M -n base vg
	fill base 64
	lvchange -q -an vg/base
	lvchange -q -pr vg/base
	lvcreate -q -L 12M -T vg/pool -c 64k --poolmetadatasize 2M
	lvcreate -q -y -kn -s vg/base --thinpool vg/pool -n a
	fill a 8 4
	lvcreate -q -s -kn -n s1 vg/a
	fill a 4 20
	lvcreate -q -V 4M -T vg/pool -n b
	fill b 20
	volumes="a s1 b"
	# shellcheck disable=SC2086
	remember $volumes
	vgchange -q -an vg
	metadata_of pool
	zero_block 0 pool.meta
	give pool.meta pool.places
	plan
	same "the trouble" "$(kinds)" superblock
	same "what is whole" "$(whole)" "$volumes"
	exported
	swapped
}

# The pool's data has a cache with blocks that were not written back.
on_cache() { # OPTION that makes it
	lvcreate -q -L 12M -n pool -T vg/pool -c 64k --poolmetadatasize 2M "$DISK0"
	lvconvert -q -y --type cache "$1" vg/fast --cachemode writeback -c 64k vg/pool
	lvcreate -q -V 6M -T vg/pool -n a
	for round in 1 2 3; do fill a 40; done
	lvcreate -q -s -kn -n s1 vg/a
	fill a 8 4
	volumes="a s1"
	remember a s1
	dmsetup status vg-pool_tdata
	vgchange -q -an vg
	metadata_of pool
	zero_block 0 pool.meta
	give pool.meta pool.places
	plan
	same "the trouble" "$(kinds)" superblock
	exported
	swapped
}
cachevol() {
	on "$DISK0" "$DISK1"
	lvcreate -q -y -Wn -L 12M -n fast vg "$DISK1"
	on_cache --cachevol
}
cachepool() {
	on "$DISK0" "$DISK1"
	lvcreate -q -y --type cache-pool -L 10M -c 64k -n fast vg "$DISK1"
	on_cache --cachepool
}

# --- disks ---

# Metadata was half way from one disk to another when the machine stopped.
moved() {
	size=$(sectors "$DISK1")
	dmsetup remove_all > /dev/null 2>&1 || true
	dmsetup create slow --table "0 $size delay $DISK1 0 0 $DISK1 0 2000"
	disks="$DISK0 $DISK1" anything='' pool=pool
	wipe "$DISK0" "$MIB"
	wipe "$DISK1" "$MIB"
	lvm_sees "$DISK0" /dev/mapper/slow
	pvcreate -q "$DISK0" /dev/mapper/slow
	vgcreate -q -s 1M vg "$DISK0" /dev/mapper/slow
	lvcreate -q -L 12M -T vg/pool -c 64k --poolmetadatasize 2M "$DISK0"
	volume_with_snapshot pool a 40
	volumes="a as"
	remember a as
	pvmove -q -i 1 -n pool_tmeta "$DISK0" /dev/mapper/slow &
	moving=$!
	for try in $(seq 100); do
		dmsetup status vg-pvmove0 2> /dev/null | grep mirror && break
		sleep 0.1
	done
	copy_of "$DISK0" half0
	copy_of "$DISK1" half1
	wait "$moving"
	vgchange -q -an vg
	dmsetup remove slow
	put half0 "$DISK0"
	put half1 "$DISK1"
	lvm_sees "$DISK0" "$DISK1"
	places_of pool_tmeta > places
	truncate -s 2M meta
	take meta places
	thin_check -q --strict meta
	zero_block 0
	give meta places
	plan
	same "the trouble" "$(kinds)" superblock
	grep -q '^pvmove --abort$' lines || fail "$(cat lines)"
	exported
	swapped
}

# The copy of a disk ended too early: in the data, in the metadata.
cut_short() {
	on "$DISK0"
	lvcreate -q -y -Wn -L 2M -n held vg
	lvcreate -q -y -Wn -L 8M -n pool vg
	lvconvert -q -y --thinpool vg/pool --poolmetadata vg/held -c 64k
	volume_with_snapshot pool a 40
	volumes="a as"
	remember a as
	vgchange -q -an vg
	metadata_of pool
	copy_of "$DISK0" whole.img
	at=$(cut -f 1 pool.places)
	# In the data; behind all of the metadata that is in use; behind its first blocks.
	for size in $((4 << 20)) $(((at + 256) * 4096)) $(((at + 5) * 4096)); do
		cp whole.img cut.img
		truncate -s "$size" cut.img
		disks=cut.img
		bedplate rescue vg/pool --pv cut.img || true
		bedplate --json rescue vg/pool --pv cut.img > said.json || true
		expect_match missing-disk kinds
		if [ "$size" -ge $(((at + 256) * 4096)) ]; then
			same "what is whole" "$(whole)" "a as"
			exported
		fi
		if [ "$(jq '[.data.plans[] | select(.needs_bytes > 0)] | length' said.json)" -gt 0 ]; then
			rm -f new.meta
			bedplate -q rescue vg/pool --pv cut.img --apply A -o new.meta > lines || true
			clean new.meta
		fi
	done
}

# All legs of the metadata are damaged, in blocks of which one is bad on each.
legs() {
	on "$DISK0" "$DISK1"
	dmsetup create third --table "0 $((MIB * 2048)) linear $DISK1 $((64 * 2048))"
	wipe /dev/mapper/third "$MIB"
	lvm_sees "$DISK0" "$DISK1" /dev/mapper/third
	pvcreate -q /dev/mapper/third
	vgextend -q vg /dev/mapper/third
	disks="$DISK0 $DISK1 /dev/mapper/third"
	lvcreate -q -y -Wn -L 12M -n pool vg "$DISK0"
	lvcreate -q -y -Wn --type raid1 -m2 -L 2M -n held vg
	lvconvert -q -y --thinpool vg/pool --poolmetadata vg/held -c 64k
	volume_with_snapshot pool a 40
	lvcreate -q -V 4M -T vg/pool -n b
	fill b 20
	volumes="a as b"
	remember a as b
	vgchange -q -an vg
	for leg in 0 1 2; do
		places_of "pool_tmeta_rimage_$leg" > "leg$leg.places"
		truncate -s 2M "leg$leg"
		take "leg$leg" "leg$leg.places"
	done
	top=$(bedplate inspect leg0 | sed -n 's/^mapping root: //p')
	details=$(bedplate inspect leg0 | sed -n 's/^details root: //p')
	b=$(bedplate inspect leg0 "$top" | sed -n 's/^  device 3 -> root in block //p')
	zero_block 0 leg0
	zero_block "$top" leg0
	zero_block "$top" leg1
	zero_block "$details" leg2
	zero_block 0 leg2
	for leg in 0 1 2; do
		zero_block "$b" "leg$leg"
		give "leg$leg" "leg$leg.places"
	done
	plan
	expect_match mirror kinds
	same "what is whole" "$(whole)" "a as"
	exported
	swapped
}

# The group is removed, the disk shared out by a table of partitions, another group is in the first of them.
partitioned() {
	for label in kept lost; do
		on "$DISK0"
		lvcreate -q -y -Wn -L 6M -n before vg
		fill before 96
		lvcreate -q -L 12M -T vg/pool -c 64k --poolmetadatasize 2M
		volume_with_snapshot pool a 40
		volumes="a as"
		remember a as
		vgchange -q -an vg
		vgcfgbackup -q -f text vg
		vgremove -q -y -ff vg
		[ "$label" = kept ] || dd if=/dev/zero of="$DISK0" bs=4096 count=1 conv=notrunc oflag=direct status=none
		# One of 5 MiB at 1 MiB.
		printf '\000\000\000\000\216\000\000\000\000\010\000\000\000\050\000\000' > entry
		dd if="$DISK0" of=first bs=512 count=1 iflag=direct status=none
		dd if=entry of=first bs=1 seek=446 conv=notrunc status=none
		printf '\125\252' | dd of=first bs=1 seek=510 conv=notrunc status=none
		dd if=first of="$DISK0" bs=512 count=1 conv=notrunc oflag=direct status=none
		dmsetup create part --table "0 10240 linear $DISK0 2048"
		lvm_sees /dev/mapper/part
		pvcreate -q -y -ff /dev/mapper/part
		vgcreate -q -s 1M other /dev/mapper/part
		lvcreate -q -y -Wn -L 2M -n new other
		dd if=/dev/urandom of=/dev/other/new bs=1M count=2 status=none conv=fsync
		vgchange -q -an other
		dmsetup remove part
		[ "$label" = lost ] || exported
		exported --lvm-backup text
	done
}

# Labels and metadata areas of both disks of a group are lost; they are given in the wrong order.
two_labels() {
	on "$DISK0" "$DISK1"
	lvcreate -q -y -Wn -L 6M -n pool vg "$DISK0"
	lvcreate -q -y -Wn -L 2M -n held vg "$DISK1"
	lvconvert -q -y --thinpool vg/pool --poolmetadata vg/held -c 64k
	lvextend -q -L +6M vg/pool "$DISK1"
	lvcreate -q -V 12M -T vg/pool -n a
	fill a 150
	lvcreate -q -s -kn -n as vg/a
	fill a 4 10
	volumes="a as"
	remember a as
	vgchange -q -an vg
	vgcfgbackup -q -f text vg
	metadata_of pool
	zero_block 0 pool.meta
	give pool.meta pool.places
	wipe "$DISK0" 1
	wipe "$DISK1" 1
	disks="$DISK1 $DISK0"
	plan --lvm-backup text
	same "the trouble" "$(kinds)" superblock
	exported --lvm-backup text
	swapped
}

# A number is used again, and again: each of those that had it is known by its name.
thrice() {
	on "$DISK0"
	lvcreate -q -L 20M -T vg/pool -c 64k --poolmetadatasize 2M
	volume_with_snapshot pool a 20
	remember a as
	for name in first second third; do
		[ "$name" = first ] || lvremove -q -y "vg/$before"
		lvcreate -q -V 4M -T vg/pool -n "$name"
		fill "$name" 20
		remember "$name"
		same "the number" "$(lvs --noheadings -o thin_id "vg/$name" | tr -d ' ')" 3
		before=$name
	done
	vgchange -q -an vg
	for name in first second; do
		# Exit status 1: some blocks are others' now.
		bedplate --json undelete vg/pool "$name" --pv "$DISK0" --export "$name.img" > said.json || true
		[ -e "$name.img" ] || fail "$(cat said.json)"
		jq -r '.data.missing[] | [.begin_block, .length_blocks] | @tsv' said.json | while read -r at length; do
			for file in "$name.was" "$name.img"; do
				dd if=/dev/zero of="$file" bs=64k seek="$at" count="$length" conv=notrunc status=none
			done
		done
		cmp "$name.was" "$name.img"
		jq -c '[.data.survival_percent, .data.missing]' said.json
	done
	volumes="a as third"
	exported
}

# shellcheck disable=SC2086 # names
run_disasters $disasters
