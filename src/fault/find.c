/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The mapped device that a person's word stands for: a mount point, or a device in any of its names.
 * The mount table is read as this process has it (proc_pid_mountinfo(5)).
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "fault/fault.h"

#define MOUNTS "/proc/self/mountinfo"

/* Blanks and the like stand there as \NNN, octal. */
static void unescape(char *s)
{
	char *to = s;

	for (; *s; s++) {
		if (s[0] == '\\' && isdigit(s[1]) && isdigit(s[2]) && isdigit(s[3])) {
			*to++ = (char)((s[1] - '0') * 64 + (s[2] - '0') * 8 + (s[3] - '0'));
			s += 3;
		} else {
			*to++ = *s;
		}
	}
	*to = '\0';
}

/* One line: "36 35 98:0 /root /mount options - type source options". */
static bool mount_of(char *line, const char *point, struct bp_devno *dev, char *source,
		     size_t size)
{
	char *save = NULL, *word = strtok_r(line, " ", &save), *number = NULL;
	bool ours = false;

	for (unsigned n = 0; word && !streq(word, "-"); n++) {
		if (n == 2)
			number = word;
		if (n == 4) {
			unescape(word);
			ours = streq(word, point);
		}
		word = strtok_r(NULL, " ", &save);
	}
	if (!ours || !number || !word ||
	    sscanf(number, "%" SCNu32 ":%" SCNu32, &dev->major, &dev->minor) != 2)
		return false;
	strtok_r(NULL, " ", &save);
	word = strtok_r(NULL, " ", &save);
	snprintf(source, size, "%s", word ? word : "");
	unescape(source);
	return true;
}

/* The last one there is on top. */
static bool find_mount(const char *point, struct bp_devno *ret, char *source, size_t size)
{
	FILE *f = fopen(MOUNTS, "re");
	_cleanup_(freep) char *line = NULL;
	size_t room = 0;
	bool found = false;

	while (f && getline(&line, &room, f) > 0) {
		struct bp_devno dev;

		line[strcspn(line, "\n")] = '\0';
		if (mount_of(line, point, &dev, source, size)) {
			*ret = dev;
			found = true;
		}
	}
	if (f)
		fclose(f);
	return found;
}

static int refuse(struct bp_ctx *ctx, const char *text, const char *why, const char *hint)
{
	bp_fail(ctx, -ENOTBLK, "'%s': %s", text, why);
	error_set_code(ctx, BP_E_NO_BLOCK_DEVICE);
	error_set_hint(ctx, "%s", hint);
	return -ENOTBLK;
}

/*
 * The point itself need not be readable: a file system that has given up answers nothing, and has to be
 * healed by its mount point. Then only what leads there is looked at.
 */
static char *point_of(const char *text)
{
	const char *slash = strrchr(text, '/');
	_cleanup_(freep) char *above = NULL, *parent = NULL;
	char *point = realpath(text, NULL);

	if (point || errno != EIO)
		return point;
	parent = slash ? strndup(text, (size_t)(slash - text) + 1) : strdup(".");
	above = parent ? realpath(parent, NULL) : NULL;
	if (!above || asprintf(&point, "%s/%s", streq(above, "/") ? "" : above,
			       slash ? slash + 1 : text) < 0)
		return NULL;
	return point;
}

/* btrfs and their like have a number of their own: their source tells. */
static int mounted_device(struct bp_ctx *ctx, const char *text, struct bp_devno *ret)
{
	_cleanup_(freep) char *point = point_of(text);
	char source[4096];
	struct stat st;

	if (!point)
		return bp_fail(ctx, -errno, "'%s': %s", text, strerror(errno));
	if (!find_mount(point, ret, source, sizeof(source)))
		return refuse(ctx, text, "it is no mount point",
			      "name the mount point, which all of the file system is behind");
	if (ret->major == 0 && stat(source, &st) == 0 && S_ISBLK(st.st_mode))
		*ret = (struct bp_devno){ major(st.st_rdev), minor(st.st_rdev) };
	return 0;
}

/* Faults are tables: a disk itself has none. */
static int check_mapped(struct bp_ctx *ctx, const char *text, struct bp_devno *dev)
{
	struct bp_selector which = { .major = dev->major, .minor = dev->minor };
	struct bp_device_info info;
	int r = dev->major ? bp_device_info(ctx, &which, &info) : -ENXIO;

	if (r != -ENXIO)
		return r;
	return refuse(ctx, text, "it does not lie on a mapped device",
		      "faults are tables of mapped devices: unmount it, bedplate fault attach "
		      "DEVICE, and mount the layer");
}

/* A device by name, number or node. */
static int by_name(struct bp_ctx *ctx, const char *text, struct bp_devno *ret)
{
	struct bp_device_info info;
	struct bp_selector which;
	struct stat st;
	int r;

	bp_selector_parse(text, &which);
	r = bp_device_info(ctx, &which, &info);
	if (r == 0)
		*ret = (struct bp_devno){ info.major, info.minor };
	else if (which.path && stat(text, &st) == 0 && S_ISBLK(st.st_mode))
		error_set_hint(ctx,
			       "faults are tables of mapped devices: bedplate fault attach "
			       "lays one over a device that nobody uses");
	return r;
}

/*
 * A device, or what is mounted at a directory. EIO of the directory itself is what a fault
 * may have done to it.
 */
int bp_fault_find(struct bp_ctx *ctx, const char *text, struct bp_devno *ret)
{
	struct bp_devno dev;
	struct stat st;
	bool directory = stat(text, &st) == 0 ? S_ISDIR(st.st_mode)
					      : errno == EIO; /* given up, see point_of() */
	int r = -ENXIO;

	/* A name counts before a directory of that name. */
	if (!directory || !strchr(text, '/'))
		r = by_name(ctx, text, ret);
	if (!directory || r != -ENXIO)
		return r;
	r = mounted_device(ctx, text, &dev);
	if (r == 0)
		r = check_mapped(ctx, text, &dev);
	if (r == 0)
		*ret = dev;
	return r;
}
