/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "formats/thin/xml.h"

/* What fits a mapping's value: 40 bits of data block, 24 bits of time. */
#define DATA_BLOCK_MAX ((UINT64_C(1) << 40) - 1)
#define TIME_MAX       ((UINT64_C(1) << 24) - 1)
#define DEV_ID_MAX     ((UINT64_C(1) << 24) - 1)

/* clang-format off */
#define NUMBER(struct_, member_, max_, ...) \
	XML_ATTR(XML_NUMBER, XML_REQUIRED, #member_, struct_, member_, .max = max_, ##__VA_ARGS__)

static const struct xml_attr superblock[] = {
	XML_ATTR(XML_STRING, XML_REQUIRED, "uuid", struct thin_xml_superblock, uuid),
	NUMBER(struct thin_xml_superblock, time, TIME_MAX),
	NUMBER(struct thin_xml_superblock, transaction, UINT64_MAX),
	XML_ATTR(XML_NUMBER, XML_OPTIONAL, "flags", struct thin_xml_superblock, flags,
		 .max = UINT32_MAX),
	XML_ATTR(XML_NUMBER, XML_DEFAULT, "version", struct thin_xml_superblock, version,
		 .min = 1, .max = 2, .fallback = 2),
	/* Both may be overridden: their ranges are looked at after that. */
	NUMBER(struct thin_xml_superblock, data_block_size, UINT64_MAX),
	NUMBER(struct thin_xml_superblock, nr_data_blocks, UINT64_MAX),
	XML_ATTR(XML_NUMBER, XML_OPTIONAL, "metadata_snap", struct thin_xml_superblock,
		 metadata_snap, .max = UINT64_MAX),
};

static const struct xml_attr name[] = {
	XML_ATTR(XML_STRING, XML_REQUIRED, "name", struct thin_xml_name, name),
};

static const struct xml_attr device[] = {
	NUMBER(struct thin_xml_device, dev_id, DEV_ID_MAX),
	NUMBER(struct thin_xml_device, mapped_blocks, UINT64_MAX),
	NUMBER(struct thin_xml_device, transaction, UINT64_MAX),
	NUMBER(struct thin_xml_device, creation_time, TIME_MAX),
	NUMBER(struct thin_xml_device, snap_time, TIME_MAX),
};

static const struct xml_attr single[] = {
	NUMBER(struct thin_xml_single, origin_block, UINT64_MAX),
	NUMBER(struct thin_xml_single, data_block, DATA_BLOCK_MAX),
	NUMBER(struct thin_xml_single, time, TIME_MAX),
};

static const struct xml_attr range[] = {
	NUMBER(struct thin_xml_range, origin_begin, UINT64_MAX),
	NUMBER(struct thin_xml_range, data_begin, DATA_BLOCK_MAX),
	NUMBER(struct thin_xml_range, length, DATA_BLOCK_MAX + 1, .min = 1),
	NUMBER(struct thin_xml_range, time, TIME_MAX),
};

#define IN(element) (1u << (element))
#define IN_BODIES   (IN(THIN_XML_DEVICE) | IN(THIN_XML_DEF))

const struct xml_element thin_xml_elements[THIN_XML_COUNT] = {
	[THIN_XML_SUPERBLOCK] = XML_ELEMENT("superblock", false, XML_OUTERMOST,
					    struct thin_xml_superblock, superblock),
	[THIN_XML_SINGLE] = XML_ELEMENT("single_mapping", true, IN_BODIES,
					struct thin_xml_single, single),
	[THIN_XML_RANGE] = XML_ELEMENT("range_mapping", true, IN_BODIES,
				       struct thin_xml_range, range),
	[THIN_XML_REF] = XML_ELEMENT("ref", true, IN(THIN_XML_DEVICE), struct thin_xml_name, name),
	[THIN_XML_DEVICE] = XML_ELEMENT("device", false, IN(THIN_XML_SUPERBLOCK),
					struct thin_xml_device, device),
	[THIN_XML_DEF] = XML_ELEMENT("def", false, IN(THIN_XML_SUPERBLOCK), struct thin_xml_name,
				     name),
};
/* clang-format on */

const struct xml_schema thin_xml_schema = {
	.elements = thin_xml_elements,
	.nr_elements = THIN_XML_COUNT,
};
