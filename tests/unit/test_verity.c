/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Trees of hashes: against what veritysetup wrote for the same data, against each byte changed in
 * turn, and each read, write and flush failing in turn.
 */
#include "context_test.h"

#include "core/sha256.h"
#include "formats/verity/verity.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#define DATA_BYTES (300 * 4096 + 512)
#define HASH_BYTES (512 * 1024)

static char dir[] = "/tmp/test-verity.XXXXXX";
static uint8_t data_bytes[DATA_BYTES], hash_bytes[HASH_BYTES];

/*
 * Roots and trees as veritysetup 2.6.1 made them of data_bytes, with a uuid of 0x00 0x11 .. 0xff;
 * the tree by its file's sha256.
 */
static const struct golden {
	uint8_t salt[8];
	size_t salt_bytes;
	bool type_0, bare;
	uint32_t data_block, hash_block;
	uint64_t nr, offset;
	const char *root, *tree;
} golden[] = {
	{
		.data_block = 4096,
		.hash_block = 4096,
		.nr = 300,
		.root = "749dc0ad7bdfcc5a193727d7acdddb43522d1d421d7c83674efe7b5075f25352",
		.tree = "4b01dc3ce4ed2b20414ef77eb14ebdb299a372d8d409b5dca3a6a114bb2d7adf",
	},
	{
		.salt = { 0x01, 0x02, 0x03, 0x04, 0x05 },
		.salt_bytes = 5,
		.data_block = 4096,
		.hash_block = 4096,
		.nr = 300,
		.root = "9b52a2a7973f29a01defde368aa0bc35fb7d97327df886151077f657cf2193ac",
		.tree = "63bff34e5d60a77b41ccc4474e1e61000b9b16f308f066654cd3c4a54dcee27d",
	},
	{
		.salt = { 0xaa, 0xbb },
		.salt_bytes = 2,
		.type_0 = true,
		.data_block = 4096,
		.hash_block = 4096,
		.nr = 300,
		.root = "037cfb5492979cd20bfbb870c15e59b1c06426e83ef105ee05115bcbd176049a",
		.tree = "a1bba4ddb0398e11efa6d86827bcc9c1bfa1fa1c31ea9a99317bf98e69597ee3",
	},
	{
		.salt = { 0xaa, 0xbb },
		.salt_bytes = 2,
		.data_block = 512,
		.hash_block = 512,
		.nr = 2401,
		.root = "beecb6c0a7ec9b75d9b4891a1f06052345938f62b931f44f9c3ffbd91fc67c7c",
		.tree = "db1760a41b4f0856dc7d656f4734599136fc1c8367dbd20d3567a50b3ebf148d",
	},
	{
		.salt = { 0xaa, 0xbb },
		.salt_bytes = 2,
		.type_0 = true,
		.data_block = 512,
		.hash_block = 4096,
		.nr = 2401,
		.root = "2de010f396f82c92fb68e54a2ee37f348d0801112fff1ee3e5a88c74d6760aaf",
		.tree = "2c814c4024ff5ada16ea0482e1bbb734e6e84066ab5588617cf78139a92e11af",
	},
	{
		.salt = { 0xaa, 0xbb },
		.salt_bytes = 2,
		.data_block = 4096,
		.hash_block = 1024,
		.nr = 300,
		.offset = 1536,
		.root = "ec53767b94c7843afbe19c9bdc9a746455a671eefd1c8ab5d45f840c4e2e653a",
		.tree = "c7acac6ef96636d6f47c2cddabc747a05ab3332fcfc41fd2af82b4924b6c5dcb",
	},
	{
		.salt_bytes = 256, /* all 0xff */
		.data_block = 1024,
		.hash_block = 4096,
		.nr = 1200,
		.offset = 512,
		.root = "fc84c6cbf51461d540cf83fcd26aa2055eda7a341d654b60aa2a48269234a8c6",
		.tree = "231ae3706c0e79eb1056ebede1c90d2626d8167e87d151ae08192715464f5c05",
	},
	{
		.salt = { 0xaa, 0xbb },
		.salt_bytes = 2,
		.data_block = 4096,
		.hash_block = 4096,
		.nr = 1,
		.root = "d0d7597ddd8c12c6f6e23d59eb9ee4b5e5b84f091a18b3b3ab5b1dc6823c0e4f",
		.tree = "89238e56527691018ee9a7d0ac339fb2296a7c1fc89d181129c1a0e36f821313",
	},
	{
		.salt = { 0xaa, 0xbb },
		.salt_bytes = 2,
		.data_block = 4096,
		.hash_block = 4096,
		.nr = 2,
		.root = "5580130e7e036da7f421418d1ab2de6f5af3b3b5523b2ff8547e9a42a4ba06e8",
		.tree = "4c213f9f366a68bd984be27d4e0e3cb10e33f2f993c094253a61cf8cce1bccf2",
	},
	{
		.salt = { 0xaa, 0xbb },
		.salt_bytes = 2,
		.data_block = 4096,
		.hash_block = 4096,
		.nr = 128,
		.root = "a206707066938cba524e7cd0ee452841774c9180a99bea29143e1806888aebed",
		.tree = "6862e8a98059e5c4dd4dfd6b63e91cbce0994d78ea8bb51ab7b75106e6130f51",
	},
	{
		.salt = { 0xaa, 0xbb },
		.salt_bytes = 2,
		.data_block = 4096,
		.hash_block = 4096,
		.nr = 129,
		.root = "4216ce45063810b93db0c76545293be6573a5702ff79ca57d837c0eed203054e",
		.tree = "2fa34a38c16424fed751c381455c019a02f0eef1d310366a54f10927e4e00a01",
	},
	{
		.salt = { 0xaa, 0xbb },
		.salt_bytes = 2,
		.data_block = 4096,
		.hash_block = 4096,
		.nr = 300,
		.offset = 8192,
		.bare = true,
		.root = "3b3a92dd38f3d4b3be2d7d420fc9f5a3b00ac203ffd6412fe281f0210b850bfd",
		.tree = "94e5f64300bf5f597290e922d748ef4eda8dbe6e71bfeac749ba05ace2aa5e9e",
	},
	{
		.salt = { 0xaa, 0xbb },
		.salt_bytes = 2,
		.type_0 = true,
		.data_block = 4096,
		.hash_block = 512,
		.nr = 17,
		.offset = 512,
		.bare = true,
		.root = "b8873e4a47c9ee274ca6feb0994e782824ab37a39abd98aab7aed58d02d341c3",
		.tree = "29ac47c70deca625e45422a63a85c1438da112e5e7e014c8a21d7c27c77cd20f",
	},
};

