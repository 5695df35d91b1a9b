/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The superblock of a tree of hashes, and which trees there can be. Promised: what was decoded can
 * be walked without further checks of sizes. Not promised: that the device is as large as it says.
 *
 * One a device, 512 bytes, at the beginning of the hash area; the tree begins in the next hash
 * block behind it. Integers are little-endian. It has no checksum, and does not hold the root
 * digest, which is what must be known from elsewhere. Source: cryptsetup, lib/verity/verity.c, and
 * its on-disk description.
 *
 *   OFFSET  SIZE  FIELD
 *        0     8  signature        "verity", two NULs
 *        8     4  version          1
 *       12     4  hash_type        1; 0: salt behind the data, digests packed
 *       16    16  uuid
 *       32    32  algorithm        "sha256", NULs
 *       64     4  data_block_size  bytes
 *       68     4  hash_block_size  bytes
 *       72     8  data_blocks
 *       80     2  salt_size        bytes, at most 256
 *       82     6  zero
 *       88   256  salt
 *      344   168  zero
 */
#include "core/endian.h"
#include "core/sha256.h"
#include "formats/verity/verity.h"

#include <inttypes.h>
#include <sys/random.h>

struct super_disk {
	char signature[8];
	le32 version, hash_type;
	uint8_t uuid[16];
	char algorithm[32];
	le32 data_block_size, hash_block_size;
	le64 data_blocks;
	uint8_t salt_size[2];
	uint8_t zero_1[6];
	uint8_t salt[256];
	uint8_t zero_2[168];
};
_Static_assert(sizeof(struct super_disk) == VERITY_SUPER_BYTES, "on-disk format");

static const char signature[8] = "verity\0";

#define BLOCK_DEFAULT 4096u
#define BLOCK_MIN     512u
#define BLOCK_MAX     (512u * 1024)
#define SALT_DEFAULT  32u

void verity_super_encode(const struct bp_verity_tree *tree, uint8_t *ret_disk)
{
	struct super_disk disk = {
		.version = le32_make(1),
		.hash_type = le32_make(tree->hash_type),
		.data_block_size = le32_make(tree->data_block_bytes),
		.hash_block_size = le32_make(tree->hash_block_bytes),
		.data_blocks = le64_make(tree->nr_data_blocks),
		.salt_size = { (uint8_t)tree->salt_bytes, (uint8_t)(tree->salt_bytes >> 8) },
	};

	memcpy(disk.signature, signature, sizeof(signature));
	memcpy(disk.uuid, tree->uuid, sizeof(disk.uuid));
	memcpy(disk.algorithm, tree->algorithm, sizeof(disk.algorithm));
	memcpy(disk.salt, tree->salt, tree->salt_bytes);
	memcpy(ret_disk, &disk, sizeof(disk));
}

static int refuse(struct bp_ctx *ctx, int r, enum bp_error_code code)
{
	error_set_code(ctx, code);
	return r;
}

/* Texts and sizes from disk are bounded before they are used. */
int verity_super_decode(struct bp_ctx *ctx, const uint8_t *from, bp_bytes super_bytes,
			struct bp_verity_tree *ret)
{
	struct bp_verity_tree tree = { .size = sizeof(tree), .has_superblock = true };
	struct super_disk disk;

