/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Scopes: devices that are gone when their maker is, whatever ended it.
 *
 * A scope has a name and an owner, the process that opened it. Every mapped device made in it, by
 * the owner's context or by processes that it runs, has a uuid that begins with
 * "bedplate-scope:NAME:ID:"; its loop devices have files in a directory of the scope's own. That is
 * how they are known: nothing else is ever touched. The owner's end, by a crash too, ends the
 * scope: bp_scope_gc() then removes what it left, users before used. A child that the owner has
 * forked, and that has not called exec, counts as the owner: it has its lock.
 *
 * Scopes are kept below a state directory: BEDPLATE_STATE_DIR, by default /var/lib/bedplate.
 */
#ifndef BEDPLATE_SCOPE_H
#define BEDPLATE_SCOPE_H

#include <bedplate/bdev.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BP_SCOPE_NAME_SIZE  33  /* with NUL: at most 32 of A-Z a-z 0-9 . _ -, no . or - first */
#define BP_SCOPE_TOKEN_SIZE 512 /* with NUL */
#define BP_SCOPE_ENV        "BEDPLATE_SCOPE"

/**
 * enum bp_scope_flags -
 * @BP_SCOPE_ERROR_TABLES: of an end or gc: where devices stay in use, let their I/O fail, so that
 *	who holds them lets go, and let the kernel remove them when that has happened.
 * @BP_SCOPE_UNOWNED: of gc: also devices whose uuid names a scope that the state directory does
 *	not know. Another state directory may: they may be in use.
 */
enum bp_scope_flags {
	BP_SCOPE_ERROR_TABLES = 1 << 0,
	BP_SCOPE_UNOWNED = 1 << 1,
};

/**
 * struct bp_scope_opts - Zero in a member is its default.
 * @state_dir: absolute; NULL: see above.
 * @flags: enum bp_scope_flags.
 * @timeout_ms: how long what is in use is tried again.
 * @command: of open: what is told of the owner; NULL: its process's name.
 */
struct bp_scope_opts {
	size_t size;
	const char *state_dir;
	uint32_t flags;
	int64_t timeout_ms;
	const char *command;
};

/**
 * bp_scope_open() - Open a scope; what a dead owner left in one of this name is removed first.
 * @ctx: what it makes from now on belongs to the scope: mapped devices, in every call that makes
 *	some, until bp_scope_end() or bp_scope_close(). A context is in one scope at most.
 * @name: see BP_SCOPE_NAME_SIZE.
 * @opts: NULL for the defaults; @timeout_ms: for the leftovers.
 * @ret: free it with bp_scope_close(), before @ctx.
 *
 * Return: 0, -EBUSY (BP_E_BUSY: its owner lives, or leftovers are in use), -EINVAL (BP_E_NAME),
 * -EACCES and others of the state directory.
 */
struct bp_scope;
BP_API int bp_scope_open(struct bp_ctx *ctx, const char *name, const struct bp_scope_opts *opts,
			 struct bp_scope **ret);

/**
 * bp_scope_token() - What processes need to make devices in the scope: the value of the environment
 * variable BP_SCOPE_ENV. Every context that is in no scope of its own heeds it when it makes a
 * device, and fails with -ESTALE (BP_E_CANCELED) once the owner has ended. Lent.
 */
BP_API const char *bp_scope_token(const struct bp_scope *scope);
/* What the uuids of its devices begin with. Lent. */
BP_API const char *bp_scope_uuid_prefix(const struct bp_scope *scope);

/**
 * bp_scope_loop() - A loop device of the scope on a new sparse file.
 * @size_bytes: a multiple of 512, not 0.
 *
 * Return: 0, -EINVAL, -ENODEV (no loop devices in this kernel), -ENOSPC and others of files.
 */
BP_API int bp_scope_loop(struct bp_scope *scope, bp_bytes size_bytes, struct bp_bdev *ret);

/**
 * bp_scope_end() - Remove all that was made in it, users first, then loop devices and their files.
 * @flags, @timeout_ms: as in struct bp_scope_opts.
 *
 * Return: 0: nothing is left, the context is in no scope any more; or -EBUSY (BP_E_BUSY: the cause
 * says who holds what): it can be called again.
 */
BP_API int bp_scope_end(struct bp_scope *scope, uint32_t flags, int64_t timeout_ms);

/* bp_scope_close() - Let go. What has not been ended is left to bp_scope_gc(). NULL is allowed. */
BP_API void bp_scope_close(struct bp_scope *scope);

enum bp_scope_state {
	BP_SCOPE_LIVE,    /* its owner lives */
	BP_SCOPE_DEAD,    /* its owner has ended: for gc */
	BP_SCOPE_UNKNOWN, /* there are devices of it, but the state directory doesn't know it */
};

/**
 * struct bp_scope_info - A scope.
 * @id: told from an earlier one of this name by it.
 * @pid, @command: of the owner, as it was when it opened the scope; 0 and "" where not known.
 * @nr_devices, @nr_loops: mapped devices, and loop devices that have one of its files.
 */
struct bp_scope_info {
	char name[BP_SCOPE_NAME_SIZE], id[9];
	enum bp_scope_state state;
	int32_t pid;
	char command[64];
	uint32_t nr_devices, nr_loops;
};

/**
 * bp_scope_list() - All scopes, by name.
 * @opts: NULL for the defaults.
 * @ret: free it with bp_scope_list_free(). Entries are lent by it.
 *
 * Return: 0, -ENOMEM, or why the directory of scopes can't be read. None is no failure.
 */
struct bp_scope_list;
BP_API int bp_scope_list(struct bp_ctx *ctx, const struct bp_scope_opts *opts,
			 struct bp_scope_list **ret);
BP_API size_t bp_scope_list_count(const struct bp_scope_list *list);
BP_API const struct bp_scope_info *bp_scope_list_get(const struct bp_scope_list *list,
						     size_t index);
BP_API void bp_scope_list_free(struct bp_scope_list *list);

/**
 * typedef bp_scope_gone_fn - What became of a scope whose owner had ended.
 * @r: 0: nothing is left of it; else why not, and bp_errmsg() tells of it. No other call may be
 *	made in the context.
 */
typedef void (*bp_scope_gone_fn)(void *user, const struct bp_scope_info *scope, int r);

/**
 * bp_scope_gc() - Remove what scopes left whose owners have ended.
 * @name: only of this one; NULL: of all.
 * @opts: NULL for the defaults; @timeout_ms: for each scope.
 * @each: called for each such scope, by name; may be NULL.
 *
 * Return: 0, or the first failure; -EBUSY also where @name's owner lives, -ENOENT where there is no
 * such scope.
 */
BP_API int bp_scope_gc(struct bp_ctx *ctx, const char *name, const struct bp_scope_opts *opts,
		       bp_scope_gone_fn each, void *user);

#ifdef __cplusplus
}
#endif

#endif
