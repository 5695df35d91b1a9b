/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * vdo on the fake kernel: it takes what table it is given, and answers what a test has said it does (fake_vdo()), as a real one
 * did once; its status line says of mode and space what that answer says.
 */
#include "fake/fake.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/strbuf.h"

void fake_vdo(struct fake *fake, const char *stats, const char *config)
{
	free(fake->vdo_stats);
	free(fake->vdo_config);
	fake->vdo_stats = strdup(stats);
	fake->vdo_config = strdup(config);
}

/* A word of the answer, behind "KEY : ". */
static void word_of(const struct fake *fake, const char *key, char ret[24])
{
	const char *at = fake->vdo_stats ? strstr(fake->vdo_stats, key) : NULL;

	strcpy(ret, "0");
	if (at)
		sscanf(at + strlen(key), " : %23[^, ]", ret);
}

void fake_vdo_status(const struct fake *fake, const struct fake_segment *segment,
		     struct strbuf *s)
{
	char mode[24], recovers[24], total[24], data[24], overhead[24];

	word_of(fake, "mode", mode);
	word_of(fake, "inRecoveryMode", recovers);
	word_of(fake, "physicalBlocks", total);
	word_of(fake, "dataBlocksUsed", data);
	word_of(fake, "overheadBlocksUsed", overhead);
	strbuf_addf(s, "%u:%u %s %s %s %s %" PRIu64 " %s", segment->devs[0].major,
		    segment->devs[0].minor, mode, streq(recovers, "0") ? "-" : "recovering",
		    fake->vdo_index_off ? "offline" : "online",
		    fake->vdo_compresses ? "online" : "offline",
		    (uint64_t)(strtoull(data, NULL, 10) + strtoull(overhead, NULL, 10)), total);
}

int fake_vdo_message(struct fake *fake, const char *text, struct dm_reply *reply)
{
	const char *answer = streq(text, "stats")    ? fake->vdo_stats
			     : streq(text, "config") ? fake->vdo_config
						     : NULL;

	if (answer) {
		reply->message = dm_reply_keep(reply, answer, strlen(answer));
		return reply->message ? 0 : -ENOMEM;
	}
	if (strncmp(text, "compression ", 12) == 0)
		fake->vdo_compresses = streq(text + 12, "on");
	else if (streq(text, "index-enable") || streq(text, "index-disable"))
		fake->vdo_index_off = text[6] == 'd';
	else
		return -EINVAL;
	return 0;
}
