// SPDX-License-Identifier: LGPL-2.1-or-later

// half METADATA: a table, an error, a check; in Go, by cgo. See docs/languages.md.
package main

/*
#cgo LDFLAGS: -lbedplate
#include <bedplate/bedplate.h>
#include <stdlib.h>

extern void goDamage(void *user, struct bp_damage *damage);

static void damage(void *user, const struct bp_damage *damage)
{
	goDamage(user, (struct bp_damage *)damage);
}

static int check(struct bp_ctx *ctx, const char *path, struct bp_thin_check_result *ret)
{
	struct bp_thin_check_opts opts = { .size = sizeof(opts), .damage = damage };

	ret->size = sizeof(*ret);
	return bp_thin_check(ctx, path, &opts, ret);
}
*/
import "C"

import (
	"fmt"
	"os"
	"runtime"
	"unsafe"
)

// Failure is what the library knows of a call that failed.
type Failure struct {
	Code, Message, ArgumentName string
	Errno                       int
	Argument                    uint
}

func (f *Failure) Error() string { return f.Message }

// Ctx is a context: for one goroutine at a time.
type Ctx struct{ c *C.struct_bp_ctx }

func newCtx() (*Ctx, error) {
	ctx := &Ctx{}
	if r := C.bp_ctx_new(&ctx.c); r < 0 {
		return nil, fmt.Errorf("out of memory")
	}
	runtime.SetFinalizer(ctx, func(ctx *Ctx) { C.bp_ctx_free(ctx.c) })
	return ctx, nil
}

func (ctx *Ctx) check(r C.int) error {
	if r >= 0 {
		return nil
	}
	e := C.bp_error_get(ctx.c)
	return &Failure{
		Code: C.GoString(C.bp_error_name(e.code)), Message: C.GoString(C.bp_errmsg(ctx.c)),
		ArgumentName: C.GoString(e.argument_name), Errno: int(e.errnum),
		Argument: uint(e.argument),
	}
}

func build(ctx *Ctx) error {
	device := C.CString("8:16")
	target := C.CString("linear")
	defer C.free(unsafe.Pointer(device))
	defer C.free(unsafe.Pointer(target))
	// In C's memory, as it holds a pointer.
	half := (*C.struct_bp_linear)(C.calloc(1, C.sizeof_struct_bp_linear))
	defer C.free(unsafe.Pointer(half))
	half.dev = device
	half.offset_sectors = 2048

	var table *C.struct_bp_table
	if err := ctx.check(C.bp_table_new(ctx.c, &table)); err != nil {
		return err
	}
	defer C.bp_table_free(table)
	err := ctx.check(C.bp_table_append(ctx.c, table, 1048576, target,
		unsafe.Pointer(half), C.sizeof_struct_bp_linear))
	if err != nil {
		return err
	}
	var text *C.char
	if err := ctx.check(C.bp_table_format(ctx.c, table, &text)); err != nil {
		return err
	}
	defer C.free(unsafe.Pointer(text))
	fmt.Print(C.GoString(text))
	return nil
}

func fail(ctx *Ctx) {
	line := C.CString("0 8 linear 8:16 -1")
	defer C.free(unsafe.Pointer(line))
	var table *C.struct_bp_table
	err := ctx.check(C.bp_table_parse(ctx.c, line, 0, &table))
	if f, ok := err.(*Failure); ok {
		fmt.Printf("%s: argument %d, %s\n", f.Code, f.Argument, f.ArgumentName)
	}
	C.bp_table_free(table)
}

//export goDamage
func goDamage(user unsafe.Pointer, damage *C.struct_bp_damage) {
	fmt.Printf("%s: %s\n", C.GoString(C.bp_harm_name(damage.harm)),
		C.GoString(C.bp_damage_kind_name(damage.kind)))
}

func checkMetadata(ctx *Ctx, name string) error {
	path := C.CString(name)
	defer C.free(unsafe.Pointer(path))
	var result C.struct_bp_thin_check_result
	if err := ctx.check(C.check(ctx.c, path, &result)); err != nil {
		return err
	}
	if result.nr_fatal > 0 {
		fmt.Println("damaged")
	} else {
		fmt.Println("good")
	}
	return nil
}

func run() error {
	ctx, err := newCtx()
	if err != nil {
		return err
	}
	if err := build(ctx); err != nil {
		return err
	}
	fail(ctx)
	if len(os.Args) > 1 {
		err = checkMetadata(ctx, os.Args[1])
	}
	runtime.KeepAlive(ctx)
	return err
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintf(os.Stderr, "half: %v\n", err)
		os.Exit(1)
	}
}
