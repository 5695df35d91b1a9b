#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# limit: 120
# Disasters of a pool with snapshots that LVM made, each on the same disk put back as it was: what is
# told, a plan whose metadata is clean, LVM taking it by the lines as they are printed, and each volume
# as it was but for what is named as missing. Each disaster is a part; by default one of them is run,
# with BEDPLATE_DISASTERS=all (or their names) others too, which takes minutes.
# shellcheck disable=SC2317,SC2034 # disasters are called by their names, their variables are of rescue.sh
. "$KERNEL_LIB"
. "${KERNEL_LIB%lib.sh}rescue.sh"

ALL="leaf nodes behind ahead needs_check leaks maps start removed removed_only pool_removed labels renamed made_anew reused undelete two_hosts
	metadata_full data_full no_room mirror missing luks_below luks_above"
disasters=${BEDPLATE_DISASTERS:-labels}
[ "$disasters" != all ] || disasters=$ALL

# --- the disk: metadata in two segments, a volume with two snapshots of different ages, one more ---
make_plain() {
	lvm_sees "$DISK0"
	wipe "$DISK0" "$MIB"
	pvcreate -q "$DISK0"
	vgcreate -q -s 1M vg "$DISK0"
	lvcreate -q -L 20M -T vg/pool -c 64k --poolmetadatasize 2M
	lvcreate -q -V 12M -T vg/pool -n a
	fill a 64
	fill a 40 140
	lvcreate -q -s -kn -n s1 vg/a
	fill a 8 4
	lvcreate -q -s -kn -n s2 vg/a
	lvcreate -q -V 4M -T vg/pool -n b
	fill b 20
	lvcreate -q -L 1M -n between vg # the metadata gets a second segment
	lvextend -q --poolmetadatasize +1M vg/pool
	remember a s1 s2 b
	vgchange -q -an vg
	vgcfgbackup -q -f text vg
	copy_of "$DISK0" disk.was
	disks=$DISK0
	places_of pool_tmeta > places
	same "segments of the metadata" "$(wc -l < places)" 2
	truncate -s 3M meta.was
	take meta.was places
	thin_check -q --strict meta.was
}
begin() {
	dmsetup remove_all > /dev/null 2>&1 || true # what one that failed has left
	disks=$DISK0 volumes="a s1 s2 b" anything=
	[ -e disk.was ] || make_plain
	lvm_sees "$DISK0"
	put disk.was "$DISK0"
	cp meta.was meta
}
# A leaf that two volumes share is lost: nothing else is.
leaf() {
	begin
	mapping_root=$(bedplate inspect meta | sed -n 's/^mapping root: //p')
	leaf=$(bedplate inspect meta "$mapping_root" | sed -n 's/^  device 1 -> root in block //p')
	same "the leaf of the snapshot" "$(bedplate inspect meta "$mapping_root" |
		sed -n 's/^  device 3 -> root in block //p')" "$leaf"
	zero_block "$leaf"
	give meta places
	refused 'Manual repair required'
	plan
	same "the trouble" "$(kinds)" nodes
	same "what is whole" "$(whole)" "s1 b"
	exported
	swapped
}

# Some nodes, at random.
nodes() {
	for seed in 1 2 3 4; do
		begin
		thin_generate_damage -q -o meta --what any --how noise --nr-blocks $((1 + seed)) --seed "$seed"
		give meta places
		! thin_check -q meta || continue # what nobody uses
		plan
		anything=1 exported
		swapped
	done
}

# The roots of the superblock are of the past, LVM is two transactions ahead.
behind() {
	begin
	bedplate thin_dump meta | sed '1s/transaction="4"/transaction="2"/' > dump.xml
	bedplate -q thin_restore -i dump.xml -o meta
	give meta places
	refused 'transaction_id is 2, while expected 4'
	plan
	same "the trouble" "$(kinds)" transaction-behind
	same "the transaction" "$(thin_check --json new.meta | jq .data.superblock.transaction_id)" 4
	exported
	swapped
}

