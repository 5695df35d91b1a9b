/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The real kernel: /dev/mapper/control. The rest of the system is in ops_system.c. */
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include <linux/dm-ioctl.h>

#include "core/number.h"
#include "dm/kernel/limit.h"
#include "dm/kernel/ops_system.h"
#include "dm/kernel/reply.h"

_Static_assert(sizeof(struct dm_target_spec) == REPLY_SPEC_SIZE, "kernel interface");
_Static_assert(offsetof(struct dm_target_spec, next) == 20, "kernel interface");
_Static_assert(offsetof(struct dm_target_spec, target_type) == 24, "kernel interface");
_Static_assert(offsetof(struct dm_target_deps, dev) == REPLY_DEPS_SIZE, "kernel interface");
_Static_assert(offsetof(struct dm_name_list, name) == REPLY_LIST_NAME, "kernel interface");
_Static_assert(offsetof(struct dm_target_versions, name) == REPLY_VERSION_NAME,
	       "kernel interface");
_Static_assert(BP_NAME_SIZE == DM_NAME_LEN && BP_UUID_SIZE == DM_UUID_LEN, "kernel interface");

#define SYS_VIRTUAL   "/sys/devices/virtual/block" /* mapped devices' own place in sysfs */
#define HEADER_BYTES  sizeof(struct dm_ioctl)
#define QUERY_BYTES   ((size_t)4 << 10)
#define MESSAGE_BYTES ((size_t)64 << 10)
#define LARGE_BYTES   ((size_t)4 << 20)
#define MOST_BYTES    ((size_t)64 << 20)

/*
 * The buffer is kept, and so is what a query's answer needed: a warm query is one ioctl. The two
 * are not the same: the kernel copies all it is given, and a message takes much. So does the list
 * of a thousand devices, which says nothing of what each one's table needs.
 */
struct kernel {
	int fd, event_fd, log_fd, virtual_fd; /* -1: not open yet */
	uint32_t major; /* of mapped devices, as answers had it; 0: none yet */
	char *buffer;
	size_t size, query_size, list_size;
	struct limit_helper *helper, *left; /* left: its call runs on */
};

static const unsigned long ioctls[OPS] = {
#define ROW(op, name, ioctl, traits) [OP_##op] = ioctl,
	DM_OPS(ROW)
#undef ROW
};

static const struct {
	uint32_t request, kernel;
} request_flags[] = {
	{ RQ_READ_ONLY, DM_READONLY_FLAG },
	{ RQ_PERSISTENT, DM_PERSISTENT_DEV_FLAG },
	{ RQ_NO_LOCKFS, DM_SKIP_LOCKFS_FLAG },
	{ RQ_NO_FLUSH, DM_NOFLUSH_FLAG },
	{ RQ_INACTIVE, DM_QUERY_INACTIVE_TABLE_FLAG },
	{ RQ_SECURE, DM_SECURE_DATA_FLAG },
	{ RQ_DEFERRED, DM_DEFERRED_REMOVE },
	{ RQ_MEASURE, DM_IMA_MEASUREMENT_FLAG },
};

static const struct {
	uint32_t kernel, state;
} state_flags[] = {
	{ DM_READONLY_FLAG, ST_READ_ONLY },      { DM_SUSPEND_FLAG, ST_SUSPENDED },
	{ DM_ACTIVE_PRESENT_FLAG, ST_LIVE },     { DM_INACTIVE_PRESENT_FLAG, ST_INACTIVE },
	{ DM_DEFERRED_REMOVE, ST_DEFERRED },     { DM_INTERNAL_SUSPEND_FLAG, ST_INTERNAL },
	{ DM_UEVENT_GENERATED_FLAG, ST_UEVENT },
};

/* --- filling the buffer --- */

static uint32_t kernel_flags(const struct dm_request *rq)
{
	uint32_t flags = 0;

	for (size_t i = 0; i < ARRAY_SIZE(request_flags); i++)
		if (rq->flags & request_flags[i].request)
			flags |= request_flags[i].kernel;
	if (rq->op == OP_SUSPEND)
		flags |= DM_SUSPEND_FLAG;
	if (rq->op == OP_TABLE)
		flags |= DM_STATUS_TABLE_FLAG | DM_NOFLUSH_FLAG;
	/* In a list it asks for the uuids too. */
	if (rq->op == OP_SET_UUID || rq->op == OP_LIST)
		flags |= DM_UUID_FLAG;
	return flags;
}

