/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tables only: what may stand where, and the range of each value. */
#include "formats/cache/xml.h"

/* What fits a mapping's value: 48 bits. */
#define ORIGIN_MAX ((UINT64_C(1) << 48) - 1)
/* 32 KiB to 1 GiB. */
#define BLOCK_SIZE_MIN 64
#define BLOCK_SIZE_MAX 2097152

/* clang-format off */
#define NUMBER(struct_, member_, max_, ...) \
	XML_ATTR(XML_NUMBER, XML_REQUIRED, #member_, struct_, member_, .max = max_, ##__VA_ARGS__)

static const struct xml_attr superblock[] = {
	XML_ATTR(XML_STRING, XML_REQUIRED, "uuid", struct cache_xml_superblock, uuid),
	NUMBER(struct cache_xml_superblock, block_size, BLOCK_SIZE_MAX, .min = BLOCK_SIZE_MIN),
	NUMBER(struct cache_xml_superblock, nr_cache_blocks, UINT32_MAX),
	XML_ATTR(XML_STRING, XML_REQUIRED, "policy", struct cache_xml_superblock, policy),
	NUMBER(struct cache_xml_superblock, hint_width, UINT32_MAX),
};

static const struct xml_attr mapping[] = {
	NUMBER(struct cache_xml_mapping, cache_block, UINT32_MAX),
	NUMBER(struct cache_xml_mapping, origin_block, ORIGIN_MAX),
	XML_ATTR(XML_BOOL, XML_REQUIRED, "dirty", struct cache_xml_mapping, dirty),
};

static const struct xml_attr hint[] = {
	NUMBER(struct cache_xml_hint, cache_block, UINT32_MAX),
	XML_ATTR(XML_WORD, XML_REQUIRED, "data", struct cache_xml_hint, data),
};

static const struct xml_attr discard[] = {
	NUMBER(struct cache_xml_discard, dbegin, UINT64_MAX),
	NUMBER(struct cache_xml_discard, dend, UINT64_MAX),
};

#define IN(element) (1u << (element))
#define GROUP(name_) { .name = name_, .tag = "<" name_, .name_len = sizeof(name_) - 1, \
	.parents = IN(CACHE_XML_SUPERBLOCK), .size = sizeof(struct cache_xml_none) }

const struct xml_element cache_xml_elements[CACHE_XML_COUNT] = {
	[CACHE_XML_SUPERBLOCK] = XML_ELEMENT("superblock", false, XML_OUTERMOST,
					     struct cache_xml_superblock, superblock),
	[CACHE_XML_MAPPING] = XML_ELEMENT("mapping", true, IN(CACHE_XML_MAPPINGS),
					  struct cache_xml_mapping, mapping),
	[CACHE_XML_HINT] = XML_ELEMENT("hint", true, IN(CACHE_XML_HINTS),
				       struct cache_xml_hint, hint),
	[CACHE_XML_MAPPINGS] = GROUP("mappings"),
	[CACHE_XML_HINTS] = GROUP("hints"),
	[CACHE_XML_DISCARDS] = GROUP("discards"),
	[CACHE_XML_DISCARD] = XML_ELEMENT("discard", true, IN(CACHE_XML_DISCARDS),
					  struct cache_xml_discard, discard),
};
/* clang-format on */

const struct xml_schema cache_xml_schema = {
	.elements = cache_xml_elements,
	.nr_elements = CACHE_XML_COUNT,
};
