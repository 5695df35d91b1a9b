/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dm/kernel/reply.h"

#include <string.h>

uint64_t devno_encode(uint32_t major, uint32_t minor)
{
	return (minor & 0xff) | (uint64_t)(major & 0xfff) << 8 |
	       (uint64_t)(minor & 0xfff00) << 12;
}

void devno_decode(uint64_t dev, uint32_t *ret_major, uint32_t *ret_minor)
{
	*ret_major = (uint32_t)(dev >> 8) & 0xfff;
	*ret_minor = (uint32_t)((dev & 0xff) | (dev >> 12 & 0xfff00));
}

/* A reply that had keys is wiped. */
void dm_reply_done(struct dm_reply *reply)
{
	vec_done(&reply->entries);
	vec_done(&reply->segments);
	vec_done(&reply->deps);
	vec_done(&reply->targets);
	if (reply->text && reply->secure)
		explicit_bzero(reply->text, reply->text_size);
	free(reply->text);
	*reply = (struct dm_reply){ 0 };
}

/* With a NUL behind it, so that no text can run out of it. */
char *dm_reply_keep(struct dm_reply *reply, const void *text, size_t len)
{
	reply->text = malloc(len + 1);
	if (!reply->text)
		return NULL;
	if (len)
		memcpy(reply->text, text, len);
	reply->text[len] = '\0';
	reply->text_size = len + 1;
	return reply->text;
}

/* The data, in a copy where texts point into it, and its bounds. */
struct walk {
	const char *data;
	size_t len;
};

static uint32_t get32(const struct walk *w, size_t at)
{
	uint32_t v;

	memcpy(&v, w->data + at, sizeof(v));
	return v;
}

static uint64_t get64(const struct walk *w, size_t at)
{
	uint64_t v;

	memcpy(&v, w->data + at, sizeof(v));
	return v;
}

static bool fits(const struct walk *w, size_t at, size_t bytes)
{
	return at <= w->len && bytes <= w->len - at;
}

/* The text at @at, and where its NUL lies; NULL if it does not end within @limit. */
static const char *text_at(const struct walk *w, size_t at, size_t limit, size_t *ret_end)
{
	const char *nul;

	if (at >= limit || limit > w->len)
		return NULL;
	nul = memchr(w->data + at, '\0', limit - at);
	if (!nul)
		return NULL;
	if (ret_end)
		*ret_end = (size_t)(nul - w->data);
	return w->data + at;
}

/*
 * Behind the name, at the next multiple of 8 (of the record's start, which is one itself): u32
 * event number, u32 flags (1: a uuid follows), char uuid[]. Drivers before 4.37 have the event
 * number only, or nothing; what lies within this record (its @end) tells.
 */
enum { LIST_HAS_UUID = 1 };

/*
 * Behind the name, aligned to 8: the event number; newer kernels add flags, and a uuid
 * where those say so.
 */
static int list_extra(const struct walk *w, size_t name_end, size_t end, struct dm_entry *entry)
{
	size_t at = (name_end + 1 + 7) / 8 * 8;

	if (at > end || end - at < 4)
		return 0;
	entry->event_nr = get32(w, at);
	if (end - at < 8 || !(get32(w, at + 4) & LIST_HAS_UUID))
		return 0;
	entry->uuid = text_at(w, at + 8, end, NULL);
	return entry->uuid ? 0 : -EPROTO;
}

/*
 * Records of REPLY_LIST_NAME bytes and a name; "next" is the way from this record's start to
 * the next, 0 in the last. An empty list is a device number 0, or no data.
 */
static int decode_list(const struct walk *w, struct dm_reply *reply)
{
	size_t at = 0;

	for (;;) {
		struct dm_entry entry = { .uuid = "" };
		size_t name_end, end;
		uint32_t next;
		int r;

		if (at == 0 && (w->len == 0 || (w->len >= 8 && get64(w, 0) == 0)))
			return 0;
		if (!fits(w, at, REPLY_LIST_NAME))
			return -EPROTO;
		next = get32(w, at + 8);
		if (next && (next % 8 || next < REPLY_LIST_NAME || !fits(w, at, next)))
			return -EPROTO;
		end = next ? at + next : w->len;
		entry.name = text_at(w, at + REPLY_LIST_NAME, end, &name_end);
		if (!entry.name)
			return -EPROTO;
		devno_decode(get64(w, at), &entry.major, &entry.minor);
		r = list_extra(w, name_end, end, &entry);
		if (r == 0)
			r = vec_add(&reply->entries, &entry);
		if (r < 0 || !next)
			return r;
		at = end;
	}
}

