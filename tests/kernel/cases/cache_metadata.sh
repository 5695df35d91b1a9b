#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# limit: 300
# Metadata of caches: what the kernel writes, at a clean shutdown and at any other moment, is sound to
# our check and the reference's; what is restored, repaired and written back the kernel accepts, and
# no data is lost.
. "$KERNEL_LIB"
ORIGIN_BLOCKS=1500 FAST_BLOCKS=256 # of 32 KiB

setup() {
	dmsetup create meta --table "0 8192 linear $DISK1 0"
	dmsetup create spare --table "0 8192 linear $DISK1 8192"
	dmsetup create fast --table "0 $((FAST_BLOCKS * 64)) linear $DISK1 65536"
	dmsetup create slow --table "0 $((ORIGIN_BLOCKS * 64)) linear $DISK0 0"
}
fresh() {
	for device in meta fast slow; do
		dd if=/dev/zero of=/dev/mapper/$device bs=1M oflag=direct status=none 2> /dev/null || true
	done
}
# cache METADATA FEATURES...: policy smq.
cache() {
	cache_meta=$1
	shift
	dmsetup create cached --table "0 $((ORIGIN_BLOCKS * 64)) cache /dev/mapper/$cache_meta \
		/dev/mapper/fast /dev/mapper/slow 64 $# $* smq 0"
}
# put BLOCK...: new content for these, a whole block each, so that they are cached at once.
put() {
	for put_block in "$@"; do
		head -c 32768 /dev/urandom > block
		dd if=block of=/dev/mapper/cached bs=32K seek="$put_block" oflag=direct conv=notrunc \
			status=none
	done
}
# All that was written is to survive: so the mappings are committed.
flush() {
	dd if=block of=/dev/mapper/cached bs=32K count=1 oflag=direct conv=notrunc,fsync status=none
}
sum() {
	dd if="$1" bs=1M iflag=direct status=none | md5sum
}
dirty() {
	dmsetup status cached | awk '{ print $14 }'
}
agree() {
	bedplate cache_check --strict "$1" || fail "our check of $1"
	if [ -x /usr/sbin/cache_check ]; then
		/usr/sbin/cache_check -q "$1" || fail "the reference's check of $1"
	fi
}

