/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What changes a device but not its table: name, uuid, messages, geometry. */
#include "core/opts.h"
#include "core/strbuf.h"
#include "dm/device/device.h"

#include <stdio.h>
#include <string.h>

/* A rename is asked for by name: the one the device has in the kernel. */
static int find(struct bp_ctx *ctx, const char *verb, const struct bp_selector *selector,
		struct which *which, struct dm_state *state)
{
	int r = which_resolve(ctx, selector, which);

	if (r == 0)
		r = dm_state(ctx, verb, which, state);
	if (r < 0)
		return r;
	which_settle(which, state);
	strcpy(which->name, state->name);
	return 0;
}

struct undo_rename {
	struct undo undo; /* device: the new name */
	struct which which;
	char old[BP_NAME_SIZE];
};

/* The request may have been done although its answer was lost: both names are looked for. */
static int rename_again(struct bp_ctx *ctx, const struct undo *undo, int64_t deadline)
{
	const struct undo_rename *u = (const struct undo_rename *)undo;
	struct dm_request rq = { .op = OP_RENAME, .text = u->old, .deadline = deadline };
	struct node_change node = {
		.make = u->old,
		.remove = undo->device,
		.major = u->which.major,
		.minor = u->which.minor,
	};
	struct cookie cookie = { .semid = -1 };
	struct which which = u->which;
	struct dm_state state;
	struct dm *dm;
	int r = dm_get(ctx, &dm);

	strcpy(which.name, undo->device);
	if (r == 0)
		r = dm_state(ctx, "undo rename", &which, &state);
	if (r == -ENXIO) { /* the request that was left did it: its nodes remain */
		strcpy(which.name, u->old);
		r = dm_state(ctx, "undo rename", &which, &state);
		if (r == -ENXIO)
			return 0;
	} else if (r == 0) {
		r = udev_order(ctx, dm, "undo rename", &which, &rq, BP_UDEV_PUBLIC, &cookie,
			       &state, NULL);
	}
	return r < 0 ? r : udev_end(ctx, dm, &cookie, &state, &node, deadline);
}

/* Nodes and udev follow the new name; the undo goes back by the device's number. */
static int rename_to(struct bp_ctx *ctx, const char *verb, const struct which *which,
		     const char *new_name, uint32_t policy, int64_t deadline)
{
	struct dm_request rq = { .op = OP_RENAME, .text = new_name, .deadline = deadline };
	struct node_change node = {
		.make = new_name,
		.remove = which->name,
		.major = which->major,
		.minor = which->minor,
	};
	const struct undo undo = { .run = rename_again, .remains = "keeps its new name" };
	struct undo_rename *u;
	struct dm_state state;
	struct cookie cookie;
	struct level level;
	struct dm *dm;
	int r = dm_get(ctx, &dm);

	if (r < 0)
		return r;
	tx_begin(dm, &level);
	u = tx_undo(ctx, dm, sizeof(*u), &undo, new_name);
	if (!u)
		return tx_end(ctx, dm, &level, -ENOMEM);
	strcpy(u->old, which->name);
	u->which = *which;
	r = udev_order(ctx, dm, verb, which, &rq, policy, &cookie, &state, &u->undo);
	if (r == 0)
		r = udev_end(ctx, dm, &cookie, &state, &node, deadline);
	return tx_end(ctx, dm, &level, r);
}

/* Names are mangled as libdevmapper does, so that other tools find the device. */
int bp_device_rename(struct bp_ctx *ctx, const struct bp_selector *selector,
		     const char *new_name, const struct bp_change_opts *opts)
{
	struct bp_change_opts o;
	char mangled[BP_NAME_SIZE];
	struct dm_state state;
	struct which which;
	int r = opts_read(ctx, &o, sizeof(o), opts);

	if (r == 0)
		r = name_new(ctx, new_name, mangled);
	if (r == 0)
		r = find(ctx, "rename", selector, &which, &state);
	return r < 0 ? r
		     : rename_to(ctx, "rename", &which, mangled, o.udev,
				 dm_deadline(o.timeout_ms));
}

/* Names that older tools made without mangling. */
int bp_device_mangle(struct bp_ctx *ctx, const struct bp_selector *selector)
{
	char mangled[BP_NAME_SIZE];
	struct dm_state state;
	struct which which;
	int r = find(ctx, "mangle", selector, &which, &state);

	if (r < 0)
		return r;
	r = bp_name_mangle(ctx, state.name, mangled);
	if (r < 0 || streq(mangled, state.name))
		return r;
	return rename_to(ctx, "mangle", &which, mangled, BP_UDEV_PUBLIC, dm_deadline(0));
}

