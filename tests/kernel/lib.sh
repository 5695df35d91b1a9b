# shellcheck shell=sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# For kernel test cases:  . "$KERNEL_LIB"
# A command that fails ends the case; so does each check that doesn't hold, and says what it saw.
set -eu
# The program that is installed as dmsetup.
# shellcheck disable=SC2034 # cases use it
FRONT=$(dirname "$BEDPLATE")/front/dmsetup

fail() {
	echo "FAILED: $*" >&2
	exit 1
}

# skip WHY: this kernel or machine can't run the case.
skip() {
	echo "$*"
	exit 77
}

# expect TEXT CMD...: the command succeeds and prints exactly TEXT.
expect() {
	expect_text=$1
	shift
	expect_got=$("$@") || fail "'$*' ended with $?"
	[ "$expect_got" = "$expect_text" ] ||
		fail "'$*' printed" "
$expect_got
instead of
$expect_text"
}

# expect_match PATTERN CMD...: it succeeds, and a line of its output matches the pattern (grep -E).
expect_match() {
	expect_text=$1
	shift
	expect_got=$("$@") || fail "'$*' ended with $?"
	printf '%s\n' "$expect_got" | grep -qE -e "$expect_text" ||
		fail "'$*' printed no line like '$expect_text':" "
$expect_got"
}

# expect_fail STATUS PATTERN CMD...: it ends with STATUS, and a line of both outputs matches.
expect_fail() {
	expect_status=$1 expect_text=$2
	shift 2
	expect_rc=0
	expect_got=$("$@" 2>&1) || expect_rc=$?
	[ "$expect_rc" -eq "$expect_status" ] ||
		fail "'$*' ended with $expect_rc instead of $expect_status:" "
$expect_got"
	printf '%s\n' "$expect_got" | grep -qE -e "$expect_text" ||
		fail "'$*' printed no line like '$expect_text':" "
$expect_got"
}

# same WHAT GOT WANTED
same() {
	[ "$2" = "$3" ] || fail "$1 is '$2' instead of '$3'"
}

# expect_kernel PATTERN: the kernel logged a line like this since the last clear_kernel_log.
clear_kernel_log() {
	echo "lab: cleared" > /dev/kmsg
}
expect_kernel() {
	dmesg | awk '/lab: cleared$/ { n = 0; next } { line[n++] = $0 }
		END { for (i = 0; i < n; i++) print line[i] }' | grep -qE -e "$1" ||
		fail "the kernel logged no line like '$1'"
}

# The two scratch disks of the guest, and their sizes in sectors.
# shellcheck disable=SC2034
DISK0=${LAB_DISK0:?not in the lab} DISK1=${LAB_DISK1:?not in the lab}
sectors() { blockdev --getsz "$1"; }

# wipe DEVICE [MIB]: zero its beginning (default 4 MiB), where old metadata would lie.
wipe() {
	[ -b "$1" ] || fail "$1 is no block device"
	dd if=/dev/zero of="$1" bs=1M count="${2:-4}" conv=notrunc oflag=direct status=none
}

# put DEVICE SECTOR TEXT; get DEVICE SECTOR: one sector that begins with TEXT.
put() {
	[ -b "$1" ] || fail "$1 is no block device"
	printf '%s' "$3" | dd of="$1" bs=512 seek="$2" conv=notrunc,sync oflag=direct status=none
}
get() {
	dd if="$1" bs=512 skip="$2" count=1 iflag=direct status=none | tr -d '\000'
}
