# shellcheck shell=sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# For cases that hold the front beside the program it stands in for, after KERNEL_LIB:
# . "${KERNEL_LIB%lib.sh}front.sh". $THEIRS is that program, $WORK/bin has ours by its name.
# shellcheck disable=SC2034
THEIRS=$(command -v dmsetup) || skip "no dmsetup"
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
mkdir "$WORK/bin"
ln -s "$FRONT" "$WORK/bin/dmsetup"
export LC_ALL=C.UTF-8