/* --- a tree in memory --- */

/* Fails the @fail-th call of a kind, from 1. */
struct memory {
	uint8_t *bytes;
	size_t size;
	unsigned reads, writes, flushes;
	unsigned fail_read, fail_write, fail_flush;
};

static int memory_read(void *self, bp_bytes offset, size_t len, void *buf)
{
	struct memory *m = self;

	if (++m->reads == m->fail_read)
		return bp_fail(ctx, -EIO, "read fails");
	assert_true(offset <= m->size && len <= m->size - offset);
	memcpy(buf, m->bytes + offset, len);
	return 0;
}

static int memory_write(void *self, bp_bytes offset, size_t len, const void *buf)
{
	struct memory *m = self;

	if (++m->writes == m->fail_write)
		return bp_fail(ctx, -EIO, "write fails");
	assert_true(offset <= m->size && len <= m->size - offset);
	memcpy(m->bytes + offset, buf, len);
	return 0;
}

static int memory_flush(void *self)
{
	struct memory *m = self;

	return ++m->flushes == m->fail_flush ? bp_fail(ctx, -EIO, "flush fails") : 0;
}

static struct verity_media media_of(struct memory *m)
{
	return (struct verity_media){ memory_read, memory_write, memory_flush, m };
}

static void hex(const uint8_t *bytes, size_t len, char *to)
{
	for (size_t i = 0; i < len; i++)
		sprintf(to + 2 * i, "%02x", bytes[i]);
}

static struct bp_verity_opts opts_of(const struct golden *g)
{
	static uint8_t uuid[16], ones[256];

