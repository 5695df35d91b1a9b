#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# A table that the kernel refuses leaves nothing behind; its error has the kernel's line.
. "$KERNEL_LIB"

bad() {
	pattern=$1
	shift
	expect_fail 1 "$pattern" bedplate create bad --no-check --table "$@"
	expect "" bedplate ls -q
	[ ! -e /dev/mapper/bad ] || fail "a node is left"
}
bad 'kernel: .*too small for target' "0 8 linear $DISK0 99999999999"
bad 'kernel: .*[Gg]ap in table' '0 8 zero
16 8 zero'
bad 'kernel: .*unknown target type' '0 8 nosuch'
bad 'kernel: .*Device lookup failed' '0 8 linear /dev/nowhere 0'
# What earlier commands caused is not told again.
said=$(bedplate create bad --no-check --table '0 8 nosuch' 2>&1 || true)
case $said in
*'too small'* | *'lookup failed'*) fail "an earlier failure is told of:" "$said" ;;
esac
bad 'segment 0 \(linear\): argument 2 \(offset_sectors\)' "0 8 linear $DISK0 -1"
bad 'kernel: .*zero-length' '0 0 zero'

# The second of two devices with one name.
bedplate create one zero --size 8
expect_fail 1 'taken|exists' bedplate create one zero --size 8
expect_match "the name is that of .one." sh -c 'bedplate create one zero --size 8 2>&1 || true'
expect_fail 1 'taken|exists' bedplate create two zero --size 8 --minor 0
expect "0 8 zero" bedplate table one

# A live device keeps its table when the new one is refused.
expect_fail 1 'kernel: .*too small' bedplate reload --no-check one --table "0 8 linear $DISK0 99999999999"
expect "0 8 zero" bedplate table one
expect no bedplate info -r --noheadings -o inactive-table one
