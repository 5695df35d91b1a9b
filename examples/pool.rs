// SPDX-License-Identifier: LGPL-2.1-or-later
//! pool: what a service does with devices, in Rust, by the binding that is installed with the headers.
//! As root, or: bedplate lab run -- ./pool

use std::ffi::{c_char, c_int, CStr, CString};
use std::ptr::{null, null_mut};

#[allow(non_camel_case_types, non_upper_case_globals, dead_code)]
mod sys {
    include!(env!("BEDPLATE_RS"));
}

/// A failure: a copy of what the library knows of it.
struct Failure {
    code: String,
    errno: i32,
    message: String,
    cause: String,
}

fn text(from: *const c_char) -> String {
    if from.is_null() {
        return String::new();
    }
    unsafe { CStr::from_ptr(from) }.to_string_lossy().into_owned()
}

fn word(of: &str) -> CString {
    CString::new(of).expect("no NUL")
}

/// A context, freed with its owner. Neither Send nor Sync, as it holds a pointer: it is for one thread.
struct Context(*mut sys::bp_ctx);

impl Context {
    fn new() -> Option<Context> {
        let mut ctx = null_mut();
        (unsafe { sys::bp_ctx_new(&mut ctx) } == 0).then_some(Context(ctx))
    }

    fn check(&self, r: c_int) -> Result<(), Failure> {
        if r >= 0 {
            return Ok(());
        }
        let e = unsafe { &*sys::bp_error_get(self.0) };
        Err(Failure {
            code: text(unsafe { sys::bp_error_name(e.code) }),
            errno: e.errnum,
            message: text(unsafe { sys::bp_errmsg(self.0) }),
            cause: text(e.cause),
        })
    }

    fn devices(&self) -> Result<Vec<String>, Failure> {
        let mut list = null_mut();
        self.check(unsafe { sys::bp_device_list(self.0, &mut list) })?;
        let names = (0..unsafe { sys::bp_device_list_count(list) })
            .map(|i| text(unsafe { (*sys::bp_device_list_get(list, i)).name.as_ptr() }))
            .collect();
        unsafe { sys::bp_device_list_free(list) };
        Ok(names)
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        unsafe { sys::bp_ctx_free(self.0) }
    }
}

/// A scope: all that its context makes is removed with it. It can't outlive the context.
struct Scope<'a>(&'a Context, *mut sys::bp_scope);

impl<'a> Scope<'a> {
    fn open(ctx: &'a Context, name: &str) -> Result<Scope<'a>, Failure> {
        let mut scope = null_mut();
        ctx.check(unsafe { sys::bp_scope_open(ctx.0, word(name).as_ptr(), null(), &mut scope) })?;
        Ok(Scope(ctx, scope))
    }

    fn loop_device(&self, bytes: u64) -> Result<sys::bp_bdev, Failure> {
        let mut made = sys::bp_bdev::default();
        self.0.check(unsafe { sys::bp_scope_loop(self.1, bytes, &mut made) })?;
        Ok(made)
    }

    /// Its end; dropping it ends it too, but can't say what went wrong.
    fn end(&self) -> Result<(), Failure> {
        self.0.check(unsafe { sys::bp_scope_end(self.1, 0, 0) })
    }
}

impl Drop for Scope<'_> {
    fn drop(&mut self) {
        unsafe {
            sys::bp_scope_end(self.1, 0, 0);
            sys::bp_scope_close(self.1);
        }
    }
}

/// A pool that is active; it is closed before its scope ends.
struct Pool<'a>(&'a Context, *mut sys::bp_pool);

impl<'a> Pool<'a> {
    fn create(scope: &Scope<'a>, name: &str) -> Result<Pool<'a>, Failure> {
        let (metadata, data) = (scope.loop_device(8 << 20)?, scope.loop_device(64 << 20)?);
        let mut pool = null_mut();
        scope.0.check(unsafe {
            sys::bp_pool_create(scope.0 .0, word(name).as_ptr(), metadata.path.as_ptr(),
                                data.path.as_ptr(), null(), &mut pool)
        })?;
        Ok(Pool(scope.0, pool))
    }

    fn volume(&self, name: &str, bytes: u64) -> Result<u32, Failure> {
        let (mut id, sectors) = (0, sys::bp_bytes_to_sector(bytes));
        self.0.check(unsafe {
            sys::bp_pool_create_volume(self.1, word(name).as_ptr(), sectors, null(), &mut id)
        })?;
        Ok(id)
    }

    fn snapshot(&self, origin: &str, name: &str) -> Result<u32, Failure> {
        let (mut id, origin) = (0, word(origin));
        let which = sys::bp_selector { name: origin.as_ptr(), ..Default::default() };
        self.0.check(unsafe {
            sys::bp_pool_snapshot(self.1, &which, word(name).as_ptr(), null(), &mut id)
        })?;
        Ok(id)
    }

    fn status(&self) -> Result<sys::bp_pool_status, Failure> {
        let mut now = sys::bp_pool_status::default();
        self.0.check(unsafe { sys::bp_pool_status(self.1, sys::BP_TABLE_FLUSH, &mut now) })?;
        Ok(now)
    }
}

impl Drop for Pool<'_> {
    fn drop(&mut self) {
        unsafe { sys::bp_pool_close(self.1) }
    }
}

/// What happens to devices. An event is lent until the next call, so it is copied here.
struct Watch<'a>(&'a Context, *mut sys::bp_watch);

impl<'a> Watch<'a> {
    fn open(ctx: &'a Context) -> Result<Watch<'a>, Failure> {
        let mut watch = null_mut();
        ctx.check(unsafe { sys::bp_watch_open(ctx.0, null(), &mut watch) })?;
        Ok(Watch(ctx, watch))
    }

    /// None: nothing within the time.
    fn next(&self, timeout_ms: i64) -> Result<Option<(String, String)>, Failure> {
        let mut event = null();
        match self.0.check(unsafe { sys::bp_watch_next(self.1, timeout_ms, &mut event) }) {
            Err(f) if f.code == "BP_E_TIMEOUT" => return Ok(None),
            other => other?,
        }
        let event = unsafe { &*event };
        let kind = text(unsafe { sys::bp_event_name(event.kind) });
        Ok(Some((kind, text(unsafe { (*event.device).name.as_ptr() }))))
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        unsafe { sys::bp_watch_close(self.1) }
    }
}

fn run(ctx: &Context) -> Result<(), Failure> {
    let scope = Scope::open(ctx, "example")?;
    let watch = Watch::open(ctx)?;
    let pool = Pool::create(&scope, "pool")?;
    pool.volume("home", 1 << 30)?;
    pool.snapshot("home", "monday")?;
    for name in ctx.devices()? {
        println!("{name}");
    }
    let now = pool.status()?;
    println!("{} of {} blocks used", now.data_used_dblocks, now.data_total_dblocks);
    if let Err(f) = pool.snapshot("home", "monday") {
        println!("{} {}: {}", f.code, f.errno, f.cause);
    }
    while let Some((kind, device)) = watch.next(500)? {
        println!("{kind} {device}");
    }
    drop((watch, pool));
    scope.end()
}

fn main() {
    let ctx = Context::new().expect("out of memory");
    if let Err(failure) = run(&ctx) {
        eprintln!("pool: {}", failure.message);
        std::process::exit(1);
    }
}
