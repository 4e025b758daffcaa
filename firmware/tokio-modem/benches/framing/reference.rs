//! The implementation in C: compiled and loaded here, so that both run in one process on the same
//! frames.
#![allow(unsafe_code)]

use std::{
    ffi::{CStr, CString, c_char, c_int, c_void},
    io,
    path::Path,
    process::Command,
};

const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/framing/reference.c");
const OBJECT: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/framing-reference.so");

/// What such code is usually compiled with.
pub(crate) const OPTIMISATION: &str = "-O2";

type Prepare = unsafe extern "C" fn();
type Encode = unsafe extern "C" fn(*const u8, usize, u32, *mut u8) -> usize;
type Decode = unsafe extern "C" fn(*mut *const u8, *const u8, u32, *mut u8, usize) -> usize;

unsafe extern "C" {
    fn dlopen(path: *const c_char, flags: c_int) -> *mut c_void;
    fn dlsym(library: *mut c_void, name: *const c_char) -> *mut c_void;
}

const RTLD_NOW: c_int = 2;

pub(crate) struct Reference {
    encode: Encode,
    decode: Decode,
}

impl Reference {
    /// Calls the C compiler, `cc` or what `CC` names.
    pub(crate) fn build() -> io::Result<Self> {
        let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".into());
        let status = Command::new(&compiler)
            .args([
                OPTIMISATION,
                "-Wall",
                "-shared",
                "-fPIC",
                "-o",
                OBJECT,
                SOURCE,
            ])
            .status()?;
        if !status.success() {
            let text = format!("{compiler} {SOURCE}: expected a shared object, got {status}");
            return Err(io::Error::other(text));
        }
        Self::load(Path::new(OBJECT))
    }

    fn load(path: &Path) -> io::Result<Self> {
        let name = CString::new(path.as_os_str().as_encoded_bytes())?;
        // SAFETY: a string that ends in zero; the object is never unloaded.
        let library = unsafe { dlopen(name.as_ptr(), RTLD_NOW) };
        let symbol = |name: &CStr| {
            // SAFETY: a null library stands for the whole program, where the name is not found.
            let found = unsafe { dlsym(library, name.as_ptr()) };
            (!found.is_null())
                .then_some(found)
                .ok_or_else(|| io::Error::other(format!("{OBJECT}: no {}", name.to_string_lossy())))
        };
        let prepare = symbol(c"reference_prepare")?;
        let encode = symbol(c"reference_encode")?;
        let decode = symbol(c"reference_decode")?;
        // SAFETY: the types are those of `reference.c`.
        unsafe {
            std::mem::transmute::<*mut c_void, Prepare>(prepare)();
            Ok(Self {
                encode: std::mem::transmute::<*mut c_void, Encode>(encode),
                decode: std::mem::transmute::<*mut c_void, Decode>(decode),
            })
        }
    }

    pub(crate) fn encode(&self, frame: &[u8], accm: u32, out: &mut [u8]) -> usize {
        assert!(out.len() >= tokio_modem::hdlc::encoded_max(frame.len()));
        // SAFETY: the room is enough for a frame of nothing but escapes.
        unsafe { (self.encode)(frame.as_ptr(), frame.len(), accm, out.as_mut_ptr()) }
    }

    /// Takes bytes off the front of `wire` up to the end of the next good frame.
    pub(crate) fn decode<'a>(
        &self,
        wire: &mut &[u8],
        accm: u32,
        frame: &'a mut [u8],
    ) -> Option<&'a [u8]> {
        let range = wire.as_ptr_range();
        let mut at = range.start;
        // SAFETY: it reads up to the end and writes no more than the room it is told.
        let length = unsafe {
            (self.decode)(
                &raw mut at,
                range.end,
                accm,
                frame.as_mut_ptr(),
                frame.len(),
            )
        };
        let taken = at.addr() - range.start.addr();
        *wire = wire.get(taken..).unwrap_or_default();
        // Address and control go before.
        (length > 0).then(|| frame.get(2..2 + length).unwrap_or_default())
    }
}
