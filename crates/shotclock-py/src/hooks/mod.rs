//! Functions of the interpreter's that wait, within scopes and cancellers: their pointers in its own method tables are
//! replaced, so that whoever has such a function, method, lock or poll object already is reached.

pub(crate) mod called;
pub(crate) mod caller;
pub(crate) mod child;
pub(crate) mod descriptor;
pub(crate) mod event_loop;
pub(crate) mod eventfd;
pub(crate) mod file;
pub(crate) mod file_lock;
pub(crate) mod find;
pub(crate) mod fork;
pub(crate) mod functions;
pub(crate) mod install;
pub(crate) mod lock;
pub(crate) mod number;
pub(crate) mod places;
pub(crate) mod poll;
pub(crate) mod signal;
pub(crate) mod sleep;
pub(crate) mod slot;
pub(crate) mod table;
pub(crate) mod transfer;
pub(crate) mod waiting_call;
pub(crate) mod watched;
