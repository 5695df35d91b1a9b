#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# limit: 480
# By hand: tests/kernel/tap-lab uml build/src/commands/bedplate tests/kernel/front_stacks.sh
# The front beside the program it stands in for, on thirty-three stacks: of each everything is asked, then it is
# changed in every way, by either program on a stack of its own; what is printed, what is said and
# the exit status must be the same. The case "dmsetup" is the short form, which looks at words and errors.
# BEDPLATE_STACKS: names of stacks, only these. BEDPLATE_COUNTS: say how many commands there were of each. The last
# part is the verdict of all. They take half an hour on a slow machine, and a newer user-mode kernel is several times
# as fast: BEDPLATE_LIMIT=1400 env $(scripts/lab-kernel --env uml-7.2) tests/kernel/tap-lab uml ...
. "$KERNEL_LIB"
. "${KERNEL_LIB%lib.sh}front.sh"

# t WORD...: one command, by the program that is on trial. helps WORD...: one that ends with a text of help, whose
# words are ours: compared are the status, and which fields there are but those of statistics.
helps() {
	rc=0
	echo "\$ dmsetup $*" >> "$log"
	"$dmsetup" "$@" > "$WORK/said" 2>&1 || rc=$?
	for field in name_all uuid read_ahead blkdevname attr tables_loaded devno open deps_all devs_used \
		blkdevs_used device_ref_count names_using_dev subsystem vg_name lv_layer selected; do
		! grep -q "^ *$field " "$WORK/said" || echo "field $field" >> "$log"
	done
	echo "status: $rc" >> "$log"
}
t() {
	rc=0
	echo "\$ dmsetup $*" >> "$log"
	"$dmsetup" "$@" >> "$log" 2> "$WORK/said" < "${input:-/dev/null}" || rc=$?
	# A usage text is in words of our own; a program says under which name it was called.
	sed '/^Usage:/,$d; s/^\/.*\/dmsetup: /dmsetup: /; s/^/! /' "$WORK/said" >> "$log"
	echo "status: $rc" >> "$log"
}

# --- the questions: each command that asks, with each option that the help gives it ---

ask() {
	name=$1
	t info "$name"
	t info
	t info -c
	t info -C "$name"
	t info -c --noheadings --separator , -o name,attr,open,segments,events,uuid
	# Not "all": there it means that only devices with regions of statistics are shown.
	t info -c -o name_all,info_all,deps_all,tree_all
	t info -c -o info_all,splitname_all -S 'name!=nobody' --sort -minor
	t info -c --nameprefixes --unquoted --rows -o name,readonly,suspended,tables_loaded
	t info -c -o name,device_count,devs_used,devnos_used,blkdevs_used,device_ref_count
	t info -c -o name,names_using_dev,devnos_using_dev -S 'device_ref_count>0'
	t info -c -o name -S 'open>0 || suspended=Suspended'
	t info --inactive "$name"
	t info --noopencount "$name"
	t -v info "$name"
	t status
	t status "$name"
	t status --noflush "$name"
	t status --target linear
	t status -S "name=$name"
	t --inactive status "$name"
	t -v status "$name"
	t table
	t table "$name"
	t table --inactive "$name"
	t table --inactive
	t table --showkeys "$name"
	t table --target striped
	t table --concise
	t table --concise "$name"
	t table -S 'segments>0'
	t -v table "$name"
	t deps
	t deps --inactive "$name"
	t deps -o devname
	t deps -o blkdevname "$name"
	t ls
	t ls -o devname
	t ls -o blkdevname
	t ls --target linear
	t ls --tree
	t ls --tree -o uuid,open,rw,active,blkdevname
	t ls --tree -o inverted,ascii
	t ls --tree -o compact,notrunc,nodevice
	t ls --tree -o utf
	t ls --exec 'echo is'
	t measure
	t measure "$name"
	t mangle "$name"
	t splitname "$name"
	t splitname "$name" LVM -o +subsystem --separator :
	t mknodes "$name"
}

# --- the changes: the device ends with the tables it had ---

