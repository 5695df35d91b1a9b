/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Opening a source by any name that a person has in hand. Promises that whatever exists as a file
 * or device comes before a name, that a name never means two things silently, and that nothing is
 * opened for writing. What a name is not is told: by what else is there.
 */
#include "rescue/source.h"

#include "core/dir.h"
#include "core/opts.h"
#include "core/strbuf.h"
#include "core/util.h"
#include "formats/pack/pack.h"
#include "rescue/foreign.h"
#include "rescue/output.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

static void source_freep(struct bp_source **source)
{
	bp_source_close(*source);
}

void source_pools_done(struct bp_source *source)
{
	for (size_t i = 0; i < source->pools.count; i++) {
		source_pool_done(source->pools.items[i]);
		free(source->pools.items[i]);
	}
	vec_done(&source->pools);
	for (size_t i = 0; i < source->whose.count; i++)
		free(source->whose.items[i]);
	vec_done(&source->whose);
}

void bp_source_close(struct bp_source *source)
{
	if (!source)
		return;
	source_pools_done(source);
	io_close(source->snap_io);
	raw_image_close(source->snap);
	lvm_scan_free(source->scan);
	raw_image_close(source->image);
	raw_image_close(source->data);
	free(source->name);
	free(source);
}

/* --- names --- */

static bool is_pool(const struct lvm_lv *lv)
{
	return streq(lvm_lv_type(lv), "thin-pool");
}

/* Add @name as device-mapper names have it: each dash doubled. */
static void add_doubled(struct strbuf *s, const char *name)
{
	for (; *name; name++) {
		strbuf_add_char(s, *name);
		if (*name == '-')
			strbuf_add_char(s, '-');
	}
}

/* Is @text the mapper name of this volume, with or without the suffix of a layer? */
static bool is_mapper_name(const struct lvm_lv *lv, const char *text)
{
	static const char *const layers[] = { "", "-tpool", "-real", "-cow" };
	_cleanup_(strbuf_done) struct strbuf s = { 0 };
	size_t len;

	add_doubled(&s, lv->vg->name);
	strbuf_add_char(&s, '-');
	add_doubled(&s, lv->name);
	len = s.len;
	if (s.error || strncmp(text, strbuf_text(&s), len) != 0)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(layers); i++)
		if (streq(text + len, layers[i]))
			return true;
	return false;
}

/* The name that LVM gives the active pool's device; dashes in names are doubled. */
char *source_pool_node(const struct bp_source *source)
{
	struct strbuf s = { 0 };
	char *node;

	if (source->kind == BP_SOURCE_POOL) {
		strbuf_add(&s, "/dev/mapper/");
		add_doubled(&s, source->lv->vg->name);
		strbuf_add_char(&s, '-');
		add_doubled(&s, source->lv->name);
		strbuf_add(&s, "-tpool");
	} else {
		strbuf_add(&s, "POOL");
	}
	node = s.error ? NULL : strdup(strbuf_text(&s));
	strbuf_done(&s);
	return node;
}

/* As LVM writes it: VG/LV. */
static bool is_slash_name(const struct lvm_lv *lv, const char *text)
{
	size_t len = strlen(lv->vg->name);

	return strncmp(text, lv->vg->name, len) == 0 && text[len] == '/' &&
	       streq(text + len + 1, lv->name);
}

bool source_lv_is_called(const struct lvm_lv *lv, const char *text)
{
	return is_slash_name(lv, text) || is_mapper_name(lv, text);
}

struct match {
	const struct lvm_group *group;
	const struct lvm_lv *lv; /* NULL: the group itself */
	unsigned nr;             /* how many groups have it */
};

/* A text that was given (--lvm-backup) wins over what disks say, else names must be unique. */
static void match_name(const struct lvm_scan *scan, const char *text, struct match *ret)
{
	*ret = (struct match){ 0 };
	for (size_t g = 0; g < scan->groups.count; g++) {
		const struct lvm_group *group = &scan->groups.items[g];
		const struct lvm_lv *found = NULL;

		for (size_t i = 0; i < group->vg->nr_lvs; i++)
			if (source_lv_is_called(&group->vg->lvs[i], text))
				found = &group->vg->lvs[i];
		if (!found && !streq(group->vg->name, text))
			continue;
		if (group->origin == LVM_ORIGIN_FILE) { /* it was given: no other is meant */
			*ret = (struct match){ group, found, 1 };
			return;
		}
		if (ret->nr++ == 0) {
			ret->group = group;
			ret->lv = found;
		}
	}
}

