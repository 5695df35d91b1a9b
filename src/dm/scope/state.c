/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See state.h. */
#include "dm/scope/state.h"

#include "core/dir.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>

_Static_assert(BP_SCOPE_NAME_SIZE == SCOPE_NAME_SIZE, "told once to users, once to the room");

#define FORKED_MS 5000

/* A lock that is held too long gets words of its own: waiting longer helps there. */
static int fail(struct bp_ctx *ctx, const char *path, int r)
{
	bp_fail(ctx, r, "'%s': %s", path,
		r == -EWOULDBLOCK ? "another process holds its lock for too long"
				  : strerrordesc_np(-r));
	error_set_device(ctx, path);
	return r;
}

/* Given, by the environment, or the usual one. */
static const char *state_dir_of(const char *given)
{
	const char *from_env = getenv(STATE_DIR_ENV);

	return given ? given : from_env && *from_env ? from_env : STATE_DIR_DEFAULT;
}

/* A directory and those above it, as far as they are missing. */
static int make_path(const char *path)
{
	char part[PATH_MAX];
	size_t len = strlen(path);

	if (len >= sizeof(part))
		return -ENAMETOOLONG;
	memcpy(part, path, len + 1);
	for (size_t i = 1; i <= len; i++)
		if (part[i] == '/' || part[i] == '\0') {
			char c = part[i];

			part[i] = '\0';
			if (mkdir(part, 0755) < 0 && errno != EEXIST)
				return -errno;
			part[i] = c;
		}
	return 0;
}

/* @make: only those that make a scope make the directory. */
int scopes_open(struct bp_ctx *ctx, const char *state_dir, bool make, struct scopes *ret)
{
	const char *dir = state_dir_of(state_dir);
	char path[PATH_MAX];
	int r = 0;

	ret->fd = -1;
	if (dir[0] != '/' || strlen(dir) >= sizeof(ret->state))
		return bp_fail(ctx, -EINVAL, "state directory '%s': not an absolute path", dir);
	strcpy(ret->state, dir);
	snprintf(path, sizeof(path), "%s/scopes", dir);
	if (make)
		r = make_path(path);
	if (r == 0) {
		ret->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		r = ret->fd < 0 ? -errno : 0;
	}
	return r == 0 || (r == -ENOENT && !make) ? r : fail(ctx, path, r);
}

void scopes_done(struct scopes *scopes)
{
	closep(&scopes->fd);
	scopes->fd = -1;
}

/* Held for moments only, by whoever makes, lists or removes. */
int scopes_lock(struct bp_ctx *ctx, const struct scopes *scopes)
{
	int fd = scope_lock_all(scopes->fd);

	return fd < 0 ? fail(ctx, scopes->state, fd) : fd;
}

