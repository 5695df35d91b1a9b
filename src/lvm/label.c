/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Labels and headers of metadata areas. Promises to look at nothing whose checksum is wrong, and
 * to keep every offset inside of what was read.
 *
 * Label, one of the first four sectors of a PV, little-endian:
 *
 *   OFFSET  SIZE  FIELD
 *        0     8  id         "LABELONE"
 *        8     8  sector     its own number
 *       16     4  crc        of bytes 20..511
 *       20     4  offset     of the PV header in this sector
 *       24     8  type       "LVM2 001"
 *   PV header:
 *        0    32  uuid
 *       32     8  device_size
 *       40        data areas, then metadata areas: (offset, size) pairs, each list ended by
 *                 an offset of 0; then version and flags of the extension, 4 bytes each,
 *                 and from version 1 on a third list: bootloader areas
 *
 * Header of a metadata area, 512 bytes:
 *
 *        0     4  checksum   of bytes 4..511
 *        4    16  magic
 *       20     4  version    1
 *       24     8  start      of this header, from the start of the PV
 *       32     8  size       of the area, this header included
 *       40    24  where the committed text is: offset, size, checksum, flags
 */
#include "lvm/label.h"

#include "core/endian.h"

#define SECTOR         512u
#define HEADER         512u
#define TYPE           "LVM2 001"
#define IGNORED        1u
#define AREA_MIN_BYTES (2 * HEADER)
#define AREA_MAX_BYTES (UINT64_C(1) << 30) /* LVM's own limit is far below */

static const uint8_t magic[16] = { 0x20, 0x4c, 0x56, 0x4d, 0x32, 0x20, 0x78, 0x5b,
				   0x35, 0x41, 0x25, 0x72, 0x30, 0x4e, 0x2a, 0x3e };

/* CRC-32 with polynomial 0xedb88320 reflected, from LVM's own start value, not inverted. */
uint32_t lvm_crc(const void *data, size_t len)
{
	static const uint32_t by_nibble[16] = {
		0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
		0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
		0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
	};
	const uint8_t *p = data;
	uint32_t crc = 0xf597a6cf;

	for (size_t i = 0; i < len; i++) {
		crc ^= p[i];
		crc = (crc >> 4) ^ by_nibble[crc & 15];
		crc = (crc >> 4) ^ by_nibble[crc & 15];
	}
	return crc;
}

static uint32_t u32(const uint8_t *p)
{
	return le32_get(*(const le32 *)(const void *)p);
}

static uint64_t u64(const uint8_t *p)
{
	return le64_get(*(const le64 *)(const void *)p);
}

/* 32 characters on disk, 6-4-4-4-4-4-6 with dashes in texts. Anything else in it is no id. */
bool lvm_uuid_format(const char *id, char ret[LVM_UUID_SIZE])
{
	char *to = ret;

	for (unsigned i = 0; i < 32; i++) {
		bool ok = (id[i] >= '0' && id[i] <= '9') || (id[i] >= 'a' && id[i] <= 'z') ||
			  (id[i] >= 'A' && id[i] <= 'Z') || id[i] == '#' || id[i] == '!';

		if (!ok)
			return false;
		if (i == 6 || i == 10 || i == 14 || i == 18 || i == 22 || i == 26)
			*to++ = '-';
		*to++ = id[i];
	}
	*to = '\0';
	return true;
}

/* A list of areas at *@p, which must end before @end. False: it does not. */
static bool areas(const uint8_t **p, const uint8_t *end, struct lvm_area *ret, unsigned max,
		  unsigned *ret_nr)
{
	for (unsigned nr = 0;; nr++, *p += 16) {
		if (end - *p < 16)
			return false;
		if (u64(*p) == 0) {
			*p += 16;
			*ret_nr = nr;
			return true;
		}
		if (nr == max)
			return false;
		ret[nr] = (struct lvm_area){ u64(*p), u64(*p + 8) };
	}
}

/*
 * Two lists of areas, data and metadata, each ended by an entry of zeros; then the
 * extension, which only newer LVM writes. Source: lvm2, lib/format_text/layout.h.
 */
static bool pv_header(const uint8_t *p, const uint8_t *end, struct lvm_label *ret)
{
	struct lvm_area mdas[LVM_MDAS_MAX];

	if (end - p < 40 || !lvm_uuid_format((const char *)p, ret->uuid))
		return false;
	ret->device_size = u64(p + 32);
	p += 40;
	if (!areas(&p, end, ret->data, LVM_AREAS_MAX, &ret->nr_data) ||
	    !areas(&p, end, mdas, LVM_MDAS_MAX, &ret->nr_mdas))
		return false;
	for (unsigned i = 0; i < ret->nr_mdas; i++)
		ret->mdas[i].area = mdas[i];
	if (end - p < 8)
		return true; /* an old PV without the extension, at the very end */
	ret->ext_version = u32(p);
	ret->ext_flags = u32(p + 4);
	p += 8;
	if (ret->ext_version == 0) {
		ret->ext_flags = 0;
		return true;
	}
	return areas(&p, end, ret->bootloader, LVM_AREAS_MAX, &ret->nr_bootloader);
}

