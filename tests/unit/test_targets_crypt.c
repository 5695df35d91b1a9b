/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* crypt, integrity, verity and inlinecrypt: what lines mean, and what is said of wrong ones. */
#include "targets_test.h"

/* Keys and digests of so many bytes, in hex. */
#define HEX16 "000102030405060708090a0b0c0d0e0f"
#define HEX32 HEX16 HEX16
#define HEX64 HEX32 HEX32

/* --- crypt --- */

static void crypt_tables(void **state)
{
	const struct bp_crypt *c;

	(void)state;
	c = typed("0 20480 crypt aes-xts-plain64 " HEX64 " 4096 /dev/loop0 2048 6 "
		  "no_write_workqueue Allow_Discards integrity:28:aead sector_size:4096 "
		  "iv_large_sectors integrity_key_size:32");
	assert_string_equal(c->cipher, "aes-xts-plain64");
	assert_string_equal(c->key, HEX64);
	assert_int_equal(c->iv_offset_sectors, 4096);
	assert_string_equal(c->dev, "/dev/loop0");
	assert_int_equal(c->offset_sectors, 2048);
	assert_true(c->allow_discards);
	assert_true(c->no_write_workqueue);
	assert_false(c->no_read_workqueue);
	assert_int_equal(c->integrity->tag_bytes, 28);
	assert_int_equal(c->integrity->kind, BP_CRYPT_AEAD);
	assert_int_equal(c->sector_bytes.value, 4096);
	assert_true(c->iv_large_sectors);
	assert_int_equal(c->integrity_key_bytes.value, 32);

	c = typed("0 20480 crypt cipher_null-ecb - 0 7:0 0");
	assert_null(c->key);
	assert_null(c->integrity);
	assert_false(c->sector_bytes.is_set);

	c = typed("0 20480 crypt aes-xts-plain64 :64:logon:dm:k64 0 7:0 0");
	assert_string_equal(c->key, ":64:logon:dm:k64");
}

static void crypt_built(void **state)
{
	const struct bp_crypt_integrity integrity = { 48, BP_CRYPT_NONE };
	const struct bp_crypt crypt = {
		.cipher = "aes-cbc-random",
		.key = HEX16,
		.dev = "8:0",
		.integrity = &integrity,
		.sector_bytes = BP_SET(4096),
		.same_cpu_crypt = true,
	};

	(void)state;
	assert_built("crypt", &crypt,
		     "aes-cbc-random " HEX16 " 0 8:0 0 3 same_cpu_crypt integrity:48:none "
		     "sector_size:4096");
}

static void crypt_equal(void **state)
{
	static const char small[] = "0 8 crypt aes abcdef0123456789abcdef0123456789 0 7:0 0";

	(void)state;
	assert_same("0 8 crypt aes ABCDEF0123456789abcdef0123456789 0 7:0 0 1 sector_size:512",
		    small);
	assert_differs("0 8 crypt aes abcdef0123456789abcdef0123456780 0 7:0 0", small);
	assert_differs("0 8 crypt aes - 0 7:0 0", small);
	/* A keyring's descriptions differ by case. */
	assert_differs("0 8 crypt aes :16:user:KEY 0 7:0 0",
		       "0 8 crypt aes :16:user:key 0 7:0 0");
}

static void crypt_messages(void **state)
{
	const struct bp_crypt_key set = { BP_CRYPT_KEY_SET, HEX16 };
	const struct bp_crypt_key wipe = { .action = BP_CRYPT_KEY_WIPE };
	char *text;

	(void)state;
	assert_ok(bp_message_format(ctx, BP_MESSAGE_CRYPT_KEY(&set), &text));
	assert_string_equal(text, "key set " HEX16);
	free(text);
	assert_ok(bp_message_format(ctx, BP_MESSAGE_CRYPT_KEY(&wipe), &text));
	assert_string_equal(text, "key wipe");
	free(text);
	assert_err(bp_message_check(ctx, "crypt", "key lose", &text), EINVAL);
}

