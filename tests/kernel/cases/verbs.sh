#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# limit: 180
# Every device verb on a real device: what it does is seen by another verb, and by dmsetup.
. "$KERNEL_LIB"
name() { bedplate info -r --noheadings -o "$1" "$2"; }

expect_match '^Driver: +4\.' bedplate version
expect_match '^linear +[0-9.]+ +yes' bedplate targets
expect_match '^zero +[0-9.]+ +yes' bedplate targets --probe

# Two segments move data as mapped.
wipe "$DISK0" && wipe "$DISK1"
bedplate create data linear --device "$DISK0" --offset 100s --size 8s \
	linear --device "$DISK1" --offset 200s --size 8s
put /dev/mapper/data 9 "second segment"
expect "second segment" get "$DISK1" 201
put "$DISK0" 103 "first segment"
expect "first segment" get /dev/mapper/data 3
expect "0 8 linear 98:0 100
8 8 linear 98:16 200" bedplate table data
expect_match '^ +1 +1 98:16 +dev +the device mapped to' bedplate table --explain data

# suspend, resume, load, clear, reload: first what would be done, then it is.
expect "would suspend data" bedplate suspend -n data
same state "$(name state data)" active
bedplate suspend data
same state "$(name state data)" suspended
bedplate resume data
same state "$(name state data)" active
bedplate load data zero --size 16s
same inactive "$(name inactive-table data)" yes
expect "0 16 zero" bedplate table --inactive data
bedplate clear data
same inactive "$(name inactive-table data)" no
bedplate reload data --table "0 16 linear $DISK0 50"
expect "0 16 linear 98:0 50" bedplate table data
bedplate reload --unless-same data --table "0 16 linear 98:0 50"
bedplate load data --table "0 16 linear $DISK0 51"
bedplate resume data
expect "0 16 linear 98:0 51" bedplate table data
expect_fail 1 'too small' bedplate reload data --table "0 16 linear $DISK0 99999999999"
expect "0 16 linear 98:0 51" bedplate table data
same state "$(name state data)" active

# Names, uuid, nodes.
bedplate rename data moved
expect_fail 1 'no such mapped device' bedplate info data
[ -b /dev/mapper/moved ] || fail "rename made no node"
[ ! -e /dev/mapper/data ] || fail "rename left a node"
bedplate set-uuid moved BP-1
same uuid "$(name uuid moved)" BP-1
expect_fail 1 uuid bedplate set-uuid moved BP-2
rm /dev/mapper/moved
bedplate mknodes
[ -b /dev/mapper/moved ] || fail "mknodes made no node"
expect_fail 1 'has a slash' bedplate rename moved a/b

# What lies on what.
bedplate create top --table '0 8 linear /dev/mapper/moved 0'
expect "top
\`-moved
  \`-ubda" env LC_ALL=C bedplate ls --tree --noheadings -o name
expect_match '^top +254:0' bedplate deps
expect_match '^moved +8KiB +linear +254:0 +/dev/mapper/moved$' bedplate ls
expect_fail 64 "'2T' is too large" bedplate resume moved --readahead 2T
expect_fail 64 'no whole number of 512-byte sectors' bedplate resume moved --readahead 100B
expect "top
moved" bedplate ls --noheadings --target linear --sort -name -o name
expect "" bedplate ls -q --noheadings --target zero
expect_fail 1 "used by mapped device 'top'" bedplate remove moved
bedplate remove --deferred moved
expect yes name deferred-remove moved
bedplate remove --cancel moved
expect no name deferred-remove moved

# Stacks that part and meet again: what is shared is drawn once, then referred to.
below=top
for level in a b c d e f g h; do
	bedplate create $level linear --device /dev/mapper/$below linear --device /dev/mapper/$below
	bedplate create ${level}1 linear --device /dev/mapper/$level
	bedplate create ${level}2 linear --device /dev/mapper/$level
	bedplate create ${level}3 linear --device /dev/mapper/${level}1 linear --device /dev/mapper/${level}2
	below=${level}3
done
expect "h3
|-h2
| \`-h" env LC_ALL=C sh -c 'bedplate ls --tree --noheadings -o name | head -3'
expect_match '^  `-h \(see above\)$' env LC_ALL=C bedplate ls --tree --noheadings -o name
[ "$(bedplate tree --noheadings | wc -l)" -lt 60 ] || fail "the tree has grown"
bedplate tree -J | jq -e '[.. | objects | select(.name == "h")] | map(.repeated) == [false, true]' > /dev/null
# As SVG each is drawn once, with a line for each use: 32, top, moved and the disk.
bedplate ls --tree --svg a.svg
bedplate tree --svg - | cmp - a.svg
[ "$(grep -c '^<g>' a.svg) $(grep -c '^<path ' a.svg)" = "35 42" ] || fail "a.svg has other boxes"
python3 -c 'import xml.dom.minidom as m; m.parse("a.svg")'
expect_fail 64 'tree' bedplate ls --svg b.svg
expect_fail 1 'exists|directory' bedplate tree --above --svg /nowhere/b.svg
for level in h g f e d c b a; do
	bedplate remove ${level}3 ${level}2 ${level}1 $level
