# shellcheck shell=sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Disasters of pools that LVM made, for cases that say  . "${KERNEL_LIB%lib.sh}rescue.sh"  and then
# run_disasters NAME...: each is a function, and a part of the case. Of a pool there is told: disks, pool (in group vg),
# volumes; places of its metadata, which are damaged in a file and given back.
# shellcheck disable=SC2154 # cases say which disks and volumes
: "${disks=}" "${volumes=}"
. "${KERNEL_LIB%lib.sh}lvm.sh"
# shellcheck disable=SC2034 # cases use it
PATCH=${KERNEL_LIB%lib.sh}thin_patch.py
REFERENCE=${BEDPLATE_REFERENCE:-/usr/sbin/thin_check}
MIB=48
pool=pool

fill() { # LV BLOCKS [FIRST]: blocks of 64 KiB
	dd if=/dev/urandom of="/dev/vg/$1" bs=64k count="$2" seek="${3:-0}" conv=notrunc,fsync status=none
}
copy_of() { # DISK FILE
	dd if="$1" of="$2" bs=1M count="$MIB" iflag=direct conv=sparse status=none
}
put() { # FILE DISK
	dd if="$1" of="$2" bs=1M oflag=direct status=none
}
disk() { # what must not change
	for image in $disks; do dd if="$image" bs=1M count="$MIB" iflag=direct status=none; done | sha256sum
}
pvs_given() { for image in $disks; do printf -- ' --pv %s' "$image"; done; }
# The pool's metadata as the disk has it, through LVM's text; and the other way round.
places_of() { # LV
	# shellcheck disable=SC2046
	bedplate --json export "vg/$1" --map $(pvs_given) | jq -r '.data[] |
		[.file_offset_bytes / 4096, .length_bytes / 4096, .offset_bytes / 4096, .file] | @tsv'
}
take() { # FILE PLACES
	while read -r at length first image; do
		dd if="$image" of="$1" bs=4096 skip="$at" count="$length" seek="$first" conv=notrunc \
			iflag=direct status=none
	done < "$2"
}
give() { # FILE PLACES
	while read -r at length first image; do
		dd if="$1" of="$image" bs=4096 skip="$first" count="$length" seek="$at" conv=notrunc \
			oflag=direct status=none
	done < "$2"
}
metadata_of() { # POOL [SIZE]: its places, and its bytes
	places_of "$1_tmeta" > "$1.places"
	truncate -s "${2:-2M}" "$1.meta"
	take "$1.meta" "$1.places"
	thin_check -q --strict "$1.meta"
}
on() { # DISK...: a group on these, with nothing in it yet
	dmsetup remove_all > /dev/null 2>&1 || true # what one that failed has left
	disks="$*" anything='' pool=pool
	lvm_sees "$@"
	for device in "$@"; do wipe "$device" "$MIB"; done
	pvcreate -q "$@"
	vgcreate -q -s 1M vg "$@"
}
zero_block() { # NUMBER FILE
	dd if=/dev/zero of="${2:-meta}" bs=4096 seek="$1" count=1 conv=notrunc status=none
}
kinds() {
	jq -r '[.data.troubles[].kind] | join(" ")' said.json
}
whole() {
	jq -r '[.data.volumes[] | select(.verdict == "whole") | .name] | join(" ")' said.json
}
# plan OPTION...: plan A is applied; the disks stay what they were
plan() {
	before=$(disk)
	rm -f new.meta
	# shellcheck disable=SC2046
	bedplate --json rescue "vg/$pool" $(pvs_given) "$@" --apply A -o new.meta > said.json || true
	same "the disk" "$(disk)" "$before"
	[ "$(jq -c .data.applied.clean said.json)" = true ] || cat said.json
	same "what is applied" "$(jq -c .data.applied.clean said.json)" true
	clean new.meta
	jq -r .data.applied.next said.json > lines
}
clean() { # METADATA, by both checks; the reference reads directly, which files in memory are not for
	thin_check -q --strict "$1"
	[ -x "$REFERENCE" ] || return 0
	dd if="$1" of="$DISK1" bs=1M seek=128 oflag=direct status=none
	dmsetup create checked --table "0 $(($(stat -c %s "$1") / 512)) linear $DISK1 $((128 * 2048))"
	"$REFERENCE" -q /dev/mapper/checked || fail "the reference's check of $1"
	dmsetup remove checked
}
# What can be had of each volume from the disk as it is now: equal to what it was, but for what is named.
exported() { # OPTION...
	for name in $volumes; do
		# shellcheck disable=SC2046
		bedplate -q export "vg/$pool" "$name" $(pvs_given) "$@" --skip-bad --to "$name.img" \
			> /dev/null 2>&1 || true # something may be missing
		# shellcheck disable=SC2046
		bedplate -q --json export "vg/$pool" "$name" $(pvs_given) "$@" --map > "$name.json" || true # doubtful
	done
	# shellcheck disable=SC2086
	[ -n "${anything:-}" ] || python3 - $volumes << 'END'
import json, sys
for name in sys.argv[1:]:
    was, now = open(name + ".was", "rb").read(), open(name + ".img", "rb").read()
    missing = bytearray(len(was) // 4096)
    for r in json.load(open(name + ".json"))["data"]:
        if r["kind"] != "missing":
            continue
        begin, length = r["offset_bytes"] // 4096, r["length_bytes"] // 4096
        missing[begin:begin + length] = b"\1" * length
    if len(was) != len(now):
        sys.exit(f"{name}: {len(now)} bytes instead of {len(was)}")
    for i in range(len(was) // 4096):
        if not missing[i] and was[i * 4096:i * 4096 + 4096] != now[i * 4096:i * 4096 + 4096]:
            sys.exit(f"{name}: block {i} of 4096 differs, and is not named as missing")
    print(name, "missing:", sum(missing) * 4096)
END
}
# LVM takes the new metadata; each volume is what was exported: where bytes are missing both have zeros.
swapped() {
	cat lines
	sh -e lines
	vgchange -q -ay vg
	for name in $volumes; do
		cmp "$name.img" "/dev/vg/$name" || fail "$name differs from its export"
	done
	for name in $volumes; do
		dd if=/dev/urandom of="/dev/vg/$name" bs=64k count=2 conv=notrunc,fsync status=none
	done
	vgchange -q -an vg
	# shellcheck disable=SC2046
	bedplate thin_check -q "vg/$pool" $(pvs_given)
}
remember() { # LV...
	for name in "$@"; do
		dd if="/dev/vg/$name" of="$name.was" bs=64k conv=sparse status=none
		truncate -s "$(blockdev --getsize64 "/dev/vg/$name")" "$name.was"
	done
}

# refused WHY: LVM does not activate the pool
refused() {
	expect_fail 5 "$1" lvchange -ay "vg/$pool"
	vgchange -q -an vg
}
run_disasters() {
	failed=0
	for disaster in "$@"; do
		echo "## $disaster"
		set +e
		(set -e && "$disaster")
		rc=$?
		set -e
		if [ "$rc" -eq 0 ]; then
			echo "ok - $disaster"
		else
			echo "not ok - $disaster"
			failed=1
		fi
	done
	exit $failed
}
