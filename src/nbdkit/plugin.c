/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A plugin for nbdkit: a volume of a source, or what an older root has of it, as a read-only disk
 * over NBD. Promises that nothing is written, that what can't be read is an I/O error there and
 * nowhere else, never zeros, and that only what was never written is told to be a hole. It does not
 * look through an active pool's metadata snapshot.
 *
 * Source and volume are opened before the server goes into the background, so that mistakes are
 * seen by whoever started it, and relative paths mean what they say. From then on they don't
 * change: reading and mapping an image need no lock (bp_image_read(), bp_image_map_part()) and
 * touch no context, so requests run in parallel, and all connections share one image. The server's
 * state is global because parameters come without a handle.
 */
#define NBDKIT_API_VERSION 2

#include <nbdkit-plugin.h>

#include <bedplate/context.h>
#include <bedplate/export.h>
#include <bedplate/history.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define THREAD_MODEL NBDKIT_THREAD_MODEL_PARALLEL

struct nbdkit_plugin *plugin_init(void);

/* Parameters as they were given: nbdkit keeps the texts. */
static struct {
	const char *pool, *volume, *backup, *data;
	const char **pvs;
	size_t nr_pvs;
	uint32_t block_sectors;
	uint64_t root, transaction;
	bool has_transaction;
} config;

/* What is served. */
static struct {
	struct bp_ctx *ctx;
	struct bp_source *source;
	struct bp_image *image;
} server;

/* --- parameters --- */

static int add_pv(const char *path)
{
	const char **more = realloc(config.pvs, (config.nr_pvs + 1) * sizeof(*more));

	if (!more) {
		nbdkit_error("out of memory");
		return -1;
	}
	config.pvs = more;
	config.pvs[config.nr_pvs++] = path;
	return 0;
}

/*
 * "disk.img:vg/pool" is vg/pool on disk.img. Paths can have colons of their own: the last one that
 * a file stands before counts, and none where all of it is a file.
 */
static int set_pool(const char *value)
{
	if (config.pool) {
		nbdkit_error("pool= was given twice ('%s', '%s'): other disks are given by pv=",
			     config.pool, value);
		return -1;
	}
	config.pool = value;
	if (access(value, F_OK) == 0)
		return 0;
	for (size_t n = strlen(value); n > 0; n--) {
		const char *disk = value[n] == ':' ? nbdkit_strndup_intern(value, n) : "";

		if (!disk)
			return -1; /* nbdkit has said why */
		if (*disk && access(disk, F_OK) == 0) {
			config.pool = value + n + 1;
			return add_pv(disk);
		}
	}
	return 0;
}

static const struct {
	const char *key;
	const char **text;
} texts[] = {
	{ "volume", &config.volume },
	{ "lvm-backup", &config.backup },
	{ "data", &config.data },
};

static int set(const char *key, const char *value)
{
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		if (strcmp(key, texts[i].key) == 0) {
			*texts[i].text = value;
			return 0;
		}
	if (strcmp(key, "pool") == 0)
		return set_pool(value);
	if (strcmp(key, "pv") == 0)
		return add_pv(value);
	if (strcmp(key, "root") == 0)
		return nbdkit_parse_uint64_t("root", value, &config.root);
	if (strcmp(key, "data-block-size") == 0)
		return nbdkit_parse_uint32_t("data-block-size", value, &config.block_sectors);
	if (strcmp(key, "transaction") == 0) {
		config.has_transaction = true;
		return nbdkit_parse_uint64_t("transaction", value, &config.transaction);
	}
	nbdkit_error("unknown parameter '%s': pool, volume, root, transaction, pv, lvm-backup, "
		     "data and data-block-size are known",
		     key);
	return -1;
}

static int complete(void)
{
	if (!config.pool) {
		nbdkit_error("pool=POOL is missing: a disk or its image (disk.img), a pool in "
			     "it (disk.img:vg/pool), or vg/pool");
		return -1;
	}
	if (config.root && config.has_transaction) {
		nbdkit_error("root= and transaction= name a state each: give one of them");
		return -1;
	}
	if ((config.root || config.has_transaction) && !config.volume) {
		nbdkit_error("an older state needs volume=: a number or name of it");
		return -1;
	}
	return 0;
}

/* --- opening --- */

static int failed(void)
{
	nbdkit_error("%s", bp_errmsg(server.ctx));
	return -1;
}

/* nbdkit has no word for what is no error: whoever starts it reads its standard error. */
static void tell_warnings(void)
{
	for (size_t i = 0; i < bp_warnings_count(server.ctx); i++)
		fprintf(stderr, "nbdkit: bedplate: warning: %s\n",
			bp_warning_get(server.ctx, i));
	bp_warnings_clear(server.ctx);
}

/* A pool's own data is nothing to serve: its volumes are. */
static int ask_for_volume(void)
{
	char names[512] = "";
	struct bp_source_volumes *volumes;
	size_t n, used = 0;

	if (bp_source_volumes(server.source, &volumes) < 0)
		return failed();
	n = bp_source_volumes_count(volumes);
	for (size_t i = 0; i < n && used < sizeof(names); i++) {
		const struct bp_source_volume *v = bp_source_volumes_get(volumes, i);
		const char *before = used ? ", " : "";
		int len = v->name ? snprintf(names + used, sizeof(names) - used, "%s%s", before,
					     v->name)
				  : snprintf(names + used, sizeof(names) - used, "%s%" PRIu64,
					     before, v->id);

		used += (size_t)len;
	}
	bp_source_volumes_free(volumes);
	nbdkit_error("volume=NAME is missing: '%s' has %s%s", bp_source_name(server.source),
		     n ? names : "none", used >= sizeof(names) ? " ..." : "");
	return -1;
}

