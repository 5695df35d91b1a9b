#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# limit: 120
# The calls that programs of this field make of dmsetup, program by program, in the order in which they make them:
# with the front each gives what dmsetup gives, in stdout, in stderr and as status. Some programs read both outputs
# from one pipe; theirs are compared as they come out of it. No command of dmsetup's help is left out but help
# itself, which is in words of our own.
. "$KERNEL_LIB"
. "${KERNEL_LIB%lib.sh}front.sh"

# t WORD...: one command, by the program that is on trial, its input from $input. piped WORD...: both outputs are one
# pipe. p TEXT WORD...: TEXT is its standard input.
input=
t() {
	rc=0
	echo "\$ dmsetup $*" >> "$log"
	"$dmsetup" "$@" >> "$log" 2> "$WORK/said" < "${input:-/dev/null}" || rc=$?
	while IFS= read -r line; do
		case $line in
		Usage:*) break ;; # a text of words of our own
		/*/dmsetup:*) line=dmsetup:${line#/*/dmsetup:} ;;
		esac
		echo "! $line"
	done < "$WORK/said" >> "$log"
	echo "status: $rc" >> "$log"
}
piped() {
	echo "\$ dmsetup $*" >> "$log"
	{ "$dmsetup" "$@" < /dev/null 2>&1 && echo "status: 0" || echo "status: $?"; } | cat >> "$log"
}
p() {
	printf '%s\n' "$1" > "$WORK/input"
	shift
	input=$WORK/input
	t "$@"
	input=
}

# A thin pool over two linear devices, as each of its users begins.
pool_devices() {
	wipe "$DISK1"
	t create meta --table "0 8192 linear $DISK1 0"
	t create data --table "0 65536 linear $DISK1 8192"
}

# containerd, devmapper snapshotter: one pipe; the text behind the last "failed: " becomes an errno.
containerd() {
	pool_devices
	piped version
	piped create pool --table '0 65536 thin-pool /dev/mapper/meta /dev/mapper/data 128 32768 1 skip_block_zeroing'
	piped reload pool --table '0 65536 thin-pool /dev/mapper/meta /dev/mapper/data 128 32768 1 skip_block_zeroing'
	piped suspend pool
	piped resume pool
	piped message pool 0 'create_thin 1'
	piped message pool 0 'create_thin 1'
	piped create base --table '0 4096 thin /dev/mapper/pool 1'
	piped create base --table '0 4096 thin /dev/mapper/pool 1'
	piped suspend base
	piped message pool 0 'create_snap 2 1'
	piped resume base
	piped create snap --table '0 4096 thin /dev/mapper/pool 2'
	piped create external --table "0 4096 thin /dev/mapper/pool 2 $DISK0"
	piped info --columns --noheadings -o name,blkdevname,attr,major,minor,open,segments,events --separator ' ' base
	piped info --columns --noheadings -o name,blkdevname,attr,major,minor,open,segments,events --separator ' ' ''
	piped info --columns --noheadings -o name,blkdevname,attr,major,minor,open,segments,events --separator ' ' nobody
	piped table base
	piped table nobody
	piped status pool
	piped status base
	piped status nobody
	exec 8< /dev/mapper/snap
	piped remove /dev/mapper/snap
	piped remove --deferred /dev/mapper/snap
	piped info snap
	exec 8<&-
	piped remove /dev/mapper/snap
	piped remove --retry /dev/mapper/base
	piped message pool 0 'delete 2'
	piped remove --retry /dev/mapper/external
	piped message pool 0 'delete 2'
	piped message pool 0 'delete 2'
	piped remove --force --retry /dev/mapper/pool
	piped suspend nobody
	piped resume nobody
	t remove meta data
}

# longhorn: fields are matched by expressions.
longhorn() {
	t --version
	t version
	t create vol --table "0 2048 linear $DISK0 0"
	t suspend vol --noflush --nolockfs
	t suspend --nolockfs vol
	t reload vol --table "0 2048 linear $DISK1 0"
	t resume vol
	t deps vol
	t deps -o devname vol
	t deps -o blkdevname vol
	t deps nobody
	t info vol
	t info nobody
	t info -c --noheadings -o name,major,minor vol
	t wipe_table vol
	t remove --force --deferred --retry vol
	t remove vol
}