setup
for features in "metadata2 writeback" "writeback" "metadata2 writethrough" "writethrough"; do
	fresh
	# shellcheck disable=SC2086
	cache meta $features
	# shellcheck disable=SC2046
	put $(seq 3 7 600) 1499
	flush
	was=$(sum /dev/mapper/cached)

	# Cut at this moment: copies of all three devices.
	for device in meta fast slow; do
		dd if=/dev/mapper/$device of=$device.cut bs=1M iflag=direct status=none
	done
	bedplate cache_check -v meta.cut 2> said || fail "our check after a crash: $(cat said)"
	dd if=meta.cut of=/dev/mapper/spare bs=1M oflag=direct status=none
	if [ -x /usr/sbin/cache_check ]; then
		/usr/sbin/cache_check -q /dev/mapper/spare || fail "the reference's check after a crash"
	fi
	grep -q 'not shut down cleanly' said
	bedplate cache_writeback -q --metadata-device meta.cut --fast-device fast.cut \
		--origin-device slow.cut
	same "$features: the origin after a crash and write back" "$(md5sum < slow.cut)" "$was"
	expect_match 'shut down cleanly' sh -c 'bedplate cache_check --strict -v meta.cut 2>&1'
	rm -f ./*.cut

	# A clean shutdown; dumped, restored to another device, and used from there.
	put 3 4 5 700 701
	was=$(sum /dev/mapper/cached)
	dmsetup remove cached
	agree /dev/mapper/meta
	bedplate cache_dump -o xml /dev/mapper/meta
	case $features in
	*metadata2*) version=2 ;;
	*) version=1 ;;
	esac
	bedplate cache_restore --metadata-version $version -i xml -o /dev/mapper/spare
	agree /dev/mapper/spare
	bedplate cache_dump /dev/mapper/spare | cmp - xml
	# shellcheck disable=SC2086
	cache spare $features
	same "$features: what is read with restored metadata" "$(sum /dev/mapper/cached)" "$was"
	dmsetup remove cached
	agree /dev/mapper/spare
	bedplate cache_repair -i /dev/mapper/spare -o /dev/mapper/meta
	agree /dev/mapper/meta

	# Written back, the origin alone has all; and the kernel sees no dirty block.
	bedplate cache_writeback --metadata-device /dev/mapper/meta --fast-device /dev/mapper/fast \
		--origin-device /dev/mapper/slow
	same "$features: the origin after write back" "$(sum /dev/mapper/slow)" "$was"
	agree /dev/mapper/meta
	# shellcheck disable=SC2086
	cache meta $features
	same "$features: dirty blocks" "$(dirty)" 0
	same "$features: what is read after write back" "$(sum /dev/mapper/cached)" "$was"

	# In use it is not to be touched.
	expect_fail 1 'busy|in use' bedplate cache_check --clear-needs-check-flag /dev/mapper/meta
	dmsetup remove cached
	expect "" bedplate cache_check -q --clear-needs-check-flag /dev/mapper/meta
done

# needs_check keeps the kernel from using it until the tool clears it.
bedplate cache_generate_metadata --set-needs-check -o /dev/mapper/meta
clear_kernel_log
if cache meta writethrough 2> /dev/null; then
	expect_match 'needs_check' dmsetup status cached
	dmsetup remove cached
fi
bedplate cache_generate_metadata --set-needs-check -o /dev/mapper/meta
expect "" bedplate cache_check -q --clear-needs-check-flag /dev/mapper/meta
cache meta writethrough
expect_match '^0 96000 cache ' dmsetup status cached
dmsetup remove cached

# What the generator makes the kernel takes.
bedplate cache_generate_metadata --format --cache-block-size 64 --nr-cache-blocks $FAST_BLOCKS \
	--nr-origin-blocks $ORIGIN_BLOCKS --percent-resident 60 -o /dev/mapper/meta
agree /dev/mapper/meta
cache meta metadata2 writeback
dmsetup remove cached
agree /dev/mapper/meta

# The reference count tree of a cache is empty: nothing of it is shared. An entry that no bitmap leads to
# is a remark: the kernel neither reads nor removes it, and goes on.
"${KERNEL_LIB%lib.sh}thin_patch.py" /dev/mapper/meta entry 5 7
stale='^remark: metadata space map: metadata block 5: the reference count tree has an entry'
expect_match "$stale" sh -c 'bedplate cache_check /dev/mapper/meta 2>&1'
cache meta metadata2 writeback
put 3 10 17
was=$(sum /dev/mapper/cached)
dmsetup remove cached
expect_match "$stale" sh -c 'bedplate cache_check /dev/mapper/meta 2>&1'
bedplate cache_check -q /dev/mapper/meta
cache meta metadata2 writeback
same "what is read over a count that nothing leads to" "$(sum /dev/mapper/cached)" "$was"
dmsetup remove cached

# Flags that nobody knows: of compat_flags and flags the kernel takes any, and keeps them, as it does a
# policy's name that is no text; compat_ro_flags it refuses.
patch() {
	"${KERNEL_LIB%lib.sh}thin_patch.py" /dev/mapper/meta "$@"
}
patch sb 244 4 0x80000001
patch sb 4 4 0x80000001
patch sb 44 1 0xff
expect_match '^remark: superblock: compat_flags' sh -c 'bedplate cache_check /dev/mapper/meta 2>&1'
expect_match '^remark: superblock: flags' sh -c 'bedplate cache_check /dev/mapper/meta 2>&1'
expect_match '^remark: superblock: policy_name' sh -c 'bedplate cache_check /dev/mapper/meta 2>&1'
expect "" bedplate cache_check -q --clear-needs-check-flag /dev/mapper/meta
cache meta metadata2 writeback
same "what is read over flags that nobody knows" "$(sum /dev/mapper/cached)" "$was"
put 11 12
was=$(sum /dev/mapper/cached)
dmsetup remove cached
expect "" bedplate cache_check -q --clear-needs-check-flag /dev/mapper/meta
cache meta metadata2 writeback
same "what is read over flags that nobody knows, again" "$(sum /dev/mapper/cached)" "$was"
dmsetup remove cached
patch sb 248 4 1
expect_fail 1 'compat_ro_flags is 1' bedplate cache_check --clear-needs-check-flag /dev/mapper/meta
clear_kernel_log
expect_fail 1 . cache meta metadata2 writeback
