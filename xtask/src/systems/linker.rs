//! What links programs for another system, and what that has to be given.

use std::fs;
use std::path::{Path, PathBuf};

use super::need;
use crate::{Failure, run};

/// How programs are linked.
pub(crate) enum Linker {
    /// A C compiler of this name.
    Program(&'static str),
    /// musl's wrapper of the C compiler, and LLVM's unwinder: what GCC has in its place asks for a newer C library's
    /// functions, without which each panic is the program's end.
    Musl,
}

/// LLVM's unwinder, of any version.
const UNWINDER: &str = "/usr/lib/llvm-*/lib/libunwind.a";
/// What it asks for beside that.
const ADDED: &str = "xtask/systems/fprintf_chk.c";

impl Linker {
    /// The program, and what rustc is told besides. What that needs is put into the folder.
    pub(crate) fn prepare(&self, folder: &Path) -> Result<(&'static str, String), Failure> {
        match self {
            Self::Program(program) => Ok((program, String::new())),
            Self::Musl => {
                let unwinder = unwinder(&folder.join("unwinder"))?;
                let flags = format!("-Clink-self-contained=no -Lnative={}", unwinder.display());
                Ok(("musl-gcc", flags))
            }
        }
    }
}

fn unwinder(folder: &Path) -> Result<PathBuf, Failure> {
    let archive = folder.join("libunwind.a");
    if !archive.exists() {
        fs::create_dir_all(folder)?;
        let (made, object) = (folder.join("made.a"), folder.join("added.o"));
        fs::copy(need::file(UNWINDER).ok_or("LLVM's unwinder is not there")?, &made)?;
        run::check(run::command("musl-gcc", ["-c", "-O2", "-fPIC", ADDED, "-o"]).arg(&object))?;
        run::check(run::command("ar", ["r"]).args([&made, &object]))?;
        fs::rename(made, &archive)?;
    }
    Ok(folder.to_owned())
}
