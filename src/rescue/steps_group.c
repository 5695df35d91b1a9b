/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Lines that come before new metadata can be swapped in: LVM has to know its group, and changes none of
 * which a disk is missing. Promises that what is not known here (a disk to stand in for one that is lost) is
 * asked for by the line itself, before it does anything; and that no line takes a text older than what LVM
 * has without saying so.
 */
#include "rescue/steps.h"

#include "core/word.h"
#include "io/probe.h"
#include "rescue/source.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

int steps_tell(const struct steps *steps, struct strbuf *s)
{
	int r = s->error ? bp_fail_memory(steps->ctx)
			 : steps->line(steps->user, strbuf_text(s));

	strbuf_done(s);
	return r;
}

int steps_say(const struct steps *steps, const char *fmt, ...)
{
	struct strbuf s = { 0 };
	va_list args;

	strbuf_add(&s, "# ");
	va_start(args, fmt);
	strbuf_addv(&s, fmt, args);
	va_end(args);
	/* A name from a text may hold an end of line, behind which it would be a command. */
	for (size_t i = 0; !s.error && i < s.len; i++)
		if ((unsigned char)s.text[i] < ' ' || s.text[i] == 0x7f)
			s.text[i] = '?';
	return steps_tell(steps, &s);
}

/* --- a text for LVM to read --- */

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

/* Where the group's text lies in a ring. */
struct text_place {
	const struct lvm_found *found;
	const struct lvm_mda *mda;
	bp_bytes offset, size; /* from the area's start */
};

/* The same text, by number and UUID, as it stands in the ring of a disk. */
static int find_in_ring(struct text_place *place, const struct lvm_vg *vg, bool *ret_found)
{
	lvm_old_texts ring = { 0 };
	int r = lvm_ring_read(place->found->image, place->found->offset, place->mda, &ring);

	for (size_t i = 0; r == 0 && !*ret_found && i < ring.count; i++) {
		const struct lvm_old_text *text = &ring.items[i];

		if (text->seqno != vg->seqno || !vg->uuid || !strstr(text->text, vg->uuid))
			continue;
		place->offset = text->offset;
		place->size = text->size;
		*ret_found = true;
	}
	lvm_old_texts_done(&ring);
	return r == -ENOMEM ? r : 0;
}

/* In the ring of a PV of the group that is here, whole; false: nowhere. */
static int find_text(const struct lvm_vg *vg, struct text_place *ret, bool *ret_found)
{
	int r = 0;

	*ret_found = false;
	for (size_t i = 0; i < vg->nr_pvs; i++) {
		ret->found = vg->pvs[i].found;
		for (unsigned m = 0; ret->found && m < ret->found->label.nr_mdas; m++) {
			ret->mda = &ret->found->label.mdas[m];
			r = find_in_ring(ret, vg, ret_found);
			if (r < 0 || *ret_found)
				return r;
		}
	}
	return r;
}

/* A part of the area as bytes for dd, behind what is in the file. */
static int copy_part(const struct steps *steps, const struct text_place *place, bp_bytes offset,
		     bp_bytes size, const char *file)
{
	struct strbuf s = { 0 };

	strbuf_add(&s, "dd if=");
	word_add(&s, place->found->image->path);
	strbuf_addf(&s, " iflag=skip_bytes,count_bytes skip=%" PRIu64 " count=%" PRIu64,
		    place->found->offset + place->mda->area.offset + offset, size);
	strbuf_addf(&s, " status=none >%s ", offset == place->offset ? "" : ">");
	word_add(&s, file);
	return steps_tell(steps, &s);
}

/* The text may go around the end of its ring, behind whose header it goes on. */
static int copy_text(const struct steps *steps, const struct text_place *place,
		     const char *file)
{
	bp_bytes ring = place->mda->valid ? place->mda->header_size : place->mda->area.size;
	bp_bytes first = MIN(place->size, ring - MIN(ring, place->offset));
	int r = copy_part(steps, place, place->offset, first, file);

	if (r == 0 && first < place->size)
		r = copy_part(steps, place, LVM_RING_BEGIN, place->size - first, file);
	return r;
}

/* --- disks --- */

/* Inside of "${NAME:?words}" few characters mean just themselves. */
static bool may_stand(const char *text)
{
	return text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				 "0123456789/._+-")] == '\0';
}