/* Every volume of interest by its name, for messages. */
static void list_names(const struct lvm_scan *scan, bool pools_only, struct strbuf *s)
{
	unsigned nr = 0;

	for (size_t g = 0; g < scan->groups.count; g++) {
		const struct lvm_vg *vg = scan->groups.items[g].vg;

		for (size_t i = 0; i < vg->nr_lvs; i++) {
			const struct lvm_lv *lv = &vg->lvs[i];

			if (pools_only ? !is_pool(lv) : !lv->visible)
				continue;
			if (nr++ < 20)
				strbuf_addf(s, "%s%s/%s", nr > 1 ? ", " : "", vg->name,
					    lv->name);
		}
	}
	if (nr > 20)
		strbuf_addf(s, " and %u more", nr - 20);
	if (nr == 0)
		strbuf_add(s, "none");
}

/* Tells how many PVs were found at all: none means that the disks were not given. */
/* @given: the disks were named. */
static int not_found(struct bp_source *source, const char *text, bool given)
{
	_cleanup_(strbuf_done) struct strbuf s = { 0 };

	list_names(source->scan, false, &s);
	if (s.error)
		return bp_fail_memory(source->ctx);
	bp_fail(source->ctx, -ENXIO,
		"'%s' is neither a file or device, nor a volume that is found here (%zu "
		"physical "
		"volumes were; volumes: %s)",
		text, source->scan->found.count, strbuf_text(&s));
	error_set_code(source->ctx, BP_E_NO_DEVICE);
	if (given && !source->scan->found.count)
		error_set_hint(source->ctx,
			       "'bedplate probe' tells what the files are that were named with "
			       "--pv");
	else
		error_set_hint(source->ctx, "name the disks or images that hold it with --pv");
	return -ENXIO;
}

/* --- what was found --- */

/* Does the LV hold metadata of a thin pool, by its superblock? */
static bool holds_metadata(struct bp_source *source, const struct lvm_lv *lv)
{
	_cleanup_(map_freep) struct map *map = NULL;
	_Alignas(IO_BLOCK) uint8_t block[IO_BLOCK];
	struct error_state *saved = error_save(source->ctx);
	bool yes = source_lv_map(source, lv, &map) == 0 && map->size >= IO_BLOCK &&
		   map_read(map, 0, IO_BLOCK, block) == 0 &&
		   block_kind_of(block) == BLOCK_THIN_SUPERBLOCK;

	error_restore(source->ctx, saved);
	return yes;
}

/* A part's name leads to the pool, since people name what they see in /dev/mapper. */
static const struct lvm_lv *pool_with(const struct lvm_lv *part, const char *key)
{
	for (size_t i = 0; i < part->vg->nr_lvs; i++)
		if (is_pool(&part->vg->lvs[i]) &&
		    lvm_lv_named_by(&part->vg->lvs[i], key) == part)
			return &part->vg->lvs[i];
	return NULL;
}

/* LVM's spare, or what it left of a repair or a swap: "pool_meta0". */
static bool is_copy_of_metadata(const struct lvm_lv *lv)
{
	const char *meta = strstr(lv->name, "_meta");

	if (lvm_is_spare(lv))
		return true;
	return meta && meta[5] && meta[5 + strspn(meta + 5, "0123456789")] == '\0';
}

static int set_name(struct bp_source *source, const char *vg, const char *lv)
{
	free(source->name);
	source->name = NULL;
	if (asprintf(&source->name, lv ? "%s/%s" : "%s", vg, lv) < 0)
		return bp_fail_memory(source->ctx);
	return 0;
}

/* A pool by its data part is no harm; metadata by itself stays what was named. */
static int choose_lv(struct bp_source *source, const struct lvm_group *group,
		     const struct lvm_lv *lv)
{
	const struct lvm_lv *of = pool_with(lv, "pool");

	if (of) {
		bp_warn(source->ctx, "%s/%s is the data part of pool %s/%s: the pool is meant",
			lv->vg->name, lv->name, of->vg->name, of->name);
		lv = of;
	}
	source->group = group;
	source->lv = lv;
	if (is_pool(lv))
		source->kind = BP_SOURCE_POOL;
	else if (pool_with(lv, "metadata") || is_copy_of_metadata(lv) ||
		 holds_metadata(source, lv))
		source->kind = BP_SOURCE_METADATA;
	else
		source->kind = BP_SOURCE_VOLUMES;
	return set_name(source, lv->vg->name, lv->name);
}

