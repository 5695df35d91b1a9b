/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Trees of hashes: made, verified, and the table line that activates them. */
#include "commands/common.h"
#include "commands/text_out.h"
#include "commands/vdo.h"

#include <bedplate/targets_crypt.h>
#include <bedplate/verity.h>

#include <inttypes.h>

#define HEX_MAX (2 * BP_VERITY_SALT_MAX + 1)

struct args {
	const char *data, *hash, *root, *root_file, *algorithm, *salt, *uuid;
	uint64_t data_block, hash_block, nr_data_blocks, offset, format;
	bool no_superblock, force;
	struct out_opts out;
};

/* clang-format off */
#define OPTS_OF_TREE \
	OPT_STRING(algorithm, 0, "hash", "NAME", "hash to use; sha256, the default, is the only one"), \
	OPT_RANGE(format, 0, 1, 0, "format", "NUMBER", "hash type: 1 (the default), or 0: Chrome OS's first"), \
	OPT_SIZE(data_block, 1, 0, "data-block-size", "SIZE", "block of the data, bare: bytes; default 4096"), \
	OPT_SIZE(hash_block, 1, 0, "hash-block-size", "SIZE", "block of the tree, bare: bytes; default 4096"), \
	OPT_RANGE(nr_data_blocks, 1, UINT64_MAX, 0, "data-blocks", "NUMBER", "so many blocks are data; default: all"), \
	OPT_SIZE(offset, 1, 0, "hash-offset", "SIZE", "where superblock or tree begin on HASH, bare: bytes; default 0"), \
	OPT_STRING(salt, 's', "salt", "HEX", "salt, at most 256 bytes; -: none"), \
	OPT_FLAG(no_superblock, 0, "no-superblock", "no superblock: all of the above must be told again")

static const struct cmd_opt format_opts[] = {
	OPT_OPERAND(data, "DATA", "device or file with the data"),
	OPT_OPERAND(hash, "HASH", "device or file for the tree; a file is made"),
	OPTS_OF_TREE,
	OPT_STRING(uuid, 'u', "uuid", "UUID", "uuid of the superblock; default: a random one"),
	OPT_STRING(root_file, 0, "root-hash-file", "FILE", "write the root hash there, too"),
	OPT_FLAG(force, 0, "force", "overwrite what HASH holds"),
	OPT_OUTPUT(out),
	OPT_END
};

static const struct cmd_opt verify_opts[] = {
	OPT_OPERAND(data, "DATA", "device or file with the data"),
	OPT_OPERAND(hash, "HASH", "device or file with the tree"),
	OPT_OPERAND_OPTIONAL(root, "ROOT-HASH", "hex digits of the root hash"),
	OPTS_OF_TREE,
	OPT_STRING(root_file, 0, "root-hash-file", "FILE", "read the root hash from there"),
	OPT_END
};
/* clang-format on */

static const struct args defaults = { .format = 1 };

struct row {
	const char *root_hash, *table, *uuid, *salt, *algorithm;
	uint32_t hash_type;
	uint64_t data_block_bytes, hash_block_bytes;
	uint64_t nr_data_blocks, nr_hash_blocks, hash_start_blocks;
};

/* clang-format off */
static const struct out_column format_columns[] = {
	COL_TEXT(struct row, root_hash, OUT_DEFAULT, "digest of the top block: keep it safe"),
	COL_TEXT(struct row, table, OUT_DEFAULT, "table line that activates it"),
	COL_TEXT(struct row, uuid, OUT_DEFAULT, "uuid of the superblock"),
	COL_TEXT(struct row, salt, OUT_DEFAULT, "salt in hex"),
	COL_TEXT(struct row, algorithm, OUT_DEFAULT, "the hash"),
	COL_NUMBER(struct row, hash_type, OUT_DEFAULT, "1, or 0: Chrome OS's first"),
	COL_SIZE(struct row, data_block_bytes, OUT_DEFAULT, "block of the data"),
	COL_SIZE(struct row, hash_block_bytes, OUT_DEFAULT, "block of the tree"),
	COL_NUMBER(struct row, nr_data_blocks, OUT_DEFAULT, "blocks of data"),
	COL_NUMBER(struct row, nr_hash_blocks, OUT_DEFAULT, "blocks of the tree"),
	COL_NUMBER(struct row, hash_start_blocks, OUT_DEFAULT, "where the tree begins, in hash blocks"),
	OUT_COLUMNS_END
};
static const struct out_schema format_schema = {
	.name = "bedplate.verity.format",
	.columns = format_columns,
	.flags = OUT_RECORD | OUT_ONE,
};

