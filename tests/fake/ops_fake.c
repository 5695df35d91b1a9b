/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fake/ops_fake.h"

#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/strbuf.h"
#include "dm/kernel/engine.h"
#include "fake/fake.h"

void fake_logf(struct fake *fake, const char *fmt, ...)
{
	struct fake_log entry = { .time_us = clock_log_us() };
	struct strbuf s = { 0 };
	va_list args;

	va_start(args, fmt);
	strbuf_addv(&s, fmt, args);
	va_end(args);
	/* No two lines at one time, as in the kernel's log. */
	if (fake->log.count && fake->log.items[fake->log.count - 1].time_us >= entry.time_us)
		entry.time_us = fake->log.items[fake->log.count - 1].time_us + 1;
	if (strbuf_take(&s, &entry.line) == 0 && vec_add(&fake->log, &entry) < 0)
		free(entry.line);
}

static void log_lines(struct fake *fake, const char *lines)
{
	while (lines && *lines) {
		int len = (int)strcspn(lines, "\n");

		fake_logf(fake, "%.*s", len, lines);
		lines += len + (lines[len] == '\n');
	}
}

int fake_fault(struct fake *fake, int kind)
{
	fake->counts[kind]++;
	if (!fake->fault_in || (fake->fault_kind != FAKE_ANY && fake->fault_kind != kind))
		return 0;
	if (--fake->fault_in)
		return 0;
	fake->fault_in = fake->fault_lasts;
	fake->failed = true;
	fake->failed_kind = kind;
	log_lines(fake, fake->fault_lines);
	return -fake->fault_errnum;
}

/* --- tables --- */

static void table_free(struct fake_table *table)
{
	if (!table)
		return;
	for (size_t i = 0; i < table->segments.count; i++)
		free(table->segments.items[i].args);
	vec_done(&table->segments);
	free(table);
}

static void dev_free(struct fake_dev *dev)
{
	table_free(dev->live);
	table_free(dev->inactive);
	fake_stats_done(dev);
	free(dev->says);
	free(dev);
}

static int core_refuses(struct fake *fake, const struct fake_dev *dev, const char *target,
			const char *why)
{
	if (target)
		fake_logf(fake, "device-mapper: table: %u:%u: %s: %s (-EINVAL)", FAKE_MAJOR,
			  dev->minor, target, why);
	else
		fake_logf(fake, "device-mapper: table: %u:%u: %s (-EINVAL)", FAKE_MAJOR,
			  dev->minor, why);
	fake_logf(fake, "device-mapper: ioctl: error adding target to table");
	return -EINVAL;
}

static int add_segment(struct fake *fake, const struct fake_dev *dev,
		       const struct dm_request *rq, size_t i, struct fake_table *table)
{
	const struct dm_segment *from = &rq->segments[i];
	struct fake_segment segment = { .start = from->start, .length = from->length };
	int r;

	if (!from->length)
		return core_refuses(fake, dev, NULL, "zero-length target");
	if (from->start != fake_table_length(table))
		return core_refuses(fake, dev, from->target, "Gap in table");
	snprintf(segment.target, sizeof(segment.target), "%s", from->target);
	segment.args = strdup(from->args);
	if (!segment.args)
		return -ENOMEM;
	r = fake_construct(fake, dev, &segment, rq->flags & RQ_READ_ONLY, rq->nr_segments == 1);
	if (r == 0)
		r = vec_add(&table->segments, &segment);
	if (r < 0)
		free(segment.args);
	return r;
}

static int load(struct fake *fake, struct fake_dev *dev, const struct dm_request *rq)
{
	struct fake_table *table = calloc(1, sizeof(*table));
	int r = table ? 0 : -ENOMEM;

	if (r == 0)
		table->read_only = rq->flags & RQ_READ_ONLY;
	for (size_t i = 0; r == 0 && i < rq->nr_segments; i++)
		r = add_segment(fake, dev, rq, i, table);
	if (r == 0 && dev->live && table->segments.count &&
	    streq(dev->live->segments.items[0].target, "thin-pool") &&
	    !streq(table->segments.items[0].target, "thin-pool") &&
	    !streq(table->segments.items[0].target, "error")) {
		fake_logf(fake, "device-mapper: ioctl: can't replace immutable target type "
				"thin-pool");
		r = -EINVAL;
	}
	if (r < 0) {
		table_free(table);
		return r;
	}
	table_free(dev->inactive);
	dev->inactive = table;
	return 0;
}

/* --- calls --- */

