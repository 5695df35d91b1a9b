/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Outputs that are written from front to end, and the comparison of outputs with inputs. It does
 * not know what is written, nor buffer it: pieces should be large.
 */
#include "io/output.h"

#include "core/opts.h"

#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* --- is it what is read? --- */

/* The file below a loop device, by what the kernel says; false where @st is none. */
static bool loop_file(const struct stat *st, struct stat *ret)
{
	char name[80], path[PATH_MAX];
	size_t len;
	FILE *f;

	if (!S_ISBLK(st->st_mode))
		return false;
	snprintf(name, sizeof(name), "/sys/dev/block/%u:%u/loop/backing_file",
		 major(st->st_rdev), minor(st->st_rdev));
	f = fopen(name, "re");
	if (!f)
		return false;
	len = fread(path, 1, sizeof(path) - 1, f);
	fclose(f);
	path[len] = '\0';
	path[strcspn(path, "\n")] = '\0';
	return stat(path, ret) == 0;
}

static bool same(const struct stat *a, const struct stat *b)
{
	if (S_ISBLK(a->st_mode) && S_ISBLK(b->st_mode))
		return a->st_rdev == b->st_rdev;
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* What has neither descriptor nor name is no file that could be met again. */
static bool stat_of(int fd, const char *path, struct stat *ret)
{
	return fd >= 0 ? fstat(fd, ret) == 0 : path && stat(path, ret) == 0;
}

int output_refuse_input(struct bp_ctx *ctx, int fd, const char *input, const char *output)
{
	struct stat in, out, below;

	if (!stat_of(fd, input, &in) || !stat_of(-1, output, &out))
		return 0;
	/* One terminal or /dev/null may be both. */
	if (!S_ISREG(in.st_mode) && !S_ISBLK(in.st_mode))
		return 0;
	if (!same(&in, &out) && !(loop_file(&in, &below) && same(&below, &out)) &&
	    !(loop_file(&out, &below) && same(&in, &below)))
		return 0;
	bp_fail(ctx, -EINVAL, "%s: output and input are the same", output);
	error_set_code(ctx, BP_E_USAGE);
	error_set_argument(ctx, 0, "output", output);
	return -EINVAL;
}

/* --- writing --- */

struct bp_output {
	struct bp_ctx *ctx;
	char *path;   /* as given */
	char *target; /* KIND_FILE: what will be replaced, links followed */
	char *beside; /* KIND_FILE: where it is written; NULL while it has no name */
	char *partial;
	enum {
		KIND_FILE,   /* beside, then renamed */
		KIND_DEVICE, /* a block device */
		KIND_STREAM, /* as it is */
	} kind;
	struct stat before; /* what was there */
	bool exists;
	int fd;
	int error;
	struct error_state *said; /* of @error */
};

static int fail(struct bp_output *o, int r, const char *doing)
{
	o->error = bp_fail(o->ctx, r, "%s: cannot %s: %s", *o->path ? o->path : "''", doing,
			   strerror(-r));
	error_set_device(o->ctx, o->path);
	if (r == -EBUSY)
		error_set_hint(o->ctx, "a device in use is not written to");
	o->said = error_save(o->ctx);
	return r;
}

/* A name of a descriptor that is open already: to rename over it would miss its reader. */
static bool is_descriptor(const char *path)
{
	return strncmp(path, "/dev/std", 8) == 0 || strncmp(path, "/dev/fd/", 8) == 0 ||
	       strncmp(path, "/proc/", 6) == 0;
}

/* Where a link leads whose end isn't there yet: it is made there. NULL: errno says why not. */
static char *end_of_links(const char *path)
{
	char *at = strdup(path), *next, to[PATH_MAX];
	ssize_t n;

	while (at && (n = readlink(at, to, sizeof(to) - 1)) >= 0) {
		const char *slash = strrchr(at, '/');
		int dir = to[0] == '/' || !slash ? 0 : (int)(slash - at) + 1;

		to[n] = '\0';
		if (asprintf(&next, "%.*s%s", dir, at, to) < 0)
			next = NULL;
		free(at);
		at = next;
	}
	return at;
}

/*
 * What is there decides how it is written: a file is replaced whole, a device and a pipe
 * are written in place. A link is followed, so that it stays a link.
 */
static int look(struct bp_output *o)
{
	o->exists = stat(o->path, &o->before) == 0;
	if (!o->exists && (errno != ENOENT || !*o->path))
		return fail(o, -errno, "look at it");
	if (!o->exists || S_ISREG(o->before.st_mode)) {
		o->kind = is_descriptor(o->path) ? KIND_STREAM : KIND_FILE;
		o->target = o->exists ? realpath(o->path, NULL) : end_of_links(o->path);
		return o->target ? 0 : fail(o, -errno, "open for writing");
	}
	if (S_ISDIR(o->before.st_mode))
		return fail(o, -EISDIR, "open for writing");
	o->kind = S_ISBLK(o->before.st_mode) ? KIND_DEVICE : KIND_STREAM;
	return 0;
}

/* A directory that isn't there is better told before long work than after it. */
static int look_at_directory(struct bp_output *o)
{
	_cleanup_(freep) char *copy = o->target ? strdup(o->target) : NULL;

	if (o->kind != KIND_FILE)
		return 0;
	if (!copy)
		return bp_fail_memory(o->ctx);
	return access(dirname(copy), X_OK) < 0 ? fail(o, -errno, "open for writing") : 0;
}

/*
 * Nothing is opened yet: the work before the first byte may fail, and then nothing was
 * touched.
 */
int bp_output_new(struct bp_ctx *ctx, const char *path, const struct bp_output_opts *opts,
		  struct bp_output **ret)
{
	_cleanup_(freep) struct bp_output *o = calloc(1, sizeof(*o));
	struct bp_output_opts known;
	int r = opts_read(ctx, &known, sizeof(known), opts);

	for (const char *const *in = known.inputs; r == 0 && in && *in; in++)
		r = output_refuse_input(ctx, -1, *in, path);
	if (r < 0)
		return r;
	if (o)
		*o = (struct bp_output){ .ctx = ctx, .fd = -1, .path = strdup(path) };
	if (!o || !o->path)
		return bp_fail_memory(ctx);
	r = look(o);
	if (r == 0)
		r = look_at_directory(o);
	if (r == 0) {
		*ret = steal(o);
		return 0;
	}
	r = bp_output_error(o, r);
	bp_output_free(steal(o));
	return r;
}

/*
 * Without a name until it is whole: whoever is killed leaves nothing behind. Not every file system
 * can do it, and it gets its name by /proc.
 */
static int open_nameless(struct bp_output *o)
{
	_cleanup_(freep) char *copy = strdup(o->target);

	if (!copy)
		return -ENOMEM;
	if (access("/proc/self/fd", X_OK) < 0)
		return -errno;
	/* Read, too: where it can't get a name after all, it is copied. */
	o->fd = open(dirname(copy), O_RDWR | O_TMPFILE | O_CLOEXEC, o->exists ? 0600 : 0666);
	return o->fd < 0 ? -errno : 0;
}

/* Make a file of a new name beside the target: by @make, 0 or -errno. */
static int name_beside(struct bp_output *o, int (*make)(struct bp_output *o))
{
	for (unsigned i = 0; i < 100; i++) {
		int r;

		if (asprintf(&o->beside, "%s.%d.%u", o->target, (int)getpid(), i) < 0) {
			o->beside = NULL;
			return -ENOMEM;
		}
		r = make(o);
		if (r == 0)
			return 0;
		free(steal(o->beside));
		if (r != -EEXIST)
			return r;
	}
	return -EEXIST;
}

static int create(struct bp_output *o)
{
	o->fd = open(o->beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
		     o->exists ? 0600 : 0666);
	return o->fd < 0 ? -errno : 0;
}

static int give_name(struct bp_output *o)
{
	char link[40];

	snprintf(link, sizeof(link), "/proc/self/fd/%d", o->fd);
	return linkat(AT_FDCWD, link, AT_FDCWD, o->beside, AT_SYMLINK_FOLLOW) < 0 ? -errno : 0;
}

/* Permissions as what is replaced has them. */
static int permit(const struct bp_output *o)
{
	/*
	 * Its owner may be another's to give away: then it is ours, and no more open than before.
	 */
	if (o->exists && fchown(o->fd, o->before.st_uid, o->before.st_gid) == 0)
		return fchmod(o->fd, o->before.st_mode & 07777) < 0 ? -errno : 0;
	return o->exists && fchmod(o->fd, o->before.st_mode & 0777) < 0 ? -errno : 0;
}

/* A new file in the target's directory, with the permissions that it will need. */
static int open_beside(struct bp_output *o)
{
	int r = open_nameless(o);

	if (r < 0)
		r = name_beside(o, create);
	return r < 0 ? r : permit(o);
}

/*
 * A directory that lets nobody make files in it: an existing file that may be written is
 * then written in place, as a last way; it is not safe from an interruption.
 */
static int begin(struct bp_output *o)
{
	int flags = O_WRONLY | O_CLOEXEC, r = 0;

	if (o->kind == KIND_FILE) {
		r = open_beside(o);
		if (r == 0 || !o->exists || (r != -EACCES && r != -EPERM && r != -EROFS))
			return r < 0 ? fail(o, r, "open for writing") : 0;
		o->kind = KIND_STREAM;
		flags |= O_TRUNC;
	}
	if (o->kind == KIND_DEVICE)
		flags |= O_EXCL;
	o->fd = open(o->path, flags);
	return o->fd < 0 ? fail(o, -errno, "open for writing") : 0;
}

/*
 * The first failure stays: later calls answer it, so that a writer may look once, at its
 * end.
 */
int bp_output_write(void *output, const char *text, size_t len)
{
	struct bp_output *o = output;
	int r = o->error;

	if (r == 0 && o->fd < 0)
		r = begin(o);
	while (r == 0 && len > 0) {
		ssize_t n = write(o->fd, text, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail(o, -errno, "write");
		text += n;
		len -= (size_t)n;
	}
	return r;
}

int bp_output_error(struct bp_output *output, int r)
{
	if (r < 0 && r == output->error && output->said)
		error_restore(output->ctx, steal(output->said));
	return r;
}

/* --- the end --- */

/* A new file that a power cut leaves short lacks its end; one in another's place may not. */
static int flush(struct bp_output *o)
{
	bool replaces = o->kind == KIND_FILE && o->exists && o->before.st_size > 0;

	if (o->kind != KIND_DEVICE && !replaces)
		return 0;
	return fdatasync(o->fd) < 0 ? fail(o, -errno, "flush") : 0;
}

/* In the kernel, without going through our memory. */
static int copy_from(const struct bp_output *o, int from)
{
	off_t at = 0;
	ssize_t n;

	do
		n = sendfile(o->fd, from, &at, 1 << 30);
	while (n > 0 || (n < 0 && errno == EINTR));
	return n < 0 ? -errno : 0;
}

/*
 * The whole of it has a name from now on. File systems may have files without one that can't be
 * given any: then it is written once more.
 */
static int get_name(struct bp_output *o)
{
	int r = name_beside(o, give_name), from = o->fd;

	if (r == 0)
		return 0;
	o->fd = -1;
	r = name_beside(o, create);
	if (r == 0)
		r = permit(o);
	if (r == 0)
		r = copy_from(o, from);
	close(from);
	return r < 0 ? fail(o, r, "write") : 0;
}

static int put_in_place(struct bp_output *o, const char *place)
{
	if (o->kind != KIND_FILE)
		return 0;
	if (rename(o->beside, place) < 0)
		return fail(o, -errno, "put it in its place");
	free(steal(o->beside));
	return 0;
}

static int finish(struct bp_output *o, const char *place)
{
	int r = o->error, fd;

	if (r == 0 && o->fd < 0)
		r = begin(o); /* nothing was written: an empty file it is */
	if (r == 0 && o->kind == KIND_FILE && !o->beside)
		r = get_name(o);
	if (r == 0)
		r = flush(o);
	fd = steal_fd(&o->fd);
	if (fd >= 0 && close(fd) < 0 && r == 0)
		r = fail(o, -errno, "write");
	if (r == 0)
		r = put_in_place(o, place);
	return bp_output_error(o, r);
}

int bp_output_commit(struct bp_output *output)
{
	return finish(output, output->target);
}

/*
 * What is incomplete never takes the place of something: beside it, as PATH.partial, where
 * there was a file with content.
 */
int bp_output_commit_partial(struct bp_output *output, const char **ret_path)
{
	bool aside = output->kind == KIND_FILE && output->exists && output->before.st_size > 0;
	int r;

	if (aside && asprintf(&output->partial, "%s.partial", output->target) < 0) {
		output->partial = NULL;
		return bp_fail_memory(output->ctx);
	}
	r = finish(output, aside ? output->partial : output->target);
	if (r == 0)
		*ret_path = output->partial ? output->partial : output->path;
	return r;
}

/* Without a commit before, the file beside is removed and the old one is as it was. */
void bp_output_free(struct bp_output *output)
{
	if (!output)
		return;
	if (output->fd >= 0)
		close(output->fd);
	if (output->beside)
		unlink(output->beside);
	free(output->path);
	free(output->target);
	free(output->beside);
	free(output->partial);
	error_state_free(output->said);
	free(output);
}