	memset(ones, 0xff, sizeof(ones));
	for (unsigned i = 0; i < 16; i++)
		uuid[i] = (uint8_t)(i * 0x11);
	return (struct bp_verity_opts){
		.size = sizeof(struct bp_verity_opts),
		.flags = (g->type_0 ? BP_VERITY_TYPE_0 : 0) |
			 (g->bare ? BP_VERITY_NO_SUPERBLOCK : 0) |
			 (g->salt_bytes ? 0 : BP_VERITY_NO_SALT),
		.data_block_bytes = g->data_block,
		.hash_block_bytes = g->hash_block,
		.nr_data_blocks = g->nr,
		.hash_offset_bytes = g->offset,
		.salt = g->salt_bytes > sizeof(g->salt) ? ones : g->salt,
		.salt_bytes = g->salt_bytes,
		.uuid = uuid,
	};
}

/* --- as veritysetup's --- */

static const char *path_of(const char *name)
{
	static char path[2][64];
	static unsigned i;

	i = !i;
	snprintf(path[i], sizeof(path[i]), "%s/%s", dir, name);
	return path[i];
}

static void write_file(const char *name, const void *bytes, size_t len)
{
	FILE *f = fopen(path_of(name), "we");

	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

static size_t read_file(const char *name, void *bytes, size_t size)
{
	FILE *f = fopen(path_of(name), "re");
	size_t len;

	assert_non_null(f);
	len = fread(bytes, 1, size, f);
	fclose(f);
	return len;
}

static int prepare(void **state)
{
	if (!mkdtemp(dir) || setup(state) < 0)
		return -1;
	for (unsigned i = 0; i < DATA_BYTES; i++)
		data_bytes[i] = (uint8_t)(i * 7 + i / 251);
	write_file("data", data_bytes, DATA_BYTES);
	return 0;
}

static int finish(void **state)
{
	unlink(path_of("data"));
	unlink(path_of("hash"));
	unlink(path_of("both"));
	rmdir(dir);
	return teardown(state);
}

static void format_one(const struct golden *g)
{
	struct bp_verity_tree tree = { .size = sizeof(tree) }, back = { .size = sizeof(back) };
	struct bp_verity_opts opts = opts_of(g);
	uint64_t damages = 1;
	char root[65];
	uint8_t digest[SHA256_BYTES];
	struct sha256 s;

	unlink(path_of("hash"));
	assert_ok(bp_verity_format(ctx, path_of("data"), path_of("hash"), &opts, &tree));
	hex(tree.root_digest, tree.digest_bytes, root);
	assert_string_equal(root, g->root);
	sha256_init(&s);
	sha256_add(&s, hash_bytes, read_file("hash", hash_bytes, sizeof(hash_bytes)));
	sha256_finish(&s, digest);
	hex(digest, sizeof(digest), root);
	assert_string_equal(root, g->tree);
	if (!g->bare)
		opts = (struct bp_verity_opts){ .size = sizeof(opts),
						.hash_offset_bytes = g->offset };
	assert_ok(bp_verity_verify(ctx, path_of("data"), path_of("hash"), tree.root_digest,
				   tree.digest_bytes, &opts, &back, &damages));
	assert_int_equal(damages, 0);
	assert_int_equal(back.nr_hash_blocks, tree.nr_hash_blocks);
	assert_int_equal(back.salt_bytes, g->salt_bytes);
	assert_memory_equal(back.root_digest, tree.root_digest, tree.digest_bytes);
}

static void as_veritysetup(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(golden); i++)
		format_one(&golden[i]);
}

/* --- damage --- */

struct seen {
	unsigned count;
	struct bp_verity_damage last;
};

static int on_damage(void *user, const struct bp_verity_damage *damage)
{
	struct seen *seen = user;

	seen->count++;
	seen->last = *damage;
	return 0;
}

/* A tree in memory, made, and what a check of it found. */
struct pair {
	struct memory data, hash;
	struct bp_verity_opts opts;
	struct verity v;
	uint8_t root[32];
};

