//! Waking a thread out of a system call, for the Python face: where it does not run, nobody asks for it.
