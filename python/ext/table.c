// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The Table type, and lines of status. No kernel is asked. A table has a context of its own for
 * its errors, and keeps the interpreter while it works: nothing here waits.
 */
#include "docs.h"
#include "ext.h"

struct table {
	PyObject_HEAD struct bp_ctx *ctx;
	struct bp_table *table;
};

/* Table(TEXT, flags): without text an empty one. */
static PyObject *table_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
	allocfunc alloc = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
	_cleanup_(text_done) struct text text = { 0 };
	struct table *self;
	unsigned flags = 0;
	int r;

	if (!PARSE("|O&O&", NAMES("text", "flags"), optional_text, &text, u32_convert, &flags))
		return NULL;
	self = (struct table *)alloc(type, 0);
	if (!self)
		return NULL;
	r = bp_ctx_new(&self->ctx);
	if (r == 0)
		r = bp_table_parse(self->ctx, text.text ? text.text : "", flags, &self->table);
	if (r == 0)
		return (PyObject *)self;
	if (self->ctx)
		raise_error(self->ctx, r);
	else
		PyErr_NoMemory();
	Py_DECREF((PyObject *)self);
	return NULL;
}

static void table_dealloc(PyObject *object)
{
	struct table *self = (struct table *)object;
	PyTypeObject *type = Py_TYPE(object);
	freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);

	bp_table_free(self->table);
	bp_ctx_free(self->ctx);
	release(object);
	Py_DECREF((PyObject *)type);
}

static PyObject *table_str(PyObject *object)
{
	struct table *self = (struct table *)object;
	char *text;
	int r = bp_table_format(self->ctx, self->table, &text);

	return r < 0 ? raise_error(self->ctx, r) : text_take(text);
}

static Py_ssize_t table_len(PyObject *object)
{
	return (Py_ssize_t)bp_table_count(((struct table *)object)->table);
}

/* add(START_SECTORS, LENGTH_SECTORS, TARGET, ARGS): ARGS None: parameters follow by set(). */
static PyObject *table_add(PyObject *object, PyObject *args)
{
	struct table *self = (struct table *)object;
	_cleanup_(text_done) struct text words = { 0 };
	unsigned long long start, length;
	const char *target;
	int r;

	if (!PyArg_ParseTuple(args, "O&O&sO&", u64_convert, &start, u64_convert, &length,
			      &target, optional_text, &words))
		return NULL;
	if (words.text)
		r = bp_table_add_raw(self->ctx, self->table, start, length, target, words.text);
	else
		r = bp_table_add(self->ctx, self->table, start, length, target, NULL, 0);
	if (r < 0)
		return raise_error(self->ctx, r);
	Py_RETURN_NONE;
}

static struct bp_segment *segment(struct table *self, Py_ssize_t index)
{
	struct bp_segment *found = index < 0 ? NULL : bp_table_get(self->table, (size_t)index);

	if (!found)
		PyErr_SetString(PyExc_IndexError, "no such segment");
	return found;
}

/* set(INDEX, NAME, VALUE): VALUE as in a table line; "" unsets it. */
static PyObject *table_set(PyObject *object, PyObject *args)
{
	struct table *self = (struct table *)object;
	_cleanup_(text_done) struct text value = { 0 };
	struct bp_segment *which;
	const char *name;
	Py_ssize_t index;
	int r;

	if (!PyArg_ParseTuple(args, "nsO&", &index, &name, optional_text, &value))
		return NULL;
	which = segment(self, index);
	if (!which)
		return NULL;
	r = bp_segment_set(self->ctx, which, name, value.text ? value.text : "");
	if (r < 0)
		return raise_error(self->ctx, r);
	Py_RETURN_NONE;
}

/* get(INDEX, NAME): as text; None where it is not set. */
static PyObject *table_get(PyObject *object, PyObject *args)
{
	struct table *self = (struct table *)object;
	struct bp_segment *which;
	const char *name;
	Py_ssize_t index;
	char *value;
	int r;

	if (!PyArg_ParseTuple(args, "ns", &index, &name))
		return NULL;
	which = segment(self, index);
	if (!which)
		return NULL;
	r = bp_segment_get(self->ctx, which, name, &value);
	return r < 0 ? raise_error(self->ctx, r) : text_take(value);
}

static const struct field segment_fields[] = {
	FIELD(struct bp_segment, start_sectors),
	FIELD(struct bp_segment, length_sectors),
	FIELD(struct bp_segment, target),
	FIELD(struct bp_segment, args),
	FIELD(struct bp_segment, extra),
	FIELD(struct bp_segment, problem),
	FIELDS_END,
};

/* segments(): one dictionary each. */
static PyObject *table_segments(PyObject *object, PyObject *none)
{
	struct table *self = (struct table *)object;
	PyObject *list = PyList_New(0);
	size_t count = bp_table_count(self->table);

	(void)none;
	for (size_t i = 0; list && i < count; i++)
		if (list_take(list, fields_dict(segment_fields, bp_table_get(self->table, i))) <
		    0)
			Py_CLEAR(list);
	return list;
}

static int write_table(struct bp_json *json, const void *what)
{
	const struct table *self = what;

	return bp_table_json(self->ctx, self->table, false, json, NULL);
}

/* json(): the table by names of parameters, keys of encryption left out. */
static PyObject *table_json(PyObject *object, PyObject *none)
{
	(void)none;
	return json_text(write_table, object);
}