/* Keys are in no finding and, unless asked for, in no JSON. */
static void keys_are_kept_secret(void **state)
{
	static const char *const lines[] = {
		"0 8 crypt aes-xts-plain64 5ec12e7 0 7:0 0",
		"0 8 integrity 7:1 0 4 J 1 internal_hash:hmac(sha256):5ec12e7",
		"0 8 inlinecrypt aes-xts-plain64 5ec12e7 0 7:0 0",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		struct bp_table *table = parsed(lines[i], 0);
		struct bp_findings *findings = checked(lines[i], 0);
		struct bp_json *json;

		assert_int_equal(bp_findings_severity(findings), BP_SEVERITY_REFUSED);
		for (size_t f = 0; f < bp_findings_count(findings); f++)
			assert_null(strstr(bp_findings_get(findings, f)->message, "5ec12e7"));
		bp_findings_free(findings);
		assert_ok(bp_json_new(NULL, NULL, &json));
		assert_ok(bp_table_json(ctx, table, false, json, NULL));
		assert_ok(bp_json_end(json));
		if (strstr(bp_json_text(json, NULL), "5ec12e7"))
			fail_msg("%s", bp_json_text(json, NULL));
		bp_json_free(json);
		bp_table_free(table);
	}
}

/* --- integrity --- */

static void integrity_tables(void **state)
{
	const struct bp_integrity *d;

	(void)state;
	d = typed("0 16384 integrity 7:1 8 32 J 8 meta_device:7:2 journal_watermark:0 "
		  "internal_hash:hmac(sha256):" HEX32 " journal_crypt:cbc(aes):" HEX16
		  " block_size:4096 fix_hmac reset_recalculate commit_time:3000");
	assert_string_equal(d->dev, "7:1");
	assert_int_equal(d->offset_sectors, 8);
	assert_int_equal(d->tag_bytes.value, 32);
	assert_int_equal(d->mode, BP_INTEGRITY_JOURNAL);
	assert_string_equal(d->meta_dev, "7:2");
	assert_true(d->journal_watermark_percent.is_set);
	assert_int_equal(d->journal_watermark_percent.value, 0);
	assert_false(d->journal_sectors.is_set);
	assert_string_equal(d->internal_hash->name, "hmac(sha256)");
	assert_string_equal(d->internal_hash->key, HEX32);
	assert_string_equal(d->journal_crypt->name, "cbc(aes)");
	assert_null(d->journal_mac);
	assert_int_equal(d->block_bytes.value, 4096);
	assert_true(d->fix_hmac);
	assert_true(d->reset_recalculate);
	assert_int_equal(d->commit_time_ms.value, 3000);

	d = typed("0 16384 integrity 7:1 0 - B 3 internal_hash:crc32c sectors_per_bit:4096 "
		  "bitmap_flush_interval:5000");
	assert_false(d->tag_bytes.is_set);
	assert_int_equal(d->mode, BP_INTEGRITY_BITMAP);
	assert_null(d->internal_hash->key);
	assert_int_equal(d->bit_sectors.value, 4096);
	assert_int_equal(d->bitmap_flush_interval_ms.value, 5000);
}

static void integrity_built(void **state)
{
	const struct bp_integrity_algorithm crc = { .name = "crc32c" };
	const struct bp_integrity integrity = {
		.dev = "8:0",
		.mode = BP_INTEGRITY_DIRECT,
		.internal_hash = &crc,
		.allow_discards = true,
	};

	(void)state;
	assert_built("integrity", &integrity,
		     "8:0 0 - D 2 allow_discards internal_hash:crc32c");
	assert_built("integrity",
		     &(struct bp_integrity){ .dev = "8:0",
					     .tag_bytes = BP_SET(16),
					     .mode = BP_INTEGRITY_JOURNAL },
		     "8:0 0 16 J 0");
}

