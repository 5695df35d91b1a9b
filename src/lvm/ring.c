/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Old texts in the ring of a metadata area. A new text begins at the next multiple of 512 bytes
 * behind the one before it, so the ring holds every earlier one until it is written over. Nothing
 * vouches for an old text but its own form: it is taken only where it parses to a NUL, says what
 * it is, and holds no second beginning.
 */
#include "lvm/label.h"
#include "lvm/text.h"

#include <ctype.h>

#define STEP           ((size_t)LVM_RING_BEGIN)
#define RING_MAX_BYTES (UINT64_C(256) << 20) /* LVM makes them of 1 MiB, on demand larger */

/*
 * Does a text begin here: 'NAME {', 'id = "..."', 'seqno = '? The number tells a group from its own
 * volumes, which may happen to lie at a multiple of 512 as well.
 */
static bool begins(const char *p, size_t len)
{
	static const char id[] = " {\nid = \"", number[] = "\"\nseqno = ";
	size_t i = 0;

	while (i < len && i < 128 &&
	       (isalnum((unsigned char)p[i]) || (p[i] && strchr("._+-", p[i]))))
		i++;
	if (i == 0 || len - i < strlen(id) + LVM_UUID_SIZE - 1 + strlen(number) ||
	    memcmp(p + i, id, strlen(id)) != 0)
		return false;
	i += strlen(id) + LVM_UUID_SIZE - 1;
	return memcmp(p + i, number, strlen(number)) == 0;
}

/* The text's number, or 0 where it is not a whole text. */
static int whole(const char *text, size_t len, uint64_t *ret_seqno)
{
	struct arena arena = { 0 };
	const struct text_node *top;
	const char *contents;
	int r = text_parse(&arena, text, len, &top, NULL, NULL);

	*ret_seqno = 0;
	if (r == 0) {
		contents = text_string(top, "contents");
		if (contents && streq(contents, "Text Format Volume Group") &&
		    text_number(top, "version", 0) == 1)
			for (const struct text_node *n = top->child; n; n = n->next)
				if (n->kind == TEXT_SECTION)
					*ret_seqno = text_number(n, "seqno", 0);
	}
	arena_done(&arena);
	return r == -ENOMEM ? r : 0;
}

/*
 * The text at @offset of the ring, up to its NUL, in at most @first bytes there and @more from the
 * ring's start on. Without text: it has no end, a newer one lies over it.
 */
static int take(const char *ring, size_t offset, size_t first, size_t more,
		struct lvm_old_text *ret)
{
	const char *nul = memchr(ring + offset, '\0', first);

	*ret = (struct lvm_old_text){ .offset = offset };
	if (nul) {
		first = (size_t)(nul - ring) - offset;
		more = 0;
	} else {
		nul = more ? memchr(ring + STEP, '\0', more) : NULL;
		if (!nul)
			return 0;
		more = (size_t)(nul - ring) - STEP;
	}
	ret->text = malloc(first + more + 1);
	if (!ret->text)
		return -ENOMEM;
	memcpy(ret->text, ring + offset, first);
	memcpy(ret->text + first, ring + STEP, more);
	ret->text[first + more] = '\0';
	ret->size = first + more;
	return whole(ret->text, ret->size, &ret->seqno);
}

static int by_seqno(const void *a, const void *b)
{
	const struct lvm_old_text *x = a, *y = b;

	if (x->seqno != y->seqno)
		return x->seqno < y->seqno ? -1 : 1;
	return x->offset < y->offset ? -1 : x->offset > y->offset;
}

typedef VEC(size_t) starts;

static int find_starts(const char *ring, size_t size, starts *ret)
{
	int r = 0;

	for (size_t at = STEP; r == 0 && at < size; at += STEP)
		if (begins(ring + at, size - at))
			r = vec_add(ret, &at);
	return r;
}

/* Each text may reach to the next beginning, the last one around the end to the first. */
static int collect(const char *ring, size_t size, const starts *at, lvm_old_texts *ret)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < at->count; i++) {
		size_t begin = at->items[i];
		bool last = i + 1 == at->count;
		struct lvm_old_text old;

		r = take(ring, begin, (last ? size : at->items[i + 1]) - begin,
			 last ? at->items[0] - STEP : 0, &old);
		if (r == 0 && old.seqno)
			r = vec_add(ret, &old);
		else
			free(old.text);
	}
	if (ret->count)
		qsort(ret->items, ret->count, sizeof(*ret->items), by_seqno);
	return r;
}

/*
 * Texts begin at steps of 512 bytes. An area whose header is lost is searched as large as
 * the label says; RING_MAX_BYTES bounds what a false one can ask for.
 */
int lvm_ring_read(const struct raw_image *image, bp_bytes pv_offset, const struct lvm_mda *mda,
		  lvm_old_texts *ret)
{
	bp_bytes size = mda->valid ? mda->header_size : mda->area.size, at;
	_cleanup_(freep) char *ring = NULL;
	starts at_steps = { 0 };
	int r;

	if (add_overflow(pv_offset, mda->area.offset, &at) || at >= image->size)
		return 0;
	size = MIN(MIN(size, image->size - at), RING_MAX_BYTES);
	if (size <= STEP)
		return 0;
	ring = malloc((size_t)size);
	if (!ring)
		return -ENOMEM;
	r = raw_image_read(image, at, (size_t)size, ring);
	if (r == 0)
		r = find_starts(ring, (size_t)size, &at_steps);
	if (r == 0)
		r = collect(ring, (size_t)size, &at_steps, ret);
	vec_done(&at_steps);
	if (r < 0)
		lvm_old_texts_done(ret);
	return r;
}

void lvm_old_texts_done(lvm_old_texts *texts)
{
	for (size_t i = 0; i < texts->count; i++)
		free(texts->items[i].text);
	vec_done(texts);
}
