/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tables only: what may stand where, and the range of each value. */
#include "formats/era/xml.h"

/* clang-format off */
#define NUMBER(struct_, member_, max_, ...) \
	XML_ATTR(XML_NUMBER, XML_REQUIRED, #member_, struct_, member_, .max = max_, ##__VA_ARGS__)

static const struct xml_attr superblock[] = {
	XML_ATTR(XML_STRING, XML_REQUIRED, "uuid", struct era_xml_superblock, uuid),
	NUMBER(struct era_xml_superblock, block_size, UINT32_MAX, .min = 1),
	NUMBER(struct era_xml_superblock, nr_blocks, UINT32_MAX),
	NUMBER(struct era_xml_superblock, current_era, UINT32_MAX),
};

static const struct xml_attr writeset[] = {
	NUMBER(struct era_xml_writeset, era, UINT32_MAX),
	NUMBER(struct era_xml_writeset, nr_bits, UINT32_MAX),
};

static const struct xml_attr bit[] = {
	NUMBER(struct era_xml_bit, block, UINT32_MAX),
	XML_ATTR(XML_BOOL, XML_REQUIRED, "value", struct era_xml_bit, value),
};

static const struct xml_attr marked[] = {
	NUMBER(struct era_xml_marked, block_begin, UINT32_MAX),
	NUMBER(struct era_xml_marked, len, UINT32_MAX),
};

static const struct xml_attr era[] = {
	NUMBER(struct era_xml_era, block, UINT32_MAX),
	NUMBER(struct era_xml_era, era, UINT32_MAX),
};

#define IN(element) (1u << (element))

const struct xml_element era_xml_elements[ERA_XML_COUNT] = {
	[ERA_XML_SUPERBLOCK] = XML_ELEMENT("superblock", false, XML_OUTERMOST,
					   struct era_xml_superblock, superblock),
	[ERA_XML_BIT] = XML_ELEMENT("bit", true, IN(ERA_XML_WRITESET), struct era_xml_bit, bit),
	[ERA_XML_ERA] = XML_ELEMENT("era", true, IN(ERA_XML_ERA_ARRAY), struct era_xml_era, era),
	[ERA_XML_MARKED] = XML_ELEMENT("marked", true, IN(ERA_XML_WRITESET),
				       struct era_xml_marked, marked),
	[ERA_XML_WRITESET] = XML_ELEMENT("writeset", false, IN(ERA_XML_SUPERBLOCK),
					 struct era_xml_writeset, writeset),
	[ERA_XML_ERA_ARRAY] = { .name = "era_array", .tag = "<era_array", .name_len = 9,
				.parents = IN(ERA_XML_SUPERBLOCK),
				.size = sizeof(struct era_xml_none) },
};
/* clang-format on */

const struct xml_schema era_xml_schema = {
	.elements = era_xml_elements,
	.nr_elements = ERA_XML_COUNT,
};
