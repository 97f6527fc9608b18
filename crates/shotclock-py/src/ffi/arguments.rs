//! Arguments: the interpreter's own parser with CPython's own formats, and buffers held for the length of a call.

use std::ffi::{CStr, c_char, c_int};
use std::mem::MaybeUninit;
use std::os::fd::RawFd;
use std::slice;

use crate::ffi::capi::{
    Py_buffer, Py_ssize_t, PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_Release, PyBytes_AsString, PyBytes_Size,
    PyExc_OverflowError, PyList_AsTuple, PyList_Check, PyLong_AsLong, PyLong_AsLongAndOverflow, PyObject,
    PyObject_GetBuffer, PySequence_Fast, PyTuple_GetItem, PyTuple_Size, variadic,
};
use crate::ffi::exception;
use crate::ffi::owned::Owned;
use crate::ffi::raised::{PyResult, Raised};

/// The positional arguments of a METH_FASTCALL method.
#[derive(Clone, Copy)]
pub(crate) struct Arguments<'a>(&'a [*mut PyObject]);

impl Arguments<'_> {
    pub(crate) const NONE: Self = Self(&[]);

    /// # Safety
    /// `arguments` must be `count` live objects that stay alive for the call, as the interpreter passes them.
    pub(crate) unsafe fn new(arguments: *const *mut PyObject, count: Py_ssize_t) -> Self {
        let count = usize::try_from(count).unwrap_or(0);
        if count == 0 {
            return Self(&[]);
        }
        // SAFETY: by the caller's promise.
        Self(unsafe { slice::from_raw_parts(arguments, count) })
    }

    pub(crate) fn get(&self, index: usize) -> Option<*mut PyObject> {
        self.0.get(index).copied()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = *mut PyObject> {
        self.0.iter().copied()
    }

    /// Exactly `N` arguments. Only for calls from our own Python code, which passes so many.
    pub(crate) fn exactly<const N: usize>(&self) -> PyResult<[*mut PyObject; N]> {
        self.0.try_into().map_err(|_| exception::type_error("wrong number of arguments"))
    }

    /// The arguments as a tuple, for the interpreter's parser.
    pub(crate) fn tuple(&self) -> PyResult<Owned> {
        // SAFETY: they are alive, as whoever made this has promised.
        unsafe { Owned::tuple(self.0.iter().copied()) }
    }
}

/// An object's bytes, which nobody may resize or free until this is dropped.
pub(crate) struct Buffer(Py_buffer);

impl Buffer {
    /// The bytes of an object, to be read.
    pub(crate) fn of(object: *mut PyObject) -> PyResult<Self> {
        let mut buffer = Self::empty();
        // SAFETY: the interpreter is held and `object` alive; the view is ours, and filled on success alone.
        if unsafe { PyObject_GetBuffer(object, buffer.as_mut_ptr(), PyBUF_SIMPLE) } != 0 {
            return Err(Raised);
        }
        Ok(buffer)
    }

    /// The bytes of an object, to be written.
    pub(crate) fn writable(object: *mut PyObject) -> PyResult<Self> {
        let mut buffer = Self::empty();
        // SAFETY: as in `of`.
        if unsafe { PyObject_GetBuffer(object, buffer.as_mut_ptr(), PyBUF_WRITABLE) } != 0 {
            return Err(Raised);
        }
        Ok(buffer)
    }

    /// An empty view, for the interpreter's parser (`y*`, `w*`) to fill.
    pub(crate) fn empty() -> Self {
        // SAFETY: a Py_buffer is plain numbers and pointers; all zeroes is a view of nothing, whose release is nothing.
        Self(unsafe { MaybeUninit::<Py_buffer>::zeroed().assume_init() })
    }

    pub(crate) fn as_mut_ptr(&mut self) -> *mut Py_buffer {
        &raw mut self.0
    }

    /// The bytes, if the parser met the argument.
    pub(crate) fn given(&self) -> Option<&[u8]> {
        (!self.0.buf.is_null()).then(|| self.bytes())
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        if self.0.buf.is_null() {
            return &[];
        }
        // SAFETY: the exporter keeps so many bytes in place until release. Python code of another thread may write them
        // meanwhile; the kernel only copies them, as it does for CPython.
        unsafe { slice::from_raw_parts(self.0.buf.cast(), usize::try_from(self.0.len).unwrap_or(0)) }
    }

    /// The bytes to be written; only for views that were asked for as writable.
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        if self.0.buf.is_null() || self.0.readonly != 0 {
            return &mut [];
        }
        // SAFETY: as in `bytes`, and writable.
        unsafe { slice::from_raw_parts_mut(self.0.buf.cast(), usize::try_from(self.0.len).unwrap_or(0)) }
    }

    pub(crate) fn len(&self) -> usize {
        usize::try_from(self.0.len).unwrap_or(0)
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // SAFETY: the view is filled by a successful call, or empty; the interpreter is held.
        unsafe { PyBuffer_Release(&raw mut self.0) }
    }
}

