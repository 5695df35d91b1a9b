/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Steps that several verbs are made of. */
#ifndef DM_DEVICE_DEVICE_H
#define DM_DEVICE_DEVICE_H

#include "dm/device/nodes.h"
#include "dm/device/table_io.h"

/*
 * Resume, and see to the device's node unless @change->make is NULL. @rq_flags: of the suspend by
 * which the kernel takes a loaded table in where the device is not suspended yet. @ret may be NULL.
 */
int step_resume(struct bp_ctx *ctx, const char *verb, const struct which *which,
		const struct node_change *change, uint32_t rq_flags, uint32_t policy,
		int64_t deadline, struct dm_state *ret);
/*
 * Suspend, within a transaction; @ret_undo: what resumes it again, to be disarmed by whoever has
 * resumed it. May be NULL.
 */
int step_suspend(struct bp_ctx *ctx, const char *verb, const struct which *which,
		 uint32_t rq_flags, int64_t deadline, struct undo **ret_undo);
/*
 * Remove with the node of @kernel_name, once. @deferred: let the kernel do it later if it must;
 * set to whether it does.
 */
int step_remove(struct bp_ctx *ctx, const char *verb, const struct which *which,
		const char *kernel_name, bool *deferred, int64_t deadline);

/*
 * Numbers of a stack's devices into @ret, which has room for all, those below first: those that a
 * table means by node or number. -ELOOP where one lies on itself.
 */
struct bp_stack;
int stack_order(struct bp_ctx *ctx, struct dm *dm, const struct bp_stack *stack, size_t *ret);

/*
 * A list of @count entries, to be filled in and, at the end, brought into its order, by kernel
 * name. NULL: no memory.
 */
struct bp_device_list *device_list_new(size_t count, struct bp_device_entry **ret_entries);
void device_list_sort(struct bp_device_list *list);

/* A message that only asks: it is sent in a plan too. free() the answer. */
int device_question(struct bp_ctx *ctx, const struct bp_selector *selector, const char *message,
		    char **ret_reply);

/* Apply a read-ahead as struct bp_create_opts has it. */
int read_ahead_apply(struct bp_ctx *ctx, struct dm *dm, const struct dm_state *state,
		     uint32_t sectors, bool minimum);

/*
 * Change a live table: load, suspend unless it is, resume; a failure puts the old one back.
 * @state: as it is before. @rq_flags: of the load and the suspend.
 */
int reload(struct bp_ctx *ctx, const char *verb, const struct which *which,
	   const struct dm_state *state, const struct bp_table *table, uint32_t rq_flags,
	   int64_t deadline);

#endif
