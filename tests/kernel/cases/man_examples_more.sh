#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# limit: 90
# The examples of the pages for overlays, scopes and records of crashes run as they stand there, on the lab's disks;
# records are shorter, and tried at some points only.
. "$KERNEL_LIB"
command -v mkfs.ext4 > /dev/null || skip "no mkfs.ext4"
PATH=$(dirname "$BEDPLATE"):$PATH
export BEDPLATE_STATE_DIR=/run/more-scopes STORE_ACKS="$PWD/acks"
# try PAGE LEAST: its commands, over several lines too, of which there are at least so many.
try() {
	# shellcheck disable=SC2016 # the marks of scdoc
	sed -n '/^# EXAMPLES/,/^# SEE/{/^```/,/^```/p;}' "$(dirname "$KERNEL_LIB")/../../man/$1.8.scd" |
		sed "/^\`\`\`/d; s/^[\$#] //; s|/dev/sdb|$DISK0|g; s/put 100/put 1/; s/crash check/& --points 6/" > examples
	[ "$(grep -c '^bedplate' examples)" -ge "$2" ] || fail "$1: the page has too few examples"
	sh -eux ./examples > said 2>&1 || fail "$1: an example failed" "$(cat said)"
	expect "" bedplate ls -q
	expect "" losetup -a
	expect "" bedplate scope list --noheadings -q
}
mkfs.ext4 -q -b 4096 "$DISK0" 64M
try bedplate-overlay 2
cat > test.sh << 'END'
#!/bin/sh
[ -b "$1" ] && bedplate info --noheadings -r -o targets "$1" | grep -x delay
END
chmod +x test.sh
try bedplate-scope 3
cp "$(dirname "$KERNEL_LIB")/../../examples/fault/store" .
# What the example for one's own store looks at: no record is broken off.
printf '#!/bin/sh\n! grep -v "^record [0-9]*$"\n' > verify
chmod +x verify
try bedplate-crash 3
[ "$(grep -c '^good: ' said)" -eq 2 ] || fail "$(cat said)"
