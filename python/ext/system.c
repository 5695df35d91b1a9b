// SPDX-License-Identifier: LGPL-2.1-or-later
/* Names, block devices, udev's cookies, several devices at once, advice, plans, vdo. */
#include "docs.h"
#include "ext.h"

#include <stdlib.h>

/* --- names --- */

typedef int (*name_fn)(struct bp_ctx *ctx, const char *name, char *ret);

static PyObject *change_name(PyObject *self, PyObject *args, name_fn fn)
{
	_cleanup_(text_done) struct text name = { 0 };
	char changed[BP_NAME_SIZE];

	if (!PyArg_ParseTuple(args, "O&", text_convert, &name))
		return NULL;
	if (CALL(self, fn(ctx, name.text, changed)) < 0)
		return NULL;
	return text_or_none(changed);
}

static PyObject *name_mangle(PyObject *self, PyObject *args)
{
	return change_name(self, args, bp_name_mangle);
}

static PyObject *name_unmangle(PyObject *self, PyObject *args)
{
	return change_name(self, args, bp_name_unmangle);
}

static const struct field parts_fields[] = {
	FIELD(struct bp_name_parts, subsystem),
	FIELD(struct bp_name_parts, vg),
	FIELD(struct bp_name_parts, lv),
	FIELD(struct bp_name_parts, layer),
	FIELDS_END,
};

/* name_split(NAME, SUBSYSTEM, UUID) */
static PyObject *name_split(PyObject *self, PyObject *args)
{
	_cleanup_(text_done) struct text name = { 0 }, subsystem = { 0 }, uuid = { 0 };
	struct bp_name_parts parts;

	if (!PyArg_ParseTuple(args, "O&|O&O&", text_convert, &name, optional_text, &subsystem,
			      optional_text, &uuid))
		return NULL;
	if (CALL(self, bp_name_split(ctx, name.text, subsystem.text, uuid.text, &parts)) < 0)
		return NULL;
	return fields_dict(parts_fields, &parts);
}

/* --- block devices --- */

static const struct field bdev_fields[] = {
	FIELD(struct bp_bdev, path),
	FIELD(struct bp_bdev, major),
	FIELD(struct bp_bdev, minor),
	FIELD(struct bp_bdev, size_bytes),
	FIELD(struct bp_bdev, read_only),
	FIELD(struct bp_bdev, logical_block_bytes),
	FIELDS_END,
};

/* bdev_get(PATH or "MAJOR:MINOR") */
static PyObject *bdev_get(PyObject *self, PyObject *args)
{
	_cleanup_(text_done) struct text which = { 0 };
	struct bp_bdev bdev;

	if (!PyArg_ParseTuple(args, "O&", text_convert, &which))
		return NULL;
	if (CALL(self, bp_bdev_get(ctx, which.text, &bdev)) < 0)
		return NULL;
	return fields_dict(bdev_fields, &bdev);
}

static const char *const holder_kinds[] = {
	[BP_HOLDER_MAPPED] = "mapped",       [BP_HOLDER_RAID] = "raid",
	[BP_HOLDER_LOOP] = "loop",           [BP_HOLDER_OTHER] = "other",
	[BP_HOLDER_MOUNT] = "mount",         [BP_HOLDER_SWAP] = "swap",
	[BP_HOLDER_PROCESS] = "process",     [BP_HOLDER_FILE] = "file",
	[BP_HOLDER_SWAP_FILE] = "swap_file", [BP_HOLDER_BCACHE] = "bcache",
	[BP_HOLDER_LOOP_FILE] = "loop_file", [BP_HOLDER_ABOVE] = "above",
};

static PyObject *holder_tuple(const struct bp_holder *holder)
{
	size_t kind = holder->kind;
	bool known = kind < sizeof(holder_kinds) / sizeof(holder_kinds[0]);

	return Py_BuildValue("(siN)", known ? holder_kinds[kind] : "other", (int)holder->pid,
			     text_or_none(holder->name));
}