/*
 * @nr records of REPLY_SPEC_SIZE bytes and a text. "next" counts from the start of the first
 * record, so it must grow.
 */
static int decode_segments(const struct walk *w, uint32_t nr, struct dm_reply *reply)
{
	size_t at = 0;

	for (uint32_t i = 0; i < nr; i++) {
		struct dm_segment segment;
		uint32_t next;

		if (!fits(w, at, REPLY_SPEC_SIZE))
			return -EPROTO;
		next = get32(w, at + 20);
		segment.start = get64(w, at);
		segment.length = get64(w, at + 8);
		segment.target = text_at(w, at + 24, at + REPLY_SPEC_SIZE, NULL);
		segment.args = text_at(w, at + REPLY_SPEC_SIZE, w->len, NULL);
		if (!segment.target || !segment.args)
			return -EPROTO;
		if (vec_add(&reply->segments, &segment) < 0)
			return -ENOMEM;
		if (i + 1 < nr && (next < at + REPLY_SPEC_SIZE || next % 8))
			return -EPROTO;
		at = next;
	}
	return 0;
}

/* The count is checked against the bytes that came. */
static int decode_deps(const struct walk *w, struct dm_reply *reply)
{
	uint32_t count;

	if (w->len == 0) /* a device without a table */
		return 0;
	if (!fits(w, 0, REPLY_DEPS_SIZE))
		return -EPROTO;
	count = get32(w, 0);
	if (count > (w->len - REPLY_DEPS_SIZE) / 8)
		return -EPROTO;
	for (uint32_t i = 0; i < count; i++) {
		struct bp_devno dev;

		devno_decode(get64(w, REPLY_DEPS_SIZE + i * (size_t)8), &dev.major, &dev.minor);
		if (vec_add(&reply->deps, &dev) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* Records of REPLY_VERSION_NAME bytes and a name; "next" as in a list. */
static int decode_targets(const struct walk *w, struct dm_reply *reply)
{
	size_t at = 0;

	for (;;) {
		struct bp_kernel_target entry = { 0 };
		const char *name;
		uint32_t next;
		size_t end;

		if (!fits(w, at, REPLY_VERSION_NAME))
			return -EPROTO;
		next = get32(w, at);
		if (next && (next < REPLY_VERSION_NAME || !fits(w, at, next)))
			return -EPROTO;
		end = next ? at + next : w->len;
		name = text_at(w, at + REPLY_VERSION_NAME, end, NULL);
		if (!name || strlen(name) >= sizeof(entry.name))
			return -EPROTO;
		strcpy(entry.name, name);
		for (size_t i = 0; i < 3; i++)
			entry.version[i] = get32(w, at + 4 + i * 4);
		if (vec_add(&reply->targets, &entry) < 0)
			return -ENOMEM;
		if (!next)
			return 0;
		at = end;
	}
}

static int decode_message(const struct walk *w, bool has_data, struct dm_reply *reply)
{
	if (!has_data)
		return 0;
	reply->message = text_at(w, 0, w->len, NULL);
	return reply->message ? 0 : -EPROTO;
}

/* Never trusts offsets, counts or ends of texts: -EPROTO where one doesn't hold. */
int reply_decode(enum dm_op op, const struct reply_data *in, struct dm_reply *reply)
{
	struct walk w = { .data = in->data, .len = in->len };

	if (op != OP_LIST && op != OP_TABLE && op != OP_STATUS && op != OP_DEPS &&
	    op != OP_TARGETS && op != OP_TARGET_VERSION && op != OP_MESSAGE)
		return 0;
	/* These hand out no texts that lie in the data. */
	if (op == OP_DEPS)
		return decode_deps(&w, reply);
	if (op == OP_TARGETS || op == OP_TARGET_VERSION)
		return decode_targets(&w, reply);
	w.data = dm_reply_keep(reply, in->data, in->len);
	if (!w.data)
		return -ENOMEM;
	if (op == OP_LIST)
		return decode_list(&w, reply);
	if (op == OP_MESSAGE)
		return decode_message(&w, in->has_data, reply);
	return decode_segments(&w, in->nr_targets, reply);
}
