/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What makes a device one of a scope (scope.h), and how processes that its owner runs take part.
 *
 * A scope is a directory, STATE/scopes/NAME, with two files that are locked (flock): "owner" by the
 * owner, while it lives; "members" by every context of another process that makes devices in it,
 * shared. Who looks whether a lock is held, or takes one, holds STATE/scopes/.lock meanwhile.
 * Promised: once both locks could be taken for a removal, no process makes another device of the
 * scope.
 */
#ifndef DM_DEVICE_MEMBERSHIP_H
#define DM_DEVICE_MEMBERSHIP_H

#include "dm/kernel/engine.h"

#define SCOPE_NAME_SIZE   33
#define SCOPE_ID_SIZE     9
#define SCOPE_UUID        "bedplate-scope:"
#define SCOPE_ENV         "BEDPLATE_SCOPE"
#define SCOPE_PREFIX_SIZE (sizeof(SCOPE_UUID) + SCOPE_NAME_SIZE + SCOPE_ID_SIZE)

/* At most so long is one of the short locks waited for. */
#define SCOPE_LOCK_MS 10000

bool scope_name_ok(const char *name);
/* "bedplate-scope:NAME:ID:" */
void scope_uuid_prefix(const char *name, const char *id, char ret[SCOPE_PREFIX_SIZE]);
/* Which scope a device's uuid says it is of: false for those of none. */
bool scope_of_uuid(const char *uuid, char ret_name[SCOPE_NAME_SIZE],
		   char ret_id[SCOPE_ID_SIZE]);

/* flock() by a deadline: 0, -EWOULDBLOCK (it is held), -errno. */
int scope_flock(int fd, int operation, int64_t deadline);
/* The lock of all scopes below @scopes_fd: a descriptor that holds it, or -errno. */
int scope_lock_all(int scopes_fd);

/* What stands in "owner". */
struct scope_owner {
	char id[SCOPE_ID_SIZE];
	int32_t pid;
	char command[64];
};
/* 0, or -errno: -EBADMSG where it was not written to its end. */
int scope_owner_read(int fd, struct scope_owner *ret);

/*
 * The uuid in the kernel of a device that is to be made with @uuid (NULL: none): as it is, or of
 * the scope that the context is in: its own, or the environment's, which it joins. "": none.
 */
int membership_uuid(struct bp_ctx *ctx, struct dm *dm, const char *uuid,
		    char ret[BP_UUID_SIZE]);

#endif