/* equal(TABLE): do they mean the same? */
static PyObject *table_equal(PyObject *object, PyObject *args)
{
	struct table *self = (struct table *)object;
	PyObject *other;
	bool equal;
	int r;

	if (!PyArg_ParseTuple(args, "O", &other))
		return NULL;
	if (Py_TYPE(other) != Py_TYPE(object))
		Py_RETURN_FALSE;
	r = bp_table_equal(self->ctx, self->table, ((struct table *)other)->table, NULL, NULL,
			   &equal);
	return r < 0 ? raise_error(self->ctx, r) : PyBool_FromLong(equal);
}

static const struct field word_fields[] = {
	FIELD(struct bp_word, target), FIELD(struct bp_word, public_text),
	FIELD(struct bp_word, name),   FIELD(struct bp_word, meaning),
	FIELD(struct bp_word, unit),   FIELDS_END,
};

static int add_word(void *user, const struct bp_word *word)
{
	PyObject *list = user, *dict = fields_dict(word_fields, word);

	if (!dict || dict_take(dict, "segment", PyLong_FromSize_t(word->segment)) < 0) {
		Py_XDECREF(dict);
		return -1;
	}
	return list_take(list, dict);
}

/* explain(): what each word means. */
static PyObject *table_explain(PyObject *object, PyObject *none)
{
	struct table *self = (struct table *)object;
	PyObject *list = PyList_New(0);
	int r;

	(void)none;
	if (!list)
		return NULL;
	r = bp_table_explain(self->ctx, self->table, add_word, list);
	if (r >= 0)
		return list;
	Py_DECREF(list);
	return PyErr_Occurred() ? NULL : raise_error(self->ctx, r);
}

static int write_findings(struct bp_json *json, const void *what)
{
	return bp_findings_json(what, json, NULL);
}

/* check(): what can be told to be wrong from the table alone, as JSON. */
static PyObject *table_check(PyObject *object, PyObject *none)
{
	struct table *self = (struct table *)object;
	struct bp_findings *findings;
	PyObject *text;
	int r;

	(void)none;
	r = bp_table_check(self->ctx, self->table, NULL, &findings);
	if (r < 0)
		return raise_error(self->ctx, r);
	text = json_text(write_findings, findings);
	bp_findings_free(findings);
	return text;
}

/* Tables compare by what they mean, and so have no hash. */
static PyObject *table_compare(PyObject *object, PyObject *other, int operation)
{
	PyObject *equal, *args;
	int is;

	if ((operation != Py_EQ && operation != Py_NE) || Py_TYPE(other) != Py_TYPE(object))
		Py_RETURN_NOTIMPLEMENTED;
	args = Py_BuildValue("(O)", other);
	equal = args ? table_equal(object, args) : NULL;
	Py_XDECREF(args);
	if (!equal)
		return NULL;
	is = PyObject_IsTrue(equal);
	Py_DECREF(equal);
	return PyBool_FromLong(operation == Py_EQ ? is : !is);
}

struct status {
	struct bp_ctx *ctx;
	const struct bp_status *status;
};

static int write_status(struct bp_json *json, const void *what)
{
	const struct status *status = what;

	return bp_status_json(status->ctx, status->status, json, NULL);
}

/* status_json(TARGET, TEXT): a line of status, typed. */
static PyObject *status_json(PyObject *object, PyObject *args)
{
	struct table *self = (struct table *)object;
	_cleanup_(text_done) struct text text = { 0 };
	struct bp_status *status;
	const char *target;
	PyObject *json;
	int r;

	if (!PyArg_ParseTuple(args, "sO&", &target, text_convert, &text))
		return NULL;
	r = bp_status_parse(self->ctx, target, text.text, &status);
	if (r < 0)
		return raise_error(self->ctx, r);
	json = json_text(write_status, &(struct status){ self->ctx, status });
	bp_status_free(status);
	return json;
}

static PyMethodDef table_methods[] = {
	{ "add", table_add, METH_VARARGS, DOC_Table_add },
	{ "set", table_set, METH_VARARGS, DOC_Table_set },
	{ "get", table_get, METH_VARARGS, DOC_Table_get },
	{ "segments", table_segments, METH_NOARGS, DOC_Table_segments },
	{ "json", table_json, METH_NOARGS, DOC_Table_json },
	{ "equal", table_equal, METH_VARARGS, DOC_Table_equal },
	{ "explain", table_explain, METH_NOARGS, DOC_Table_explain },
	{ "check", table_check, METH_NOARGS, DOC_Table_check },
	{ "status_json", status_json, METH_VARARGS, DOC_Table_status_json },
	{ NULL, NULL, 0, NULL },
};

int table_init(PyObject *module)
{
	PyType_Slot slots[] = {
		{ Py_tp_new, table_new },
		{ Py_tp_dealloc, table_dealloc },
		{ Py_tp_str, table_str },
		{ Py_sq_length, table_len },
		{ Py_tp_richcompare, table_compare },
		{ Py_tp_hash, PyObject_HashNotImplemented },
		{ Py_tp_methods, table_methods },
		{ Py_tp_doc, "A table: segments, their targets and parameters." },
		{ 0, NULL },
	};
	PyType_Spec spec = {
		.name = "bedplate._bedplate.Table",
		.basicsize = sizeof(struct table),
		.flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
		.slots = slots,
	};
	PyObject *type = PyType_FromSpec(&spec);

	return type ? PyModule_AddObject(module, "Table", type) : -1;
}
