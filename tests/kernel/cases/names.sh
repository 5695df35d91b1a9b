#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Names with blanks and bytes beyond ASCII: nodes as udev would name them, plain in our output.
. "$KERNEL_LIB"
node() {
	for path in /dev/mapper/*; do
		[ "$path" = /dev/mapper/control ] || basename "$path"
	done
}

bedplate create 'a b' zero --size 8
expect 'a\x20b' node
expect '0 8 zero' bedplate table 'a b'
expect '0 8 zero' bedplate table 'a\x20b'
expect '0 8 zero' bedplate table '/dev/mapper/a\x20b'
expect '0 8 zero' bedplate table 254:0
expect 'a b' bedplate info --noheadings -o name 254:0
expect '0 8 zero ' dmsetup table 'a b'
bedplate rename 'a b' 'größe/2' 2> err && fail "a slash was taken"
bedplate rename 'a b' 'größe'
expect 'gr\xc3\xb6\xc3\x9fe' node
expect 'größe' env LC_ALL=C.UTF-8 bedplate info --noheadings -o name 254:0
bedplate remove 'größe'

# What dmsetup makes, we read; a name that udev could not use is listed, and can be mended.
dmsetup create --manglename none 'odd name' --table '0 8 zero'
expect 'odd name' bedplate ls --noheadings -o kernel-name
bedplate mangle 'odd name'
expect 'odd\x20name' bedplate ls --noheadings -o kernel-name
expect 'odd name' bedplate ls --noheadings -o name
expect 'odd\x20name' node
bedplate remove 'odd name'

# Longest names, and one byte more.
long=$(printf '%0127d' 0)
bedplate create "$long" zero --size 8
expect '0 8 zero' bedplate table "$long"
bedplate remove "$long"
expect_fail 1 'too long' bedplate create "${long}0" zero --size 8