static void integrity_equal(void **state)
{
	static const char printed[] =
		"0 8 integrity 7:1 0 4 J 6 interleave_sectors:32768 "
		"buffer_sectors:128 journal_sectors:176 "
		"journal_watermark:50 commit_time:10000 internal_hash:crc32c";

	(void)state;
	assert_same("0 8 integrity 7:1 0 - J 2 journal_sectors:1024 internal_hash:crc32c",
		    printed);
	assert_differs("0 8 integrity 7:1 0 4 J 2 commit_time:1 internal_hash:crc32c", printed);
	assert_differs("0 8 integrity 7:1 0 4 J 1 internal_hash:sha256", printed);
	assert_differs("0 8 integrity 7:1 0 4 D 1 internal_hash:crc32c", printed);
	assert_differs("0 8 integrity 7:1 0 8 J 1 internal_hash:crc32c", printed);
}

static void integrity_status(void **state)
{
	const struct bp_integrity_status *s;

	(void)state;
	s = status("integrity", "3 20040 -");
	assert_int_equal(s->mismatches, 3);
	assert_int_equal(s->provided_sectors, 20040);
	assert_false(s->recalculated_sector.is_set);
	s = status("integrity", "0 20040 0");
	assert_true(s->recalculated_sector.is_set);
}

/* --- verity --- */

#define VERITY "0 8 verity 1 7:0 7:1 4096 4096 256 0 sha256 " HEX32 " "

static void verity_tables(void **state)
{
	const struct bp_verity *v;

	(void)state;
	v = typed("0 2048 verity 1 7:0 /dev/loop1 4096 1024 256 7 sha256 " HEX32 " aabb 12 "
		  "fec_roots 24 fec_start 0 fec_blocks 259 use_fec_from_device 7:5 "
		  "panic_on_error IGNORE_corruption root_hash_sig_key_desc k");
	assert_int_equal(v->version, 1);
	assert_string_equal(v->data_dev, "7:0");
	assert_string_equal(v->hash_dev, "/dev/loop1");
	assert_int_equal(v->data_block_bytes, 4096);
	assert_int_equal(v->hash_block_bytes, 1024);
	assert_int_equal(v->nr_data_blocks, 256);
	assert_int_equal(v->hash_start_blocks, 7);
	assert_string_equal(v->algorithm, "sha256");
	assert_string_equal(v->root_digest, HEX32);
	assert_string_equal(v->salt, "aabb");
	assert_int_equal(v->on_corruption, BP_VERITY_IGNORE_CORRUPTION);
	assert_int_equal(v->on_error, BP_VERITY_PANIC_ON_ERROR);
	assert_string_equal(v->fec_dev, "7:5");
	assert_int_equal(v->fec_roots.value, 24);
	assert_true(v->fec_start_blocks.is_set);
	assert_string_equal(v->root_hash_sig_key_desc, "k");

	v = typed(VERITY "-");
	assert_null(v->salt);
	assert_null(v->fec_dev);
	assert_int_equal(v->on_corruption, 0);
}

static void verity_built(void **state)
{
	const struct bp_verity verity = {
		.version = 1,
		.data_dev = "8:0",
		.hash_dev = "8:16",
		.data_block_bytes = 4096,
		.hash_block_bytes = 4096,
		.nr_data_blocks = 256,
		.algorithm = "sha256",
		.root_digest = HEX32,
		.check_at_most_once = true,
		.on_corruption = BP_VERITY_RESTART_ON_CORRUPTION,
	};

	(void)state;
	assert_built("verity", &verity,
		     "1 8:0 8:16 4096 4096 256 0 sha256 " HEX32
		     " - 2 restart_on_corruption check_at_most_once");
}

static void verity_equal(void **state)
{
	(void)state;
	assert_same("0 8 verity 1 7:0 7:1 4096 4096 256 0 sha256 AB CD",
		    "0 8 verity 1 7:0 7:1 4096 4096 256 0 sha256 ab cd");
	assert_same(VERITY "- 2 ignore_zero_blocks check_at_most_once",
		    VERITY "- 2 check_at_most_once ignore_zero_blocks");
	assert_same(VERITY "- 6 use_fec_from_device 7:2 fec_blocks 9 fec_roots 2",
		    VERITY "- 8 use_fec_from_device 7:2 fec_blocks 9 fec_start 0 fec_roots 2");
	assert_differs(VERITY "-", VERITY "00");
	assert_differs(VERITY "- 1 ignore_corruption", VERITY "- 1 panic_on_corruption");
}

