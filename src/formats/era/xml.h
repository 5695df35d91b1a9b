/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The XML of era metadata, and of lists of blocks written: their elements, and what each holds. */
#ifndef ERA_XML_H
#define ERA_XML_H

#include "formats/xml/xml.h"

enum era_xml {
	ERA_XML_SUPERBLOCK,
	ERA_XML_BIT,
	ERA_XML_ERA,
	ERA_XML_MARKED,
	ERA_XML_WRITESET,
	ERA_XML_ERA_ARRAY,
	ERA_XML_COUNT,
};

struct era_xml_superblock {
	struct xml_text uuid;
	uint64_t block_size, nr_blocks, current_era;
};

struct era_xml_writeset {
	uint64_t era, nr_bits;
};

struct era_xml_bit {
	uint64_t block;
	bool value;
};

/* A run of set bits: the compact form. */
struct era_xml_marked {
	uint64_t block_begin, len;
};

struct era_xml_era {
	uint64_t block, era;
};

/* Of elements without attributes. */
struct era_xml_none {
	uint64_t unused;
};

extern const struct xml_element era_xml_elements[ERA_XML_COUNT];
extern const struct xml_schema era_xml_schema;

#endif
