/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The fake kernel's nodes, log, sysfs and block devices. */
#include "fake/fake.h"

#include <stdio.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/sem.h>

int fake_wait(void *self, int64_t deadline)
{
	struct handle *h = self;
	bool happened;

	for (;;) {
		pthread_mutex_lock(&h->fake->lock);
		happened = h->fake->events != h->armed;
		pthread_mutex_unlock(&h->fake->lock);
		if (happened)
			return 0;
		if (deadline_left(deadline) == 0)
			return -ETIMEDOUT;
		clock_sleep_ms(1);
	}
}

int fake_event_fd(void *self, int *ret_fd)
{
	(void)self;
	(void)ret_fd;
	return -ENOTSUP;
}

int fake_major(void *self, uint32_t *ret)
{
	(void)self;
	*ret = FAKE_MAJOR;
	return 0;
}

static int node_locked(struct fake *fake, enum dm_node_op op, const struct dm_node *node)
{
	struct fake_node made = { .major = node->major, .minor = node->minor };
	const struct fake_node *old = fake_find_node(fake, node->path);
	bool ours = old && old->major == node->major && old->minor == node->minor;
	int r = op == NODE_CHECK ? 0 : fake_fault(fake, FAKE_NODE);

	if (r < 0)
		return r;
	if (op == NODE_CHECK)
		return ours ? 0 : old ? -ESTALE : -ENOENT;
	if (op == NODE_MAKE && ours)
		return 0;
	if (old && (op == NODE_MAKE || ours || !node->major))
		fake->nodes.items[old - fake->nodes.items] =
			fake->nodes.items[--fake->nodes.count];
	if (op == NODE_REMOVE)
		return 0;
	snprintf(made.path, sizeof(made.path), "%s", node->path);
	return vec_add(&fake->nodes, &made);
}

int fake_node(void *self, enum dm_node_op op, const struct dm_node *node)
{
	struct handle *h = self;
	int r;

	pthread_mutex_lock(&h->fake->lock);
	r = node_locked(h->fake, op, node);
	pthread_mutex_unlock(&h->fake->lock);
	return r;
}

int fake_node_list(void *self, const char *dir, void (*name)(void *user, const char *name),
		   void *user)
{
	struct handle *h = self;

	pthread_mutex_lock(&h->fake->lock);
	for (size_t i = 0; i < h->fake->nodes.count; i++)
		name(user, h->fake->nodes.items[i].path + strlen(dir) + 1);
	pthread_mutex_unlock(&h->fake->lock);
	return 0;
}

int fake_read_log(void *self, int64_t since_us, dm_log_fn line, void *user)
{
	struct handle *h = self;

	pthread_mutex_lock(&h->fake->lock);
	for (size_t i = 0; i < h->fake->log.count; i++)
		if (h->fake->log.items[i].time_us >= since_us)
			line(user, i + 1, h->fake->log.items[i].line);
	pthread_mutex_unlock(&h->fake->lock);
	return 0;
}

void fake_answer_cookie(const struct fake *fake, const struct dm_request *rq,
			const struct dm_reply *reply)
{
	struct sembuf op = { .sem_op = -1, .sem_flg = IPC_NOWAIT };
	int set;

	if (fake->udev_why_not || fake->udev_silent || !(rq->cookie & 0xffff) ||
	    !(reply->state.flags & ST_UEVENT))
		return;
	set = semget((key_t)(0x0d4d0000 | (rq->cookie & 0xffff)), 1, 0);
	if (set >= 0)
		(void)semop(set, &op, 1);
}

const char *fake_udev_why_not(void *self)
{
	return ((struct handle *)self)->fake->udev_why_not;
}

int fake_attr_get(void *self, uint32_t major, uint32_t minor, const char *name, uint64_t *ret)
{
	struct handle *h = self;
	const struct fake_dev *dev;
	int r = -ENOENT;

	pthread_mutex_lock(&h->fake->lock);
	dev = fake_find_number(h->fake, major, minor);
	if (dev && streq(name, "queue/read_ahead_kb")) {
		*ret = dev->read_ahead_kb;
		r = 0;
	}
	pthread_mutex_unlock(&h->fake->lock);
	return r;
}