static void pair_init(struct pair *p, const struct golden *g)
{
	*p = (struct pair){
		.data = { .bytes = data_bytes, .size = DATA_BYTES },
		.hash = { .bytes = hash_bytes, .size = HASH_BYTES },
		.opts = opts_of(g),
	};
	memset(hash_bytes, 0, sizeof(hash_bytes));
	p->v = (struct verity){
		.ctx = ctx,
		.opts = &p->opts,
		.data = media_of(&p->data),
		.hash = media_of(&p->hash),
	};
	assert_ok(verity_from_opts(ctx, &p->opts, DATA_BYTES, true, &p->v.tree));
}

static void pair_check(struct pair *p, struct seen *seen)
{
	*seen = (struct seen){ 0 };
	p->opts.damage = on_damage;
	p->opts.user = seen;
	p->v.done = p->v.damages = 0;
	assert_ok(verity_check(&p->v, p->root));
	assert_int_equal(p->v.damages, seen->count);
	assert_int_equal(p->v.done, p->v.total);
}

static const struct golden three_levels = {
	.salt = { 1 },
	.salt_bytes = 1,
	.data_block = 512,
	.hash_block = 512,
	.nr = 300,
};

/* One byte of data is one damage, and names its block. */
static void data_blocks(void **state)
{
	struct seen seen;
	struct pair p;

	(void)state;
	pair_init(&p, &three_levels);
	assert_ok(verity_format_media(&p.v));
	memcpy(p.root, p.v.tree.root_digest, sizeof(p.root));
	pair_check(&p, &seen);
	assert_int_equal(seen.count, 0);
	for (unsigned block = 0; block < 300; block += 13) {
		data_bytes[block * 512 + block % 512] ^= 1;
		pair_check(&p, &seen);
		data_bytes[block * 512 + block % 512] ^= 1;
		assert_int_equal(seen.count, 1);
		assert_int_equal(seen.last.level, -1);
		assert_int_equal(seen.last.block, block);
		assert_int_equal(seen.last.first_data_block, block);
		assert_int_equal(seen.last.nr_data_blocks, 1);
	}
}

/*
 * One byte of the tree is one damage: the block itself, with the data below it; 300 blocks have
 * levels of 19, 2 and 1 blocks, behind the superblock.
 */
static void hash_blocks(void **state)
{
	struct seen seen;
	struct pair p;

	(void)state;
	pair_init(&p, &three_levels);
	assert_ok(verity_format_media(&p.v));
	memcpy(p.root, p.v.tree.root_digest, sizeof(p.root));
	assert_int_equal(p.v.tree.nr_hash_blocks, 22);
	for (unsigned block = 1; block < 23; block++) {
		hash_bytes[block * 512 + block % 32] ^= 0x80;
		pair_check(&p, &seen);
		hash_bytes[block * 512 + block % 32] ^= 0x80;
		assert_int_equal(seen.count, 1);
		assert_int_equal(seen.last.block, block);
		assert_int_equal(seen.last.level, block == 1 ? 2 : block < 4 ? 1 : 0);
		assert_false(seen.last.padding);
	}
	assert_int_equal(seen.last.first_data_block, 288);
	assert_int_equal(seen.last.nr_data_blocks, 12);
}

/* Bytes behind the last hash that are covered by the level above, yet not zero. */
static void padding(void **state)
{
	struct seen seen;
	struct pair p;

	(void)state;
	pair_init(&p, &(struct golden){ .data_block = 4096, .hash_block = 4096, .nr = 100 });
	assert_ok(verity_format_media(&p.v));
	hash_bytes[2 * 4096 - 1] = 1;
	verity_digest(&p.v.tree, hash_bytes + 4096, 4096, p.root);
	pair_check(&p, &seen);
	assert_int_equal(seen.count, 1);
	assert_true(seen.last.padding);
	assert_int_equal(seen.last.block, 1);
	assert_int_equal(seen.last.nr_data_blocks, 0);
}

static int stop(void *user, const struct bp_verity_damage *damage)
{
	(void)user;
	(void)damage;
	return -ECANCELED;
}

static int stop_progress(void *user, uint64_t done, uint64_t total)
{
	(void)user;
	return done > total / 2;
}

