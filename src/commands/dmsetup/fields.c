/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The fields of a report: their names, headings and widths are those that programs know. Counters and rates of I/O
 * statistics are not among them.
 */
#include "commands/dmsetup/report.h"

#include <bedplate/bdev.h>

#include <ctype.h>
#include <strings.h>

static int get_name(const struct subject *s, struct strbuf *ret)
{
	strbuf_add(ret, shown_name(s->f, s->info));
	return 0;
}

static int get_mangled_name(const struct subject *s, struct strbuf *ret)
{
	strbuf_add(ret, s->info->kernel_name);
	return 0;
}

static int get_unmangled_name(const struct subject *s, struct strbuf *ret)
{
	strbuf_add(ret, s->info->name);
	return 0;
}

static int get_uuid(const struct subject *s, struct strbuf *ret)
{
	char uuid[BP_UUID_SIZE];

	strbuf_add(ret, shown_uuid(s->f, s->info, uuid));
	return 0;
}

static int get_unmangled_uuid(const struct subject *s, struct strbuf *ret)
{
	strbuf_add(ret, s->info->uuid);
	return 0;
}

/* As udev and symlinks have it. */
static int get_mangled_uuid(const struct subject *s, struct strbuf *ret)
{
	char uuid[BP_UUID_SIZE];

	if (s->f->mangling == MANGLE_NONE)
		return get_uuid(s, ret);
	if (name_encode_said(s->f, "UUID", s->info->uuid, uuid, sizeof(uuid)) < 0)
		return -1;
	strbuf_add(ret, uuid);
	return 0;
}

static int get_read_ahead(const struct subject *s, struct strbuf *ret)
{
	uint32_t sectors = 0;

	if (!read_ahead_of(s->f, s->info, &sectors))
		sectors = 0;
	strbuf_add_uint(ret, sectors);
	return 0;
}

/* The kernel's name, dm-0 or sda. */
static int add_block_name(const struct subject *s, uint32_t major, uint32_t minor,
			  struct strbuf *ret)
{
	char name[BP_BDEV_NAME_SIZE];

	if (bp_bdev_name(s->f->ctx, major, minor, name) < 0)
		return say(s->f, "Could not resolve block device name for %u:%u.", major,
			   minor);
	strbuf_add(ret, name);
	return 0;
}

static int get_block_name(const struct subject *s, struct strbuf *ret)
{
	return add_block_name(s, s->info->major, s->info->minor, ret);
}

static int get_attr(const struct subject *s, struct strbuf *ret)
{
	strbuf_addf(ret, "%c%c%c%c", s->info->live_table ? 'L' : '-',
		    s->info->inactive_table ? 'I' : '-', s->info->suspended ? 's' : '-',
		    s->info->read_only ? 'r' : 'w');
	return 0;
}

static int get_tables(const struct subject *s, struct strbuf *ret)
{
	static const char *const words[] = { "None", "Live", "Inactive", "Both" };

	strbuf_add(ret, words[s->info->live_table + 2 * s->info->inactive_table]);
	return 0;
}

static int get_suspended(const struct subject *s, struct strbuf *ret)
{
	strbuf_add(ret, s->info->suspended ? "Suspended" : "Active");
	return 0;
}

static int get_read_only(const struct subject *s, struct strbuf *ret)
{
	strbuf_add(ret, s->info->read_only ? "Read-only" : "Writeable");
	return 0;
}

static int get_devno(const struct subject *s, struct strbuf *ret)
{
	strbuf_addf(ret, "%u:%u", s->info->major, s->info->minor);
	return 0;
}

static int get_major(const struct subject *s, struct strbuf *ret)
{
	strbuf_add_uint(ret, s->info->major);
	return 0;
}

static int get_minor(const struct subject *s, struct strbuf *ret)
{
	strbuf_add_uint(ret, s->info->minor);
	return 0;
}

static int get_open(const struct subject *s, struct strbuf *ret)
{
	strbuf_addf(ret, "%d", s->info->open_count);
	return 0;
}

static int get_segments(const struct subject *s, struct strbuf *ret)
{
	strbuf_add_uint(ret, s->info->nr_segments);
	return 0;
}

