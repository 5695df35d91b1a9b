// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Metadata of pools, caches and eras, from the device or file it is on: checks with each damage
 * told, what thin devices take, dumps. Damage found is a result; an exception means that the
 * call could not be carried out.
 */
#include "docs.h"
#include "ext.h"

/* --- checking --- */

/* What a check tells while it runs; both may be NULL. */
struct watch {
	struct call *call;
	PyObject *damages;  /* a list */
	PyObject *progress; /* progress(STAGE, DONE, TOTAL): a true result stops it */
};

static int write_damage(struct bp_json *json, const void *what)
{
	bp_damage_json(json, NULL, what);
	return 0;
}

static void on_damage(void *user, const struct bp_damage *damage)
{
	struct watch *watch = user;

	callback_begin(watch->call);
	if (!PyErr_Occurred())
		list_take(watch->damages, json_text(write_damage, damage));
	callback_end(watch->call);
}

static int on_progress(void *user, const char *stage, bp_mblock done, bp_mblock total)
{
	struct watch *watch = user;
	PyObject *result;
	int stop = 1;

	callback_begin(watch->call);
	if (!PyErr_Occurred() && PyErr_CheckSignals() == 0) {
		result = watch->progress ? PyObject_CallFunction(watch->progress, "sKK", stage,
								 (unsigned long long)done,
								 (unsigned long long)total)
					 : Py_NewRef(Py_None);
		stop = result ? PyObject_IsTrue(result) : 1;
		Py_XDECREF(result);
	}
	callback_end(watch->call);
	return stop != 0;
}

static int on_dump(void *user, bp_mblock done, bp_mblock total)
{
	return on_progress(user, "dump", done, total);
}

static int on_restore(void *user, bp_mblock done, bp_mblock total)
{
	return on_progress(user, "restore", done, total);
}

/* The numbers every result has. */
#define COUNTS(type)                                                                           \
	FIELD(type, nr_fatal), FIELD(type, nr_nonfatal), FIELD(type, nr_remarks),              \
		FIELD(type, superblock_ok), FIELD(type, nr_metadata_free),                     \
		FIELD(type, nr_metadata_leaked), FIELD(type, nr_metadata_wrong),               \
		FIELD(type, repaired_metadata_leaks), FIELD(type, repaired_accounting)

