/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See membership.h. */
#include "dm/device/membership.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>

#define PAUSE_MS 5

static const char name_chars[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";

bool scope_name_ok(const char *name)
{
	size_t len = strlen(name);

	return len > 0 && len < SCOPE_NAME_SIZE && name[0] != '.' && name[0] != '-' &&
	       strspn(name, name_chars) == len;
}

void scope_uuid_prefix(const char *name, const char *id, char ret[SCOPE_PREFIX_SIZE])
{
	snprintf(ret, SCOPE_PREFIX_SIZE, SCOPE_UUID "%s:%s:", name, id);
}

/* "NAME:ID:" at the beginning of @text: what follows it, or NULL. */
static const char *take_name(const char *text, char ret_name[SCOPE_NAME_SIZE],
			     char ret_id[SCOPE_ID_SIZE])
{
	size_t name = strcspn(text, ":"), id;

	if (name >= SCOPE_NAME_SIZE || text[name] != ':')
		return NULL;
	memcpy(ret_name, text, name);
	ret_name[name] = '\0';
	text += name + 1;
	id = strspn(text, "0123456789abcdef");
	if (!scope_name_ok(ret_name) || id != SCOPE_ID_SIZE - 1 || text[id] != ':')
		return NULL;
	memcpy(ret_id, text, id);
	ret_id[id] = '\0';
	return text + id + 1;
}

bool scope_of_uuid(const char *uuid, char ret_name[SCOPE_NAME_SIZE], char ret_id[SCOPE_ID_SIZE])
{
	return strncmp(uuid, SCOPE_UUID, strlen(SCOPE_UUID)) == 0 &&
	       take_name(uuid + strlen(SCOPE_UUID), ret_name, ret_id);
}

/* Polled, as flock() knows no time limit and an alarm would be the whole process's. */
int scope_flock(int fd, int operation, int64_t deadline)
{
	while (flock(fd, operation | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return -errno;
		if (deadline_left(deadline) == 0)
			return -EWOULDBLOCK;
		clock_sleep_ms(PAUSE_MS);
	}
	return 0;
}

/* One lock for all scopes, for the moments in which one is made or ends. */
int scope_lock_all(int scopes_fd)
{
	int fd = openat(scopes_fd, ".lock", O_RDONLY | O_CLOEXEC);
	int r;

	if (fd < 0 && errno == ENOENT)
		fd = openat(scopes_fd, ".lock", O_RDONLY | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	r = scope_flock(fd, LOCK_EX, deadline_in(SCOPE_LOCK_MS));
	if (r < 0) {
		close(fd);
		return r;
	}
	return fd;
}

/* "ID PID COMMAND"; a file without its line's end was not written whole. */
int scope_owner_read(int fd, struct scope_owner *ret)
{
	char text[128];
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
	int at = 0;

	if (n < 0)
		return -errno;
	text[n] = '\0';
	if (n == 0 || text[n - 1] != '\n' ||
	    sscanf(text, "%8[0-9a-f] %" SCNd32 " %n", ret->id, &ret->pid, &at) != 2 || !at)
		return -EBADMSG;
	text[n - 1] = '\0';
	snprintf(ret->command, sizeof(ret->command), "%s", text + at);
	return 0;
}

/* --- joining --- */

struct token {
	char name[SCOPE_NAME_SIZE], id[SCOPE_ID_SIZE];
	const char *dir;
};

/* Its owner has to live, and nobody to be removing it. */
static int is_live(int scope_fd, const struct token *token)
{
	_cleanup_(closep) int fd = openat(scope_fd, "owner", O_RDONLY | O_CLOEXEC);
	struct scope_owner owner;
	int r;

	if (fd < 0)
		return errno == ENOENT ? -ESTALE : -errno;
	r = scope_owner_read(fd, &owner);
	if (r == -EBADMSG || (r == 0 && !streq(owner.id, token->id)))
		return -ESTALE;
	if (r == 0 && flock(fd, LOCK_SH | LOCK_NB) == 0)
		return -ESTALE;
	return r;
}

/*
 * A shared lock on members: collecting takes it alone, so that nothing is made in a scope
 * that ends.
 */
static int hold(int scopes_fd, const struct token *token, int *ret_fd)
{
	_cleanup_(closep) int scope = -1, members = -1;
	int r;

	scope = openat(scopes_fd, token->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (scope >= 0)
		members = openat(scope, "members", O_RDONLY | O_CLOEXEC);
	if (members < 0)
		return errno == ENOENT ? -ESTALE : -errno;
	if (flock(members, LOCK_SH | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? -ESTALE : -errno;
	r = is_live(scope, token);
	if (r == 0)
		*ret_fd = steal_fd(&members);
	return r;
}

/* -ESTALE: the scope ended, and nothing of it may be made any more. */
static int join(struct bp_ctx *ctx, struct dm *dm, const struct token *token)
{
	char prefix[SCOPE_PREFIX_SIZE], path[PATH_MAX];
	_cleanup_(closep) int scopes = -1, all = -1;
	int r = 0;

	snprintf(path, sizeof(path), "%s/scopes", token->dir);
	scopes = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (scopes < 0)
		r = errno == ENOENT ? -ESTALE : -errno;
	if (r == 0) {
		all = scope_lock_all(scopes);
		r = all < 0 ? all : hold(scopes, token, &dm->member_fd);
	}
	if (r < 0) {
		bp_fail(ctx, r, "scope '%s': %s", token->name,
			r == -ESTALE ? "it has ended" : strerrordesc_np(-r));
		error_set_device(ctx, token->name);
		if (r == -ESTALE)
			error_set_code(ctx, BP_E_CANCELED);
		return r;
	}
	scope_uuid_prefix(token->name, token->id, prefix);
	memcpy(dm->uuid_prefix, prefix, sizeof(prefix));
	return 0;
}

/* Children of a scope are its members by BEDPLATE_SCOPE alone. Done once a context. */
static int join_environment(struct bp_ctx *ctx, struct dm *dm)
{
	const char *text = getenv(SCOPE_ENV);
	struct token token;

	if (dm->uuid_prefix[0] || !text || !*text)
		return 0;
	token.dir = take_name(text, token.name, token.id);
	if (!token.dir || token.dir[0] != '/' || strlen(token.dir) > PATH_MAX - 16) {
		bp_fail(ctx, -EINVAL, SCOPE_ENV ": '%s' names no scope", text);
		error_set_hint(ctx, "it is set by 'bedplate scope run'; unset it elsewhere");
		return -EINVAL;
	}
	return join(ctx, dm, &token);
}

/* A uuid that nobody has. */
static int make_up(char ret[2 * sizeof(uint64_t) + 1])
{
	uint64_t random;

	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		return -EIO;
	snprintf(ret, 2 * sizeof(uint64_t) + 1, "%016" PRIx64, random);
	return 0;
}

/*
 * The scope's prefix, then the caller's uuid or a random one: the prefix is what collecting
 * looks for.
 */
int membership_uuid(struct bp_ctx *ctx, struct dm *dm, const char *uuid, char ret[BP_UUID_SIZE])
{
	char own[2 * sizeof(uint64_t) + 1], mangled[BP_UUID_SIZE];
	int r = join_environment(ctx, dm);

	ret[0] = '\0';
	if (r < 0 || (!uuid && !dm->uuid_prefix[0]))
		return r;
	if (!uuid && make_up(own) < 0)
		return bp_fail(ctx, -EIO, "no random numbers to be had for a uuid");
	r = uuid_mangle(ctx, uuid ? uuid : own, mangled);
	if (r < 0)
		return r;
	if (strlen(dm->uuid_prefix) + strlen(mangled) >= BP_UUID_SIZE) {
		bp_fail(ctx, -ENAMETOOLONG, "uuid '%s': too long: %zu bytes at most", uuid,
			(size_t)BP_UUID_SIZE - 1 - strlen(dm->uuid_prefix));
		error_set_code(ctx, BP_E_NAME);
		error_set_hint(ctx, "the scope's name stands in front of it");
		return -ENAMETOOLONG;
	}
	strcpy(ret, dm->uuid_prefix);
	strcat(ret, mangled);
	return 0;
}
