#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# limit: 120
# Metadata of a cache under load, cut off at any moment, and after a clean shutdown: with all policies and
# modes that the kernel has, in both versions. Our check and the reference's agree, dumps are equal, and the
# kernel takes what was cut.
#
# The device below the metadata is suspended without flushing: no write gets through any more, wherever the
# kernel is. What lies there is what a reboot would find.
#
# CASE_SEED, CASE_CUTS, CASE_ALL: other moments, more of them, and all combinations (by hand).
. "$KERNEL_LIB"
ORIGIN_BLOCKS=1500 FAST_BLOCKS=256 # of 32 KiB
seed=${CASE_SEED:-1} cuts=${CASE_CUTS:-1}

setup() {
	dmsetup create meta --table "0 2048 linear $DISK1 0"
	dmsetup create cut --table "0 2048 linear $DISK1 2048"
	dmsetup create fast --table "0 $((FAST_BLOCKS * 64)) linear $DISK1 65536"
	dmsetup create slow --table "0 $((ORIGIN_BLOCKS * 64)) linear $DISK0 0"
}
cache() { # METADATA POLICY FEATURE...
	cache_meta=$1 cache_policy=$2
	shift 2
	dmsetup create cached --table "0 $((ORIGIN_BLOCKS * 64)) cache /dev/mapper/$cache_meta \
		/dev/mapper/fast /dev/mapper/slow 64 $# $* $cache_policy 0"
}
load() {
	for load_at in $((seed * 37 % 1200)) $((seed * 91 % 1200)) $((seed * 53 % 1200)); do
		dd if=/dev/urandom of=/dev/mapper/cached bs=32K count=60 seek="$load_at" oflag=direct \
			conv=notrunc status=none
		blkdiscard -o $((load_at * 32768)) -l $((20 * 32768)) /dev/mapper/cached
	done
}
freeze() {
	dmsetup suspend --noflush --nolockfs meta
	dd if="$DISK1" of="$DISK1" bs=1M count=1 seek=1 conv=notrunc iflag=direct oflag=direct status=none
	dmsetup resume meta
}
agree() { # METADATA WHAT OPTION
	bedplate cache_check -v "$3" "$1" 2> said || fail "$2: our check: $(cat said)"
	bedplate cache_dump -o ours.xml "$1" 2> /dev/null
	# Before the first commit there are no cache blocks: "missing mappings [1, 0]" to 0.9.0.
	if [ -x /usr/sbin/cache_check ] && ! grep -q ' nr_cache_blocks="0"' ours.xml; then
		/usr/sbin/cache_check -q "$1" || fail "$2: the reference's check"
		/usr/sbin/cache_dump -o theirs.xml "$1"
		# 0.9.0 ends with a newline, and mixes up dirty bits of version 2 behind unmapped blocks.
		{ cat ours.xml && echo; } | sed 's/ dirty="[a-z]*"//' > alike.xml
		sed -i 's/ dirty="[a-z]*"//' theirs.xml
		cmp -s alike.xml theirs.xml || fail "$2: $(diff alike.xml theirs.xml | head -n 9)"
	fi
}

setup
mapped=0 differ=0
: > last
for version in 1 2; do
	wipe /dev/mapper/meta 1
	for mode in writethrough passthrough writeback; do
		for policy in smq mq cleaner; do
			what="version $version, $mode, $policy"
			# One of each: version 2 when it has most to write sees all policies.
			case $policy${CASE_ALL:-},$version$mode in
			smq,* | *,2writeback | *1,*) ;;
			*) continue ;;
			esac
			[ $version -eq 1 ] && features=$mode || features="metadata2 $mode"
			# A kernel without the policy has said so before anything is written.
			# shellcheck disable=SC2086
			cache meta $policy $features 2> /dev/null || {
				[ $policy = cleaner ] || fail "$what: can't be made"
				continue
			}
			n=0
			while [ $n -lt "$cuts" ]; do
				n=$((n + 1))
				seed=$((seed + 1))
				load &
				worker=$!
				sleep 0.$(((seed * 7 + n * 13) % 4))
				freeze
				wait $worker
				agree /dev/mapper/cut "$what, cut" --verbose
				grep -q 'not shut down cleanly' said || fail "$what, cut: $(cat said)"
				cmp -s ours.xml last || differ=$((differ + 1))
				mv ours.xml last
			done
			dmsetup remove cached
			agree /dev/mapper/meta "$what, shut down" --strict
			mapped=$((mapped + $(grep -c '<mapping ' ours.xml)))

			# What was cut is taken: writeback, as all is dirty; and ends clean.
			case $mode in
			writeback)
				# shellcheck disable=SC2086
				cache cut $policy $features
				dmsetup remove cached
				agree /dev/mapper/cut "$what, cut and used" --strict
				;;
			esac
		done
	done
done
# How far a load gets is the machine's: that it gets anywhere is not.
[ $mapped -gt 0 ] || fail "no block was mapped"
[ $differ -gt 0 ] || fail "all cuts found the same"
echo "$mapped mapped, $differ cuts differ"