# linstor: caches, write caches, waiting for a clean one.
linstor() {
	wipe "$DISK1"
	t create cmeta --table "0 8192 linear $DISK1 0"
	t create cdata --table "0 16384 linear $DISK1 8192"
	t create --noudevsync cached --table \
		"0 65536 cache /dev/mapper/cmeta /dev/mapper/cdata $DISK0 128 1 writethrough smq 0"
	t ls --target cache
	t ls --target writecache
	t ls --target crypt
	t ls
	t status cached
	t status --target cache --noflush
	t status --target cache cached
	t status --target linear cached
	t message cached 0 migration_threshold 4096
	t message cached 0 flush
	t reload cached --table "0 65536 cache /dev/mapper/cmeta /dev/mapper/cdata $DISK0 128 1 writethrough cleaner 0"
	t suspend cached
	t resume cached
	t wait cached 4000000000
	t info -c --noheadings -o name,open,events --separator , cached
	t remove cached
	t remove cmeta cdata
	wipe "$DISK1"
	t create wc --table "0 65536 writecache s $DISK0 $DISK1 4096 0"
	t message wc 0 flush
	t message wc 0 flush_on_suspend
	t suspend wc
	t resume wc
	t table wc
	t remove --retry wc
}

# dracut (live images, shutdown, host's devices) and rear.
dracut() {
	p "0 2048 linear $DISK0 0" create live-base
	p "0 2048 linear $DISK0 0" create --readonly live-base
	wipe "$DISK1"
	p "0 2048 snapshot /dev/mapper/live-base $DISK1 N 8" create live-rw
	p "0 2048 snapshot /dev/mapper/live-base $DISK1 P 8" create live-osimg-min --readonly
	t status live-rw
	t info -c --noheadings -o name
	t info -c --noheadings -o name /dev/mapper/live-rw
	t info -c --noheadings -o blkdevname live-rw
	t -v --noudevsync remove live-base
	t splitname --nameprefixes --noheadings --rows vg-root
	t splitname --noheadings -o vg_name vg--a-root--b
	t info -c --noheadings -o vg_name,lv_name /dev/mapper/live-rw
	t table
	t table live-rw
	t ls --target snapshot
	t ls --target snapshot --exec 'echo -n held'
	t ls --tree
	t ls --tree -o inverted
	t deps -o blkdevname live-rw
	t --noudevsync --noudevrules create quiet --table '0 8 zero'
	t -v --noudevsync remove live-rw
	t mknodes
	t remove --noudevsync live-osimg-min
	t remove --noudevsync live-base quiet
	t info -c --noheadings -o name
}

# xfstests: flakey, error, thin, log-writes, dust, delay; tables on standard input in some.
xfstests() {
	t targets
	size=2097152
	t create flakey-test --table "0 $size flakey $DISK0 0 180 0"
	t mknodes
	t load flakey-test --table "0 $size flakey $DISK0 0 0 180 1 drop_writes"
	t suspend --nolockfs flakey-test
	t resume flakey-test
	p "0 $size error" load flakey-test
	t suspend flakey-test --noflush --nolockfs
	t resume flakey-test
	t table flakey-test
	t load /dev/mapper/flakey-test --table "0 $size linear $DISK0 0"
	t table --inactive /dev/mapper/flakey-test
	t clear flakey-test
	t info flakey-test
	t remove flakey-test
	t remove flakey-test
	t remove --retry flakey-test
	wipe "$DISK1"
	t create logwrites-test --table "0 $size log-writes $DISK0 $DISK1"
	t message logwrites-test 0 mark 'mkfs done'
	t message logwrites-test 0 mark mkfs
	t status logwrites-test
	t remove logwrites-test
	pool_devices
	t create thin-pool --table '0 65536 thin-pool /dev/mapper/meta /dev/mapper/data 512 128 1 skip_block_zeroing'
	t message thin-pool 0 'create_thin 0'
	t create thin-vol --table '0 65536 thin /dev/mapper/thin-pool 0'
	t load data --table "0 131072 linear $DISK1 8192"
	t suspend data
	t resume data
	t load thin-pool --table '0 131072 thin-pool /dev/mapper/meta /dev/mapper/data 512 128 1 skip_block_zeroing'
	t suspend thin-pool
	t resume thin-pool
	t status thin-pool
	t remove thin-vol thin-pool data meta
	t create dust-test --table "0 $size dust $DISK0 0 512"
	t message dust-test 0 addbadblock 60
	t message dust-test 0 enable
	t message dust-test 0 quiet
	t status dust-test
	t remove dust-test
	t create delay-test --table "0 $size delay $DISK0 0 0 $DISK0 0 10"
	t suspend delay-test
	t resume delay-test
	t remove delay-test
}

