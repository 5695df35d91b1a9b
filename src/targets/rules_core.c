/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What kernels say of tables as a whole, and of the small targets.
 * Source: Linux, drivers/md/dm-table.c, dm-ioctl.c and the targets' own files.
 */
#include "targets/rules.h"

/* clang-format off */

/* Found anywhere in a line: names stand in front, or in the middle. */
const struct rule rules_core[] = {
	{ "singleton target type must appear alone in table", NULL,
	  "this target must be the only segment of its table", "one segment" },
	{ "must appear alone in table", NULL,
	  "this target must be the only segment of its table", "one segment" },
	{ "target type may not be included in a read-only table", NULL,
	  "this target can't be read-only", "a table that may be written" },
	{ "immutable target type cannot be mixed with other target types", NULL,
	  "this target can't be mixed with others", "segments of this target only" },
	{ "can't replace immutable target type", NULL,
	  "the live device keeps its target and can't become anything else",
	  "the same target, or a new device" },
	{ "can't change device type", NULL,
	  "a live device keeps its way of passing on I/O, by requests or by bios",
	  "the same queue_mode, or a new device" },
	{ "Unknown error", NULL, "the target gave no reason", NULL },
	{ "Gap in table", "start", "each segment must begin where the one before ends, the first at 0",
	  "start of the segment = end of the one before" },
	{ "couldn't split parameters", NULL, "the kernel has no memory for it",
	  "free memory, and try again" },
	{ "zero-length target", "length", "the segment is empty", "1 or more" },
	{ "too large device", "length", "a device ends at sector 18014398509481983 at most",
	  "a smaller start or length" },
	{ "unknown target type", NULL, "this kernel has no such target, and no module for it",
	  "load its module, or see which targets there are" },
	{ "too small for target", NULL, "a device is smaller than what is used of it",
	  "a smaller offset or length, or a larger device" },
	{ "not aligned to h/w logical block size", NULL,
	  "offset and length must be multiples of the device's logical block",
	  "multiples of the logical block" },
	{ "Cannot calculate initial queue limits", NULL,
	  "the devices' limits don't fit together: the line in front of this says which", NULL },
	{ "unable to set up device queue", NULL,
	  "the devices' limits don't fit together: the line in front of this says which", NULL },
	{ "preresume failed", NULL,
	  "the target could not start at resume: its own line in front of this says why", NULL },
	{ "error adding target to table", NULL, "the line in front of this says why", NULL },
	{ NULL },
};

const struct rule rules_linear[] = {
	{ "Invalid argument count", NULL, "linear has two arguments", "DEV OFFSET" },
	RULE_NO_MEMORY("Cannot allocate linear context"),
	RULE_SECTOR("Invalid device sector", "offset_sectors"),
	RULE_NO_DEVICE("Device lookup failed", "dev"),
	{ NULL },
};

const struct rule rules_striped[] = {
	{ "Not enough arguments", NULL, "striped has three arguments at least",
	  "#STRIPES CHUNK (DEV OFFSET)..." },
	RULE_COUNT("Invalid stripe count", "nr_legs"),
	{ "Invalid chunk_size", "chunk_sectors", "a chunk must be a number of sectors", "1 to 4294967295" },
	{ "Target length not divisible by number of stripes", "length",
	  "the length must be the same number of sectors on each stripe",
	  "a multiple of the number of stripes" },
	{ "Target length not divisible by chunk size", "length",
	  "the length of each stripe must be whole chunks",
	  "a multiple of number of stripes times chunk" },
	{ "Not enough destinations specified", "nr_legs", "each stripe is a device and an offset",
	  "as many pairs of device and offset as were announced" },
	RULE_NO_MEMORY("Memory allocation for striped context failed"),
	{ "Couldn't parse stripe destination", "legs",
	  "each device must exist and be free, each offset be a number of sectors", "DEV OFFSET" },
	{ NULL },
};

