/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * "stats": regions of I/O statistics, made, listed, printed, cleared and deleted as dmstats does, and grouped. A group is
 * a text kept with its first region, "DMS_GROUP=ALIAS:REGIONS#TEXT": here that is read and written. Rates ("report") and
 * regions of a file's extents are not served.
 */
#include "commands/dmsetup/report.h"

#include <inttypes.h>

#define PROGRAM "dmstats"
#define TAG     "DMS_GROUP="

static inline void regions_freep(struct bp_stats_list **list)
{
	bp_stats_list_free(*list);
}

/* --- sizes --- */

static const char unit_letters[] = "kmgtpe";

/* Bytes of a unit: 'k' 1024, 'K' 1000; 0: there is no such unit. */
static uint64_t unit_bytes(char unit)
{
	const char *at = unit ? strchr(unit_letters, unit | 0x20) : NULL;
	uint64_t base = unit & 0x20 ? 1024 : 1000, bytes = 1;

	if ((unit | 0x20) == 's')
		return 512;
	if ((unit | 0x20) == 'b')
		return 1;
	for (const char *p = unit_letters; at && p <= at; p++)
		bytes *= base;
	return at ? bytes : 0;
}

/* In the unit that is asked for; without one in the largest that it has one of. */
void stats_add_size(const struct front *f, uint64_t sectors, struct strbuf *ret)
{
	char unit = f->args.units ? f->args.units[0] : 'h', letter = (char)(unit & 0x20);
	double bytes = (double)sectors * 512;
	size_t at = strlen(unit_letters);

	if (!sectors) {
		strbuf_add_char(ret, '0');
		return;
	}
	if ((unit | 0x20) != 'h') {
		strbuf_addf(ret, "%.*f", strchr("bs", unit | 0x20) ? 0 : 2,
			    bytes / (double)unit_bytes(unit));
		return;
	}
	while (at && bytes < (double)unit_bytes((char)(unit_letters[at - 1] & ~0x20) | letter))
		at--;
	if (!at)
		strbuf_addf(ret, "%.0f%c", bytes, 'b' & ~(letter ^ 0x20));
	else
		strbuf_addf(ret, "%.2f%c",
			    bytes / (double)unit_bytes((char)(unit_letters[at - 1] & ~0x20) |
						       letter),
			    (unit_letters[at - 1] & ~0x20) | letter);
}

/* A number of sectors, or with a unit. 0 or -1. */
static int read_size(const struct front *f, const char *text, const char *what, uint64_t *ret)
{
	char *end;

	*ret = 0;
	if (!text)
		return 0;
	errno = 0;
	*ret = strtoull(text, &end, 10);
	if (*end && unit_bytes(*end)) {
		if (__builtin_mul_overflow(*ret, unit_bytes(*end), ret))
			errno = ERANGE;
		*ret /= 512;
	}
	if (errno || end == text || strchr(text, '-'))
		return say(f, "Invalid %s argument: \"%s\"", what, text);
	return 0;
}

/* --- what is kept with a region --- */

/* The alias and the members of a group, and the user's own text behind them. */
struct kept {
	const char *alias, *members, *user;
	int alias_len, members_len;
};

static void kept_read(const char *aux, struct kept *ret)
{
	size_t len = strlen(TAG);
	const char *colon, *hash;

	*ret = (struct kept){ .user = streq(aux, "-") ? "" : aux };
	if (strncmp(aux, TAG, len) != 0 || !(colon = strchr(aux, ':')) ||
	    !(hash = strchr(colon, '#')))
		return;
	ret->alias = aux + len;
	ret->alias_len = (int)(colon - ret->alias);
	ret->members = colon + 1;
	ret->members_len = (int)(hash - ret->members);
	ret->user = streq(hash + 1, "-") ? "" : hash + 1;
}