# An older text of LVM was restored.
ahead() {
	begin
	bedplate thin_dump meta | sed '1s/transaction="4"/transaction="7"/' > dump.xml
	bedplate -q thin_restore -i dump.xml -o meta
	give meta places
	refused 'transaction_id is 7, while expected 4'
	plan
	same "the trouble" "$(kinds)" transaction-ahead
	same "the transaction" "$(thin_check --json new.meta | jq .data.superblock.transaction_id)" 4
	exported
	swapped
}

needs_check() {
	begin
	python3 "$PATCH" meta sb 4 4 1
	give meta places
	plan
	same "the trouble" "$(kinds)" needs-check
	same "what it loses" "$(jq -r '.data.plans[0].loses' said.json)" nothing
	exported
	swapped
}

leaks() {
	begin
	thin_generate_damage -q -o meta --create-metadata-leaks --nr-blocks 7 --expected 0 --actual 1
	give meta places
	plan
	same "the trouble" "$(kinds)" leaks
	exported
	swapped
}

# Space maps only.
maps() {
	begin
	thin_generate_damage -q -o meta --what data-bitmap --nr-blocks 1
	give meta places
	refused 'Manual repair required'
	plan
	same "the trouble" "$(kinds)" space-maps
	same "what it loses" "$(jq -r '.data.plans[0].loses' said.json)" nothing
	exported
	swapped
}

# The beginning of the metadata, and the first MiB of the disk, where label and LVM's text are.
start() {
	begin
	dd if=/dev/urandom of=meta bs=4096 count=5 conv=notrunc status=none
	give meta places
	refused 'Manual repair required'
	plan
	expect_match overwritten kinds
	anything=1 exported
	swapped
	begin
	dd if=/dev/urandom of=meta bs=4096 count=5 conv=notrunc status=none
	give meta places
	dd if=/dev/urandom of="$DISK0" bs=1M count=1 conv=notrunc oflag=direct status=none
	plan --lvm-backup text
	expect_match overwritten kinds
	anything=1 exported --lvm-backup text
	swapped
}

# The group is removed by force, the superblock is lost, only a text is left.
removed() {
	begin
	zero_block 0
	give meta places
	vgremove -q -y -ff vg
	plan --lvm-backup text
	same "the trouble" "$(kinds)" superblock
	exported --lvm-backup text
	swapped
}

# No text is left but those in the ring of the disk itself; then pvcreate was run on it as well.
removed_only() {
	for again in no yes; do
		begin
		zero_block 0
		give meta places
		vgremove -q -y -ff vg
		if [ "$again" = yes ]; then
			pvcreate -q -y -ff "$DISK0"
		fi
		plan
		same "the trouble" "$(kinds)" superblock
		exported
		swapped
	done
}

# The pool alone was removed, the group has another volume.
pool_removed() {
	begin
	zero_block 0
	give meta places
	lvremove -q -y -ff vg/pool
	plan
	grep -q '^# this takes all of vg back' lines || fail "$(cat lines)"
	exported
	swapped
}

# The same with labels and metadata areas zeroed.
labels() {
	begin
	zero_block 0
	give meta places
	wipe "$DISK0" 1
	plan --lvm-backup text
	same "the trouble" "$(kinds)" superblock
	exported --lvm-backup text
	swapped
}

# The group has another name now; the old one still leads to it.
renamed() {
	begin
	vgrename -q vg fresh
	bedplate export vg/b --pv "$DISK0" --to b.img 2> err > /dev/null
	grep -q 'vg/b was renamed: it is fresh/b now' err || fail "$(cat err)"
	cmp b.was b.img
}

# Another group is made where one was removed: the old volumes are read by their old names.
made_anew() {
	begin
	vgremove -q -y -ff vg
	vgcreate -q -s 1M other "$DISK0"
	bedplate rescue vg/pool --pv "$DISK0" > page 2> err || cat page
	grep -q 'another was made on a disk of it' err || fail "$(cat err)"
	exported
	lvcreate -q -Zn -Wn -L 2M -n first other # over the beginning of the old data
	vgchange -q -an other
	exported
	# LVM has the old group back when the new one is gone.
	zero_block 0
	give meta places
	plan
	expect_match "^# another group is on the disks of vg" cat lines
	sed -n '/^dd/{p;q}' lines | sh -e
	vgremove -q -y -ff other
	sed -i '1,/^dd/d' lines
	swapped
}