static void stopped(void **state)
{
	struct pair p;

	(void)state;
	pair_init(&p, &three_levels);
	p.opts.damage = stop;
	assert_err(verity_check(&p.v, p.root), ECANCELED);
	p.opts.progress = stop_progress;
	p.v.done = 0;
	assert_err(verity_format_media(&p.v), ECANCELED);
	assert_true(hash_bytes[0] == 0);
}

/* --- failing I/O --- */

static bool has_superblock(void)
{
	struct bp_verity_tree tree;

	return verity_super_decode(ctx, hash_bytes, 0, &tree) == 0;
}

/* Make with the n-th call of a kind failing; false where it no longer did. */
static bool make_failing(unsigned *(*which)(struct pair *p), unsigned nth)
{
	struct pair p;

	pair_init(&p, &three_levels);
	memcpy(hash_bytes, "verity\0", 8); /* of an older tree */
	*which(&p) = nth;
	if (verity_format_media(&p.v) == 0) {
		assert_true(has_superblock());
		return false;
	}
	assert_int_equal(bp_error_get(ctx)->errnum, EIO);
	return true;
}

static unsigned *data_read_of(struct pair *p)
{
	return &p->data.fail_read;
}

static unsigned *hash_read_of(struct pair *p)
{
	return &p->hash.fail_read;
}

static unsigned *hash_write_of(struct pair *p)
{
	return &p->hash.fail_write;
}

static unsigned *hash_flush_of(struct pair *p)
{
	return &p->hash.fail_flush;
}

static void each_call_fails(void **state)
{
	static unsigned *(*const kinds[])(struct pair * p) = { data_read_of, hash_read_of,
							       hash_write_of, hash_flush_of };
	static const unsigned least[] = { 19, 4, 24, 3 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		unsigned nth = 1;

		for (; make_failing(kinds[i], nth); nth++)
			/* Only the very last flush can come too late. */
			assert_false(has_superblock() && !(i == 3 && nth == 3));
		assert_true(nth > least[i]);
	}
}

static void each_read_of_a_check_fails(void **state)
{
	struct seen seen;
	struct pair p;
	unsigned reads;

	(void)state;
	pair_init(&p, &three_levels);
	assert_ok(verity_format_media(&p.v));
	memcpy(p.root, p.v.tree.root_digest, sizeof(p.root));
	p.hash.reads = 0;
	pair_check(&p, &seen);
	reads = p.hash.reads;
	for (unsigned nth = 1; nth <= reads; nth++) {
		p.hash.reads = 0;
		p.hash.fail_read = nth;
		assert_err(verity_check(&p.v, p.root), EIO);
	}
}

/* --- refusals --- */

static void refused(void **state)
{
	static const struct {
		struct bp_verity_opts opts;
		int error;
		const char *why;
	} rows[] = {
		{ { .algorithm = "sha1" }, ENOTSUP, "'sha1' is not supported: sha256 is" },
		{ { .data_block_bytes = 1000 }, EINVAL, "data block of 1000 bytes" },
		{ { .hash_block_bytes = 256 }, EINVAL, "hash block of 256 bytes" },
		{ { .hash_block_bytes = 1 << 20 }, EINVAL, "hash block of 1048576 bytes" },
		{ { .hash_offset_bytes = 100 }, EINVAL, "offset 100 is not a multiple of 512" },
		{ { .hash_offset_bytes = 512, .flags = BP_VERITY_NO_SUPERBLOCK },
		  EINVAL,
		  "offset 512 is not a multiple of 4096" },
		{ { .salt_bytes = 257 }, EINVAL, "a salt of 257 bytes" },
		{ { .nr_data_blocks = 301 }, EINVAL, "it has 300 of 301 blocks" },
		{ { .nr_data_blocks = UINT64_MAX / 512 }, EINVAL, "can't have a tree" },
	};

	(void)state;
	unlink(path_of("hash"));
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct bp_verity_opts opts = rows[i].opts;

		opts.size = sizeof(opts);
		assert_err(bp_verity_format(ctx, path_of("data"), path_of("hash"), &opts, NULL),
			   rows[i].error);
		assert_why(rows[i].why);
		assert_true(access(path_of("hash"), F_OK) < 0);
	}
}

