#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# limit: 360
# Disasters of pools that LVM made, and the way out: volumes removed, blocks given away since, a
# group removed by force, metadata lost. The disk is read as a file; what comes out is compared, and
# LVM swaps the new metadata in by the lines that are printed.
. "$KERNEL_LIB"
. "${KERNEL_LIB%lib.sh}lvm.sh"
lvm_sees "$DISK0"

fill() { # LV BLOCKS [FIRST]: blocks of 64 KiB
	dd if=/dev/urandom of="/dev/vg/$1" bs=64k count="$2" seek="${3:-0}" conv=notrunc,fsync \
		status=none
}
hash() {
	sha256sum < "$1"
}
disk() {
	dd if="$DISK0" bs=1M count=48 iflag=direct status=none | sha256sum
}
# The lines that a document says are next, but for those that make devices.
swap_lines() {
	jq -r .data.next "$1" | grep -v '^bedplate'
}
# same_but FILE OTHER JSON: equal but for the blocks that the document names as missing.
same_but() {
	cp "$1" left
	cp "$2" right
	jq -r '.data.missing[] | [.begin_block, .length_blocks] | @tsv' "$3" |
		while read -r at length; do
			for file in left right; do
				dd if=/dev/zero of=$file bs=64k seek="$at" count="$length" \
					conv=notrunc status=none
			done
		done
	cmp left right || fail "$2 differs from $1 where nothing is missing"
}

wipe "$DISK0" 48
pvcreate -q "$DISK0"
vgcreate -q -s 1M vg "$DISK0"
lvcreate -q -L 24M -T vg/pool -c 64k --poolmetadatasize 2M
lvcreate -q -V 4M -T vg/pool -n keep
lvcreate -q -V 4M -T vg/pool -n gone
fill keep 20
fill gone 40
lvcreate -q -s -kn -n snap vg/gone
fill gone 4 2
fill gone 1 50
cat /dev/vg/gone > gone.was
cat /dev/vg/snap > snap.was
keep=$(hash /dev/vg/keep)

# --- a volume is removed, and nothing is written: all of it comes back ---
lvremove -q -y vg/gone
vgchange -q -an vg
before=$(disk)
bedplate --json undelete vg/pool gone --pv "$DISK0" -o new.meta --export gone.img > said.json
cmp gone.was gone.img
same "survival" "$(jq .data.survival_percent said.json)" 100
same "what is shared" "$(jq .data.shared_blocks said.json)" 36
same "the disk" "$(disk)" "$before"
thin_check -q new.meta

# LVM takes the metadata by the lines that were printed; both volumes write without harm.
swap_lines said.json > lines
sh -e lines
node=$(jq -r .data.next said.json | tail -n 1)
eval "$node"
cmp gone.was /dev/mapper/undeleted
lvchange -q -ay vg/keep vg/snap
dd if=/dev/urandom of=/dev/mapper/undeleted bs=64k count=40 conv=notrunc,fsync status=none
cmp snap.was /dev/vg/snap
same "the other volume" "$(hash /dev/vg/keep)" "$keep"
cat /dev/mapper/undeleted > gone.was
bedplate remove undeleted
vgchange -q -an vg
lvremove -q -y vg/rescued

# --- another pool: blocks of the removed volume are given away; those are named, the rest is right ---
lvremove -q -y vg/pool
lvcreate -q -L 16M -T vg/pool -c 64k --poolmetadatasize 2M
lvcreate -q -V 4M -T vg/pool -n keep
lvcreate -q -V 4M -T vg/pool -n gone
fill keep 20
fill gone 40
fill gone 4 2
cat /dev/vg/gone > gone.was
lvremove -q -y vg/gone
lvcreate -q -V 16M -T vg/pool -n new
fill new 215 # all that was free, and some of what the volume had
vgchange -q -an vg
before=$(disk)
rc=0
bedplate --json undelete vg/pool gone --pv "$DISK0" -o reused.meta --export reused.img \
	> said.json || rc=$?
same "the exit status" "$rc" 1
[ "$(jq .data.reused_blocks said.json)" -gt 0 ] || fail "nothing was given away"
[ "$(jq .data.reused_blocks said.json)" -lt 40 ] || fail "all was given away"
same_but gone.was reused.img said.json
same "the disk" "$(disk)" "$before"
thin_check -q reused.meta
# The new metadata has the rest of it: the present volumes are as they were.
bedplate thin_ls --no-headers -o DEV,MAPPED reused.meta > listed