static int get_events(const struct subject *s, struct strbuf *ret)
{
	strbuf_add_uint(ret, s->info->event_nr);
	return 0;
}

static int get_device_count(const struct subject *s, struct strbuf *ret)
{
	strbuf_add_uint(ret, s->nr_deps);
	return 0;
}

/* Devices without a name are no mapped ones: they are left out. */
static int add_names(const struct subject *s, const struct numbers *list, struct strbuf *ret)
{
	const char *sep = "";

	for (size_t i = 0; s->node && i < list->count; i++) {
		const struct dev_node *node = tree_node(s->f, list->items[i]);

		if (!node->name[0])
			continue;
		strbuf_addf(ret, "%s%s", sep, node->name);
		sep = ",";
	}
	return 0;
}

static int get_devs_used(const struct subject *s, struct strbuf *ret)
{
	return add_names(s, s->node ? &s->node->below : NULL, ret);
}

static int get_names_using(const struct subject *s, struct strbuf *ret)
{
	return add_names(s, s->node ? &s->node->above : NULL, ret);
}

static int get_devnos_used(const struct subject *s, struct strbuf *ret)
{
	for (size_t i = 0; i < s->nr_deps; i++) {
		const struct bp_devno *dev = bp_device_deps_get(s->deps, i);

		strbuf_addf(ret, "%s%u:%u", i ? "," : "", dev->major, dev->minor);
	}
	return 0;
}

static int get_blkdevs_used(const struct subject *s, struct strbuf *ret)
{
	for (size_t i = 0; i < s->nr_deps; i++) {
		const struct bp_devno *dev = bp_device_deps_get(s->deps, i);

		strbuf_add(ret, i ? "," : "");
		if (add_block_name(s, dev->major, dev->minor, ret) < 0)
			return -1;
	}
	return 0;
}

static int get_ref_count(const struct subject *s, struct strbuf *ret)
{
	size_t count = 0;

	for (size_t i = 0; s->node && i < s->node->above.count; i++)
		count += s->node->above.items[i] != 0;
	strbuf_add_uint(ret, count);
	return 0;
}

/* Number 0 is the root of the tree, no device. */
static int get_devnos_using(const struct subject *s, struct strbuf *ret)
{
	const char *sep = "";

	for (size_t i = 0; s->node && i < s->node->above.count; i++) {
		const struct dev_node *node = tree_node(s->f, s->node->above.items[i]);

		if (s->node->above.items[i] == 0)
			continue;
		strbuf_addf(ret, "%s%u:%u", sep, node->major, node->minor);
		sep = ",";
	}
	return 0;
}

static int get_subsystem(const struct subject *s, struct strbuf *ret)
{
	strbuf_add(ret, s->parts.subsystem);
	return 0;
}

static int get_vg(const struct subject *s, struct strbuf *ret)
{
	strbuf_add(ret, s->parts.vg);
	return 0;
}

static int get_lv(const struct subject *s, struct strbuf *ret)
{
	strbuf_add(ret, s->parts.lv);
	return 0;
}

static int get_layer(const struct subject *s, struct strbuf *ret)
{
	strbuf_add(ret, s->parts.layer);
	return 0;
}

static int get_stats_name(const struct subject *s, struct strbuf *ret)
{
	strbuf_add(ret, s->stats->alias[0] ? s->stats->alias : shown_name(s->f, s->info));
	return 0;
}

static int get_group_id(const struct subject *s, struct strbuf *ret)
{
	if (s->stats->group < 0)
		strbuf_add_char(ret, '-');
	else
		strbuf_add_uint(ret, (uint64_t)s->stats->group);
	return 0;
}

static int get_region_id(const struct subject *s, struct strbuf *ret)
{
	if (s->stats->members[0])
		strbuf_add(ret, s->stats->members);
	else
		strbuf_add_uint(ret, s->stats->region->region);
	return 0;
}

static int get_object_type(const struct subject *s, struct strbuf *ret)
{
	strbuf_add(ret, s->stats->type);
	return 0;
}

