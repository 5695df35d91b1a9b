#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# limit: 120
# Metadata of eras: what the kernel writes is sound, the lists of blocks written are those that were,
# from a metadata snapshot of a target in use as well, and the kernel accepts what is restored.
. "$KERNEL_LIB"
BLOCKS=2000 # of 32 KiB

setup() {
	dmsetup create meta --table "0 8192 linear $DISK1 0"
	dmsetup create spare --table "0 8192 linear $DISK1 8192"
	dmsetup create slow --table "0 $((BLOCKS * 64)) linear $DISK0 0"
	dd if=/dev/zero of=/dev/mapper/meta bs=4096 count=1 oflag=direct status=none
}
era() {
	dmsetup create tracked --table "0 $((BLOCKS * 64)) era /dev/mapper/$1 /dev/mapper/slow 64"
}
# put BEGIN END: write to these blocks.
put() {
	dd if=/dev/urandom of=/dev/mapper/tracked bs=32K seek="$1" count=$(($2 - $1)) oflag=direct \
		conv=notrunc status=none
}
agree() {
	bedplate era_check --strict "$1" || fail "our check of $1"
	if [ -x /usr/sbin/era_check ]; then
		/usr/sbin/era_check -q "$1" || fail "the reference's check of $1"
	fi
}
# since ERA METADATA OPTION...: as lines of "begin end".
since() {
	since_era=$1
	shift
	bedplate era_invalidate --written-since "$since_era" "$@" |
		sed -n 's/.*<range begin="\([0-9]*\)" end="\([0-9]*\)".*/\1-\2/p; s/.*<block block="\([0-9]*\)".*/\1/p' |
		tr '\n' ' '
}

setup
era meta
put 10 20
dmsetup message tracked 0 checkpoint
put 15 17
put 100 110
dmsetup message tracked 0 checkpoint
put 1999 2000

# In use: through a metadata snapshot, which begins another era.
dmsetup message tracked 0 take_metadata_snap
put 500 501
same 'since 1' "$(since 1 -m /dev/mapper/meta)" '10-20 100-110 1999 '
same 'since 2' "$(since 2 -m /dev/mapper/meta)" '15-17 100-110 1999 '
same 'since 3' "$(since 3 -m /dev/mapper/meta)" '1999 '
same 'since 4' "$(since 4 -m /dev/mapper/meta)" ''

# Cut at this moment: what was written last is in the current writeset only.
dd if=/dev/mapper/meta of=cut bs=1M iflag=direct status=none
bedplate era_check --strict cut
same 'since 4, after a crash' "$(since 4 cut)" '500 '
same 'since 2, after a crash' "$(since 2 cut)" '15-17 100-110 500 1999 '

# A clean shutdown, the snapshot held.
dmsetup remove tracked
agree /dev/mapper/meta
same 'since 2, shut down' "$(since 2 /dev/mapper/meta)" '15-17 100-110 500 1999 '
bedplate era_dump -o xml /dev/mapper/meta
bedplate era_restore -i xml -o /dev/mapper/spare
agree /dev/mapper/spare
same 'since 2, restored' "$(since 2 /dev/mapper/spare)" '15-17 100-110 500 1999 '

# And used again, from what was restored; then repaired, and used again.
era spare
put 600 603
dmsetup remove tracked
agree /dev/mapper/spare
same 'since 5' "$(since 5 /dev/mapper/spare)" '600-603 '
bedplate era_repair -i /dev/mapper/spare -o /dev/mapper/meta
agree /dev/mapper/meta
same 'since 2, repaired' "$(since 2 /dev/mapper/meta)" '15-17 100-110 500 600-603 1999 '
era meta
dmsetup message tracked 0 checkpoint
dmsetup remove tracked
agree /dev/mapper/meta

# What the generator makes the kernel takes, and digests.
bedplate era_generate_metadata --format --block-size 64 --nr-blocks $BLOCKS --current-era 9 \
	--nr-writesets 3 -o /dev/mapper/meta
agree /dev/mapper/meta
was=$(since 8 /dev/mapper/meta)
era meta
sleep 1
dmsetup remove tracked
agree /dev/mapper/meta
same 'since 8, digested' "$(since 8 /dev/mapper/meta)" "$was"
