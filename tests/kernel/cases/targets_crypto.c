/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Targets that hide or prove data: crypt, integrity, verity. */
#include "live.h"

#include <sys/syscall.h>

#define LENGTH 16384
#define KEY16  "000102030405060708090a0b0c0d0e0f"
#define KEY32  KEY16 "101112131415161718191a1b1c1d1e1f"
#define KEY64  KEY32 "a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebf"

/* --- crypt --- */

static void crypt_plain(void)
{
	struct bp_crypt crypt = { .cipher = "aes-xts-plain64", .key = KEY64, .dev = dev(0) };
	const struct bp_crypt *printed;

	live_create("live", "crypt", LENGTH, &crypt);
	put_sector(mapped_path("live"), 0, "plain text");
	CHECK(strcmp(get_sector(dev_path(0), 0), "plain text") != 0);
	CHECK(strcmp(get_sector(mapped_path("live"), 0), "plain text") == 0);
	live_message_refused("live", "key", &(struct bp_crypt_key){ BP_CRYPT_KEY_WIPE, NULL },
			     EINVAL);
	live_suspend("live");
	live_message("live", "key", &(struct bp_crypt_key){ BP_CRYPT_KEY_WIPE, NULL });
	printed = live_params("live");
	CHECK(strspn(printed->key, "0") == 128);
	live_message("live", "key", &(struct bp_crypt_key){ BP_CRYPT_KEY_SET, KEY64 });
	live_resume("live");
	printed = live_params("live");
	CHECK(strcmp(printed->key, KEY64) == 0);
	CHECK(strcmp(get_sector(mapped_path("live"), 0), "plain text") == 0);
	live_remove("live");
}

static void crypt_ciphers(void)
{
	static const struct bp_crypt ciphers[] = {
		{ .cipher = "aes-cbc-essiv:sha256", .key = KEY32 },
		{ .cipher = "aes-cbc-plain", .key = KEY16 },
		{ .cipher = "aes:2-cbc-plain", .key = KEY32 },
		{ .cipher = "capi:xts(aes)-plain64", .key = KEY64, .iv_offset_sectors = 4096 },
		{ .cipher = "cipher_null-ecb" },
	};

	for (size_t i = 0; i < sizeof(ciphers) / sizeof(ciphers[0]); i++) {
		struct bp_crypt crypt = ciphers[i];

		crypt.dev = dev_path(0);
		crypt.offset_sectors = 2048;
		live_once("crypt", LENGTH, &crypt);
	}
}

static void crypt_features(void)
{
	struct bp_crypt crypt = {
		.cipher = "aes-xts-plain64",
		.key = KEY64,
		.dev = dev(0),
		.allow_discards = true,
		.same_cpu_crypt = true,
		.submit_from_crypt_cpus = true,
		.no_read_workqueue = true,
		.no_write_workqueue = true,
		.sector_bytes = BP_SET(4096),
		.iv_large_sectors = true,
	};

	live_once("crypt", LENGTH, &crypt);
}

static void crypt_high_priority(void)
{
	struct bp_crypt crypt = {
		.cipher = "aes-xts-plain64",
		.key = KEY64,
		.dev = dev(0),
		.high_priority = true,
	};

	need_release(0x060a);
	live_once("crypt", LENGTH, &crypt);
}

static void crypt_keyring(void)
{
	static const char payload[32] = "0123456789abcdef0123456789abcde";
	struct bp_crypt crypt = {
		.cipher = "aes-cbc-plain64",
		.key = ":32:logon:bedplate:live",
		.dev = dev(0),
	};

	/* Into the process' own keyring. */
	if (syscall(SYS_add_key, "logon", "bedplate:live", payload, sizeof(payload), -2) < 0)
		live_skip("no keyrings: %s", strerror(errno));
	live_once("crypt", LENGTH, &crypt);
}

/* Authenticated encryption, with its tags in an integrity device below. */
static void crypt_aead(void)
{
	const struct bp_crypt_integrity tags = { 28, BP_CRYPT_AEAD };
	struct bp_crypt crypt = {
		.cipher = "capi:gcm(aes)-random",
		.key = KEY32,
		.integrity = &tags,
	};

	live_create("tags", "integrity", LENGTH,
		    &(struct bp_integrity){ .dev = dev(0),
					    .tag_bytes = BP_SET(28),
					    .mode = BP_INTEGRITY_JOURNAL });
	crypt.dev = mapped_dev("tags");
	live_create("live", "crypt", LENGTH, &crypt);
	put_sector(mapped_path("live"), 0, "sealed");
	CHECK(strcmp(get_sector(mapped_path("live"), 0), "sealed") == 0);
	CHECK(try_get(mapped_path("live"), 800) == -EILSEQ);
	live_remove("live");
	live_remove("tags");
}