/*
 * The device that LVM is to write a label to. Of a file, or of a partition that was read through its whole disk,
 * nobody here knows the node: the shell asks, so that no label ever lands on a table of partitions.
 */
static void add_device(struct strbuf *s, const struct lvm_found *found, unsigned nr)
{
	const char *path = found->image->path;
	struct stat st;

	if (found->offset)
		strbuf_addf(s, "\"${DISK%u:?the partition at byte %" PRIu64 " of ", nr,
			    found->offset);
	else if (stat(path, &st) < 0 || !S_ISBLK(st.st_mode))
		strbuf_addf(s, "\"${DISK%u:?the disk of which there is an image in ", nr);
	else {
		word_add_path(s, path);
		return;
	}
	strbuf_add(s, may_stand(path) ? path : "a file");
	strbuf_add(s, "}\"");
}

/* LVM asks before it wipes what it knows there, and does nothing where nobody answers. */
static bool asks(const struct lvm_found *found)
{
	struct probe_signature sig;
	int r = probe_signature(found->image->fd, found->offset,
				found->image->size - found->offset, &sig);

	return r == 0 || r == -EILSEQ;
}

static int line_pvcreate(const struct steps *steps, const struct lvm_pv *pv, const char *file,
			 unsigned nr)
{
	struct strbuf s = { 0 };

	/* Another label lies there since: LVM asks before it takes that away. */
	strbuf_addf(&s, "pvcreate %s--uuid ",
		    !pv->found->bare  ? "-ff -y "
		    : asks(pv->found) ? "-y "
				      : "");
	word_add(&s, pv->uuid); /* from a text, which may say anything */
	strbuf_add(&s, " --restorefile ");
	word_add(&s, file);
	strbuf_add_char(&s, ' ');
	add_device(&s, pv->found, nr);
	return steps_tell(steps, &s);
}

/* Nobody here knows which disk: the shell asks. */
static int line_spare(const struct steps *steps, const struct lvm_pv *pv, const char *file,
		      unsigned nr)
{
	struct strbuf s = { 0 };
	char size[BP_SIZE_TEXT];
	int r;

	bp_size_format(pv->dev_size, size);
	r = steps_say(steps,
		      "a disk of the group is missing: an empty one of %s has to stand in, for "
		      "example of 'truncate -s %" PRIu64 " FILE' and 'losetup -f --show FILE'; "
		      "what lay there reads as what is on it",
		      size, pv->dev_size);
	if (r < 0)
		return r;
	strbuf_add(&s, "pvcreate --uuid ");
	word_add(&s, pv->uuid);
	strbuf_add(&s, " --restorefile ");
	word_add(&s, file);
	strbuf_addf(&s, " \"${SPARE%u:?an empty disk of %s}\"", nr, size);
	return steps_tell(steps, &s);
}

/* Disks whose labels are lost, were made anew, or that are not here. */
static int lines_of_disks(const struct steps *steps, const struct lvm_vg *vg, const char *file)
{
	unsigned nr = 0, nr_spares = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < vg->nr_pvs; i++) {
		const struct lvm_pv *pv = &vg->pvs[i];

		if (!pv->found)
			r = line_spare(steps, pv, file, ++nr_spares);
		else if (pv->found->bare || !streq(pv->found->label.uuid, pv->uuid))
			r = line_pvcreate(steps, pv, file, ++nr);
	}
	return r;
}

static int line_restore(const struct steps *steps, const struct lvm_vg *vg, const char *file)
{
	struct strbuf s = { 0 };

	/* Pools want --force: LVM can't know that their metadata is of the same time. It is made so. */
	strbuf_add(&s, "vgcfgrestore --force -f ");
	word_add(&s, file);
	strbuf_add_char(&s, ' ');
	word_add(&s, vg->name);
	return steps_tell(steps, &s);
}

static int line_backup(const struct steps *steps, const struct lvm_vg *vg, const char *file)
{
	struct strbuf s = { 0 };

	strbuf_add(&s, "vgcfgbackup -f ");
	word_add(&s, file);
	strbuf_add_char(&s, ' ');
	word_add(&s, vg->name);
	return steps_tell(steps, &s);
}

