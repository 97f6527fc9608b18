//! Which line of the program calls: the innermost outside of the standard library, and the innermost of all.

use std::collections::HashMap;
use std::ffi::CStr;
use std::slice;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::ffi::capi::{
    PyErr_Clear, PyEval_GetFrame, PyFrame_GetBack, PyFrame_GetCode, PyFrame_GetLasti, PyFrame_GetLineNumber,
    PyFrameObject, PyObject, PyObject_GetAttrString, PyUnicode_AsUTF8AndSize,
};
use crate::ffi::owned::Owned;
use crate::ffi::raised::{PyResult, Raised};

/// So far out a line of the program's own is looked for.
const DEEPEST: usize = 100;
/// Of so many pieces of code it is remembered whose they are. They are kept alive for that.
const MOST_CODES: usize = 10_000;

/// Where a call comes from, cheap to compare: pieces of code, by their addresses, and the instruction in each. The code is
/// kept alive as long as its address stands for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Spot {
    outer: (usize, i32),
    inner: (usize, i32),
}

impl Spot {
    /// The number of the instruction in the innermost code.
    pub(super) fn instruction(self) -> usize {
        self.inner.1.unsigned_abs() as usize / 2
    }
}

/// The same, to be read: file, line and function.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) file: String,
    pub(crate) number: i32,
    pub(crate) function: String,
}

/// The frames of a call.
pub(crate) struct Caller {
    inner: Option<Owned>,
    /// The innermost outside of the standard library.
    outer: Option<Owned>,
    pub(crate) spot: Spot,
}

impl Caller {
    /// Of the call that is made now. No exception may be set.
    pub(crate) fn now() -> Self {
        // SAFETY: the interpreter is held; the frame is alive as long as this call from it.
        let innermost = unsafe { PyEval_GetFrame().cast::<PyObject>() };
        if innermost.is_null() {
            return Self { inner: None, outer: None, spot: Spot::default() };
        }
        // SAFETY: alive.
        let inner = unsafe { Owned::borrowed(innermost) };
        // SAFETY: as above.
        let mut frame = Some(unsafe { Owned::borrowed(innermost) });
        let mut place = place_of(&inner);
        let mut spot = Spot { outer: (0, 0), inner: (place.code, place.at) };
        for _ in 0..DEEPEST {
            let Some(found) = frame.take() else { break };
            if !place.is_library {
                spot.outer = (place.code, place.at);
                return Self { inner: Some(inner), outer: Some(found), spot };
            }
            // SAFETY: alive. There is none further out, or no memory for it, which is nobody's business here.
            frame = unsafe {
                let back = Owned::new(PyFrame_GetBack(as_frame(&found)).cast()).ok();
                PyErr_Clear();
                back
            };
            if let Some(back) = &frame {
                place = place_of(back);
            }
        }
        Self { inner: Some(inner), outer: None, spot }
    }

    /// The innermost line outside of the standard library.
    pub(crate) fn outer(&self) -> Option<Line> {
        self.outer.as_ref().and_then(line_of)
    }

    /// The innermost line of all, if that is another.
    pub(crate) fn inner(&self) -> Option<Line> {
        self.inner.as_ref().filter(|_| self.spot.inner != self.spot.outer).and_then(line_of)
    }
}

/// Where the standard library is, with what is installed inside of it, and this package.
pub(crate) struct Library {
    pub(crate) folders: Vec<String>,
    pub(crate) packages: Vec<String>,
}

/// What is known of pieces of code.
struct Known {
    library: Library,
    codes: HashMap<usize, bool>,
}

static KNOWN: Mutex<Option<Known>> = Mutex::new(None);

/// Code of the program's that was seen to wait last, and is kept alive, so that it need not be looked up.
static OWN: AtomicUsize = AtomicUsize::new(0);