/* A field of the kernel's struct: cut names would be another device's. */
static int copy_text(char *to, size_t size, const char *from)
{
	size_t len = from ? strlen(from) : 0;

	if (len >= size)
		return -ENAMETOOLONG;
	if (len)
		memcpy(to, from, len);
	return 0;
}

static int fill_header(struct dm_ioctl *h, const struct dm_request *rq, size_t size)
{
	bool by_number = !rq->name && !rq->uuid;
	int r;

	h->version[0] = DM_VERSION_MAJOR; /* minor 0: all drivers of this major take it */
	h->data_size = (uint32_t)size;
	h->data_start = HEADER_BYTES;
	h->flags = kernel_flags(rq);
	h->event_nr = rq->cookie;
	if (by_number || rq->flags & RQ_PERSISTENT)
		h->dev = devno_encode(rq->major, rq->minor);
	r = copy_text(h->name, sizeof(h->name),
		      rq->op == OP_TARGET_VERSION ? rq->text : rq->name);
	/* A new device has both; an existing one is named by one of them, or it is refused. */
	if (r == 0 && (!rq->name || rq->op == OP_CREATE))
		r = copy_text(h->uuid, sizeof(h->uuid), rq->uuid);
	return r;
}

static size_t segment_bytes(const struct dm_segment *segment)
{
	return (sizeof(struct dm_target_spec) + strlen(segment->args) + 1 + 7) / 8 * 8;
}

static size_t segments_bytes(const struct dm_request *rq)
{
	size_t bytes = 0;

	for (size_t i = 0; i < rq->nr_segments; i++)
		bytes += segment_bytes(&rq->segments[i]);
	return bytes;
}

/* Bytes behind the header that the request itself needs. */
static size_t request_bytes(const struct dm_request *rq)
{
	if (rq->op == OP_LOAD)
		return segments_bytes(rq);
	if (rq->op == OP_MESSAGE)
		return sizeof(struct dm_target_msg) + strlen(rq->text) + 1;
	if (rq->text && rq->op != OP_TARGET_VERSION)
		return strlen(rq->text) + 1;
	return 0;
}

/* Each spec says where the next one begins, rounded up to 8 bytes. */
static int fill_segments(char *to, const struct dm_request *rq)
{
	for (size_t i = 0; i < rq->nr_segments; i++) {
		const struct dm_segment *segment = &rq->segments[i];
		struct dm_target_spec spec = {
			.sector_start = segment->start,
			.length = segment->length,
			.next = (uint32_t)segment_bytes(segment),
		};

		if (copy_text(spec.target_type, sizeof(spec.target_type), segment->target) < 0)
			return -ENAMETOOLONG;
		memcpy(to, &spec, sizeof(spec));
		strcpy(to + sizeof(spec), segment->args);
		to += spec.next;
	}
	return 0;
}

/* Header, then what the request carries: segments, a message or a new name. */
static int fill(char *buffer, size_t size, const struct dm_request *rq)
{
	char *data = buffer + HEADER_BYTES;
	struct dm_target_msg msg = { .sector = rq->sector };
	int r;

	/* What the kernel does not write must not hold an older answer, wherever in it that lies:
	 * some targets leave their part of a status as they found it. */
	memset(buffer, 0, size);
	r = fill_header((struct dm_ioctl *)buffer, rq, size);
	if (r < 0)
		return r;
	if (rq->op == OP_LOAD) {
		((struct dm_ioctl *)buffer)->target_count = (uint32_t)rq->nr_segments;
		return fill_segments(data, rq);
	}
	if (rq->op == OP_MESSAGE) {
		memcpy(data, &msg, sizeof(msg));
		strcpy(data + sizeof(msg), rq->text);
	} else if (rq->text && rq->op != OP_TARGET_VERSION) {
		strcpy(data, rq->text);
	}
	return 0;
}

/* --- asking --- */