/* Is the region a member of "3-4,7"? */
static bool is_member(const struct kept *k, uint32_t region)
{
	const char *p = k->members, *end = p + k->members_len;

	while (p < end) {
		char *next;
		unsigned long from = strtoul(p, &next, 10), to = from;

		if (next < end && *next == '-')
			to = strtoul(next + 1, &next, 10);
		if (region >= from && region <= to)
			return true;
		if (next == p)
			return false;
		p = next + 1;
	}
	return false;
}

/* The region that the group of @region is kept with: NULL: none. */
static const struct bp_stats_region *leader(const struct bp_stats_list *list, uint32_t region,
					    struct kept *ret)
{
	for (size_t i = 0; i < bp_stats_list_count(list); i++) {
		const struct bp_stats_region *r = bp_stats_list_get(list, i);

		kept_read(r->aux_data, ret);
		if (ret->members && is_member(ret, region))
			return r;
	}
	return NULL;
}

static const struct bp_stats_region *region_find(const struct bp_stats_list *list, uint32_t id)
{
	for (size_t i = 0; i < bp_stats_list_count(list); i++)
		if (bp_stats_list_get(list, i)->region == id)
			return bp_stats_list_get(list, i);
	return NULL;
}

/* --- asking --- */

/* NULL: of all programs. */
static const char *program_wanted(const struct front *f)
{
	return f->args.allprograms ? NULL : f->args.programid ? f->args.programid : PROGRAM;
}

static int list(struct front *f, const struct bp_selector *which, const char *label,
		const char *program, struct bp_stats_list **ret)
{
	int r = bp_stats_list(f->ctx, which, program && *program ? program : NULL, ret);

	return r < 0 ? refused(f, "message", label, r) : 0;
}

/* Objects in the order in which they are told: areas, regions, groups. */
enum object { AREA, REGION, GROUP };

static int add_object(struct front *f, struct subject *s, struct stats_object *o,
		      enum object type, const struct bp_stats_list *list,
		      int (*add)(struct front *f, struct subject *s))
{
	static const char *const types[] = { "area", "region", "group" };

	(void)list;
	o->type = types[type];
	s->stats = o;
	return add(f, s);
}

/* All of a group as one: from its first sector, as long as its members together. */
static void group_extent(const struct bp_stats_list *list, const struct kept *k,
			 struct stats_object *o)
{
	bool first = true;

	o->length_sectors = 0;
	for (size_t i = 0; i < bp_stats_list_count(list); i++) {
		const struct bp_stats_region *r = bp_stats_list_get(list, i);

		if (!is_member(k, r->region))
			continue;
		if (first || r->start_sectors < o->start_sectors)
			o->start_sectors = r->start_sectors;
		o->length_sectors += r->length_sectors;
		first = false;
	}
	o->area_start_sectors = o->start_sectors;
	o->area_sectors = o->length_sectors;
	o->nr_areas = 1;
}

static int walk_region(struct front *f, struct subject *s, const struct bp_stats_list *list,
		       const struct bp_stats_region *r, enum object type,
		       int (*add)(struct front *f, struct subject *s))
{
	struct kept mine, group;
	const struct bp_stats_region *first = leader(list, r->region, &group);
	struct stats_object o = {
		.region = r,
		.start_sectors = r->start_sectors,
		.length_sectors = r->length_sectors,
		.area_sectors = r->area_sectors,
		.nr_areas = r->nr_areas,
		.group = first ? (int64_t)first->region : -1,
	};
	int ret = 0;

	kept_read(r->aux_data, &mine);
	o.user = mine.user;
	if (first)
		snprintf(o.alias, sizeof(o.alias), "%.*s", group.alias_len, group.alias);
	if (type == GROUP) {
		if (!mine.members)
			return 0;
		group_extent(list, &mine, &o);
		snprintf(o.members, sizeof(o.members), "%.*s", mine.members_len, mine.members);
		o.user = "";
	}
	for (uint64_t i = 0; ret == 0 && i < (type == AREA ? r->nr_areas : 1); i++) {
		if (type != GROUP) {
			o.area = i;
			o.area_start_sectors = r->start_sectors + i * r->area_sectors;
		}
		ret = add_object(f, s, &o, type, list, add);
	}
	return ret;
}