	memcpy(&disk, from, sizeof(disk));
	if (memcmp(disk.signature, signature, sizeof(signature)) != 0) {
		bp_fail(ctx, -EINVAL, "no superblock of verity at byte %" PRIu64, super_bytes);
		return refuse(ctx, -EINVAL, BP_E_NOT_METADATA);
	}
	if (le32_get(disk.version) != 1)
		return bp_fail(ctx, -ENOTSUP,
			       "superblock of verity: version %" PRIu32 " is not known",
			       le32_get(disk.version));
	if (disk.algorithm[sizeof(disk.algorithm) - 1])
		return bp_fail(ctx, -EUCLEAN, "superblock of verity: the algorithm has no end");
	tree.hash_type = le32_get(disk.hash_type);
	tree.data_block_bytes = le32_get(disk.data_block_size);
	tree.hash_block_bytes = le32_get(disk.hash_block_size);
	tree.nr_data_blocks = le64_get(disk.data_blocks);
	tree.salt_bytes = disk.salt_size[0] | (uint32_t)disk.salt_size[1] << 8;
	if (tree.salt_bytes > BP_VERITY_SALT_MAX)
		return bp_fail(ctx, -EUCLEAN,
			       "superblock of verity: a salt of %" PRIu32
			       " bytes is longer than its place",
			       tree.salt_bytes);
	strcpy(tree.algorithm, disk.algorithm);
	memcpy(tree.uuid, disk.uuid, sizeof(tree.uuid));
	memcpy(tree.salt, disk.salt, tree.salt_bytes);
	*ret = tree;
	return verity_settle(ctx, super_bytes, ret);
}

/* --- which there can be --- */

/* The kernel's bounds. */
static int check_block(struct bp_ctx *ctx, const char *name, uint32_t bytes)
{
	if (is_power_of_two(bytes) && bytes >= BLOCK_MIN && bytes <= BLOCK_MAX)
		return 0;
	bp_fail(ctx, -EINVAL,
		"%s block of %" PRIu32 " bytes: it must be a power of two, 512 to "
		"524288",
		name, bytes);
	return refuse(ctx, -EINVAL, BP_E_USAGE);
}

/* Trees are made and verified here with sha256 alone. */
static int check_words(struct bp_ctx *ctx, const struct bp_verity_tree *tree)
{
	if (tree->hash_type > 1)
		return bp_fail(ctx, -ENOTSUP, "hash type %" PRIu32 " is not known",
			       tree->hash_type);
	if (streq(tree->algorithm, "sha256"))
		return 0;
	bp_fail(ctx, -ENOTSUP, "hash '%s' is not supported: sha256 is", tree->algorithm);
	return refuse(ctx, -ENOTSUP, BP_E_USAGE);
}

/* Where the tree begins: in the next hash block behind the superblock, or right there. */
static int place(struct bp_ctx *ctx, bp_bytes offset, struct bp_verity_tree *tree)
{
	bp_bytes step = tree->has_superblock ? VERITY_SUPER_BYTES : tree->hash_block_bytes, end;

	if (offset % step) {
		bp_fail(ctx, -EINVAL,
			"hash offset %" PRIu64 " is not a multiple of %" PRIu64 " bytes",
			offset, step);
		return refuse(ctx, -EINVAL, BP_E_USAGE);
	}
	if (add_overflow(offset, VERITY_SUPER_BYTES, &end) || end > INT64_MAX)
		return bp_fail(ctx, -EINVAL, "hash offset %" PRIu64 " is too large", offset);
	if (!tree->has_superblock)
		end = offset;
	tree->hash_start_blocks = DIV_UP(end, tree->hash_block_bytes);
	return 0;
}

/*
 * Where the tree lies and how large it is follows from the rest; everything is checked for
 * overflow here once.
 */
int verity_settle(struct bp_ctx *ctx, bp_bytes hash_offset, struct bp_verity_tree *tree)
{
	struct verity_level levels[VERITY_LEVELS_MAX];
	bp_bytes data, hash;
	int nr, r = check_block(ctx, "data", tree->data_block_bytes);

	if (r == 0)
		r = check_block(ctx, "hash", tree->hash_block_bytes);
	if (r == 0)
		r = check_words(ctx, tree);
	if (r == 0)
		r = place(ctx, hash_offset, tree);
	if (r < 0)
		return r;
	tree->digest_bytes = SHA256_BYTES;
	nr = tree->nr_data_blocks ? verity_levels(tree, levels) : -1;
	tree->nr_hash_blocks = 0;
	for (int i = 0; i < nr; i++)
		tree->nr_hash_blocks += levels[i].count;
	if (nr < 0 || mul_overflow(tree->nr_data_blocks, tree->data_block_bytes, &data) ||
	    mul_overflow(tree->hash_start_blocks + tree->nr_hash_blocks, tree->hash_block_bytes,
			 &hash) ||
	    data > INT64_MAX || hash > INT64_MAX) {
		bp_fail(ctx, -EINVAL, "%" PRIu64 " blocks of data can't have a tree",
			tree->nr_data_blocks);
		return refuse(ctx, -EINVAL, BP_E_USAGE);
	}
	return 0;
}

