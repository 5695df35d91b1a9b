/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of pools share. */
#ifndef DM_POOL_POOL_H
#define DM_POOL_POOL_H

#include <bedplate/pool.h>

#include "dm/device/device.h"

struct bp_pool {
	struct bp_ctx *ctx;
	struct which which;
	struct bp_device_info info;
};

/* A pool's live table: its one segment's parameters are lent by @ret_table. */
int pool_table(struct bp_pool *pool, const char *verb, struct bp_table **ret_table,
	       const struct bp_thin_pool **ret_params, bp_sector *ret_sectors);
/* Send a message to the pool. */
int pool_message(struct bp_pool *pool, const char *verb, int64_t deadline, const char *fmt, ...)
	_printf_(4, 5);

/*
 * Every mapped device with one segment, of @target: to @seen, with its table; a result other
 * than 0 ends the walk and is returned. Devices that vanish meanwhile are passed over.
 */
int each_single(struct bp_ctx *ctx, const char *verb, const char *target,
		int (*seen)(void *user, const struct dm_state *state,
			    const struct bp_segment *segment),
		void *user);

/* "MAJOR:MINOR" of a word of a table as the kernel prints it. */
bool devno_parse(const char *word, struct bp_devno *ret);
bool devno_equal(const struct bp_devno *a, const struct bp_devno *b);
#define DEVNO_TEXT 24
const char *devno_text(const struct bp_devno *dev, char *buf);

#endif