static void state(const struct fake *fake, const struct fake_dev *dev, struct dm_state *ret)
{
	memcpy(ret->name, dev->name, sizeof(ret->name));
	memcpy(ret->uuid, dev->uuid, sizeof(ret->uuid));
	ret->major = FAKE_MAJOR;
	ret->minor = dev->minor;
	ret->event_nr = dev->event_nr;
	ret->open_count = fake_open_count(fake, dev);
	ret->nr_segments = dev->live ? (uint32_t)dev->live->segments.count : 0;
	ret->flags |= (dev->suspended ? ST_SUSPENDED : 0) | (dev->live ? ST_LIVE : 0) |
		      (dev->inactive ? ST_INACTIVE : 0) | (dev->deferred ? ST_DEFERRED : 0) |
		      (dev->live && dev->live->read_only ? ST_READ_ONLY : 0);
}

static int create(struct fake *fake, const struct dm_request *rq, struct dm_reply *reply)
{
	struct fake_dev *dev;
	uint32_t minor = rq->minor;

	if (fake_find_name(fake, rq->name) || (rq->uuid && fake_find_uuid(fake, rq->uuid)))
		return -EBUSY;
	if (!(rq->flags & RQ_PERSISTENT)) {
		for (minor = 0; fake_find_number(fake, FAKE_MAJOR, minor);)
			minor++;
	} else if (fake_find_number(fake, FAKE_MAJOR, minor)) {
		return -EBUSY;
	}
	dev = calloc(1, sizeof(*dev));
	if (!dev)
		return -ENOMEM;
	dev->minor = minor;
	dev->read_ahead_kb = 128;
	snprintf(dev->name, sizeof(dev->name), "%s", rq->name);
	snprintf(dev->uuid, sizeof(dev->uuid), "%s", rq->uuid ? rq->uuid : "");
	if (vec_add(&fake->devs, &dev) < 0) {
		free(dev);
		return -ENOMEM;
	}
	state(fake, dev, &reply->state);
	return 0;
}

void fake_destroy(struct fake *fake, struct fake_dev *dev)
{
	for (size_t i = 0; i < fake->devs.count; i++)
		if (fake->devs.items[i] == dev) {
			memmove(&fake->devs.items[i], &fake->devs.items[i + 1],
				(--fake->devs.count - i) * sizeof(dev));
			break;
		}
	dev_free(dev);
	fake->events++;
	/* What it alone held goes with it, where that was asked for. */
	for (size_t i = 0; i < fake->devs.count; i++)
		if (fake->devs.items[i]->deferred &&
		    fake_open_count(fake, fake->devs.items[i]) == 0) {
			fake_destroy(fake, fake->devs.items[i]);
			return;
		}
}

static int remove_dev(struct fake *fake, struct fake_dev *dev, const struct dm_request *rq,
		      struct dm_reply *reply)
{
	if (fake_open_count(fake, dev) > 0) {
		if (!(rq->flags & RQ_DEFERRED))
			return -EBUSY;
		dev->deferred = true;
		reply->state.flags |= ST_DEFERRED;
		return 0;
	}
	reply->state.flags |= ST_UEVENT;
	fake_destroy(fake, dev);
	return 0;
}

static int resume(struct fake *fake, struct fake_dev *dev, struct dm_reply *reply)
{
	int r;

	if (!dev->inactive && !dev->live)
		return -EINVAL;
	if (dev->inactive) {
		/* The swap comes first: a failed start leaves the new table, suspended. */
		table_free(dev->live);
		dev->live = steal(dev->inactive);
		dev->suspended = true;
	}
	r = fake_preresume(fake, dev, dev->live);
	if (r < 0)
		return r;
	dev->suspended = false;
	reply->state.flags |= ST_UEVENT;
	state(fake, dev, &reply->state);
	return 0;
}

static int rename_dev(struct fake *fake, struct fake_dev *dev, const struct dm_request *rq,
		      struct dm_reply *reply)
{
	if (fake_find_name(fake, rq->text)) {
		fake_logf(fake,
			  "device-mapper: ioctl: Unable to change name on mapped device %s to "
			  "one that already exists: %s",
			  dev->name, rq->text);
		return -EBUSY;
	}
	snprintf(dev->name, sizeof(dev->name), "%s", rq->text);
	reply->state.flags |= ST_UEVENT;
	state(fake, dev, &reply->state);
	return 0;
}