static const char *const kinds[] = { "data", "hash", "padding", NULL };
static const struct out_column damage_columns[] = {
	DOC_WORD("kind", kinds, "a block of data, of the tree, or bytes of one that must be zero"),
	DOC("level", OUT_NUMBER, "of the tree, 0 nearest to the data; null of data"),
	COL_NUMBER(struct bp_verity_damage, block, 0, "its number, of data blocks, or of hash blocks on the hash device"),
	COL_NUMBER(struct bp_verity_damage, first_data_block, 0, "first block of data that can't be proven for it"),
	COL_NUMBER(struct bp_verity_damage, nr_data_blocks, 0, "how many"),
	OUT_COLUMNS_END
};
static const char *const verdicts[] = { "clean", "corrupted", NULL };
static const struct out_column verify_columns[] = {
	DOC_WORD("verdict", verdicts, "whether anything was found"),
	DOC("nr_damages", OUT_NUMBER, "how many damages"),
	DOC_LIST("damages", damage_columns, "what was found"),
	DOC("root_hash", OUT_TEXT, "root hash of the tree that was found"),
	DOC("table", OUT_TEXT, "table line with the root hash that was given"),
	OUT_COLUMNS_END
};
static const struct out_schema verify_schema = {
	.name = "bedplate.verity.verify",
	.columns = verify_columns,
	.flags = OUT_ONE,
};
/* clang-format on */

/* --- hex --- */

static void hex_write(const uint8_t *bytes, size_t len, char *to)
{
	for (size_t i = 0; i < len; i++)
		sprintf(to + 2 * i, "%02x", bytes[i]);
	to[2 * len] = '\0';
}

/* Return: false where @text is no hex, or more than @max bytes. */
static bool hex_read(const char *text, size_t max, uint8_t *to, size_t *ret_len)
{
	size_t len = strlen(text);

	if (len % 2 || len / 2 > max)
		return false;
	for (size_t i = 0; i < len / 2; i++)
		if (!hex_byte(text + 2 * i, &to[i]))
			return false;
	*ret_len = len / 2;
	return true;
}

/* --- what both have --- */

struct request {
	struct bp_verity_opts opts;
	uint8_t salt[BP_VERITY_SALT_MAX], uuid[BP_VERITY_UUID_BYTES];
};

static int salt_given(struct cli *cli, const struct args *args, struct request *rq)
{
	if (!args->salt)
		return 0;
	rq->opts.salt = rq->salt;
	if (streq(args->salt, "-")) {
		rq->opts.flags |= BP_VERITY_NO_SALT;
		return 0;
	}
	if (!*args->salt) /* not a salt of the tool's choice by an empty variable */
		return cli_usage_hint(cli, "'-' is none; without --salt it is random",
				      "--salt: '' is no salt");
	if (hex_read(args->salt, sizeof(rq->salt), rq->salt, &rq->opts.salt_bytes))
		return 0;
	return cli_usage(cli, "--salt: '%s' is not at most 256 bytes in hex", args->salt);
}

static int block_given(struct cli *cli, const char *name, uint64_t bytes, uint32_t *ret)
{
	if (bytes > UINT32_MAX || (cli_given(cli, name) && !bytes))
		return cli_usage(cli, "--%s: %" PRIu64 " can't be", name, bytes);
	*ret = (uint32_t)bytes;
	return 0;
}