# A volume is removed, its number is used again, and some of its blocks.
reused() {
	begin
	vgchange -q -ay vg
	lvremove -q -y vg/b
	lvcreate -q -V 4M -T vg/pool -n again
	fill again 12
	remember again
	vgchange -q -an vg
	same "the number" "$(lvs --noheadings -o thin_id vg/again | tr -d ' ')" 4
	before=$(disk)
	bedplate --json undelete vg/pool b --pv "$DISK0" -o reused.meta --export b.img > said.json || true
	same "the disk" "$(disk)" "$before"
	clean reused.meta
	jq -r .data.next said.json > lines
	cat lines
	# shellcheck disable=SC2086
	jq -r '.data.missing[] | [.begin_block, .length_blocks] | @tsv' said.json | while read -r at length; do
		for file in b.was b.img; do
			dd if=/dev/zero of="$file" bs=64k seek="$at" count="$length" conv=notrunc status=none
		done
	done
	cmp b.was b.img
	sh -e lines
	cmp b.img /dev/mapper/undeleted
	vgchange -q -ay vg
	for name in a s1 s2 again; do cmp "$name.was" "/dev/vg/$name"; done
	bedplate remove undeleted
	vgchange -q -an vg
	rm b.was # changed
	rm disk.was
}

# A volume is removed and others are written to: what no other took is right, what was taken is named.
undelete() {
	tried=0
	for seed in $(seq "${BEDPLATE_SEED:-1}" $((${BEDPLATE_SEED:-1} + 7))); do
		begin
		vgchange -q -ay vg
		# The volume that goes, blocks that are written to one that is new, and to those that stay.
		python3 - "$seed" > work << 'END'
import random, sys
random.seed(int(sys.argv[1]))
gone = random.choice(["a", "s1", "s2", "b"])
print("lvremove -q -y vg/" + gone)
print("lvcreate -q -V 16M -T vg/pool -n new")
left, names = 188, [n for n in ["a", "s1", "s2", "b"] if n != gone] + ["new"] * 3
for _ in range(random.randrange(1, 12)):
    name = random.choice(names)
    count = min(random.randrange(1, 40), left)
    left -= count
    print("fill", name, count, random.randrange(0, 24 if name == "b" else 100))
    if not random.randrange(4) and not name.startswith("new_"):
        print(f"lvcreate -q -s -kn -n new_{_} vg/{name}")
print(gone, file=open("gone", "w"))
END
		cat work
		rm -f reused.meta back.img # of an earlier part
		gone=$(cat gone)
		# shellcheck disable=SC1091 # made just now
		. ./work
		vgchange -q -an vg
		status=0
		bedplate --json undelete vg/pool "$gone" --pv "$DISK0" -o reused.meta --export back.img > said.json 2>&1 ||
			status=$?
		# What was written since may have taken every old root: that is told, and nothing is made.
		if grep -q 'state of the pool that is left has a removed volume' said.json; then
			same "the status" "$status" 1
			[ ! -e reused.meta ] || fail "metadata without a state"
			[ ! -e back.img ] || fail "bytes without a state"
			continue
		fi
		tried=$((tried + 1))
		clean reused.meta
		rm -f reused.meta
		python3 - "$gone" << 'END'
import json, sys
data = json.load(open("said.json"))["data"]
was, now = open(sys.argv[1] + ".was", "rb").read(), open("back.img", "rb").read()
named = {b for m in data["missing"] for b in range(m["begin_block"], m["begin_block"] + m["length_blocks"])}
size = 65536
for b in range(len(was) // size):
    if b not in named and was[b * size:b * size + size] != now[b * size:b * size + size]:
        sys.exit(f"block {b} differs, and is not named")
    if b in named and any(now[b * size:b * size + size]):
        sys.exit(f"block {b} is named, and not zero")
print(sys.argv[1], "survives by", data["survival_percent"], "%, named blocks:", len(named))
END
		rm -f back.img
	done
	[ "$tried" -gt 0 ] || fail "no seed left a state"
}

# Two hosts had the pool active from one state on; each block of the metadata is of one of them.
two_hosts() {
	begin
	vgchange -q -ay vg
	fill b 10 30
	lvcreate -q -s -kn -n s3 vg/a
	fill a 4 10
	vgchange -q -an vg
	truncate -s 3M other
	take other places
	put disk.was "$DISK0"
	vgchange -q -ay vg
	fill s2 20 100
	fill b 4 40
	fill a 4 20
	vgchange -q -an vg
	truncate -s 3M mine
	take mine places
	for every in 2 3 5; do
		python3 - "$every" << 'END'
import sys
mine, other = open("mine", "rb").read(), open("other", "rb").read()
with open("meta", "wb") as out:
    for b in range(len(mine) // 4096):
        out.write((other if b % int(sys.argv[1]) == 1 else mine)[b * 4096:b * 4096 + 4096])
END
		give meta places
		copy_of "$DISK0" before.swap
		if thin_check -q meta; then continue; fi
		plan
		kinds
		anything=1 exported
		swapped
		put before.swap "$DISK0"
	done
}

# The metadata has no room left: the kernel itself met it.
metadata_full() {
	begin
	bedplate thin_dump meta > dump.xml
	python3 - << 'END' > more.xml
import re
text = open("dump.xml").read()
end = text.index("</superblock>")
blocks = "".join(f'<device dev_id="{i}" mapped_blocks="2" transaction="1" creation_time="0" snap_time="0">'
    '<range_mapping origin_begin="0" data_begin="0" length="2" time="0"/></device>\n' for i in range(1000, 1705))
print(text[:end] + blocks + text[end:])
END
	bedplate -q thin_restore -i more.xml -o meta
	give meta places
	vgchange -q -ay vg
	for i in 1 2 3 4 5 6 7 8; do
		lvcreate -q -s -kn -n "more$i" vg/a || break
		fill a 1 "$i" || break
		fill b 1 "$i" || break
		sync
	done
	dmsetup status vg-pool-tpool
	vgchange -q -an vg
	volumes="s1 s2"
	plan
	kinds
	expect_match metadata-full kinds
	exported
	swapped
}

# The data has no room left: nothing is to be mended, more of it is all.
data_full() {
	begin
	vgchange -q -ay vg
	lvchange -q --errorwhenfull y vg/pool
	lvcreate -q -V 30M -T vg/pool -n c
	! fill c 480 || fail "there was room"
	dmsetup status vg-pool-tpool
	vgchange -q -an vg
	bedplate --json rescue vg/pool --pv "$DISK0" > said.json || true
	expect_match data-full kinds
	exported
	cat said.json
	lvextend -q -L +2M vg/pool
	vgchange -q -ay vg
	fill c 20 400
	vgchange -q -an vg
}

# The group has no room for new metadata but that of LVM's own spare; and not even that.
no_room() {
	begin
	zero_block 0
	give meta places
	lvcreate -q -an -l 100%FREE -n all vg
	plan
	grep -q '^lvremove -y vg/lvol0_pmspare$' lines || fail "$(cat lines)"
	exported
	swapped
	begin
	zero_block 0
	give meta places
	lvremove -q -y vg/lvol0_pmspare
	lvcreate -q -an -l 100%FREE -n all vg
	plan
	grep -q "^# vg has not the room: 'vgextend vg DISK' with 3MiB or more first" lines || fail "$(cat lines)"
	expect_fail 5 'insufficient free space' sh -e lines
}

# Both legs of the metadata are damaged, at different blocks.
mirror() {
	lvm_sees "$DISK0" "$DISK1"
	disks="$DISK0 $DISK1" volumes="a s1" anything=
	wipe "$DISK0" "$MIB"
	wipe "$DISK1" "$MIB"
	pvcreate -q "$DISK0" "$DISK1"
	vgcreate -q -s 1M vg "$DISK0" "$DISK1"
	lvcreate -q -y -Wn -L 12M -n pool vg "$DISK0"
	lvcreate -q -y -Wn --type raid1 -m1 -L 2M -n held vg
	lvconvert -q -y --thinpool vg/pool --poolmetadata vg/held -c 64k
	lvcreate -q -V 4M -T vg/pool -n a
	fill a 40
	lvcreate -q -s -kn -n s1 vg/a
	fill a 4 4
	remember a s1
	vgchange -q -an vg
	truncate -s 2M meta
	places_of pool_tmeta_rimage_0 > first
	places_of pool_tmeta_rimage_1 > second
	take meta first
	leaf=$(bedplate inspect meta "$(bedplate inspect meta | sed -n 's/^mapping root: //p')" |
		sed -n 's/^  device 1 -> root in block //p')
	cp meta other
	zero_block "$leaf"
	give meta first
	zero_block 0 other
	give other second
	plan
	expect_match mirror kinds
	same "what it loses" "$(jq -r '.data.plans[0].loses' said.json)" nothing
	exported
	swapped
	rm -f disk.was
}

# A disk with a part of the data is missing, and a node of the metadata.
missing() {
	lvm_sees "$DISK0" "$DISK1"
	disks="$DISK0 $DISK1" volumes="a s1" anything=
	wipe "$DISK0" "$MIB"
	wipe "$DISK1" "$MIB"
	pvcreate -q "$DISK0" "$DISK1"
	vgcreate -q -s 1M vg "$DISK0" "$DISK1"
	lvcreate -q -y -Wn -L 2M -n pool vg "$DISK0"
	lvcreate -q -y -Wn -L 2M -n held vg "$DISK0"
	lvconvert -q -y --thinpool vg/pool --poolmetadata vg/held -c 64k
	lvextend -q -L +6M vg/pool "$DISK1"
	lvcreate -q -V 6M -T vg/pool -n a
	fill a 60
	lvcreate -q -s -kn -n s1 vg/a
	fill a 4 4
	remember a s1
	vgchange -q -an vg
	vgcfgbackup -q -f both vg
	truncate -s 2M meta
	places_of pool_tmeta > first
	take meta first
	zero_block 0
	give meta first
	copy_of "$DISK1" second.was
	wipe "$DISK1" "$MIB"
	lvm_sees "$DISK0"
	disks=$DISK0
	plan
	kinds
	cat lines
	exported
	expect_fail 2 'an empty disk of 48MiB|an empty disk of 1GiB' sh -e lines
	export SPARE1="$DISK1"
	lvm_sees "$DISK0" "$DISK1"
	swapped
}

# The disk is encrypted: told; opened it is as any other.
luks_below() {
	command -v cryptsetup > /dev/null || return 0
	begin
	zero_block 0
	give meta places
	copy_of "$DISK0" hurt
	rm -f disk.was
	echo key > key
	wipe "$DISK0" 8
	cryptsetup luksFormat -q --pbkdf pbkdf2 --pbkdf-force-iterations 1000 "$DISK0" key
	cryptsetup open --key-file key "$DISK0" clear
	dd if=hurt of=/dev/mapper/clear bs=1M oflag=direct status=none
	cryptsetup close clear
	expect_fail 1 'LUKS|encrypted' bedplate rescue "$DISK0"
	cryptsetup open --key-file key "$DISK0" clear
	disks=/dev/mapper/clear
	lvm_sees /dev/mapper/clear
	plan
	same "the trouble" "$(kinds)" superblock
	exported
	swapped
	cryptsetup close clear
}

# A volume is encrypted: its bytes are as good as any.
luks_above() {
	command -v cryptsetup > /dev/null || return 0
	begin
	vgchange -q -ay vg
	echo key > key
	lvcreate -q -V 6M -T vg/pool -n secret
	cryptsetup luksFormat -q --type luks1 --pbkdf-force-iterations 1000 /dev/vg/secret key
	remember secret
	vgchange -q -an vg
	take meta places
	zero_block 0
	give meta places
	volumes="a secret"
	plan
	exported
	cryptsetup open --test-passphrase --key-file key secret.img
	swapped
}

# shellcheck disable=SC2086 # names
run_disasters $disasters
