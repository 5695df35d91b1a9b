/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Trees of hashes for the target verity: made and verified. What lies on disk is what veritysetup
 * writes and reads, byte for byte. No device-mapper is needed; for the table see struct bp_verity
 * in <bedplate/targets_crypt.h>.
 *
 * Not here: hashes other than sha256, error correction (FEC), signatures.
 */
#ifndef BEDPLATE_VERITY_H
#define BEDPLATE_VERITY_H

#include <bedplate/context.h>
#include <bedplate/units.h>

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BP_VERITY_UUID_BYTES    16u
#define BP_VERITY_SALT_MAX      256u
#define BP_VERITY_DIGEST_MAX    64u
#define BP_VERITY_ALGORITHM_MAX 32u /* with NUL */

/**
 * struct bp_verity_tree - A tree of hashes: what its superblock says, or its maker does.
 * @size: sizeof(struct bp_verity_tree), where the caller hands it in to be filled.
 * @hash_type: 1; 0: Chrome OS's first, with the salt behind the data. The table's version.
 * @algorithm: "sha256".
 * @data_block_bytes, @hash_block_bytes: powers of two, 512 to 524288. Kernels take those up to the
 *	size of a page.
 * @nr_data_blocks: of data, in its blocks.
 * @has_superblock: false: it begins with the tree itself.
 * @hash_start_blocks: where the tree begins on its device, in hash blocks: for the table.
 * @nr_hash_blocks: blocks of the tree, without the superblock.
 * @uuid: of the superblock.
 * @salt: the first @salt_bytes.
 * @root_digest: the first @digest_bytes; a superblock does not hold it.
 */
struct bp_verity_tree {
	size_t size;
	uint32_t hash_type;
	char algorithm[BP_VERITY_ALGORITHM_MAX];
	uint32_t data_block_bytes, hash_block_bytes;
	uint64_t nr_data_blocks;
	bool has_superblock;
	uint64_t hash_start_blocks, nr_hash_blocks;
	uint8_t uuid[BP_VERITY_UUID_BYTES];
	uint32_t salt_bytes, digest_bytes;
	uint8_t salt[BP_VERITY_SALT_MAX];
	uint8_t root_digest[BP_VERITY_DIGEST_MAX];
};

/**
 * enum bp_verity_flags -
 * @BP_VERITY_NO_SUPERBLOCK: there is none, or shall be none: all of the tree is told.
 * @BP_VERITY_TYPE_0: hash type 0 instead of 1.
 * @BP_VERITY_NO_SALT: no salt, instead of 32 random bytes.
 * @BP_VERITY_FORCE: format: whatever lies where the tree goes may be overwritten.
 * @BP_VERITY_DRY_RUN: format: look at all that could speak against it, and write nothing.
 */
enum bp_verity_flags {
	BP_VERITY_NO_SUPERBLOCK = 1 << 0,
	BP_VERITY_TYPE_0 = 1 << 1,
	BP_VERITY_NO_SALT = 1 << 2,
	BP_VERITY_FORCE = 1 << 3,
	BP_VERITY_DRY_RUN = 1 << 4,
};

/**
 * struct bp_verity_damage - What a verification found wrong.
 * @level: of the tree, 0 being nearest to the data; -1: a block of data.
 * @block: its number: of data blocks, or of hash blocks from the beginning of the hash device.
 * @padding: its hash is right, but bytes that must be zero are not.
 * @first_data_block, @nr_data_blocks: data that can't be proven for it; none with @padding.
 */
struct bp_verity_damage {
	int level;
	uint64_t block;
	bool padding;
	uint64_t first_data_block, nr_data_blocks;
};

/**
 * struct bp_verity_opts - How to make a tree, or where one is. Zero in a member is its default.
 * @size: sizeof(struct bp_verity_opts). Members are only added at the end.
 * @flags: enum bp_verity_flags.
 * @algorithm: NULL: "sha256". Nothing else is known.
 * @data_block_bytes, @hash_block_bytes: 0: 4096.
 * @nr_data_blocks: 0: all whole blocks of the data device.
 * @hash_offset_bytes: where superblock or tree begin: a multiple of 512, without a superblock of
 *	the hash block.
 * @salt, @salt_bytes: at most 256; NULL: 32 random bytes.
 * @uuid: 16 bytes; NULL: a random one.
 * @progress: called with blocks of data and tree done, and their total; -ECANCELED is returned if
 *	it returns non-zero.
 * @damage: verify: called for each damage; non-zero ends the call and is returned.
 * @user: passed to both.
 *
 * bp_verity_verify() takes what a superblock says from there, and with BP_VERITY_NO_SUPERBLOCK from
 * here (@salt NULL: none).
 */
struct bp_verity_opts {
	size_t size;
	uint32_t flags;
	const char *algorithm;
	uint32_t data_block_bytes, hash_block_bytes;
	uint64_t nr_data_blocks;
	bp_bytes hash_offset_bytes;
	const uint8_t *salt;
	size_t salt_bytes;
	const uint8_t *uuid;
	int (*progress)(void *user, uint64_t done, uint64_t total);
	int (*damage)(void *user, const struct bp_verity_damage *damage);
	void *user;
};

/**
 * bp_verity_format() - Make the tree of a data device.
 * @data: block device or file; read only.
 * @hash: block device or file to write to. A file is made, and grown, as needed. It may be the data
 *	device where the tree lies behind the data: with @nr_data_blocks and @hash_offset_bytes.
 * @ret: what was made, its root digest; may be NULL.
 *
 * The superblock is zeroed before the tree is written, and written after it is on disk. Return: 0;
 * -EINVAL (BP_E_USAGE: sizes, offsets, hash and data are one), -ENOTSUP (BP_E_USAGE: the
 * algorithm),
 * -EEXIST (BP_E_METADATA_EXISTS: something lies there), -EBUSY, -ENOSPC (BP_E_TOO_SMALL),
 * -ECANCELED, -EIO ...
 */
BP_API int bp_verity_format(struct bp_ctx *ctx, const char *data, const char *hash,
			    const struct bp_verity_opts *opts, struct bp_verity_tree *ret);

/**
 * bp_verity_verify() - Compare data, tree and root digest. Reads only.
 * @root_digest: @digest_bytes of it, as it is known to be right.
 * @ret_tree: the tree that was found, its root digest computed from the top block; may be NULL.
 * @ret_damages: how many were found.
 *
 * From the top: what lies below a block that is wrong is not looked at, nothing there can be
 * proven.
 * Return: 0 when it was carried out, whatever was found; -EINVAL (BP_E_NOT_METADATA: no superblock;
 * BP_E_USAGE), -ENOTSUP, -EUCLEAN (the superblock is damaged), -EIO ...
 */
BP_API int bp_verity_verify(struct bp_ctx *ctx, const char *data, const char *hash,
			    const uint8_t *root_digest, size_t digest_bytes,
			    const struct bp_verity_opts *opts, struct bp_verity_tree *ret_tree,
			    uint64_t *ret_damages);

#ifdef __cplusplus
}
#endif

#endif
