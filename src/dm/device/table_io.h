/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tables on their way to the kernel and back. */
#ifndef DM_DEVICE_TABLE_IO_H
#define DM_DEVICE_TABLE_IO_H

#include <bedplate/table.h>

#include "dm/kernel/engine.h"

/* A table in the kernel's form. Its texts are wiped when it is done with. */
struct load {
	VEC(struct dm_segment) segments;
};
void load_done(struct load *load);
int load_from_table(struct bp_ctx *ctx, const struct bp_table *table, struct load *ret);

/* A reply of OP_TABLE as a table; keys as zeros unless @show_keys. */
int table_from_reply(struct bp_ctx *ctx, const struct dm_reply *reply, bool show_keys,
		     struct bp_table **ret);
void table_freep(struct bp_table **table);

/*
 * Load @table into the inactive slot: @flags are RQ_READ_ONLY, RQ_SECURE, RQ_UNCHECKED, RQ_FRESH.
 * Where the kernel refuses, the error says which segment and argument, as far as its log and
 * pre-flight tell.
 */
int table_load(struct bp_ctx *ctx, const char *verb, const struct which *which,
	       const struct bp_table *table, uint32_t flags, int64_t deadline);
/* -ELOOP where @table would make the device lie on itself. */
int table_refuse_circle(struct bp_ctx *ctx, const char *verb, const struct which *which,
			const struct bp_table *table, bool fresh);
/* bp_device_lies_on() as bp_table_check() needs it. */
enum bp_answer table_lies_on(void *user_ctx, const struct bp_bdev *bdev, const char *device);
/* .runs, .used_as and .is_blank of bp_table_check_opts. */
enum bp_answer table_runs(void *user_ctx, const struct bp_bdev *bdev, const char *target);
enum bp_answer table_used_as(void *user_ctx, const struct bp_bdev *bdev, const char *target,
			     const char *argument, const char *except);
enum bp_answer table_is_blank(void *user_ctx, const struct bp_bdev *bdev);
/* Ask for a device's table; empty where it has none. */
int table_read(struct bp_ctx *ctx, const char *verb, const struct which *which, uint32_t flags,
	       struct bp_table **ret);
/* Find a device by a word of a table, as bp_table_check() and bp_table_equal() need it. */
int table_lookup(void *user_ctx, const char *dev, struct bp_bdev *ret);

#endif