change() {
	name=$1
	t suspend "$name"
	t info -c -o name,suspended,attr
	t ls --tree -o active
	t resume "$name"
	t suspend --noflush --nolockfs "$name"
	t resume --noflush --nolockfs "$name"
	t load "$name" --table '0 8 error'
	t info "$name"
	t table --inactive "$name"
	t deps --inactive "$name"
	t table --concise "$name"
	t clear "$name"
	t -v clear "$name"
	t message "$name" 0 nonsense
	t message "$name" 0 @stats_list
	t setgeometry "$name" 10 20 30 0
	t rename "$name" "$name-b"
	t rename "$name-b" --setuuid "new-$name"
	t info -c -o name,uuid -u "new-$name"
	t rename "$name-b" "$name"
	t wait "$name" 4000000000
	t --readahead 64 -r reload "$name" --table '0 16 zero'
	t resume --readahead +128 "$name"
	t info -c -o name,readonly,read_ahead,events "$name"
	t wipe_table --force "$name"
	t table "$name"
	t wipe_table --noflush --nolockfs "$name"
	t status "$name"
	t remove --retry "$name"
	t ls
}

# --- the stacks: each makes devices, of which "top" is asked for and changed ---

s01_zero() { t create top --table '0 2048 zero'; }
s02_linear() { t create top -u LVM-v --table "0 2048 linear $DISK0 8"; }
s03_lines() {
	t create top --table "0 8 linear $DISK0 8
8 8 error
16 8 zero
24 8 linear $DISK1 0"
}
s04_striped() { t create top --table "0 4096 striped 2 64 $DISK0 0 $DISK1 64"; }
s05_deep() {
	t create l0 --table "0 4096 linear $DISK0 0"
	t create l1 --table '0 4096 linear /dev/mapper/l0 0'
	t create l2 --table '0 4096 linear /dev/mapper/l1 0'
	t create top --table '0 4096 linear /dev/mapper/l2 0'
}
s06_wide() {
	for i in 1 2 3 4 5 6; do
		t create "w$i" --table "0 64 linear $DISK0 $((i * 64))"
	done
	t create top --table '0 256 striped 4 8 /dev/mapper/w1 0 /dev/mapper/w2 0 /dev/mapper/w3 0 /dev/mapper/w4 0'
	t create beside --table '0 64 linear /dev/mapper/w1 0'
}
s07_snapshot() {
	wipe "$DISK1"
	t create base --table "0 8192 linear $DISK0 0"
	t create cow --table "0 4096 linear $DISK1 0"
	t create origin --table '0 8192 snapshot-origin /dev/mapper/base'
	t create top --table '0 8192 snapshot /dev/mapper/base /dev/mapper/cow P 16'
}
s08_snapshot_merge() {
	wipe "$DISK1"
	t create base --table "0 8192 linear $DISK0 0"
	t create cow --table "0 4096 linear $DISK1 0"
	t create first --table '0 8192 snapshot /dev/mapper/base /dev/mapper/cow N 8'
	t create top --table '0 8192 snapshot-origin /dev/mapper/base'
}
pool() {
	wipe "$DISK1"
	t create meta --table "0 8192 linear $DISK1 0"
	t create data --table "0 65536 linear $DISK1 8192"
	t create "$1" --table "0 65536 thin-pool /dev/mapper/meta /dev/mapper/data 128 64 $2"
}
s09_pool() { pool top '1 skip_block_zeroing'; }
s10_pool_full() { pool top '3 skip_block_zeroing ignore_discard error_if_no_space'; }
s11_thin() {
	pool pool '1 no_discard_passdown'
	t message pool 0 create_thin 0
	t create top --table '0 65536 thin /dev/mapper/pool 0'
	dd if=/dev/zero of=/dev/mapper/top bs=64k count=5 oflag=direct status=none
}
s12_thin_snapshot() {
	pool pool 0
	t message pool 0 'create_thin 0'
	t create vol -u uu --table '0 65536 thin /dev/mapper/pool 0'
	t suspend vol
	t message pool 0 create_snap 1 0
	t resume vol
	t message pool 0 reserve_metadata_snap
	t create top --table '0 65536 thin /dev/mapper/pool 1'
}
s13_thin_external() {
	pool pool 0
	t message pool 0 create_thin 7
	t create top --table "0 4096 thin /dev/mapper/pool 7 $DISK0"
}
s14_cache() {
	wipe "$DISK1"
	t create cm --table "0 8192 linear $DISK1 0"
	t create cd --table "0 16384 linear $DISK1 8192"
	t create top --table "0 65536 cache /dev/mapper/cm /dev/mapper/cd $DISK0 128 1 writeback smq 2 migration_threshold 4096"
}
s15_writecache() {
	wipe "$DISK1"
	t create top --table "0 8192 writecache s $DISK0 $DISK1 4096 0"
}
s16_crypt() {
	t create top -r --table "0 4096 crypt aes-xts-plain64 00000000000000000000000000000001ffffffffffffffffffffffffffffffff 0 $DISK0 0 2 allow_discards same_cpu_crypt"
}
s17_crypt_deep() {
	t create low --table "0 4096 linear $DISK0 0"
	t create top -u CRYPT-LUKS2-0123-x --table '0 4096 crypt aes-cbc-essiv:sha256 00112233445566778899aabbccddeeff 0 /dev/mapper/low 0'
}
s18_verity() {
	dd if=/dev/zero of="$DISK0" bs=1M count=1 oflag=direct status=none
	root=$(bedplate verity format --json --no-superblock --salt 00 --data-blocks 256 "$DISK0" "$DISK1" 2> /dev/null |
		sed -n 's/.*"root_hash": "\([0-9a-f]*\)".*/\1/p')
	t create top -r --table "0 2048 verity 1 $DISK0 $DISK1 4096 4096 256 0 sha256 ${root:-00} 00"
}
s19_integrity() {
	wipe "$DISK1"
	t create top --table "0 8 integrity $DISK1 0 4 D 1 internal_hash:crc32c"
}
s20_raid1() {
	t create a1 --table "0 4096 linear $DISK0 0"
	t create a2 --table "0 4096 linear $DISK1 0"
	t create top --table '0 4096 raid raid1 2 0 nosync 2 - /dev/mapper/a1 - /dev/mapper/a2'
}
s21_mirror() {
	t create top --table "0 4096 mirror core 2 1024 nosync 2 $DISK0 0 $DISK1 0 1 handle_errors"
}
s22_multipath() {
	t create p1 --table "0 4096 linear $DISK0 0"
	t create p2 --table "0 4096 linear $DISK0 0"
	t create top -u mpath-1 --table '0 4096 multipath 0 0 2 1 service-time 0 1 2 /dev/mapper/p1 1 1 service-time 0 1 2 /dev/mapper/p2 1 1'
}
s23_delay_flakey() {
	t create d --table "0 4096 delay $DISK0 0 1 $DISK1 0 2"
	t create top --table '0 4096 flakey /dev/mapper/d 0 5 0 1 drop_writes'
}
s24_dust_unstriped() {
	t create du --table "0 4096 dust $DISK0 0 512"
	t message du 0 addbadblock 7
	t message du 0 countbadblocks
	t create top --table '0 1024 unstriped 2 8 0 /dev/mapper/du 0'
}
s25_suspended() {
	t create top --table "0 64 linear $DISK0 0"
	t suspend top
	t load top --table '0 64 zero'
}
s26_loaded_only() {
	t create top --notable -u none-yet
	t load top --table "0 64 linear $DISK0 0"
}
s27_empty() { t create top --notable; }
s28_odd_names() {
	t create 'a b' --table '0 8 zero'
	t create 'q"$&' -u 'x/y z' --table '0 8 error'
	t create 'vg--x-lv-real' -u LVM-0123456789abcdef --table "0 64 linear $DISK0 0"
	t --manglename none create 'n+m' --table '0 8 zero'
	t create top -u "$(printf '%0120d' 1)" --table '0 64 linear /dev/mapper/vg--x-lv-real 0'
	t --manglename none info -c
	t --manglename hex ls --tree
}
s29_many() {
	for i in $(seq 40); do
		t create "m$i" -u "LVM-$i" --table "0 8 linear $DISK0 $i"
	done
	t create top --table '0 8 linear /dev/mapper/m17 0'
}
s30_held() {
	t create low --table "0 64 linear $DISK0 0"
	t create top -r -u held --table '0 64 linear /dev/mapper/low 0'
	t remove low
	t remove --force low
	t remove --deferred low
	t info low
	t suspend low
	t resume low
}
s31_switch_log() {
	t create lw --table "0 4096 log-writes $DISK0 $DISK1"
	t message lw 0 mark here
	t create top --table "0 4096 switch 2 64 0 /dev/mapper/lw 0 $DISK0 0"
	t message top 0 set_region_mappings 0:1 R0,3
}
s32_clone_era() {
	wipe "$DISK1"
	t create cm --table "0 8192 linear $DISK1 0"
	t create em --table "0 8192 linear $DISK1 8192"
	t create er --table "0 8192 era /dev/mapper/em $DISK0 128"
	t message er 0 checkpoint
	t create top --table "0 8192 clone /dev/mapper/cm /dev/mapper/er $DISK0 8 1 no_hydration"
}
# Words of the manual that no other stack has said: long names of options, where devices are named by numbers, tables
# from files, removing everything.
s33_words() {
	t create top --uuid words --readonly --table "0 64 linear $DISK0 0"
	t create low --addnodeoncreate --noudevrules --noudevsync --checks --verifyudev --table "0 64 linear $DISK0 64"
	echo "0 64 linear $DISK0 128" > "$WORK/table"
	t create file "$WORK/table"
	t load file "$WORK/table"
	t resume --addnodeonresume file
	input=$WORK/table
	t create stdin
	t reload stdin
	input=
	t resume stdin
	t create owned --uid 1 --gid 2 --mode 0640 --table '0 8 zero'
	stat -c '%n %A %u:%g' /dev/mapper/owned >> "$log"
	t create --concise 'c1,,,ro,0 8 zero;c2,uuid-c2,,rw,0 8 error,8 8 zero'
	minor=$(stat -c '%T' /dev/mapper/top)
	major=$(stat -c '%t' /dev/mapper/top)
	t info --major "$((0x$major))" --minor "$((0x$minor))"
	t table -j "$((0x$major))" -m "$((0x$minor))"
	t info --uuid words
	t info --columns --noheadings --options name,uuid --sort name --select 'name=top'
	t info -c -O -name --unbuffered -o name
	t info -c -o name --count 2 --interval 1 top
	helps info -c -o help
	helps info -c -S help
	helps info -c -o nonsense
	helps info -c -O nonsense
	helps info -c -S 'nonsense=1'
	t info --nonsense
	t nonsense
	t status --verbose top
	t --version
	t version
	t targets
	helps help
	helps help --columns
	helps --help
	helps udevcreatecookie --help
	t wait --noflush top 4000000000
	t wait nobody
	t udevcomplete_all --yes
	t udevcomplete_all 1 -y
	t udevcookies
	t suspend top low
	t resume top low
	t remove --deferred c1
	t remove c2 stdin nobody owned
	t remove_all --deferred
	t remove_all --force
	t create top --uuid words --table "0 64 linear $DISK0 0"
}

