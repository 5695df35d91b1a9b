/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vdo, on a storage that its own tool formatted (tests/data/vdo-min.img.tar.xz). */
#include "live.h"

#define STORAGE_BYTES UINT64_C(2949992448)
#define LENGTH        2097152

/* The storage's loop device: its file is sparse, in memory. */
static const char *storage(void)
{
	const char *lib = getenv("KERNEL_LIB");
	static char path[32];
	char command[512];

	need_target("vdo");
	if (!lib)
		FAIL("not in the lab");
	snprintf(command, sizeof(command),
		 "tar -xJSf $(dirname '%s')/../data/vdo-min.img.tar.xz && "
		 "losetup -f --show *.img && rm *.img",
		 lib);
	if (sscanf(shell(command), "%31s", path) != 1)
		FAIL("no loop device");
	return path;
}

static struct bp_vdo vdo_of(const char *dev)
{
	return (struct bp_vdo){
		.storage_dev = dev,
		.physical_mblocks = bp_bytes_to_mblock(STORAGE_BYTES),
		.minimum_io_bytes = 4096,
		.block_map_cache_mblocks = 32768,
		.block_map_era = 16380,
	};
}

static const struct bp_vdo_status *vdo_status(void)
{
	return live_status("live");
}

static void without_index(void)
{
	const char *dev = storage();
	struct bp_vdo vdo = vdo_of(dev);
	const struct bp_vdo_dump_part parts[] = { { BP_VDO_PART_VDO }, { BP_VDO_PART_QUEUES } };

	vdo.ack = vdo.cpu = vdo.hash = vdo.logical = vdo.physical = (struct bp_number)BP_SET(1);
	vdo.bio = (struct bp_number)BP_SET(2);
	vdo.bio_rotation_interval = (struct bp_number)BP_SET(64);
	vdo.max_discard_mblocks = (struct bp_number)BP_SET(1500);
	vdo.deduplication = BP_OFF;
	vdo.compression = BP_ON;
	live_create("live", "vdo", LENGTH, &vdo);
	CHECK(vdo_status()->mode == BP_VDO_NORMAL && !vdo_status()->recovering);
	CHECK(strcmp(vdo_status()->dev, dev) == 0);
	CHECK(vdo_status()->index == BP_VDO_INDEX_CLOSED);
	CHECK(vdo_status()->compression == BP_VDO_COMPRESSION_ONLINE);
	CHECK(vdo_status()->total_mblocks == vdo.physical_mblocks);
	OK(try_put(mapped_path("live"), 64, "kept"));
	CHECK(try_get(mapped_path("live"), 64) == 0);
	live_message("live", "compression", &(struct bp_vdo_compress){ BP_OFF });
	CHECK(vdo_status()->compression == BP_VDO_COMPRESSION_OFFLINE);
	HAS(live_message("live", "stats", NULL), "version");
	HAS(live_message("live", "config", NULL), "version");
	live_message("live", "dump", &(struct bp_vdo_dump){ .parts = parts, .nr_parts = 2 });
	live_message("live", "dump", &(struct bp_vdo_dump){ .nr_parts = 0 });
	live_message("live", "dump-on-shutdown", NULL);
	live_remove("live");
}

static void with_index(void)
{
	struct bp_vdo vdo = vdo_of(storage());

	live_create("live", "vdo", LENGTH, &vdo);
	WAIT_UNTIL(vdo_status()->index == BP_VDO_INDEX_ONLINE);
	live_message("live", "index-disable", NULL);
	WAIT_UNTIL(vdo_status()->index == BP_VDO_INDEX_OFFLINE);
	live_message("live", "index-enable", NULL);
	live_message("live", "index-close", NULL);
	WAIT_UNTIL(vdo_status()->index == BP_VDO_INDEX_CLOSED);
	live_message("live", "index-create", NULL);
	WAIT_UNTIL(vdo_status()->index == BP_VDO_INDEX_ONLINE);
	live_remove("live");
}

static const struct live tests[] = {
	{ "vdo: all options, no index", without_index },
	{ "vdo: index messages", with_index },
};

static const struct live_reject rejects[] = {
	{ "0 2097152 vdo V4 250:99 720213 4096 32768 16380", 2,
	  "Unable to open storage device" },
	{ "0 2097152 vdo V4 @0 4096 1024 32768 16380", 4, "" },
	{ "0 2097152 vdo V4 @0 4096 4096 32768 16380 maxDiscard 0", 8, "" },
};

LIVE_MAIN(tests, rejects)