expect_match '^ *1 +1280KiB' cat listed # 20 blocks
expect_match '^ *3 ' cat listed         # LVM used the number 2 again

# --- a superblock of zeros: LVM activates it, and the kernel makes an empty pool of it ---
vgchange -q -ay vg
keep=$(hash /dev/vg/keep)
new=$(hash /dev/vg/new)
vgchange -q -an vg
place=$(bedplate --json export vg/pool_tmeta --pv "$DISK0" --map | jq '.data[0].file_offset_bytes')
dd if=/dev/zero of="$DISK0" bs=4096 seek=$((place / 4096)) count=1 conv=notrunc oflag=direct status=none
expect_fail 5 'transaction_id is 0, while expected' lvchange -ay vg/pool
vgchange -q -an vg
rc=0
bedplate --json rescue vg/pool --pv "$DISK0" --apply A -o unformatted.meta > said.json || rc=$?
jq -r '[.data.troubles[].kind] | join(" ")' said.json | grep -q formatted || fail "$(cat said.json)"
same "the plan" "$(jq -r .data.plans[0].way said.json)" older
jq -r .data.applied.next said.json > lines
sh -e lines
vgchange -q -ay vg
same "a volume" "$(hash /dev/vg/keep)" "$keep"
same "the other" "$(hash /dev/vg/new)" "$new"

# --- the superblock is lost: LVM refuses the pool, a rebuild is swapped in, all reads as before ---
vgchange -q -an vg
lvremove -q -y vg/rescued
place=$(bedplate --json export vg/pool_tmeta --pv "$DISK0" --map | jq '.data[0].file_offset_bytes')
dd if=/dev/urandom of="$DISK0" bs=4096 seek=$((place / 4096)) count=1 conv=notrunc oflag=direct status=none
expect_fail 5 'Manual repair required' lvchange -ay vg/pool
before=$(disk)
rc=0
bedplate --json rescue vg/pool --pv "$DISK0" --apply A -o fixed.meta > said.json || rc=$?
same "the exit status" "$rc" 0
same "the trouble" "$(jq -r '[.data.troubles[].kind] | join(" ")' said.json)" superblock
same "what is applied" "$(jq -c .data.applied.clean said.json)" true
bedplate export vg/pool keep --pv "$DISK0" --to keep.img > /dev/null
same "the volume, read from the disk" "$(hash keep.img)" "$keep"
same "the disk" "$(disk)" "$before"
jq -r .data.applied.next said.json > lines
sh -e lines
vgchange -q -ay vg
same "a volume" "$(hash /dev/vg/keep)" "$keep"
same "the other" "$(hash /dev/vg/new)" "$new"
fill keep 3 7
keep=$(hash /dev/vg/keep)
# The pool is active now: it is looked at, and nothing is made of it.
expect_fail 1 in.use.on.this.machine bedplate rescue vg/pool --pv "$DISK0"
lvcreate -q -s -kn -n extra vg/keep
lvremove -q -y vg/extra
expect_fail 1 'the pool is active' bedplate undelete vg/pool extra --pv "$DISK0" -o active.meta
[ ! -e active.meta ] || fail "something was made of an active pool"

