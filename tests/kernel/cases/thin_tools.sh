#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Tools on what the kernel wrote: differences and copies of a live pool through its metadata
# snapshot, which only the caller reserves; then trimmed and shrunk, and all volumes read as before.
# limit: 300
. "$KERNEL_LIB"
. "${KERNEL_LIB%lib.sh}thin.sh"

wipe "$DISK1" 48 # nodes of earlier pools would be looked at too
metadata meta1 0 8
metadata meta2 8 8
pool meta1 4096
new_thin 0
dd if=/dev/urandom of=/dev/mapper/thin0 bs=1M count=48 2> /dev/null
new_thin 3
dd if=/dev/urandom of=/dev/mapper/thin3 bs=1M count=20 2> /dev/null
snapshot 1 0
load 7 60 10 0
snapshot 2 0
load 8 40 10 0 3

# Nothing is reserved by the tools themselves, and nothing of a live pool read without.
expect_fail 1 'no current metadata snap' bedplate thin_delta -m --thin1 1 --thin2 2 /dev/mapper/meta1
expect_fail 1 'busy|in use' bedplate thin_delta --thin1 1 --thin2 2 /dev/mapper/meta1
expect_fail 1 'busy|in use' bedplate thin_trim --metadata-dev /dev/mapper/meta1 --data-dev "$DISK0"
for tool in thin_dump thin_ls 'thin_rmap --region 0..4096'; do
	# shellcheck disable=SC2086
	{
		expect_fail 1 'no current metadata snap' bedplate $tool -m /dev/mapper/meta1
		expect_fail 1 'busy|in use' bedplate $tool /dev/mapper/meta1
	}
done
message reserve_metadata_snap
bedplate thin_delta -m --verbose --thin1 1 --thin2 2 /dev/mapper/meta1 > live.xml
grep -q '<different>' live.xml || fail 'no difference'
bedplate thin_rmap -m --region 0..4096 /dev/mapper/meta1 > live.rmap
bedplate thin_dump -m /dev/mapper/meta1 > live.dump
bedplate thin_ls -m --no-headers -o DEV /dev/mapper/meta1 > live.ls
same 'devices of the snapshot' "$(tr -d ' ' < live.ls | sort -n)" \
	"$(sed -n 's/.*<device dev_id="\([0-9]*\)".*/\1/p' live.dump | sort -n)"
same 'how many' "$(wc -l < live.ls)" 4
for id in 1 2; do
	dmsetup remove "thin$id"
	dmsetup create "thin$id" --readonly --table "0 131072 thin /dev/mapper/pool $id"
done
expect_fail 1 'not a read-only device' bedplate thin_migrate --source-dev /dev/mapper/thin0 --dest-file copy
bedplate thin_migrate -q --source-dev /dev/mapper/thin1 --dest-file copy
cmp copy /dev/mapper/thin1
bedplate thin_migrate -q --source-dev /dev/mapper/thin2 --delta-id 1 --dest-file copy
cmp copy /dev/mapper/thin2
rm copy
message 'create_thin 4'
thin 4
bedplate thin_migrate -q --source-dev /dev/mapper/thin2 --dest-dev /dev/mapper/thin4 --no-zero-dest
cmp /dev/mapper/thin4 /dev/mapper/thin2
message release_metadata_snap

# Free space between what is in use.
delete 3
before=$(sums 0 1 2 4)
no_pool 0 1 2 4
agree /dev/mapper/meta1
bedplate thin_delta --verbose --thin1 1 --thin2 2 /dev/mapper/meta1 > stopped.xml
same 'the differences' "$(tail -n +2 live.xml)" "$(tail -n +2 stopped.xml)"
bedplate thin_metadata_pack -i /dev/mapper/meta1 -o pack
bedplate thin_metadata_unpack -i pack -o back
cmp -n $((8 * 1048576)) back /dev/mapper/meta1

# A disk that can't discard says so.
if bedplate thin_trim --metadata-dev /dev/mapper/meta1 --data-dev "$DISK0" 2> why; then
	echo trimmed
else
	grep -q 'cannot discard' why || fail "trimming: $(cat why)"
fi

used=$(bedplate thin_shrink -n --json --binary -i /dev/mapper/meta1 -o /dev/mapper/meta2 \
	--nr-blocks 4096 --no-copy | sed -n 's/.*"nr_used_blocks": \([0-9]*\).*/\1/p')
bedplate thin_shrink -q --binary -i /dev/mapper/meta1 -o /dev/mapper/meta2 --nr-blocks "$used" \
	--data "$DISK0"
agree /dev/mapper/meta2
# The old metadata is as good as before, and then the new.
for try in "meta1 4096" "meta2 $used"; do
	# shellcheck disable=SC2086
	pool $try
	thin 0 1 2 4
	same "what the volumes read from ${try% *}" "$(sums 0 1 2 4)" "$before"
	no_pool 0 1 2 4
done
agree /dev/mapper/meta2