/* All pools of one group, or of all. */
static size_t count_pools(const struct lvm_scan *scan, const struct lvm_group *only,
			  const struct lvm_group **ret_group, const struct lvm_lv **ret_lv)
{
	size_t nr = 0;

	for (size_t g = 0; g < scan->groups.count; g++) {
		const struct lvm_group *group = &scan->groups.items[g];

		for (size_t i = 0; (!only || only == group) && i < group->vg->nr_lvs; i++)
			if (is_pool(&group->vg->lvs[i]) && nr++ == 0) {
				*ret_group = group;
				*ret_lv = &group->vg->lvs[i];
			}
	}
	return nr;
}

/*
 * With one pool in the group its name is not needed. Where there is none, removed ones are
 * looked for.
 */
static int choose_only_pool(struct bp_source *source, const struct lvm_group *only,
			    const char *text)
{
	const struct lvm_group *group = NULL;
	const struct lvm_lv *lv = NULL;
	_cleanup_(strbuf_done) struct strbuf s = { 0 };
	size_t nr = count_pools(source->scan, only, &group, &lv);

	if (nr == 0) {
		size_t place = only ? (size_t)(only - source->scan->groups.items) : 0;
		int r = source_find_removed_pool(source, only, &group, &lv);

		if (r < 0)
			return r;
		if (only) /* the list may have grown */
			only = &source->scan->groups.items[place];
	}
	if (lv && nr <= 1)
		return choose_lv(source, group, lv);
	if (nr == 0) {
		source->kind = BP_SOURCE_VOLUMES;
		source->group = only ? only : source->scan->groups.items;
		return set_name(source, only ? only->vg->name : text, NULL);
	}
	list_names(source->scan, true, &s);
	if (s.error)
		return bp_fail_memory(source->ctx);
	bp_fail(source->ctx, -ENOTUNIQ, "'%s' has several pools: %s", text, strbuf_text(&s));
	error_set_code(source->ctx, BP_E_USAGE);
	error_set_hint(source->ctx, "name one of them");
	return -ENOTUNIQ;
}

/* All that makes what is read less than certain, before the first of it is read. */
static void warn_of_group(struct bp_source *source)
{
	const struct lvm_group *group = source->group;
	struct bp_ctx *ctx = source->ctx;

	if (!group)
		return;
	if (group->nr_missing)
		bp_warn(ctx, "VG '%s': %zu of %zu physical volumes are not here",
			group->vg->name, group->nr_missing, group->vg->nr_pvs);
	if (group->nr_cut)
		bp_warn(ctx, "VG '%s': the images of %zu physical volumes end too early",
			group->vg->name, group->nr_cut);
	if (group->split)
		bp_warn(ctx,
			"VG '%s': two different metadata texts have number %" PRIu64
			": two hosts have written",
			group->vg->name, group->vg->seqno);
	if (group->replaced)
		bp_warn(ctx,
			"VG '%s' was removed, and another was made on a disk of it: this is "
			"the "
			"newest of its metadata that is left; what was written since lies over "
			"it",
			group->vg->name);
	else if (group->origin == LVM_ORIGIN_REMOVED)
		bp_warn(ctx, "VG '%s' was removed: this is its last metadata", group->vg->name);
	if (group->origin == LVM_ORIGIN_IGNORED)
		bp_warn(ctx,
			"VG '%s': only a metadata area that LVM ignores was found; it may be "
			"old",
			group->vg->name);
	if (source->kind == BP_SOURCE_POOL && !source->snap && source_is_active(source))
		bp_warn(ctx,
			"%s is active: what is read from the disks below it may be half "
			"written",
			source->name);
	if (text_has(group->vg->node, "status", "EXPORTED"))
		bp_warn(ctx, "VG '%s' is exported", group->vg->name);
	if (text_string(group->vg->node, "system_id"))
		bp_warn(ctx, "VG '%s' belongs to host '%s'", group->vg->name,
			text_string(group->vg->node, "system_id"));
}

/* In older texts of the groups; then in groups that were replaced, and in their older texts. */
static int find_gone(struct bp_source *source, const char *text, struct match *match)
{
	int r = source_find_removed(source, text, &match->group, &match->lv);

	if (r == 0 && !match->lv) {
		r = lvm_scan_stale(source->scan);
		if (r == 0)
			r = lvm_scan_replaced(source->scan);
		match_name(source->scan, text, match);
		if (r < 0 || match->nr)
			return r;
		/* The last text of a group that was removed has none of its volumes any more. */
		r = source_find_removed(source, text, &match->group, &match->lv);
	}
	match->nr = match->lv ? 1 : 0;
	return r;
}

