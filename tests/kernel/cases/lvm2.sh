#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# limit: 300
# Debian's lvm2 with our tools as its executables: pools are checked at each activation, extended,
# repaired; a flag is cleared, damage is refused; a cache is made, checked and taken away again.
. "$KERNEL_LIB"
. "${KERNEL_LIB%lib.sh}lvm.sh"
lvm_sees "$DISK0" "$DISK1"

# Where a volume of the inactive group lies, by our own reader: file, block there, length, block in
# the volume; of 4096 bytes.
place() {
	bedplate --json export "vg/$1" --map --pv "$DISK0" --pv "$DISK1" | jq -r '.data[] |
		[.file, .file_offset_bytes / 4096, .length_bytes / 4096, .offset_bytes / 4096] | @tsv'
}
take() { # LV FILE
	place "$1" | while read -r disk at length first; do
		dd if="$disk" of="$2" bs=4096 skip="$at" count="$length" seek="$first" \
			conv=notrunc iflag=direct status=none
	done
}
give() { # LV FILE
	place "$1" | while read -r disk at length first; do
		dd if="$2" of="$disk" bs=4096 skip="$first" count="$length" seek="$at" \
			conv=notrunc oflag=direct status=none
	done
}
content() {
	head -c 20M "$1" | sha256sum
}

wipe "$DISK0"
wipe "$DISK1"
pvcreate -q "$DISK0" "$DISK1"
vgcreate -q -s 1M vg "$DISK0" "$DISK1"

# --- a pool through its life ---
lvcreate -q -L 200M -T vg/pool -c 64k
lvcreate -q -V 100M -T vg/pool -n a
dd if=/dev/urandom of=/dev/vg/a bs=1M count=20 conv=fsync status=none
a=$(content /dev/vg/a)
lvcreate -q -s -kn -n s vg/a
dd if=/dev/urandom of=/dev/vg/a bs=1M count=1 conv=notrunc,fsync status=none
new=$(content /dev/vg/a)
# More than s has: else nothing would tell the two apart once the list of roots is lost.
dd if=/dev/urandom of=/dev/vg/a bs=1M count=1 seek=40 conv=notrunc,fsync status=none
lvextend -q -L +50M vg/pool
lvextend -q --poolmetadatasize +4M vg/pool
vgchange -q -an vg
vgchange -q -ay vg
[ "$(content /dev/vg/s)" = "$a" ]
[ "$(content /dev/vg/a)" = "$new" ]
vgchange -q -an vg

# The inactive pool is read by its name, and its volumes are what they were when active.
bedplate thin_check vg/pool --pv "$DISK0" --pv "$DISK1" > /dev/null
bedplate export vg/pool s --pv "$DISK0" --pv "$DISK1" --to s.img > /dev/null
[ "$(content s.img)" = "$a" ]
rm s.img # this directory is in memory

# --- needs_check: LVM's call clears it ---
take pool_tmeta meta
thin_generate_metadata --set-needs-check -o meta > /dev/null
give pool_tmeta meta
vgchange -q -ay vg
vgchange -q -an vg
take pool_tmeta meta
thin_check meta > said 2>&1
! grep -q needs_check said

# --- repair of what is whole, and what it leaves ---
lvconvert -q -y --repair vg/pool
vgchange -q -ay vg
[ "$(content /dev/vg/s)" = "$a" ]
[ "$(content /dev/vg/a)" = "$new" ]
lvremove -q -y vg/pool_meta0
vgchange -q -an vg

# --- damage: refused, the pool stays off ---
take pool_tmeta meta
cp meta good
thin_generate_damage -q -o meta --what leaf --how flip --seed 1
give pool_tmeta meta
if vgchange -q -ay vg 2> refused; then
	echo "a damaged pool was activated"
	exit 1
fi
grep -q 'Check of pool vg/pool failed (status:1). Manual repair required!' refused
# A lost leaf is nothing that LVM may pass over in silence; a list of devices, a node and a space map cost nothing.
expect_fail 5 'Repair of thin metadata .* failed \(status:1\)' lvconvert -q -y --repair vg/pool
for what in mapping-root details-root inner data-bitmap; do
	cp good meta
	thin_generate_damage -q -o meta --what $what --how noise --seed 3
	give pool_tmeta meta
	if vgchange -q -ay vg 2> refused; then
		echo "a pool with damage of $what was activated"
		exit 1
	fi
	lvconvert -q -y --repair vg/pool
	vgchange -q -ay vg
	[ "$(content /dev/vg/s)" = "$a" ]
	[ "$(content /dev/vg/a)" = "$new" ]
	lvremove -q -y "$(lvs --noheadings -o vg_name,lv_name --separator / vg | tr -d ' ' | grep meta)"
	vgchange -q -an vg
done
give pool_tmeta good
vgchange -q -ay vg
[ "$(content /dev/vg/s)" = "$a" ]
vgchange -q -an vg
lvremove -q -y vg/pool
rm meta good

