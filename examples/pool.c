/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* pool: what a service does with devices, in C. As root, or: bedplate lab run -- ./pool */
#include <bedplate/bedplate.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

static int list(struct bp_ctx *ctx)
{
	struct bp_device_list *list;
	int r = bp_device_list(ctx, &list);

	if (r < 0)
		return r;
	for (size_t i = 0; i < bp_device_list_count(list); i++)
		puts(bp_device_list_get(list, i)->name);
	bp_device_list_free(list);
	return 0;
}

/* A volume and a snapshot; then a failure, taken apart: the name is taken. */
static int fill(struct bp_ctx *ctx, struct bp_pool *pool)
{
	const struct bp_selector home = { .name = "home" };
	struct bp_pool_status status;
	int r = bp_pool_create_volume(pool, "home", bp_bytes_to_sector(1 << 30), NULL, NULL);

	if (r == 0)
		r = bp_pool_snapshot(pool, &home, "monday", NULL, NULL);
	if (r == 0)
		r = list(ctx);
	if (r == 0)
		r = bp_pool_status(pool, BP_TABLE_FLUSH, &status);
	if (r < 0)
		return r;
	printf("%" PRIu64 " of %" PRIu64 " blocks used\n", status.data_used_dblocks,
	       status.data_total_dblocks);
	if (bp_pool_snapshot(pool, &home, "monday", NULL, NULL) < 0) {
		const struct bp_error *e = bp_error_get(ctx);

		printf("%s %d: %s\n", bp_error_name(e->code), e->errnum, e->cause);
	}
	return 0;
}

static int tell(struct bp_watch *watch)
{
	const struct bp_event *event;
	int r;

	while ((r = bp_watch_next(watch, 500, &event)) == 0)
		printf("%s %s\n", bp_event_name(event->kind), event->device->name);
	return r == -ETIMEDOUT ? 0 : r;
}

static int run(struct bp_ctx *ctx, struct bp_scope *scope)
{
	struct bp_bdev metadata, data;
	struct bp_pool *pool = NULL;
	struct bp_watch *watch = NULL;
	int r = bp_scope_loop(scope, 8 << 20, &metadata);

	if (r == 0)
		r = bp_scope_loop(scope, 64 << 20, &data);
	if (r == 0)
		r = bp_watch_open(ctx, NULL, &watch);
	if (r == 0)
		r = bp_pool_create(ctx, "pool", metadata.path, data.path, NULL, &pool);
	if (r == 0)
		r = fill(ctx, pool);
	if (r == 0)
		r = tell(watch);
	if (r < 0)
		fprintf(stderr, "pool: %s\n", bp_errmsg(ctx));
	bp_watch_close(watch);
	bp_pool_close(pool);
	return r;
}

int main(void)
{
	struct bp_ctx *ctx = NULL;
	struct bp_scope *scope = NULL;
	int r = bp_ctx_new(&ctx);

	if (r < 0)
		return 1;
	r = bp_scope_open(ctx, "example", NULL, &scope);
	if (r < 0)
		fprintf(stderr, "pool: %s\n", bp_errmsg(ctx));
	else
		r = run(ctx, scope);
	if (scope && bp_scope_end(scope, 0, 0) < 0) { /* all that was made is gone */
		fprintf(stderr, "pool: %s\n", bp_errmsg(ctx));
		r = -1;
	}
	bp_scope_close(scope);
	bp_ctx_free(ctx);
	return r < 0;
}