/// Says where the library is; what was known of code is forgotten, and stays alive.
pub(crate) fn know(library: Library) {
    OWN.store(0, Ordering::Relaxed);
    *known() = Some(Known { library, codes: HashMap::new() });
}

fn known() -> MutexGuard<'static, Option<Known>> {
    KNOWN.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Place {
    code: usize,
    at: i32,
    is_library: bool,
}

fn place_of(frame: &Owned) -> Place {
    // SAFETY: the interpreter is held, the frame alive; it has code.
    let (code, at) = unsafe {
        let code = Owned::new(PyFrame_GetCode(as_frame(frame)).cast::<PyObject>());
        (code, PyFrame_GetLasti(as_frame(frame)))
    };
    let Ok(code) = code else { return Place { code: 0, at, is_library: true } };
    let key = code.as_ptr() as usize;
    if OWN.load(Ordering::Relaxed) == key {
        return Place { code: key, at, is_library: false };
    }
    let remembered = known().as_ref().and_then(|known| known.codes.get(&key).copied());
    let is_library = remembered.unwrap_or_else(|| look_at(code));
    if !is_library && remembered.is_some() {
        OWN.store(key, Ordering::Relaxed);
    }
    Place { code: key, at, is_library }
}

/// Whose code it is, seen for the first time.
#[cold]
fn look_at(code: Owned) -> bool {
    // Not with the lock held: the interpreter may run a finalizer in any call.
    let file = text_attribute(&code, c"co_filename").unwrap_or_default();
    let mut known = known();
    let Some(known) = known.as_mut() else { return false };
    let is_library = known.library.has(&file);
    if known.codes.len() < MOST_CODES {
        // It is given back never: its address stands for it.
        known.codes.insert(code.into_ptr() as usize, is_library);
    }
    is_library
}

impl Library {
    fn has(&self, file: &str) -> bool {
        let in_folder = |folder: &String| {
            let rest = file.strip_prefix(folder.as_str());
            rest.is_some_and(|rest| !rest.starts_with("site-packages") && !rest.starts_with("dist-packages"))
        };
        let of_packages = || self.packages.iter().any(|package| file.starts_with(package.as_str()));
        file.starts_with("<frozen ") || of_packages() || self.folders.iter().any(in_folder)
    }
}

fn line_of(frame: &Owned) -> Option<Line> {
    // SAFETY: the interpreter is held, the frame alive; it has code.
    unsafe {
        let code = Owned::new(PyFrame_GetCode(as_frame(frame)).cast::<PyObject>()).ok()?;
        let number = PyFrame_GetLineNumber(as_frame(frame));
        Some(Line {
            file: text_attribute(&code, c"co_filename").ok()?,
            number,
            function: text_attribute(&code, c"co_qualname").ok()?,
        })
    }
}

/// A text attribute; what is none, or no UTF-8, is an error that goes no further.
pub(super) fn text_attribute(object: &Owned, name: &CStr) -> PyResult<String> {
    // SAFETY: the interpreter is held, the object alive, the name ends with a NUL.
    let text =
        unsafe { Owned::new(PyObject_GetAttrString(object.as_ptr(), name.as_ptr())) }.and_then(|it| text_of(&it));
    if text.is_err() {
        // SAFETY: the interpreter is held.
        unsafe { PyErr_Clear() };
    }
    text
}

/// The text of a str.
pub(super) fn text_of(object: &Owned) -> PyResult<String> {
    let mut len = 0;
    // SAFETY: the interpreter is held, the object alive; a str keeps its text.
    unsafe {
        let start = PyUnicode_AsUTF8AndSize(object.as_ptr(), &raw mut len);
        if start.is_null() {
            return Err(Raised);
        }
        let bytes = slice::from_raw_parts(start.cast::<u8>(), usize::try_from(len).unwrap_or(0));
        Ok(String::from_utf8_lossy(bytes).into_owned())
    }
}

fn as_frame(frame: &Owned) -> *mut PyFrameObject {
    frame.as_ptr().cast()
}