/* Each number is its place: 1, 2, 3 ... */
int fake_io_counters(void *self, uint32_t major, uint32_t minor, uint64_t ret[DM_IO_COUNTERS])
{
	struct handle *h = self;
	bool there;

	pthread_mutex_lock(&h->fake->lock);
	there = fake_find_number(h->fake, major, minor) != NULL;
	pthread_mutex_unlock(&h->fake->lock);
	if (!there)
		return -ENOENT;
	for (size_t i = 0; i < DM_IO_COUNTERS; i++)
		ret[i] = i + 1;
	return 0;
}

int fake_attr_set(void *self, uint32_t major, uint32_t minor, const char *name, uint64_t value)
{
	struct handle *h = self;
	struct fake_dev *dev;
	int r;

	pthread_mutex_lock(&h->fake->lock);
	dev = fake_find_number(h->fake, major, minor);
	r = fake_fault(h->fake, FAKE_ATTR_SET);
	if (r == 0 && (!dev || !streq(name, "queue/read_ahead_kb")))
		r = -ENOENT;
	if (r == 0)
		dev->read_ahead_kb = value;
	pthread_mutex_unlock(&h->fake->lock);
	return r;
}

static int bdev_locked(struct fake *fake, const char *which, struct bp_bdev *ret)
{
	struct bp_devno devno;
	bp_sector size;
	const struct fake_bdev *bdev;
	const struct fake_dev *dev;
	int r = fake_find_size(fake, which, &devno, &size);

	if (r < 0)
		return r == -ENODEV ? -ENOENT : r;
	bdev = fake_find_bdev(fake, devno.major, devno.minor);
	*ret = (struct bp_bdev){
		.major = devno.major,
		.minor = devno.minor,
		.size_bytes = bp_sector_to_bytes(size),
		.logical_block_bytes = 512,
	};
	dev = fake_find_number(fake, devno.major, devno.minor);
	if (dev && which[0] != '/')
		snprintf(ret->path, sizeof(ret->path), "/dev/mapper/%.200s", dev->name);
	else
		snprintf(ret->path, sizeof(ret->path), "%s", bdev ? bdev->path : which);
	return 0;
}

int fake_bdev(void *self, const char *which, struct bp_bdev *ret)
{
	struct handle *h = self;
	int r;

	pthread_mutex_lock(&h->fake->lock);
	r = bdev_locked(h->fake, which, ret);
	pthread_mutex_unlock(&h->fake->lock);
	return r;
}

static int holders_locked(struct fake *fake, const struct fake_dev *dev, struct bp_holder **ret,
			  size_t *ret_count)
{
	VEC(struct bp_holder) found = { 0 };
	int r = 0;

	for (size_t i = 0; r == 0 && i < fake->devs.count; i++) {
		struct bp_holder h = { .kind = BP_HOLDER_MAPPED, .uid = BP_NO_UID };

		if (!fake_holds(fake->devs.items[i]->live, dev))
			continue;
		strcpy(h.name, fake->devs.items[i]->name);
		h.suspended = fake->devs.items[i]->suspended;
		r = vec_add(&found, &h);
	}
	if (r == 0 && dev->opens) {
		struct bp_holder h = { .kind = dev->holder,
				       .name = "somebody",
				       .uid = BP_NO_UID };

		h.pid = dev->holder == BP_HOLDER_PROCESS ? 77 : 0;
		r = vec_add(&found, &h);
	}
	if (r < 0)
		vec_done(&found);
	*ret = found.items;
	*ret_count = found.count;
	return r;
}