/* Only once: the kernel never changes a uuid. */
int bp_device_set_uuid(struct bp_ctx *ctx, const struct bp_selector *selector, const char *uuid)
{
	struct dm_request rq = { .op = OP_SET_UUID, .deadline = DEADLINE_NEVER };
	char mangled[BP_UUID_SIZE];
	struct dm_state state;
	struct which which;
	int r = uuid_mangle(ctx, uuid, mangled);

	if (r == 0 && !mangled[0]) {
		bp_fail(ctx, -EINVAL, "uuid: it is empty");
		error_set_code(ctx, BP_E_NAME);
		return -EINVAL;
	}
	if (r == 0)
		r = find(ctx, "set-uuid", selector, &which, &state);
	if (r < 0)
		return r;
	rq.text = mangled;
	r = dm_order(ctx, "set-uuid", &which, &rq, NULL);
	if (r == -EINVAL && state.uuid[0])
		error_set_cause(ctx, "its uuid is '%s'", state.uuid);
	return r;
}

/* --- messages --- */

static bool starts(const char *s, const char *word)
{
	return strncmp(s, word, strlen(word)) == 0;
}

/* Messages that only ask may be sent again where the answer did not fit. */
static uint32_t message_flags(const char *message)
{
	if (starts(message, "@stats_print_clear"))
		return RQ_LARGE_REPLY;
	if (starts(message, "@stats_print") || starts(message, "@stats_list") ||
	    streq(message, "stats") || streq(message, "config"))
		return RQ_REPEATABLE;
	return 0;
}

/* A reply is what the kernel wrote into the buffer; most messages have none. */
static int send_message(struct bp_ctx *ctx, const struct bp_selector *selector,
			struct dm_request *rq, char **ret_reply)
{
	_cleanup_(dm_reply_done) struct dm_reply reply = { 0 };
	struct which which;
	char *copy;
	int r = which_resolve(ctx, selector, &which);

	if (r == 0)
		r = dm_ask(ctx, "message", &which, rq, &reply);
	if (r < 0 || !ret_reply)
		return r;
	copy = strdup(reply.message ? reply.message : "");
	if (!copy)
		return bp_fail_memory(ctx);
	*ret_reply = copy;
	return 0;
}

int bp_device_message(struct bp_ctx *ctx, const struct bp_selector *selector, bp_sector sector,
		      const char *message, int64_t timeout_ms, char **ret_reply)
{
	struct dm_request rq = {
		.op = OP_MESSAGE,
		.flags = message_flags(message),
		.text = message,
		.sector = sector,
		.deadline = dm_deadline(timeout_ms),
	};

	return send_message(ctx, selector, &rq, ret_reply);
}

int device_question(struct bp_ctx *ctx, const struct bp_selector *selector, const char *message,
		    char **ret_reply)
{
	struct dm_request rq = {
		.op = OP_MESSAGE,
		.flags = RQ_REPEATABLE | RQ_ASKS,
		.text = message,
		.deadline = dm_deadline(0),
	};

	return send_message(ctx, selector, &rq, ret_reply);
}

/* --- geometry --- */

static int geometry_range(struct bp_ctx *ctx, const char *what, uint64_t value, uint64_t max)
{
	if (value <= max)
		return 0;
	return bp_fail(ctx, -EINVAL, "geometry: %s %llu: at most %llu", what,
		       (unsigned long long)value, (unsigned long long)max);
}

/* The bounds are the kernel's: 16 bits of cylinders, 8 of the others. */
int bp_device_set_geometry(struct bp_ctx *ctx, const struct bp_selector *selector,
			   uint64_t cylinders, uint64_t heads, uint64_t sectors,
			   bp_sector start_sectors)
{
	struct dm_request rq = { .op = OP_GEOMETRY, .deadline = DEADLINE_NEVER };
	struct which which;
	char text[96];
	int r = geometry_range(ctx, "cylinders", cylinders, 65535);

	if (r == 0)
		r = geometry_range(ctx, "heads", heads, 255);
	if (r == 0)
		r = geometry_range(ctx, "sectors", sectors, 255);
	if (r == 0)
		r = geometry_range(ctx, "start", start_sectors, cylinders * heads * sectors);
	if (r == 0)
		r = which_resolve(ctx, selector, &which);
	if (r < 0)
		return r;
	snprintf(text, sizeof(text), "%llu %llu %llu %llu", (unsigned long long)cylinders,
		 (unsigned long long)heads, (unsigned long long)sectors,
		 (unsigned long long)start_sectors);
	rq.text = text;
	return dm_order(ctx, "setgeometry", &which, &rq, NULL);
}

/* The kernel itself takes this message, in front of any target. */
int bp_device_cancel_remove(struct bp_ctx *ctx, const struct bp_selector *selector)
{
	struct dm_request rq = {
		.op = OP_MESSAGE,
		.text = "@cancel_deferred_remove",
		.deadline = dm_deadline(0),
	};
	struct which which;
	int r = which_resolve(ctx, selector, &which);

	return r < 0 ? r : dm_order(ctx, "cancel-remove", &which, &rq, NULL);
}
