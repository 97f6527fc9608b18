//! The watcher: one thread of ours that looks after scopes which are over while their thread has not left them. It ends the
//! connections that a library in C waits for there, and has a scope that cannot hold say so.

pub(crate) mod context;
pub(crate) mod look;
pub(crate) mod watcher;