static int get_region_start(const struct subject *s, struct strbuf *ret)
{
	stats_add_size(s->f, s->stats->start_sectors, ret);
	return 0;
}

static int get_region_length(const struct subject *s, struct strbuf *ret)
{
	stats_add_size(s->f, s->stats->length_sectors, ret);
	return 0;
}

static int get_area_count(const struct subject *s, struct strbuf *ret)
{
	strbuf_add_uint(ret, s->stats->nr_areas);
	return 0;
}

static int get_area_id(const struct subject *s, struct strbuf *ret)
{
	strbuf_add_uint(ret, s->stats->area);
	return 0;
}

static int get_area_length(const struct subject *s, struct strbuf *ret)
{
	stats_add_size(s->f, s->stats->area_sectors, ret);
	return 0;
}

static int get_program_id(const struct subject *s, struct strbuf *ret)
{
	strbuf_add(ret, s->stats->region->program_id);
	return 0;
}

static int get_user_data(const struct subject *s, struct strbuf *ret)
{
	strbuf_add(ret, s->stats->user);
	return 0;
}

static int get_precise(const struct subject *s, struct strbuf *ret)
{
	strbuf_add_uint(ret, s->stats->region->precise);
	return 0;
}

static int get_selected(const struct subject *s, struct strbuf *ret)
{
	strbuf_add(ret, s->selected ? "1" : "0");
	return 0;
}

/* clang-format off */
const struct field dmsetup_fields[] = {
	{ "name", "Name", PART_TASK, false, 16, "name", get_name },
	{ "mangled_name", "MangledName", PART_TASK, false, 16, "name as the kernel holds it", get_mangled_name },
	{ "unmangled_name", "UnmangledName", PART_TASK, false, 16, "name as people wrote it", get_unmangled_name },
	{ "uuid", "UUID", PART_TASK, false, 32, "uuid, or nothing", get_uuid },
	{ "mangled_uuid", "MangledUUID", PART_TASK, false, 32, "uuid as the kernel holds it", get_mangled_uuid },
	{ "unmangled_uuid", "UnmangledUUID", PART_TASK, false, 32, "uuid as people wrote it", get_unmangled_uuid },
	{ "read_ahead", "RAhead", PART_TASK, true, 6, "read-ahead, in sectors", get_read_ahead },
	{ "blkdevname", "BlkDevName", PART_INFO, false, 16, "the kernel's name of the block device", get_block_name },
	{ "attr", "Stat", PART_INFO, false, 4, "L live table, I inactive table, s suspended, r or w", get_attr },
	{ "tables_loaded", "Tables", PART_INFO, false, 6, "None, Live, Inactive or Both", get_tables },
	{ "suspended", "Suspended", PART_INFO, false, 9, "Suspended or Active", get_suspended },
	{ "readonly", "Read-only", PART_INFO, false, 9, "Read-only or Writeable", get_read_only },
	{ "devno", "DevNo", PART_INFO, false, 5, "MAJOR:MINOR", get_devno },
	{ "major", "Maj", PART_INFO, true, 3, "major number", get_major },
	{ "minor", "Min", PART_INFO, true, 3, "minor number", get_minor },
	{ "open", "Open", PART_INFO, true, 4, "how many hold it open", get_open },
	{ "segments", "Targ", PART_INFO, true, 4, "segments of the table", get_segments },
	{ "events", "Event", PART_INFO, true, 6, "number of the last event", get_events },
	{ "device_count", "#Devs", PART_DEPS, true, 5, "how many devices it uses", get_device_count },
	{ "devs_used", "DevNamesUsed", PART_TREE, false, 16, "names of mapped devices it uses", get_devs_used },
	{ "devnos_used", "DevNosUsed", PART_DEPS, false, 16, "numbers of devices it uses", get_devnos_used },
	{ "blkdevs_used", "BlkDevNamesUsed", PART_DEPS, false, 16, "the kernel's names of devices it uses", get_blkdevs_used },
	{ "device_ref_count", "#Refs", PART_TREE, true, 5, "how many mapped devices use it", get_ref_count },
	{ "names_using_dev", "RefNames", PART_TREE, false, 8, "names of mapped devices that use it", get_names_using },
	{ "devnos_using_dev", "RefDevNos", PART_TREE, false, 9, "numbers of mapped devices that use it", get_devnos_using },
	{ "subsystem", "Subsys", PART_NAME, false, 6, "who made it, by its uuid", get_subsystem },
	{ "vg_name", "VG", PART_NAME, false, 4, "LVM's volume group", get_vg },
	{ "lv_name", "LV", PART_NAME, false, 4, "LVM's logical volume", get_lv },
	{ "lv_layer", "LVLayer", PART_NAME, false, 7, "LVM's layer of it", get_layer },
	{ "stats_name", "Name", PART_STATS, false, 16, "of statistics: the device, or the group's alias", get_stats_name },
	{ "group_id", "GrpID", PART_STATS, true, 5, "of statistics: number of the group", get_group_id },
	{ "region_id", "RgID", PART_STATS, true, 4, "of statistics: number of the region", get_region_id },
	{ "obj_type", "ObjType", PART_STATS, false, 7, "of statistics: area, region or group", get_object_type },
	{ "region_start", "RgStart", PART_STATS, true, 5, "of statistics: where the region begins", get_region_start },
	{ "region_len", "RgSize", PART_STATS, true, 5, "of statistics: how long it is", get_region_length },
	{ "area_count", "#Areas", PART_STATS, true, 3, "of statistics: how many areas it has", get_area_count },
	{ "area_id", "ArID", PART_STATS, true, 4, "of statistics: number of the area", get_area_id },
	{ "area_len", "ArSize", PART_STATS, true, 5, "of statistics: how long it is", get_area_length },
	{ "program_id", "ProgID", PART_STATS, false, 6, "of statistics: whose the region is", get_program_id },
	{ "user_data", "UserData", PART_STATS, false, 8, "of statistics: text kept with it", get_user_data },
	{ "precise", "Precise", PART_STATS, false, 7, "of statistics: 1 where it counts nanoseconds", get_precise },
	{ "selected", "Selected", PART_SPECIAL, true, 8, "1 where -S selects it, else 0; all are shown then", get_selected },
	{ .id = NULL },
};
/* clang-format on */