/* --- from what the caller says --- */

static int random_bytes(struct bp_ctx *ctx, uint8_t *to, size_t len)
{
	return getrandom(to, len, 0) == (ssize_t)len
		       ? 0
		       : bp_fail(ctx, -errno, "no random numbers");
}

/* Random unless given: two trees of the same data must not look alike. */
static int take_salt(struct bp_ctx *ctx, const struct bp_verity_opts *o, bool random,
		     struct bp_verity_tree *tree)
{
	if (o->salt_bytes > BP_VERITY_SALT_MAX) {
		bp_fail(ctx, -EINVAL, "a salt of %zu bytes: 256 are the most", o->salt_bytes);
		return refuse(ctx, -EINVAL, BP_E_USAGE);
	}
	if (o->flags & BP_VERITY_NO_SALT || (!o->salt && !random))
		return 0;
	tree->salt_bytes = o->salt ? (uint32_t)o->salt_bytes : SALT_DEFAULT;
	if (!o->salt)
		return random_bytes(ctx, tree->salt, SALT_DEFAULT);
	memcpy(tree->salt, o->salt, o->salt_bytes);
	return 0;
}

static int take_uuid(struct bp_ctx *ctx, const struct bp_verity_opts *o,
		     struct bp_verity_tree *tree)
{
	int r;

	if (o->uuid) {
		memcpy(tree->uuid, o->uuid, sizeof(tree->uuid));
		return 0;
	}
	r = random_bytes(ctx, tree->uuid, sizeof(tree->uuid));
	tree->uuid[6] = (tree->uuid[6] & 0x0f) | 0x40; /* version 4, random */
	tree->uuid[8] = (tree->uuid[8] & 0x3f) | 0x80;
	return r;
}

/* @random: for a new tree; to verify one, what isn't given is not made up. */
int verity_from_opts(struct bp_ctx *ctx, const struct bp_verity_opts *o, bp_bytes data_bytes,
		     bool random, struct bp_verity_tree *ret)
{
	struct bp_verity_tree tree = {
		.size = sizeof(tree),
		.hash_type = o->flags & BP_VERITY_TYPE_0 ? 0 : 1,
		.data_block_bytes = o->data_block_bytes ? o->data_block_bytes : BLOCK_DEFAULT,
		.hash_block_bytes = o->hash_block_bytes ? o->hash_block_bytes : BLOCK_DEFAULT,
		.nr_data_blocks = o->nr_data_blocks,
		.has_superblock = !(o->flags & BP_VERITY_NO_SUPERBLOCK),
	};
	const char *algorithm = o->algorithm ? o->algorithm : "sha256";
	int r;

	if (strlen(algorithm) >= sizeof(tree.algorithm)) {
		bp_fail(ctx, -ENOTSUP, "hash '%s' is not supported: sha256 is", algorithm);
		return refuse(ctx, -ENOTSUP, BP_E_USAGE);
	}
	strcpy(tree.algorithm, algorithm);
	if (!tree.nr_data_blocks)
		tree.nr_data_blocks = data_bytes / tree.data_block_bytes;
	r = take_salt(ctx, o, random, &tree);
	if (r == 0 && random && tree.has_superblock)
		r = take_uuid(ctx, o, &tree);
	*ret = tree;
	return r < 0 ? r : verity_settle(ctx, o->hash_offset_bytes, ret);
}
