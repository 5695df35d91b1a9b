/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where new metadata may go. Promises that nothing is written over that holds anything: neither
 * a part of the source, by any of its names, nor metadata, nor what libblkid knows.
 */
#include "rescue/output.h"

#include "core/dir.h"

#include "formats/thin/plan.h"
#include "io/output.h"
#include "io/probe.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* --- no part of the source --- */

/* No disk that is read, under whatever name. */
static int refuse_images(struct bp_source *source, const char *path)
{
	const struct lvm_scan *scan = source->scan;
	int r = 0;

	if (source->image)
		r = output_refuse_input(source->ctx, -1, source->image->path, path);
	if (r == 0 && source->data)
		r = output_refuse_input(source->ctx, -1, source->data->path, path);
	for (size_t i = 0; r == 0 && scan && i < scan->disks.count; i++)
		r = output_refuse_input(source->ctx, -1, scan->disks.items[i].image->path,
					path);
	return r;
}

/* LVM's uuid of an active volume, dashes left out: "LVM-" VG LV. "": it is no such device. */
static void active_uuid(dev_t dev, char ret[160])
{
	char name[80];
	FILE *f;

	ret[0] = '\0';
	snprintf(name, sizeof(name), "/sys/dev/block/%u:%u/dm/uuid", major(dev), minor(dev));
	f = fopen(name, "re");
	if (!f)
		return;
	ret[fread(ret, 1, 159, f)] = '\0';
	fclose(f);
	ret[strcspn(ret, "\n")] = '\0';
}

/*
 * LVM's uuid without dashes is part of the device-mapper's: that is how an active volume is
 * known.
 */
static bool has_uuid(const char *text, const char *uuid)
{
	char plain[LVM_UUID_SIZE];
	size_t n = 0;

	for (; uuid && *uuid && n < sizeof(plain) - 1; uuid++)
		if (*uuid != '-')
			plain[n++] = *uuid;
	plain[n] = '\0';
	return n && strstr(text, plain);
}

/* An active volume that the pool is made of: its metadata, data, or a leg of either. */
static int refuse_parts(struct bp_source *source, const struct stat *st, const char *path)
{
	const struct lvm_vg *vg = source->group ? source->group->vg : NULL;
	char uuid[160];

	if (!vg || !S_ISBLK(st->st_mode))
		return 0;
	active_uuid(st->st_rdev, uuid);
	for (size_t i = 0; i < vg->nr_lvs; i++) {
		const struct lvm_lv *lv = &vg->lvs[i];

		/* What a user sees may be given; parts of others but the spare may not. */
		if (!has_uuid(uuid, lv->uuid) || lvm_is_spare(lv) ||
		    (lv->visible && lv != source->lv))
			continue;
		bp_fail(source->ctx, -EINVAL, "'%s' is %s/%s, a part of what is read", path,
			vg->name, lv->name);
		error_set_code(source->ctx, BP_E_USAGE);
		error_set_hint(source->ctx, "make a new volume for it");
		return -EINVAL;
	}
	return 0;
}

/* --- in use --- */

/* What can't be looked at to its end may be in use: then nothing is written over it. */
static bool unknown(const struct bp_source *source, const char *dir, int r)
{
	if (r < 0)
		bp_warn(source->ctx, "'%s': %s: the pool is taken as in use", dir,
			strerror(-r));
	return r < 0;
}

/* What lies on a device keeps it: another mapped device, md, a swap. */
static bool has_holders(const struct bp_source *source, dev_t dev)
{
	char name[80];
	struct dirent *entry;
	bool any = false;
	DIR *dir;
	int r = 0;

	snprintf(name, sizeof(name), "/sys/dev/block/%u:%u/holders", major(dev), minor(dev));
	dir = opendir(name);
	if (!dir)
		return errno != ENOENT && unknown(source, name, -errno);
	while ((entry = dir_next(dir, &r)))
		any |= entry->d_name[0] != '.';
	closedir(dir);
	return any || unknown(source, name, r);
}

/* The pool's own device: LVM's uuid of the pool, with "-tpool" or "-pool" behind it or nothing. */
static bool is_active_lv(const struct bp_source *source)
{
	static const char devices[] = "/sys/dev/block";
	DIR *dir = opendir(devices);
	struct dirent *entry;
	bool found = false;
	int r = 0;

	while (dir && !found && (entry = dir_next(dir, &r))) {
		unsigned major_nr, minor_nr;
		char uuid[160];

		if (sscanf(entry->d_name, "%u:%u", &major_nr, &minor_nr) != 2)
			continue;
		active_uuid(makedev(major_nr, minor_nr), uuid);
		found = has_uuid(uuid, source->lv->uuid);
	}
	if (dir)
		closedir(dir);
	return found || unknown(source, devices, r);
}

