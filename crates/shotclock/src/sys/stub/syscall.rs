//! Calls that may wait, for the Python face: where it does not run, nobody asks for them.