static const struct field thin_fields[] = {
	COUNTS(struct bp_thin_check_result),
	FIELD(struct bp_thin_check_result, nr_devices),
	FIELD(struct bp_thin_check_result, nr_snap_devices),
	FIELD(struct bp_thin_check_result, nr_mappings),
	FIELD(struct bp_thin_check_result, nr_nodes),
	FIELD(struct bp_thin_check_result, nr_leaves),
	FIELD(struct bp_thin_check_result, nr_data_leaked),
	FIELD(struct bp_thin_check_result, nr_data_wrong),
	FIELD(struct bp_thin_check_result, repaired_data_leaks),
	FIELD(struct bp_thin_check_result, repaired_times),
	FIELD(struct bp_thin_check_result, cleared_needs_check),
	FIELDS_END,
};
static const struct field thin_superblock_fields[] = {
	FIELD(struct bp_thin_superblock, time),
	FIELD(struct bp_thin_superblock, transaction_id),
	FIELD(struct bp_thin_superblock, flags),
	FIELD(struct bp_thin_superblock, version),
	FIELD(struct bp_thin_superblock, data_block_sectors),
	FIELD(struct bp_thin_superblock, nr_data_blocks),
	FIELD(struct bp_thin_superblock, nr_data_allocated),
	FIELD(struct bp_thin_superblock, nr_metadata_blocks),
	FIELD(struct bp_thin_superblock, nr_metadata_allocated),
	FIELD(struct bp_thin_superblock, metadata_snap),
	FIELD(struct bp_thin_superblock, mapping_root),
	FIELD(struct bp_thin_superblock, details_root),
	FIELDS_END,
};
static const struct field cache_fields[] = {
	COUNTS(struct bp_cache_check_result),
	FIELD(struct bp_cache_check_result, nr_mapped),
	FIELD(struct bp_cache_check_result, nr_dirty),
	FIELD(struct bp_cache_check_result, nr_lost),
	FIELD(struct bp_cache_check_result, cleared_needs_check),
	FIELDS_END,
};
static const struct field cache_superblock_fields[] = {
	FIELD(struct bp_cache_superblock, flags),
	FIELD(struct bp_cache_superblock, version),
	FIELD(struct bp_cache_superblock, policy),
	FIELD(struct bp_cache_superblock, data_block_sectors),
	FIELD(struct bp_cache_superblock, nr_cache_blocks),
	FIELD(struct bp_cache_superblock, nr_metadata_blocks),
	FIELD(struct bp_cache_superblock, nr_metadata_allocated),
	FIELDS_END,
};
static const struct field era_fields[] = {
	COUNTS(struct bp_era_check_result),
	FIELD(struct bp_era_check_result, nr_writesets),
	FIELDS_END,
};
static const struct field era_superblock_fields[] = {
	FIELD(struct bp_era_superblock, flags),
	FIELD(struct bp_era_superblock, version),
	FIELD(struct bp_era_superblock, data_block_sectors),
	FIELD(struct bp_era_superblock, nr_blocks),
	FIELD(struct bp_era_superblock, current_era),
	FIELD(struct bp_era_superblock, metadata_snap),
	FIELD(struct bp_era_superblock, nr_metadata_blocks),
	FIELD(struct bp_era_superblock, nr_metadata_allocated),
	FIELDS_END,
};

static PyObject *check_dict(const struct field *fields, const void *result,
			    const struct field *superblock_fields, const void *superblock,
			    PyObject *damages)
{
	PyObject *dict = fields_dict(fields, result);

	if (dict &&
	    (PyDict_SetItemString(dict, "damages", damages) < 0 ||
	     dict_take(dict, "superblock", fields_dict(superblock_fields, superblock)) < 0))
		Py_CLEAR(dict);
	Py_DECREF(damages);
	return dict;
}

/* What the methods below take. */
struct check {
	struct text path;
	unsigned flags, workers;
	int repair;
	struct watch watch;
	struct call call;
};

static void check_done(struct check *check)
{
	text_done(&check->path);
}

/* Parse PATH, flags, workers, repair, progress; and begin the call. */
static int check_begin(struct check *check, PyObject *self, PyObject *args, PyObject *kwargs)
{
	PyObject *progress = NULL;

	if (!PARSE("O&|O&O&pO", NAMES("path", "flags", "workers", "repair", "progress"),
		   text_convert, &check->path, u32_convert, &check->flags, u32_convert,
		   &check->workers, &check->repair, &progress))
		return -1;
	check->watch.damages = PyList_New(0);
	check->watch.progress = progress == Py_None ? NULL : progress;
	check->watch.call = &check->call;
	if (check->watch.damages && call_begin(&check->call, self) == 0)
		return 0;
	Py_CLEAR(check->watch.damages);
	return -1;
}

/* thin_check(), cache_check(), era_check(): the same but for types. */
#define CHECK(kind)                                                                            \
	static PyObject *kind##_check(PyObject *self, PyObject *args, PyObject *kwargs)        \
	{                                                                                      \
		_cleanup_(check_done) struct check check = { 0 };                              \
		struct bp_##kind##_check_result result = { .size = sizeof(result) };           \
		struct bp_##kind##_check_opts opts = { .size = sizeof(opts) };                 \
		int r;                                                                         \
                                                                                               \
		if (check_begin(&check, self, args, kwargs) < 0)                               \
			return NULL;                                                           \
		opts.flags = check.flags;                                                      \
		opts.workers = check.workers;                                                  \
		opts.damage = on_damage;                                                       \
		opts.progress = on_progress;                                                   \
		opts.user = &check.watch;                                                      \
		r = (check.repair ? bp_##kind##_auto_repair : bp_##kind##_check)(              \
			check.call.context->ctx, check.path.text, &opts, &result);             \
		if (call_end(&check.call, r) < 0) {                                            \
			Py_DECREF(check.watch.damages);                                        \
			return NULL;                                                           \
		}                                                                              \
		return check_dict(kind##_fields, &result, kind##_superblock_fields,            \
				  &result.superblock, check.watch.damages);                    \
	}