static void verity_status(void **state)
{
	const struct bp_verity_status *s;

	(void)state;
	s = status("verity", "V");
	assert_int_equal(s->state, BP_VERITY_VALID);
	assert_false(s->corrected_blocks.is_set);
	s = status("verity", "C 0");
	assert_int_equal(s->state, BP_VERITY_CORRUPTED);
	assert_true(s->corrected_blocks.is_set);
	s = status("verity", "V -");
	assert_false(s->corrected_blocks.is_set);
}

/* --- inlinecrypt --- */

static void inlinecrypt_tables(void **state)
{
	const struct bp_inlinecrypt *c;
	struct bp_table *table;

	(void)state;
	c = typed("0 8 inlinecrypt aes-xts-plain64 :64:logon:fde:k 8 7:0 16 3 sector_size:4096 "
		  "iv_large_sectors keytype:hw-wrapped");
	assert_string_equal(c->key, ":64:logon:fde:k");
	assert_int_equal(c->iv_offset_sectors, 8);
	assert_int_equal(c->offset_sectors, 16);
	assert_int_equal(c->key_type, BP_INLINECRYPT_HW_WRAPPED);
	assert_int_equal(c->sector_bytes.value, 4096);
	assert_true(c->iv_large_sectors);
	assert_false(c->allow_discards);

	/* A kernel's own line is another, but means the same. */
	table = parsed("0 8 inlinecrypt aes-xts-plain64 " HEX64 " 2 0 7:0 16 1 allow_discards",
		       BP_TABLE_PRINTED);
	c = bp_table_get(table, 0)->params;
	assert_int_equal(c->key_type, BP_INLINECRYPT_HW_WRAPPED);
	assert_int_equal(c->offset_sectors, 16);
	assert_string_equal(bp_table_get(table, 0)->args,
			    "aes-xts-plain64 " HEX64
			    " 0 7:0 16 2 allow_discards keytype:hw-wrapped");
	bp_table_free(table);
	assert_same("0 8 inlinecrypt aes-xts-plain64 " HEX64 " 0 7:0 0",
		    "0 8 inlinecrypt aes-xts-plain64 " HEX64 " 1 0 7:0 0");
}

/* --- pre-flight --- */

#define CRYPT  "0 8 crypt aes-xts-plain64 " HEX64 " 0 7:0 0 "
#define INLINE "0 8 inlinecrypt aes-xts-plain64 "

