/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Geometry and super block, from bytes to facts and back. Checked here is what a block says of
 * itself: magic, versions, checksum. Whether the facts fit one another is image.c's.
 */
#include "formats/vdo/vdo.h"

#include <inttypes.h>
#include <stdio.h>

#define MEMORY_UNIT    (UINT64_C(1) << 30)
#define MEMORY_QUARTER (UINT64_C(1) << 28)
#define MEMORY_REDUCED 0x1000

/* What each component must be. */
static const struct component {
	const char *name;
	uint32_t major, minor;
	uint64_t size;
} components[] = {
	[VDO_SUPER_BLOCK] = { "super block", 12, 0, 418 },
	[VDO_LAYOUT] = { "layout", 3, 0, 117 },
	[VDO_JOURNAL] = { "recovery journal", 7, 0, 24 },
	[VDO_DEPOT] = { "slabs", 2, 0, 73 },
	[VDO_BLOCK_MAP] = { "block map", 2, 0, 32 },
	[VDO_GEOMETRY] = { "geometry", 5, 0, VDO_GEOMETRY_BYTES },
};
#define VOLUME_VERSION    67
#define COMPONENT_VERSION 41

/* Reports carry the place that is being read, so that decoders need not say it. */
void vdo_report(struct vdo_report *report, enum bp_damage_kind kind, enum bp_harm harm,
		const char *fmt, ...)
{
	char text[256];
	struct vdo_problem problem = {
		.kind = kind,
		.place = report->place,
		.harm = harm,
		.block = report->block,
		.what = text,
	};
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	report->nr_fatal += harm == BP_HARM_FATAL;
	report->problem(report->user, &problem);
}

/* At most some hundred bytes at a time: no table is worth it. */
uint32_t vdo_crc32(const void *data, size_t len)
{
	const uint8_t *p = data;
	uint32_t crc = 0;

	for (size_t i = 0; i < len; i++) {
		crc ^= p[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0);
	}
	return ~crc;
}

static struct vdo_component_disk component_make(enum vdo_component id)
{
	return (struct vdo_component_disk){
		.id = le32_make(id),
		.major = le32_make(components[id].major),
		.minor = le32_make(components[id].minor),
		.size = le64_make(components[id].size),
	};
}

/* Is it this component, of the version that there is? */
static bool component_ok(struct vdo_report *report, const struct vdo_component_disk *disk,
			 enum vdo_component id)
{
	const struct component *want = &components[id];
	uint32_t major = le32_get(disk->major), minor = le32_get(disk->minor);

	if (le32_get(disk->id) != id) {
		vdo_report(report, BP_DAMAGE_WRONG_KIND, BP_HARM_FATAL,
			   "%s: its header has id %u, not %u", want->name, le32_get(disk->id),
			   (unsigned)id);
		return false;
	}
	if (major == want->major && minor == want->minor && le64_get(disk->size) == want->size)
		return true;
	vdo_report(report, BP_DAMAGE_WRONG_KIND, BP_HARM_FATAL,
		   "%s: version %u.%u of %" PRIu64 " bytes is not known (%u.%u of %" PRIu64
		   " is)",
		   want->name, major, minor, le64_get(disk->size), want->major, want->minor,
		   want->size);
	return false;
}

/* --- the index's memory --- */

int32_t vdo_memory_code(const struct bp_vdo_volume *v)
{
	if (v->index_memory_bytes % MEMORY_UNIT)
		return -(int32_t)(256 * (v->index_memory_bytes / MEMORY_QUARTER) +
				  (v->index_reduced ? 1024 : 0));
	return (int32_t)(v->index_memory_bytes / MEMORY_UNIT +
			 (v->index_reduced ? MEMORY_REDUCED : 0));
}

/*
 * Positive codes are whole GiB; -256, -512 and -768 are one, two and three quarters of one.
 * An index with one chapter less has 0x1000 more, or 1024 quarters.
 */
static void memory_decode(int32_t code, struct vdo_report *report, struct bp_vdo_volume *v)
{
	int64_t whole = code, quarters = code < 0 ? -(int64_t)code : 0;

	v->index_reduced = code < 0 ? quarters > 1024 : code > MEMORY_REDUCED;
	if (v->index_reduced) {
		whole -= MEMORY_REDUCED;
		quarters -= 1024;
	}
	if (code < 0 && quarters % 256 == 0 && quarters >= 256 && quarters <= 768)
		v->index_memory_bytes = (bp_bytes)quarters / 256 * MEMORY_QUARTER;
	else if (code > 0 && whole >= 1 && whole <= 1024)
		v->index_memory_bytes = (bp_bytes)whole * MEMORY_UNIT;
	else
		vdo_report(report, BP_DAMAGE_SUPERBLOCK, BP_HARM_FATAL,
			   "geometry: the index's memory has code %d, which means nothing",
			   (int)code);
}