# Modules that the first of them loads would be there for the second.
bedplate targets --probe > /dev/null
differ=0 stacks=0 commands=0
# shellcheck disable=SC2013 # words they are
for stack in $(sed -n 's/^\(s[0-9][0-9]_[a-z_0-9]*\)().*/\1/p' "$0"); do
	case ${BEDPLATE_STACKS:-$stack} in *"$stack"*) ;; *) continue ;; esac
	for run in theirs ours; do
		log=$WORK/$run
		dmsetup=$THEIRS
		[ $run = theirs ] || dmsetup=$WORK/bin/dmsetup
		: > "$log"
		"$stack"
		ask top
		change top
		for _ in 1 2 3; do
			"$THEIRS" remove_all > /dev/null 2>&1 || :
		done
	done
	if diff -U 4 "$WORK/theirs" "$WORK/ours" > "$WORK/difference"; then
		echo "ok - $stack"
	else
		sed "s|$WORK|WORK|g" "$WORK/difference"
		echo "not ok - $stack"
		differ=$((differ + 1))
	fi
	stacks=$((stacks + 1))
	commands=$((commands + $(grep -c '^status: ' "$WORK/ours")))
	[ -z "${BEDPLATE_COUNTS:-}" ] || awk -v n="$stack" '/^status: 0/ { good++ } /^status: [^0]/ { bad++ }
		END { print "# " n ": " good " done, " bad " refused" }' "$WORK/ours"
done
verdict="$commands commands on $stacks stacks, $differ of these differ"
[ $differ -eq 0 ] || { echo "not ok - $verdict" && exit 1; }
echo "ok - $verdict"