/* Everything is checked before a device is opened. */
static int request_of(struct cli *cli, const struct args *args, struct request *ret)
{
	int r;

	*ret = (struct request){
		.opts = {
			.size = sizeof(ret->opts),
			.flags = (args->no_superblock ? BP_VERITY_NO_SUPERBLOCK : 0) |
				 (args->format == 0 ? BP_VERITY_TYPE_0 : 0) |
				 (args->force ? BP_VERITY_FORCE : 0) |
				 (cli->dry_run ? BP_VERITY_DRY_RUN : 0),
			.algorithm = args->algorithm,
			.nr_data_blocks = args->nr_data_blocks,
			.hash_offset_bytes = args->offset,
			.progress = cli_progress,
			.user = cli,
		},
	};
	r = block_given(cli, "data-block-size", args->data_block, &ret->opts.data_block_bytes);
	if (r == 0)
		r = block_given(cli, "hash-block-size", args->hash_block,
				&ret->opts.hash_block_bytes);
	return r ? r : salt_given(cli, args, ret);
}

/* The line that activates it. @ret: free() it. Return: 0 or the library's error. */
static int table_line(struct cli *cli, const struct args *args,
		      const struct bp_verity_tree *tree, const char *root, const char *salt,
		      char **ret)
{
	_cleanup_(table_freep) struct bp_table *table = NULL;
	struct bp_verity params = {
		.version = tree->hash_type,
		.data_dev = args->data,
		.hash_dev = args->hash,
		.data_block_bytes = tree->data_block_bytes,
		.hash_block_bytes = tree->hash_block_bytes,
		.nr_data_blocks = tree->nr_data_blocks,
		.hash_start_blocks = tree->hash_start_blocks,
		.algorithm = tree->algorithm,
		.root_digest = root,
		.salt = tree->salt_bytes ? salt : NULL,
	};
	bp_sector length =
		bp_bytes_to_sector(tree->nr_data_blocks * (uint64_t)tree->data_block_bytes);
	int r = bp_table_new(cli->ctx, &table);

	if (r == 0)
		r = bp_table_append(cli->ctx, table, length, BP_PARAMS_VERITY(&params));
	if (r == 0)
		r = bp_table_format(cli->ctx, table, ret);
	if (r == 0)
		(*ret)[strcspn(*ret, "\n")] = '\0';
	return r;
}

/* --- format --- */

/* @root: NULL: only refuse what can't be written to. */
static int write_root(struct cli *cli, const struct args *args, const char *root)
{
	const char *const inputs[] = { args->data, args->hash, NULL };
	char line[2 * BP_VERITY_DIGEST_MAX + 2];

	if (!args->root_file)
		return EXIT_OK;
	if (root)
		snprintf(line, sizeof(line), "%s\n", root);
	return text_put(cli, args->root_file, inputs, root ? line : NULL);
}

/* The root hash is written to its file before it is printed: it exists nowhere else. */
static int print_tree(struct cli *cli, const struct args *args,
		      const struct bp_verity_tree *tree)
{
	char root[2 * BP_VERITY_DIGEST_MAX + 1], salt[HEX_MAX], uuid[VDO_UUID_TEXT];
	_cleanup_(freep) char *line = NULL;
	struct out *out;
	struct row row = {
		.salt = tree->salt_bytes ? salt : NULL,
		.uuid = tree->has_superblock ? vdo_uuid_text(tree->uuid, uuid) : NULL,
		.algorithm = tree->algorithm,
		.hash_type = tree->hash_type,
		.data_block_bytes = tree->data_block_bytes,
		.hash_block_bytes = tree->hash_block_bytes,
		.nr_data_blocks = tree->nr_data_blocks,
		.nr_hash_blocks = tree->nr_hash_blocks,
		.hash_start_blocks = tree->hash_start_blocks,
	};
	int r;

	hex_write(tree->salt, tree->salt_bytes, salt);
	hex_write(tree->root_digest, tree->digest_bytes, root);
	if (!cli->dry_run) {
		r = table_line(cli, args, tree, root, salt, &line);
		if (r < 0)
			return cli_fail(cli, NULL, r);
		row.root_hash = root;
		row.table = line;
		r = write_root(cli, args, root);
		if (r)
			return r;
	}
	r = out_open(cli, &args->out, &format_schema, &out);
	if (r || !out)
		return r;
	out_add(out, NULL, &row);
	return out_print(out);
}