static const struct refused refused[] = {
	{ "0 8 verity 1 7:0 7:1 4096 512 256 0 sha512 00 -", NULL, NULL },
	{ "0 8 verity 1 7:0 7:1 4096 4096 18446744073709551615 0 odd 00 -", "nr_data_blocks",
	  "must be possible" },
	{ "0 8 verity 1 7:0 7:1 4096 4096 256 18446744073709551615 sha256 " HEX32 " -", NULL,
	  NULL },
	{ "0 8 verity 1 7:0 7:1 512 1024 256 0 sha256 " HEX32 " - 6 use_fec_from_device 7:2 "
	  "fec_roots 2 fec_blocks 300",
	  NULL, NULL },
	{ "0 8 integrity 7:1 0 4 I 2 internal_hash:crc32c allow_discards", "allow_discards",
	  "has no discards" },
	{ "0 8 crypt xts(aes)-plain64 " HEX64 " 0 7:0 0", "cipher", "capi:" },
	{ "0 8 crypt aes:3-cbc-plain " HEX32 " 0 7:0 0", "cipher", "power of two" },
	{ "0 8 crypt aes-xts " HEX64 " 0 7:0 0", "cipher", "need an IV" },
	{ "0 8 crypt aes-xts-odd " HEX64 " 0 7:0 0", "cipher", "no such IV" },
	{ "0 8 crypt capi:xts(aes)-odd " HEX64 " 0 7:0 0", "cipher", "no such IV" },
	{ "0 8 crypt aes-cbc-essiv " HEX32 " 0 7:0 0", "cipher", "essiv:sha256" },
	{ "0 8 crypt aes-cbc-random " HEX16 " 0 7:0 0", "cipher", "random" },
	{ "0 8 crypt aes-xts-plain64 " HEX16 " 0 7:0 0", "key", "16, 24 or 32 bytes" },
	{ "0 8 crypt aes:2-cbc-plain " HEX16 " 0 7:0 0", "key", "each of its parts" },
	{ "0 8 crypt aes - 0 7:0 0", "key", "16, 24 or 32" },
	{ "0 8 crypt aes 0g 0 7:0 0", "key", "hex" },
	{ "0 8 crypt aes :16:big:k 0 7:0 0", "key", "logon, user" },
	{ "0 8 crypt aes :16:user 0 7:0 0", "key", ":BYTES:TYPE" },
	{ "0 8 crypt aes-xts-plain64 :16:user:k 0 7:0 0", "key", "16, 24 or 32" },
	{ CRYPT "1 sector_size:1536", "sector_bytes", "512, 1024" },
	{ CRYPT "1 sector_size:8192", "sector_bytes", "4096" },
	{ "0 9 crypt aes " HEX16 " 0 7:0 0 1 sector_size:4096", "length", "a multiple of 8" },
	{ "0 8 crypt aes " HEX16 " 1 7:0 0 1 sector_size:4096", "iv_offset_sectors",
	  "a multiple of 8" },
	{ "0 8 crypt aes " HEX16 " 0 7:0 2041", "dev", "too small" },
	{ CRYPT "1 integrity:481:none", "integrity", "1 to 480" },
	{ CRYPT "1 integrity_key_size:0", "integrity_key_bytes", "1 to" },
	{ CRYPT "1 high_priority", "high_priority", "this kernel's crypt has no", 0x0601 },
	{ CRYPT "9 allow_discards same_cpu_crypt submit_from_crypt_cpus no_read_workqueue "
		"no_write_workqueue integrity:16:none sector_size:4096 iv_large_sectors "
		"high_priority",
	  "#features", "8 words", 0x0601 },
	{ "0 8 integrity 7:1 0 - J 0", "tag_bytes", "internal_hash" },
	{ "0 8 integrity 7:1 0 256 J 0", "tag_bytes", "1 to 255" },
	{ "0 8 integrity 7:1 0 4 B 0", "mode", "internal_hash" },
	{ "0 8 integrity 7:1 0 4 J 1 allow_discards", "allow_discards", "internal_hash" },
	{ "0 8 integrity 7:1 0 4 J 1 reset_recalculate", "reset_recalculate", "internal_hash" },
	{ "0 8 integrity 7:1 0 4 J 2 recalculate internal_hash:hmac(md5):00", "recalculate",
	  "legacy_recalculate" },
	{ "0 8 integrity 7:1 0 4 J 2 allow_discards_keyed internal_hash:crc32c",
	  "allow_discards_keyed", "keyed hash" },
	{ "0 8 integrity 7:1 0 4 J 2 allow_discards_keyed internal_hash:hmac(md5):00",
	  "allow_discards_keyed", "this kernel's integrity has no", 0x0601 },
	{ "0 8 integrity 7:1 0 4 J 1 journal_mac:md5:0", "journal_mac", "hex" },
	{ "0 8 integrity 7:1 0 4 J 1 block_size:1536", "block_bytes", "512, 1024" },
	{ "0 8 integrity 7:1 0 4 J 1 journal_watermark:101", "journal_watermark_percent",
	  "0 to 100" },
	{ "0 8 integrity 7:1 0 4 J 1 meta_device:none", "meta_dev", "no such device" },
	{ "0 8 integrity 7:1 0 4 J 1 meta_device:7:9", "meta_dev", "no room" },
	{ "0 8 integrity 7:1 2040 4 J 0", "dev", "no room" },
	{ "0 2048 integrity 7:1 0 4 J 0", "length", "beside tags" },
	{ "0 8 integrity 7:1 0 4 I 1 internal_hash:crc32c", "mode", "J, B, D or R", 0x0601 },
	{ "0 8 integrity 7:1 0 4 I 0", "internal_hash", "mode I" },
	{ "0 8 integrity 7:1 0 4 I 2 internal_hash:crc32c meta_device:7:2", "meta_dev",
	  "inline" },
	{ "0 8 integrity 7:1 0 4 I 2 internal_hash:crc32c journal_mac:md5", "journal_mac",
	  "no journal" },
	{ "0 8 verity 2 7:0 7:1 4096 4096 256 0 sha256 " HEX32 " -", "version", "0 to 1" },
	{ "0 8 verity 1 7:0 7:1 8192 4096 256 0 sha256 " HEX32 " -", "data_block_bytes",
	  "512 to 4096" },
	{ "0 8 verity 1 8:0 7:1 1024 4096 256 0 sha256 " HEX32 " -", "data_block_bytes",
	  "4096 to 4096" },
	{ "0 8 verity 1 7:0 7:1 4096 1000 256 0 sha256 " HEX32 " -", "hash_block_bytes",
	  "power of two" },
	{ "0 8 verity 1 7:0 7:1 512 512 256 0 sha1 " HEX32 " -", "root_digest",
	  "40 hex digits" },
	{ "0 16 verity 1 7:0 7:1 4096 4096 1 0 sha256 " HEX32 " -", "nr_data_blocks", "reach" },
	{ "0 8 verity 1 7:0 7:9 4096 512 256 0 sha256 " HEX32 " -", "hash_dev",
	  "17 hash blocks or more" },
	{ "0 8 verity 1 7:0 7:1 4096 4096 256 254 sha256 " HEX32 " -", "hash_dev",
	  "257 hash blocks" },
	{ VERITY "xyz", "salt", "hex" },
	{ VERITY "- 4 use_fec_from_device 7:2 fec_roots 2", "fec_dev", "fec_blocks" },
	{ VERITY "- 4 use_fec_from_device 7:2 fec_blocks 300", "fec_dev", "fec_roots" },
	{ VERITY "- 6 use_fec_from_device 7:2 fec_roots 25 fec_blocks 300", "fec_roots",
	  "2 to 24" },
	{ VERITY "- 6 use_fec_from_device 7:2 fec_roots 2 fec_blocks 9", "fec_blocks",
	  "cover" },
	{ VERITY "- 6 use_fec_from_device 7:9 fec_roots 2 fec_blocks 300", "fec_dev",
	  "4 blocks or more" },
	{ VERITY "- 1 restart_on_error", "on_error", "no 'restart_on_error'", 0x0601 },
	{ "0 8 inlinecrypt aes " HEX64 " 0 7:0 0", "cipher", "aes-xts-plain64" },
	{ INLINE "0x 0 7:0 0", "key", "hex" },
	{ INLINE ":64:user:k 0 7:0 0", "key", "logon" },
	{ INLINE ":a:logon:k 0 7:0 0", "key", ":BYTES:logon" },
	{ INLINE HEX64 " 0 7:0 0 1 sector_size:4096", "sector_bytes", "iv_large_sectors" },
	{ INLINE HEX64 " 1 7:0 0 2 sector_size:4096 iv_large_sectors", "iv_offset_sectors",
	  "multiple of 8" },
	{ INLINE HEX64 " 0 7:0 0 2 sector_size:600 iv_large_sectors", "sector_bytes", "power" },
	{ "0 9 inlinecrypt aes-xts-plain64 " HEX64
	  " 0 7:0 0 2 sector_size:1024 iv_large_sectors",
	  "length", "multiple of 2" },
	{ INLINE HEX64 " 0 7:0 2041", "dev", "too small" },
};

