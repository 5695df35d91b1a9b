#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# limit: 180
# --json on every device verb is one document with schema, version, data and warnings.
. "$KERNEL_LIB"
command -v jq > /dev/null || skip "jq is not installed"

# document SCHEMA FILTER ARGS...: the verb prints such a document, and the filter holds.
document() {
	schema=$1 filter=$2
	shift 2
	bedplate --json "$@" > out || fail "'$*' ended with $?"
	jq -e ".schema == \"$schema\" and .version == 1 and (.warnings | type) == \"array\"" out \
		> /dev/null || fail "'$*' printed" "$(cat out)"
	cp out "document.$((count += 1))"
	jq -e "$filter" out > /dev/null || fail "'$*': no $filter in" "$(cat out)"
}

count=0
document bedplate.create '.data.name == "a" and .data.major == 254' \
	create a linear --device "$DISK0" --size 1MiB
document bedplate.create.plan '.data[0].segments[0].params.offset_sectors == 8' \
	create -n b linear --device "$DISK0" --offset 4K --size 1MiB
document bedplate.info '.data[0].open_count == 0 and .data[0].live_table == true' info a
document bedplate.table '.data[0].segments[0].params.dev == "98:0"' table
document bedplate.table.explain '.data[4].name == "offset_sectors"' table --explain a
document bedplate.status '.data[0].target == "linear" and .data[0].length_sectors == 2048' status
document bedplate.status.fields '.data | type == "array"' status --explain a
document bedplate.deps '.data[0].device == "98:0"' deps a
document bedplate.ls '.data == [{"name":"a","device":"254:0"}]' ls -o name,device
rm "document.$count" # less than is declared, as was asked
document bedplate.tree '.data[0].children[0].name == "ubda"' ls --tree
document bedplate.targets '.data[] | select(.name == "linear") | .kernel != null' targets
document bedplate.version '.data.driver | startswith("4.")' version
document bedplate.suspend '.data == [{"device":"a","result":"suspended"}]' suspend a
document bedplate.resume '.data[0].result == "resumed"' resume a
document bedplate.plan '.data[0].verb == "load"' load -n a zero --size 1MiB
document bedplate.load '.data.result == "loaded"' load a zero --size 1MiB
document bedplate.clear '.data[0].result == "cleared"' clear a
document bedplate.reload '.data.result == "reloaded"' reload a zero --size 1MiB
document bedplate.rename '.data.result == "renamed"' rename a b
document bedplate.set-uuid '.data.result == "set"' set-uuid b U
document bedplate.message '.data.reply == "0\n" or .data.reply == "0"' message b 0 @stats_create 0+8 8
document bedplate.mknodes '.data[0].result == "made"' mknodes
document bedplate.setgeometry '.data.result == "set"' setgeometry b 1 1 1 0
document bedplate.measure '.data | type == "array"' measure b
document bedplate.mangle '.data[0].result == "mangled"' mangle b
document bedplate.wipe-table '.data[0].result == "wiped"' wipe-table b
document bedplate.check-table '.data == []' check-table zero --size 8
document bedplate.cookies '.data == []' cookies
document bedplate.remove '.data == [{"device":"b","result":"removed"}]' remove b
document bedplate.remove-all '.data.result' remove-all --yes

document bedplate.create.plan '.data | map(.name) == ["p", "q"] and .[1].segments[0].target == "linear"' \
	create -n --concise 'p,,,rw,0 8 zero;q,,,rw,0 8 linear /dev/mapper/p 0'
document bedplate.create.concise '.data | map(.name) == ["p", "q"]' \
	create --concise 'p,,,rw,0 8 zero;q,,,rw,0 8 linear /dev/mapper/p 0'
document bedplate.info '.data[1] | .size_bytes == 4096 and .targets == "linear"' info
document bedplate.ls '.data[0] | .size_bytes == 4096 and .path == "/dev/mapper/p"' ls
document bedplate.columns '.data[0].name == "name"' info --list-columns
document bedplate.plan '.data | length > 0' remove -n q p
document bedplate.table.concise '.data | startswith("p,")' table --concise
document bedplate.cookies.answer '.data.cookie | startswith("0x0d4d")' cookies --create
document bedplate.cookies.answer '.data.destroyed == 1' cookies --destroy-older 0
document bedplate.remove '.data | length == 2' remove q p