/* Without --area, --region and --group: regions and groups. */
int stats_walk(struct front *f, struct subject *s,
	       int (*add)(struct front *f, struct subject *s))
{
	const struct bp_selector which = { .major = s->info->major, .minor = s->info->minor };
	const bool some = f->args.area || f->args.region || f->args.group;
	const bool wanted[] = { f->args.area, !some || f->args.region, !some || f->args.group };
	_cleanup_(regions_freep) struct bp_stats_list *regions = NULL;
	char label[BP_NAME_SIZE + 2];
	int r;

	snprintf(label, sizeof(label), "%s ", s->info->kernel_name);
	r = list(f, &which, label, program_wanted(f), &regions);
	for (int type = AREA; r == 0 && type <= GROUP; type++)
		for (size_t i = 0; wanted[type] && r == 0 && i < bp_stats_list_count(regions);
		     i++)
			r = walk_region(f, s, regions, bp_stats_list_get(regions, i),
					(enum object)type, add);
	return r;
}

static int list_one(struct front *f, const struct device *device)
{
	struct bp_device_info info;
	int r = info_ask(f, device, &info);

	return r < 0 ? not_told(f, "info", device, r) : report_add_device(f, &info);
}

static int run_list(struct front *f, int argc, char **argv)
{
	if (f->args.units &&
	    (strlen(f->args.units) != 1 || !strpbrk(f->args.units, "hHbBsSkKmMgGtTpPeE")))
		return say(f, "Units other than one of h, b, s, k, m, g, t, p, e are not "
			      "served here.");
	if (f->args.verbose || f->args.select || f->args.sort)
		return say(f, "--verbose, --select and --sort are not served for statistics.");
	return each_device(f, argc, argv, list_one);
}

/* --- print --- */

static int send(struct front *f, const struct device *device, const char *text, char **ret)
{
	int r = bp_device_message(f->ctx, &device->which, 0, text, -1, ret);

	return r < 0 ? refused(f, "message", device->label, r) : 0;
}

static int print_region(struct front *f, const struct device *device, uint32_t region)
{
	_cleanup_(freep) char *reply = NULL;
	char text[64];

	snprintf(text, sizeof(text), "@stats_print%s %" PRIu32, f->args.clear ? "_clear" : "",
		 region);
	if (send(f, device, text, &reply) < 0)
		return say(f, "Could not print statistics region.");
	put(f, reply ? reply : "");
	return 0;
}

/* Of all regions each is printed twice, as it is there. */
static int print_one(struct front *f, const struct device *device)
{
	_cleanup_(regions_freep) struct bp_stats_list *regions = NULL;
	int r = list(f, &device->which, device->label, PROGRAM, &regions);

	if (r == 0 && f->args.regionid)
		return print_region(f, device, (uint32_t)option_number(f->args.regionid));
	for (size_t i = 0; r == 0 && i < 2 * bp_stats_list_count(regions); i++)
		r = print_region(f, device, bp_stats_list_get(regions, i / 2)->region);
	return r;
}

static int run_print(struct front *f, int argc, char **argv)
{
	if (!f->args.regionid && !f->args.allregions)
		return say(f, "Please specify a --regionid or use --allregions.");
	return each_device(f, argc, argv, print_one);
}

/* --- clear and delete --- */

static int clear_region(struct front *f, const struct device *device,
			const struct bp_stats_list *regions, uint32_t region)
{
	int r;

	if (!region_find(regions, region))
		return say(f, "No such region: %" PRIu32 ".", region);
	r = bp_stats_clear(f->ctx, &device->which, region, -1);
	if (r == 0)
		return 0;
	refused(f, "message", device->label, r);
	return say(f, "Clearing statistics region %" PRIu32 " failed.", region);
}

