#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# limit: 90
# The blocks of docs/kernel.md run as they stand there, one after the other, and say what the page says of them.
. "$KERNEL_LIB"
PATH=$(dirname "$BEDPLATE"):$PATH
# shellcheck disable=SC2016 # the quotes of Markdown
sed -n '/^```sh/,/^```$/p' "$(dirname "$KERNEL_LIB")/../../docs/kernel.md" |
	sed "/^\`\`\`/d; s|/dev/sdb|$DISK0|g; s|/dev/sdc|$DISK1|g" > page
wipe "$DISK0"
[ "$(wc -l < page)" -ge 40 ] || fail "the page has too few examples"
sh -eu ./page > said 2>&1 || fail "an example failed:" "$(cat said)"
expect_match 'kernel: device-mapper: table: .* too small for target' cat said
expect_match '^refused ' cat said
expect_match 'next: make the data device larger' cat said
expect_match 'bad-sectors' cat said
expect_match 'bad checksum in btree node' cat said
expect_match '^good: 5 points tried' cat said
expect "" bedplate ls -q
