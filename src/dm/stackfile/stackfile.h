/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Inside of stacks from files: what parse.c reads, compare.c compares, apply.c makes. */
#ifndef DM_STACKFILE_STACKFILE_H
#define DM_STACKFILE_STACKFILE_H

#include <bedplate/stackfile.h>

#include "dm/device/device.h"

#define STACK_UUID "bedplate-stack:"

struct file_loop {
	char *name, *path;
	bp_bytes size_bytes;
};

struct file_device {
	char *name, *uuid;
	bool read_only, use_minor;
	uint32_t minor;
	struct bp_table *table; /* "@NAME" of devices are paths already, of loop devices not */
};

struct bp_stackfile {
	struct bp_ctx *ctx; /* of its parsing */
	char name[BP_STACK_NAME_SIZE];
	VEC(struct file_loop) loops;
	VEC(struct file_device) devices;
};

/* What is there of a loop device. */
struct live_loop {
	bool exists, grows, attached;
	struct dm_loop loop; /* where attached */
};

/* What is to become of a mapped device. */
struct live_device {
	bool create, reload, resume, shrinks;
	struct dm_state state;  /* unless create */
	struct bp_table *table; /* as described, with numbers for loop devices that have one */
	struct bp_table *live;  /* NULL: none */
};

/* A description beside what is there. */
struct comparison {
	struct bp_ctx *ctx;
	struct dm *dm;
	const struct bp_stackfile *file;
	struct live_loop *loops;            /* one for each of the file */
	struct live_device *devices;        /* likewise */
	size_t *order;                      /* numbers of devices, those below first */
	VEC(struct bp_device_info) surplus; /* of the stack, but not of the file */
};

int compare(struct bp_ctx *ctx, const struct bp_stackfile *file, struct comparison *ret);
/* Is the device, by its uuid in the kernel, one of the stack? */
int stack_owns(struct bp_ctx *ctx, struct dm *dm, const struct bp_stackfile *file,
	       const char *kernel_uuid, bool *ret);
/* The steps of it, as they are told. */
int changes_of(const struct comparison *c, struct bp_stack_changes **ret);
int changes_new(struct bp_ctx *ctx, struct bp_stack_changes **ret);
int changes_add(struct bp_ctx *ctx, struct bp_stack_changes *changes,
		enum bp_stack_change_kind kind, const char *name, const char *before,
		const char *after);
void comparison_done(struct comparison *c);
/* Ask for a loop device and its file. */
int loop_look(struct bp_ctx *ctx, const struct file_loop *loop, struct live_loop *ret);
/* Put the numbers of loop devices that have one into copies of the tables. */
int resolve_tables(struct comparison *c);

#endif
