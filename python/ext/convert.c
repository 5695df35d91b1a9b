// SPDX-License-Identifier: LGPL-2.1-or-later
/* Between Python's objects and the library's structs. Nothing here calls device-mapper. */
#include "ext.h"

#include <stdlib.h>
#include <string.h>

PyObject *text_or_none(const char *text)
{
	if (!text)
		Py_RETURN_NONE;
	return PyUnicode_DecodeFSDefault(text);
}

PyObject *text_take(char *text)
{
	PyObject *object = text_or_none(text);

	free(text);
	return object;
}

int dict_take(PyObject *dict, const char *key, PyObject *value)
{
	int r;

	if (!value)
		return -1;
	r = PyDict_SetItemString(dict, key, value);
	Py_DECREF(value);
	return r;
}

int list_take(PyObject *list, PyObject *value)
{
	int r;

	if (!value)
		return -1;
	r = PyList_Append(list, value);
	Py_DECREF(value);
	return r;
}

static PyObject *devno(const struct bp_devno *devno)
{
	return PyUnicode_FromFormat("%u:%u", devno->major, devno->minor);
}

static PyObject *field_value(const struct field *field, const void *data)
{
	const void *at = (const char *)data + field->offset;

	switch (field->kind) {
	case FIELD_BOOL:
		return PyBool_FromLong(*(const bool *)at);
	case FIELD_U8:
		return PyLong_FromUnsignedLong(*(const uint8_t *)at);
	case FIELD_U32:
		return PyLong_FromUnsignedLong(*(const uint32_t *)at);
	case FIELD_I32:
		return PyLong_FromLong(*(const int32_t *)at);
	case FIELD_U64:
		return PyLong_FromUnsignedLongLong(*(const uint64_t *)at);
	case FIELD_I64:
		return PyLong_FromLongLong(*(const int64_t *)at);
	case FIELD_CHARS:
		return PyUnicode_DecodeFSDefault(at);
	case FIELD_TEXT:
		return text_or_none(*(const char *const *)at);
	case FIELD_DEVNO:
		return devno(at);
	default:
		Py_RETURN_NONE;
	}
}

int fields_add(PyObject *dict, const struct field *fields, const void *data)
{
	for (const struct field *field = fields; field->name; field++)
		if (dict_take(dict, field->name, field_value(field, data)) < 0)
			return -1;
	return 0;
}

PyObject *fields_dict(const struct field *fields, const void *data)
{
	PyObject *dict = PyDict_New();

	if (dict && fields_add(dict, fields, data) < 0)
		Py_CLEAR(dict);
	return dict;
}

PyObject *json_text(int (*write)(struct bp_json *json, const void *what), const void *what)
{
	struct bp_json *json;
	PyObject *text = NULL;
	size_t len;
	int r = bp_json_new(NULL, NULL, &json);

	if (r < 0)
		return PyErr_NoMemory();
	r = write(json, what);
	if (r == 0)
		r = bp_json_end(json);
	if (r < 0) {
		PyErr_NoMemory();
	} else {
		const char *bytes = bp_json_text(json, &len);

		text = PyUnicode_DecodeUTF8(bytes, (Py_ssize_t)len, NULL);
	}
	bp_json_free(json);
	return text;
}

int text_convert(PyObject *object, void *ret_text)
{
	struct text *text = ret_text;

	if (!PyUnicode_FSConverter(object, &text->held))
		return 0;
	text->text = PyBytes_AsString(text->held);
	return text->text != NULL;
}

int optional_text(PyObject *object, void *ret_text)
{
	return object == Py_None ? 1 : text_convert(object, ret_text);
}

void text_done(struct text *text)
{
	Py_CLEAR(text->held);
}

/* Is @object an int that is neither bool nor beyond @min and @max, which are for the exception? */
static int is_whole(PyObject *object, bool fits, const char *min, const char *max)
{
	if (!PyLong_Check(object) || PyBool_Check(object)) {
		PyErr_Format(PyExc_TypeError, "an int is needed, not %R", object);
		return 0;
	}
	if (fits)
		return 1;
	PyErr_Format(PyExc_ValueError, "%R is not a number from %s to %s", object, min, max);
	return 0;
}

static bool is_between(PyObject *object, unsigned long long max, unsigned long long *ret)
{
	if (!PyLong_Check(object))
		return false;
	*ret = PyLong_AsUnsignedLongLong(object);
	if (!PyErr_Occurred())
		return *ret <= max;
	PyErr_Clear();
	return false;
}

int u32_convert(PyObject *object, void *ret)
{
	unsigned long long value;

	if (!is_whole(object, is_between(object, UINT32_MAX, &value), "0", "4294967295"))
		return 0;
	*(unsigned *)ret = (unsigned)value;
	return 1;
}

int u64_convert(PyObject *object, void *ret)
{
	unsigned long long value;

	if (!is_whole(object, is_between(object, UINT64_MAX, &value), "0", "2**64 - 1"))
		return 0;
	*(unsigned long long *)ret = value;
	return 1;
}

int i64_convert(PyObject *object, void *ret)
{
	int beyond = 0;
	long long value =
		PyLong_Check(object) ? PyLong_AsLongLongAndOverflow(object, &beyond) : 0;

	if (!is_whole(object, beyond == 0, "-2**63", "2**63 - 1"))
		return 0;
	*(long long *)ret = value;
	return 1;
}

static int select_by_kind(struct which *which, const char *kind)
{
	struct bp_selector *selector = &which->selector;

	if (strcmp(kind, "name") == 0)
		selector->name = which->text.text;
	else if (strcmp(kind, "uuid") == 0)
		selector->uuid = which->text.text;
	else if (strcmp(kind, "path") == 0)
		selector->path = which->text.text;
	else
		PyErr_Format(PyExc_ValueError, "'%s' is none of name, uuid, path", kind);
	return !PyErr_Occurred();
}

static int which_pair(PyObject *pair, struct which *which)
{
	PyObject *first, *kind;
	int ok;

	if (PyTuple_Size(pair) != 2) {
		PyErr_Format(PyExc_TypeError,
			     "%R is no pair of a kind and a text, nor of "
			     "two numbers",
			     pair);
		return 0;
	}
	first = PyTuple_GetItem(pair, 0);
	if (PyLong_Check(first))
		return PyArg_ParseTuple(pair, "O&O&", u32_convert, &which->selector.major,
					u32_convert, &which->selector.minor);
	if (!PyArg_ParseTuple(pair, "UO&", &first, text_convert, &which->text))
		return 0;
	kind = PyUnicode_AsUTF8String(first);
	if (!kind)
		return 0;
	ok = select_by_kind(which, PyBytes_AsString(kind));
	Py_DECREF(kind);
	return ok;
}

int which_convert(PyObject *object, void *ret_which)
{
	struct which *which = ret_which;

	which->given = true;
	if (PyTuple_Check(object))
		return which_pair(object, which);
	if (!text_convert(object, &which->text))
		return 0;
	bp_selector_parse(which->text.text, &which->selector);
	return 1;
}

int optional_which(PyObject *object, void *ret_which)
{
	return object == Py_None ? 1 : which_convert(object, ret_which);
}

void which_done(struct which *which)
{
	text_done(&which->text);
}
