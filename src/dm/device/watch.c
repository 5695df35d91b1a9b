/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Watching devices: what the kernel says of each now against what it said at the last look. Arm,
 * list, ask each one's status, compare; wait only when nothing was found. Statuses are asked
 * without a flush, so nothing is written for it; one that reads as before, with the event number of
 * before, is not looked into.
 *
 * Memory: what was last seen of each device, and the events nobody has taken yet.
 */
#include <bedplate/events.h>

#include "core/clock.h"
#include "core/opts.h"
#include "core/strbuf.h"
#include "dm/device/table_io.h"
#include "targets/grammar/condition.h"

#include <stdio.h>
#include <string.h>

struct seen {
	struct bp_device_entry entry;
	bool deferred;
	char *text; /* all status lines */
	struct conditions conditions;
	bool here; /* found by this look */
};

struct queued {
	struct bp_event event; /* its texts lie behind it */
	struct bp_device_entry device;
	char *old_name, *target, *about, *what;
};

struct bp_watch {
	struct bp_ctx *ctx;
	struct dm *dm;
	bool one;
	struct which which; /* @one: by name, uuid or number */
	int64_t interval_ms;
	bool quiet; /* the first look: what is there is no news */
	VEC(struct seen) seen;
	VEC(struct queued) queue;
	size_t taken; /* of the queue, so far */
};

static void seen_done(struct seen *s)
{
	free(s->text);
	conditions_done(&s->conditions);
}

static void queued_done(struct queued *q)
{
	free(q->old_name);
	free(q->target);
	free(q->about);
	free(q->what);
}

void bp_watch_close(struct bp_watch *watch)
{
	if (!watch)
		return;
	for (size_t i = 0; i < watch->seen.count; i++)
		seen_done(&watch->seen.items[i]);
	for (size_t i = 0; i < watch->queue.count; i++)
		queued_done(&watch->queue.items[i]);
	vec_done(&watch->seen);
	vec_done(&watch->queue);
	free(watch);
}

/* --- telling --- */

static int copy(const char *text, char **ret)
{
	*ret = text && *text ? strdup(text) : NULL;
	return !*ret && text && *text ? -ENOMEM : 0;
}

/* Events are queued with copies: what they are of may be gone when they are read. */
static int tell(struct bp_watch *w, enum bp_event_kind kind, const struct seen *s,
		const struct condition *c, bool ended, const char *old_name)
{
	struct queued q = {
		.event = { .size = sizeof(q.event), .kind = kind, .ended = ended },
		.device = s->entry,
	};

	if (c)
		q.event.start_sectors = c->start;
	if (copy(old_name, &q.old_name) < 0 || copy(c ? c->target : NULL, &q.target) < 0 ||
	    copy(c ? c->about : NULL, &q.about) < 0 || copy(c ? c->what : NULL, &q.what) < 0 ||
	    vec_add(&w->queue, &q) < 0) {
		queued_done(&q);
		return bp_fail_memory(w->ctx);
	}
	return 0;
}

static const struct condition *find_condition(const struct conditions *in,
					      const struct condition *c)
{
	for (size_t i = 0; i < in->list.count; i++)
		if (condition_same(&in->list.items[i], c))
			return &in->list.items[i];
	return NULL;
}

/* Those of @a that @b has not. */
static int tell_difference(struct bp_watch *w, const struct seen *s, const struct conditions *a,
			   const struct conditions *b, bool ended)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < a->list.count; i++) {
		const struct condition *c = &a->list.items[i];

		if (!find_condition(b, c) && !(ended && !condition_ends(c->kind)))
			r = tell(w, c->kind, s, c, ended, NULL);
	}
	return r;
}

/* --- looking --- */

/* Parameters of the live table's segment at @start; NULL where there are none to be had. */
static const void *params_at(const struct bp_table *table, bp_sector start)
{
	for (size_t i = 0; table && i < bp_table_count(table); i++) {
		const struct bp_segment *segment = bp_table_get(table, i);

		if (segment->start_sectors == start)
			return segment->params;
	}
	return NULL;
}

/* The table is asked for only where a target's conditions need its parameters. */
static int find_conditions(struct bp_watch *w, const struct which *which,
			   const struct dm_reply *reply, struct conditions *ret)
{
	_cleanup_(table_freep) struct bp_table *table = NULL;
	bool any = false;
	int r = 0;

	for (size_t i = 0; i < reply->segments.count; i++)
		any |= conditions_known(reply->segments.items[i].target);
	if (any)
		r = table_read(w->ctx, "events", which, 0, &table);
	if (r == -ENXIO)
		r = 0; /* gone meanwhile: the next look will find that */
	for (size_t i = 0; any && r == 0 && i < reply->segments.count; i++) {
		const struct dm_segment *s = &reply->segments.items[i];

		r = conditions_of(w->ctx, s->target, s->start, s->args,
				  params_at(table, s->start), ret);
	}
	return r;
}

