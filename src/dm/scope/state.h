/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where scopes are kept, and whose they are; device/membership.h has the layout. Promised: a
 * scope's directory is there before its first device, and goes after its last.
 */
#ifndef DM_SCOPE_STATE_H
#define DM_SCOPE_STATE_H

#include <bedplate/scope.h>

#include <limits.h>

#include "dm/device/membership.h"

#define STATE_DIR_ENV     "BEDPLATE_STATE_DIR"
#define STATE_DIR_DEFAULT "/var/lib/bedplate"
#define LOOP_FILE         "loop"   /* loop0, loop1 ... */
#define SOCKET_FILE       "socket" /* of a run in it: scope_path() */

/* STATE/scopes. */
struct scopes {
	int fd;
	char state[PATH_MAX - 64]; /* the path of STATE */
};

/*
 * @make: where it is not there. Else -ENOENT is returned and not recorded.
 * NULL as @state_dir: the environment's, or the default.
 */
int scopes_open(struct bp_ctx *ctx, const char *state_dir, bool make, struct scopes *ret);
void scopes_done(struct scopes *scopes);
/* scope_lock_all(), with the failure recorded. */
int scopes_lock(struct bp_ctx *ctx, const struct scopes *scopes);
/* Names of scopes, sorted; free each and the list. */
int scopes_names(struct bp_ctx *ctx, const struct scopes *scopes, char ***ret,
		 size_t *ret_count);
void names_free(char **names, size_t count);

/* One scope's directory; descriptors that could not be opened are -1. */
struct place {
	char name[SCOPE_NAME_SIZE];
	int dir, owner, members;
	struct scope_owner who; /* id "": not known */
};
#define PLACE_NONE                                                                             \
	{                                                                                      \
		.dir = -1, .owner = -1, .members = -1                                          \
	}

/*
 * These three between scopes_lock() and closing what it returned. Open: -ENOENT is not recorded.
 * Take: lock it as owner, in the place of one that has ended; -EBUSY: it has not.
 */
int place_open(struct bp_ctx *ctx, const struct scopes *scopes, const char *name,
	       struct place *ret);
int place_take(struct bp_ctx *ctx, const struct place *place);
int place_make(struct bp_ctx *ctx, const struct scopes *scopes, const char *name,
	       const char *command, struct place *ret);
void place_done(struct place *place);

/*
 * Remove all that is of a scope whose owner's lock we have; its directory as well. Where something
 * stays so does the directory.
 */
int place_clean(struct bp_ctx *ctx, const struct scopes *scopes, struct place *place,
		uint32_t flags, int64_t deadline);
/* All mapped devices of whose (plain) uuid @mine says so. */
typedef bool (*mine_fn)(void *user, const char *uuid);
int devices_clean(struct bp_ctx *ctx, mine_fn mine, void *user, uint32_t flags,
		  int64_t deadline);
/* One of them: @user is a prefix. */
bool begins_with(void *user, const char *uuid);
/* Each file of the scope that may have a loop device: @each until it returns other than 0. */
int place_loops(struct bp_ctx *ctx, const struct scopes *scopes, const struct place *place,
		int (*each)(struct bp_ctx *ctx, const char *path, int fd, void *user),
		void *user);
void place_path(const struct scopes *scopes, const struct place *place, const char *file,
		char ret[PATH_MAX]);
/* Where SOCKET_FILE of a scope belongs: it goes when the scope does. */
void scope_path(const struct bp_scope *scope, const char *file, char ret[PATH_MAX]);
struct bp_ctx *scope_ctx(const struct bp_scope *scope);
/* bp_scope_loop(), and where its file is. */
int scope_loop(struct bp_scope *scope, bp_bytes size_bytes, struct bp_bdev *ret,
	       char path[PATH_MAX]);
/* Where a file of a scope can be kept beyond the scope's end; in the same file system. */
void scope_kept_path(const struct bp_scope *scope, const char *file, char ret[PATH_MAX]);

#endif
