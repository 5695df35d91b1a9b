/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reading an active pool through its metadata snapshot. Promises that what was reserved here is
 * released when the command ends, by whatever but SIGKILL of the process that holds it, and that
 * nobody else's snapshot is released.
 */
#include "commands/active.h"

#include "commands/pool.h"

#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#define RELEASE_TIMEOUT_MS 30000

/* --- which pool --- */

static bool open_named(struct cli *cli, const char *name, const char *suffix,
		       struct bp_pool **ret)
{
	char whole[BP_NAME_SIZE];
	const struct bp_selector which = { .name = whole };
	int n = snprintf(whole, sizeof(whole), "%s%s", name, suffix);

	return n > 0 && (size_t)n < sizeof(whole) && bp_pool_open(cli->ctx, &which, ret) == 0;
}

/* "vg/pool" as device-mapper names it: dashes doubled, one between. False: it is no such name. */
static bool mapper_name(const char *text, char ret[BP_NAME_SIZE])
{
	const char *slash = strchr(text, '/');
	size_t n = 0;

	if (!slash || strchr(slash + 1, '/'))
		return false;
	for (; *text && n < BP_NAME_SIZE - 2; text++) {
		ret[n++] = *text == '/' ? '-' : *text;
		if (*text == '-')
			ret[n++] = '-';
	}
	ret[n] = '\0';
	return !*text;
}

/* The pool, or the one whose part it is: "vg-pool_tmeta". */
static bool by_name(struct cli *cli, const char *text, struct bp_pool **ret)
{
	static const char *const prefixes[] = { "/dev/mapper/", "/dev/" };
	static const char *const parts[] = { "_tmeta", "_tdata" };
	char name[BP_NAME_SIZE];
	size_t len;

	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++)
		if (strncmp(text, prefixes[i], strlen(prefixes[i])) == 0) {
			text += strlen(prefixes[i]);
			break;
		}
	if (!mapper_name(text, name) &&
	    (strchr(text, '/') ||
	     (size_t)snprintf(name, sizeof(name), "%s", text) >= sizeof(name)))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		size_t part = strlen(parts[i]);

		len = strlen(name);
		if (len > part && streq(name + len - part, parts[i]))
			name[len - part] = '\0';
	}
	return open_named(cli, name, "-tpool", ret) || open_named(cli, name, "", ret);
}

/* The pool whose metadata lies on this device. */
static bool by_metadata(struct cli *cli, dev_t dev, struct bp_pool **ret)
{
	struct bp_device_list *list;
	bool found = false;

	if (bp_device_list(cli->ctx, &list) < 0)
		return false;
	for (size_t i = 0; !found && i < bp_device_list_count(list); i++) {
		const struct bp_selector which = { .name = bp_device_list_get(list, i)->name };
		struct bp_pool_status status;

		if (bp_pool_open(cli->ctx, &which, ret) < 0)
			continue;
		found = bp_pool_status(*ret, 0, &status) == 0 &&
			status.metadata.major == major(dev) &&
			status.metadata.minor == minor(dev);
		if (!found)
			bp_pool_close(*ret);
	}
	bp_device_list_free(list);
	return found;
}

/* Not active, not ours to ask, or no device-mapper: then it is read as it lies on disk. */
static bool find(struct cli *cli, const char *text, bool devices, struct bp_pool **ret,
		 bool *ret_by_device)
{
	const struct bp_selector which = { .path = text };
	bool there;
	struct stat st;

	*ret_by_device = false;
	for (size_t i = 0; i < cli->pvs.count; i++)
		if (stat(cli->pvs.words[i], &st) < 0 || !S_ISBLK(st.st_mode))
			return false; /* of images nothing is active */
	if (cli->lvm_backup || (!devices && cli->pvs.count))
		return false;
	there = stat(text, &st) == 0;
	if (there && !S_ISBLK(st.st_mode))
		return false;
	if (there && bp_pool_open(cli->ctx, &which, ret) == 0)
		return true;
	if (there) {
		*ret_by_device = true;
		return devices && by_metadata(cli, st.st_rdev, ret);
	}
	return by_name(cli, text, ret);
}

/* --- holding it --- */

/* Readers open nodes by path: the kernel tells numbers only. */
static int node_of(struct cli *cli, const struct bp_devno *dev, char *ret, size_t size)
{
	struct bp_bdev bdev;
	char text[DEVNO_TEXT];
	int r = bp_bdev_get(cli->ctx, devno_text(text, dev->major, dev->minor), &bdev);

	if (r < 0)
		return cli_fail(cli, text, r);
	if (!*bdev.path)
		return cli_failf(cli, text, "'bedplate mknodes' makes nodes that are missing",
				 "the pool's device has no node");
	snprintf(ret, size, "%s", bdev.path);
	return 0;
}

static void tell_foreign(struct cli *cli, const char *name, bp_mblock block)
{
	cli_warn(cli,
		 "pool '%s' has a metadata snapshot already (block %llu), perhaps another "
		 "program's: it is read, however old, and stays; if it is nobody's (a command "
		 "was "
		 "killed), 'bedplate pool release-metadata-snap %s' releases it",
		 name, (unsigned long long)block, name);
}