/* --- geometry --- */

/* Version 4 is as version 5, without bio_offset. Sets @ret_bytes; false: neither. */
static bool geometry_version(const struct vdo_geometry_head_disk *head,
			     struct vdo_report *report, struct bp_vdo_volume *v,
			     size_t *ret_bytes)
{
	uint32_t major = le32_get(head->component.major);
	bool old = major == 4 && le32_get(head->component.minor) == 0 &&
		   le64_get(head->component.size) == VDO_GEOMETRY_BYTES_OLD &&
		   le32_get(head->component.id) == VDO_GEOMETRY;

	if (!old && !component_ok(report, &head->component, VDO_GEOMETRY))
		return false;
	v->geometry_version = major;
	*ret_bytes = old ? VDO_GEOMETRY_BYTES_OLD : VDO_GEOMETRY_BYTES;
	return true;
}

/* The index comes first, everything else behind it. */
static void regions_decode(const struct vdo_geometry_tail_disk *tail, struct vdo_report *report,
			   struct bp_vdo_volume *v)
{
	for (unsigned i = 0; i < 2; i++)
		if (le32_get(tail->regions[i].id) != i)
			vdo_report(report, BP_DAMAGE_SUPERBLOCK, BP_HARM_FATAL,
				   "geometry: region %u has id %u", i,
				   le32_get(tail->regions[i].id));
	v->index_start_mblock = le64_get(tail->regions[0].start);
	v->data_start_mblock = le64_get(tail->regions[1].start);
	if (v->data_start_mblock > v->index_start_mblock)
		v->index_mblocks = v->data_start_mblock - v->index_start_mblock;
	else
		vdo_report(report, BP_DAMAGE_SUPERBLOCK, BP_HARM_FATAL,
			   "geometry: the index begins at block %" PRIu64
			   ", what follows it at %" PRIu64,
			   v->index_start_mblock, v->data_start_mblock);
}

/* False: there is nothing to go on with. Wrong values are reported and kept. */
bool vdo_geometry_decode(const uint8_t *block, struct vdo_report *report,
			 struct bp_vdo_volume *v)
{
	const struct vdo_geometry_head_disk *head = (const void *)block;
	struct vdo_geometry_tail_disk tail;
	size_t bytes = 0;
	le64 offset;

	if (memcmp(head->magic, VDO_MAGIC, sizeof(head->magic)) != 0) {
		vdo_report(report, BP_DAMAGE_WRONG_KIND, BP_HARM_FATAL,
			   "no geometry of a vdo volume");
		return false;
	}
	if (!geometry_version(head, report, v, &bytes))
		return false;
	memcpy(&tail, block + bytes - sizeof(tail), sizeof(tail));
	if (le32_get(tail.crc) != vdo_crc32(block, bytes - sizeof(tail.crc)))
		vdo_report(report, BP_DAMAGE_CHECKSUM, BP_HARM_FATAL, "geometry: bad checksum");
	v->release = le32_get(head->release);
	v->nonce = le64_get(head->nonce);
	memcpy(v->uuid, head->uuid, sizeof(v->uuid));
	memcpy(&offset, block + sizeof(*head), sizeof(offset));
	v->bio_offset_mblocks = bytes == VDO_GEOMETRY_BYTES ? le64_get(offset) : 0;
	regions_decode(&tail, report, v);
	memory_decode((int32_t)le32_get(tail.memory), report, v);
	v->index_sparse = tail.sparse;
	return true;
}

/* The CRC covers all that stands before it. */
void vdo_geometry_encode(const struct bp_vdo_volume *v, uint8_t *block)
{
	struct vdo_geometry_head_disk head = {
		.magic = { 'd', 'm', 'v', 'd', 'o', '0', '0', '1' },
		.component = component_make(VDO_GEOMETRY),
		.release = le32_make(v->release),
		.nonce = le64_make(v->nonce),
	};
	struct vdo_geometry_tail_disk tail = {
		.regions = { { le32_make(0), le64_make(v->index_start_mblock) },
			     { le32_make(1), le64_make(v->data_start_mblock) } },
		.memory = le32_make((uint32_t)vdo_memory_code(v)),
		.sparse = v->index_sparse,
	};
	le64 offset = le64_make(v->bio_offset_mblocks);
	uint8_t *p = block;

	memset(block, 0, IO_BLOCK);
	memcpy(head.uuid, v->uuid, sizeof(head.uuid));
	memcpy(p, &head, sizeof(head));
	memcpy(p + sizeof(head), &offset, sizeof(offset));
	p += sizeof(head) + sizeof(offset);
	memcpy(p, &tail, sizeof(tail));
	tail.crc = le32_make(vdo_crc32(block, VDO_GEOMETRY_BYTES - sizeof(tail.crc)));
	memcpy(p, &tail, sizeof(tail));
}

