/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The XML of thin pool metadata: its elements, and what each holds. */
#ifndef THIN_XML_H
#define THIN_XML_H

#include "formats/xml/xml.h"

enum thin_xml {
	THIN_XML_SUPERBLOCK,
	THIN_XML_SINGLE,
	THIN_XML_RANGE,
	THIN_XML_REF,
	THIN_XML_DEVICE,
	THIN_XML_DEF,
	THIN_XML_COUNT,
};

struct thin_xml_superblock {
	struct xml_text uuid;
	uint64_t time, transaction, flags, version, data_block_size, nr_data_blocks;
	uint64_t metadata_snap;
};

/* A def's or a ref's. */
struct thin_xml_name {
	struct xml_text name;
};

struct thin_xml_device {
	uint64_t dev_id, mapped_blocks, transaction, creation_time, snap_time;
};

struct thin_xml_single {
	uint64_t origin_block, data_block, time;
};

struct thin_xml_range {
	uint64_t origin_begin, data_begin, length, time;
};

extern const struct xml_element thin_xml_elements[THIN_XML_COUNT];
extern const struct xml_schema thin_xml_schema;

#endif