done

# Messages and their replies; events.
expect "0" bedplate message moved 0 @stats_create 0+8 8
expect_match '^0: 0\+8 8' bedplate message moved 0 @stats_list
expect_fail 1 "takes no message 'jump'" bedplate message moved 0 jump high
expect_fail 1 'no event within' bedplate wait moved --timeout 200ms
# Another number than its own: that event is over.
expect_match '^[0-9]+$' bedplate wait moved 1000 --timeout 20s
expect "" bedplate events --timeout 100ms
bedplate remove top
while [ ! -e come ]; do bedplate create come zero --size 8s && bedplate remove come && sleep 0.2; done &
coming=$!
expect_match '^removed come 0$' bedplate events --count 2 --timeout 60s
touch come
wait $coming

# Geometry, measurement, status, wiping.
bedplate setgeometry moved 2 4 2 0
expect_fail 1 '' bedplate setgeometry moved 2 4 2 17
expect_match target_name=linear bedplate measure moved
expect "0 16 linear " bedplate status --lines moved
bedplate wipe-table moved
expect "0 16 error" bedplate table moved
bedplate load moved zero --size 16s
bedplate resume moved --noflush --nolockfs --addnodeonresume
bedplate wipe-table --force moved
expect "0 16 error" bedplate table moved
expect_fail 1 'no event within' bedplate wait moved --noflush --timeout 100ms

# For other programs: a command for each, variables, nodes when they are wanted.
expect "moved /dev/mapper/moved" bedplate ls --exec 'echo moved'
expect "would run true /dev/mapper/moved" bedplate ls -n --exec true
expect_fail 1 "false: ended with 1" bedplate ls --exec false
expect "DM_NAME='moved' DM_OPEN_COUNT='0' DM_READ_ONLY='no'" bedplate info -P -o name,open-count,read-only moved
expect "moved 0 no" bedplate tree -r --noheadings -o name,open-count,suspended
bedplate suspend moved && bedplate load moved zero --size 16s && rm /dev/mapper/moved
bedplate resume --addnodeoncreate moved
[ ! -e /dev/mapper/moved ] || fail "resume made a node"
bedplate mknodes
bedplate load moved error --size 16s && bedplate resume moved

# Read-only, no table, number and read-ahead of one's own.
bedplate create ro linear --device "$DISK0" --size 8s -r --uuid U2 --minor 77 --readahead 64K
expect "yes U2 254:77" name read-only,uuid,device ro
bedplate create empty --notable
same state "$(name state empty)" "no\\x20table"
expect_match "has no table" sh -c 'bedplate resume empty 2>&1'
bedplate load empty zero --size 8s && bedplate resume empty
same state "$(name state empty)" active
bedplate create later zero --size 8s --suspended
expect "0 8 zero" bedplate table --inactive later
expect_match "'bedplate clear later' drops it" sh -c 'bedplate info later 2>&1'

# All of them, and none.
expect_fail 64 'removes every' bedplate remove-all
expect_match '^would remove' bedplate remove-all -n
bedplate remove empty ro
bedplate remove-all --yes
expect "" bedplate ls -q
expect "No devices found" dmsetup ls
expect "control" ls /dev/mapper