const struct rule rules_zero[] = {
	{ "No arguments required", NULL, "zero has no arguments", "none" },
	{ NULL },
};

const struct rule rules_error[] = {
	RULE_NO_MEMORY("Cannot allocate io_err context"),
	RULE_SECTOR("Invalid device sector", "limits.offset_sectors"),
	RULE_NO_DEVICE("Device lookup failed", "limits.dev"),
	{ NULL },
};

const struct rule rules_delay[] = {
	{ "Invalid device sector", "read.offset_sectors",
	  "an offset must be a number of 512-byte sectors", "decimal digits, without sign or unit" },
	{ "Invalid delay", "read.delay_ms", "a delay must be a number of milliseconds",
	  "0 to 4294967295" },
	RULE_NO_DEVICE("Device lookup failed", "read.dev"),
	{ "Requires exactly 3, 6 or 9 arguments", NULL,
	  "delay has three arguments each for reads, writes and flushes, or fewer of those",
	  "DEV OFFSET MS, once, twice or three times" },
	RULE_NO_MEMORY("Cannot allocate context"),
	{ NULL },
};

#define FLAKEY_TWICE(word) \
	{ "Feature " #word " duplicated", #word, "the word is given twice", "once" }

const struct rule rules_flakey[] = {
	RULE_COUNT("Invalid number of feature args", "#features"),
	{ "Invalid corrupt bio byte", "corrupt_bio_byte.nth_byte", "the byte's number must be 1 or more",
	  "1 to 4294967295" },
	{ "Invalid corrupt value to write into bio byte (0-255)", "corrupt_bio_byte.value",
	  "the value must be a byte", "0 to 255" },
	{ "Invalid corrupt bio flags mask", "corrupt_bio_byte.bio_flags", "the mask must be a number",
	  "0 for all bios" },
	RULE_COUNT("Insufficient feature arguments", "#features"),
	FLAKEY_TWICE(drop_writes),
	{ "Feature drop_writes conflicts with feature error_writes", "drop_writes",
	  "drop_writes and error_writes exclude each other", "one of them" },
	FLAKEY_TWICE(error_writes),
	{ "Feature error_writes conflicts with feature drop_writes", "error_writes",
	  "drop_writes and error_writes exclude each other", "one of them" },
	{ "Feature corrupt_bio_byte requires parameters", "corrupt_bio_byte",
	  "corrupt_bio_byte has four values", "corrupt_bio_byte NTH r|w VALUE FLAGS" },
	{ "Invalid corrupt bio direction (r or w)", "corrupt_bio_byte.direction",
	  "the direction is of reads or writes", "r or w" },
	{ "Unrecognised flakey feature requested", "#features",
	  "the word is none of the features of this kernel",
	  "drop_writes, error_writes, error_reads, corrupt_bio_byte ..." },
	{ "drop_writes is incompatible with corrupt_bio_byte with the WRITE flag set", "drop_writes",
	  "writes can't be dropped and corrupted", "corrupt_bio_byte ... r ..., or no drop_writes" },
	{ "error_writes is incompatible with corrupt_bio_byte with the WRITE flag set", "error_writes",
	  "writes can't fail and be corrupted", "corrupt_bio_byte ... r ..., or no error_writes" },
	{ "Invalid up interval", "up_seconds", "it must be a number of seconds", "0 to 4294967295" },
	{ "Invalid down interval", "down_seconds", "it must be a number of seconds",
	  "0 to 4294967295" },
	{ "Invalid argument count", NULL, "flakey has four arguments at least",
	  "DEV OFFSET UP DOWN" },
	RULE_NO_MEMORY("Cannot allocate context"),
	RULE_SECTOR("Invalid device sector", "offset_sectors"),
	{ "Total (up + down) interval is zero", "up_seconds", "one of the intervals must not be 0",
	  "1 or more" },
	{ "Interval overflow", "up_seconds", "both intervals together are too long",
	  "4294967295 at most, together" },
	RULE_NO_DEVICE("Device lookup failed", "dev"),
	{ "Invalid random corrupt argument", "random_read_corrupt_ppb",
	  "the probability is in parts of 1000000000", "0 to 1000000000" },
	FLAKEY_TWICE(error_reads),
	{ "Feature random_read_corrupt requires a parameter", "random_read_corrupt_ppb",
	  "random_read_corrupt has a value", "random_read_corrupt PROBABILITY" },
	{ "Feature random_write_corrupt requires a parameter", "random_write_corrupt_ppb",
	  "random_write_corrupt has a value", "random_write_corrupt PROBABILITY" },
	FLAKEY_TWICE(corrupt_bio_byte),
	{ "Feature corrupt_bio_byte requires 4 parameters", "corrupt_bio_byte",
	  "corrupt_bio_byte has four values", "corrupt_bio_byte NTH r|w VALUE FLAGS" },
	{ "Feature random_read_corrupt duplicated", "random_read_corrupt_ppb",
	  "the word is given twice", "once" },
	{ "Feature random_write_corrupt duplicated", "random_write_corrupt_ppb",
	  "the word is given twice", "once" },
	{ "drop_writes is incompatible with random_write_corrupt or corrupt_bio_byte with the WRITE "
	  "flag set", "drop_writes", "writes can't be dropped and corrupted", "one of them" },
	{ "error_writes is incompatible with random_write_corrupt or corrupt_bio_byte with the WRITE "
	  "flag set", "error_writes", "writes can't fail and be corrupted", "one of them" },
	{ "error_reads is incompatible with random_read_corrupt or corrupt_bio_byte with the READ "
	  "flag set", "error_reads", "reads can't fail and be corrupted", "one of them" },
	{ NULL },
};

const struct rule rules_dust[] = {
	{ "Invalid argument count", NULL, "dust has three arguments", "DEV OFFSET BLOCK" },
	{ "Invalid block size parameter", "block_bytes", "it must be a number of bytes",
	  "a power of two, 512 or more" },
	{ "Block size must be at least 512", "block_bytes", "a block has 512 bytes or more",
	  "a power of two, 512 or more" },
	{ "Block size must be a power of 2", "block_bytes", "a block must be a power of two",
	  "a power of two, 512 or more" },
	{ "Block size is too large", "block_bytes", "a block must not be longer than the segment",
	  "a smaller block" },
	RULE_SECTOR("Invalid device offset sector", "offset_sectors"),
	RULE_NO_MEMORY("Cannot allocate context"),
	RULE_NO_DEVICE("Device lookup failed", "dev"),
	{ NULL },
};

const struct rule rules_ebs[] = {
	{ "Invalid argument count", NULL, "ebs has three or four arguments",
	  "DEV OFFSET EMULATED [UNDERLYING]" },
	RULE_NO_MEMORY("Cannot allocate ebs context"),
	RULE_SECTOR("Invalid device offset sector", "offset_sectors"),
	{ "Invalid emulated block size", "emulated_sectors",
	  "the emulated block must be a power of two sectors, a page at most", "1, 2, 4 or 8" },
	{ "Invalid underlying block size", "underlying_sectors",
	  "the underlying block must be a power of two sectors", "a power of two" },
	RULE_NO_DEVICE("Device lookup failed", "dev"),
	{ "Invalid retrieved underlying block size", "underlying_sectors",
	  "the device's own logical block can't be used", "a power of two, given" },
	{ "Device offset must be multiple of underlying block size", "offset_sectors",
	  "the offset must be whole underlying blocks", "a multiple of underlying_sectors" },
	RULE_NO_MEMORY("Cannot create dm bufio client"),
	{ NULL },
};

const struct rule rules_log_writes[] = {
	{ "Invalid argument count", NULL, "log-writes has two arguments", "DEV LOG_DEV" },
	RULE_NO_MEMORY("Cannot allocate context"),
	RULE_NO_DEVICE("Device lookup failed", "dev"),
	RULE_NO_DEVICE("Log device lookup failed", "log_dev"),
	RULE_NO_MEMORY("Couldn't alloc kthread"),
	{ NULL },
};

const struct rule rules_unstriped[] = {
	{ "Invalid number of arguments", NULL, "unstriped has five arguments",
	  "#STRIPES CHUNK STRIPE DEV OFFSET" },
	RULE_NO_MEMORY("Memory allocation for unstriped context failed"),
	{ "Invalid stripe count", "nr_stripes", "it must be a number", "1 or more" },
	{ "Invalid chunk_size", "chunk_sectors", "a chunk must be a number of sectors",
	  "1 to 4294967295" },
	{ "Invalid stripe number", "stripe", "it must be a number", "from 0" },
	{ "Please provide stripe between [0, # of stripes]", "stripe", "there is no such stripe",
	  "0 to the number of stripes less 1" },
	RULE_NO_DEVICE("Couldn't get striped device", "dev"),
	RULE_SECTOR("Invalid striped device offset", "offset_sectors"),
	{ "Target length not divisible by chunk size", "length", "the length must be whole chunks",
	  "a multiple of the chunk" },
	{ "Failed to set max io len", "chunk_sectors", "the chunk is too large", "a smaller chunk" },
	{ NULL },
};

const struct rule rules_switch[] = {
	{ "Region table too large", "region_sectors", "there are more regions than the kernel can hold",
	  "a larger region" },
	RULE_NO_MEMORY("Cannot allocate region table"),
	RULE_NO_DEVICE("Device lookup failed", "paths.dev"),
	RULE_SECTOR("Invalid device starting offset", "paths.offset_sectors"),
	RULE_COUNT("Invalid number of paths", "nr_paths"),
	{ "Invalid region size", "region_sectors", "a region must be a number of sectors",
	  "1 to 4294967295" },
	{ "Invalid number of optional args", NULL, "switch has no options", "0" },
	{ "Incorrect number of path arguments", "nr_paths", "each path is a device and an offset",
	  "as many pairs of device and offset as were announced" },
	RULE_NO_MEMORY("Cannot allocate redirection context"),
	{ NULL },
};

const struct rule rules_zoned[] = {
	RULE_NO_DEVICE("Get target device failed", "devs"),
	{ "Invalid regular device", "devs", "the regular device's zones must fit the metadata", NULL },
	{ "First device must be a regular device", "devs", "the first of several devices is regular",
	  "a device without zones first" },
	{ "Too many regular devices", "devs", "there is one regular device at most",
	  "one device without zones" },
	{ "Too many zoned devices", "devs", "there are too many devices", "fewer devices" },
	{ "Partial mapping is not supported", "length", "the segment must be the whole device",
	  "the device's size" },
	{ "Primary disk is not a regular device", "devs", "the first of several devices is regular",
	  "a device without zones first" },
	{ "Secondary disk is not a zoned device", "devs", "all devices but the first are zoned",
	  "zoned devices" },
	{ "Zone nr sectors mismatch", "devs", "all zoned devices must have zones of one size",
	  "devices with the same zones" },
	{ "Disk is not a zoned device", "devs", "a single device must be zoned", "a zoned device" },
	{ "Invalid argument count", "devs", "zoned needs a device", "DEV..." },
	RULE_NO_MEMORY("Unable to allocate the zoned target descriptor"),
	RULE_NO_MEMORY("Unable to allocate the zoned device descriptors"),
	RULE_NO_MEMORY("Unable to allocate the dm device descriptors"),
	{ "Metadata initialization failed", "devs", "the devices have no metadata of dm-zoned",
	  "devices formatted with dmzadm" },
	RULE_NO_MEMORY("Create BIO set failed"),
	RULE_NO_MEMORY("Create chunk workqueue failed"),
	RULE_NO_MEMORY("Create flush workqueue failed"),
	RULE_NO_MEMORY("Zone reclaim initialization failed"),
	{ NULL },
};
/* clang-format on */
