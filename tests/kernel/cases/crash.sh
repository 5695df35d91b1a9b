#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# limit: 240
# Records of a toy store: a missing fsync is found, with the write that came too late; a right store
# passes at every point.
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
nothing_left

# Right: each record is there at each point. Without a mount: only files are touched.
cat > verify << 'END'
[ -z "$BEDPLATE_CRASH_MARK" ] || debugfs -R "cat /db" "$BEDPLATE_CRASH_IMAGE" 2> /dev/null | grep -qx "record $BEDPLATE_CRASH_MARK"
END
bedplate crash record -o good.log --size 8M -- ./store put 1 > out
# shellcheck disable=SC2016 # for the shell of the check
fsck='f() { e2fsck -fp "$1" || [ $? = 1 ]; }; f' # 1: it had a journal to replay
bedplate crash check good.log --fsck "$fsck" --verify 'sh ./verify' --points 6 --work-dir images --json > out ||
	fail "$(cat out)"
grep -q '"bad": false' out || fail "$(cat out)"
! command -v python3 > /dev/null ||
	"$(dirname "$KERNEL_LIB")/../lib/check-json" "$(command -v bedplate)" out || fail "the document is not as declared"
nothing_left

expect_fail 1 'nothing is recorded here' bedplate crash mark x
expect_fail 1 'it is none' bedplate crash show store
