/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Looking ahead: requests that would change something are noted instead of sent. */
#include "dm/kernel/engine.h"

#include <stdio.h>
#include <string.h>

#include "core/strbuf.h"
#include "targets/grammar/secret.h"

struct plan {
	VEC(struct bp_plan_step) steps;
	VEC(char *) made; /* kernel names of devices that the plan itself creates */
	VEC(struct bp_devno) released; /* one for each use of a device by one that it removes */
};

struct bp_plan {
	struct plan plan;
};

void plan_free(struct plan *plan)
{
	if (!plan)
		return;
	for (size_t i = 0; i < plan->steps.count; i++) {
		free((void *)(uintptr_t)plan->steps.items[i].verb);
		free((void *)(uintptr_t)plan->steps.items[i].device);
		free((void *)(uintptr_t)plan->steps.items[i].detail);
	}
	vec_done(&plan->steps);
	for (size_t i = 0; i < plan->made.count; i++)
		free(plan->made.items[i]);
	vec_done(&plan->made);
	vec_done(&plan->released);
	free(plan);
}

/* Answers in place of a kernel: there are no devices, and nothing is known of its targets. */
static int nothing_there(void *self, const struct dm_request *rq, struct dm_reply *reply)
{
	(void)self;
	(void)reply;
	if (op_is(rq->op, OP_DEVICE))
		return -ENXIO;
	return rq->op == OP_LIST ? 0 : -ENOTTY;
}

/* Everything that asks is answered "not there". */
void plan_alone(struct bp_ctx *ctx, struct dm *dm, int r)
{
	dm->alone = *dm->ops;
	dm->alone.call = nothing_there;
	dm->real = dm->ops;
	dm->ops = &dm->alone;
	bp_warn(ctx,
		"no device-mapper can be asked here (%s): taken as if there were no devices",
		strerrordesc_np(-r));
}

/* With the plan ends that it has nobody to ask: the next call tries the kernel again. */
static void ask_again(struct dm *dm)
{
	if (!dm->real)
		return;
	dm->ops = dm->real;
	dm->real = NULL;
	dm->opened = false;
}

/* From here on nothing changes: requests that would are noted. Until bp_plan_end(). */
int bp_plan_start(struct bp_ctx *ctx)
{
	struct dm *dm;
	int r = dm_get(ctx, &dm);

	if (r < 0)
		return r;
	if (dm->plan)
		return bp_fail(ctx, -EINVAL, "this context looks ahead already");
	dm->plan = calloc(1, sizeof(*dm->plan));
	return dm->plan ? 0 : bp_fail_memory(ctx);
}

int bp_plan_take(struct bp_ctx *ctx, struct bp_plan **ret)
{
	struct dm *dm;
	int r = dm_get(ctx, &dm);

	if (r < 0)
		return r;
	if (!dm->plan)
		return bp_fail(ctx, -EINVAL, "this context does not look ahead");
	/* A bp_plan is a plan by another name, so that handing it out can't fail. */
	*ret = (struct bp_plan *)steal(dm->plan);
	ask_again(dm);
	return 0;
}

size_t bp_plan_count(const struct bp_plan *plan)
{
	return plan->plan.steps.count;
}

const struct bp_plan_step *bp_plan_get(const struct bp_plan *plan, size_t index)
{
	return index < plan->plan.steps.count ? &plan->plan.steps.items[index] : NULL;
}

void bp_plan_free(struct bp_plan *plan)
{
	plan_free((struct plan *)plan);
}

bool planning(const struct dm *dm)
{
	return dm->plan != NULL;
}

/* Texts are copied. */
int plan_note(struct bp_ctx *ctx, struct dm *dm, const char *verb, const char *device,
	      const char *detail)
{
	struct bp_plan_step step = {
		.verb = strdup(verb),
		.device = strdup(device ? device : ""),
		.detail = strdup(detail ? detail : ""),
	};

	if (step.verb && step.device && step.detail && vec_add(&dm->plan->steps, &step) == 0)
		return 0;
	free((void *)(uintptr_t)step.verb);
	free((void *)(uintptr_t)step.device);
	free((void *)(uintptr_t)step.detail);
	return bp_fail_memory(ctx);
}

static bool is_made(const struct plan *plan, const char *name)
{
	for (size_t i = 0; name && i < plan->made.count; i++)
		if (streq(plan->made.items[i], name))
			return true;
	return false;
}

static int remember(struct bp_ctx *ctx, struct plan *plan, const char *name)
{
	char *copy = strdup(name);

	if (copy && vec_add(&plan->made, &copy) == 0)
		return 0;
	free(copy);
	return bp_fail_memory(ctx);
}