static int set_uuid(struct fake *fake, struct fake_dev *dev, const struct dm_request *rq)
{
	if (dev->uuid[0]) {
		fake_logf(fake,
			  "device-mapper: ioctl: Unable to change uuid of mapped device %s to "
			  "%s because uuid is already set to %s",
			  dev->name, rq->text, dev->uuid);
		return -EINVAL;
	}
	if (fake_find_uuid(fake, rq->text))
		return -EBUSY;
	snprintf(dev->uuid, sizeof(dev->uuid), "%s", rq->text);
	return 0;
}

/* Texts of a reply lie in one buffer: collected here, with offsets until it is kept. */
static int keep(struct dm_reply *reply, struct strbuf *s)
{
	int r = s->error ? -ENOMEM : 0;

	if (r == 0 && !dm_reply_keep(reply, s->text, s->len))
		r = -ENOMEM;
	strbuf_done(s);
	return r;
}

static const char *put(struct strbuf *s, const char *text)
{
	const char *at = (const char *)(uintptr_t)s->len;

	strbuf_add_len(s, text, strlen(text) + 1);
	return at;
}

static const char *moved(const struct dm_reply *reply, const char *offset)
{
	return reply->text + (uintptr_t)offset;
}

static int list(struct fake *fake, struct dm_reply *reply)
{
	struct strbuf s = { 0 };
	int r = 0;

	for (size_t i = 0; r == 0 && i < fake->devs.count; i++) {
		const struct fake_dev *dev = fake->devs.items[i];
		struct dm_entry entry = {
			.name = put(&s, dev->name),
			.uuid = put(&s, dev->uuid),
			.major = FAKE_MAJOR,
			.minor = dev->minor,
			.event_nr = dev->event_nr,
		};

		r = vec_add(&reply->entries, &entry);
	}
	if (r == 0)
		r = keep(reply, &s);
	strbuf_done(&s);
	for (size_t i = 0; r == 0 && i < reply->entries.count; i++) {
		reply->entries.items[i].name = moved(reply, reply->entries.items[i].name);
		reply->entries.items[i].uuid = moved(reply, reply->entries.items[i].uuid);
	}
	return r;
}

static int segments(struct fake *fake, const struct fake_dev *dev, const struct dm_request *rq,
		    struct dm_reply *reply)
{
	const struct fake_table *table = rq->flags & RQ_INACTIVE ? dev->inactive : dev->live;
	struct strbuf s = { 0 };
	int r = 0;

	for (size_t i = 0; r == 0 && table && i < table->segments.count; i++) {
		const struct fake_segment *from = &table->segments.items[i];
		bool failed = fake_volume_failed(fake, from);
		char *status =
			rq->op == OP_STATUS && !failed ? fake_status(fake, dev, from) : NULL;
		struct dm_segment to = {
			.start = from->start,
			.length = from->length,
			.target = put(&s, from->target),
			.args = put(&s, failed   ? "Fail"
					: status ? status
						 : from->args),
		};

		free(status);
		r = vec_add(&reply->segments, &to);
	}
	if (r == 0)
		r = keep(reply, &s);
	strbuf_done(&s);
	for (size_t i = 0; r == 0 && i < reply->segments.count; i++) {
		reply->segments.items[i].target = moved(reply, reply->segments.items[i].target);
		reply->segments.items[i].args = moved(reply, reply->segments.items[i].args);
	}
	return r;
}

static int deps(const struct fake_dev *dev, const struct dm_request *rq, struct dm_reply *reply)
{
	const struct fake_table *table = rq->flags & RQ_INACTIVE ? dev->inactive : dev->live;
	int r = 0;

	for (size_t i = 0; table && i < table->segments.count; i++)
		for (size_t d = 0; r == 0 && d < table->segments.items[i].nr_devs; d++) {
			const struct bp_devno *devno = &table->segments.items[i].devs[d];
			bool known = false;

			for (size_t k = 0; k < reply->deps.count; k++)
				known |= reply->deps.items[k].major == devno->major &&
					 reply->deps.items[k].minor == devno->minor;
			if (!known)
				r = vec_add(&reply->deps, devno);
		}
	return r;
}

static int target_list(const char *only, struct dm_reply *reply)
{
	static const struct bp_kernel_target all[] = {
		{ "linear", { 1, 4, 0 } },         { "striped", { 1, 6, 0 } },
		{ "zero", { 1, 1, 0 } },           { "error", { 1, 5, 0 } },
		{ "thin-pool", { 1, 22, 0 } },     { "thin", { 1, 22, 0 } },
		{ "cache", { 2, 3, 0 } },          { "snapshot", { 1, 16, 0 } },
		{ "snapshot-merge", { 1, 5, 0 } }, { "vdo", { 9, 1, 0 } },
		{ "log-writes", { 1, 1, 0 } },
	};

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		if ((!only || streq(only, all[i].name)) &&
		    vec_add(&reply->targets, &all[i]) < 0)
			return -ENOMEM;
	return reply->targets.count ? 0 : -EINVAL;
}