/* The file for the root hash is tried before: hashing may take hours. */
static int run_format(struct cli *cli, const void *p)
{
	const struct args *args = p;
	struct bp_verity_tree tree = { .size = sizeof(tree) };
	struct request rq;
	int r = request_of(cli, args, &rq);

	if (r)
		return r;
	if (args->uuid && !vdo_uuid_parse(args->uuid, rq.uuid))
		return cli_usage(cli, "--uuid: '%s' is not a uuid", args->uuid);
	rq.opts.uuid = args->uuid ? rq.uuid : NULL;
	r = write_root(cli, args, NULL);
	if (r)
		return r;
	cli_progress_title(cli, "hashing");
	r = bp_verity_format(cli->ctx, args->data, args->hash, &rq.opts, &tree);
	cli_progress_end(cli);
	return r < 0 ? cli_fail(cli, args->hash, r) : print_tree(cli, args, &tree);
}

/* --- verify --- */

struct verification {
	struct cli *cli;
	struct bp_json *json;
};

/* level is null for data. */
static void damage_json(struct bp_json *json, const struct bp_verity_damage *d)
{
	bp_json_object(json, NULL);
	bp_json_string(json, "kind", d->padding ? "padding" : d->level < 0 ? "data" : "hash");
	if (d->level < 0)
		bp_json_null(json, "level");
	else
		bp_json_uint(json, "level", (uint64_t)d->level);
	out_members(json, damage_columns, d);
	bp_json_object_close(json);
}

/* Progress is ended first, so that lines don't mix. */
static int on_damage(void *user, const struct bp_verity_damage *d)
{
	struct verification *v = user;

	if (v->json) {
		damage_json(v->json, d);
		return 0;
	}
	if (v->cli->quiet)
		return 0;
	cli_progress_end(v->cli);
	if (d->padding)
		fprintf(v->cli->out,
			"hash block %" PRIu64 ": bytes behind its hashes are not zero\n",
			d->block);
	else if (d->level < 0)
		fprintf(v->cli->out, "data block %" PRIu64 " is corrupted\n", d->block);
	else
		fprintf(v->cli->out,
			"hash block %" PRIu64 " is corrupted: data blocks %" PRIu64 "..%" PRIu64
			" can't be verified\n",
			d->block, d->first_data_block, d->first_data_block + d->nr_data_blocks);
	return 0;
}

static int on_progress(void *user, uint64_t done, uint64_t total)
{
	const struct verification *v = user;

	return cli_progress(v->cli, done, total);
}

/* The root hash as given: @text lends, or free() @ret_read. Return: 0 or an exit status. */
static int root_given(struct cli *cli, const struct args *args, uint8_t *ret, size_t *ret_len)
{
	_cleanup_(freep) char *read = NULL;
	const char *text = args->root;
	int r;

	if (!args->root == !args->root_file)
		return cli_usage(cli,
				 "the root hash is given by ROOT-HASH or --root-hash-file");
	if (args->root_file) {
		r = read_text(cli, args->root_file, &read);
		if (r)
			return r;
		read[strcspn(read, " \t\r\n")] = '\0';
		text = read;
	}
	if (hex_read(text, BP_VERITY_DIGEST_MAX, ret, ret_len) && *ret_len)
		return 0;
	return cli_usage(cli, "the root hash '%s' is not in hex", text);
}