void names_free(char **names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(names[i]);
	free(names);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Sorted, as readdir() has no order. */
int scopes_names(struct bp_ctx *ctx, const struct scopes *scopes, char ***ret,
		 size_t *ret_count)
{
	int fd = openat(scopes->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	VEC(char *) names = { 0 };
	struct dirent *e;

	if (!d) {
		r = fail(ctx, scopes->state, -errno);
		if (fd >= 0)
			close(fd);
		return r;
	}
	while (r == 0 && (e = dir_next(d, &r))) {
		char *name = scope_name_ok(e->d_name) ? strdup(e->d_name) : NULL;

		if (!scope_name_ok(e->d_name))
			continue;
		r = name ? vec_add(&names, &name) : -ENOMEM;
		if (r < 0)
			free(name);
	}
	closedir(d);
	if (r < 0) {
		names_free(names.items, names.count);
		return fail(ctx, scopes->state, r);
	}
	if (names.count)
		qsort(names.items, names.count, sizeof(char *), by_name);
	*ret = names.items;
	*ret_count = names.count;
	return 0;
}

/* --- one scope --- */

void place_done(struct place *place)
{
	closep(&place->dir);
	closep(&place->owner);
	closep(&place->members);
	place->dir = place->owner = place->members = -1;
}

void place_path(const struct scopes *scopes, const struct place *place, const char *file,
		char ret[PATH_MAX])
{
	snprintf(ret, PATH_MAX, "%s/scopes/%s%s%s", scopes->state, place->name,
		 file[0] ? "/" : "", file);
}

/*
 * An owner file that can't be read is of one that was killed while it was made: the place
 * has no id.
 */
int place_open(struct bp_ctx *ctx, const struct scopes *scopes, const char *name,
	       struct place *ret)
{
	char path[PATH_MAX];

	*ret = (struct place)PLACE_NONE;
	snprintf(ret->name, sizeof(ret->name), "%s", name);
	place_path(scopes, ret, "", path);
	ret->dir = openat(scopes->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (ret->dir < 0)
		return errno == ENOENT ? -ENOENT : fail(ctx, path, -errno);
	ret->owner = openat(ret->dir, "owner", O_RDONLY | O_CLOEXEC);
	ret->members = openat(ret->dir, "members", O_RDONLY | O_CLOEXEC);
	if (ret->owner >= 0 && scope_owner_read(ret->owner, &ret->who) < 0)
		ret->who.id[0] = '\0';
	return 0;
}

/*
 * A child that an owner had just forked when it was killed has the lock, too, until it runs its
 * program or follows its parent: a moment, on which nobody should find the scope alive. Owners
 * of another PID namespace look gone as well: for them the time is lost.
 */
static bool take_from_the_gone(const struct place *place)
{
	bool gone = place->who.pid > 0 && kill(place->who.pid, 0) < 0 && errno == ESRCH;

	return gone && scope_flock(place->owner, LOCK_EX, deadline_in(FORKED_MS)) == 0;
}

/* By flock(): the kernel lets go of it when the owner dies, in whatever way. */
int place_take(struct bp_ctx *ctx, const struct place *place)
{
	if (place->owner < 0 || flock(place->owner, LOCK_EX | LOCK_NB) == 0 ||
	    take_from_the_gone(place))
		return 0;
	bp_fail(ctx, -EBUSY, "scope '%s': its owner lives", place->name);
	error_set_device(ctx, place->name);
	error_set_code(ctx, BP_E_BUSY);
	error_set_cause(ctx, "process %d (%s)", place->who.pid, place->who.command);
	return -EBUSY;
}

/* One line, as "owner" has it. */
static void set_command(const char *command, char *ret, size_t size)
{
	FILE *f = command ? NULL : fopen("/proc/self/comm", "re");

	ret[0] = '\0';
	if (command)
		snprintf(ret, size, "%s", command);
	else if (f && !fgets(ret, (int)size, f))
		ret[0] = '\0';
	if (f)
		fclose(f);
	ret[strcspn(ret, "\n")] = '\0';
}

/* Who we are, into the file that is locked for as long as we live. */
static int sign(struct place *place, const char *command)
{
	char text[128];
	uint32_t random;
	ssize_t written;
	int len;

	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		return -EIO;
	snprintf(place->who.id, sizeof(place->who.id), "%08" PRIx32, random);
	place->who.pid = getpid();
	set_command(command, place->who.command, sizeof(place->who.command));
	len = snprintf(text, sizeof(text), "%s %d %s\n", place->who.id, place->who.pid,
		       place->who.command);
	written = write(place->owner, text, (size_t)len);
	return written == len ? 0 : written < 0 ? -errno : -EIO;
}

/* members before owner: once there is an owner the place counts. */
static int fill_in(struct place *place, const char *command)
{
	place->members = openat(place->dir, "members", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (place->members < 0)
		return -errno;
	place->owner = openat(place->dir, "owner", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (place->owner < 0 || flock(place->owner, LOCK_EX | LOCK_NB) < 0)
		return -errno;
	return sign(place, command);
}

/* What fails leaves no place behind. */
int place_make(struct bp_ctx *ctx, const struct scopes *scopes, const char *name,
	       const char *command, struct place *ret)
{
	char path[PATH_MAX];
	int r;

	*ret = (struct place)PLACE_NONE;
	snprintf(ret->name, sizeof(ret->name), "%s", name);
	place_path(scopes, ret, "", path);
	if (mkdirat(scopes->fd, name, 0755) < 0)
		return fail(ctx, path, -errno);
	ret->dir = openat(scopes->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	r = ret->dir < 0 ? -errno : fill_in(ret, command);
	if (r == 0)
		return 0;
	if (ret->dir >= 0) {
		unlinkat(ret->dir, "members", 0);
		unlinkat(ret->dir, "owner", 0);
	}
	unlinkat(scopes->fd, name, AT_REMOVEDIR);
	place_done(ret);
	return fail(ctx, path, r);
}
