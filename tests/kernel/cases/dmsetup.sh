#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# limit: 300
# The front beside the program it stands in for: the same commands on the same stacks, each once by
# either; what is printed, what is said and the exit status must be the same. Where a usage text
# follows only its first line is compared: the rest is in words of our own.
. "$KERNEL_LIB"
. "${KERNEL_LIB%lib.sh}front.sh"

# t WORD...: one command, by the program that is on trial. Logged without a process more.
t() {
	rc=0
	echo "\$ dmsetup $*" >> "$log"
	echo "\$ dmsetup $*" >> "$log.errors"
	"$dmsetup" "$@" >> "$log" 2>> "$log.errors" < "${input:-/dev/null}" || rc=$?
	echo "status: $rc" >> "$log"
}
node() {
	stat -c '%n %A %u:%g %t:%T' "$@" >> "$log" 2>&1 || echo "no $*" >> "$log"
}

# there NAME...: which of them have nodes.
there() {
	for name; do
		[ ! -b "/dev/mapper/$name" ] || echo "node $name" >> "$log"
	done
}

names_and_tables() {
	t create a --table '0 100 zero'
	t create b --uuid LVM-abc --table "0 50 linear $DISK0 0
50 50 error"
	t create c -j 254 -m 7 --table '0 50 linear /dev/mapper/b 0'
	node /dev/mapper/a /dev/mapper/b /dev/mapper/c
	t create a --table '0 100 zero'
	t create d --uuid LVM-abc --table '0 100 zero'
	t create d --uuid X --table '0 100 nope x'
	t create d --table '0 100 linear /dev/nope 0'
	t create d --table '0 0 zero'
	t create d --table '5 5 zero'
	t create d --table 'abc'
	t create d --table '0 5'
	t create d --table "0 10 linear $DISK0"
	t create d --table '0 100 zero # and more'
	t remove d
	t create
	t create 'a/b' --table '0 5 zero'
	t create 'p\x20 q' --table '0 5 zero'
	t create "$(printf '%0128d' 0)" --table '0 5 zero'
	t create a --table '0 5 zero' --notable
	t create a --addnodeonresume --addnodeoncreate
	t create 'x y' --uuid 'u v' --table '0 100 zero'
	t suspend 'x z'
	t table 'x\x20y'
	t info 'x y'
	t --manglename none info 'x\x20y'
	t --manglename none info -c -o uuid,mangled_uuid,unmangled_uuid 'x\x20y'
	t --manglename none table --concise 'x\x20y'
	t --manglename none ls
	t --manglename hex ls
	t info --manglename bogus
	echo '0 7 zero' > "$WORK/table"
	t create e "$WORK/table"
	t create -u UU f "$WORK/table"
	t create g "$WORK/nothing"
	input=$WORK/table
	t create g
	t load g
	t load --readonly g
	input=
	t create h
	t create i --notable
	t create j --notable --addnodeoncreate
	node /dev/mapper/i /dev/mapper/j /dev/mapper/h
	t create k -M 0600 -U 1 -G 2 --table '0 5 zero'
	node /dev/mapper/k
	t create m -M xx --table '0 5 zero'
	t create n --readahead none --table '0 5 zero'
	t create o --readahead 1000 --table '0 5 zero'
	t create p --readahead +10 --table '0 5 zero'
	t create q --readahead -5 --table '0 5 zero'
	t create r -r --table '0 5 zero'
	t info
	t info -c
	t -v create s --table '0 5 error'
	t -v load s --table '0 5 zero'
	t table --inactive s
	t info --inactive s
	t -v resume s
	t reload s --table '0 6 error'
	t info -c s
	t clear s
	t load s --notable
	t load
	t load -u UU x y
	t load nope --table '0 5 zero'
}

asking() {
	t info nope
	t info a nope b
	t info -c nope
	t info -j 254 -m 0
	t info -j 254 -m 77
	t info -j 254
	t info -u LVM-abc
	t info -u LVM-no
	t -j 254 -m 0 table
	t table
	t status
	t -v table a
	t -v status b c
	t table nope
	t status nope
	t status a nope b
	t table -u LVM-no
	t table -j 254 -m 77
	t suspend -j 254 -m 77
	t table /dev/mapper/a
	t table /dev/mapper/nope
	t table /dev/ubda
	t table mapper/a
	t table dm-0
	t table a b c --target linear
	t status --target zero
	t status --target zero b
	t status --noflush --noheadings a
	t deps
	t deps nope
	t -v deps c
	t deps -o devname c
	t deps -o blkdevname c b
	t -o blkdevname -- deps c
	t deps -o bogus a
	t ls
	t ls -o blkdevname
	t ls -o devname
	t ls -o bogus
	t ls x
	t ls --target linear
	t ls --target nope
	t ls --exec 'echo of  it'
	t ls --exec 'echo' --target zero
	t status --exec echo a
	t ls --tree
	t ls --tree -o inverted,uuid,active,rw,open,blkdevname
	t ls --tree -o compact
	t ls --tree -o ascii,nodevice
	t ls --tree -o compact,nodevice,notrunc
	t ls --tree -o vt100,inverted
	t ls --tree -o bogus
	t table --concise
	t table --concise a b
	t measure
	t measure nope
	t targets
	t target-version linear
	t target-version nope
	t version
	t --version
	t bogus
	t info --bogus
	t info --verbose a b
}

