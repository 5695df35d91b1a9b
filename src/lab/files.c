/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The private directory of a run: everything the guest gets, and everything it leaves. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/util.h"
#include "lab/lab.h"

extern char **environ;

/* The first reason stays: what follows follows from it. Always -1, for "return lab_why()". */
int lab_why(struct lab *lab, const char *fmt, ...)
{
	va_list args;

	if (lab->result->why[0])
		return -1;
	va_start(args, fmt);
	vsnprintf(lab->result->why, sizeof(lab->result->why), fmt, args);
	va_end(args);
	return -1;
}

/* As lab_why(). */
int lab_hint(struct lab *lab, const char *fmt, ...)
{
	va_list args;

	if (lab->result->hint[0])
		return -1;
	va_start(args, fmt);
	vsnprintf(lab->result->hint, sizeof(lab->result->hint), fmt, args);
	va_end(args);
	return -1;
}

/*
 * Paths of the directory become words of a kernel command line and of shell scripts: take a
 * base that needs no quoting, and leaves room for a socket's path (108 bytes).
 */
static bool usable(const char *base)
{
	return base && base[0] == '/' && strlen(base) < 70 &&
	       !base[strcspn(base, " \t\n\"'\\,$`=:")] && access(base, W_OK | X_OK) == 0;
}

/* The kernel's command line has the path: it must be short and plain. */
static int make_dir(struct lab *lab)
{
	const char *const bases[] = { getenv("TMPDIR"), "/tmp", "/var/tmp" };
	int error = ENOENT;

	for (size_t i = 0; i < ARRAY_SIZE(bases); i++) {
		if (!usable(bases[i]))
			continue;
		snprintf(lab->dir, sizeof(lab->dir), "%s/bedplate-lab.XXXXXX", bases[i]);
		if (mkdtemp(lab->dir))
			return 0;
		error = errno;
	}
	lab->dir[0] = '\0';
	lab_why(lab, "cannot make a directory for the run in TMPDIR, /tmp or /var/tmp: %s",
		strerror(error));
	return lab_hint(lab, "set TMPDIR to a writable directory with a short, plain path");
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	remove(path);
	return 0;
}

