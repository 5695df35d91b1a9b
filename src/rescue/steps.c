/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Lines for a shell that put new metadata into its pool: LVM stays the owner of its pools, and
 * swaps it in itself. Promises to name what it knows, and nothing that changes the old metadata:
 * LVM keeps that as the volume that was swapped; and that a group without room for it is told
 * before its lines fail.
 */
#include "rescue/steps.h"

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
	bp_bytes size; /* of that volume, before LVM rounds it up */
	bool no_spare; /* LVM has no room to make a spare of that size too */
};

/* As large as what is swapped in, or what is there, whichever is more. */
static bp_bytes size_for(const struct swap *swap)
{
	const struct lvm_lv *meta = lvm_lv_named_by(swap->source->lv, "metadata");
	bp_bytes size = meta ? meta->size : 0;
	struct stat st;

	if (stat(swap->path, &st) == 0 && S_ISREG(st.st_mode))
		size = MAX(size, (bp_bytes)st.st_size);
	return size;
}

static const struct lvm_lv *spare_of(const struct lvm_vg *vg)
{
	for (size_t i = 0; i < vg->nr_lvs; i++)
		if (lvm_is_spare(&vg->lvs[i]))
			return &vg->lvs[i];
	return NULL;
}

static int line_drop_spare(const struct steps *steps, const struct lvm_lv *spare)
{
	struct strbuf s = { 0 };

	strbuf_add(&s, "lvremove -y ");
	add_lv(&s, "", spare->vg, spare->name);
	return steps_tell(steps, &s);
}

/*
 * Where the group is full LVM's own spare, an empty volume that waits for a repair, gives what it has: it has
 * the size of metadata. Where that will not do either the user is told what is needed.
 */
static int make_room(const struct steps *steps, struct swap *swap)
{
	const struct lvm_vg *vg = swap->vg;
	const struct lvm_lv *spare = spare_of(vg);
	uint64_t need = DIV_UP(swap->size, vg->extent_bytes), room = lvm_vg_free_extents(vg);
	uint64_t held = spare ? spare->size / vg->extent_bytes : 0;
	char size[BP_SIZE_TEXT];

	swap->no_spare = room < need || (held < need && room - need < need - held);
	if (room >= need)
		return 0;
	if (spare && room + held >= need)
		return line_drop_spare(steps, spare);
	bp_size_format((need - room) * vg->extent_bytes, size);
	return steps_say(steps, "%s has not the room: 'vgextend %s DISK' with %s or more first",
			 vg->name, vg->name, size);
}

static void line_create(const struct swap *swap, struct strbuf *s)
{
	strbuf_addf(s, "lvcreate -y -L %" PRIu64 "b -n %s ", swap->size, swap->name);
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

/* Both: the new metadata too must not be active when they are exchanged. */
static void line_inactive(const struct swap *swap, struct strbuf *s)
{
	strbuf_add(s, "lvchange -an ");
	add_lv(s, "", swap->vg, swap->source->lv->name);
	strbuf_add_char(s, ' ');
	add_lv(s, "", swap->vg, swap->name);
}

static void line_convert(const struct swap *swap, struct strbuf *s)
{
	strbuf_addf(s, "lvconvert -y %s--thinpool ",
		    swap->no_spare ? "--poolmetadataspare n " : "");
	add_lv(s, "", swap->vg, swap->source->lv->name);
	strbuf_add(s, " --poolmetadata ");
	add_lv(s, "", swap->vg, swap->name);
}

static void line_active(const struct swap *swap, struct strbuf *s)
{
	strbuf_add(s, "lvchange -ay ");
	add_lv(s, "", swap->vg, swap->source->lv->name);
}

/*
 * Metadata that is on its way from disk to disk (pvmove) is locked, and LVM swaps none that is. It takes a move back only
 * while that is active, so the metadata alone, without its pool, is made so. What was read here was read from where it was
 * before the move, and is again then.
 */
static int lines_stay(const struct steps *steps, const struct swap *swap)
{
	static const char *const lines[] = { "lvchange -ay -y ", NULL, "lvchange -an " };
	const struct lvm_lv *meta = lvm_lv_named_by(swap->source->lv, "metadata");
	int r = 0;

	if (!meta || !text_has(meta->node, "status", "LOCKED"))
		return 0;
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(lines); i++) {
		struct strbuf s = { 0 };

		strbuf_add(&s, lines[i] ?: "pvmove --abort");
		if (lines[i])
			add_lv(&s, "", swap->vg, meta->name);
		r = steps_tell(steps, &s);
	}
	return r;
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

	if (r == 0)
		r = lines_stay(steps, &swap);
	free_name(swap.vg, swap.name);
	swap.size = size_for(&swap);
	if (r == 0)
		r = make_room(steps, &swap);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(lines); i++) {
		struct strbuf s = { 0 };

		lines[i](&swap, &s);
		r = steps_tell(steps, &s);
	}
	return r;
}

/* No name that LVM gives begins with a dash; one in a text would be an option in a line. */
static bool has_name_of_option(const struct bp_source *source)
{
	const struct lvm_lv *meta = lvm_lv_named_by(source->lv, "metadata");

	return source->lv->vg->name[0] == '-' || source->lv->name[0] == '-' ||
	       (meta && meta->name[0] == '-');
}

int bp_source_swap_steps(struct bp_source *source, const char *path,
			 int (*line)(void *user, const char *line), void *user)
{
	const struct steps steps = { source->ctx, line, user };

	if (source->kind != BP_SOURCE_POOL)
		return 0;
	if (has_name_of_option(source))
		return steps_say(&steps, "LVM takes no names that begin with a dash: %s",
				 source->name);
	return steps_of_lvm(source, path, &steps);
}