static int end_text(struct cli *cli, uint64_t damages, const char *line)
{
	if (!cli->quiet && damages)
		fprintf(cli->out, "%" PRIu64 " damage%s found\n", damages,
			damages == 1 ? "" : "s");
	else if (!cli->quiet)
		cli_print(cli, "%s\n", line);
	return damages ? EXIT_FAILED : EXIT_OK;
}

/* root_hash is what was found, which differs from the given one where the tree is bad. */
static int end_json(struct verification *v, uint64_t damages, const char *found,
		    const char *line)
{
	int status;

	bp_json_array_close(v->json);
	bp_json_uint(v->json, "nr_damages", damages);
	bp_json_string(v->json, "verdict", damages ? "corrupted" : "clean");
	bp_json_string(v->json, "root_hash", found);
	bp_json_string(v->json, "table", line);
	bp_json_object_close(v->json);
	status = cli_json_end(v->cli, v->json);
	return status ? status : damages ? EXIT_FAILED : EXIT_OK;
}

/* The table line has the root hash that was given: that is the trusted one. */
static int finish(struct verification *v, const struct args *args,
		  const struct bp_verity_tree *tree, const uint8_t *given, uint64_t damages)
{
	char root[2 * BP_VERITY_DIGEST_MAX + 1], salt[HEX_MAX], wanted[sizeof(root)];
	_cleanup_(freep) char *line = NULL;
	int r;

	hex_write(tree->salt, tree->salt_bytes, salt);
	hex_write(tree->root_digest, tree->digest_bytes, root);
	hex_write(given, tree->digest_bytes, wanted);
	r = table_line(v->cli, args, tree, wanted, salt, &line);
	if (r < 0)
		return v->json ? cli_json_fail(v->cli, v->json, NULL, r)
			       : cli_fail(v->cli, NULL, r);
	return v->json ? end_json(v, damages, root, line) : end_text(v->cli, damages, line);
}

/* The document begins before the work, as damages are written when they are found. */
static int run_verify(struct cli *cli, const void *p)
{
	const struct args *args = p;
	struct bp_verity_tree tree = { .size = sizeof(tree) };
	struct verification v = { .cli = cli };
	uint8_t root[BP_VERITY_DIGEST_MAX];
	struct request rq;
	uint64_t damages;
	size_t len = 0;
	int r = request_of(cli, args, &rq);

	if (r == 0)
		r = root_given(cli, args, root, &len);
	if (r == 0 && cli->json) {
		r = cli_json_start(cli, &verify_schema, &v.json);
		if (r == 0) {
			bp_json_object(v.json, "data");
			bp_json_array(v.json, "damages");
		}
	}
	if (r)
		return r;
	rq.opts.damage = on_damage;
	rq.opts.progress = on_progress;
	rq.opts.user = &v;
	cli_progress_title(cli, "verifying");
	r = bp_verity_verify(cli->ctx, args->data, args->hash, root, len, &rq.opts, &tree,
			     &damages);
	cli_progress_end(cli);
	if (r < 0)
		return v.json ? cli_json_fail(cli, v.json, args->hash, r)
			      : cli_fail(cli, args->hash, r);
	return finish(&v, args, &tree, root, damages);
}

const struct cmd cmd_verity_format = {
	.name = "verity format",
	.group = "Verity",
	.summary = "Make the tree of hashes that proves a device's data.",
	.examples = "  bedplate verity format root.img root.hash --root-hash-file root.txt\n",
	.opts = format_opts,
	.args_size = sizeof(struct args),
	.defaults = &defaults,
	.flags = CMD_DRY_RUN,
	.schemas = SCHEMAS(&format_schema),
	.run = run_format,
};

const struct cmd cmd_verity_verify = {
	.name = "verity verify",
	.group = "Verity",
	.summary = "Verify data by a tree of hashes and its root hash.",
	.examples = "  bedplate verity verify root.img root.hash --root-hash-file root.txt\n",
	.opts = verify_opts,
	.args_size = sizeof(struct args),
	.defaults = &defaults,
	.flags = CMD_READS,
	.schemas = SCHEMAS(&verify_schema),
	.run = run_verify,
};