# The rules of udev: at each event, by numbers, in the shape that udev imports.
rules() {
	t create -u LVM-abc vg-lv --table "0 64 linear $DISK0 0"
	t create 'odd name' --table '0 64 linear /dev/mapper/vg-lv 0'
	minor=$(stat -c %T '/dev/mapper/vg-lv')
	minor=$((0x$minor))
	major=$((0x$(stat -c %t /dev/mapper/vg-lv)))
	for cookie in 0x0d4d1234 0x2cd4d001 0xffff1234 221044 0 x; do
		t udevflags $cookie
	done
	t info -j $major -m $minor -c --nameprefixes --noheadings --rows -o name,uuid,suspended
	t info -c --nameprefixes --noheadings --rows -o name,uuid,subsystem -j$major -m$minor
	t info -j $major -m 77 -c --nameprefixes --noheadings --rows -o name,uuid,suspended
	t -j $major -m $minor table
	t -j $major -m $minor status
	t -o blkdevname -- deps vg-lv
	t deps -o blkdevname -j $major -m $minor
	t splitname --nameprefixes --noheadings --rows vg-lv
	t splitname --nameprefixes --noheadings --rows vg--x-lv-real
	t splitname vg-lv LVM --nameprefixes --noheadings --rows -o vg_name,lv_name,lv_layer
	t splitname --nameprefixes --noheadings --rows 'odd\x20name'
	t udevcomplete 0x0d4d1234
	t udevcomplete 0
	t udevcookies
	t udevcomplete_all -y
	t udevcomplete_all -y 5
	t -y udevcomplete_all 1
	t udevcreatecookie
	t udevreleasecookie
	t udevreleasecookie 0x0d4d1234
	t --udevcookie 0 create cookie --table '0 8 zero'
	t remove --udevcookie 0x0d4d1234 cookie
	t remove 'odd name' vg-lv
}

# Cookies where a process waits for udev, which is not there: what is made is released. Numbers are random.
cookies() {
	echo "# cookies" >> "$log"
	cookie=$(DM_DISABLE_UDEV='' "$dmsetup" udevcreatecookie 2>> "$log") || echo "refused" >> "$log"
	echo "cookie ${cookie:+made}" >> "$log"
	[ -n "$cookie" ] || return 0
	DM_DISABLE_UDEV='' "$dmsetup" udevcookies 2>&1 | awk '{ print NF }' >> "$log"
	DM_DISABLE_UDEV='' "$dmsetup" udevreleasecookie "$cookie" >> "$log" 2>&1 || echo "refused" >> "$log"
	DM_DISABLE_UDEV='' "$dmsetup" udevcookies 2>&1 | awk '{ print NF }' >> "$log"
}

# blktests: dust, and what its helpers ask of a device that lies on others.
blktests() {
	t create dust1 --table "0 2097152 dust $DISK0 0 512"
	for words in 'addbadblock 60' 'addbadblock 67' 'addbadblock 60' countbadblocks listbadblocks 'queryblock 60' \
		clearbadblocks countbadblocks 'addbadblock 72' enable countbadblocks disable nonsense; do
		# shellcheck disable=SC2086 # words they are
		t message dust1 0 $words
	done
	t status dust1
	t status --noheadings dust1
	t remove --retry dust1
	p "0 1024 linear $DISK0 0" create linear-1
	t table --target linear linear-1
	t table --target zoned linear-1
	t deps -o devname linear-1
	t status --target linear --noheadings
	t ls --target linear
	t info -c --noheadings -o blkdevname,blkdevs_used linear-1
	p '0 1024 error' reload linear-1
	t suspend linear-1
	t resume linear-1
	t table linear-1
	t remove linear-1
}