static void add_line(struct strbuf *s, const struct dm_segment *segment)
{
	strbuf_addf(s, "%llu %llu %s %s\n", (unsigned long long)segment->start,
		    (unsigned long long)segment->length, segment->target, segment->args);
}

static int join(struct bp_watch *w, const struct dm_reply *reply, char **ret)
{
	struct strbuf s = { 0 };

	for (size_t i = 0; i < reply->segments.count; i++)
		add_line(&s, &reply->segments.items[i]);
	return strbuf_take(&s, ret) < 0 ? bp_fail_memory(w->ctx) : 0;
}

/* Bring what was seen of a device up to date, and tell what is new. */
static int compare(struct bp_watch *w, struct seen *s, const struct which *which,
		   const struct dm_reply *reply, bool made)
{
	_cleanup_(conditions_done) struct conditions now = { 0 };
	uint32_t event_nr = reply->state.event_nr;
	size_t told = w->queue.count;
	char *text;
	int r = join(w, reply, &text);

	if (r < 0)
		return r;
	s->deferred = reply->state.flags & ST_DEFERRED;
	if (s->text && streq(s->text, text) && s->entry.event_nr == event_nr) {
		free(text);
		return 0;
	}
	r = find_conditions(w, which, reply, &now);
	if (r == 0 && !w->quiet)
		r = tell_difference(w, s, &now, &s->conditions, false);
	if (r == 0 && !w->quiet)
		r = tell_difference(w, s, &s->conditions, &now, true);
	if (r == 0 && !w->quiet && !made && w->queue.count == told &&
	    s->entry.event_nr != event_nr)
		r = tell(w, BP_EVENT_OTHER, s, NULL, false, NULL);
	if (r < 0) {
		free(text);
		return r;
	}
	/* Events carry the number they came with. */
	s->entry.event_nr = event_nr;
	for (size_t i = told; i < w->queue.count; i++)
		w->queue.items[i].device.event_nr = event_nr;
	free(s->text);
	s->text = text;
	conditions_done(&s->conditions);
	s->conditions = now;
	now = (struct conditions){ 0 };
	return 0;
}

/* The same number may be another device by now: names by the kernel or the uuid decide. */
static bool is_entry(const struct seen *s, const struct bp_device_entry *entry)
{
	return s->entry.major == entry->major && s->entry.minor == entry->minor &&
	       (streq(s->entry.kernel_name, entry->kernel_name) ||
		(entry->uuid[0] && streq(s->entry.uuid, entry->uuid)));
}

/* The same device as one that was seen: its number, and its name or else its uuid. */
static struct seen *find_seen(struct bp_watch *w, const struct bp_device_entry *entry)
{
	for (size_t i = 0; i < w->seen.count; i++) {
		struct seen *s = &w->seen.items[i];

		if (!s->here && is_entry(s, entry))
			return s;
	}
	return NULL;
}

/*
 * A watch of one device keeps to how it was selected: by name it follows the name, by uuid
 * the device.
 */
static bool wanted(const struct bp_watch *w, const struct bp_device_entry *entry)
{
	if (!w->one)
		return true;
	if (w->which.name[0])
		return streq(w->which.name, entry->kernel_name) ||
		       (w->which.raw[0] && streq(w->which.raw, entry->kernel_name));
	if (w->which.uuid[0])
		return streq(w->which.uuid, entry->uuid);
	return w->which.major == entry->major && w->which.minor == entry->minor;
}

/* A device that was not there, or has another name. */
static int meet(struct bp_watch *w, const struct bp_device_entry *entry, struct seen **ret,
		bool *ret_made)
{
	struct seen *s = find_seen(w, entry), new = { .entry = *entry };
	char old[BP_NAME_SIZE];
	int r = 0;

	*ret_made = !s;
	if (!s) {
		if (vec_add(&w->seen, &new) < 0)
			return bp_fail_memory(w->ctx);
		s = &w->seen.items[w->seen.count - 1];
		r = w->quiet ? 0 : tell(w, BP_EVENT_CREATED, s, NULL, false, NULL);
	} else if (!streq(s->entry.kernel_name, entry->kernel_name)) {
		memcpy(old, s->entry.name, sizeof(old));
		memcpy(s->entry.name, entry->name, sizeof(s->entry.name));
		memcpy(s->entry.kernel_name, entry->kernel_name, sizeof(s->entry.kernel_name));
		r = tell(w, BP_EVENT_RENAMED, s, NULL, false, old);
	}
	memcpy(s->entry.uuid, entry->uuid, sizeof(s->entry.uuid));
	*ret = s;
	return r;
}

