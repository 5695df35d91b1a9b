/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The codes of failures, each in one line: its name, its number (never used for another), what it
 * means, and what to do where an error has no better hint of its own. A code is added here alone.
 */
#ifndef BEDPLATE_ERROR_CODES_H
#define BEDPLATE_ERROR_CODES_H

/* clang-format off */
#define BP_ERROR_CODES(X) \
	X(BP_E_NONE, 0, "nothing failed", "nothing is to be done") \
	X(BP_E_FAILED, 1, "no finer code fits: see the errno", "the message and the errno tell more") \
	X(BP_E_USAGE, 2, "the caller's mistake: an argument of the call", "the message names the argument: put it right") \
	X(BP_E_NO_MEMORY, 3, "this process or the kernel has no memory", "free some, and try again") \
	X(BP_E_IO, 4, "reading or writing failed", "the kernel's log names the device: look at that, and at its cables") \
	X(BP_E_CANCELED, 5, "a callback of the caller said stop, or a signal did", "start again when it may go on") \
	X(BP_E_TIMEOUT, 6, "the deadline passed", "--timeout gives more time; what was begun is taken back") \
	X(BP_E_PERMISSION, 7, "not allowed to this user", "run it as root") \
	X(BP_E_NO_DM, 8, "no device-mapper in this kernel, or no control node", "modprobe dm-mod") \
	X(BP_E_NO_DEVICE, 9, "no such mapped device", "bedplate ls lists those there are") \
	X(BP_E_EXISTS, 10, "name, uuid or id is taken", "the cause says by whom: take another, or remove that") \
	X(BP_E_BUSY, 11, "in use: the cause names by whom, where that is known", "end what uses it, or bedplate remove --deferred") \
	X(BP_E_NAME, 12, "a device name or uuid that can't be", "127 bytes at most (uuids 128), no slash, not . or ..") \
	X(BP_E_TABLE, 13, "a table line is wrong: segment and argument say where", "bedplate table --explain LINE tells each word") \
	X(BP_E_UNKNOWN_TARGET, 14, "the kernel has no such target", "bedplate targets lists them; a module may have to be loaded") \
	X(BP_E_UNKNOWN_FEATURE, 15, "the target of this kernel lacks this feature", "leave it out, or use a newer kernel") \
	X(BP_E_NO_BLOCK_DEVICE, 16, "a path or number that is no block device", "lsblk lists those there are") \
	X(BP_E_TOO_SMALL, 17, "a device or file is too small for this", "a larger one, or a shorter segment") \
	X(BP_E_KERNEL, 18, "the kernel refused: its log lines are with the error", "bedplate explain takes those lines") \
	X(BP_E_NOT_METADATA, 19, "a file or device that holds something else", "bedplate probe tells what; look whether it is the right device") \
	X(BP_E_DAMAGED, 20, "metadata is damaged, and the call can't go on", "the format's check tells what, its repair --plan what can be kept") \
	X(BP_E_XML, 21, "XML that can't be restored: the message has the line", "put the line right") \
	X(BP_E_NO_SPACE, 22, "the output has no room", "a larger one; the metadata_size tools tell how large") \
	X(BP_E_POOL_IN_USE, 23, "the pool is active, or its metadata is open elsewhere", "deactivate it, or read its metadata snapshot (-m)") \
	X(BP_E_POOL_STATE, 24, "the pool's mode does not allow this: read-only, failed ...", "bedplate pool status tells which, bedplate explain what to do") \
	X(BP_E_METADATA_EXISTS, 25, "refused to overwrite metadata that holds something", "another output; or zero its first 4 KiB, where nothing on it is needed") \
	X(BP_E_NO_THIN, 26, "the pool has no volume with this id", "bedplate pool list POOL lists them") \
	X(BP_E_UDEV, 27, "udev did not answer within the deadline", "udevadm settle; bedplate cookies lists what is waited for") \
	X(BP_E_FORMAT, 28, "text that is not of the expected form", "the message says where it is not")
/* clang-format on */

#define BP_ERROR_CODE_(name, number, meaning, hint) name = number,

/**
 * enum bp_error_code - What went wrong, for programs. Stable: numbers are never reused.
 *
 * Every failure has a negative errno as return value as well; the code is finer where
 * one errno stands for several causes.
 */
enum bp_error_code { BP_ERROR_CODES(BP_ERROR_CODE_) };

#endif
