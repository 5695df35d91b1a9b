// SPDX-License-Identifier: LGPL-2.1-or-later

// pool: what a service does with devices, in Go. As root, or: bedplate lab run -- ./pool
package main

/*
#cgo LDFLAGS: -lbedplate
#include <bedplate/bedplate.h>
#include <stdlib.h>
*/
import "C"

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"unsafe"
)

// Failure is what the library knows of a call that failed; errors.Is finds its errno.
type Failure struct {
	Code, Message, Cause, Hint string
	Errno                      syscall.Errno
}

func (f *Failure) Error() string { return f.Message }
func (f *Failure) Unwrap() error { return f.Errno }

// service has a context, which is for one goroutine at a time, and what was made with it.
type service struct {
	ctx     *C.struct_bp_ctx
	scope   *C.struct_bp_scope
	pool    *C.struct_bp_pool
	watch   *C.struct_bp_watch
	strings map[string]*C.char
}

// text lends s to C until the service is closed.
func (s *service) text(of string) *C.char {
	if s.strings[of] == nil {
		s.strings[of] = C.CString(of)
	}
	return s.strings[of]
}

func (s *service) check(r C.int) error {
	if r >= 0 {
		return nil
	}
	e := C.bp_error_get(s.ctx) // lent until the next call: copied at once
	return &Failure{
		Code: C.GoString(C.bp_error_name(e.code)), Message: C.GoString(C.bp_errmsg(s.ctx)),
		Cause: C.GoString(e.cause), Hint: C.GoString(e.hint), Errno: syscall.Errno(e.errnum),
	}
}

func (s *service) open() error {
	var metadata, data C.struct_bp_bdev
	if err := s.check(C.bp_scope_open(s.ctx, s.text("example"), nil, &s.scope)); err != nil {
		return err
	}
	if err := s.check(C.bp_scope_loop(s.scope, 8<<20, &metadata)); err != nil {
		return err
	}
	if err := s.check(C.bp_scope_loop(s.scope, 64<<20, &data)); err != nil {
		return err
	}
	if err := s.check(C.bp_watch_open(s.ctx, nil, &s.watch)); err != nil {
		return err
	}
	return s.check(C.bp_pool_create(s.ctx, s.text("pool"), &metadata.path[0], &data.path[0],
		nil, &s.pool))
}

// close removes all that was made: the scope's end.
func (s *service) close() error {
	var err error
	C.bp_watch_close(s.watch)
	C.bp_pool_close(s.pool)
	if s.scope != nil {
		err = s.check(C.bp_scope_end(s.scope, 0, 0))
		C.bp_scope_close(s.scope)
	}
	C.bp_ctx_free(s.ctx)
	for _, text := range s.strings {
		C.free(unsafe.Pointer(text))
	}
	return err
}

func (s *service) snapshot(origin, name string) error {
	// In C's memory, as it holds a pointer.
	which := (*C.struct_bp_selector)(C.calloc(1, C.sizeof_struct_bp_selector))
	defer C.free(unsafe.Pointer(which))
	which.name = s.text(origin)
	return s.check(C.bp_pool_snapshot(s.pool, which, s.text(name), nil, nil))
}

func (s *service) list() error {
	var list *C.struct_bp_device_list
	if err := s.check(C.bp_device_list(s.ctx, &list)); err != nil {
		return err
	}
	defer C.bp_device_list_free(list)
	for i := C.size_t(0); i < C.bp_device_list_count(list); i++ {
		fmt.Println(C.GoString(&C.bp_device_list_get(list, i).name[0]))
	}
	return nil
}

// events prints what happened, until half a second brings nothing more.
func (s *service) events() error {
	for {
		var event *C.struct_bp_event
		err := s.check(C.bp_watch_next(s.watch, 500, &event))
		if errors.Is(err, syscall.ETIMEDOUT) {
			return nil
		}
		if err != nil {
			return err
		}
		fmt.Println(C.GoString(C.bp_event_name(event.kind)),
			C.GoString(&event.device.name[0]))
	}
}

func (s *service) run() error {
	if err := s.open(); err != nil {
		return err
	}
	size := C.bp_bytes_to_sector(1 << 30)
	err := s.check(C.bp_pool_create_volume(s.pool, s.text("home"), size, nil, nil))
	if err != nil {
		return err
	}
	if err := s.snapshot("home", "monday"); err != nil {
		return err
	}
	if err := s.list(); err != nil {
		return err
	}
	var status C.struct_bp_pool_status
	if err := s.check(C.bp_pool_status(s.pool, C.BP_TABLE_FLUSH, &status)); err != nil {
		return err
	}
	fmt.Println(status.data_used_dblocks, "of", status.data_total_dblocks, "blocks used")
	var f *Failure
	if errors.As(s.snapshot("home", "monday"), &f) {
		fmt.Printf("%s %d: %s\n", f.Code, int(f.Errno), f.Cause)
	}
	return s.events()
}

func main() {
	s := &service{strings: map[string]*C.char{}}
	if C.bp_ctx_new(&s.ctx) < 0 {
		os.Exit(1)
	}
	err := s.run()
	if ended := s.close(); err == nil {
		err = ended
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "pool: %v\n", err)
		os.Exit(1)
	}
}