/* --- super block --- */

/* Another version of a component means another layout: nothing is read then. */
static bool super_components_ok(const struct vdo_super_disk *s, struct vdo_report *report)
{
	if (!component_ok(report, &s->component, VDO_SUPER_BLOCK))
		return false;
	if (le32_get(s->volume_version[0]) != VOLUME_VERSION ||
	    le32_get(s->component_version[0]) != COMPONENT_VERSION) {
		vdo_report(report, BP_DAMAGE_WRONG_KIND, BP_HARM_FATAL,
			   "super block: version %u of volumes, %u of components are not known "
			   "(%d and %d are)",
			   le32_get(s->volume_version[0]), le32_get(s->component_version[0]),
			   VOLUME_VERSION, COMPONENT_VERSION);
		return false;
	}
	return component_ok(report, &s->layout, VDO_LAYOUT) &&
	       component_ok(report, &s->journal_component, VDO_JOURNAL) &&
	       component_ok(report, &s->depot_component, VDO_DEPOT) &&
	       component_ok(report, &s->map_component, VDO_BLOCK_MAP);
}

/* Where the partitions lie; their order means nothing. */
static void partitions_decode(const struct vdo_super_disk *s, struct vdo_report *report,
			      struct bp_vdo_volume *v)
{
	bp_mblock map_blocks = 0, journal_blocks = 0;
	const struct {
		bp_mblock *start, *count;
	} to[VDO_PARTS] = {
		[VDO_PART_MAP] = { &v->root_start_mblock, &map_blocks },
		[VDO_PART_DEPOT] = { &v->depot_start_mblock, &v->depot_mblocks },
		[VDO_PART_JOURNAL] = { &v->journal_start_mblock, &journal_blocks },
		[VDO_PART_SUMMARY] = { &v->summary_start_mblock, &v->summary_mblocks },
	};
	bool seen[VDO_PARTS] = { false };

	for (unsigned i = 0; i < VDO_PARTS; i++) {
		const struct vdo_partition_disk *p = &s->partitions[i];

		if (s->nr_partitions != VDO_PARTS || p->id >= VDO_PARTS || seen[p->id]) {
			vdo_report(
				report, BP_DAMAGE_SUPERBLOCK, BP_HARM_FATAL,
				"super block: partitions 0 to 3 are not all there, once each");
			return;
		}
		seen[p->id] = true;
		*to[p->id].start = le64_get(p->start);
		*to[p->id].count = le64_get(p->count);
	}
	if (journal_blocks != v->journal_mblocks || map_blocks != v->nr_roots)
		vdo_report(report, BP_DAMAGE_SUPERBLOCK, BP_HARM_FATAL,
			   "super block: journal or roots have another size as a partition");
}

static void slab_decode(const struct vdo_super_disk *s, struct vdo_report *report,
			struct bp_vdo_volume *v)
{
	bp_mblock *const to[] = {
		NULL,
		&v->slab_data_mblocks,
		&v->slab_count_mblocks,
		NULL,
		&v->slab_flush_mblocks,
		&v->slab_block_mblocks,
		&v->slab_scrub_mblocks,
	};

	v->slab_mblocks = le64_get(s->slab);
	v->slab_journal_mblocks = le64_get(s->slab_journal);
	for (size_t i = 0; i < ARRAY_SIZE(to); i++)
		if (to[i])
			*to[i] = le64_get(s->slab_config[i]);
	if (le64_get(s->slab_config[0]) != v->slab_mblocks ||
	    le64_get(s->slab_config[3]) != v->slab_journal_mblocks)
		vdo_report(report, BP_DAMAGE_SUPERBLOCK, BP_HARM_FATAL,
			   "super block: it has two sizes of slabs, or of their journals");
}

