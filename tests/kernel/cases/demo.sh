#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# What `make demo` shows runs to its end, and leaves no device behind.
. "$KERNEL_LIB"

# A copy of the books is made, so they are as small as in the demo; wiped, as nodes of earlier pools
# would be looked at too.
wipe "$DISK0" 16
wipe "$DISK1"
bedplate create books linear --device "$DISK0" --size 16MiB
LAB_DISK0=/dev/mapper/books DEMO_WORK=$PWD/demo "$(dirname "$KERNEL_LIB")/../../scripts/demo-guest" > out 2>&1 ||
	fail "it ended with $?" "$(cat out)"
same "what is left" "$(bedplate ls --noheadings -o name)" books