static const char *const accepted[] = {
	CRYPT "1 high_priority",
	"0 8 crypt aes " HEX16 " 0 7:0 0",
	"0 8 crypt cipher_null-ecb - 0 7:0 0",
	"0 8 crypt aes-cbc-lmk " HEX64 " 0 7:0 0",
	"0 8 crypt serpent-xts-plain64 " HEX64 " 0 7:0 0",
	"0 8 crypt capi:authenc(hmac(sha256),xts(aes))-random " HEX64 HEX32
	" 0 7:0 0 1 integrity:48:aead",
	"0 8 integrity 7:1 0 4 J 2 internal_hash:crc32c recalculate",
	"0 8 integrity 7:1 0 4 J 3 internal_hash:hmac(md5):00 recalculate legacy_recalculate",
	"0 8 verity 1 7:0 7:1 512 512 256 0 sha1 " HEX16 "00010203 -",
	"0 2048 verity 1 7:0 7:1 4096 4096 256 0 sha256 " HEX32 " -",
	VERITY "- 6 use_fec_from_device 7:2 fec_roots 2 fec_blocks 300",
	INLINE HEX64 " 0 7:0 0 1 keytype:raw",
};

static void wrong_lines_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++)
		assert_refused(&refused[i]);
	for (size_t i = 0; i < ARRAY_SIZE(accepted); i++)
		assert_accepted(accepted[i]);
}