# dmtest-python: tables from files, events.
dmtest() {
	pool_devices
	t create tpool --notable
	echo '0 65536 thin-pool /dev/mapper/meta /dev/mapper/data 128 500 0' > "$WORK/table"
	t load tpool "$WORK/table"
	t resume tpool
	t message tpool 0 create_thin 0
	t create thin --notable
	echo '0 65536 thin /dev/mapper/tpool 0' > "$WORK/table"
	t load thin "$WORK/table"
	t resume thin
	t info tpool
	t status tpool
	t status --noflush tpool
	t table tpool
	t wait -v tpool 4000000000
	# This one waits for the low water mark, which a write crosses.
	(sleep 0.3 && dd if=/dev/zero of=/dev/mapper/thin bs=64k count=20 oflag=direct status=none) &
	t wait -v tpool 0
	wait $!
	t info -c --noheadings -o events tpool
	t suspend thin
	t message tpool 0 create_snap 1 0
	t resume thin
	t load --readonly thin "$WORK/table"
	t suspend thin
	t resume thin
	t info -c -o name,readonly thin
	t load thin "$WORK/nothing"
	echo 'no table' > "$WORK/table"
	t load thin "$WORK/table"
	t message tpool 0 delete 1
	t message tpool 0 reserve_metadata_snap
	t message tpool 0 release_metadata_snap
	t message tpool 0 set_transaction_id 0 1
	t message tpool 0 set_transaction_id 0 1
	t remove tpool
	t remove thin
	t remove tpool meta data
	t remove thin
}

# cryptsetup's tests.
key=00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000001
cryptsetup() {
	t targets
	t create dummy --uuid CRYPT-LUKS1-dummy --table "0 1024 crypt aes-xts-plain64 $key 16 $DISK0 16"
	t table dummy
	t table --showkeys dummy
	t table --target crypt
	t table --target crypt --showkeys
	t table dummy --showkeys --target crypt
	t ls --target crypt
	t ls --target crypt --exec 'echo open'
	t status dummy
	t info dummy
	t info -c --noheadings -o uuid dummy
	t info -c -o open,name --noheadings dummy
	t info -c --noheadings -o name -u CRYPT-LUKS1-dummy
	t deps -o blkdevname dummy
	t suspend dummy
	t message dummy 0 key wipe
	t message dummy 0 key set "$key"
	t message dummy 0 key set 00
	t resume dummy
	t suspend dummy --noflush
	t resume dummy
	t rename dummy ymmud
	t create dummy --table "0 1024 error"
	t load dummy --table "0 1024 crypt aes-cbc-essiv:sha256 00112233445566778899aabbccddeeff 0 /dev/mapper/ymmud 0 1 sector_size:4096"
	t suspend dummy
	t resume dummy
	t table dummy
	t remove ymmud
	t remove --retry dummy
	t remove --retry ymmud
	t remove --force ymmud
	t udevcomplete_all -y
	t create bad --table "0 1024 crypt aes-xts-plain64 zz 16 $DISK0 16"
	t create bad --table "0 1024 crypt nope-xts-plain64 $key 16 $DISK0 16"
	t info bad
}

# multipath-tools: the tests of kpartx, kpartx_id, helpers of its rules; fsadm and blkdeactivate ask alike.
multipath() {
	p "0 1024 linear $DISK0 32
1024 1024 linear $DISK1 32" create kpt
	p "0 1024 linear $DISK0 32" create user1
	t create -u mpath-3600 mpatha --table \
		"0 1024 multipath 0 0 1 1 service-time 0 1 2 $DISK0 1 1"
	t create -u part1-mpath-3600 mpatha1 --table '0 8 linear /dev/mapper/mpatha 0'
	t ls
	t ls --target multipath
	t info -c --noheadings -o name -u mpath-3600
	t info -c --noheadings -o name -u mpath-none
	t deps -u mpath-3600
	t deps -u part1-mpath-3600
	t table mpatha
	t table /dev/mapper/mpatha1
	t info /dev/mapper/mpatha1
	t status mpatha
	t message mpatha 0 fail_path "$DISK0"
	t message mpatha 0 reinstate_path "$DISK0"
	t message mpatha 0 disable_group 1
	t message mpatha 0 fail_if_no_path
	t info -c --noheadings -o open,uuid --separator ' ' mpatha
	t info -c -o name,uuid -S 'uuid=~^mpath-'
	t info -c --noheadings -o name --select 'uuid=~mpath && open>0'
	t rename mpatha1 ubda
	t rename ubda mpatha1
	t rename user1 --setuuid part9-x
	t rename --setuuid kpt part8-x
	t rename --setuuid user1 again
	t remove -f mpatha
	t wait mpatha 4000000000
	t remove --force mpatha1 mpatha
	t remove mpatha nobody user1
	t remove user1 kpt
	t ls
}