columns() {
	t info -c --noheadings
	t info -C --noheadings a
	t info -c --noheadings -o name,uuid a b
	t info -c -o name,mangled_name,unmangled_name,uuid,mangled_uuid,unmangled_uuid
	t info -c -o +devno,blkdevname,read_ahead,tables_loaded,suspended,readonly a b
	t info -c -o info_all a
	t info -c -o name_all b
	t info -c -o name,device_count,devs_used,devnos_used,blkdevs_used
	t info -c -o name,device_ref_count,names_using_dev,devnos_using_dev
	t info -c -o name,subsystem,vg_name,lv_name,lv_layer
	t info -c -o NAME,blk_dev_name
	t info -c --separator , -o name,major
	t info -c --separator '' -o name,uuid
	t info -c --rows -o name,uuid
	t info -c --rows --noheadings -o name,uuid
	t info -c --nameprefixes -o name,attr
	t info -c --nameprefixes --noheadings --unquoted -o name,attr
	t info -c --nameprefixes --rows -o name,major
	t info -c --sort -minor -o name,minor
	t info -c --sort open,-minor -o name
	t info -c --unbuffered --sort -minor -o name,minor
	t info -c --count 2 --interval 1 -o name a
	t info -c --count -1
	t info -c --interval 0
	t info -c -S 'major=254 && minor>3'
	t info -c -S 'name=~a|b' -o name,selected
	t info -c -o name -S 'name=~^.$ && !(name=a)'
	t info -c -o name -S 'name="a" # name=b'
	t info -c -o name -S 'uuid=""'
	t info -c -o name -S 'name!=a, minor<=2'
	t info -c -o name -S 'suspended=Active||readonly="Read-only"'
	t info -c -o name -S 'device_ref_count>0'
	t info -c -o name -S 'minor=x'
	t table -S 'name=a || name=b'
	t table -S 'name=a || name=b' --concise
	t deps -S 'name=b'
	t status -S 'name=nobody'
	t suspend -S 'name=a'
	t info -c -o name,suspended a
	t resume -S 'name=a'
	t splitname vg-lv
	t splitname vg--1-lv--2-real
	t splitname vg-lv CRYPT
	t splitname a LVM -o subsystem,vg_name --noheadings
	t splitname vg-lv -c --nameprefixes --noheadings --rows
	t splitname vg-lv --noheadings -o vg_name --nameprefixes --rows --unquoted
	t splitname
}

changing() {
	t suspend a
	t -v info a
	t resume a
	t -v suspend --noflush --nolockfs a
	t resume a --noflush
	t suspend
	t suspend nope
	t resume nope
	t clear nope
	t rename a c
	t rename a x/y
	t rename a
	t rename a ''
	t rename -u LVM-abc bb
	t rename a A
	there a A
	t rename a --setuuid U-1
	t rename A --setuuid U-1
	t rename --setuuid A U-2
	t message A 0 hello
	t message A x hello
	t message A 0
	t message A
	t message nope 0 foo
	t message b 0 @stats_create - 1
	t message b 0 @stats_list
	t message -u LVM-abc 0 @stats_list
	t setgeometry A 1 2 3 0
	t setgeometry A 1 x 3 0
	t setgeometry A 1 2
	t setgeometry A 99999 2 3 4
	t setgeometry nope 1 2 3 4
	t wait A 0
	t -v wait A 99
	t wait nope
	t wait
	t wait A 5 6
	rm /dev/mapper/A
	t mknodes A
	there A
	rm /dev/mapper/A
	t mknodes
	there A
	t mknodes nope
	t mangle
	t mangle nope
	t resume i --addnodeoncreate
	t wipe_table b A
	t table b
	t wipe_table nope
	t wipe_table
	t remove b
	t remove nope c
	t remove
	t remove -- c
	t remove -j 254 -m 77
	t remove /dev/mapper/e f
	t remove --force b
	t create busy --table '0 50 zero'
	exec 8< /dev/mapper/busy
	t remove busy
	t remove --force busy
	t table busy
	t remove --deferred busy
	t info busy
	t remove_all
	t ls
	t remove_all -f
	exec 8<&-
	t ls
	for verb in info 'info -c' status table deps 'ls --tree' 'table --concise'; do
		# shellcheck disable=SC2086
		t $verb
	done
}

concise() {
	t create --concise 'h1,,,,0 5 zero'
	t create --concise 'h2,,,ro,0 5 error, 5 5 error;h3,hu,9,rw,0 1 zero'
	t create --concise 'h\,4,,,,0 5 zero'
	t create --concise 'h5,,,xx,0 5 zero'
	t create --concise 'h5,,'
	t create --concise 'h5,,,;h6,,,,0 1 zero'
	t create --concise "h5\\"
	t create --concise a b
	t create --concise 'h1,,,,0 5 zero'
	printf '%s' 'h7,,,,0 5 zero;h8,,,ro,0 6 zero' > "$WORK/spec"
	input=$WORK/spec
	t create --concise
	input=
	t table --concise
	t remove_all
}

