#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# limit: 240
# The record of a toy store: a missing fsync is found on mounted images, with the write that came too late. That
# a right store passes at every point tests/kernel/test-sqlite shows, without a kernel.
. "$KERNEL_LIB"
command -v mkfs.ext4 > /dev/null || skip "no mkfs.ext4"
cp "$(dirname "$KERNEL_LIB")/../../examples/fault/store" .
export BEDPLATE_STATE_DIR=/run/crash-scopes STORE_ACKS="$PWD/acks"
nothing_left() {
	expect "" bedplate ls -q
	expect "" losetup -a
	expect "" bedplate scope list --noheadings -q
	expect "" ls images
}
mkdir images

# Wrong: told without fsync. What was written behind the mark is named, and whose it is.
expect_match '^[0-9]+ entries recorded; .*status: 0$' bedplate crash record -o bad.log --size 8M -- ./store forget 1
nothing_left
expect_match '^ *[0-9]+ mark +1$' bedplate crash show bad.log --noheadings -o entry,kind,mark
bedplate crash check bad.log --mount --verify './store verify' --work-dir images > out &&
	fail "a missing fsync was not found: $(cat out)"
grep -q '^bad: the power gone after [0-9]* of [0-9]* entries, after mark 1: verify ended with 1$' out || fail "$(cat out)"
grep -q '^record 1 is lost$' out || fail "$(cat out)"
grep -q '^  late .*  /db$' out || fail "$(cat out)"
grep -q '^why: /db came too late: is an fsync missing' out || fail "$(cat out)"
nothing_left

expect_fail 1 'nothing is recorded here' bedplate crash mark x
expect_fail 1 'it is none' bedplate crash show store
