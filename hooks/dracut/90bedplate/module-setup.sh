#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# For dracut: put bedplate into the initrd, and the names under which LVM looks for checkers there.

check() {
	require_binaries bedplate || return 1
	# Where devices are mapped in what the initrd has to mount; else only on request.
	[[ ${hostonly-} || ${mount_needs-} ]] && {
		local device
		# shellcheck disable=SC2154 # dracut's
		for device in "${!host_fs_types[@]}"; do
			[[ $device == /dev/mapper/* || $device == /dev/dm-* ]] && return 0
		done
		return 255
	}
	return 0
}

depends() {
	echo dm
}

installkernel() {
	# Whether or not this system has one loaded at the moment.
	hostonly='' instmods dm_thin_pool dm_cache dm_cache_smq
}

install() {
	local program link tool
	program=$(command -v bedplate) || return 1
	inst_multiple bedplate
	for tool in thin_check thin_dump thin_repair thin_restore cache_check cache_dump \
		cache_repair cache_restore era_check era_dump era_restore; do
		# Only names that are ours on this system as well.
		link=$(command -v "$tool") || continue
		[[ $(readlink -f "$link") == "$(readlink -f "$program")" ]] || continue
		ln_r "$(readlink -f "$program")" "/usr/sbin/$tool"
	done
}
