# shellcheck shell=sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# For cases with faults under a file system, after KERNEL_LIB: . "${KERNEL_LIB%lib.sh}fault.sh"
# The device is "d", mounted on m.
command -v mkfs.ext4 > /dev/null || skip "no mkfs.ext4"
modprobe loop 2> /dev/null || :
mkdir m state
f() { verb=$1 && shift && bedplate fault "$verb" --state state "$@"; }
# keep_table: its own is the one that it has now. own: it has that. until_own: within a minute, and nothing is kept.
keep_table() { table=$(dmsetup table d); }
own() {
	same "table" "$(dmsetup table d)" "$table"
	same "loaded and suspended" "$(dmsetup info -c --noheadings -o tables_loaded,suspended d)" "Live:Active"
}
until_own() {
	for _ in $(seq 120); do
		[ "$(dmsetup table d)" != "$table" ] || dmsetup info d | grep -q SUSPENDED || [ -n "$(f status -r --noheadings 2> /dev/null)" ] ||
			return 0
		sleep 0.5
	done
	own
	fail "a fault is left: $(f status)"
}
# A check that fails must not leave what would hold the lab's own umount back.
trap 'f heal --all > /dev/null 2>&1' EXIT