/* Name and number must agree with the list: both are given again quickly. */
static int look_at(struct bp_watch *w, const struct bp_device_entry *entry)
{
	_cleanup_(dm_reply_done) struct dm_reply reply = { 0 };
	struct dm_request rq = {
		.op = OP_STATUS,
		.flags = RQ_NO_FLUSH,
		.deadline = DEADLINE_NEVER,
	};
	struct which which = { .major = entry->major, .minor = entry->minor };
	struct seen *s = NULL;
	bool made = false;
	int r;

	snprintf(which.label, sizeof(which.label), "%s", entry->name);
	r = dm_ask(w->ctx, "events", &which, &rq, &reply);
	if (r == -ENXIO || (r == 0 && !streq(reply.state.name, entry->kernel_name)))
		return 0; /* gone, or another one, since the list: for the next look */
	if (r == 0)
		r = meet(w, entry, &s, &made);
	if (r < 0 || !s)
		return r;
	s->here = true;
	return compare(w, s, &which, &reply, made);
}

/* What is not in the list any more was removed, whatever the reason was. */
static int bury(struct bp_watch *w)
{
	size_t kept = 0;
	int r = 0;

	for (size_t i = 0; i < w->seen.count; i++) {
		struct seen *s = &w->seen.items[i];

		if (!s->here && r == 0)
			r = tell(w, s->deferred ? BP_EVENT_REMOVED_DEFERRED : BP_EVENT_REMOVED,
				 s, NULL, false, NULL);
		if (s->here || r < 0)
			w->seen.items[kept++] = *s;
		else
			seen_done(s);
	}
	w->seen.count = kept;
	return r;
}

/* One look: arm first, so that what comes while looking ends the wait behind it. */
static int look(struct bp_watch *w)
{
	struct dm_request arm = { .op = OP_ARM, .deadline = DEADLINE_NEVER };
	struct bp_device_list *list;
	int r = dm_order(w->ctx, "events", NULL, &arm, NULL);

	if (r == 0)
		r = bp_device_list(w->ctx, &list);
	if (r < 0)
		return r;
	for (size_t i = 0; i < w->seen.count; i++)
		w->seen.items[i].here = false;
	for (size_t i = 0; r == 0 && i < bp_device_list_count(list); i++) {
		const struct bp_device_entry *entry = bp_device_list_get(list, i);

		if (wanted(w, entry) || find_seen(w, entry))
			r = look_at(w, entry);
	}
	bp_device_list_free(list);
	return r < 0 ? r : bury(w);
}

/* --- the calls --- */

static int open_one(struct bp_watch *w, const struct bp_selector *which)
{
	struct dm_state state;
	int r = which_resolve(w->ctx, which, &w->which);

	w->one = true;
	return r < 0 ? r : dm_state(w->ctx, "events", &w->which, &state);
}

/* The first look is quiet: what is there already is no event, unless the caller asks. */
int bp_watch_open(struct bp_ctx *ctx, const struct bp_watch_opts *opts, struct bp_watch **ret)
{
	struct bp_watch_opts o;
	struct bp_watch *w;
	int r = opts_read(ctx, &o, sizeof(o), opts);

	if (r < 0)
		return r;
	w = calloc(1, sizeof(*w));
	if (!w)
		return bp_fail_memory(ctx);
	w->ctx = ctx;
	w->interval_ms = o.interval_ms;
	r = dm_get(ctx, &w->dm);
	if (r == 0 && o.which)
		r = open_one(w, o.which);
	w->quiet = true;
	if (r == 0)
		r = look(w);
	w->quiet = false;
	for (size_t i = 0; r == 0 && o.existing && i < w->seen.count; i++)
		r = tell_difference(w, &w->seen.items[i], &w->seen.items[i].conditions,
				    &(struct conditions){ 0 }, false);
	if (r < 0) {
		bp_watch_close(w);
		return r;
	}
	*ret = w;
	return 0;
}

/* What was taken is forgotten, the next one lent. */
static bool take(struct bp_watch *w, const struct bp_event **ret)
{
	struct queued *q;

	if (w->taken == w->queue.count) {
		for (size_t i = 0; i < w->queue.count; i++)
			queued_done(&w->queue.items[i]);
		w->queue.count = w->taken = 0;
		return false;
	}
	q = &w->queue.items[w->taken++];
	q->event.device = &q->device;
	q->event.old_name = q->old_name;
	q->event.target = q->target;
	q->event.about = q->about;
	q->event.what = q->what;
	*ret = &q->event;
	return true;
}

/*
 * Looks, and waits only when nothing was found: events in between are not lost. Without
 * events of the kernel (a condition that has none) the interval brings it back.
 */
int bp_watch_next(struct bp_watch *w, int64_t timeout_ms, const struct bp_event **ret)
{
	int64_t end = dm_deadline(timeout_ms), until;
	int r;

	while (!take(w, ret)) {
		r = look(w);
		if (r < 0)
			return r;
		if (w->queue.count)
			continue;
		until = w->interval_ms > 0 ? MIN(end, deadline_in(w->interval_ms)) : end;
		r = w->dm->ops->wait(w->dm->self, until);
		if (r == -ETIMEDOUT && until < end)
			continue;
		if (r < 0)
			return bp_fail(w->ctx, r, "no event within the time limit");
	}
	return 0;
}