static int root_of_transaction(bp_mblock *ret)
{
	struct bp_history *history;

	*ret = 0;
	if (bp_history(server.source, &history) < 0)
		return failed();
	for (size_t i = 0; !*ret && i < bp_history_count(history); i++)
		if (bp_history_get(history, i)->transaction_id == config.transaction)
			*ret = bp_history_get(history, i)->mapping_root;
	bp_history_free(history);
	if (*ret)
		return 0;
	nbdkit_error("no state of transaction %" PRIu64 " is left; 'bedplate history' lists "
		     "those that are",
		     config.transaction);
	return -1;
}

static int open_image(void)
{
	bp_mblock root = config.root;

	if (!config.volume && bp_source_kind(server.source) != BP_SOURCE_VOLUMES)
		return ask_for_volume();
	if (config.has_transaction && root_of_transaction(&root) < 0)
		return -1;
	if (bp_image_open(server.source, config.volume, root, &server.image) < 0)
		return failed();
	return 0;
}

static int get_ready(void)
{
	const struct bp_source_opts opts = {
		.size = sizeof(opts),
		.pvs = config.pvs,
		.nr_pvs = config.nr_pvs,
		.text_path = config.backup,
		.data_path = config.data,
		.data_block_sectors = config.block_sectors,
	};
	int r;

	if (bp_ctx_new(&server.ctx) < 0) {
		nbdkit_error("out of memory");
		return -1;
	}
	r = bp_source_open(server.ctx, config.pool, &opts, &server.source);
	r = r < 0 ? failed() : open_image();
	tell_warnings();
	return r;
}

static void unload(void)
{
	bp_image_close(server.image);
	bp_source_close(server.source);
	bp_ctx_free(server.ctx);
	free(config.pvs);
}

/* --- serving --- */

static void *open_connection(int readonly)
{
	(void)readonly;
	return server.image;
}

static int64_t get_size(void *handle)
{
	return (int64_t)bp_image_size(handle);
}

/* Nothing is written or kept: any number of connections see the same. */
static int can_multi_conn(void *handle)
{
	(void)handle;
	return 1;
}

/* The whole of a missing range, though the request may have met a part of it. */
static int tell_missing(void *user, const struct bp_image_range *range)
{
	int *told = user;

	if (range->kind != BP_IMAGE_MISSING)
		return 0;
	*told = 1;
	nbdkit_error("bytes %" PRIu64 " to %" PRIu64 " are missing: %s", range->offset,
		     range->offset + range->length - 1, range->why);
	return 1;
}

static int read_bytes(void *handle, void *buf, uint32_t count, uint64_t offset, uint32_t flags)
{
	int r = bp_image_read(handle, offset, count, buf), told = 0;

	(void)flags;
	if (r == 0)
		return 0;
	if (r == -ENODATA)
		bp_image_map_part(handle, offset, bp_image_size(handle) - offset, tell_missing,
				  &told);
	if (!told)
		nbdkit_error("bytes %" PRIu64 " to %" PRIu64 " can't be read: %s", offset,
			     offset + count - 1, strerror(-r));
	nbdkit_set_error(r == -ENOMEM ? ENOMEM : EIO);
	return -1;
}

static int can_extents(void *handle)
{
	(void)handle;
	return 1;
}

struct extents {
	struct nbdkit_extents *list;
	bool one;
};

/* What is missing is told as data: who takes it for a hole would have zeros there. */
static int add_extent(void *user, const struct bp_image_range *range)
{
	const struct extents *e = user;
	const uint32_t hole = NBDKIT_EXTENT_HOLE | NBDKIT_EXTENT_ZERO;

	if (nbdkit_add_extent(e->list, range->offset, range->length,
			      range->kind == BP_IMAGE_ZERO ? hole : 0) < 0)
		return -1; /* nbdkit has said why */
	return e->one ? 1 : 0;
}

static int extents(void *handle, uint32_t count, uint64_t offset, uint32_t flags,
		   struct nbdkit_extents *list)
{
	struct extents e = { list, flags & NBDKIT_FLAG_REQ_ONE };
	int r = bp_image_map_part(handle, offset, count, add_extent, &e);

	if (r >= 0)
		return 0;
	nbdkit_error("byte %" PRIu64 ": can't tell where it lies", offset);
	nbdkit_set_error(r == -ENOMEM ? ENOMEM : EIO);
	return -1;
}

static struct nbdkit_plugin plugin = {
	.name = "bedplate",
	.longname = "bedplate: volumes of LVM and thin pools",
	.version = BP_VERSION,
	.description = "A volume out of disks or their images, without activating anything",
	.magic_config_key = "pool",
	.config = set,
	.config_complete = complete,
	.config_help =
		"[pool=]POOL              (required) a disk or its image, DISK:VG/POOL, or "
		"VG/POOL\n"
		"volume=NAME              its name in LVM, or its number in the pool\n"
		"root=BLOCK               as an older root of mapping trees has it\n"
		"transaction=ID           as the newest state of this transaction has it\n"
		"pv=FILE                  a disk or image to look on; any number of them\n"
		"lvm-backup=FILE          a backup of LVM's metadata that counts instead\n"
		"data=FILE                the pool's data, where POOL is bare metadata\n"
		"data-block-size=SECTORS  where the pool's superblock is lost",
	.get_ready = get_ready,
	.unload = unload,
	.open = open_connection,
	.get_size = get_size,
	.can_multi_conn = can_multi_conn,
	.pread = read_bytes,
	.can_extents = can_extents,
	.extents = extents,
};

/* clang-format off */
NBDKIT_REGISTER_PLUGIN(plugin)
/* clang-format on */
