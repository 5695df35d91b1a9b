// SPDX-License-Identifier: LGPL-2.1-or-later
//! half METADATA: a table, an error, a check; in Rust, without bindgen. See docs/languages.md.
//!
//! Only opaque handles, texts and numbers cross the border: parameters are set by their names, results
//! come as JSON. So no struct of the library is written down a second time here.

use std::ffi::{c_char, c_int, c_void, CStr, CString};
use std::ptr::null_mut;

#[link(name = "bedplate")]
extern "C" {
    fn bp_ctx_new(ret: *mut *mut c_void) -> c_int;
    fn bp_ctx_free(ctx: *mut c_void);
    fn bp_errmsg(ctx: *mut c_void) -> *const c_char;
    fn bp_error_json(ctx: *mut c_void, json: *mut c_void, key: *const c_char) -> c_int;
    fn bp_json_new(write: *const c_void, user: *mut c_void, ret: *mut *mut c_void) -> c_int;
    fn bp_json_end(json: *mut c_void) -> c_int;
    fn bp_json_text(json: *mut c_void, len: *mut usize) -> *const c_char;
    fn bp_json_free(json: *mut c_void);
    fn bp_table_new(ctx: *mut c_void, ret: *mut *mut c_void) -> c_int;
    fn bp_table_free(table: *mut c_void);
    fn bp_table_append(ctx: *mut c_void, table: *mut c_void, sectors: u64, target: *const c_char,
                       params: *const c_void, params_size: usize) -> c_int;
    fn bp_table_get(table: *const c_void, index: usize) -> *mut c_void;
    fn bp_segment_set(ctx: *mut c_void, segment: *mut c_void, name: *const c_char,
                      value: *const c_char) -> c_int;
    fn bp_table_format(ctx: *mut c_void, table: *const c_void, ret: *mut *mut c_char) -> c_int;
    fn bp_table_parse(ctx: *mut c_void, text: *const c_char, flags: u32,
                      ret: *mut *mut c_void) -> c_int;
    fn bp_thin_open(ctx: *mut c_void, path: *const c_char, opts: *const c_void,
                    ret: *mut *mut c_void) -> c_int;
    fn bp_thin_close(meta: *mut c_void);
    fn bp_thin_dump(meta: *mut c_void, opts: *const c_void,
                    write: extern "C" fn(*mut c_void, *const c_char, usize) -> c_int,
                    user: *mut c_void, damages: *mut u64) -> c_int;
    fn free(memory: *mut c_void);
}

/// A failure: its line, and all of it as JSON.
struct Failure {
    message: String,
    json: String,
}

/// A context, freed with its owner. Not Send: it is for one thread at a time.
struct Context(*mut c_void);

fn text(from: *const c_char) -> String {
    unsafe { CStr::from_ptr(from) }.to_string_lossy().into_owned()
}

impl Context {
    fn new() -> Option<Context> {
        let mut ctx = null_mut();
        (unsafe { bp_ctx_new(&mut ctx) } == 0).then_some(Context(ctx))
    }

    fn check(&self, r: c_int) -> Result<(), Failure> {
        if r >= 0 {
            return Ok(());
        }
        let message = text(unsafe { bp_errmsg(self.0) });
        let mut json = null_mut();
        let mut all = String::new();
        unsafe {
            if bp_json_new(std::ptr::null(), null_mut(), &mut json) == 0 {
                bp_error_json(self.0, json, std::ptr::null());
                bp_json_end(json);
                let mut len = 0;
                all = text(bp_json_text(json, &mut len));
                bp_json_free(json);
            }
        }
        Err(Failure { message, json: all })
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        unsafe { bp_ctx_free(self.0) }
    }
}

/// A table, freed with its owner.
struct Table<'a>(&'a Context, *mut c_void);

impl Drop for Table<'_> {
    fn drop(&mut self) {
        unsafe { bp_table_free(self.1) }
    }
}

impl<'a> Table<'a> {
    fn new(ctx: &'a Context) -> Result<Table<'a>, Failure> {
        let mut table = null_mut();
        ctx.check(unsafe { bp_table_new(ctx.0, &mut table) })?;
        Ok(Table(ctx, table))
    }

    fn parse(ctx: &'a Context, lines: &str) -> Result<Table<'a>, Failure> {
        let lines = CString::new(lines).unwrap();
        let mut table = null_mut();
        ctx.check(unsafe { bp_table_parse(ctx.0, lines.as_ptr(), 0, &mut table) })?;
        Ok(Table(ctx, table))
    }

    fn append(&self, sectors: u64, target: &str, params: &[(&str, &str)]) -> Result<(), Failure> {
        let target = CString::new(target).unwrap();
        self.0.check(unsafe {
            bp_table_append(self.0 .0, self.1, sectors, target.as_ptr(), std::ptr::null(), 0)
        })?;
        let segment = unsafe { bp_table_get(self.1, 0) };
        for (name, value) in params {
            let (name, value) = (CString::new(*name).unwrap(), CString::new(*value).unwrap());
            self.0.check(unsafe {
                bp_segment_set(self.0 .0, segment, name.as_ptr(), value.as_ptr())
            })?;
        }
        Ok(())
    }

    fn format(&self) -> Result<String, Failure> {
        let mut lines = null_mut();
        self.0.check(unsafe { bp_table_format(self.0 .0, self.1, &mut lines) })?;
        let copy = text(lines);
        unsafe { free(lines.cast()) };
        Ok(copy)
    }
}

extern "C" fn count(user: *mut c_void, _text: *const c_char, len: usize) -> c_int {
    unsafe { *user.cast::<usize>() += len };
    0
}

/// How many parts of the metadata can't be read: what a dump says of it.
fn damages(ctx: &Context, path: &str) -> Result<u64, Failure> {
    let path = CString::new(path).unwrap();
    let mut meta = null_mut();
    ctx.check(unsafe { bp_thin_open(ctx.0, path.as_ptr(), std::ptr::null(), &mut meta) })?;
    let (mut bytes, mut found) = (0usize, 0u64);
    let user: *mut usize = &mut bytes;
    let r = unsafe { bp_thin_dump(meta, std::ptr::null(), count, user.cast(), &mut found) };
    unsafe { bp_thin_close(meta) };
    ctx.check(r)?;
    Ok(found)
}

/// The value of a member in the library's JSON: enough for flat texts and numbers.
fn member<'a>(json: &'a str, name: &str) -> &'a str {
    let key = format!("\"{name}\": ");
    let rest = json.split_once(&key).map_or("", |pair| pair.1);
    rest.split([',', '\n']).next().unwrap_or("").trim_matches('"')
}

fn run(ctx: &Context) -> Result<(), Failure> {
    let table = Table::new(ctx)?;
    table.append(1048576, "linear", &[("dev", "8:16"), ("offset_sectors", "2048")])?;
    print!("{}", table.format()?);
    if let Err(failure) = Table::parse(ctx, "0 8 linear 8:16 -1") {
        println!("{}: argument {}, {}", member(&failure.json, "code"),
                 member(&failure.json, "argument"), member(&failure.json, "argument_name"));
    }
    if let Some(path) = std::env::args().nth(1) {
        let lost = damages(ctx, &path)?;
        println!("{}", if lost > 0 { "damaged" } else { "good" });
    }
    Ok(())
}

fn main() {
    let ctx = Context::new().expect("out of memory");
    if let Err(failure) = run(&ctx) {
        eprintln!("half: {}", failure.message);
        std::process::exit(1);
    }
}
