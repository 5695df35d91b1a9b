#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# limit: 200
# Snapshots of a group are of one instant: a writer that writes each number to the first volume, then to
# the second, is found either between both writes or behind them, in every group.
. "$KERNEL_LIB"
wipe "$DISK0"
bedplate pool create pool --metadata "$DISK0" --data "$DISK1"
bedplate pool thin pool first 8M > ids
bedplate pool thin pool second 8M >> ids
put /dev/mapper/first 0 0
put /dev/mapper/second 0 0

expect_fail 64 "'first' has none" bedplate pool snapshot-group pool first
expect_fail 1 'named twice' bedplate pool snapshot-group pool first a first b
expect_match '^would suspend second' bedplate pool snapshot-group -n pool first a second b

cat > writer << 'END'
#!/bin/sh
. "$KERNEL_LIB"
n=1
while [ ! -e stop ]; do
	put /dev/mapper/first 0 $n
	put /dev/mapper/second 0 $n
	n=$((n + 1))
done
END
chmod +x writer
./writer &
writer=$!
for round in 1 2 3 4 5; do
	bedplate pool snapshot-group --json pool first "f$round" second "s$round" > document
	f=$(get /dev/mapper/f$round 0) s=$(get /dev/mapper/s$round 0)
	[ "$f" -eq "$s" ] || [ "$f" -eq $((s + 1)) ] || fail "round $round: $f and $s are not of one instant"
done
[ "$f" -gt 0 ] || fail "nothing was written"
touch stop
wait "$writer"
"$(dirname "$KERNEL_LIB")/../lib/check-json" "$(command -v bedplate)" document || fail "not as declared"

# All or none: the second name is taken.
before=$(bedplate ls --noheadings | sort)
expect_fail 1 's1' bedplate pool snapshot-group pool first new second s1
same "devices" "$(bedplate ls --noheadings | sort)" "$before"
put /dev/mapper/first 0 on
put /dev/mapper/second 0 on
bedplate pool remove pool
thin_check "$DISK0"
expect 12 sh -c "thin_ls --no-headers -o DEV $DISK0 | wc -l"