/* LVM restores no text that calls a disk missing, not even where another stands in for it. */
static int line_not_missing(const struct steps *steps, const char *from, const char *to)
{
	struct strbuf s = { 0 };

	strbuf_add(&s, "sed 's/flags = \\[\"MISSING\"\\]/flags = []/' ");
	word_add_path(&s, from);
	strbuf_add(&s, " > ");
	word_add(&s, to);
	return steps_tell(steps, &s);
}

/* LVM itself has noted that a disk was missing: it must be told that it is back. */
static bool calls_missing(const struct lvm_vg *vg)
{
	for (size_t i = 0; i < vg->nr_pvs; i++)
		if (vg->pvs[i].missing_flag)
			return true;
	return false;
}

/* A text as it was read here. */
static int copy_of_text(struct bp_source *source, const struct steps *steps, const char *file)
{
	struct text_place place;
	bool found;
	int r = find_text(source->lv->vg, &place, &found);

	if (r == 0 && found)
		r = copy_text(steps, &place, file);
	else if (r == 0) /* it was read: somebody writes there */
		r = steps_say(steps,
			      "%s has to have the group's text: it is not found any more",
			      file);
	return r == -ENOMEM ? bp_fail_memory(steps->ctx) : r;
}

/* The files that lines name: one as it is, and one as LVM is to have it. */
struct text_files {
	char *was, *made;
};

/* LVM gets the text that was read here, which lies in a ring or was given. */
static int lines_of_text(struct bp_source *source, const struct steps *steps,
			 const struct text_files *files)
{
	const struct lvm_vg *vg = source->lv->vg;
	bool given = source->group->origin == LVM_ORIGIN_FILE, change = calls_missing(vg);
	const char *was = given ? source->scan->text_path : change ? files->was : files->made;
	const char *file = change ? files->made : was;
	int r = given ? 0 : copy_of_text(source, steps, was);

	if (r == 0 && change)
		r = line_not_missing(steps, was, file);
	if (r == 0)
		r = lines_of_disks(steps, vg, file);
	return r < 0 ? r : line_restore(steps, vg, file);
}

/* LVM's own text, for a group of which only disks are missing. */
static int lines_of_missing(const struct lvm_vg *vg, const struct steps *steps,
			    const struct text_files *files)
{
	int r = line_backup(steps, vg, files->was);

	if (r == 0)
		r = line_not_missing(steps, files->was, files->made);
	if (r == 0)
		r = lines_of_disks(steps, vg, files->made);
	return r < 0 ? r : line_restore(steps, vg, files->made);
}

static int lines_of_group(struct bp_source *source, const struct steps *steps,
			  const struct text_files *files)
{
	const struct lvm_group *group = source->group;
	const struct lvm_vg *vg = source->lv->vg;
	int r;

	if (group->replaced) {
		r = steps_say(steps,
			      "another group is on the disks of %s, LVM can't have both: on a "
			      "copy of them, 'vgremove' that one behind the next line",
			      vg->name);
		return r < 0 ? r : lines_of_text(source, steps, files);
	}
	if ((group->origin == LVM_ORIGIN_FILE && !lvm_has_text(vg)) || group->removed)
		return lines_of_text(source, steps, files);
	if (group->origin == LVM_ORIGIN_OLD) {
		r = steps_say(steps,
			      "this takes all of %s back to its text number %" PRIu64
			      ": what was made in the group since would be forgotten",
			      vg->name, vg->seqno);
		return r < 0 ? r : lines_of_text(source, steps, files);
	}
	return group->nr_missing ? lines_of_missing(vg, steps, files) : 0;
}

int steps_of_group(struct bp_source *source, const struct steps *steps)
{
	struct text_files files = { NULL, NULL };
	/* A name that LVM would not give is no name of a file here. */
	const char *name = may_stand(source->lv->vg->name) && !strchr(source->lv->vg->name, '/')
				   ? source->lv->vg->name
				   : "group";
	int r = 0;

	if (asprintf(&files.was, "./%s.text.was", name) < 0) {
		files.was = NULL;
		r = -ENOMEM;
	}
	if (r == 0 && asprintf(&files.made, "./%s.text", name) < 0) {
		files.made = NULL;
		r = -ENOMEM;
	}
	r = r < 0 ? bp_fail_memory(steps->ctx) : lines_of_group(source, steps, &files);
	free(files.was);
	free(files.made);
	return r;
}
