/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the parts say that several targets share: device-mapper itself, its ioctls, and the
 * library behind the metadata of thin pools, caches, eras and clones.
 * Source: Linux, drivers/md/dm.c, dm-ioctl.c, dm-bufio.c, persistent-data/.
 */
#include "targets/grammar/rule.h"

const char *const rules_shared_prefixes[] = {
	"core",
	"core-rq",
	"ioctl",
	"table",
	"block manager",
	"space map metadata",
	"btree",
	"space map common",
	"space map disk",
	"btree spine",
	"btree-remove",
	"transaction manager",
	"array",
	"bitset",
	"bufio",
	"uevent",
	"io",
	NULL,
};

#define META_CHECK                                                                             \
	"thin_check, cache_check or era_check, on the metadata of a device that is not active"
#define META_REPAIR                                                                            \
	"deactivate the device; then thin_check (cache_check, era_check), and repair into "    \
	"another device"
/* clang-format off */
const struct rule rules_shared[] = {
	LOG_STOP("* validator check failed for block *",
		 "a block of metadata is damaged, or is not metadata: its checksum or its number is wrong", META_CHECK),
	LOG_STOP("validator mismatch *", "a block of metadata is used for two things: the metadata are damaged", META_REPAIR),
	LOG_ACT("unable to allocate new metadata block",
		"the metadata device is full: nothing more can be mapped, and the target becomes read-only",
		"make the metadata device larger, and reload the table (bedplate pool grow)"),
	LOG_STOP("bitmap check failed: *", "a bitmap of the space maps is damaged", META_REPAIR),
	LOG_STOP("index_check failed: *", "the index of the space maps is damaged", META_REPAIR),
	LOG_STOP("array_block_check failed: *", "a block of an array is damaged", META_REPAIR),
	LOG_STOP("node_check failed: *", "a node of a tree is damaged", META_REPAIR),
	LOG_STOP("metadata block out of bounds", "the metadata point behind their own end: they are damaged, or the device was cut", META_REPAIR),
	LOG_STOP("overflow btree is missing an entry", "the counts of blocks are damaged", META_REPAIR),
	LOG_STOP("unable to decrement block", "a block is given up that nobody had: the counts of blocks are damaged", META_REPAIR),
	LOG_STOP("ref count insert failed", "the counts of blocks could not be changed", META_REPAIR),
	LOG_STOP("sm_metadata root too small", "the root of the metadata's space map is damaged", META_REPAIR),
	LOG_STOP("bad btree metadata, max_entries differ", "two nodes of a tree don't fit together: it is damaged", META_REPAIR),
	LOG_STOP("node max_entries mismatch", "two nodes of a tree don't fit together: it is damaged", META_REPAIR),
	LOG_STOP("mismatched value size", "two nodes of a tree don't fit together: it is damaged", META_REPAIR),
	LOG_STOP("couldn't get array block *", "a block of an array can't be read", META_CHECK),
	LOG_STOP("couldn't get reference count for block *", "the counts of blocks can't be read", META_CHECK),
	LOG_STOP("couldn't open metadata space map", "the metadata's own space map can't be opened: it is damaged", META_REPAIR),
	LOG_ACT("couldn't create metadata space map", "new metadata could not be made: the device is too small, or fails", "a larger metadata device, or one that works"),
	LOG_ACT("too many recursive allocations", "the metadata device is nearly full", "make the metadata device larger"),
	LOG_ACT("leaked buffer *", "a fault of the kernel: a buffer of metadata was not given back", "report it to those who made the kernel"),
	LOG_STOP("* mapping table unavailable, erroring io", "I/O came for a device that has no table: it fails", "bedplate resume NAME, after a table is loaded"),
	LOG_ACT("* Forcibly removing mapped_device still in use! *", "a device was removed while somebody used it: his I/O fails", NULL),
	LOG_ACT("remove_all left * open device(s)", "devices that were in use were not removed", "bedplate info -o name,open shows which"),
	LOG_HARMLESS("dm_destroy: * still exists with * references", "a device is going, and waits for those who use it"),
	LOG_ACT("only supply one of name or uuid, cmd(*)", "a program named a device by name and by uuid at once, which the kernel refuses", "name it by one of them; of old programs: a newer version"),
	LOG_ACT("name not supplied when creating device", "a program asked for a device without a name", NULL),
	LOG_ACT("invalid device name", "a device's name has a '/'", "a name without '/'"),
	LOG_ACT("Unable to change * on mapped device * to one that already exists: *", "the new name or uuid is another device's", "another name; bedplate ls shows those that are taken"),
	LOG_ACT("Unable to change uuid of mapped device * because uuid is already set to *", "a device keeps its first uuid for life", NULL),
	LOG_ACT("Unable to rename non-existent device, *", "the device to be renamed is not there", "bedplate ls"),
	LOG_ACT("device has been removed from the dev hash table.", "the device was removed while a table was loaded into it", NULL),
	LOG_ACT("ioctl interface mismatch: *", "the program is made for another version of device-mapper than the kernel has", "a program, or a kernel, of the other's version"),
	LOG_ACT("dm_ctl_ioctl: unknown command *", "this kernel does not know what the program asks for", "a newer kernel"),
	LOG_ACT("populate_table: no targets specified", "an empty table was loaded", "a table with a segment"),
	LOG_ACT("Target message sector outside device.", "a message was sent to a sector behind the end of the device", "sector 0 reaches the first segment"),
	LOG_ACT("Target type does not support messages", "this target takes no messages", "bedplate targets shows what each takes"),
	LOG_ACT("Empty message received.", "a message had no words", NULL),
	LOG_ACT("Invalid target message parameters.", "a message was malformed", NULL),
	LOG_ACT("Failed to split target message parameters", "a message was malformed", NULL),
	LOG_ACT("Unsupported message sent to DM core: *", "a message for device-mapper itself is none that it knows", NULL),
	LOG_ACT("unable to find target", "a message was sent to a place where no target is", NULL),
	LOG_ACT("Invalid geometry supplied.", "the geometry is not four numbers", "bedplate setgeometry NAME CYLINDERS HEADS SECTORS START"),
	LOG_ACT("Unable to interpret geometry settings.", "the geometry is not four numbers", "bedplate setgeometry NAME CYLINDERS HEADS SECTORS START"),
	LOG_ACT("Geometry exceeds range limits.", "a number of the geometry is too large", NULL),
	LOG_ACT("Start sector is beyond the geometry limits.", "the geometry's start is behind its end", NULL),
	LOG_ACT("Invalid new mapped device name or uuid string supplied.", "the new name or uuid is empty or too long", NULL),
	LOG_ACT("Preresume method failed: *", "a target could not start: its own line in front of this says why", NULL),
	LOG_HARMLESS("cleaned up", "device-mapper was unloaded"),
	LOG_HARMLESS("* initialised: *", "device-mapper was started"),
	LOG_HARMLESS("* is ready", "a device was made while the kernel started"),
	LOG_HARMLESS("version *", "device-mapper was started"),
	{ NULL },
};
/* clang-format on */