static int message(struct fake *fake, struct fake_dev *dev, const struct dm_request *rq,
		   struct dm_reply *reply)
{
	if (streq(rq->text, "@cancel_deferred_remove")) {
		if (!dev->deferred)
			return -EINVAL;
		dev->deferred = false;
		return 0;
	}
	if (strncmp(rq->text, "@stats_", 7) == 0)
		return fake_stats_message(dev, rq->text, reply);
	for (size_t i = 0; dev->live && i < dev->live->segments.count; i++) {
		struct fake_segment *segment = &dev->live->segments.items[i];

		if (streq(segment->target, "vdo"))
			return fake_vdo_message(fake, rq->text, reply);
		if (rq->sector >= segment->start &&
		    rq->sector - segment->start < segment->length)
			return fake_message(fake, dev, segment, rq->text);
	}
	return -EINVAL;
}

static struct fake_dev *device_of(struct fake *fake, const struct dm_request *rq)
{
	if (rq->name)
		return fake_find_name(fake, rq->name);
	if (rq->uuid)
		return fake_find_uuid(fake, rq->uuid);
	return fake_find_number(fake, rq->major, rq->minor);
}

static int on_device(struct fake *fake, struct fake_dev *dev, const struct dm_request *rq,
		     struct dm_reply *reply)
{
	int r;

	switch ((int)rq->op) {
	case OP_REMOVE:
		return remove_dev(fake, dev, rq, reply);
	case OP_RENAME:
		return rename_dev(fake, dev, rq, reply);
	case OP_SET_UUID:
		return set_uuid(fake, dev, rq);
	case OP_RESUME:
		return resume(fake, dev, reply);
	case OP_SUSPEND:
		dev->suspended = true;
		break;
	case OP_CLEAR:
		table_free(dev->inactive);
		dev->inactive = NULL;
		break;
	case OP_LOAD:
		r = load(fake, dev, rq);
		if (r < 0)
			return r;
		break;
	case OP_DEPS:
		r = deps(dev, rq, reply);
		if (r < 0)
			return r;
		break;
	case OP_TABLE:
	case OP_STATUS:
		r = segments(fake, dev, rq, reply);
		if (r < 0)
			return r;
		break;
	case OP_MESSAGE:
		r = message(fake, dev, rq, reply);
		if (r < 0)
			return r;
		break;
	default: /* info, geometry */
		break;
	}
	state(fake, dev, &reply->state);
	return 0;
}

static int call_locked(struct handle *h, const struct dm_request *rq, struct dm_reply *reply)
{
	struct fake *fake = h->fake;
	struct fake_dev *dev;
	int r = fake_fault(fake, (int)rq->op);

	if (r < 0)
		return r;
	switch ((int)rq->op) {
	case OP_VERSION:
		memcpy(reply->state.version, (uint32_t[]){ 4, 47, 0 }, 12);
		return 0;
	case OP_LIST:
		return list(fake, reply);
	case OP_CREATE:
		return create(fake, rq, reply);
	case OP_TARGETS:
		return target_list(NULL, reply);
	case OP_TARGET_VERSION:
		return target_list(rq->text, reply);
	case OP_ARM:
		h->armed = fake->events;
		return 0;
	default:
		break;
	}
	dev = device_of(fake, rq);
	return dev ? on_device(fake, dev, rq, reply) : -ENXIO;
}

static bool lingers(struct fake *fake, const struct dm_request *rq)
{
	if (!fake->linger_in || !op_is(rq->op, OP_WAITS) ||
	    (rq->deadline == DEADLINE_NEVER && !rq->stop) || --fake->linger_in)
		return false;
	fake->disturbed = true;
	return true;
}

static void signal_comes(struct fake *fake)
{
	if (!fake->signal_in || --fake->signal_in)
		return;
	fake->disturbed = true;
	kill(getpid(), fake->signal_number);
}

