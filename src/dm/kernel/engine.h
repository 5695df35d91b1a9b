/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Between the public calls and the seam: which device is meant, one request, and what to say
 * when it fails.
 */
#ifndef DM_KERNEL_ENGINE_H
#define DM_KERNEL_ENGINE_H

#include <bedplate/udev.h>

#include "core/context.h"
#include "dm/kernel/ops.h"
#include "dm/kernel/transaction.h"

struct plan;

/* What the dm room keeps in a context. */
struct dm {
	const struct dm_ops *ops;
	void *self;
	bool opened;
	char mapper_dir[BP_NODE_SIZE - BP_NAME_SIZE];
	struct plan *plan; /* not NULL: look ahead, change nothing */
	const struct dm_ops
		*real;       /* of a plan that has no kernel to ask (plan_alone()); else NULL */
	struct dm_ops alone; /* and what it asks instead */
	bool udev_probed;
	const char *udev_why_not; /* NULL: it runs */
	struct bp_udev_opts udev; /* of bp_udev_use(); zeros: nothing of that */
	struct transaction tx;
	char uuid_prefix[BP_UUID_SIZE]; /* of all it makes: device/membership.h; "": none */
	int member_fd;                  /* keeps the scope of others that it makes it in; -1 */
	uint64_t log_seen; /* kernel lines up to this number belong to earlier failures */
};

/* The context's own, made on first need. Does not open anything. */
int dm_get(struct bp_ctx *ctx, struct dm **ret);
/* Give a context another kernel than the real one, before its first call. Owns @take_self. */
int dm_plug(struct bp_ctx *ctx, const struct dm_ops *ops, void *take_self);

/*
 * A device as it is asked for: by kernel name, uuid (name "") or number (both ""). @raw is the
 * name as given where that differs: asked for if the mangled one is not there.
 */
struct which {
	char name[BP_NAME_SIZE], raw[BP_NAME_SIZE], uuid[BP_UUID_SIZE];
	uint32_t major, minor;
	char label[BP_NODE_SIZE]; /* for messages: as the caller named it */
};
int which_resolve(struct bp_ctx *ctx, const struct bp_selector *selector, struct which *ret);
/* The device that a reply was about, by number. Keeps the label. */
void which_settle(struct which *which, const struct dm_state *state);

/*
 * One request about a device (NULL: about none). On failure the error is recorded: @verb is
 * what the caller's user asked for. dm_call() with @rq's device filled in from @which.
 */
int dm_ask(struct bp_ctx *ctx, const char *verb, const struct which *which,
	   struct dm_request *rq, struct dm_reply *reply);
/* The same for a request whose reply is only its state; @ret may be NULL. */
int dm_order(struct bp_ctx *ctx, const char *verb, const struct which *which,
	     struct dm_request *rq, struct dm_state *ret);
/* Ask for a device's state. */
int dm_state(struct bp_ctx *ctx, const char *verb, const struct which *which,
	     struct dm_state *ret);

/* "MAPPER_DIR/NAME" of a kernel name. */
void dm_node_path(const struct dm *dm, const char *kernel_name, char *ret);
void dm_info_from_state(const struct dm *dm, const struct dm_state *state,
			struct bp_device_info *ret);

/* The limit of a call: 0 is the default. */
int64_t dm_deadline(int64_t timeout_ms);

/* Explain a failed request in the context's error. @since_us: when it began. Returns @r. */
int explain(struct bp_ctx *ctx, struct dm *dm, const char *verb, const struct which *which,
	    const struct dm_request *rq, int r, int64_t since_us);
/*
 * Add to the error what the rules of the targets say of its kernel lines: cause, hint, and where
 * @table (NULL: none) was being loaded the segment and the argument.
 */
void explain_kernel_log(struct bp_ctx *ctx, const struct bp_table *table);
/* Attach what the kernel has logged about a device (major 0: any) since then. */
void kernel_log_attach(struct bp_ctx *ctx, struct dm *dm, int64_t since_us, uint32_t major,
		       uint32_t minor);
/* Add to the error who holds a device open; sets its cause. */
void holders_explain(struct bp_ctx *ctx, struct dm *dm, uint32_t major, uint32_t minor);
/* Refuse a block device that somebody uses: -EBUSY, who it is as the cause, and @hint. Else 0. */
struct bp_bdev;
int holders_refuse(struct bp_ctx *ctx, const struct bp_bdev *bdev, const char *hint);

/* Decode a kernel name or uuid: every \xNN. @ret has room for as much as @name has. */
void name_decode(const char *name, char *ret, size_t size);
/* Encode as udev needs it. 0, -EINVAL (mixed), -ENAMETOOLONG. */
int name_encode(const char *name, char *ret, size_t size);
/* bp_name_mangle() for a name that is to be given: -EINVAL also for what would harm others. */
int name_new(struct bp_ctx *ctx, const char *name, char *ret);
int uuid_mangle(struct bp_ctx *ctx, const char *uuid, char ret[static BP_UUID_SIZE]);

/* --- plan.c --- */

/* Does this context only look ahead? */
bool planning(const struct dm *dm);
/*
 * There is no kernel to ask, which failed with @r: the plan goes on as if there were no devices,
 * which is told by a warning. Until bp_plan_take().
 */
void plan_alone(struct bp_ctx *ctx, struct dm *dm, int r);
/* Note a step. Texts are copied; NULL is "". */
int plan_note(struct bp_ctx *ctx, struct dm *dm, const char *verb, const char *device,
	      const char *detail);
/* Note a request instead of sending it, after checking that it could be sent. */
int plan_request(struct bp_ctx *ctx, struct dm *dm, const char *verb, const struct which *which,
		 const struct dm_request *rq, struct dm_reply *reply);
void plan_free(struct plan *plan);

#endif
