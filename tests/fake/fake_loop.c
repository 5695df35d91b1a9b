/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The fake kernel's loop devices: real files, by their inodes, as block devices 7:N. */
#include "fake/fake.h"

#include <stdio.h>
#include <sys/stat.h>

static struct fake_loop *find_loop(struct fake *fake, const struct dm_loop *which)
{
	for (size_t i = 0; i < fake->loops.count; i++) {
		struct fake_loop *loop = &fake->loops.items[i];

		if (loop->loop.minor == which->minor &&
		    loop->loop.file_dev == which->file_dev &&
		    loop->loop.file_ino == which->file_ino)
			return loop;
	}
	return NULL;
}

static bool in_table(const struct fake_table *table, uint32_t minor)
{
	for (size_t i = 0; table && i < table->segments.count; i++)
		for (size_t d = 0; d < table->segments.items[i].nr_devs; d++)
			if (table->segments.items[i].devs[d].major == FAKE_LOOP_MAJOR &&
			    table->segments.items[i].devs[d].minor == minor)
				return true;
	return false;
}

static bool in_use(const struct fake *fake, uint32_t minor)
{
	for (size_t i = 0; i < fake->devs.count; i++)
		if (in_table(fake->devs.items[i]->live, minor) ||
		    in_table(fake->devs.items[i]->inactive, minor))
			return true;
	return false;
}

static int attach_locked(struct fake *fake, int fd, struct dm_loop *ret)
{
	struct fake_loop loop = { 0 };
	struct stat st;
	int r = fake_fault(fake, FAKE_LOOP_ATTACH);

	if (r < 0)
		return r;
	if (fstat(fd, &st) < 0)
		return -errno;
	loop.fd = dup(fd);
	if (loop.fd < 0)
		return -errno;
	loop.loop = (struct dm_loop){
		.major = FAKE_LOOP_MAJOR,
		.minor = fake->next_loop++,
		.file_dev = st.st_dev,
		.file_ino = st.st_ino,
	};
	snprintf(loop.path, sizeof(loop.path), "/dev/loop%u", loop.loop.minor);
	r = fake_add_bdev(fake, loop.path, FAKE_LOOP_MAJOR, loop.loop.minor,
			  (bp_bytes)st.st_size);
	if (r == 0)
		r = vec_add(&fake->loops, &loop);
	*ret = loop.loop;
	return r;
}

int fake_loop_attach(void *self, int fd, const char *name, struct dm_loop *ret)
{
	struct handle *h = self;
	int r;

	(void)name;
	pthread_mutex_lock(&h->fake->lock);
	r = attach_locked(h->fake, fd, ret);
	pthread_mutex_unlock(&h->fake->lock);
	return r;
}

static int resize_locked(struct fake *fake, const struct dm_loop *which)
{
	const struct fake_loop *loop = find_loop(fake, which);
	struct stat st;
	int r = fake_fault(fake, FAKE_LOOP_RESIZE);

	if (r < 0)
		return r;
	if (!loop || fstat(loop->fd, &st) < 0)
		return -ENXIO;
	return fake_resize_bdev(fake, loop->path, (bp_bytes)st.st_size);
}

int fake_loop_resize(void *self, const struct dm_loop *which)
{
	struct handle *h = self;
	int r;

	pthread_mutex_lock(&h->fake->lock);
	r = resize_locked(h->fake, which);
	pthread_mutex_unlock(&h->fake->lock);
	return r;
}

static void drop_bdev(struct fake *fake, const char *path)
{
	for (size_t i = 0; i < fake->bdevs.count; i++)
		if (streq(fake->bdevs.items[i]->path, path)) {
			vec_done(&fake->bdevs.items[i]->meta.volumes);
			free(fake->bdevs.items[i]);
			fake->bdevs.items[i] = fake->bdevs.items[--fake->bdevs.count];
			return;
		}
}

static int detach_locked(struct fake *fake, const struct dm_loop *which)
{
	struct fake_loop *loop;
	int r = fake_fault(fake, FAKE_LOOP_DETACH);

	if (r < 0)
		return r;
	loop = find_loop(fake, which);
	if (!loop)
		return -ENXIO;
	if (in_use(fake, loop->loop.minor))
		return -EBUSY;
	drop_bdev(fake, loop->path);
	close(loop->fd);
	*loop = fake->loops.items[--fake->loops.count];
	return 0;
}

int fake_loop_detach(void *self, const struct dm_loop *which)
{
	struct handle *h = self;
	int r;

	pthread_mutex_lock(&h->fake->lock);
	r = detach_locked(h->fake, which);
	pthread_mutex_unlock(&h->fake->lock);
	return r;
}

/* The @i-th as it is now; false: there are fewer. */
static bool loop_at(struct fake *fake, size_t i, struct dm_loop *ret)
{
	bool there;

	pthread_mutex_lock(&fake->lock);
	there = i < fake->loops.count;
	if (there)
		*ret = fake->loops.items[i].loop;
	pthread_mutex_unlock(&fake->lock);
	return there;
}

/* @each may ask the kernel itself: it is called without the lock. */
int fake_loop_list(void *self, int (*each)(void *user, const struct dm_loop *loop), void *user)
{
	struct handle *h = self;
	struct dm_loop loop;
	int r;

	pthread_mutex_lock(&h->fake->lock);
	r = fake_fault(h->fake, FAKE_LOOP_LIST);
	pthread_mutex_unlock(&h->fake->lock);
	for (size_t i = 0; r == 0 && loop_at(h->fake, i, &loop); i++)
		r = each(user, &loop);
	return r;
}

size_t fake_loops(const struct fake *fake)
{
	return fake->loops.count;
}
