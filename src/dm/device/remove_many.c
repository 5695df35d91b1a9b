/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Many devices at once. Each removal waits in the kernel for readers to be gone, milliseconds in
 * which nothing else happens: threads with a context of their own wait for several at a time.
 * Users go before what they use; what is reported does not depend on who was first.
 */
#include "core/opts.h"
#include "dm/kernel/engine.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

/* Threads at most; each keeps one control node open. */
#define MOST_WORKERS 16
#define NO_NODE      SIZE_MAX

struct job {
	struct bp_selector which;
	size_t node;        /* in the tree; NO_NODE: there is no such device */
	unsigned waits;     /* users of it that are to go first, and have not been tried yet */
	bool started, used; /* used: one of them could not go */
	int r;
	enum bp_removed removed;
	struct error_state *error;
	VEC(char *) warnings;
};

/* What all threads share; jobs change under @lock. */
struct work {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	VEC(struct job) jobs;
	size_t unstarted, running;
	struct bp_tree *tree;
	size_t *job_of; /* of each node, NO_NODE: none */
	struct bp_remove_opts opts;
	bool leave_used;        /* don't even try where a user stays */
	struct signals signals; /* held back while the workers run */
	struct bp_ctx *ctx;
};

struct worker {
	struct work *work;
	struct bp_ctx *ctx;
	pthread_t thread;
	bool runs;
};

static void job_done(struct job *job)
{
	for (size_t k = 0; k < job->warnings.count; k++)
		free(job->warnings.items[k]);
	vec_done(&job->warnings);
}

static void work_done(struct work *w)
{
	for (size_t i = 0; i < w->jobs.count; i++)
		job_done(&w->jobs.items[i]);
	vec_done(&w->jobs);
	free(w->job_of);
	bp_tree_free(w->tree);
	pthread_cond_destroy(&w->changed);
	pthread_mutex_destroy(&w->lock);
}

static int work_init(struct bp_ctx *ctx, const struct bp_remove_opts *opts, struct work *w)
{
	*w = (struct work){ .ctx = ctx };
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->changed, NULL);
	return opts_read(ctx, &w->opts, sizeof(w->opts), opts);
}

/* --- which job is next --- */

/* The first that waits for nobody; in a circle the first at all. NULL: wait, or the end. */
static struct job *ready(struct work *w)
{
	struct job *first = NULL;

	for (size_t i = 0; i < w->jobs.count; i++) {
		struct job *job = &w->jobs.items[i];

		if (job->started)
			continue;
		if (!job->waits)
			return job;
		if (!first)
			first = job;
	}
	return w->running ? NULL : first;
}

/* NULL: no job is left. Devices below others wait until those are gone. */
static struct job *take(struct work *w)
{
	struct job *job = NULL;

	pthread_mutex_lock(&w->lock);
	while (w->unstarted) {
		job = ready(w);
		if (job)
			break;
		pthread_cond_wait(&w->changed, &w->lock);
	}
	if (job) {
		job->started = true;
		w->unstarted--;
		w->running++;
	}
	pthread_mutex_unlock(&w->lock);
	return job;
}

static struct job *job_below(const struct work *w, const struct job *job, size_t i)
{
	size_t node = bp_tree_get(w->tree, job->node)->below[i];

	return node == job->node || w->job_of[node] == NO_NODE
		       ? NULL
		       : &w->jobs.items[w->job_of[node]];
}

static size_t nr_below(const struct work *w, const struct job *job)
{
	return job->node == NO_NODE ? 0 : bp_tree_get(w->tree, job->node)->nr_below;
}

/*
 * What waited for @job needs not wait for it any more; what it lies on stays in use if it
 * stayed.
 */
static void release_below(struct work *w, const struct job *job)
{
	for (size_t i = 0; i < nr_below(w, job); i++) {
		struct job *below = job_below(w, job, i);

		if (!below)
			continue;
		below->waits--;
		below->used |= job->r < 0;
	}
}

static void finish(struct work *w, const struct job *job)
{
	pthread_mutex_lock(&w->lock);
	w->running--;
	release_below(w, job);
	pthread_cond_broadcast(&w->changed);
	pthread_mutex_unlock(&w->lock);
}