/* --- integrity --- */

static const struct bp_integrity_algorithm crc = { .name = "crc32c" };

static void integrity(struct bp_integrity params)
{
	const struct bp_integrity_status *status;

	params.dev = dev(0);
	live_create("live", "integrity", LENGTH, &params);
	status = live_status("live");
	CHECK(status->mismatches == 0 && status->provided_sectors >= LENGTH);
	CHECK(status->provided_sectors < SCRATCH_SECTORS || params.meta_dev);
	if (params.mode != BP_INTEGRITY_RECOVERY) {
		OK(try_put(mapped_path("live"), 8, "checked"));
		CHECK(try_get(mapped_path("live"), 8) == 0);
	}
	live_remove("live");
}

static void integrity_journal(void)
{
	integrity((struct bp_integrity){ .mode = BP_INTEGRITY_JOURNAL, .internal_hash = &crc });
	/* Formatted now: read as it is. */
	integrity(
		(struct bp_integrity){ .mode = BP_INTEGRITY_RECOVERY, .internal_hash = &crc });
}

static void integrity_journal_options(void)
{
	integrity((struct bp_integrity){ .mode = BP_INTEGRITY_JOURNAL,
					 .tag_bytes = BP_SET(4),
					 .block_bytes = BP_SET(4096),
					 .journal_sectors = BP_SET(1024),
					 .interleave_sectors = BP_SET(32768),
					 .buffer_sectors = BP_SET(128),
					 .journal_watermark_percent = BP_SET(40),
					 .commit_time_ms = BP_SET(1000),
					 .internal_hash = &crc });
}

static void integrity_keyed(void)
{
	const struct bp_integrity_algorithm hmac = { "hmac(sha256)", KEY32 };
	const struct bp_integrity_algorithm ctr = { "ctr(aes)", KEY16 };

	integrity((struct bp_integrity){ .mode = BP_INTEGRITY_JOURNAL,
					 .fix_padding = true,
					 .fix_hmac = true,
					 .internal_hash = &hmac,
					 .journal_crypt = &ctr,
					 .journal_mac = &hmac });
}

static void integrity_bitmap(void)
{
	integrity((struct bp_integrity){ .mode = BP_INTEGRITY_BITMAP,
					 .bit_sectors = BP_SET(65536),
					 .bitmap_flush_interval_ms = BP_SET(5000),
					 .allow_discards = true,
					 .internal_hash = &crc });
}

static void integrity_direct(void)
{
	integrity((struct bp_integrity){ .mode = BP_INTEGRITY_DIRECT, .internal_hash = &crc });
}

static void integrity_meta_dev(void)
{
	integrity((struct bp_integrity){
		.mode = BP_INTEGRITY_DIRECT, .meta_dev = dev_path(1), .internal_hash = &crc });
}

static void integrity_recalculate(void)
{
	const struct bp_integrity_status *status;

	live_create("live", "integrity", LENGTH,
		    &(struct bp_integrity){ .dev = dev(0),
					    .mode = BP_INTEGRITY_JOURNAL,
					    .recalculate = true,
					    .internal_hash = &crc });
	WAIT_UNTIL((status = live_status("live"),
		    !status->recalculated_sector.is_set ||
			    status->recalculated_sector.value >= status->provided_sectors));
	CHECK(try_get(mapped_path("live"), 64) == 0);
	live_remove("live");
}

/* --- verity: 128 blocks of zeros, whose hashes fill one block --- */

#define BLOCKS 128

static void sha256_of(const char *path, bp_sector sector, char *ret_hex)
{
	char command[128];

	snprintf(command, sizeof(command),
		 "dd if=%s bs=512 skip=%" PRIu64
		 " count=8 iflag=direct status=none | sha256sum",
		 path, sector);
	snprintf(ret_hex, 65, "%.64s", shell(command));
}

