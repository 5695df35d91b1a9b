#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# A pool whose needs_check flag is set is read-only to the kernel; with the flag cleared, whichever
# way we do that, it is writable. Where something is fatally wrong the flag stays.
# limit: 90
. "$KERNEL_LIB"
. "${KERNEL_LIB%lib.sh}thin.sh"

metadata meta 0 4
image() {
	xz -dc "$THIN_DATA/$1.img.xz" | dd of=/dev/mapper/meta bs=1M 2> /dev/null
}
image thin-needs-check
clear_kernel_log
pool meta
expect_match ' ro .* needs_check ' dmsetup status pool
expect_kernel 'read-only'
expect_match '^Needs check: +yes$' bedplate pool status pool
dmsetup remove pool

ways="--clear-needs-check-flag
-q --clear-needs-check-flag --skip-mappings
--clear-needs-check-flag --super-block-only
--clear-needs-check-flag --ignore-non-fatal-errors
--auto-repair"
echo "$ways" | while read -r way; do
	image thin-needs-check
	# shellcheck disable=SC2086
	bedplate thin_check $way /dev/mapper/meta || fail "thin_check $way"
	agree /dev/mapper/meta
	pool meta
	expect_match ' rw .* - ' dmsetup status pool
	thin 1 2
	no_pool 1 2
done

# Leaked blocks are given back first; what is fatal keeps the flag.
image thin-data-leak
bedplate thin_check -q --auto-repair /dev/mapper/meta
agree /dev/mapper/meta
pool meta
expect_match ' 326/16384 ' dmsetup status pool
dmsetup remove pool
image thin-data-ref-zero
expect_fail 1 'wrong reference count' bedplate thin_check --clear-needs-check-flag /dev/mapper/meta
expect_fail 1 'wrong reference count' bedplate thin_check --auto-repair /dev/mapper/meta
xz -dc "$THIN_DATA/thin-data-ref-zero.img.xz" | cmp - /dev/mapper/meta