/* Values are kept as they are; judge_*() say which can't be. */
bool vdo_super_decode(const uint8_t *block, struct vdo_report *report, struct bp_vdo_volume *v)
{
	const struct vdo_super_disk *s = (const void *)block;

	if (!super_components_ok(s, report))
		return false;
	if (le32_get(s->crc) != vdo_crc32(block, sizeof(*s) - sizeof(s->crc)))
		vdo_report(report, BP_DAMAGE_CHECKSUM, BP_HARM_FATAL,
			   "super block: bad checksum");
	if (le64_get(s->nonce) != v->nonce)
		vdo_report(report, BP_DAMAGE_SUPERBLOCK, BP_HARM_FATAL,
			   "super block: nonce %" PRIu64 ", the geometry has %" PRIu64,
			   le64_get(s->nonce), v->nonce);
	v->state = le32_get(s->state);
	v->complete_recoveries = le64_get(s->complete_recoveries);
	v->read_only_recoveries = le64_get(s->read_only_recoveries);
	v->logical_mblocks = le64_get(s->logical);
	v->physical_mblocks = le64_get(s->physical);
	v->journal_mblocks = le64_get(s->journal);
	v->nr_roots = le64_get(s->root_count);
	partitions_decode(s, report, v);
	slab_decode(s, report, v);
	v->journal_sequence = le64_get(s->sequence);
	v->logical_used_mblocks = le64_get(s->logical_used);
	v->map_mblocks = le64_get(s->map_blocks);
	v->nr_slabs = v->slab_mblocks ? v->depot_mblocks / v->slab_mblocks : 0;
	v->nr_zones = s->zones;
	if (le64_get(s->first_block) != v->depot_start_mblock ||
	    le64_get(s->last_block) != v->depot_start_mblock + v->nr_slabs * v->slab_mblocks ||
	    le64_get(s->root_origin) != v->root_start_mblock || le64_get(s->flat_origin) != 1 ||
	    le64_get(s->flat_count))
		vdo_report(report, BP_DAMAGE_SUPERBLOCK, BP_HARM_FATAL,
			   "super block: slabs or block map lie outside of their partitions");
	return true;
}

void vdo_super_encode(const struct bp_vdo_volume *v, uint8_t *block)
{
	const bp_mblock slab[] = {
		v->slab_mblocks,         v->slab_data_mblocks,  v->slab_count_mblocks,
		v->slab_journal_mblocks, v->slab_flush_mblocks, v->slab_block_mblocks,
		v->slab_scrub_mblocks,
	};
	struct vdo_super_disk s = {
		.component = component_make(VDO_SUPER_BLOCK),
		.release = le32_make(v->release),
		.volume_version = { le32_make(VOLUME_VERSION), le32_make(0) },
		.component_version = { le32_make(COMPONENT_VERSION), le32_make(0) },
		.state = le32_make(v->state),
		.complete_recoveries = le64_make(v->complete_recoveries),
		.read_only_recoveries = le64_make(v->read_only_recoveries),
		.logical = le64_make(v->logical_mblocks),
		.physical = le64_make(v->physical_mblocks),
		.slab = le64_make(v->slab_mblocks),
		.journal = le64_make(v->journal_mblocks),
		.slab_journal = le64_make(v->slab_journal_mblocks),
		.nonce = le64_make(v->nonce),
		.layout = component_make(VDO_LAYOUT),
		.first_free = le64_make(v->journal_start_mblock),
		.last_free = le64_make(v->journal_start_mblock),
		.nr_partitions = VDO_PARTS,
		.partitions = {
			{ VDO_PART_DEPOT, le64_make(v->depot_start_mblock), le64_make(0),
			  le64_make(v->depot_mblocks) },
			{ VDO_PART_JOURNAL, le64_make(v->journal_start_mblock), le64_make(0),
			  le64_make(v->journal_mblocks) },
			{ VDO_PART_SUMMARY, le64_make(v->summary_start_mblock), le64_make(0),
			  le64_make(v->summary_mblocks) },
			{ VDO_PART_MAP, le64_make(v->root_start_mblock), le64_make(0),
			  le64_make(v->nr_roots) },
		},
		.journal_component = component_make(VDO_JOURNAL),
		.sequence = le64_make(v->journal_sequence),
		.logical_used = le64_make(v->logical_used_mblocks),
		.map_blocks = le64_make(v->map_mblocks),
		.depot_component = component_make(VDO_DEPOT),
		.first_block = le64_make(v->depot_start_mblock),
		.last_block = le64_make(v->depot_start_mblock + v->nr_slabs * v->slab_mblocks),
		.zones = (uint8_t)v->nr_zones,
		.map_component = component_make(VDO_BLOCK_MAP),
		.flat_origin = le64_make(1),
		.root_origin = le64_make(v->root_start_mblock),
		.root_count = le64_make(v->nr_roots),
	};

	for (size_t i = 0; i < ARRAY_SIZE(slab); i++)
		s.slab_config[i] = le64_make(slab[i]);
	s.crc = le32_make(vdo_crc32(&s, sizeof(s) - sizeof(s.crc)));
	memset(block, 0, IO_BLOCK);
	memcpy(block, &s, sizeof(s));
}