# --- the active pool itself: read through its metadata snapshot, which is released whatever happens ---
held() { dmsetup status vg-pool-tpool | awk '{ print $7 }'; }
# each_verb DIRECTORY OPTION...: what every verb that reads metadata says of the pool
each_verb() {
	mkdir "$1"
	into=$1
	shift
	thin_dump vg/pool "$@" > "$into/dump"
	thin_ls vg/pool "$@" > "$into/ls"
	thin_rmap --region 0..64 vg/pool "$@" > "$into/rmap"
	thin_delta --thin1 1 --thin2 2 vg/pool "$@" > "$into/delta"
	bedplate export vg/pool keep --to "$into/keep" "$@" > /dev/null 2>&1
	bedplate du vg/pool "$@" > "$into/du"
	bedplate --json map vg/pool "$@" | jq '.data' > "$into/map"
	bedplate --json rescue vg/pool "$@" 2> /dev/null | jq -S '.data | [.volumes, .block_bytes]' > "$into/rescue"
	bedplate --json history vg/pool "$@" | jq '.data[0] | [.transaction_id, .devices]' > "$into/history"
}
each_verb active
same "the metadata snapshot" "$(held)" -
expect_fail 0 '^$|TRANSACTION' thin_check vg/pool
expect_fail 1 'through|of its metadata snapshot' bedplate rescue vg/pool
expect_fail 1 'the pool is active' bedplate rescue vg/pool --apply A -o active.meta
expect_fail 1 'the pool is active' bedplate undelete vg/pool extra -o active.meta
for name in vg-pool-tpool /dev/mapper/vg-pool-tpool vg/pool_tmeta; do
	thin_ls "$name" | cmp - active/ls
done
bedplate --json history /dev/mapper/vg-pool_tmeta | jq '.data[0] | [.transaction_id, .devices]' | cmp - active/history
expect_fail 1 'in use|busy' thin_ls /dev/mapper/vg-pool_tmeta # a path keeps the drop-in's contract
# What is read from the disks below it, by --pv, is said to be perhaps half written.
{ thin_dump vg/pool --pv "$DISK0" 2>&1 > below || true; } | grep -q 'half written'
same "the metadata snapshot" "$(held)" -
[ ! -e active.meta ] || fail "something was made of an active pool"

# begin: an export that waits for its reader, while the snapshot is reserved
mkfifo pipe
exec 3<> pipe
begin() {
	# a shell's background job ignores SIGINT
	env --default-signal=INT bedplate export vg/pool keep --to - >&3 2> /dev/null 3>&- &
	job=$!
	until [ "$(held)" != - ]; do sleep 0.05; done
}
for signal in TERM INT; do
	begin
	kill -s $signal $job
	rc=0
	wait $job || rc=$?
	[ "$rc" -gt 128 ] || fail "SIG$signal: it ended with $rc"
	same "the metadata snapshot after SIG$signal" "$(held)" -
done
begin
kill -s KILL $job
wait $job || true
[ "$(held)" != - ] || fail "nobody could have released it"
block=$(held)
expect_fail 0 'release-metadata-snap vg-pool-tpool' bedplate history vg/pool
same "a snapshot of somebody else" "$(held)" "$block"
bedplate pool release-metadata-snap vg-pool-tpool > /dev/null
same "the metadata snapshot" "$(held)" -
exec 3>&-
vgchange -q -an vg
each_verb inactive --pv "$DISK0"
diff -r active inactive || fail "an active pool reads otherwise"
vgchange -q -ay vg

# --- the group is removed by force, inactive: pool and volumes are found by their old names ---
lvremove -q -y vg/rescued vg/pool
lvcreate -q -L 16M -T vg/pool -c 64k --poolmetadatasize 2M
lvcreate -q -V 4M -T vg/pool -n other
lvcreate -q -V 4M -T vg/pool -n keep
for at in 0 10 20; do
	fill other 10 $at
	fill keep 10 $at
done
keep=$(hash /dev/vg/keep)
vgchange -q -an vg
vgremove -q -y -f vg
before=$(disk)
bedplate export vg/pool keep --pv "$DISK0" --to keep.img > /dev/null
same "what was in the volume" "$(hash keep.img)" "$keep"
same "the disk" "$(disk)" "$before"

# --- a volume on an external origin: what was never written to it is not taken for zeros ---
wipe "$DISK0" 48
pvcreate -q "$DISK0"
vgcreate -q -s 1M vg "$DISK0"
lvcreate -q -L 24M -T vg/pool -c 64k --poolmetadatasize 2M
lvcreate -q -L 2M -n base vg
fill base 32
lvchange -q -an -pr vg/base
lvcreate -q -s --thinpool vg/pool -n over vg/base
fill over 3 5
lvremove -q -y vg/over
vgchange -q -an vg
bedplate --json undelete vg/pool over --pv "$DISK0" --export over.img > said.json
expect_match '^true$' jq '.warnings | map(test("external origin .base.")) | any' said.json
expect_match '^true$' jq '.data.mapped_blocks == 3' said.json