static int clear_one(struct front *f, const struct device *device)
{
	_cleanup_(regions_freep) struct bp_stats_list *regions = NULL;
	int r = list(f, &device->which, device->label, PROGRAM, &regions);

	if (r < 0 || bp_stats_list_count(regions) == 0)
		return r;
	if (f->args.regionid)
		return clear_region(f, device, regions,
				    (uint32_t)option_number(f->args.regionid));
	for (size_t i = 0; r == 0 && i < bp_stats_list_count(regions); i++)
		r = clear_region(f, device, regions, bp_stats_list_get(regions, i)->region);
	return r;
}

static int run_clear(struct front *f, int argc, char **argv)
{
	if (!f->args.regionid && !f->args.allregions)
		return say(f, "Please specify a --regionid or use --allregions.");
	return each_device(f, argc, argv, clear_one);
}

static int delete_region(struct front *f, const struct device *device, uint32_t region)
{
	int r = bp_stats_delete(f->ctx, &device->which, region, -1);

	return r < 0 ? refused(f, "message", device->label, r) : 0;
}

/* The group's text goes with its first region. */
static int delete_group(struct front *f, const struct device *device,
			const struct bp_stats_list *regions, uint32_t id)
{
	const struct bp_stats_region *first = region_find(regions, id);
	struct kept k = { .members = NULL };
	int r = 0;

	if (first)
		kept_read(first->aux_data, &k);
	if (!k.members) {
		say(f, "Group ID %" PRIu32 " does not exist", id);
		return say(f, "Could not delete statistics group.");
	}
	for (size_t i = bp_stats_list_count(regions); r == 0 && i-- > 0;)
		if (is_member(&k, bp_stats_list_get(regions, i)->region))
			r = delete_region(f, device, bp_stats_list_get(regions, i)->region);
	if (r == 0)
		fprintf(f->out, "Deleted statistics group %" PRIu32 ".\n", id);
	return r;
}

static int delete_one(struct front *f, const struct device *device)
{
	_cleanup_(regions_freep) struct bp_stats_list *regions = NULL;
	int r = list(f, &device->which, device->label, program_wanted(f), &regions);

	if (r == 0 && f->args.groupid)
		return delete_group(f, device, regions,
				    (uint32_t)option_number(f->args.groupid));
	if (r == 0 && f->args.regionid) {
		uint32_t id = (uint32_t)option_number(f->args.regionid);

		if (!region_find(regions, id)) {
			say(f, "Region ID %" PRIu32 " does not exist", id);
			return say(f, "Could not delete statistics region");
		}
		return delete_region(f, device, id);
	}
	for (size_t i = 0; r == 0 && i < bp_stats_list_count(regions); i++)
		r = delete_region(f, device, bp_stats_list_get(regions, i)->region);
	return r;
}

/* What makes and deletes is done to all only where that is said. */
static int each_said(struct front *f, int argc, char **argv,
		     int (*one)(struct front *f, const struct device *device))
{
	if (!names_device(f, argc) && !f->args.alldevices)
		return say(f, "Please specify device(s) or use --alldevices.");
	return each_device(f, argc, argv, one);
}

static int run_delete(struct front *f, int argc, char **argv)
{
	if (f->args.regionid && f->args.groupid)
		return say(f, "Please use one of --regionid and --groupid.");
	if (!f->args.regionid && !f->args.allregions && !f->args.groupid)
		return say(f, "Please specify a --regionid or --groupid, or use --allregions.");
	return each_said(f, argc, argv, delete_one);
}

/* --- create --- */

