//! Any other platform: a clear refusal instead of a hundred strange errors.

compile_error!(
    "shotclock supports Linux with the GNU C library; PLATFORM.md says what another platform would have to offer \
     (the contract at the top of src/sys/mod.rs)"
);