static int call(void *self, const struct dm_request *rq, struct dm_reply *reply)
{
	struct handle *h = self;
	int r = -EINTR;

	assert(!h->left); /* nothing is asked before it has been followed */
	pthread_mutex_lock(&h->fake->lock);
	reply->secure = rq->flags & RQ_SECURE;
	h->fake->flags[rq->op] = rq->flags;
	h->left = lingers(h->fake, rq);
	if (!h->left || h->fake->linger_done)
		r = call_locked(h, rq, reply);
	if (r == 0)
		fake_answer_cookie(h->fake, rq, reply);
	signal_comes(h->fake);
	pthread_mutex_unlock(&h->fake->lock);
	h->left_result = r;
	return h->left ? -ETIMEDOUT : r;
}

static bool is_left(void *self)
{
	return ((struct handle *)self)->left;
}

static void forget(void *self)
{
	((struct handle *)self)->left = false;
}

static int finish(void *self)
{
	forget(self);
	return ((struct handle *)self)->left_result;
}

static int follow(void *self, void (*run)(void *user), void *user)
{
	(void)self;
	run(user);
	return FAKE_FOLLOWER;
}

/* --- life --- */

static void fake_free(struct fake *fake)
{
	for (size_t i = 0; i < fake->devs.count; i++)
		dev_free(fake->devs.items[i]);
	vec_done(&fake->devs);
	for (size_t i = 0; i < fake->bdevs.count; i++) {
		vec_done(&fake->bdevs.items[i]->meta.volumes);
		free(fake->bdevs.items[i]);
	}
	vec_done(&fake->bdevs);
	vec_done(&fake->nodes);
	for (size_t i = 0; i < fake->loops.count; i++)
		close(fake->loops.items[i].fd);
	vec_done(&fake->loops);
	for (size_t i = 0; i < fake->log.count; i++)
		free(fake->log.items[i].line);
	vec_done(&fake->log);
	free(fake->vdo_stats);
	free(fake->vdo_config);
	pthread_mutex_destroy(&fake->lock);
	free(fake);
}

static void handle_free(void *self)
{
	struct handle *h = self;
	bool last;

	pthread_mutex_lock(&h->fake->lock);
	last = --h->fake->users == 0;
	pthread_mutex_unlock(&h->fake->lock);
	if (last)
		fake_free(h->fake);
	free(h);
}

static int nothing(void *self)
{
	(void)self;
	return 0;
}

static int open_control(void *self)
{
	return -((struct handle *)self)->fake->absent;
}

static int handle_new(struct fake *fake, void **ret)
{
	struct handle *h = calloc(1, sizeof(*h));

	if (!h)
		return -ENOMEM;
	h->fake = fake;
	pthread_mutex_lock(&fake->lock);
	fake->users++;
	pthread_mutex_unlock(&fake->lock);
	*ret = h;
	return 0;
}

static int another(void *self, void **ret_self)
{
	return handle_new(((struct handle *)self)->fake, ret_self);
}

static const struct dm_ops fake_ops = {
	.open = open_control,
	.call = call,
	.left = is_left,
	.finish = finish,
	.follow = follow,
	.forget = forget,
	.wait = fake_wait,
	.event_fd = fake_event_fd,
	.event_arm = nothing,
	.major = fake_major,
	.node = fake_node,
	.node_list = fake_node_list,
	.log = fake_read_log,
	.udev_why_not = fake_udev_why_not,
	.attr_get = fake_attr_get,
	.attr_set = fake_attr_set,
	.io_counters = fake_io_counters,
	.bdev = fake_bdev,
	.holders = fake_holders,
	.bdev_read = fake_bdev_read,
	.bdev_write = fake_bdev_write,
	.bdev_discard = fake_bdev_discard,
	.thin_devices = fake_thin_devices,
	.bdev_name = fake_bdev_name,
	.loop_attach = fake_loop_attach,
	.loop_resize = fake_loop_resize,
	.loop_detach = fake_loop_detach,
	.loop_list = fake_loop_list,
	.another = another,
	.free = handle_free,
};

int fake_share(struct bp_ctx *ctx, struct fake *fake)
{
	void *self;
	int r = handle_new(fake, &self);

	return r < 0 ? r : dm_plug(ctx, &fake_ops, self);
}

int fake_new(struct bp_ctx *ctx, struct fake **ret)
{
	struct fake *fake = calloc(1, sizeof(*fake));

	if (!fake)
		return -ENOMEM;
	pthread_mutex_init(&fake->lock, NULL);
	fake->udev_why_not = "this kernel is a fake";
	*ret = fake;
	return fake_share(ctx, fake);
}

void fake_alien(struct fake *fake, const char *kernel_name)
{
	struct dm_request rq = { .op = OP_CREATE, .name = kernel_name };
	struct dm_reply reply = { 0 };

	create(fake, &rq, &reply);
}
