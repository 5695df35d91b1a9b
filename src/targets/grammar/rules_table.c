/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What kernels say of tables as a whole, whatever their targets are. The texts are found
 * anywhere in a line: names stand in front, or in the middle.
 * Source: Linux, drivers/md/dm-table.c, dm-ioctl.c.
 */
#include "targets/grammar/rule.h"

/* clang-format off */
const struct rule rules_table[] = {
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
/* clang-format on */
