/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The XML of cache metadata: its elements, and what each holds. */
#ifndef CACHE_XML_H
#define CACHE_XML_H

#include "formats/xml/xml.h"

enum cache_xml {
	CACHE_XML_SUPERBLOCK,
	CACHE_XML_MAPPING,
	CACHE_XML_HINT,
	CACHE_XML_MAPPINGS,
	CACHE_XML_HINTS,
	CACHE_XML_DISCARDS,
	CACHE_XML_DISCARD,
	CACHE_XML_COUNT,
};

struct cache_xml_superblock {
	struct xml_text uuid;
	uint64_t block_size, nr_cache_blocks;
	struct xml_text policy;
	uint64_t hint_width;
};

/* Of elements without attributes. */
struct cache_xml_none {
	uint64_t unused;
};

struct cache_xml_mapping {
	uint64_t cache_block, origin_block;
	bool dirty;
};

struct cache_xml_hint {
	uint64_t cache_block;
	uint8_t data[4];
};

struct cache_xml_discard {
	uint64_t dbegin, dend;
};

extern const struct xml_element cache_xml_elements[CACHE_XML_COUNT];
extern const struct xml_schema cache_xml_schema;

#endif