stacks() {
	t create st0 --table "0 64 striped 2 8 $DISK0 0 $DISK1 0"
	t create st1 --table "0 64 snapshot-origin $DISK0"
	t create st2 --table "0 64 delay $DISK0 0 1"
	t create st3 --table "0 64 flakey $DISK0 0 1 1 1 drop_writes"
	wipe "$DISK1"
	t create st4 --table "0 64 thin-pool $DISK1 $DISK0 128 0 1 skip_block_zeroing"
	t create meta --table "0 8192 linear $DISK1 0"
	t create data --table "0 65536 linear $DISK1 8192"
	t create pool --table '0 65536 thin-pool /dev/mapper/meta /dev/mapper/data 128 0 1 skip_block_zeroing'
	t message pool 0 create_thin 0
	t message pool 0 'create_thin 1'
	t message pool 0 create_thin 0
	t create thin0 --table '0 65536 thin /dev/mapper/pool 0'
	t create thin1 --table '0 65536 thin /dev/mapper/pool 1'
	t create thin2 --table '0 65536 thin /dev/mapper/pool 2'
	t status
	t status --noflush pool
	t table
	t deps pool
	t ls --tree
	t ls --tree -o inverted
	t ls --tree -o compact,utf
	t info -c -o name,devs_used,names_using_dev
	t create cr --table "0 64 crypt aes-xts-plain64 00000000000000000000000000000001ffffffffffffffffffffffffffffffff 0 $DISK0 0"
	t table cr
	t table --showkeys cr
	t table --concise cr
	t create self --table '0 8 zero'
	t load self --table '0 8 linear /dev/mapper/self 0'
	t clear self
	t remove thin0 thin1 pool
	t remove_all
	t ls
}

udev() {
	t udevcreatecookie
	t udevcookies
	t udevcomplete 0xd4d1234
	t udevcomplete 0
	t udevcomplete abc
	t udevflags 0xff123456
	t udevflags 0x00401234
	t udevflags
	t udevcomplete_all
	t udevcomplete_all -y
	t udevcomplete_all x
	t udevreleasecookie
	t --udevcookie 0 create y --table '0 1 zero'
	t --udevcookie 5 create z --table '0 1 zero'
	t --noudevsync --noudevrules --verifyudev --checks -y create v --table '0 1 zero'
	node /dev/mapper/v
	t remove_all
	DM_DEV_DIR=dev t ls
}

# calls COMMAND...: how many system calls the program on trial makes for it, and how many of them are ioctls.
calls() {
	strace -qqo "$WORK/calls" "$dmsetup" "$@" > /dev/null
	all=$(wc -l < "$WORK/calls")
	ioctls=$(grep -c '^ioctl(.*DM_' "$WORK/calls")
}

# What a start and a question cost is what a kernel is asked: less than the other program asks, and for each device
# more there is one ioctl more, and nothing else but the three calls that read the read-ahead.
costs() {
	devices=$(seq -f 'cost%.0f,,,rw,0 8 zero' 1 40 | paste -sd ';')
	"$THEIRS" create --concise "$devices"
	for command in info status table deps 'info -c' ls; do
		for which in '' cost1; do
			[ "$command" != ls ] || [ -z "$which" ] || continue
			dmsetup=$THEIRS
			# shellcheck disable=SC2086 # words
			calls $command $which
			their_all=$all their_ioctls=$ioctls dmsetup=$WORK/bin/dmsetup
			# shellcheck disable=SC2086
			calls $command $which
			echo "$command $which: $all system calls, theirs $their_all"
			[ "$all" -lt "$their_all" ] || fail "$command: $all system calls, theirs $their_all"
			[ "$ioctls" -le "$their_ioctls" ] || fail "$command: $ioctls ioctls, theirs $their_ioctls"
		done
	done
	calls status
	[ "$all" -lt 130 ] || fail "status of forty devices: $all system calls"
	"$THEIRS" remove_all
}

# Modules that the first of them loads would be there for the second.
bedplate targets --probe > /dev/null
for run in theirs ours; do
	log=$WORK/$run input=
	dmsetup=$THEIRS
	[ $run = theirs ] || dmsetup=$WORK/bin/dmsetup
	names_and_tables
	asking
	columns
	changing
	concise
	stacks
	udev
done

# Of the errors all but usage texts, up to the next command.
for run in theirs ours; do
	awk '/^Usage:/ { usage = 1 }
		/^[$] / { usage = 0 }
		!usage { sub(/^\/.*\/dmsetup: /, "dmsetup: "); print }
		' "$WORK/$run.errors" > "$WORK/$run.said"
done
for what in '' .said; do
	diff -U 6 "$WORK/theirs$what" "$WORK/ours$what" || true
done | sed "s|$WORK|WORK|g" > "$WORK/difference"
[ ! -s "$WORK/difference" ] || fail "they differ:" "
$(cat "$WORK/difference")"
echo "$(grep -c '^[$] ' "$WORK/ours") commands"
if command -v strace > /dev/null; then
	costs
fi