# --- a cache ---
lvcreate -q -L 100M -n slow vg "$DISK0"
dd if=/dev/urandom of=/dev/vg/slow bs=1M count=20 conv=fsync status=none
before=$(content /dev/vg/slow)
lvcreate -q -y --type cache-pool --cachemetadataformat 2 -L 32M -n fast vg "$DISK1"
lvconvert -q -y --type cache --cachepool vg/fast --cachemode writeback vg/slow
[ "$(content /dev/vg/slow)" = "$before" ]
vgchange -q -an vg
vgchange -q -ay vg
dd if=/dev/urandom of=/dev/vg/slow bs=64k count=32 conv=notrunc,fsync status=none
after=$(content /dev/vg/slow)
vgchange -q -an vg
bedplate export vg/slow --pv "$DISK0" --pv "$DISK1" --to slow.img > /dev/null
[ "$(content slow.img)" = "$after" ]
rm slow.img

# --- needs_check of a cache: LVM's call clears it ---
cmeta=$(lvs --noheadings -a -o lv_name vg | tr -d ' []' | grep cmeta)
take "$cmeta" meta
cache_generate_metadata --set-needs-check -o meta
give "$cmeta" meta
vgchange -q -ay vg
[ "$(content /dev/vg/slow)" = "$after" ]
vgchange -q -an vg
take "$cmeta" meta
cache_check --strict meta

# --- damage of a cache: refused; repaired, all that was written is there ---
cp meta good
for what in hint-root metadata-bitmap discard-root; do
	cp good meta
	cache_generate_damage -q -o meta --what $what --how noise --seed 3
	give "$cmeta" meta
	if vgchange -q -ay vg 2> refused; then
		echo "a cache with damage of $what was activated"
		exit 1
	fi
	grep -q 'Check of pool vg/fast.* failed (status:1). Manual repair required!' refused
	lvconvert -q -y --repair vg/slow
	vgchange -q -ay vg
	[ "$(content /dev/vg/slow)" = "$after" ]
	vgchange -q -an vg
	lvremove -q -y "$(lvs --noheadings -o vg_name,lv_name --separator / vg | tr -d ' ' | grep meta0)"
	cmeta=$(lvs --noheadings -a -o lv_name vg | tr -d ' []' | grep cmeta)
done
vgchange -q -ay vg
lvconvert -q -y --uncache vg/slow
[ "$(content /dev/vg/slow)" = "$after" ]
vgchange -q -an vg

# --- the other kinds of cache: made, used, checked at each activation; with damaged mappings refused,
# repaired, used again, taken away. Each block is as it was written then or, where it was dirty and its
# mapping is lost, as it was before; nothing is dirty in a cache that writes through.
lose_mappings() { # what of the kinds above is tried
	take "$cmeta" meta
	cache_generate_damage -q -o meta --what mappings --how zero --seed 1
	give "$cmeta" meta
	if vgchange -q -ay vg 2> refused; then
		echo "a cache with damaged mappings was activated: $1"
		exit 1
	fi
	grep -q 'Check of pool vg/fast.* failed (status:1). Manual repair required!' refused
	# Lost mappings are nothing that LVM may pass over in silence: who accepts that repairs by hand.
	expect_fail 5 'Repair of cache metadata .* failed \(status:1\)' lvconvert -q -y --repair vg/slow
	truncate -s "$(stat -c %s meta)" whole
	expect_fail 1 'lost: [0-9]+ cache blocks' cache_repair -i meta -o whole
	cache_check --strict whole
	give "$cmeta" whole
	rm whole
	vgchange -q -ay vg
}
each_block_of_either() { # BEFORE AFTER NOW
	python3 - "$@" << 'END'
import sys
before, after, now = (open(name, "rb").read() for name in sys.argv[1:])
for at in range(0, len(after), 65536):
    if now[at:at + 65536] not in (before[at:at + 65536], after[at:at + 65536]):
        sys.exit(f"block {at // 65536} is neither as it is nor as it was")
END
}
for kind in "1 writeback" "2 writethrough"; do
	version=${kind% *}
	lvcreate -q -y --type cache-pool --cachemetadataformat "$version" -L 32M -n fast vg "$DISK1"
	vgchange -q -ay vg
	head -c 4M /dev/vg/slow > before
	lvconvert -q -y --type cache --cachepool vg/fast --cachemode "${kind#* }" vg/slow
	dd if=/dev/urandom of=/dev/vg/slow bs=64k count=32 conv=notrunc,fsync status=none
	head -c 4M /dev/vg/slow > after
	vgchange -q -an vg
	vgchange -q -ay vg
	head -c 4M /dev/vg/slow | cmp - after
	vgchange -q -an vg
	cmeta=$(lvs --noheadings -a -o lv_name vg | tr -d ' []' | grep cmeta)
	take "$cmeta" meta
	same "version of the metadata" \
		"$(cache_check --json --strict meta | jq -r .data.superblock.version)" "$version"
	lose_mappings "$kind"
	head -c 4M /dev/vg/slow > now
	each_block_of_either before after now
	lvconvert -q -y --uncache vg/slow
	head -c 4M /dev/vg/slow | cmp - now
	[ "$kind" = "1 writeback" ] || cmp after now
done
rm -f before after now meta good
vgchange -q -an vg
vgremove -q -ff -y vg