static void conflicts_are_named(void **state)
{
	struct bp_table *table;

	(void)state;
	assert_err(bp_table_parse(ctx, VERITY "- 2 ignore_corruption panic_on_corruption", 0,
				  &table),
		   EINVAL);
	assert_string_equal(
		bp_error_get(ctx)->message,
		"segment 0 (verity): argument 13 (on_corruption): 'ignore_corruption' "
		"and 'panic_on_corruption' exclude each other");
}

static void warnings(void **state)
{
	(void)state;
	assert_warned("0 8 crypt aes 00000000000000000000000000000000 0 7:0 0", "key");
	assert_told(VERITY "- 4 fec_roots 2 fec_blocks 300", NULL, BP_SEVERITY_WARNING);
	assert_warned(CRYPT "1 iv_large_sectors", "iv_large_sectors");
	assert_told(CRYPT "1 integrity:16:none", "dev", BP_SEVERITY_UNKNOWN);
	assert_told("0 8 crypt aes :16:user:k 0 7:0 0", "key", BP_SEVERITY_UNKNOWN);
	assert_told("0 8 integrity 7:1 0 4 I 1 internal_hash:crc32c", "dev",
		    BP_SEVERITY_UNKNOWN);
	assert_told("0 8 integrity 7:1 0 4 J 1 internal_hash:odd", "internal_hash",
		    BP_SEVERITY_UNKNOWN);
	assert_told("0 8 verity 1 7:0 7:1 4096 4096 256 0 odd 00 -", "algorithm",
		    BP_SEVERITY_UNKNOWN);
}

static void lengths(void **state)
{
	(void)state;
	assert_length("0 8 verity 1 7:0 7:1 4096 4096 18446744073709551615 0 sha256 00 -",
		      2048);
	assert_length("0 8 crypt aes - 0 7:0 9 1 sector_size:4096", 2032);
	assert_length("0 8 crypt aes - 0 7:0 9", 2039);
	assert_length(INLINE HEX16 " 0 7:0 48", 2000);
	assert_length("0 8 verity 1 7:0 7:1 4096 4096 100 0 sha256 00 -", 800);
	assert_length("0 8 verity 1 7:0 7:1 4096 4096 9999 0 sha256 00 -", 2048);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(crypt_tables),
		cmocka_unit_test(crypt_built),
		cmocka_unit_test(crypt_equal),
		cmocka_unit_test(crypt_messages),
		cmocka_unit_test(keys_are_kept_secret),
		cmocka_unit_test(integrity_tables),
		cmocka_unit_test(integrity_built),
		cmocka_unit_test(integrity_equal),
		cmocka_unit_test(integrity_status),
		cmocka_unit_test(verity_tables),
		cmocka_unit_test(verity_built),
		cmocka_unit_test(verity_equal),
		cmocka_unit_test(verity_status),
		cmocka_unit_test(inlinecrypt_tables),
		cmocka_unit_test(wrong_lines_are_refused),
		cmocka_unit_test(conflicts_are_named),
		cmocka_unit_test(warnings),
		cmocka_unit_test(lengths),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
