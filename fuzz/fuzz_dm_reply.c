/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Answers of the kernel, as any bytes: the first chooses the question, the second says how many
 * segments the header announces, the rest is the data behind the header.
 */
#include "fuzz.h"

#include "dm/kernel/reply.h"

static const enum dm_op ops[] = {
	OP_LIST, OP_DEPS, OP_TABLE, OP_STATUS, OP_TARGETS, OP_TARGET_VERSION, OP_MESSAGE,
};

/* A text of the answer lies within it. */
static void within(const struct dm_reply *reply, const char *text)
{
	promise(text);
	promise(text[0] == '\0' ||
		(text >= reply->text && text + strlen(text) < reply->text + reply->text_size));
}

static void look(const struct dm_reply *reply)
{
	for (size_t i = 0; i < reply->entries.count; i++) {
		within(reply, reply->entries.items[i].name);
		within(reply, reply->entries.items[i].uuid);
	}
	for (size_t i = 0; i < reply->segments.count; i++) {
		within(reply, reply->segments.items[i].target);
		promise(strlen(reply->segments.items[i].target) < REPLY_SPEC_TYPE);
		within(reply, reply->segments.items[i].args);
	}
	for (size_t i = 0; i < reply->targets.count; i++)
		promise(memchr(reply->targets.items[i].name, '\0', 16));
	if (reply->message)
		within(reply, reply->message);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dm_reply reply = { 0 };
	struct reply_data in = { 0 };
	char *copy;
	int r;

	if (size < 2)
		return 0;
	/* Of its own and exactly that long, so that a sanitizer sees one byte too far. */
	copy = malloc(size - 2 ? size - 2 : 1);
	promise(copy);
	memcpy(copy, data + 2, size - 2);
	in.data = copy;
	in.len = size - 2;
	in.nr_targets = data[1];
	in.has_data = true;
	r = reply_decode(ops[data[0] % ARRAY_SIZE(ops)], &in, &reply);
	promise(r == 0 || r == -EPROTO);
	if (r == 0)
		look(&reply);
	dm_reply_done(&reply);
	free(copy);
	return 0;
}
