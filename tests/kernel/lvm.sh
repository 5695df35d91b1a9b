# shellcheck shell=sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# For kernel cases with LVM, after KERNEL_LIB:  . "${KERNEL_LIB%lib.sh}lvm.sh"
# Its executables are our tools, nothing is backed up, and no udev is waited for.
command -v lvm > /dev/null || skip "there is no lvm2"
tools=$(dirname "$(readlink -f "$(command -v bedplate)")")
mkdir -p etc /run/lvm /run/lock/lvm
export LVM_SYSTEM_DIR="$PWD/etc" LVM_SUPPRESS_FD_WARNINGS=1

# lvm_sees DEVICE...: no others
lvm_sees() {
	filter=
	for device in "$@"; do filter="$filter\"a|^$device\$|\","; done
	cat > etc/lvm.conf << END_OF_CONF
devices { use_devicesfile=0 filter=[$filter"r|.*|"] obtain_device_list_from_udev=0 }
activation { udev_sync=0 udev_rules=0 monitoring=0 }
backup { backup=0 archive=0 }
global {
	use_lvmpolld=0 use_lvmlockd=0 event_activation=0
	thin_check_executable="$tools/thin_check" thin_dump_executable="$tools/thin_dump"
	thin_repair_executable="$tools/thin_repair"
	cache_check_executable="$tools/cache_check" cache_dump_executable="$tools/cache_dump"
	cache_repair_executable="$tools/cache_repair"
	thin_check_options=["-q","--clear-needs-check-flag"]
	cache_check_options=["-q","--clear-needs-check-flag"]
}
END_OF_CONF
}