static const struct {
	const char *title, *all;
} parts[] = {
	[PART_TASK] = { "Names", "name_all" },
	[PART_INFO] = { "State", "info_all" },
	[PART_DEPS] = { "Uses", "deps_all" },
	[PART_TREE] = { "Uses and users", "tree_all" },
	[PART_NAME] = { "Parts of names", "splitname_all" },
	[PART_STATS] = { "Regions of statistics", NULL },
	[PART_SPECIAL] = { "Selection", NULL },
};

/* Case and underscores don't count: "blkdevname" is "BlkDevName". */
static bool same(const char *id, const char *name, size_t len)
{
	const char *end = name + len;

	for (;;) {
		while (*id == '_')
			id++;
		while (name < end && *name == '_')
			name++;
		if (!*id || name == end)
			return !*id && name == end;
		if (tolower((unsigned char)*id++) != tolower((unsigned char)*name++))
			return false;
	}
}

const struct field *field_find(const char *name, size_t len)
{
	for (const struct field *field = dmsetup_fields; field->id; field++)
		if (len && same(field->id, name, len))
			return field;
	return NULL;
}

int field_part_all(const char *name, size_t len)
{
	for (int i = 0; i < (int)ARRAY_SIZE(parts); i++)
		if (parts[i].all && same(parts[i].all, name, len))
			return i;
	return -1;
}

/* By parts, as they need different questions to the kernel. */
void fields_list(const struct front *f, bool selection)
{
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		fprintf(f->err, "%s:\n", parts[i].title);
		if (parts[i].all && !selection)
			fprintf(f->err, "  %-18s all of these\n", parts[i].all);
		for (const struct field *field = dmsetup_fields; field->id; field++)
			if (field->part == (enum field_part)i)
				fprintf(f->err, "  %-18s %s%s\n", field->id, field->about,
					!selection      ? ""
					: field->number ? " [number]"
							: " [string]");
	}
	fputs(selection ? "\n" : "  all                every field\n\n", f->err);
}
