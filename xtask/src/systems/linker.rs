//! What links programs for another system, and what that has to be given.

use std::fs;
use std::path::{Path, PathBuf};

use super::need;
use crate::{Failure, run, workspace};

/// How programs are linked.
pub(crate) enum Linker {
    /// A C compiler of this name.
    Program(&'static str),
    /// musl's wrapper of the C compiler, and LLVM's unwinder: what GCC has in its place asks for a newer C library's
    /// functions, without which each panic is the program's end.
    Musl,
    /// mingw's C compiler; wine is given a folder of its own, and a library that it lacks.
    Mingw,
    /// zig, which has other systems' C libraries by name, by cargo-zigbuild. Both are pip's to install.
    Zig,
    /// zig for macOS, of which it has the C library and no framework. For each framework a list of the names that are asked
    /// for stands in, and of no more: who needs another looks in Apple's documentation whether macOS has it, and adds it.
    ZigWithFrameworks,
}

/// zig and what has cargo use it, pinned: 440 MB.
const PROGRAMS: &str = "xtask/systems/requirements.txt";
/// The lists, in the form that linkers take for a library: it names the framework that programs then load where they start.
const FRAMEWORKS: &str = "xtask/systems/frameworks";
/// LLVM's unwinder, of any version.
const UNWINDER: &str = "/usr/lib/llvm-*/lib/libunwind.a";
/// What it asks for beside that.
const ADDED: &str = "xtask/systems/fprintf_chk.c";
/// What Rust's standard library asks Windows for, and Wine 8 has not.
const RANDOM: &str = "xtask/systems/bcryptprimitives.c";
const MINGW: &str = "x86_64-w64-mingw32-gcc";

impl Linker {
    /// The program, and what rustc is told besides. What that needs is put into the folder.
    pub(crate) fn prepare(&self, folder: &Path) -> Result<(&'static str, String), Failure> {
        match self {
            Self::Program(program) => Ok((program, String::new())),
            Self::Mingw => {
                add_library(folder)?;
                Ok((MINGW, String::new()))
            }
            Self::Musl => {
                let unwinder = unwinder(&folder.join("unwinder"))?;
                let flags = format!("-Clink-self-contained=no -Lnative={}", unwinder.display());
                Ok(("musl-gcc", flags))
            }
            Self::Zig => Ok(("", String::new())),
            Self::ZigWithFrameworks => {
                Ok(("", format!("-Lframework={}", workspace::root().join(FRAMEWORKS).display())))
            }
        }
    }

    /// The word that has cargo build programs.
    pub(crate) fn build(&self) -> &'static str {
        if self.is_zig() { "zigbuild" } else { "build" }
    }

    fn is_zig(&self) -> bool {
        matches!(self, Self::Zig | Self::ZigWithFrameworks)
    }

    /// The folder of the programs that this needs beside the system's; they are installed first if they are not there.
    pub(crate) fn programs(&self) -> Result<Option<PathBuf>, Failure> {
        if !self.is_zig() {
            return Ok(None);
        }
        let folder = workspace::target()?.join("systems").join("zig");
        let programs = folder.join("bin");
        if !programs.join("cargo-zigbuild").exists() {
            run::check(run::command("python3", ["-m", "venv"]).arg(&folder))?;
            let pip = programs.join("pip");
            run::check(&mut run::command(&pip.to_string_lossy(), ["install", "--quiet", "--requirement", PROGRAMS]))?;
        }
        Ok(Some(programs))
    }
}

/// Puts Wine's missing library beside the programs, where they look for it first.
fn add_library(folder: &Path) -> Result<(), Failure> {
    let debug = folder.join("x86_64-pc-windows-gnu").join("debug");
    for place in [debug.clone(), debug.join("deps"), debug.join("examples")] {
        let library = place.join("bcryptprimitives.dll");
        if !library.exists() {
            fs::create_dir_all(&place)?;
            run::check(run::command(MINGW, ["-shared", "-O2", RANDOM, "-ladvapi32", "-o"]).arg(library))?;
        }
    }
    Ok(())
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