/* Write the hash block to device 1; @ret_hex is the root. */
static void hash_tree(char *ret_hex)
{
	static _Alignas(4096) unsigned char block[4096];
	char leaf[65];
	int fd;

	sha256_of(dev_path(0), 0, leaf);
	for (size_t i = 0; i < sizeof(block); i++) {
		unsigned byte;

		CHECK(sscanf(leaf + 2 * (i % 32), "%2x", &byte) == 1);
		block[i] = (unsigned char)byte;
	}
	fd = open(dev_path(1), O_WRONLY | O_DIRECT | O_CLOEXEC);
	CHECK(fd >= 0 && pwrite(fd, block, sizeof(block), 0) == sizeof(block));
	close(fd);
	sha256_of(dev_path(1), 0, ret_hex);
}

static struct bp_verity verity_of_scratch(char *root)
{
	hash_tree(root);
	return (struct bp_verity){
		.version = 1,
		.data_dev = dev(0),
		.hash_dev = dev_path(1),
		.data_block_bytes = 4096,
		.hash_block_bytes = 4096,
		.nr_data_blocks = BLOCKS,
		.algorithm = "sha256",
		.root_digest = root,
	};
}

static const struct bp_verity_status *verity_status(void)
{
	return live_status("live");
}

/* Data that was changed is found. */
static void verity(const struct bp_verity *params, int read_changed)
{
	live_create_flags("live", "verity", BLOCKS * 8, params, BP_CREATE_READ_ONLY);
	CHECK(verity_status()->state == BP_VERITY_VALID);
	CHECK(try_get(mapped_path("live"), 0) == 0);
	put_sector(dev_path(0), 80, "changed");
	CHECK(try_get(mapped_path("live"), 80) == read_changed);
	CHECK(verity_status()->state == BP_VERITY_CORRUPTED);
	live_remove("live");
}

static void verity_plain(void)
{
	char root[65];
	struct bp_verity v = verity_of_scratch(root);

	verity(&v, -EIO);
}

static void verity_ignore(void)
{
	char root[65];
	struct bp_verity v = verity_of_scratch(root);

	v.on_corruption = BP_VERITY_IGNORE_CORRUPTION;
	v.check_at_most_once = true;
	verity(&v, 0);
}

static void verity_options(void)
{
	char root[65];
	struct bp_verity v = verity_of_scratch(root);

	v.ignore_zero_blocks = true;
	v.on_corruption = BP_VERITY_RESTART_ON_CORRUPTION;
	live_create_flags("live", "verity", BLOCKS * 8, &v, BP_CREATE_READ_ONLY);
	live_remove("live");
	v.on_corruption = BP_VERITY_PANIC_ON_CORRUPTION;
	v.try_verify_in_tasklet = live_release() >= 0x0600;
	live_create_flags("live", "verity", BLOCKS * 8, &v, BP_CREATE_READ_ONLY);
	live_remove("live");
}

static const struct live tests[] = {
	{ "crypt: key set, key wipe", crypt_plain },
	{ "crypt: several ciphers", crypt_ciphers },
	{ "crypt: its features", crypt_features },
	{ "crypt: high_priority", crypt_high_priority },
	{ "crypt: key of a keyring", crypt_keyring },
	{ "crypt: authenticated, over integrity", crypt_aead },
	{ "integrity: journal, recovery", integrity_journal },
	{ "integrity: journal with options", integrity_journal_options },
	{ "integrity: keyed hashes, encrypted journal", integrity_keyed },
	{ "integrity: bitmap", integrity_bitmap },
	{ "integrity: direct", integrity_direct },
	{ "integrity: metadata on another device", integrity_meta_dev },
	{ "integrity: recalculate", integrity_recalculate },
	{ "verity", verity_plain },
	{ "verity: ignore_corruption, check_at_most_once", verity_ignore },
	{ "verity: its other options", verity_options },
};

static const struct live_reject rejects[] = {
	{ "0 1024 crypt aes-xts-plain64 " KEY16 " 0 @0 0", 2,
	  "Error decoding and setting key" },
	{ "0 1024 crypt aes-xts-nosuch " KEY64 " 0 @0 0", 1, "Invalid IV mode" },
	{ "0 1024 crypt aes-xts-plain64 " KEY64 " 1 @0 0 1 sector_size:4096", 3,
	  "Invalid iv_offset sector" },
	{ "0 1024 crypt aes-xts-plain64 " KEY64 " 0 250:99 0", 4, "Device lookup failed" },
	{ "0 1024 integrity @0 0 256 J 0", 3, "" },
	{ "0 1024 integrity @0 0 4 J 2 block_size:1000 internal_hash:crc32c", 6,
	  "Invalid block_size argument" },
};

LIVE_MAIN(tests, rejects)
