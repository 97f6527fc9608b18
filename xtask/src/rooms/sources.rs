//! What the sources of a house say, whatever they are written in.

use std::collections::{BTreeMap, BTreeSet};

/// A file's path below its house, and those it imports.
pub(super) type Imports = BTreeMap<String, BTreeSet<String>>;

/// Functions are shorter than this; those that may not be have a line in the list, with a reason.
pub(super) const LINES_AT_MOST: usize = 70;

/// Where a function that is too long stands, its name, and its lines.
pub(super) struct LongFunction {
    pub(super) file: String,
    pub(super) name: String,
    pub(super) lines: usize,
}

/// What the sources of one house say of themselves.
#[derive(Default)]
pub(super) struct Sources {
    pub(super) imports: Imports,
    pub(super) long: Vec<LongFunction>,
}