/* Until the child has ended; signals that would end us are for it. Returns its wait status. */
static int wait_for(pid_t child, const sigset_t *signals)
{
	for (;;) {
		siginfo_t info;
		int status, got = sigwaitinfo(signals, &info);
		pid_t ended;

		if (got > 0 && got != SIGCHLD)
			kill(child, got);
		ended = waitpid(child, &status, WNOHANG);
		if (ended == child || (ended < 0 && errno != EINTR))
			return ended == child ? status : W_EXITCODE(EXIT_FAILED, 0);
	}
}

static _Noreturn void end_as(int status, const sigset_t *before)
{
	if (WIFSIGNALED(status)) {
		signal(WTERMSIG(status), SIG_DFL);
		raise(WTERMSIG(status));
		sigprocmask(SIG_SETMASK, before, NULL);
	}
	exit(WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILED);
}

/* The snapshot is reserved. The child returns from this; the parent does not. */
static int go_on_in_child(struct cli *cli, struct bp_pool *pool, const sigset_t *signals,
			  const sigset_t *before)
{
	pid_t parent = getpid(), child;
	int status, r;

	signal(SIGCHLD, SIG_DFL); /* ignored, it would not come */
	fflush(cli->out);
	fflush(cli->err);
	child = fork();
	if (child == 0) {
		/* Without its holder it would read what nobody keeps. */
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		sigprocmask(SIG_SETMASK, before, NULL);
		return getppid() == parent ? 0 : EXIT_FAILED;
	}
	status = child < 0 ? 0 : wait_for(child, signals);
	r = bp_pool_release_metadata_snap(pool, RELEASE_TIMEOUT_MS);
	if (r < 0)
		cli_fail(cli, bp_pool_device(pool)->name, r);
	if (child < 0)
		return cli_failr(cli, -EAGAIN, NULL, NULL, "cannot make a process");
	bp_pool_close(pool);
	end_as(r < 0 && WIFEXITED(status) ? W_EXITCODE(EXIT_FAILED, 0) : status, before);
}

/*
 * The snapshot must go again whatever happens to the reader: a child goes on with the
 * command, and the parent, which holds these signals, waits for it and releases.
 */
static int reserve(struct cli *cli, struct bp_pool *pool)
{
	static const int all[] = { SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM };
	sigset_t signals, before;
	int r;

	sigemptyset(&signals);
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		sigaddset(&signals, all[i]);
	sigprocmask(SIG_BLOCK, &signals, &before);
	r = bp_pool_reserve_metadata_snap(pool, RELEASE_TIMEOUT_MS, NULL);
	r = r < 0 ? cli_fail(cli, bp_pool_device(pool)->name, r)
		  : go_on_in_child(cli, pool, &signals, &before);
	if (r)
		sigprocmask(SIG_SETMASK, &before, NULL);
	return r;
}

/* Somebody else's snapshot is used as it is, and never released. */
int active_pool_hold(struct cli *cli, struct bp_pool *pool, struct active_pool *ret)
{
	const struct bp_device_info *device = bp_pool_device(pool);
	struct bp_pool_status status;
	int r = bp_pool_status(pool, 0, &status);

	if (r < 0)
		return cli_fail(cli, device->name, r);
	if (strncmp(device->uuid, "LVM-", 4) != 0)
		ret->by_device = true;
	/* What can't change needs no snapshot; what has failed can't make one. */
	if (!status.held_root_mblock && status.mode != BP_POOL_MODE_WRITE &&
	    status.mode != BP_POOL_MODE_OUT_OF_DATA_SPACE)
		return 0;
	r = node_of(cli, &status.metadata, ret->metadata, sizeof(ret->metadata));
	if (r == 0)
		r = node_of(cli, &status.data, ret->data, sizeof(ret->data));
	if (r)
		return r;
	if (!status.held_root_mblock)
		return reserve(cli, pool);
	tell_foreign(cli, device->name, status.held_root_mblock);
	return 0;
}

/* Nothing found is no failure: then the word is a path of metadata. */
int active_pool_read(struct cli *cli, const char *text, bool devices, struct active_pool *ret)
{
	struct bp_pool *pool;
	int r;

	*ret = (struct active_pool){ 0 };
	if (!find(cli, text, devices, &pool, &ret->by_device))
		return 0;
	r = active_pool_hold(cli, pool, ret);
	bp_pool_close(pool);
	return r;
}

/* Where the pool's name is given, readers get its devices instead. */
int active_source(struct cli *cli, struct active_pool *active, const char **pool,
		  struct bp_source_opts *opts)
{
	int r = active_pool_read(cli, *pool, true, active);

	if (r || !*active->metadata)
		return r;
	if (active->by_device)
		*pool = active->metadata;
	opts->snap_path = active->metadata;
	if (!opts->data_path)
		opts->data_path = active->data;
	return 0;
}

/* An empty word stands for the metadata snapshot that the superblock names. */
int active_metadata(struct cli *cli, struct active_pool *active, const char **path,
		    const char **snap)
{
	int r = active_pool_read(cli, *path, false, active);

	if (r || !*active->metadata)
		return r;
	*path = active->metadata;
	*snap = "";
	return 0;
}