# A stream has a document a line.
(sleep 0.3 && bedplate create c zero --size 8) &
bedplate --json events --count 1 --timeout 60s > out
wait
cp out document.event
jq -e '.event == "created" and .name == "c"' out > /dev/null || fail "events:" "$(cat out)"

bedplate create used --table '0 8 zero'
bedplate create user --table '0 8 linear /dev/mapper/used 0'
document bedplate.holders '.data[0].kind == "mapped" and .data[0].name == "user"' holders used
bedplate remove user used
BEDPLATE_STATE_DIR=$PWD/state
export BEDPLATE_STATE_DIR
document bedplate.scope-run '.data.exit_status == 0 and .data.removed' scope run t -- true
document bedplate.scope-run '.data.exit_status == 0' scope run t -- bedplate scope list --json
document bedplate.scope-list '.data == []' scope list
document bedplate.scope-gc '.data == []' scope gc
document bedplate.plan '.data == []' scope gc -n
printf 'stack s\nloop l 1MiB %s/file\ndevice d\n0 8 linear @l 0\n' "$PWD" > stack
! bedplate --json diff stack > out || fail "diff found nothing to do"
jq -e '[.data[].change] == ["make-file", "attach", "create"]' out > /dev/null || fail "$(cat out)"
document bedplate.plan '.data | length == 3' apply -n stack
document bedplate.apply '.data[2].name == "d"' apply stack
document bedplate.diff '.data == []' diff stack
document bedplate.down '[.data[].change] == ["remove", "detach", "delete-file"]' down --delete-files stack

# Statistics: what is written is counted in its area, by its time, and gone when it is cleared.
bedplate create counted linear --device "$DISK0"
document bedplate.stats-create '.data == {name: "counted", region: 0}' stats create counted --areas 4 \
	--precise --bounds 1ns,100s --aux 'two  words'
document bedplate.stats-create '.data.region == 1' stats create counted --start 1MiB --area-size 3MiB \
	--length 8MiB --program other
document bedplate.plan '.data | length == 1' stats create counted -n
document bedplate.stats-list '.data | length == 2 and .[0].aux == "two  words" and .[0].precise and
	.[0].bounds_ns == [1, 100000000000] and .[0].program == "bedplate" and .[1].areas == 3 and
	.[1].size_bytes == 8388608' stats list counted
document bedplate.stats-list '.data == []' stats list --program nobody
dd if=/dev/zero of=/dev/mapper/counted bs=64k seek=16 count=4 oflag=direct 2> /dev/null
document bedplate.stats-print '.data | length == 4 and .[0].written_bytes == 262144 and
	.[0].writes >= 1 and .[0].histogram[1] == .[0].writes and .[1].writes == 0' stats print counted 0
document bedplate.stats-report '.data | length == 3 and .[0].write_wait_ns == null' stats report \
	counted --program other --interval 10ms
document bedplate.stats-print '.data[0].written_bytes == 262144' stats print counted 1 --clear
document bedplate.stats-print '.data[0].written_bytes == 0' stats print counted 1
document bedplate.stats-clear '.data.device == "counted"' stats clear counted --all
document bedplate.stats-print '[.data[].writes] == [0, 0, 0, 0, 0, 0, 0]' stats print counted
document bedplate.plan '.data | length == 2' stats delete counted --all -n
document bedplate.stats-delete '.data.device == "counted"' stats delete counted --all --program other
expect_fail 1 'no region 1' bedplate stats delete counted 1
expect_fail 1 'no region 1' bedplate stats print counted 1
expect "0: 0+2097152 524288 bedplate two  words precise_timestamps histogram:1,100000000000" \
	bedplate message counted 0 @stats_list
"$(dirname "$KERNEL_LIB")/../lib/check-json" "$(command -v bedplate)" document.* ||
	fail "documents are not as declared"

# What failed stands in the document, with the kernel's word and what is known of the line.
! bedplate --json create bad --no-check --table "0 8 linear $DISK0 99999999999" > out 2> err ||
	fail "a bad table was taken"
[ ! -s err ] || fail "a failure printed" "$(cat err)"
jq -e '.data == null and (.error | .segment == 0 and .target == "linear" and
	.argument_name == "dev" and (.kernel_log[0] | contains("too small for target")))' out \
	> /dev/null || fail "$(cat out)"
