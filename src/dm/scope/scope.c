/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A scope of ours: open, loop devices, end. */
#include "core/opts.h"
#include "dm/device/loop.h"
#include "dm/scope/state.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

struct bp_scope {
	struct bp_ctx *ctx;
	struct scopes scopes;
	struct place place;
	char prefix[SCOPE_PREFIX_SIZE], token[BP_SCOPE_TOKEN_SIZE];
	unsigned nr_loops;
	bool ended;
};

static void scope_freep(struct bp_scope **scope)
{
	bp_scope_close(*scope);
}

/* Only if the context's prefix is still ours: another scope may have been entered since. */
static void leave(struct bp_scope *scope)
{
	struct dm *dm = ctx_room_get(scope->ctx, CTX_ROOM_DM);

	if (dm && streq(dm->uuid_prefix, scope->prefix))
		dm->uuid_prefix[0] = '\0';
}

void bp_scope_close(struct bp_scope *scope)
{
	if (!scope)
		return;
	leave(scope);
	place_done(&scope->place);
	scopes_done(&scope->scopes);
	free(scope);
}

static int refuse_name(struct bp_ctx *ctx, const char *name)
{
	bp_fail(ctx, -EINVAL, "scope '%s': not a name for a scope", name);
	error_set_code(ctx, BP_E_NAME);
	error_set_hint(ctx, "1 to 32 of the characters A-Z a-z 0-9 . _ -, no . or - first");
	return -EINVAL;
}

/* What a dead owner of this name has left goes first. */
static int clean_old(struct bp_ctx *ctx, struct bp_scope *scope, const char *name,
		     const struct bp_scope_opts *opts)
{
	struct place old;
	int all = scopes_lock(ctx, &scope->scopes);
	int r = all < 0 ? all : place_open(ctx, &scope->scopes, name, &old);

	if (all < 0)
		return all;
	if (r == 0)
		r = place_take(ctx, &old);
	close(all);
	if (r == 0)
		r = place_clean(ctx, &scope->scopes, &old, opts->flags,
				dm_deadline(opts->timeout_ms));
	place_done(&old);
	return r == -ENOENT ? 0 : r;
}

/* Under the lock of all scopes: two of one name can't be made at once. */
static int make(struct bp_ctx *ctx, struct bp_scope *scope, const char *name,
		const char *command)
{
	int all = scopes_lock(ctx, &scope->scopes), r;

	if (all < 0)
		return all;
	r = place_make(ctx, &scope->scopes, name, command, &scope->place);
	close(all);
	return r;
}

/* What an earlier one of this name left is cleaned first. */
static int begin(struct bp_ctx *ctx, struct bp_scope *scope, const char *name,
		 const struct bp_scope_opts *opts)
{
	int r = scopes_open(ctx, opts->state_dir, true, &scope->scopes);

	if (r == 0)
		r = clean_old(ctx, scope, name, opts);
	if (r == 0)
		r = make(ctx, scope, name, opts->command);
	if (r < 0)
		return r;
	scope_uuid_prefix(name, scope->place.who.id, scope->prefix);
	if (snprintf(scope->token, sizeof(scope->token), "%s:%s:%s", name, scope->place.who.id,
		     scope->scopes.state) >= (int)sizeof(scope->token))
		return bp_fail(ctx, -ENAMETOOLONG, "state directory '%s': too long a path",
			       scope->scopes.state);
	return 0;
}

/*
 * Its devices are known by a uuid prefix with a random id: another scope of this name has
 * another.
 */
int bp_scope_open(struct bp_ctx *ctx, const char *name, const struct bp_scope_opts *opts,
		  struct bp_scope **ret)
{
	_cleanup_(scope_freep) struct bp_scope *scope = NULL;
	struct bp_scope_opts o;
	struct dm *dm;
	int r = dm_get(ctx, &dm);