/* "10us,1ms": 0 or -1. Where one is no whole millisecond, times are precise ones. */
static int read_bounds(struct front *f, struct bp_stats_opts *o, uint64_t *bounds, size_t most)
{
	static const struct {
		const char *name;
		uint64_t ns;
	} units[] = {
		{ "ns", 1 }, { "us", 1000 }, { "ms", 1000000 }, { "s", 1000000000 }, { "", 1 }
	};
	const char *p = f->args.bounds;

	while (p && *p) {
		char *end;
		uint64_t n = strtoull(p, &end, 10);
		size_t len = strcspn(end, ","), i = 0;

		while (i < ARRAY_SIZE(units) &&
		       (strlen(units[i].name) != len || strncmp(end, units[i].name, len) != 0))
			i++;
		if (end == p || *p == '-' || i == ARRAY_SIZE(units) || o->nr_bounds == most ||
		    __builtin_mul_overflow(n, units[i].ns, &bounds[o->nr_bounds]))
			return say(f, "Invalid histogram bounds: %s", f->args.bounds);
		o->precise |= bounds[o->nr_bounds++] % 1000000 != 0;
		p = end + len + (end[len] == ',');
	}
	o->bounds_ns = bounds;
	return 0;
}

static int create_region(struct front *f, const struct device *device, const char *name,
			 struct bp_stats_opts *o, uint32_t *ret)
{
	int r = bp_stats_create(f->ctx, &device->which, o, ret);
	uint64_t areas = o->nr_areas
				 ? o->nr_areas
				 : (o->length_sectors + o->area_sectors - 1) / o->area_sectors;

	if (r < 0) {
		refused(f, "message", device->label, r);
		return say(f, "%s: Could not create statistics region.", name);
	}
	fprintf(f->out,
		"%s: Created new region with %" PRIu64 " area(s) as region ID %" PRIu32 "\n",
		name, areas, *ret);
	return 0;
}

/* Neighbours become a range: "3-4,7". @regions rise. */
static void add_members(const uint32_t *regions, size_t count, struct strbuf *ret)
{
	for (size_t i = 0, last; i < count; i = last + 1) {
		for (last = i; last + 1 < count && regions[last + 1] == regions[last] + 1;
		     last++)
			;
		strbuf_addf(ret, "%s%" PRIu32, i ? "," : "", regions[i]);
		if (last > i)
			strbuf_addf(ret, "-%" PRIu32, regions[last]);
	}
}

static int make_group(struct front *f, const struct device *device, const uint32_t *regions,
		      size_t count, const char *user)
{
	const char *alias = f->args.alias ? f->args.alias : "";
	struct strbuf s = { 0 };
	int r;

	strbuf_addf(&s, TAG "%s:", alias);
	add_members(regions, count, &s);
	strbuf_addf(&s, "#%s", user && *user ? user : "-");
	r = s.error;
	if (r == 0)
		r = bp_stats_set_aux(f->ctx, &device->which, regions[0], strbuf_text(&s), -1);
	strbuf_done(&s);
	return r < 0 ? refused(f, "message", device->label, r) : 0;
}

/* A region for each segment of the table, in a group. */
static int create_segments(struct front *f, const struct device *device, const char *name,
			   const struct bp_device_status *table, struct bp_stats_opts *o)
{
	size_t count = bp_device_status_count(table);
	_cleanup_(freep) uint32_t *ids = calloc(count + 1, sizeof(*ids));
	struct strbuf s = { 0 };
	int r = 0;

	if (!ids)
		return say(f, "Failed to allocated region IDs.");
	for (size_t i = 0; r == 0 && i < count; i++) {
		o->start_sectors = bp_device_status_get(table, i)->start_sectors;
		o->length_sectors = bp_device_status_get(table, i)->length_sectors;
		r = create_region(f, device, name, o, &ids[i]);
		strbuf_addf(&s, "%s%" PRIu32, i ? "," : "", ids[i]);
	}
	if (r == 0 && count && !f->args.nogroup) {
		r = make_group(f, device, ids, count, f->args.userdata);
		if (r == 0)
			fprintf(f->out, "Grouped regions %s as group ID %" PRIu32 "%s%s\n",
				s.error ? "" : strbuf_text(&s), ids[0],
				f->args.alias ? " with alias " : "",
				f->args.alias ? f->args.alias : "");
	}
	strbuf_done(&s);
	return r;
}

