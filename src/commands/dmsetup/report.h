/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Columns, between the files that know fields, rows and selections. */
#ifndef COMMANDS_DMSETUP_REPORT_H
#define COMMANDS_DMSETUP_REPORT_H

#include "commands/dmsetup/dmsetup.h"

#include <bedplate/stats.h>

/* What a field's value is made of. */
enum field_part {
	PART_TASK,
	PART_INFO,
	PART_DEPS,
	PART_TREE,
	PART_NAME,
	PART_STATS,
	PART_SPECIAL
};

/* Of statistics: an area, a region or a group of them. */
struct stats_object {
	const char *type, *user;
	const struct bp_stats_region *region; /* of a group its first */
	uint64_t start_sectors, length_sectors, area_sectors, area_start_sectors, nr_areas,
		area;
	int64_t group;     /* -1: none */
	char members[256]; /* of a group; else "" */
	char alias[BP_NAME_SIZE];
};

/* What a row tells of. */
struct subject {
	struct front *f;
	const struct bp_device_info *info;
	const struct bp_device_deps *deps;
	size_t nr_deps;
	const struct dev_node *node;
	const struct stats_object *stats;
	struct bp_name_parts parts;
	bool selected;
};

struct field {
	const char *id, *heading;
	enum field_part part;
	bool number;
	uint8_t width;
	const char *about;
	/* Adds the value's text; 0 or -1, having said why. */
	int (*get)(const struct subject *s, struct strbuf *ret);
};
extern const struct field dmsetup_fields[]; /* .id is NULL at the end */

/* By its name: underscores and case make no difference. NULL: no such field. */
const struct field *field_find(const char *name, size_t len);
/* "name_all": the part that it stands for; -1: none. */
int field_part_all(const char *name, size_t len);
/* What fields there are, to the errors; @selection: with their types. */
void fields_list(const struct front *f, bool selection);

/* Each object of a device's statistics that the options want. 0 or -1. */
int stats_walk(struct front *f, struct subject *s,
	       int (*add)(struct front *f, struct subject *s));
void stats_add_size(const struct front *f, uint64_t sectors, struct strbuf *ret);

/* A selection, parsed. */
struct selection;
/* 0, 1 (help was asked for, and given) or -1. */
int selection_parse(struct front *f, const char *text, struct selection **ret);
void selection_free(struct selection *selection);
/* Does it need this part? */
bool selection_needs(const struct selection *selection, enum field_part part);
/* 1, 0 or -1. */
int selection_matches(const struct selection *selection, const struct subject *s);

#endif