void lab_files_remove(struct lab *lab)
{
	if (lab->dir[0])
		nftw(lab->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	lab->dir[0] = '\0';
}

static void path_of(const struct lab *lab, const char *name, char path[LAB_LONG_PATH])
{
	snprintf(path, LAB_LONG_PATH, "%s/%s", lab->dir, name);
}

/* The failure is told here; NULL then. */
FILE *lab_file_create(struct lab *lab, const char *name, mode_t mode)
{
	char path[LAB_LONG_PATH];
	FILE *file = NULL;
	int fd;

	path_of(lab, name, path);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	if (fd >= 0)
		file = fdopen(fd, "w");
	if (!file)
		lab_why(lab, "cannot write %s: %s", path, strerror(errno));
	return file;
}

/* Close what lab_file_create() gave, and notice a full disk. */
static int close_file(struct lab *lab, const char *name, FILE *file)
{
	bool bad = ferror(file);

	if (fclose(file) != 0 || bad)
		return lab_why(lab, "cannot write %s/%s: %s", lab->dir, name, strerror(errno));
	return 0;
}

/* Of a longer file the last @max bytes: a console's end says why it ended. */
char *lab_file_read(struct lab *lab, const char *name, size_t max, size_t *ret_len)
{
	char path[LAB_LONG_PATH], *text = NULL;
	FILE *file;
	long size;
	size_t len = 0;

	path_of(lab, name, path);
	file = fopen(path, "re");
	if (!file)
		return NULL;
	if (fseek(file, 0, SEEK_END) == 0 && (size = ftell(file)) >= 0) {
		len = (size_t)size < max ? (size_t)size : max;
		text = malloc(len + 1);
		if (text && fseek(file, -(long)len, SEEK_END) == 0) {
			len = fread(text, 1, len, file);
			text[len] = '\0';
		}
	}
	fclose(file);
	if (ret_len)
		*ret_len = len;
	return text;
}

/* One word of a shell script. */
static void print_quoted(FILE *file, const char *text)
{
	putc('\'', file);
	for (; *text; text++) {
		if (*text == '\'')
			fputs("'\\''", file);
		else
			putc(*text, file);
	}
	putc('\'', file);
}

static bool starts_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* But for its letter. */
static const char *disk_node(const struct lab *lab)
{
	return lab->opts->kernel == LAB_UML ? "/dev/ubd" : "/dev/vd";
}

/* The caller's environment, with what the guest changes in it. */
static void print_environment(struct lab *lab, FILE *file)
{
	bool uml = lab->opts->kernel == LAB_UML;
	const char *path = getenv("PATH"), *tmpdir = getenv("TMPDIR");

	for (char **e = environ; *e; e++) {
		if (starts_with(*e, "PATH=") || starts_with(*e, "TMPDIR=") ||
		    starts_with(*e, "LAB_") || starts_with(*e, "DM_") ||
		    starts_with(*e, "MODPROBE_OPTIONS="))
			continue;
		putc(' ', file);
		print_quoted(file, *e);
	}
	fprintf(file, " PATH=%s/bin:", uml ? lab->dir : "/run/lab");
	print_quoted(file, path && *path ? path : "/usr/bin:/bin");
	fputs(":/usr/sbin:/sbin TMPDIR=", file);
	if (lab->opts->private_tmp)
		tmpdir = "/tmp";
	else if (!uml)
		tmpdir = "/run/tmp";
	print_quoted(file, tmpdir && *tmpdir ? tmpdir : "/tmp");
	/* For programs that run /sbin/modprobe whatever PATH says, as LVM does. */
	fprintf(file, " 'MODPROBE_OPTIONS=-d %s/modules'", uml ? lab->dir : "/run");
	fprintf(file, " DM_DISABLE_UDEV=1 LAB=%s LAB_DISKS=%zu", uml ? "uml" : "qemu",
		lab->opts->nr_disks);
	/* This machine's is of its own devices, and not for everybody. */
	if (!getenv("BEDPLATE_STATE_DIR"))
		fputs(" BEDPLATE_STATE_DIR=/run/bedplate-state", file);
	for (size_t i = 0; i < lab->opts->nr_disks; i++)
		fprintf(file, " LAB_DISK%zu=%s%c", i, disk_node(lab), (char)('a' + i));
	for (size_t i = 0; i < lab->opts->nr_mounts; i++) {
		fprintf(file, " LAB_MOUNT%zu=", i);
		print_quoted(file, lab->opts->mounts[i]);
	}
}

/* What is on the disks before the command; what fails is the lab's failure. */
static void print_disks(struct lab *lab, FILE *file)
{
	fprintf(file,
		"PATH=/usr/sbin:/usr/bin:/sbin:/bin\nexport PATH\n"
		"failed() { echo \"bedplate: the lab: $*\" >&2; exit %d; }\n"
		"make() { said=$(\"mkfs.$1\" \"$2\" 2>&1 < /dev/null) ||\n"
		"	failed \"mkfs.$1: $(echo \"$said\" | sed '/^Usage/,$d')\"; }\n"
		"put() { case $2 in /run/*) mkdir -p \"$2\" ;; esac\n"
		"	[ -d \"$2\" ] || failed \"'$2' is no directory: make it, or take one "
		"in /run\"\n"
		"	mount \"$1\" \"$2\" || failed \"'$2': not mounted\"; }\n",
		LAB_EXIT_FAILED);
	for (size_t i = 0; lab->opts->fs && i < lab->opts->nr_disks; i++)
		if (lab->opts->disks[i].empty)
			fprintf(file, "make %s %s%c\n", lab->opts->fs, disk_node(lab),
				(char)('a' + i));
	for (size_t i = 0; i < lab->opts->nr_mounts; i++) {
		fprintf(file, "put %s%c ", disk_node(lab), (char)('a' + i));
		print_quoted(file, lab->opts->mounts[i]);
		putc('\n', file);
	}
}

/* Images that are kept are to be clean; what is busy stays to the guest's end. */
static void print_unmounts(struct lab *lab, FILE *file)
{
	fputs("rc=$?\ncd /\n", file);
	for (size_t i = lab->opts->nr_mounts; i-- > 0;) {
		fputs("umount ", file);
		print_quoted(file, lab->opts->mounts[i]);
		fputs(" 2> /dev/null\n", file);
	}
	fputs("exit $rc\n", file);
}

/* The command as a script: env sets its surroundings and reports a command that is not there.
 */
static int make_command(struct lab *lab, const char *cwd)
{
	FILE *file = lab_file_create(lab, "cmd", 0755);

	if (!file)
		return -1;
	fputs("#!/bin/sh\n", file);
	if (lab->opts->fs || lab->opts->nr_mounts)
		print_disks(lab, file);
	if (!lab->opts->nr_mounts)
		fputs("exec ", file);
	fputs("/usr/bin/env -i -C ", file);
	print_quoted(file, cwd);
	print_environment(lab, file);
	if (strchr(lab->opts->argv[0], '=')) /* env would take it for a variable */
		fputs(" /bin/sh -c 'exec \"$@\"' sh", file);
	for (const char *const *arg = lab->opts->argv; *arg; arg++) {
		putc(' ', file);
		print_quoted(file, *arg);
	}
	putc('\n', file);
	if (lab->opts->nr_mounts)
		print_unmounts(lab, file);
	return close_file(lab, "cmd", file);
}

static int make_file(struct lab *lab, const char *name, mode_t mode, const void *content,
		     size_t size)
{
	FILE *file = lab_file_create(lab, name, mode);

	if (!file)
		return -1;
	fwrite(content, 1, size, file);
	return close_file(lab, name, file);
}

static int make_text(struct lab *lab, const char *name, mode_t mode, const char *text)
{
	return make_file(lab, name, mode, text, strlen(text));
}

/* An image that is kept: made the first time. */
static int make_image(struct lab *lab, struct lab_disk *disk)
{
	int fd = open(disk->path, O_RDWR | O_CREAT | O_CLOEXEC, 0666), r = 0;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		r = -1;
	else if (S_ISREG(st.st_mode) && st.st_size == 0)
		r = ftruncate(fd, (off_t)disk->size_bytes);
	if (r < 0)
		lab_why(lab, "disk '%s' of %llu bytes: %s", disk->path,
			(unsigned long long)disk->size_bytes, strerror(errno));
	disk->empty = r == 0 && S_ISREG(st.st_mode) && lseek(fd, 0, SEEK_DATA) < 0;
	if (fd >= 0)
		close(fd);
	return r;
}

static int link_disk(struct lab *lab, const struct lab_disk *disk, const char *path)
{
	char *real = realpath(disk->path, NULL);
	int r = real && access(real, R_OK | W_OK) == 0 ? symlink(real, path) : -1;

	free(real);
	return r < 0 ? lab_why(lab, "disk '%s': %s", disk->path, strerror(errno)) : 0;
}

/* Of a given image the guest sees a link, so that its name needs no quoting. */
static int make_disk(struct lab *lab, size_t nr)
{
	struct lab_disk *disk = &lab->opts->disks[nr];
	char path[LAB_LONG_PATH], name[16];
	int fd, r;

	snprintf(name, sizeof(name), "disk%zu", nr);
	path_of(lab, name, path);
	if (disk->path) {
		r = disk->size_bytes ? make_image(lab, disk) : 0;
		return r < 0 ? r : link_disk(lab, disk, path);
	}
	disk->empty = true;
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	r = fd >= 0 ? ftruncate(fd, (off_t)disk->size_bytes) : -1;
	if (r < 0)
		lab_why(lab, "disk %zu of %llu bytes: %s", nr,
			(unsigned long long)disk->size_bytes, strerror(errno));
	if (fd >= 0)
		close(fd);
	return r;
}

/* All that the guest finds when it starts. */
int lab_files_make(struct lab *lab)
{
	bool uml = lab->opts->kernel == LAB_UML;
	char *cwd = getcwd(NULL, 0);
	int r = -1;

	if (!cwd)
		lab_why(lab, "cannot tell the current directory: %s", strerror(errno));
	else if (make_dir(lab) == 0)
		r = make_text(lab, "cwd", 0644, cwd);
	for (size_t i = 0; r == 0 && i < lab->opts->nr_disks; i++)
		r = make_disk(lab, i);
	if (r == 0)
		r = make_command(lab, cwd);
	free(cwd);
	if (r == 0)
		r = make_text(lab, "init", 0755,
			      uml ? lab_guest_init_uml : lab_guest_init_qemu);
	if (r == 0 && uml)
		r = make_file(lab, LAB_PRELOAD, 0755, lab_guest_xstate, lab_guest_xstate_size);
	/* There from the start, so that they can be watched. */
	if (r == 0)
		r = make_text(lab, "out", 0644, "");
	if (r == 0)
		r = make_text(lab, "err", 0644, "");
	if (r == 0 && lab->opts->private_tmp)
		r = make_text(lab, "tmp", 0644, "");
	return r < 0 ? r : lab_input_begin(lab);
}