/* --- doing it --- */

/* Workers have contexts of their own: what they warn of goes to the caller's at the end. */
static void keep_warnings(struct bp_ctx *ctx, struct job *job)
{
	for (size_t i = 0; i < bp_warnings_count(ctx); i++) {
		char *text = strdup(bp_warning_get(ctx, i));

		if (text && vec_add(&job->warnings, &text) < 0)
			free(text);
	}
	bp_warnings_clear(ctx);
}

/* A failure stays with its job: the others go on. */
static void run_job(struct work *w, struct bp_ctx *ctx, struct job *job)
{
	if (job->used && w->leave_used)
		job->r = bp_fail(ctx, -EBUSY, "what lies on it is still there");
	else if (job->r == 0)
		job->r = bp_device_remove(ctx, &job->which, &w->opts, &job->removed);
	if (job->r < 0 && !job->error)
		job->error = error_save(ctx);
	if (ctx != w->ctx)
		keep_warnings(ctx, job);
}

static void run_jobs(struct work *w, struct bp_ctx *ctx)
{
	struct job *job;

	while ((job = take(w))) {
		run_job(w, ctx, job);
		finish(w, job);
	}
}

static void *thread(void *arg)
{
	struct worker *worker = arg;

	run_jobs(worker->work, worker->ctx);
	return NULL;
}

/* A context for the same kernel. What the caller's has found out about udev holds for it too. */
static int worker_init(struct work *w, struct worker *ret)
{
	struct dm *dm, *own;
	void *self;
	int r = dm_get(w->ctx, &dm);

	ret->work = w;
	if (r == 0)
		r = bp_ctx_new(&ret->ctx);
	if (r == 0)
		r = dm->ops->another(dm->self, &self);
	if (r == 0)
		r = dm_plug(ret->ctx, dm->ops, self);
	if (r == 0)
		r = dm_get(ret->ctx, &own);
	if (r != 0)
		return r;
	own->tx.inherit = &w->signals;
	own->udev_probed = dm->udev_probed;
	own->udev_why_not = dm->udev_why_not;
	return 0;
}