/*
 * Names as LVM and device-mapper write them; removed ones and replaced groups only where no
 * other is found.
 */
static int choose(struct bp_source *source, const char *text, bool given)
{
	static const char *const prefixes[] = { "/dev/mapper/", "/dev/" };
	struct match match;

	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++)
		if (strncmp(text, prefixes[i], strlen(prefixes[i])) == 0) {
			text += strlen(prefixes[i]);
			break;
		}
	match_name(source->scan, text, &match);
	if (match.nr == 0) {
		int r = find_gone(source, text, &match);

		if (r < 0)
			return r;
	}
	if (match.nr == 0)
		return not_found(source, text, given);
	if (match.nr > 1) {
		bp_fail(source->ctx, -ENOTUNIQ,
			"'%s': %u volume groups of this name were found", text, match.nr);
		error_set_hint(source->ctx, "name only the disks of one of them with --pv");
		return -ENOTUNIQ;
	}
	return match.lv ? choose_lv(source, match.group, match.lv)
			: choose_only_pool(source, match.group, text);
}

/* --- where to look --- */

typedef VEC(char *) paths;

static void paths_done(paths *p)
{
	for (size_t i = 0; i < p->count; i++)
		free(p->items[i]);
	vec_done(p);
}

/*
 * The block devices of this machine. Partitions are found through their disks; what can't be
 * opened or is empty is passed over.
 */
static int machine_devices(struct bp_source *source, paths *ret)
{
	DIR *dir = opendir("/sys/block");
	struct dirent *entry;
	int r = 0;

	while (r == 0 && dir && (entry = dir_next(dir, &r))) {
		struct error_state *saved;
		struct raw_image *image;
		char *path;

		if (entry->d_name[0] == '.' || strncmp(entry->d_name, "ram", 3) == 0)
			continue;
		if (asprintf(&path, "/dev/%s", entry->d_name) < 0) {
			r = -ENOMEM;
			break;
		}
		saved = error_save(source->ctx);
		if (raw_image_open(source->ctx, path, &image) == 0) {
			if (image->size)
				r = vec_add(ret, &path);
			if (image->size && r == 0)
				path = NULL;
			raw_image_close(image);
		}
		error_restore(source->ctx, saved);
		free(path);
	}
	if (dir)
		closedir(dir);
	return r < 0 ? bp_fail(source->ctx, r, "/sys/block: %s", strerror(-r)) : 0;
}

/* A disk whose table of partitions may be lost: nothing that is known lies at its beginning. */
static bool may_be_disk(const struct raw_image *image)
{
	struct foreign is;
	_Alignas(IO_BLOCK) uint8_t block[IO_BLOCK];

	return foreign_look(image, &is) == -ENODATA && image->size >= IO_BLOCK &&
	       raw_image_read(image, 0, IO_BLOCK, block) == 0 &&
	       block_kind_of(block) == BLOCK_UNKNOWN;
}

static int scan_given(struct bp_source *source, const char *const *names, size_t nr,
		      const char *text_path)
{
	int r = lvm_scan_new(source->ctx, names, nr, text_path, &source->scan);

	return r < 0 ? r : lvm_scan_lost(source->scan, may_be_disk);
}

/* Without disks named, all of the machine's. */
int source_scan(struct bp_source *source, const char *const *names, size_t nr,
		const char *text_path)
{
	paths devices = { 0 };
	int r;

	if (nr)
		return scan_given(source, names, nr, text_path);
	r = machine_devices(source, &devices);
	if (r == 0)
		r = lvm_scan_new(source->ctx, (const char *const *)devices.items, devices.count,
				 text_path, &source->scan);
	paths_done(&devices);
	return r;
}

/* The superblock's own checksum and number: nothing else begins so. */
static bool is_metadata(const struct raw_image *image, uint8_t *block)
{
	return image->size >= IO_BLOCK && raw_image_read(image, 0, IO_BLOCK, block) == 0 &&
	       block_kind_of(block) == BLOCK_THIN_SUPERBLOCK;
}

/* By its header; nothing else is read yet. */
bool source_is_pack(const struct raw_image *image)
{
	uint8_t header[PACK_HEADER_BYTES];

	return image->size >= sizeof(header) &&
	       raw_image_read(image, 0, sizeof(header), header) == 0 && pack_is_one(header);
}