CHECK(thin)
CHECK(cache)
CHECK(era)

/* --- listing --- */

static const struct field device_fields[] = {
	FIELD(struct bp_thin_device, id),
	FIELD(struct bp_thin_device, mapped_dblocks),
	FIELD(struct bp_thin_device, transaction_id),
	FIELD(struct bp_thin_device, creation_time),
	FIELD(struct bp_thin_device, snapshotted_time),
	FIELDS_END,
};
static const struct field usage_fields[] = {
	FIELD(struct bp_thin_usage, exclusive_dblocks),
	FIELD(struct bp_thin_usage, shared_dblocks),
	FIELDS_END,
};

static int on_usage(void *user, const struct bp_thin_usage *usage)
{
	struct watch *watch = user;
	PyObject *dict;
	int r = -1;

	callback_begin(watch->call);
	dict = PyErr_CheckSignals() == 0 ? fields_dict(device_fields, &usage->device) : NULL;
	if (dict && fields_add(dict, usage_fields, usage) == 0)
		r = list_take(watch->damages, dict);
	else
		Py_XDECREF(dict);
	callback_end(watch->call);
	return r;
}

static int list_devices(struct bp_ctx *ctx, const char *path, bool snap, struct watch *watch)
{
	struct bp_thin_open_opts opts = { .size = sizeof(opts),
					  .flags = snap ? BP_THIN_OPEN_SNAP : 0 };
	struct bp_thin_meta *meta;
	int r = bp_thin_open(ctx, path, &opts, &meta);

	if (r < 0)
		return r;
	r = bp_thin_ls(meta, BP_THIN_LS_SHARING, on_usage, watch);
	bp_thin_close(meta);
	return r;
}

/* thin_ls(PATH, SNAP): a dictionary a device. */
static PyObject *thin_ls(PyObject *self, PyObject *args)
{
	_cleanup_(text_done) struct text path = { 0 };
	struct call call;
	struct watch watch = { .call = &call };
	int snap = 0, r;

	if (!PyArg_ParseTuple(args, "O&|p", text_convert, &path, &snap))
		return NULL;
	watch.damages = PyList_New(0);
	if (watch.damages && call_begin(&call, self) == 0) {
		r = list_devices(call.context->ctx, path.text, snap, &watch);
		if (call_end(&call, r) == 0)
			return watch.damages;
	}
	Py_XDECREF(watch.damages);
	return NULL;
}

/* --- dump and restore --- */

/* What thin_dump() takes, and what it finds. */
struct dump {
	struct text path, output;
	struct bp_thin_dump_opts opts;
	uint64_t damages;
};

static void dump_done(struct dump *dump)
{
	text_done(&dump->path);
	text_done(&dump->output);
}

static int dump_to(struct bp_ctx *ctx, struct bp_thin_meta *meta, struct dump *d)
{
	const char *const inputs[] = { d->path.text, NULL };
	struct bp_output_opts output_opts = { .size = sizeof(output_opts), .inputs = inputs };
	struct bp_output *output;
	const char *where;
	int r = bp_output_new(ctx, d->output.text, &output_opts, &output);

	if (r < 0)
		return r;
	r = bp_output_error(output,
			    bp_thin_dump(meta, &d->opts, bp_output_write, output, &d->damages));
	if (r == 0)
		r = d->damages ? bp_output_commit_partial(output, &where)
			       : bp_output_commit(output);
	bp_output_free(output);
	return r;
}