/* An ioctl as the helper runs it. */
struct work {
	unsigned long cmd;
	_Alignas(64) char buffer[];
};

static int work_run(int fd, void *shared)
{
	struct work *work = shared;

	return ioctl(fd, work->cmd, work->buffer) < 0 ? -errno : 0;
}

/* The same ioctl on a copy of the buffer, by a process that can be left behind. */
static int ioctl_limited(struct kernel *k, const struct dm_request *rq, size_t size)
{
	struct work *work;
	void *shared;
	bool left = false;
	int r = limit_prepare(&k->helper, sizeof(*work) + size, &shared);

	if (r < 0)
		return r;
	work = shared;
	work->cmd = ioctls[rq->op];
	memcpy(work->buffer, k->buffer, size); /* zeros too: it has the last answer */
	r = limit_run(k->helper, work_run, k->fd, rq->deadline, rq->stop, &left);
	if (left) {
		limit_free(k->left);
		k->left = steal(k->helper);
		return r;
	}
	if (r == 0)
		memcpy(k->buffer, work->buffer, size);
	if (rq->flags & RQ_SECURE)
		explicit_bzero(work->buffer, size);
	return r;
}

static int buffer_ensure(struct kernel *k, size_t size)
{
	char *bigger;

	if (k->size >= size)
		return 0;
	bigger = malloc(size);
	if (!bigger)
		return -ENOMEM;
	if (k->buffer) /* half of an answer, which may hold a key */
		explicit_bzero(k->buffer, k->size);
	free(k->buffer);
	k->buffer = bigger;
	k->size = size;
	return 0;
}

/*
 * A key named by ":SIZE:TYPE:NAME" is looked for in the keyrings of whoever asks, and those of a
 * thread or process are not inherited: such a table is loaded from here, without a limit.
 */
static bool needs_own_keyrings(const struct dm_request *rq)
{
	static const char *const types[] = { ":logon:", ":user:", ":encrypted:", ":trusted:" };

	for (size_t i = 0; rq->op == OP_LOAD && i < rq->nr_segments; i++)
		for (size_t t = 0; t < ARRAY_SIZE(types); t++)
			if (strstr(rq->segments[i].args, types[t]))
				return true;
	return false;
}

static bool limited(const struct dm_request *rq)
{
	if (needs_own_keyrings(rq))
		return false;
	/* Without a flush a status waits for nothing. */
	if (rq->op == OP_STATUS && rq->flags & RQ_NO_FLUSH)
		return false;
	return op_is(rq->op, OP_WAITS) && (rq->deadline != DEADLINE_NEVER || rq->stop);
}

/*
 * Grown by ask() where the answer does not fit; the size of the last large answer is kept
 * for the next.
 */
static size_t first_size(const struct kernel *k, const struct dm_request *rq)
{
	size_t size = HEADER_BYTES + request_bytes(rq);

	if (rq->op == OP_MESSAGE)
		size += rq->flags & RQ_LARGE_REPLY ? LARGE_BYTES : MESSAGE_BYTES;
	else if (op_is(rq->op, OP_REPLY))
		size = MAX(size,
			   MAX(rq->op == OP_LIST ? k->list_size : k->query_size, QUERY_BYTES));
	return size;
}

/* The answer did not fit. The kernel walks all devices for each list that it can't give. */
static size_t next_size(struct kernel *k, enum dm_op op, size_t size)
{
	size *= op == OP_LIST ? 4 : 2;
	if (op == OP_LIST)
		k->list_size = size;
	else if (op != OP_MESSAGE)
		k->query_size = size;
	return size;
}

/*
 * Ask, with a larger buffer as long as the answer does not fit. A message is not sent twice
 * unless that is known to do no harm.
 */