int fake_holders(void *self, uint32_t major, uint32_t minor, struct bp_holder **ret,
		 size_t *ret_count)
{
	struct handle *h = self;
	const struct fake_dev *dev;
	int r = 0;

	*ret = NULL;
	*ret_count = 0;
	pthread_mutex_lock(&h->fake->lock);
	dev = fake_find_number(h->fake, major, minor);
	if (dev)
		r = holders_locked(h->fake, dev, ret, ret_count);
	pthread_mutex_unlock(&h->fake->lock);
	return r;
}

/* The first bytes of a device, from it or to it. */
static int head_locked(struct fake *fake, int kind, const struct bp_bdev *which, void *read,
		       const void *write, size_t len)
{
	struct fake_bdev *bdev = fake_find_bdev(fake, which->major, which->minor);
	int r = fake_fault(fake, kind);

	if (r < 0 || !bdev)
		return r < 0 ? r : -ENXIO;
	if (read)
		memcpy(read, bdev->head, MIN(len, sizeof(bdev->head)));
	else if (fake_pool_user(fake, &bdev->meta, NULL))
		return -EBUSY;
	else
		memcpy(bdev->head, write, MIN(len, sizeof(bdev->head)));
	return 0;
}

int fake_bdev_read(void *self, const struct bp_bdev *which, void *buf, size_t len)
{
	struct handle *h = self;
	int r;

	pthread_mutex_lock(&h->fake->lock);
	r = head_locked(h->fake, FAKE_BDEV_READ, which, buf, NULL, len);
	pthread_mutex_unlock(&h->fake->lock);
	return r;
}

int fake_bdev_write(void *self, const struct bp_bdev *which, const void *buf, size_t len)
{
	struct handle *h = self;
	int r;

	pthread_mutex_lock(&h->fake->lock);
	r = head_locked(h->fake, FAKE_BDEV_WRITE, which, NULL, buf, len);
	pthread_mutex_unlock(&h->fake->lock);
	return r;
}

int fake_bdev_name(void *self, uint32_t major, uint32_t minor, char *ret)
{
	struct handle *h = self;
	const struct fake_bdev *bdev;
	const char *slash;

	pthread_mutex_lock(&h->fake->lock);
	bdev = fake_find_bdev(h->fake, major, minor);
	slash = bdev ? strrchr(bdev->path, '/') : NULL;
	if (slash)
		snprintf(ret, BP_NAME_SIZE, "%s", slash + 1);
	pthread_mutex_unlock(&h->fake->lock);
	return slash ? 0 : -ENXIO;
}

static int compare_ids(const void *a, const void *b)
{
	const struct bp_thin_device *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

/* What a metadata snapshot says: here always what is true now. */
static int thin_devices_locked(struct fake *fake, const char *metadata,
			       struct bp_thin_device **ret, size_t *ret_count)
{
	const struct fake_bdev *bdev = fake_find_path(fake, metadata);
	int r = fake_fault(fake, FAKE_THIN_DEVICES);

	if (r < 0 || !bdev || !bdev->meta.held_root)
		return r < 0 ? r : -ENOENT;
	*ret = calloc(bdev->meta.volumes.count + 1, sizeof(**ret));
	if (!*ret)
		return -ENOMEM;
	for (size_t i = 0; i < bdev->meta.volumes.count; i++)
		(*ret)[i].id = bdev->meta.volumes.items[i].id;
	*ret_count = bdev->meta.volumes.count;
	qsort(*ret, *ret_count, sizeof(**ret), compare_ids);
	return 0;
}

int fake_thin_devices(void *self, struct bp_ctx *ctx, const char *metadata,
		      int (*device)(void *user, const struct bp_thin_device *device),
		      void *user)
{
	struct bp_thin_device *list = NULL;
	struct handle *h = self;
	size_t count = 0;
	int r;

	(void)ctx;
	pthread_mutex_lock(&h->fake->lock);
	r = thin_devices_locked(h->fake, metadata, &list, &count);
	pthread_mutex_unlock(&h->fake->lock);
	for (size_t i = 0; r == 0 && i < count; i++)
		r = device(user, &list[i]);
	free(list);
	return r;
}