/* By LVM's name, or by who holds the device. */
bool source_is_active(const struct bp_source *source)
{
	if (source->lv)
		return is_active_lv(source);
	return source->image && source->image->device &&
	       has_holders(source, source->image->dev);
}

/* --- nothing there --- */

/* Nothing is written over what is known: a new file is easily had. */
static int holds(struct bp_source *source, const char *path, const char *what)
{
	bp_fail(source->ctx, -EEXIST, "'%s' holds something already: %s", path, what);
	error_set_code(source->ctx, BP_E_USAGE);
	error_set_hint(source->ctx, "name a new file, or wipe it if nothing of it is needed");
	return -EEXIST;
}

/*
 * What holds something is not written over, even if nobody uses it: whoever wants that
 * wipes it first.
 */
static int refuse_content(struct bp_source *source, const char *path)
{
	_cleanup_(freep) uint8_t *block = io_buffer_new(1);
	_cleanup_(raw_image_closep) struct raw_image *image = NULL;
	struct probe_signature sig = { 0 };
	int r = block ? raw_image_open(source->ctx, path, &image) : bp_fail_memory(source->ctx);

	if (r < 0 || image->size < IO_BLOCK)
		return r;
	r = raw_image_read(image, 0, IO_BLOCK, block);
	if (r < 0)
		return bp_fail(source->ctx, r, "'%s' can't be read: %s", path,
			       strerrordesc_np(-r));
	if (block_kind_of(block) != BLOCK_UNKNOWN)
		return holds(source, path, "device-mapper metadata");
	r = probe_signature(image->fd, 0, image->size, &sig);
	return r == -ENODATA ? 0 : holds(source, path, sig.type[0] ? sig.type : "data");
}

/* A file with anything in it is not ours to judge, but for one that is all holes. */
static int refuse_file(struct bp_source *source, const char *path, const struct stat *st)
{
	if (!S_ISREG(st->st_mode) || st->st_blocks == 0)
		return 0;
	return holds(source, path, "a file with data in it");
}

/* --- opening it --- */

/* Made anew only: O_EXCL, as a link could have come since it was looked at. */
static int make_file(struct bp_source *source, const char *path, bp_bytes size)
{
	int fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0666);
	int r = fd < 0 || ftruncate(fd, (off_t)size) < 0 ? -errno : 0;

	if (fd >= 0)
		close(fd);
	if (r == 0)
		return 0;
	if (fd >= 0)
		unlink(path);
	return bp_fail(source->ctx, r, "'%s': cannot make it: %s", path, strerrordesc_np(-r));
}

/*
 * Everything that can be refused is refused before the first byte; a file that we made goes
 * again where it fails.
 */
static int prepare(struct bp_source *source, const char *path, bp_bytes size, bool *ret_made)
{
	struct stat st;
	int r;

	*ret_made = stat(path, &st) < 0 && errno == ENOENT;
	if (*ret_made) {
		r = make_file(source, path, size);
		*ret_made = r == 0;
		return r;
	}
	r = refuse_images(source, path);
	if (r == 0)
		r = refuse_parts(source, &st, path);
	if (r == 0)
		r = refuse_file(source, path, &st);
	if (r == 0)
		r = refuse_content(source, path);
	if (r == 0 && S_ISREG(st.st_mode) && (bp_bytes)st.st_size < size &&
	    truncate(path, (off_t)size) < 0)
		r = bp_fail(source->ctx, -errno, "'%s': cannot make it larger: %s", path,
			    strerrordesc_np(errno));
	return r;
}

/* The plan's writer keeps the superblock back until all is checked. */
int source_plan_write(struct bp_source *source, struct bp_thin_plan *plan, const char *path,
		      bp_bytes size)
{
	bool made = false;
	struct io *io;
	int r = prepare(source, path, size ? size : plan->io->nr_blocks * IO_BLOCK, &made);

	if (r == 0)
		r = io_open(source->ctx, path, IO_WRITE | IO_OUTPUT, &io);
	if (r == 0) {
		r = thin_plan_write_io(plan, io);
		io_close(io);
	}
	if (r < 0)
		error_set_device(source->ctx, path);
	if (r < 0 && made)
		unlink(path);
	return r;
}