static int create_read(struct front *f, struct bp_stats_opts *o, uint64_t *bounds, size_t most)
{
	const struct args *a = &f->args;

	*o = (struct bp_stats_opts){
		.size = sizeof(*o),
		.precise = a->precise,
		.program_id = a->programid && *a->programid ? a->programid : PROGRAM,
		.aux_data = a->userdata && *a->userdata ? a->userdata : NULL,
		.timeout_ms = -1,
	};
	if (a->programid && !*a->programid && a->force)
		o->program_id = NULL;
	if (read_size(f, a->areasize, "areasize", &o->area_sectors) < 0 ||
	    read_size(f, a->start, "start", &o->start_sectors) < 0 ||
	    read_size(f, a->length, "length", &o->length_sectors) < 0 ||
	    read_bounds(f, o, bounds, most) < 0)
		return -1;
	if (!o->area_sectors)
		o->nr_areas = a->areas && option_number(a->areas)
				      ? (uint32_t)option_number(a->areas)
				      : 1;
	return 0;
}

static int create_one(struct front *f, const struct device *device)
{
	uint64_t bounds[256];
	struct bp_device_status *table;
	struct bp_stats_opts o;
	const char *name;
	uint32_t id;
	int r;

	if (create_read(f, &o, bounds, ARRAY_SIZE(bounds)) < 0)
		return -1;
	if (f->args.alias && f->args.nogroup)
		return say(f, "Cannot set alias with --nogroup.");
	r = bp_device_table_lines(f->ctx, &device->which, 0, &table);
	if (r < 0)
		return refused(f, "table", device->label, r);
	name = shown_name(f, bp_device_status_info(table));
	/* Without a length it is the device's, wherever it begins. */
	for (size_t i = 0; !f->args.length && i < bp_device_status_count(table); i++)
		o.length_sectors += bp_device_status_get(table, i)->length_sectors;
	if (f->args.segments)
		r = create_segments(f, device, name, table, &o);
	else
		r = create_region(f, device, name, &o, &id);
	bp_device_status_free(table);
	return r;
}

static int run_create(struct front *f, int argc, char **argv)
{
	const struct args *a = &f->args;

	if (a->allregions || a->allprograms)
		return say(f, "Cannot use --all%s with create.",
			   a->allregions ? "regions" : "programs");
	if (a->areas && a->areasize)
		return say(f, "Please specify one of --areas and --areasize.");
	if (a->programid && !*a->programid && !a->force)
		return say(f, "Creating a region with no program id requires --force.");
	return each_said(f, argc, argv, create_one);
}

/* --- the verb --- */

static const struct {
	const char *name;
	int (*run)(struct front *f, int argc, char **argv);
} stats_verbs[] = {
	{ "clear", run_clear }, { "create", run_create }, { "delete", run_delete },
	{ "list", run_list },   { "print", run_print },
};

static const char *const not_served[] = { "group", "report", "ungroup", "update_filemap" };

/* What the sub-commands share is looked at first. */
int verb_stats(struct front *f, int argc, char **argv)
{
	const char *word = f->stats;
	int r = -1;

	for (size_t i = 0; i < ARRAY_SIZE(not_served); i++)
		if (streq(word, not_served[i]))
			return say(f, "stats %s is not served here.", word);
	if (streq(word, "version"))
		return verb_version(f, 0, argv);
	if (streq(word, "help")) {
		usage(f);
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(stats_verbs); i++) {
		if (!streq(word, stats_verbs[i].name))
			continue;
		if (f->args.allprograms && f->args.programid)
			return say(f, "Please supply one of --allprograms and --programid");
		if (f->args.allregions && f->args.regionid)
			return say(f, "Please supply one of --allregions and --regionid");
		r = stats_verbs[i].run(f, argc, argv);
		return r < 0 ? -1 : 0;
	}
	say(f, "Unknown stats command.");
	usage(f);
	return -1;
}