/* The label's own sector number is in it: a copy that lies elsewhere is none. */
static bool label_at(const uint8_t *sector, unsigned number, struct lvm_label *ret)
{
	uint32_t offset = u32(sector + 20);

	if (memcmp(sector, "LABELONE", 8) != 0 || memcmp(sector + 24, TYPE, 8) != 0)
		return false;
	if (u64(sector + 8) != number || u32(sector + 16) != lvm_crc(sector + 20, SECTOR - 20))
		return false;
	*ret = (struct lvm_label){ .sector = number };
	return offset >= 32 && offset < SECTOR &&
	       pv_header(sector + offset, sector + SECTOR, ret);
}

bool lvm_label_seen(const void *data, size_t len)
{
	const uint8_t *p = data;

	for (size_t at = 0; at + SECTOR <= len; at += SECTOR)
		if (memcmp(p + at, "LABELONE", 8) == 0)
			return true;
	return false;
}

int lvm_label_decode(const void *data, size_t len, struct lvm_label *ret)
{
	const uint8_t *p = data;

	for (unsigned i = 0; i < 4 && (i + 1) * SECTOR <= len; i++)
		if (label_at(p + (size_t)i * SECTOR, i, ret))
			return 0;
	return -ENODATA;
}

/*
 * The header names itself by its offset, so that one which was copied with its disk's
 * beginning is found out. Only the first location counts: the second is of a change under
 * way.
 */
void lvm_mda_decode(const void *data, struct lvm_mda *mda)
{
	const uint8_t *p = data;
	bp_bytes offset = u64(p + 40), size = u64(p + 48), area;

	mda->header_size = area = u64(p + 32);
	mda->valid = u32(p) == lvm_crc(p + 4, HEADER - 4) &&
		     memcmp(p + 4, magic, sizeof(magic)) == 0 && u32(p + 20) == 1 &&
		     u64(p + 24) == mda->area.offset && area >= AREA_MIN_BYTES &&
		     area <= AREA_MAX_BYTES;
	if (!mda->valid)
		return;
	mda->ignored = u32(p + 60) & IGNORED;
	if (offset < HEADER || offset >= area || size == 0 || size > area - HEADER)
		return;
	mda->text_offset = offset;
	mda->text_size = size;
	mda->text_checksum = u32(p + 56);
	mda->wrapped = size > area - offset;
}

/* The text lies in a ring: what goes beyond the area's end goes on behind its header. */
int lvm_text_read(const struct raw_image *image, bp_bytes pv_offset, const struct lvm_mda *mda,
		  bp_bytes offset, bp_bytes size, char *buf)
{
	bp_bytes start, first = MIN(size, mda->header_size - offset);
	int r;

	if (add_overflow(pv_offset, mda->area.offset, &start))
		return -ERANGE;
	r = raw_image_read(image, start + offset, (size_t)first, buf);
	if (r == 0 && size > first)
		r = raw_image_read(image, start + HEADER, (size_t)(size - first), buf + first);
	return r;
}

/*
 * What can't be trusted is left unset (valid, text_valid), not refused: a PV has copies of
 * its metadata.
 */
static int read_mda(const struct raw_image *image, bp_bytes pv_offset, struct lvm_mda *mda)
{
	uint8_t header[HEADER];
	_cleanup_(freep) char *text = NULL;
	bp_bytes at;
	int r;

	if (add_overflow(pv_offset, mda->area.offset, &at))
		return 0;
	r = raw_image_read(image, at, sizeof(header), header);
	if (r < 0)
		return r == -ERANGE ? 0 : r; /* an image cut short: the area is not there */
	lvm_mda_decode(header, mda);
	if (!mda->text_size)
		return 0;
	text = malloc((size_t)mda->text_size);
	if (!text)
		return -ENOMEM;
	r = lvm_text_read(image, pv_offset, mda, mda->text_offset, mda->text_size, text);
	mda->text_valid = r == 0 && lvm_crc(text, (size_t)mda->text_size) == mda->text_checksum;
	return r == -ERANGE ? 0 : r;
}

/* Any of the first four sectors may have it; an image may end before the fourth. */
int lvm_label_read(const struct raw_image *image, bp_bytes offset, struct lvm_label *ret)
{
	uint8_t data[LVM_LABEL_BYTES];
	size_t len = sizeof(data);
	int r;

	if (offset >= image->size || image->size - offset < SECTOR)
		return -ENODATA;
	if (image->size - offset < len)
		len = (size_t)(image->size - offset) / SECTOR * SECTOR;
	r = raw_image_read(image, offset, len, data);
	if (r == 0)
		r = lvm_label_decode(data, len, ret);
	for (unsigned i = 0; r == 0 && i < ret->nr_mdas; i++)
		r = read_mda(image, offset, &ret->mdas[i]);
	return r;
}