static void describe_message(const char *text, struct strbuf *s)
{
	char *shown = message_public(text);

	strbuf_add(s, shown ? shown : "");
	free(shown);
}

/* What an order says, in words; never a key. */
static void describe(const struct dm_request *rq, struct strbuf *s)
{
	if (rq->op == OP_LOAD)
		for (size_t i = 0; i < rq->nr_segments; i++)
			strbuf_addf(s, "%s%llu %llu %s%s%s", i ? "\n" : "",
				    (unsigned long long)rq->segments[i].start,
				    (unsigned long long)rq->segments[i].length,
				    rq->segments[i].target, rq->segments[i].args[0] ? " " : "",
				    rq->segments[i].shown ? rq->segments[i].shown
							  : rq->segments[i].args);
	else if (rq->op == OP_MESSAGE)
		describe_message(rq->text, s);
	else if (rq->text)
		strbuf_add(s, rq->text);
	else if (rq->op == OP_CREATE && rq->uuid)
		strbuf_addf(s, "uuid %s", rq->uuid);
}

/* The state that the request would find: from the kernel, or from the plan. */
static int state_before(struct bp_ctx *ctx, struct dm *dm, const char *verb,
			const struct which *which, const struct dm_request *rq,
			struct dm_state *ret)
{
	struct dm_request info = { .op = OP_INFO, .name = rq->name };
	_cleanup_(dm_reply_done) struct dm_reply reply = { 0 };
	int r;

	if (is_made(dm->plan, rq->name)) {
		snprintf(ret->name, sizeof(ret->name), "%s", rq->name);
		return rq->op == OP_CREATE
			       ? explain(ctx, dm, verb, which, rq, -EBUSY, INT64_MAX)
			       : 0;
	}
	if (rq->op != OP_CREATE)
		return dm_state(ctx, verb, which, ret);
	r = dm->ops->call(dm->self, &info, &reply);
	if (r == 0)
		return explain(ctx, dm, verb, which, rq, -EBUSY, INT64_MAX);
	snprintf(ret->name, sizeof(ret->name), "%s", rq->name);
	return r == -ENXIO ? remember(ctx, dm->plan, rq->name) : r;
}

/* How often a device will still be open, once the plan has come this far. */
static int32_t opens_left(const struct plan *plan, const struct dm_state *state)
{
	int32_t opens = state->open_count;

	for (size_t i = 0; i < plan->released.count; i++)
		opens -= plan->released.items[i].major == state->major &&
			 plan->released.items[i].minor == state->minor;
	return opens;
}

/* A device that is to go lets go of what it lies on. */
static int release(struct bp_ctx *ctx, struct dm *dm, const struct dm_state *state)
{
	_cleanup_(dm_reply_done) struct dm_reply reply = { 0 };
	struct dm_request deps = {
		.op = OP_DEPS,
		.major = state->major,
		.minor = state->minor,
		.deadline = DEADLINE_NEVER,
	};
	int r = state->major ? dm->ops->call(dm->self, &deps, &reply) : 0;

	for (size_t i = 0; r == 0 && i < reply.deps.count; i++)
		r = vec_add(&dm->plan->released, &reply.deps.items[i]);
	return r == -ENOMEM ? bp_fail_memory(ctx) : 0;
}

/*
 * A plan must not promise what would fail: devices in use refuse a removal here too, unless
 * their users are removed before in the same plan.
 */
int plan_request(struct bp_ctx *ctx, struct dm *dm, const char *verb, const struct which *which,
		 const struct dm_request *rq, struct dm_reply *reply)
{
	struct strbuf s = { 0 };
	char name[BP_NAME_SIZE];
	int r = state_before(ctx, dm, verb, which, rq, &reply->state);

	if (r < 0)
		return r;
	if (rq->op == OP_REMOVE && !(rq->flags & RQ_DEFERRED) &&
	    opens_left(dm->plan, &reply->state) > 0)
		return explain(ctx, dm, verb, which, rq, -EBUSY, INT64_MAX);
	if (rq->op == OP_REMOVE) {
		r = release(ctx, dm, &reply->state);
		if (r < 0)
			return r;
	}
	describe(rq, &s);
	name_decode(reply->state.name, name, sizeof(name));
	r = s.error ? bp_fail_memory(ctx)
		    : plan_note(ctx, dm, dm_op_traits[rq->op].name, name, strbuf_text(&s));
	strbuf_done(&s);
	return r;
}