/// The arguments `buffer[, nbytes[, flags]]`: a buffer, how many bytes of it are wanted, and flags. `format` is
/// CPython's; a size that is negative, or larger than the buffer, is refused in these words.
pub(crate) fn room_and_flags(
    arguments: *mut PyObject,
    keywords: *mut PyObject,
    format: &CStr,
    [negative, too_large]: [&str; 2],
) -> PyResult<(Buffer, usize, c_int)> {
    let names = Keywords::<4>::new(&[c"buffer", c"nbytes", c"flags"]);
    let mut buffer = Buffer::empty();
    let (mut size, mut flags): (Py_ssize_t, c_int) = (0, 0);
    let (buffer_to, size_to, flags_to) = (buffer.as_mut_ptr(), &raw mut size, &raw mut flags);
    // SAFETY: the interpreter is held; the formats' types (`w*|ni`) are those of the pointers, in order.
    let parsed = unsafe {
        let format = format.as_ptr();
        variadic!(PyArg_ParseTupleAndKeywords(
            arguments,
            keywords,
            format,
            names.as_mut_ptr(),
            buffer_to,
            size_to,
            flags_to
        ))
    };
    if parsed == 0 {
        return Err(Raised);
    }
    let wanted = usize::try_from(size).map_err(|_| exception::value_error(negative))?;
    let wanted = if wanted == 0 { buffer.len() } else { wanted };
    if wanted > buffer.len() {
        return Err(exception::value_error(too_large));
    }
    Ok((buffer, wanted, flags))
}

/// What a call is to send: an argument's bytes.
pub(crate) enum Data<'a> {
    /// Those of a `bytes` object, and no subclass: nobody can change them and the caller keeps the object alive, so no
    /// buffer is taken.
    Bytes(&'a [u8]),
    Buffer(Buffer),
}

impl Data<'_> {
    /// # Safety
    /// `object` must be exact `bytes`, one of the arguments of a call that lasts as long as the result is used.
    pub(crate) unsafe fn of_bytes(object: *mut PyObject) -> Self {
        // SAFETY: by the caller's promise; the two functions cannot fail on bytes.
        unsafe {
            let start = PyBytes_AsString(object).cast::<u8>().cast_const();
            Self::Bytes(slice::from_raw_parts(start, PyBytes_Size(object).cast_unsigned()))
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Buffer(buffer) => buffer.bytes(),
        }
    }
}

/// The items of any iterable.
pub(crate) struct Items {
    tuple: Owned,
    len: usize,
}

impl Items {
    /// `complaint` is the text of the TypeError if it cannot be iterated over.
    pub(crate) fn of(iterable: *mut PyObject, complaint: &CStr) -> PyResult<Self> {
        // SAFETY: the interpreter is held and the object alive.
        unsafe {
            // A tuple, which stays as it is: to convert an item may run Python code, and that may change a list.
            let items = Owned::new(PySequence_Fast(iterable, complaint.as_ptr()))?;
            let is_list = PyList_Check(items.as_ptr()) != 0;
            let tuple = if is_list { Owned::new(PyList_AsTuple(items.as_ptr()))? } else { items };
            let len = usize::try_from(PyTuple_Size(tuple.as_ptr())).map_err(|_| Raised)?;
            Ok(Self { tuple, len })
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// What `convert` makes of each item, or the first error.
    pub(crate) fn collect<T>(&self, convert: impl Fn(Owned) -> PyResult<T>) -> PyResult<Vec<T>> {
        let mut all = Vec::new();
        if all.try_reserve_exact(self.len).is_err() {
            return Err(exception::out_of_memory());
        }
        for index in 0..self.len {
            // SAFETY: the interpreter is held and the tuple alive, which lends what it holds; the index is checked.
            let item = unsafe {
                let item = PyTuple_GetItem(self.tuple.as_ptr(), index.cast_signed());
                if item.is_null() {
                    return Err(Raised);
                }
                Owned::borrowed(item)
            };
            all.push(convert(item)?);
        }
        Ok(all)
    }
}

/// A C int out of an object.
pub(crate) fn int(object: *mut PyObject) -> PyResult<c_int> {
    let mut overflow = 0;
    // SAFETY: the interpreter is held and the object alive; the exception is a static of the interpreter.
    unsafe {
        let number = PyLong_AsLongAndOverflow(object, &raw mut overflow);
        if number == -1 && overflow == 0 && exception::is_raised() {
            return Err(Raised);
        }
        let number = c_int::try_from(number).ok().filter(|_| overflow == 0);
        number.ok_or_else(|| exception::raise(PyExc_OverflowError, c"Python int too large to convert to C int"))
    }
}

/// A descriptor's number out of an object. As in CPython it is cut to a C int.
pub(crate) fn descriptor(object: *mut PyObject) -> PyResult<RawFd> {
    // SAFETY: the interpreter is held and the object alive.
    let number = unsafe { PyLong_AsLong(object) };
    if number == -1 && exception::is_raised() { Err(Raised) } else { Ok(number as RawFd) }
}

/// The keyword list of PyArg_ParseTupleAndKeywords: names, and the null that ends them.
pub(crate) struct Keywords<const N: usize>([*const c_char; N]);

impl<const N: usize> Keywords<N> {
    /// `names` has no null at its end, hence one name less than `N`.
    pub(crate) fn new(names: &[&'static CStr]) -> Self {
        let mut list = [std::ptr::null(); N];
        for (slot, name) in list.iter_mut().zip(names) {
            *slot = name.as_ptr();
        }
        Self(list)
    }

    /// The list for the parser, which only reads it, though in some versions its type does not say so.
    pub(crate) fn as_mut_ptr<T>(&self) -> *mut T {
        self.0.as_ptr().cast_mut().cast()
    }
}