/* One file holds both: only with the tree behind the data, which stays as it is. */
static void one_file(void **state)
{
	struct bp_verity_opts opts = { .size = sizeof(opts), .nr_data_blocks = 300 };
	struct bp_verity_tree tree = { .size = sizeof(tree) };
	static uint8_t back[DATA_BYTES];
	uint64_t damages;

	(void)state;
	write_file("both", data_bytes, DATA_BYTES);
	assert_err(bp_verity_format(ctx, path_of("both"), path_of("both"), NULL, NULL), EINVAL);
	assert_why("the tree would overwrite data");
	opts.hash_offset_bytes = 299 * 4096;
	assert_err(bp_verity_format(ctx, path_of("both"), path_of("both"), &opts, NULL),
		   EINVAL);
	opts.hash_offset_bytes = 301 * 4096;
	assert_ok(bp_verity_format(ctx, path_of("both"), path_of("both"), &opts, &tree));
	read_file("both", back, sizeof(back));
	assert_memory_equal(back, data_bytes, sizeof(back));
	assert_ok(bp_verity_verify(ctx, path_of("both"), path_of("both"), tree.root_digest, 32,
				   &opts, NULL, &damages));
	assert_int_equal(damages, 0);
	/* Its last block is cut off, though as many as the tree has are there. */
	assert_int_equal(truncate(path_of("both"),
				  (tree.hash_start_blocks + tree.nr_hash_blocks - 1) * 4096),
			 0);
	assert_err(bp_verity_verify(ctx, path_of("both"), path_of("both"), tree.root_digest, 32,
				    &opts, NULL, &damages),
		   EINVAL);
	assert_why("is too small");
	/* What lies there is not overwritten unasked. */
	assert_err(bp_verity_format(ctx, path_of("both"), path_of("both"), &opts, &tree),
		   EEXIST);
	assert_why("DM_verity_hash");
	opts.flags = BP_VERITY_FORCE;
	assert_ok(bp_verity_format(ctx, path_of("both"), path_of("both"), &opts, &tree));
}

static void superblocks(void **state)
{
	static const struct {
		unsigned at;
		uint8_t value;
		int error;
		const char *why;
	} rows[] = {
		{ 0, 'V', EINVAL, "no superblock of verity at byte 0" },
		{ 8, 2, ENOTSUP, "version 2" },
		{ 12, 2, ENOTSUP, "hash type 2" },
		{ 37, '7', ENOTSUP, "'sha257' is not supported" },
		{ 65, 1, EINVAL, "data block of" },
		{ 70, 255, EINVAL, "hash block of" },
		{ 81, 2, EUCLEAN, "a salt of" },
		{ 79, 255, EINVAL, "can't have a tree" },
		{ 76, 1, EINVAL, "is too small" },
	};
	struct bp_verity_opts opts = opts_of(&golden[1]);
	uint64_t damages;

	(void)state;
	unlink(path_of("hash"));
	assert_ok(bp_verity_format(ctx, path_of("data"), path_of("hash"), &opts, NULL));
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		size_t len = read_file("hash", hash_bytes, sizeof(hash_bytes));
		uint8_t was = hash_bytes[rows[i].at];

		hash_bytes[rows[i].at] = rows[i].value;
		write_file("hash", hash_bytes, len);
		assert_err(bp_verity_verify(ctx, path_of("data"), path_of("hash"), hash_bytes,
					    32, NULL, NULL, &damages),
			   rows[i].error);
		assert_why(rows[i].why);
		hash_bytes[rows[i].at] = was;
		write_file("hash", hash_bytes, len);
	}
	assert_err(bp_verity_verify(ctx, path_of("data"), path_of("hash"), hash_bytes, 20, NULL,
				    NULL, &damages),
		   EINVAL);
	assert_why("a root digest of 20 bytes");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_veritysetup),
		cmocka_unit_test(data_blocks),
		cmocka_unit_test(hash_blocks),
		cmocka_unit_test(padding),
		cmocka_unit_test(stopped),
		cmocka_unit_test(each_call_fails),
		cmocka_unit_test(each_read_of_a_check_fails),
		cmocka_unit_test(refused),
		cmocka_unit_test(one_file),
		cmocka_unit_test(superblocks),
	};

	return cmocka_run_group_tests_name("verity", tests, prepare, finish);
}