# qubes, bbolt, topolvm, libblockdev: numbers, --, both places of options, what becomes of the rest behind a failure.
others() {
	p "0 64 linear $DISK0 0" create -j 254 -m 9 snap
	t -j 254 -m 9 table
	t -j 254 -m 9 info
	t table -j 254 -m 9
	t suspend -j 254 -m 9
	p '0 64 zero' load snap
	t resume snap
	t remove -j 254 -m 9
	t remove -j 254 -m 9
	t create flaky --table "0 64 flakey $DISK0 0 1 0"
	exec 8< /dev/mapper/flaky
	t remove flaky
	t remove -- flaky
	t create next --table '0 8 zero'
	t remove flaky next
	t remove --force flaky
	exec 8<&-
	t remove --retry -- flaky
	t remove -- next
	t -- create dashed --table '0 8 zero'
	t create a -u uuid-a --addnodeoncreate --table '0 8 zero'
	t create b -r --uuid uuid-b --table '0 8 error'
	t load a --table '0 8 zero' --readonly
	t table -S 'name=a'
	t table -v b
	t table --concise
	t measure a
	t mangle a
	t setgeometry a 1 2 3 4
	for verb in info 'info -c' status table 'table --concise' deps measure mangle mknodes suspend resume clear wipe_table \
		remove 'remove --force' 'load --notable'; do
		# shellcheck disable=SC2086 # words they are
		t $verb ''
	done
	t rename a ''
	t rename '' c
	for who in '' nobody; do
		t rename "$who" b # taken: that is looked at before who
		t rename "$who" --setuuid uuid-b
		t rename "$who" --setuuid uuid-c
	done
	t rename a b
	t rename a --setuuid uuid-b
	t rename a --setuuid uuid-c
	t message '' 0 hello
	t info -u ''
	t remove_all
	t ls
	t status
	t info
	t deps
	t table
	t remove_all -f
}

# lvm2's own tests: sets of devices in one call, tables in files, checks.
lvm2() {
	t --checks --verifyudev -y -v create -u TEST-pv1 pv1 --table "0 64 linear $DISK0 0"
	echo "0 64 linear $DISK0 64" > "$WORK/table"
	t create -u TEST-pv2 pv2 "$WORK/table"
	t create --concise "pv3,TEST-pv3,,,0 64 linear $DISK0 128;pv4,TEST-pv4,,ro,0 64 zero;pv5,,,,0 8 error,8 8 zero"
	t table --concise pv3 pv4
	t load pv1 "$WORK/table"
	t --noudevsync resume pv1
	t info -c -o name,attr,uuid --noheadings -S 'uuid=~^TEST'
	t info -c --noheadings -o name --sort name -S 'name=~^pv[0-9]$'
	t info -c --noheadings -o name,devno,open,segments --separator '|' pv1 pv3
	t info --noheadings -c -o subsystem,vg_name,lv_name,lv_layer pv1
	t status --target zero
	t table --target error
	t ls --tree --options ascii,nodevice
	t ls -o devname
	t target-version linear
	t target-version nobody
	t wipe_table pv3 pv4
	t clear pv3
	t suspend pv1 pv2
	t resume pv1 pv2
	t --noudevrules remove pv1 pv2
	t remove_all --force
	t version
}

