/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Lines for a shell that put new metadata into its pool: LVM stays the owner of its pools, and
 * swaps it in itself. Promises to name what it knows, and nothing that changes the old metadata:
 * LVM keeps that as the volume that was swapped.
 */
#include "core/word.h"
#include "rescue/source.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

#define NEW_LV "rescued" /* in examples; made larger by one figure where it is taken */

/* A name for a volume that the group has not. */
static void free_name(const struct lvm_vg *vg, char ret[32])
{
	snprintf(ret, 32, NEW_LV);
	for (unsigned i = 2; lvm_lv_find(vg, ret) && i < 1000; i++)
		snprintf(ret, 32, NEW_LV "%u", i);
}

struct steps {
	int (*line)(void *user, const char *line);
	void *user;
};

static int tell(const struct steps *steps, struct bp_ctx *ctx, struct strbuf *s)
{
	int r = s->error ? bp_fail_memory(ctx) : steps->line(steps->user, strbuf_text(s));

	strbuf_done(s);
	return r;
}

/* "PREFIXvg/lv": names from a text are as good as any. */
static void add_lv(struct strbuf *s, const char *prefix, const struct lvm_vg *vg,
		   const char *lv)
{
	_cleanup_(strbuf_done) struct strbuf whole = { 0 };

	strbuf_addf(&whole, "%s%s/%s", prefix, vg->name, lv);
	s->error = s->error ? s->error : whole.error;
	word_add(s, strbuf_text(&whole));
}

struct swap {
	struct bp_source *source;
	const struct lvm_vg *vg;
	const char *path;
	char name[32]; /* of the volume that is made for it */
};

/* As large as what is swapped in, or what is there, whichever is more. */
static void line_create(const struct swap *swap, struct strbuf *s)
{
	const struct lvm_lv *meta = lvm_lv_named_by(swap->source->lv, "metadata");

	bp_bytes size = meta ? meta->size : 0;
	struct stat st;

	if (stat(swap->path, &st) == 0 && S_ISREG(st.st_mode))
		size = MAX(size, (bp_bytes)st.st_size);
	strbuf_addf(s, "lvcreate -y -L %" PRIu64 "b -n %s ", size, swap->name);
	word_add(s, swap->vg->name);
}

static void line_copy(const struct swap *swap, struct strbuf *s)
{
	strbuf_add(s, "dd if=");
	word_add(s, swap->path);
	strbuf_add(s, " of=");
	add_lv(s, "/dev/", swap->vg, swap->name);
	strbuf_add(s, " bs=1M conv=fsync");
}

static void line_inactive(const struct swap *swap, struct strbuf *s)
{
	strbuf_add(s, "lvchange -an ");
	add_lv(s, "", swap->vg, swap->source->lv->name);
	strbuf_add_char(s, ' ');
	add_lv(s, "", swap->vg, swap->name);
}

static void line_convert(const struct swap *swap, struct strbuf *s)
{
	strbuf_add(s, "lvconvert -y --thinpool ");
	add_lv(s, "", swap->vg, swap->source->lv->name);
	strbuf_add(s, " --poolmetadata ");
	add_lv(s, "", swap->vg, swap->name);
}

static void line_active(const struct swap *swap, struct strbuf *s)
{
	strbuf_add(s, "lvchange -ay ");
	add_lv(s, "", swap->vg, swap->source->lv->name);
}

/* Has LVM itself some text of its groups on the disks? */
static bool lvm_has_text(const struct lvm_vg *vg)
{
	for (size_t i = 0; i < vg->nr_pvs; i++) {
		const struct lvm_found *found = vg->pvs[i].found;

		for (unsigned m = 0; found && m < found->label.nr_mdas; m++)
			if (found->label.mdas[m].text_valid)
				return true;
	}
	return false;
}

/*
 * LVM has to know its group first: labels that are lost, then the text that was given. Not where it has
 * a text of its own: that may be newer.
 */
static int steps_of_group(struct bp_source *source, const struct steps *steps)
{
	const struct lvm_vg *vg = source->lv->vg;
	const char *text = source->scan ? source->scan->text_path : NULL;
	struct strbuf s = { 0 };
	int r = 0;

	if (source->group->origin != LVM_ORIGIN_FILE || !text || lvm_has_text(vg))
		return 0;
	for (size_t i = 0; r == 0 && i < vg->nr_pvs; i++) {
		const struct lvm_found *found = vg->pvs[i].found;

		if (!found || !found->bare)
			continue;
		strbuf_addf(&s, "pvcreate --uuid %s --restorefile ", vg->pvs[i].uuid);
		word_add(&s, text);
		strbuf_add_char(&s, ' ');
		word_add(&s, found->image->path);
		r = tell(steps, source->ctx, &s);
	}
	if (r < 0)
		return r;
	strbuf_add(&s, "vgcfgrestore --force -f ");
	word_add(&s, text);
	strbuf_add_char(&s, ' ');
	word_add(&s, vg->name);
	return tell(steps, source->ctx, &s);
}

/*
 * LVM's way of swapping metadata: a volume beside, copied to, the pool inactive, swapped,
 * active. Nothing of it is run here.
 */
static int steps_of_lvm(struct bp_source *source, const char *path, const struct steps *steps)
{
	static void (*const lines[])(const struct swap *swap, struct strbuf *s) = {
		line_create, line_copy, line_inactive, line_convert, line_active,
	};
	struct swap swap = { .source = source, .vg = source->lv->vg, .path = path };
	int r = steps_of_group(source, steps);

	free_name(swap.vg, swap.name);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(lines); i++) {
		struct strbuf s = { 0 };

		lines[i](&swap, &s);
		r = tell(steps, source->ctx, &s);
	}
	return r;
}

int bp_source_swap_steps(struct bp_source *source, const char *path,
			 int (*line)(void *user, const char *line), void *user)
{
	const struct steps steps = { line, user };

	return source->kind == BP_SOURCE_POOL ? steps_of_lvm(source, path, &steps) : 0;
}