/* bdev_holders(MAJOR, MINOR): tuples of kind, pid, name. */
static PyObject *bdev_holders(PyObject *self, PyObject *args)
{
	struct bp_holders *holders;
	unsigned major, minor;
	PyObject *list;

	if (!PyArg_ParseTuple(args, "O&O&", u32_convert, &major, u32_convert, &minor))
		return NULL;
	if (CALL(self, bp_holders_find(ctx, major, minor, &holders)) < 0)
		return NULL;
	list = PyList_New(0);
	for (size_t i = 0; list && i < bp_holders_count(holders); i++)
		if (list_take(list, holder_tuple(bp_holders_get(holders, i))) < 0)
			Py_CLEAR(list);
	bp_holders_free(holders);
	return list;
}

/* --- udev --- */

/* udev_probe(): whether it runs, and why not. */
static PyObject *udev_probe(PyObject *self, PyObject *none)
{
	struct bp_udev_state state;

	(void)none;
	if (CALL(self, bp_udev_probe(ctx, &state)) < 0)
		return NULL;
	return Py_BuildValue("(NN)", PyBool_FromLong(state.runs), text_or_none(state.why));
}

static const struct field cookie_fields[] = {
	FIELD(struct bp_cookie, value),     FIELD(struct bp_cookie, semid),
	FIELD(struct bp_cookie, count),     FIELD(struct bp_cookie, age_s),
	FIELD(struct bp_cookie, changed_s), FIELDS_END,
};

static PyObject *cookie_list(PyObject *self, PyObject *none)
{
	struct bp_cookie_list *cookies;

	(void)none;
	if (CALL(self, bp_cookie_list(ctx, &cookies)) < 0)
		return NULL;
	return LIST_TAKE(cookie_fields, bp_cookie_list, cookies);
}

static PyObject *cookie_create(PyObject *self, PyObject *none)
{
	uint32_t value;

	(void)none;
	if (CALL(self, bp_cookie_create(ctx, &value)) < 0)
		return NULL;
	return PyLong_FromUnsignedLong(value);
}

static PyObject *cookie_complete(PyObject *self, PyObject *args)
{
	unsigned value;

	if (!PyArg_ParseTuple(args, "O&", u32_convert, &value))
		return NULL;
	if (CALL(self, bp_cookie_complete(ctx, value)) < 0)
		return NULL;
	Py_RETURN_NONE;
}

/* cookie_release(VALUE, TIMEOUT_MS) */
static PyObject *cookie_release(PyObject *self, PyObject *args)
{
	long long timeout_ms = 0;
	unsigned value;

	if (!PyArg_ParseTuple(args, "O&|O&", u32_convert, &value, i64_convert, &timeout_ms))
		return NULL;
	if (CALL(self, bp_cookie_release(ctx, value, timeout_ms)) < 0)
		return NULL;
	Py_RETURN_NONE;
}

/* cookie_destroy_old(MIN_AGE_S): how many. */
static PyObject *cookie_destroy_old(PyObject *self, PyObject *args)
{
	long long age = 0;
	size_t count = 0;

	if (!PyArg_ParseTuple(args, "|O&", i64_convert, &age))
		return NULL;
	if (CALL(self, bp_cookie_destroy_old(ctx, age, &count)) < 0)
		return NULL;
	return PyLong_FromSize_t(count);
}

/* udev_flags(COOKIE): the words of its flags. */
static PyObject *udev_flags(PyObject *self, PyObject *args)
{
	unsigned cookie;
	char *text;

	if (!PyArg_ParseTuple(args, "O&", u32_convert, &cookie))
		return NULL;
	if (CALL(self, bp_udev_flags_text(ctx, cookie, &text)) < 0)
		return NULL;
	return text_take(text);
}

/* --- several devices --- */

static int apply(struct bp_ctx *ctx, const char *text, const struct bp_create_opts *opts)
{
	struct bp_stack *stack;
	int r = bp_concise_parse(ctx, text, &stack);

	if (r < 0)
		return r;
	r = bp_stack_apply(ctx, stack, opts);
	bp_stack_free(stack);
	return r;
}