static int ask(struct kernel *k, const struct dm_request *rq)
{
	size_t size = first_size(k, rq);
	const struct dm_ioctl *h;
	int r;

	for (;;) {
		r = buffer_ensure(k, size);
		if (r == 0)
			r = fill(k->buffer, size, rq);
		if (r < 0)
			return r;
		if (limited(rq))
			r = ioctl_limited(k, rq, size);
		else
			r = ioctl(k->fd, ioctls[rq->op], k->buffer) < 0 ? -errno : 0;
		h = (const struct dm_ioctl *)k->buffer;
		if (r < 0 || !op_is(rq->op, OP_REPLY) || !(h->flags & DM_BUFFER_FULL_FLAG))
			return r;
		if (size > MOST_BYTES || (rq->op == OP_MESSAGE && !(rq->flags & RQ_REPEATABLE)))
			return -EOVERFLOW;
		size = next_size(k, rq->op, size);
	}
}

/* --- reading the answer --- */

static uint32_t flags_of(const struct dm_ioctl *h)
{
	uint32_t flags = 0;

	for (size_t i = 0; i < ARRAY_SIZE(state_flags); i++)
		if (h->flags & state_flags[i].kernel)
			flags |= state_flags[i].state;
	return flags;
}

/* Flags are added to those that ask() has set. */
static void take_state(const struct dm_ioctl *h, struct dm_state *state)
{
	memcpy(state->version, h->version, sizeof(state->version));
	memcpy(state->name, h->name, sizeof(state->name) - 1);
	memcpy(state->uuid, h->uuid, sizeof(state->uuid) - 1);
	devno_decode(h->dev, &state->major, &state->minor);
	state->event_nr = h->event_nr;
	state->nr_segments = h->target_count;
	state->open_count = h->open_count;
	state->flags |= flags_of(h);
}

/*
 * data_start and data_size are the kernel's, and still looked at: a wrong offset must not
 * lead out of the buffer, and is no empty answer. Where nothing was written the size ends
 * within the header.
 */
static int take_answer(struct kernel *k, enum dm_op op, struct dm_reply *reply)
{
	const struct dm_ioctl *h = (const struct dm_ioctl *)k->buffer;
	struct reply_data in = {
		.nr_targets = h->target_count,
		.has_data = h->flags & DM_DATA_OUT_FLAG,
	};

	take_state(h, &reply->state);
	if (reply->state.major)
		k->major = reply->state.major;
	if (!op_is(op, OP_REPLY))
		return 0;
	if (h->data_size > HEADER_BYTES &&
	    (h->data_start > h->data_size || h->data_size > k->size))
		return -EPROTO;
	if (h->data_size > h->data_start) {
		in.data = k->buffer + h->data_start;
		in.len = h->data_size - h->data_start;
	}
	return reply_decode(op, &in, reply);
}

/* --- descriptors, open for the context's life --- */

static int open_once(int *fd)
{
	int r;

	if (*fd >= 0)
		return 0;
	r = system_open_control(DM_DIR, DM_CONTROL_NODE);
	if (r < 0)
		return r;
	*fd = r;
	return 0;
}

static int open_control(void *self)
{
	struct kernel *k = self;

	return open_once(&k->fd);
}

/* A buffer that held keys is wiped, whether the call succeeded or not. */
static int call(void *self, const struct dm_request *rq, struct dm_reply *reply)
{
	struct kernel *k = self;
	int r;

	reply->secure = rq->flags & RQ_SECURE;
	r = ask(k, rq);
	if (r == 0)
		r = take_answer(k, rq->op, reply);
	if (rq->flags & RQ_SECURE && k->buffer)
		explicit_bzero(k->buffer, k->size);
	return r;
}

/* --- a request that runs on --- */

static bool is_left(void *self)
{
	const struct kernel *k = self;

	return k->left;
}

static void forget(void *self)
{
	struct kernel *k = self;

	limit_free(k->left);
	k->left = NULL;
}

static int finish(void *self)
{
	const struct kernel *k = self;
	int r = limit_finish(k->left);

	forget(self);
	return r;
}

struct follower {
	struct kernel *k;
	void (*run)(void *user);
	void *user;
};

/* In the copy of the process: it has no descriptors yet. */
static void run_apart(void *arg)
{
	const struct follower *f = arg;

	f->k->fd = f->k->event_fd = f->k->log_fd = -1;
	open_once(&f->k->fd);
	f->run(f->user);
}

static int follow(void *self, void (*run)(void *user), void *user)
{
	struct kernel *k = self;
	struct follower f = { .k = k, .run = run, .user = user };
	pid_t pid = limit_follow(k->left, run_apart, &f);

	if (pid > 0) {
		k->left = NULL; /* given over */
		return pid;
	}
	run(user);
	return 0;
}

