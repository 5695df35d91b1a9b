#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# limit: 300
# Programs that run dmsetup through a shell and parse it: every call of such an API gives the same with
# our dmsetup, and our metadata tools beside it, in front in PATH.
. "$KERNEL_LIB"
command -v dmsetup > /dev/null || skip "no dmsetup"
command -v python3 > /dev/null || skip "no python3"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
ln -s "$FRONT" "$work/dmsetup"
export LC_ALL=C.UTF-8

python3 "$(dirname "$KERNEL_LIB")/dm_api.py" "$DISK0" > "$work/theirs" || fail "with dmsetup: $?"
same "what stays behind" "$(dmsetup ls)" "No devices found"
PATH=$work:$PATH python3 "$(dirname "$KERNEL_LIB")/dm_api.py" "$DISK0" > "$work/ours" ||
	fail "with ours: $?"
diff -U 0 "$work/theirs" "$work/ours" > "$work/difference" || fail "they differ:" "
$(cat "$work/difference")"
cat "$work/ours"