/* Is @path bare metadata, or what it is instead. */
static int look_at_file(struct bp_source *source, const char *path, bool *ret_metadata)
{
	_cleanup_(freep) uint8_t *block = io_buffer_new(1);
	int r;

	if (!block)
		return bp_fail_memory(source->ctx);
	r = raw_image_open(source->ctx, path, &source->image);
	if (r < 0)
		return r;
	source->packed = source_is_pack(source->image);
	*ret_metadata = source->packed || is_metadata(source->image, block);
	return 0;
}

/*
 * A file is metadata, or an image of disks: metadata is known by its superblock, else LVM
 * is looked for, and then what it could be instead.
 */
static int open_file(struct bp_source *source, const char *path,
		     const struct bp_source_opts *opts)
{
	bool metadata = false;
	int r = look_at_file(source, path, &metadata);

	if (r < 0)
		return r;
	if (!metadata) {
		_cleanup_(freep) const char **all =
			calloc(opts->nr_pvs + 1, sizeof(const char *));

		if (!all)
			return bp_fail_memory(source->ctx);
		all[0] = path;
		for (size_t i = 0; i < opts->nr_pvs; i++)
			all[i + 1] = opts->pvs[i];
		r = scan_given(source, all, opts->nr_pvs + 1, opts->text_path);
		if (r < 0)
			return r;
		if (source->scan->groups.count) {
			r = source_warn_foreign(source);
			return r < 0 ? r : choose_only_pool(source, NULL, path);
		}
		r = source_refuse_disk(source, path, &source->scan->disks.items[0].table);
		lvm_scan_free(source->scan);
		source->scan = NULL;
		if (r == 0)
			r = source_refuse_foreign(source, path);
		if (r < 0)
			return r;
	}
	source->kind = BP_SOURCE_METADATA;
	if (opts->data_path) {
		r = raw_image_open(source->ctx, opts->data_path, &source->data);
		if (r < 0)
			return r;
	}
	return set_name(source, path, NULL);
}

/* A path that exists is that; anything else is a name on disks. */
static int open_name(struct bp_source *source, const char *name,
		     const struct bp_source_opts *opts)
{
	struct stat st;
	int r;

	if (stat(name, &st) == 0 && (S_ISREG(st.st_mode) || S_ISBLK(st.st_mode)))
		return open_file(source, name, opts);
	r = source_scan(source, opts->pvs, opts->nr_pvs, opts->text_path);
	if (r == 0 && opts->nr_pvs)
		r = source_warn_foreign(source);
	return r < 0 ? r : choose(source, name, opts->nr_pvs > 0);
}

/* Reads labels and texts only; metadata is opened when something is asked. */
int bp_source_open(struct bp_ctx *ctx, const char *name, const struct bp_source_opts *opts,
		   struct bp_source **ret)
{
	_cleanup_(source_freep) struct bp_source *source = calloc(1, sizeof(*source));
	struct bp_source_opts o;
	int r = opts_read(ctx, &o, sizeof(o), opts);

	if (r < 0)
		return r;
	if (!source)
		return bp_fail_memory(ctx);
	source->ctx = ctx;
	source->data_block_sectors = o.data_block_sectors;
	r = open_name(source, name, &o);
	if (r == 0 && o.snap_path)
		r = source_use_snap(source, o.snap_path, o.data_path);
	if (r < 0)
		return r;
	warn_of_group(source);
	*ret = steal(source);
	return 0;
}

enum bp_source_kind bp_source_kind(const struct bp_source *source)
{
	return source->kind;
}

const char *bp_source_name(const struct bp_source *source)
{
	return source->name;
}

/* A message in LVM's text that was not sent yet: the pool may be one behind. */
int bp_source_expected_transaction(const struct bp_source *source, uint64_t *ret,
				   bool *ret_pending)
{
	const struct text_node *node;

	if (source->kind != BP_SOURCE_POOL)
		return -ENODATA;
	node = source->lv->segments[0].node;
	*ret = text_number(node, "transaction_id", 0);
	if (ret_pending)
		*ret_pending = text_section(node, "message1") != NULL;
	return *ret ? 0 : -ENODATA;
}

/* The caller owns the metadata; the source has to stay. */
int bp_source_thin_open(struct bp_source *source, const struct bp_thin_open_opts *opts,
			struct bp_thin_meta **ret)
{
	struct io *io;
	int r = source_metadata_io(source, &io);

	if (r < 0)
		return r;
	return io_taken(source->ctx, source->name, io,
			thin_meta_open_io(source->ctx, io, opts, ret));
}