# Regions of statistics, as scripts and dmstats' own tests have them: a device with two segments and a long one.
statistics() {
	t create a --table "0 20000 linear $DISK0 0
20000 2080 zero"
	t create b --table '0 4194304 zero'
	t stats
	t stats list
	t stats create a
	t stats create a --areas 4
	t stats create a --areasize 1m --userdata foo --programid me
	t stats create b --start 1m --length 2m --precise --bounds 10us,1ms,1s
	t stats create b --start 1m
	t stats create b --bounds 5ms,20ms
	t stats create b --bounds 1us
	t stats create a --segments
	t stats create a --segments --alias both --userdata mine
	t stats create b --segments --nogroup
	t stats create nobody
	t stats create --alldevices
	t stats create
	t stats create a --areas 2 --areasize 1m
	t stats create a --allregions
	t stats create a --programid ''
	t stats create a --length 7
	t stats create a --start 100 --length 1k --areasize 512b
	t stats create a b --areas 2
	t message a 0 @stats_list
	t message b 0 @stats_list
	for which in '' a b 'a b' --area --region --group '--area --group' --allprograms '--programid me' '--programid none'; do
		# shellcheck disable=SC2086 # words they are
		t stats list $which
	done
	for units in h H b B s k K m M g t --nosuffix; do
		case $units in -*) t stats list $units ;; *) t stats list --units $units b ;; esac
	done
	t stats list --noheadings a
	t stats list --noheadings --nosuffix --units s a
	t stats list -o region_id --noheadings a
	t stats list -o name,region_id,region_start b
	t stats list -o +user_data,precise a b
	t stats list --nameprefixes -o stats_name,region_id,area_len,program_id a
	t stats list --rows -o region_id,area_count a
	t stats list --separator , a
	t stats list --area -o region_id,area_id,area_len a
	t stats list nobody
	t stats list -u nobody
	t stats print a
	t stats print a --regionid 0
	t stats print a --allregions
	t stats print --allregions --clear
	t stats print a --regionid 77
	t stats print nobody --regionid 0
	t stats print a --regionid 0 --allregions
	t stats clear a
	t stats clear a --regionid 0
	t stats clear a --regionid 77
	t stats clear --allregions
	t stats delete a
	t stats delete a --regionid 1
	t stats delete a --regionid 2
	t stats delete a --regionid 2 --programid me
	t stats delete a --regionid 77
	t stats delete a --groupid 3
	t stats delete a --groupid 3
	t stats delete a --groupid 3 --regionid 3
	t stats list a
	t stats delete a --allregions --programid me
	t stats delete --allregions
	t stats delete --allregions --alldevices
	t stats list
	t stats list a
	t stats version
	t message a 0 @stats_list
	t remove a b
}

clients='containerd longhorn linstor dracut xfstests rules cookies blktests dmtest cryptsetup multipath others lvm2 statistics'
# Modules that the first of them loads would be there for the second.
bedplate targets --probe > /dev/null
differ=0
for client in $clients; do
	for run in theirs ours; do
		log=$WORK/$client.$run
		: > "$log"
		dmsetup=$THEIRS
		[ $run = theirs ] || dmsetup=$WORK/bin/dmsetup
		"$client"
		left=$("$THEIRS" ls)
		[ "$left" = 'No devices found' ] || echo "left behind: $left" >> "$log"
		"$THEIRS" remove_all
	done
	if diff -U 4 "$WORK/$client.theirs" "$WORK/$client.ours" > "$WORK/difference"; then
		echo "$client: $(grep -c '^[$] ' "$WORK/$client.ours") calls"
	else
		echo "$client differs:"
		sed "s|$WORK|WORK|g" "$WORK/difference"
		differ=$((differ + 1))
	fi
	# The devices of a client are gone when it ends, by its own calls.
	grep '^left behind' "$WORK/$client.ours" && differ=$((differ + 1))
done
[ $differ -eq 0 ] || fail "$differ differ"

# No command is left out.
cat "$WORK"/*.ours | sed -n 's/^[$] dmsetup //p' | tr ' ' '\n' | sort -u > "$WORK/words"
"$THEIRS" help 2>&1 | sed -n 's/^\t\([a-z_-]*\).*/\1/p' | sort -u > "$WORK/commands"
[ "$(wc -l < "$WORK/commands")" -gt 25 ] || fail "help names few commands:" "$(cat "$WORK/commands")"
missing=$(comm -23 "$WORK/commands" "$WORK/words" | grep -v '^help$' || :)
same "commands that nobody calls" "$missing" ""