	if (r == 0)
		r = opts_read(ctx, &o, sizeof(o), opts);
	if (r < 0)
		return r;
	if (!scope_name_ok(name))
		return refuse_name(ctx, name);
	if (dm->uuid_prefix[0])
		return bp_fail(ctx, -EINVAL, "scope '%s': this context is in a scope already",
			       name);
	scope = calloc(1, sizeof(*scope));
	if (!scope)
		return bp_fail_memory(ctx);
	scope->ctx = ctx;
	scope->scopes.fd = -1;
	scope->place = (struct place)PLACE_NONE;
	r = begin(ctx, scope, name, &o);
	if (r < 0)
		return r;
	strcpy(dm->uuid_prefix, scope->prefix);
	*ret = steal(scope);
	return 0;
}

const char *bp_scope_token(const struct bp_scope *scope)
{
	return scope->token;
}

const char *bp_scope_uuid_prefix(const struct bp_scope *scope)
{
	return scope->prefix;
}

void scope_path(const struct bp_scope *scope, const char *file, char ret[PATH_MAX])
{
	place_path(&scope->scopes, &scope->place, file, ret);
}

struct bp_ctx *scope_ctx(const struct bp_scope *scope)
{
	return scope->ctx;
}

/* Outside of the scope's directory, which goes with it. */
void scope_kept_path(const struct bp_scope *scope, const char *file, char ret[PATH_MAX])
{
	snprintf(ret, PATH_MAX, "%s/overlay-%s-%s-%s", scope->scopes.state, scope->place.name,
		 scope->place.who.id, file);
}

/* --- loop devices --- */

static int fail_file(struct bp_ctx *ctx, const char *path, int r)
{
	bp_fail(ctx, r, "'%s': %s", path, strerrordesc_np(-r));
	error_set_device(ctx, path);
	if (r == -ENOSPC)
		error_set_code(ctx, BP_E_NO_SPACE);
	return r;
}

/* A file first, then its device: found by the file's inode whatever comes between. */
static int attach(struct bp_scope *scope, const char *path, bp_bytes size_bytes,
		  struct dm_loop *ret)
{
	_cleanup_(closep) int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int r;

	if (fd < 0)
		return fail_file(scope->ctx, path, -errno);
	r = ftruncate(fd, (off_t)size_bytes) < 0 ? fail_file(scope->ctx, path, -errno) : 0;
	if (r == 0)
		r = loop_attach(scope->ctx, path, fd, ret);
	if (r < 0)
		unlink(path);
	return r;
}

/* Files lie in the scope's place, so that collecting finds them. */
int scope_loop(struct bp_scope *scope, bp_bytes size_bytes, struct bp_bdev *ret,
	       char path[PATH_MAX])
{
	char file[32], number[32];
	struct dm_loop loop;
	int r;

	if (scope->ended)
		return bp_fail(scope->ctx, -ESTALE, "scope '%s': it has ended",
			       scope->place.name);
	if (!size_bytes || size_bytes % BP_SECTOR_BYTES || size_bytes > INT64_MAX)
		return bp_fail(scope->ctx, -EINVAL, "%llu bytes: not a size for a loop device",
			       (unsigned long long)size_bytes);
	snprintf(file, sizeof(file), LOOP_FILE "%u", scope->nr_loops++);
	place_path(&scope->scopes, &scope->place, file, path);
	r = attach(scope, path, size_bytes, &loop);
	if (r < 0)
		return r;
	snprintf(number, sizeof(number), "%u:%u", loop.major, loop.minor);
	return bp_bdev_get(scope->ctx, number, ret);
}

int bp_scope_loop(struct bp_scope *scope, bp_bytes size_bytes, struct bp_bdev *ret)
{
	char path[PATH_MAX];

	return scope_loop(scope, size_bytes, ret, path);
}

/* --- the end --- */

/* Ended even if the place could not be forgotten: a second call does no harm. */
int bp_scope_end(struct bp_scope *scope, uint32_t flags, int64_t timeout_ms)
{
	int r = 0;

	if (!scope->ended)
		r = place_clean(scope->ctx, &scope->scopes, &scope->place, flags,
				dm_deadline(timeout_ms));
	if (r < 0)
		return r;
	scope->ended = true;
	leave(scope);
	return 0;
}