/* concise_apply(SPEC, udev, timeout_ms): all devices, or none. */
static PyObject *concise_apply(PyObject *self, PyObject *args, PyObject *kwargs)
{
	_cleanup_(text_done) struct text spec = { 0 };
	struct bp_create_opts opts = { .size = sizeof(opts) };
	long long timeout_ms = 0;

	if (!PARSE("O&|O&O&", NAMES("spec", "udev", "timeout_ms"), text_convert, &spec,
		   u32_convert, &opts.udev, i64_convert, &timeout_ms))
		return NULL;
	opts.timeout_ms = timeout_ms;
	if (CALL(self, apply(ctx, spec.text, &opts)) < 0)
		return NULL;
	Py_RETURN_NONE;
}

static int describe(struct bp_ctx *ctx, const struct which *which, uint32_t flags, char **ret)
{
	struct bp_stack *stack;
	int r = bp_stack_read(ctx, which->given ? &which->selector : NULL, which->given, flags,
			      &stack);

	if (r < 0)
		return r;
	r = bp_concise_format(ctx, stack, ret);
	bp_stack_free(stack);
	return r;
}

/* concise_read(WHICH, FLAGS): None: all devices. */
static PyObject *concise_read(PyObject *self, PyObject *args)
{
	_cleanup_(which_done) struct which which = { 0 };
	unsigned flags = 0;
	char *text;

	if (!PyArg_ParseTuple(args, "|O&O&", optional_which, &which, u32_convert, &flags))
		return NULL;
	if (CALL(self, describe(ctx, &which, flags, &text)) < 0)
		return NULL;
	return text_take(text);
}

/* --- looking ahead, and advice --- */

static int check(struct bp_ctx *ctx, const char *text, const struct which *which,
		 bool read_only, struct bp_findings **ret)
{
	struct bp_table *table;
	int r = bp_table_parse(ctx, text, 0, &table);

	if (r < 0)
		return r;
	r = bp_device_check_table(ctx, table, which->given ? &which->selector : NULL, read_only,
				  ret);
	bp_table_free(table);
	return r;
}

static int write_findings(struct bp_json *json, const void *what)
{
	return bp_findings_json(what, json, NULL);
}

/* check_table(TABLE, WHICH, READ_ONLY): JSON of what would be refused. */
static PyObject *check_table(PyObject *self, PyObject *args)
{
	_cleanup_(text_done) struct text table = { 0 };
	_cleanup_(which_done) struct which which = { 0 };
	struct bp_findings *findings;
	int read_only = 0;
	PyObject *text;

	if (!PyArg_ParseTuple(args, "O&|O&p", text_convert, &table, optional_which, &which,
			      &read_only))
		return NULL;
	if (CALL(self, check(ctx, table.text, &which, read_only, &findings)) < 0)
		return NULL;
	text = json_text(write_findings, findings);
	bp_findings_free(findings);
	return text;
}

static int write_advices(struct bp_json *json, const void *what)
{
	return bp_advices_json(what, json, NULL);
}

/* explain(TEXT): JSON of what its lines mean. */
static PyObject *explain(PyObject *self, PyObject *args)
{
	_cleanup_(text_done) struct text text = { 0 };
	struct bp_advices *advices;
	PyObject *json;

	if (!PyArg_ParseTuple(args, "O&", text_convert, &text))
		return NULL;
	if (CALL(self, bp_explain(ctx, text.text, &advices)) < 0)
		return NULL;
	json = json_text(write_advices, advices);
	bp_advices_free(advices);
	return json;
}

static PyObject *plan_start(PyObject *self, PyObject *none)
{
	(void)none;
	if (CALL(self, bp_plan_start(ctx)) < 0)
		return NULL;
	Py_RETURN_NONE;
}

static const struct field step_fields[] = {
	FIELD(struct bp_plan_step, verb),
	FIELD(struct bp_plan_step, device),
	FIELD(struct bp_plan_step, detail),
	FIELDS_END,
};