static int dump(struct bp_ctx *ctx, struct dump *d)
{
	struct bp_thin_meta *meta;
	int r = bp_thin_open(ctx, d->path.text, NULL, &meta);

	if (r < 0)
		return r;
	r = dump_to(ctx, meta, d);
	bp_thin_close(meta);
	return r;
}

/* thin_dump(PATH, OUTPUT, flags, progress): how many parts are missing; where that is not 0 the text
 * went to OUTPUT.partial if there was an OUTPUT. */
static PyObject *thin_dump(PyObject *self, PyObject *args, PyObject *kwargs)
{
	_cleanup_(dump_done) struct dump d = { .opts.size = sizeof(d.opts) };
	struct call call;
	struct watch watch = { .call = &call };

	if (!PARSE("O&O&|O&O", NAMES("path", "output", "flags", "progress"), text_convert,
		   &d.path, text_convert, &d.output, u32_convert, &d.opts.flags,
		   &watch.progress))
		return NULL;
	if (watch.progress == Py_None)
		watch.progress = NULL;
	d.opts.progress = on_dump;
	d.opts.callback_user = &watch;
	if (call_begin(&call, self) < 0 || call_end(&call, dump(call.context->ctx, &d)) < 0)
		return NULL;
	return PyLong_FromUnsignedLongLong(d.damages);
}

/* thin_restore(FD, NAME, PATH, progress): make metadata of the XML that FD reads. */
static PyObject *thin_restore(PyObject *self, PyObject *args, PyObject *kwargs)
{
	_cleanup_(text_done) struct text name = { 0 }, path = { 0 };
	struct bp_thin_restore_opts opts = { .size = sizeof(opts), .progress = on_restore };
	struct call call;
	struct watch watch = { .call = &call };
	unsigned fd;
	int r;

	if (!PARSE("O&O&O&|O", NAMES("fd", "name", "path", "progress"), u32_convert, &fd,
		   text_convert, &name, text_convert, &path, &watch.progress))
		return NULL;
	if (watch.progress == Py_None)
		watch.progress = NULL;
	opts.user = &watch;
	if (call_begin(&call, self) < 0)
		return NULL;
	r = bp_thin_restore(call.context->ctx, (int)fd, name.text, path.text, &opts);
	if (call_end(&call, r) < 0)
		return NULL;
	Py_RETURN_NONE;
}

/* thin_metadata_size(BLOCK_BYTES, POOL_BYTES, MAX_THINS): bytes */
static PyObject *thin_metadata_size(PyObject *self, PyObject *args)
{
	unsigned long long block, pool, thins;
	bp_bytes size;

	if (!PyArg_ParseTuple(args, "O&O&O&", u64_convert, &block, u64_convert, &pool,
			      u64_convert, &thins))
		return NULL;
	if (CALL(self, bp_thin_metadata_size(ctx, block, pool, thins, &size)) < 0)
		return NULL;
	return PyLong_FromUnsignedLongLong(size);
}

PyMethodDef metadata_methods[] = {
	{ "thin_check", KEYWORDS(thin_check), DOC_Context_thin_check },
	{ "cache_check", KEYWORDS(cache_check), DOC_Context_cache_check },
	{ "era_check", KEYWORDS(era_check), DOC_Context_era_check },
	{ "thin_ls", thin_ls, METH_VARARGS, DOC_Context_thin_ls },
	{ "thin_dump", KEYWORDS(thin_dump), DOC_Context_thin_dump },
	{ "thin_restore", KEYWORDS(thin_restore), DOC_Context_thin_restore },
	{ "thin_metadata_size", thin_metadata_size, METH_VARARGS,
	  DOC_Context_thin_metadata_size },
	{ NULL, NULL, 0, NULL },
};