/* Signals are the caller's threads' affair. */
static void worker_start(struct worker *worker)
{
	sigset_t all, old;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	worker->runs = pthread_create(&worker->thread, NULL, thread, worker) == 0;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

/* On one processor nobody waits for readers on others: threads would only cost. */
static bool worth_threads(const struct work *w)
{
	struct dm *dm;

	return w->jobs.count > 1 && sysconf(_SC_NPROCESSORS_ONLN) > 1 &&
	       dm_get(w->ctx, &dm) == 0 && !planning(dm);
}

/* The caller's thread does it all where threads can't be had, or are not worth it. */
static void run(struct work *w)
{
	struct worker workers[MOST_WORKERS] = { 0 };
	size_t count = MIN(w->jobs.count, (size_t)MOST_WORKERS);

	struct dm *dm = ctx_room_get(w->ctx, CTX_ROOM_DM);

	w->unstarted = w->jobs.count;
	signals_hold(&w->signals, NULL);
	dm->tx.inherit = &w->signals;
	if (worth_threads(w))
		for (size_t i = 0; i < count && worker_init(w, &workers[i]) == 0; i++)
			worker_start(&workers[i]);
	if (!workers[0].runs)
		run_jobs(w, w->ctx);
	for (size_t i = 0; i < count; i++) {
		if (workers[i].runs)
			pthread_join(workers[i].thread, NULL);
		bp_ctx_free(workers[i].ctx);
	}
	dm->tx.inherit = NULL;
	signals_release(&w->signals);
}

/* --- what is to be done --- */

/* A device that can't be found is a job that has failed already. */
static int add_job(struct work *w, const struct bp_selector *which, size_t node, int r)
{
	struct job job = { .which = *which, .node = node, .r = r };

	if (r < 0)
		job.error = error_save(w->ctx);
	if (vec_add(&w->jobs, &job) == 0)
		return 0;
	error_restore(w->ctx, job.error);
	return bp_fail_memory(w->ctx);
}

/* Who waits for whom. */
static int arrange(struct work *w)
{
	size_t nodes = bp_tree_count(w->tree);

	w->job_of = calloc(nodes + 1, sizeof(*w->job_of));
	if (!w->job_of)
		return bp_fail_memory(w->ctx);
	for (size_t i = 0; i < nodes; i++)
		w->job_of[i] = NO_NODE;
	for (size_t i = 0; i < w->jobs.count; i++)
		if (w->jobs.items[i].node != NO_NODE)
			w->job_of[w->jobs.items[i].node] = i;
	for (size_t i = 0; i < w->jobs.count; i++)
		for (size_t b = 0; b < nr_below(w, &w->jobs.items[i]); b++) {
			struct job *below = job_below(w, &w->jobs.items[i], b);

			if (below)
				below->waits++;
		}
	return 0;
}

static size_t find(const struct bp_tree *tree, const struct bp_device_info *info)
{
	for (size_t i = 0; i < bp_tree_count(tree); i++)
		if (bp_tree_get(tree, i)->major == info->major &&
		    bp_tree_get(tree, i)->minor == info->minor)
			return i;
	return NO_NODE;
}

/* The tree is read once for all: who lies on whom. */
static int add_named(struct work *w, const struct bp_selector *which, size_t count)
{
	int r = bp_tree_read(w->ctx, &w->tree);

	for (size_t i = 0; r == 0 && i < count; i++) {
		struct bp_device_info info;
		int found = bp_device_info(w->ctx, &which[i], &info);

		r = add_job(w, &which[i], found < 0 ? NO_NODE : find(w->tree, &info), found);
	}
	return r == 0 ? arrange(w) : r;
}

/* Tell of each in the order they were named; the context keeps the first failure. */
static int report(struct work *w, bp_removed_fn each, void *user)
{
	struct error_state *first = NULL;
	int r = 0;

	for (size_t i = 0; i < w->jobs.count; i++) {
		struct job *job = &w->jobs.items[i];

		for (size_t k = 0; k < job->warnings.count; k++)
			bp_warn(w->ctx, "%s", job->warnings.items[k]);
		error_restore(w->ctx, steal(job->error));
		if (each)
			each(user, i, job->r, job->removed);
		if (job->r < 0 && r == 0) {
			r = job->r;
			first = error_save(w->ctx);
		}
	}
	error_restore(w->ctx, first);
	return r;
}

/* In parallel, as each removal waits for RCU in the kernel; from the top of the stacks down. */
int bp_device_remove_many(struct bp_ctx *ctx, const struct bp_selector *which, size_t count,
			  const struct bp_remove_opts *opts, bp_removed_fn each, void *user)
{
	_cleanup_(work_done) struct work w;
	int r = work_init(ctx, opts, &w);

	if (r == 0)
		r = add_named(&w, which, count);
	if (r == 0)
		run(&w);
	return r < 0 ? r : report(&w, each, user);
}

static int add_mapped(struct work *w, size_t i)
{
	const struct bp_tree_node *node = bp_tree_get(w->tree, i);
	struct bp_selector which = { .major = node->major, .minor = node->minor };

	return node->mapped ? add_job(w, &which, i, 0) : 0;
}

static int add_all(struct work *w)
{
	int r = bp_tree_read(w->ctx, &w->tree);

	for (size_t i = 0; r == 0 && i < bp_tree_count(w->tree); i++)
		r = add_mapped(w, i);
	return r == 0 ? arrange(w) : r;
}

/* What is in use is left, and counted. */
int bp_device_remove_all(struct bp_ctx *ctx, const struct bp_remove_opts *opts,
			 size_t *ret_left)
{
	_cleanup_(work_done) struct work w;
	size_t left = 0;
	int r = work_init(ctx, opts, &w);

	w.leave_used = true;
	if (r == 0)
		r = add_all(&w);
	if (r < 0)
		return r;
	run(&w);
	for (size_t i = 0; i < w.jobs.count; i++)
		left += w.jobs.items[i].r < 0;
	report(&w, NULL, NULL);
	if (ret_left)
		*ret_left = left;
	return 0;
}