static PyObject *plan_take(PyObject *self, PyObject *none)
{
	struct bp_plan *plan;
	PyObject *list;
	size_t count;

	(void)none;
	if (CALL(self, bp_plan_take(ctx, &plan)) < 0)
		return NULL;
	count = bp_plan_count(plan);
	list = PyList_New(0);
	for (size_t i = 0; list && i < count; i++)
		if (list_take(list, fields_dict(step_fields, bp_plan_get(plan, i))) < 0)
			Py_CLEAR(list);
	bp_plan_free(plan);
	return list;
}

/* --- vdo --- */

static int write_vdo_stats(struct bp_json *json, const void *what)
{
	bp_vdo_stats_json(json, NULL, what);
	return 0;
}

/* vdo_stats(WHICH): JSON */
static PyObject *vdo_stats(PyObject *self, PyObject *args)
{
	_cleanup_(which_done) struct which which = { 0 };
	struct bp_vdo_stats stats = { .size = sizeof(stats) };

	if (!PyArg_ParseTuple(args, "O&", which_convert, &which))
		return NULL;
	if (CALL(self, bp_vdo_stats(ctx, &which.selector, &stats)) < 0)
		return NULL;
	return json_text(write_vdo_stats, &stats);
}

/* vdo_grow(WHICH, LOGICAL_BYTES, PHYSICAL_BYTES, TIMEOUT_MS) */
static PyObject *vdo_grow(PyObject *self, PyObject *args)
{
	_cleanup_(which_done) struct which which = { 0 };
	unsigned long long logical, physical;
	long long timeout_ms = 0;

	if (!PyArg_ParseTuple(args, "O&O&O&|O&", which_convert, &which, u64_convert, &logical,
			      u64_convert, &physical, i64_convert, &timeout_ms))
		return NULL;
	if (CALL(self, bp_vdo_grow(ctx, &which.selector, logical, physical, timeout_ms)) < 0)
		return NULL;
	Py_RETURN_NONE;
}

PyMethodDef system_methods[] = {
	{ "name_mangle", name_mangle, METH_VARARGS, DOC_Context_name_mangle },
	{ "name_unmangle", name_unmangle, METH_VARARGS, DOC_Context_name_unmangle },
	{ "name_split", name_split, METH_VARARGS, DOC_Context_name_split },
	{ "bdev_get", bdev_get, METH_VARARGS, DOC_Context_bdev_get },
	{ "bdev_holders", bdev_holders, METH_VARARGS, DOC_Context_bdev_holders },
	{ "udev_probe", udev_probe, METH_NOARGS, DOC_Context_udev_probe },
	{ "cookie_list", cookie_list, METH_NOARGS, DOC_Context_cookie_list },
	{ "cookie_create", cookie_create, METH_NOARGS, DOC_Context_cookie_create },
	{ "cookie_complete", cookie_complete, METH_VARARGS, DOC_Context_cookie_complete },
	{ "cookie_release", cookie_release, METH_VARARGS, DOC_Context_cookie_release },
	{ "cookie_destroy_old", cookie_destroy_old, METH_VARARGS,
	  DOC_Context_cookie_destroy_old },
	{ "udev_flags", udev_flags, METH_VARARGS, DOC_Context_udev_flags },
	{ "concise_apply", KEYWORDS(concise_apply), DOC_Context_concise_apply },
	{ "concise_read", concise_read, METH_VARARGS, DOC_Context_concise_read },
	{ "check_table", check_table, METH_VARARGS, DOC_Context_check_table },
	{ "explain", explain, METH_VARARGS, DOC_Context_explain },
	{ "plan_start", plan_start, METH_NOARGS, DOC_Context_plan_start },
	{ "plan_take", plan_take, METH_NOARGS, DOC_Context_plan_take },
	{ "vdo_stats", vdo_stats, METH_VARARGS, DOC_Context_vdo_stats },
	{ "vdo_grow", vdo_grow, METH_VARARGS, DOC_Context_vdo_grow },
	{ NULL, NULL, 0, NULL },
};
