/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the files of the Python extension share. The extension is a thin layer: one method a call of
 * the library, on a Context; results are dictionaries, lists and texts. What is Pythonic is in
 * the package's own files. It is built on the stable ABI, and against the public headers:
 * results are told from the structs by tables of members (FIELD), which the compiler checks.
 *
 * Threads: a call lets other Python threads run; a context is taken by one thread at a time,
 * others wait for it. A callback must not use the context that called it (RuntimeError).
 */
#ifndef PYTHON_EXT_H
#define PYTHON_EXT_H

#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030a0000
#include <Python.h>

#include <bedplate/bedplate.h>

#include <pthread.h>

#define _cleanup_(f) __attribute__((cleanup(f)))

/* --- results (convert.c) --- */

enum field_kind {
	FIELD_BOOL,
	FIELD_U8,
	FIELD_U32,
	FIELD_I32,
	FIELD_U64,
	FIELD_I64,
	FIELD_CHARS, /* an array of char, with NUL */
	FIELD_TEXT,  /* a pointer; NULL is None */
	FIELD_DEVNO, /* struct bp_devno: "MAJOR:MINOR" */
};

struct field {
	const char *name; /* NULL: end of the table */
	size_t offset;
	enum field_kind kind;
};

/* clang-format off */
#define FIELD_KIND(lvalue) _Generic((lvalue), bool: FIELD_BOOL, uint8_t: FIELD_U8, \
	uint32_t: FIELD_U32, int32_t: FIELD_I32, uint64_t: FIELD_U64, int64_t: FIELD_I64, \
	char *: FIELD_CHARS, const char *: FIELD_TEXT, struct bp_devno: FIELD_DEVNO)
#define FIELD(type, member) \
	{ #member, offsetof(type, member), FIELD_KIND(((type *)0)->member) }
#define FIELDS_END { NULL, 0, FIELD_BOOL }
/* clang-format on */

/* A dictionary of the members of @data; NULL with an exception set. */
PyObject *fields_dict(const struct field *fields, const void *data);
/* Add them to @dict. Return: 0 or -1. */
int fields_add(PyObject *dict, const struct field *fields, const void *data);
/*
 * A list of dictionaries, of the entries of a list handle, which is freed. @kind: what its functions'
 * names begin with: LIST_TAKE(entry_fields, bp_device_list, list).
 */
#define LIST_TAKE(fields, kind, handle)                                                        \
	__extension__({                                                                        \
		PyObject *list_ = PyList_New(0);                                               \
		for (size_t i_ = 0; list_ && i_ < kind##_count(handle); i_++)                  \
			if (list_take(list_, fields_dict(fields, kind##_get(handle, i_))) < 0) \
				Py_CLEAR(list_);                                               \
		kind##_free(handle);                                                           \
		list_;                                                                         \
	})

/* File names and names of devices: any bytes, as os.fsdecode() has them. NULL is None. */
PyObject *text_or_none(const char *text);
/* The same; and free(@text). */
PyObject *text_take(char *text);
/* Set a member, and drop the reference to @value; NULL: an exception is set. Return: 0 or -1. */
int dict_take(PyObject *dict, const char *key, PyObject *value);
/* Append, likewise. */
int list_take(PyObject *list, PyObject *value);
/* What @write makes of @what as JSON, as text for json.loads(). */
PyObject *json_text(int (*write)(struct bp_json *json, const void *what), const void *what);

/* --- arguments (convert.c), for "O&" --- */

/* str, bytes or os.PathLike. Begin with zeros; text_done() frees. */
struct text {
	PyObject *held;
	const char *text;
};
int text_convert(PyObject *object, void *ret_text);
/* The same; None is NULL. */
int optional_text(PyObject *object, void *ret_text);
void text_done(struct text *text);

/*
 * Whole numbers: an int, and no bool or float, that fits. PyArg_Parse's own formats would cut bits off (I, K).
 * @ret: unsigned; unsigned long long; long long.
 */
int u32_convert(PyObject *object, void *ret);
int u64_convert(PyObject *object, void *ret);
int i64_convert(PyObject *object, void *ret);

/*
 * A device: a text as bp_selector_parse() takes it; or a pair ("name", TEXT), ("uuid", TEXT), ("path",
 * TEXT), (MAJOR, MINOR).
 */
struct which {
	struct text text;
	struct bp_selector selector;
	bool given;
};
int which_convert(PyObject *object, void *ret_which);
/* The same; None leaves @given false. */
int optional_which(PyObject *object, void *ret_which);
void which_done(struct which *which);

/* --- contexts and calls (context.c) --- */

struct context {
	PyObject_HEAD struct bp_ctx *ctx;
	pthread_mutex_t lock;
	_Atomic(PyThreadState *) user; /* the thread that is in a call */
};
extern PyObject *context_type;
int context_init(PyObject *module);

/* A call into the library. Between begin and end no Python object may be touched. */
struct call {
	struct context *context;
	PyThreadState *state;
};
/* Return: 0, or -1 with an exception set (a callback that uses its own context). */
int call_begin(struct call *call, PyObject *self);
/* @r: what the library returned: where it is negative the exception is made of its error.
 * Return: 0, or -1 with an exception set. */
int call_end(struct call *call, int r);
/* In a callback: Python may be used between these. */
void callback_begin(struct call *call);
void callback_end(struct call *call);

/* The exception for the last failure of @ctx, which returned @r. Always NULL. */
PyObject *raise_error(struct bp_ctx *ctx, int r);

/* One call, where it is one expression of @ctx. */
#define CALL(self, expression)                                                                 \
	({                                                                                     \
		struct call call_;                                                             \
		int r_ = call_begin(&call_, (self));                                           \
		if (r_ == 0) {                                                                 \
			struct bp_ctx *ctx = call_.context->ctx;                               \
			r_ = call_end(&call_, (expression));                                   \
		}                                                                              \
		r_;                                                                            \
	})

/* --- methods by subject; each table ends with zeros --- */

extern PyMethodDef device_methods[], change_methods[], system_methods[], pool_methods[],
	metadata_methods[];
int table_init(PyObject *module);
int scope_init(PyObject *module);

PyObject *info_dict(const struct bp_device_info *info);

/* clang-format off */
#define KEYWORDS(f) (PyCFunction)(void (*)(void))(f), METH_VARARGS | METH_KEYWORDS
#define PARSE(format, names, ...) \
	PyArg_ParseTupleAndKeywords(args, kwargs, format, names, __VA_ARGS__)
#define NAMES(...) ((char *[]){ __VA_ARGS__, NULL })
/* clang-format on */

#endif
