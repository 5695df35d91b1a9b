/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Walking what the kernel writes behind its ioctl header: nothing in it is trusted. */
#ifndef DM_KERNEL_REPLY_H
#define DM_KERNEL_REPLY_H

#include "dm/kernel/ops.h"

/* What of the header the walk of the data needs. */
struct reply_data {
	const void *data; /* behind the header */
	size_t len;
	uint32_t nr_targets; /* of a table or status */
	bool has_data;       /* of a message: there is an answer */
};

/*
 * Decode the answer to @op into @reply. 0, -ENOMEM, or -EPROTO: the data is not what this op's
 * answer looks like (an offset or text beyond its end, a walk that does not advance).
 */
int reply_decode(enum dm_op op, const struct reply_data *in, struct dm_reply *reply);

/* Layouts, checked against the kernel's header in ops_ioctl.c. */
enum {
	REPLY_SPEC_SIZE = 40,   /* u64 start, u64 length, s32 status, u32 next, char type[16] */
	REPLY_SPEC_TYPE = 16,   /* bytes of type */
	REPLY_DEPS_SIZE = 8,    /* u32 count, u32 padding, u64 dev[] */
	REPLY_LIST_NAME = 12,   /* u64 dev, u32 next, char name[] */
	REPLY_VERSION_NAME = 16 /* u32 next, u32 version[3], char name[] */
};

#endif
