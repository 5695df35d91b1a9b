/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "verdict.h"

#include "unit.h"

static void on_damage(void *user, const struct bp_damage *d)
{
	struct verdict *v = user;

	v->io |= d->kind == BP_DAMAGE_IO;
	fprintf(v->file, "%s %s %s\n", bp_harm_name(d->harm), bp_damage_kind_name(d->kind),
		d->what);
}

void verdict_check_io(struct verdict *v, struct bp_ctx *ctx, struct io *io,
		      enum check_mode mode, uint32_t flags, unsigned workers)
{
	struct bp_thin_check_opts opts = {
		.size = sizeof(opts),
		.flags = flags,
		.workers = workers,
		.damage = on_damage,
		.user = v,
	};

	*v = (struct verdict){ .res.size = sizeof(v->res) };
	v->file = open_memstream(&v->text, &v->len);
	v->r = thin_check_io(ctx, io, mode, &opts, &v->res);
	fclose(v->file);
}

void verdict_check(struct verdict *v, struct bp_ctx *ctx, const struct image *image,
		   enum check_mode mode, uint32_t flags)
{
	struct io *io = image_io(image);

	verdict_check_io(v, ctx, io, mode, flags, 0);
	io_close(io);
}

void verdict_done(struct verdict *v)
{
	free(v->text);
}

void assert_clean(struct bp_ctx *ctx, const struct image *image)
{
	struct verdict v;

	verdict_check(&v, ctx, image, CHECK_ONLY, BP_THIN_CHECK_STRICT);
	assert_ok(v.r);
	assert_string_equal(v.text, "");
	verdict_done(&v);
}