/* EINTR is no end of the wait: signals are for the transaction's mask. */
static int wait_event(void *self, int64_t deadline)
{
	struct kernel *k = self;
	struct pollfd p = { .fd = k->fd, .events = POLLIN };
	int r;

	do
		r = poll(&p, 1, deadline_left(deadline));
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return -errno;
	return r == 0 ? -ETIMEDOUT : 0;
}

/* A descriptor of its own: arming one must not disturb waits on another. */
static int event_fd(void *self, int *ret_fd)
{
	struct kernel *k = self;
	int r = open_once(&k->event_fd);

	if (r < 0)
		return r;
	*ret_fd = k->event_fd;
	return 0;
}

/* Since Linux 4.13 (ioctl version 4.37): an older kernel answers ENOTTY. */
static int event_arm(void *self)
{
	struct kernel *k = self;
	struct dm_ioctl h = {
		.version = { DM_VERSION_MAJOR },
		.data_size = HEADER_BYTES,
		.data_start = HEADER_BYTES,
	};
	int r = open_once(&k->event_fd);

	if (r == 0 && ioctl(k->event_fd, DM_DEV_ARM_POLL, &h) < 0)
		r = -errno;
	return r;
}

static void log_mark(void *self)
{
	struct kernel *k = self;

	system_log_mark(&k->log_fd);
}

static int log_read(void *self, int64_t since_us, dm_log_fn line, void *user)
{
	const struct kernel *k = self;

	return system_log(k->log_fd, since_us, line, user);
}

static void kernel_free(void *self)
{
	struct kernel *k = self;

	limit_free(k->helper);
	limit_free(k->left);
	closep(&k->fd);
	closep(&k->event_fd);
	closep(&k->log_fd);
	closep(&k->virtual_fd);
	free(k->buffer);
	free(k);
}

/* Opens nothing yet. */
int dm_ops_ioctl_new(void **ret_self)
{
	struct kernel *k = calloc(1, sizeof(*k));

	if (!k)
		return -ENOMEM;
	k->fd = k->event_fd = k->log_fd = k->virtual_fd = -1;
	*ret_self = k;
	return 0;
}

/*
 * A mapped device is "dm-MINOR" since there are any, so of a thousand none is looked up through
 * its link in /sys/dev/block.
 */
static int attr_get(void *self, uint32_t major, uint32_t minor, const char *name, uint64_t *ret)
{
	struct kernel *k = self;
	char path[128];

	if (k->virtual_fd < 0 && major == k->major)
		k->virtual_fd = open(SYS_VIRTUAL, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (k->virtual_fd < 0 || major != k->major)
		return system_attr_get(NULL, major, minor, name, ret);
	snprintf(path, sizeof(path), "dm-%u/%s", minor, name);
	return system_read_number_at(k->virtual_fd, path, ret);
}

static int another(void *self, void **ret_self)
{
	(void)self;
	return dm_ops_ioctl_new(ret_self);
}

const struct dm_ops dm_ops_ioctl = {
	.open = open_control,
	.call = call,
	.left = is_left,
	.finish = finish,
	.follow = follow,
	.forget = forget,
	.wait = wait_event,
	.event_fd = event_fd,
	.event_arm = event_arm,
	.major = system_dm_major,
	.node = system_node,
	.node_list = system_node_list,
	.log_mark = log_mark,
	.log = log_read,
	.udev_why_not = system_udev_why_not,
	.attr_get = attr_get,
	.attr_set = system_attr_set,
	.io_counters = system_io_counters,
	.bdev = system_bdev,
	.holders = system_holders,
	.bdev_read = system_bdev_read,
	.bdev_write = system_bdev_write,
	.thin_devices = system_thin_devices,
	.bdev_discard = system_bdev_discard,
	.bdev_name = system_bdev_name,
	.loop_attach = system_loop_attach,
	.loop_resize = system_loop_resize,
	.loop_detach = system_loop_detach,
	.loop_list = system_loop_list,
	.another = another,
	.free = kernel_free,
};
