//! The wheels: one for each system, linked for the oldest C library that its tag promises, without a container.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use super::files::only;
use crate::systems::Compiler;
use crate::{Failure, python, run, skips, workspace};

pub(crate) const REQUIREMENTS: &str = "xtask/release/requirements.txt";
const LINKER: &str = "xtask/release/zig-cc";

/// A system that there is a wheel for.
pub(crate) struct Platform {
    /// rustc's name of it.
    pub(crate) target: &'static str,
    /// zig's, with the version of glibc.
    linked_for: &'static str,
    /// What pip calls the oldest C library that will do.
    policy: &'static str,
    /// Whether exceptions are unwound by the library that the system has, `libgcc_s`. Under glibc the end of a thread is an
    /// exception of the system's, which goes through frames of ours: an unwinder of our own would know nothing of it.
    /// With musl there is no such thing, and no such library for sure.
    unwinds_by_system: bool,
}

pub(crate) const PLATFORMS: [Platform; 3] = [
    Platform {
        target: "x86_64-unknown-linux-gnu",
        linked_for: "x86_64-linux-gnu.2.17",
        policy: "manylinux_2_17",
        unwinds_by_system: true,
    },
    Platform {
        target: "aarch64-unknown-linux-gnu",
        linked_for: "aarch64-linux-gnu.2.17",
        policy: "manylinux_2_17",
        unwinds_by_system: true,
    },
    Platform {
        target: "x86_64-unknown-linux-musl",
        linked_for: "x86_64-linux-musl",
        policy: "musllinux_1_2",
        unwinds_by_system: false,
    },
];

impl Platform {
    /// What pip calls the system.
    pub(crate) fn tag(&self) -> String {
        format!("{}_{}", self.policy, self.target.split('-').next().unwrap_or_default())
    }
}

/// The symbols of `libgcc_s`, by the versions in which they came.
const UNWINDER: [(&str, &[&str]); 3] = [
    (
        "GCC_3.0",
        &[
            "_Unwind_DeleteException",
            "_Unwind_GetDataRelBase",
            "_Unwind_GetGR",
            "_Unwind_GetIP",
            "_Unwind_GetLanguageSpecificData",
            "_Unwind_GetRegionStart",
            "_Unwind_GetTextRelBase",
            "_Unwind_RaiseException",
            "_Unwind_Resume",
            "_Unwind_SetGR",
            "_Unwind_SetIP",
        ],
    ),
    ("GCC_3.3", &["_Unwind_Backtrace", "_Unwind_FindEnclosingFunction", "_Unwind_GetCFA"]),
    ("GCC_4.2.0", &["_Unwind_GetIPInfo"]),
];

/// Where the tools are, and what they share.
pub(crate) struct Workshop<'w> {
    /// An interpreter with the tools.
    python: PathBuf,
    /// A folder of ours.
    place: &'w Path,
    /// Where cargo puts what it builds; kept from one release to the next.
    target: &'w Path,
    /// A compiler that can build the standard library for systems which the usual one has none for.
    compiler: Option<&'w Path>,
}

impl<'w> Workshop<'w> {
    pub(crate) fn new(target: &'w Path, place: &'w Path, compiler: Option<&'w Path>) -> Result<Self, Failure> {
        let python = python::tools(target, "venv-release", REQUIREMENTS)?;
        Ok(Self { python, place, target, compiler })
    }

    /// Builds the wheel for a system out of a tree of sources, has it audited, and gives its file in `built`. None, and
    /// said so, where no compiler here knows that system.
    pub(crate) fn wheel(
        &self,
        platform: &Platform,
        tree: &Path,
        built: &Path,
        skipped: &mut Vec<String>,
    ) -> Result<Option<PathBuf>, Failure> {
        let Some(compiler) = self.compiler_for(platform.target)? else {
            let why = "no standard library of Rust for it: `rustup target add`, or `cargo xtask systems --fetch`";
            skipped.push(skips::announce(platform.target, why));
            return Ok(None);
        };
        let out = self.place.join(platform.tag());
        let name = platform.target.replace('-', "_").to_uppercase();
        let mut maturin = run::command(&self.python.to_string_lossy(), ["-m", "maturin", "build", "--release"]);
        maturin.args(["--target", platform.target, "--compatibility", platform.policy]);
        maturin.arg("--out").arg(&out).current_dir(tree).envs(compiler);
        maturin.env("CARGO_TARGET_DIR", self.target.join(format!("release-{}", platform.target)));
        maturin.env(format!("CARGO_TARGET_{name}_LINKER"), workspace::root().join(LINKER));
        if platform.unwinds_by_system {
            maturin.env("SHOTCLOCK_UNWINDER", self.unwinder(platform)?);
        } else {
            maturin
                .env(format!("CARGO_TARGET_{name}_RUSTFLAGS"), "-Ctarget-feature=-crt-static -Clink-self-contained=no");
        }
        maturin.env("SHOTCLOCK_PYTHON", &self.python).env("SHOTCLOCK_TARGET", platform.linked_for);
        run::check(&mut maturin)?;
        let wheel = only(&out, "whl")?;
        // auditwheel takes a glibc's `libc.so`, which is text, for musl's; there maturin's own look at the symbols has to do.
        if platform.unwinds_by_system {
            self.audit(&wheel, platform)?;
        }
        let file = built.join(wheel.file_name().ok_or("a wheel without a name")?);
        fs::copy(&wheel, &file)?;
        Ok(Some(file))
    }

    /// What has cargo compile for a system; None where it cannot.
    fn compiler_for(&self, target: &str) -> Result<Option<Vec<(&'static str, OsString)>>, Failure> {
        let output = run::command("rustc", ["--print=target-libdir", "--target", target]).output()?;
        if output.status.success() && Path::new(String::from_utf8_lossy(&output.stdout).trim()).exists() {
            return Ok(Some(Vec::new()));
        }
        let folder = self.compiler.map_or_else(Compiler::usual_place, |folder| Ok(folder.to_path_buf()))?;
        Ok(Compiler::in_folder(&folder).map(|compiler| {
            vec![
                ("RUSTC", compiler.program("rustc").into()),
                ("RUSTC_BOOTSTRAP", "1".into()),
                ("CARGO_UNSTABLE_BUILD_STD", "std".into()),
            ]
        }))
    }

    /// A library that has the names and versions of the system's and does nothing, to link with.
    fn unwinder(&self, platform: &Platform) -> Result<PathBuf, Failure> {
        let folder = self.place.join(format!("unwinder-{}", platform.target));
        fs::create_dir_all(&folder)?;
        let (mut code, mut versions, mut before) = (String::new(), String::new(), "");
        for (version, names) in UNWINDER {
            versions += &format!("{version} {{ global: {}; }} {before};\n", names.join("; "));
            code.extend(names.iter().map(|name| format!("void {name}(void) {{}}\n")));
            before = version;
        }
        fs::write(folder.join("unwinder.c"), code)?;
        fs::write(folder.join("versions"), versions)?;
        let mut zig =
            run::command(&self.python.to_string_lossy(), ["-m", "ziglang", "cc", "-target", platform.linked_for]);
        zig.args(["-shared", "-nostdlib", "-O1", "-Wl,-soname,libgcc_s.so.1", "-Wl,--version-script=versions"]);
        run::check(zig.args(["-o", "libgcc_s.so", "unwinder.c"]).current_dir(&folder))?;
        Ok(folder.join("libgcc_s.so"))
    }

    /// auditwheel finds the oldest system that all its symbols and libraries allow.
    fn audit(&self, wheel: &Path, platform: &Platform) -> Result<(), Failure> {
        let said = run::tee(run::command(&self.python.to_string_lossy(), ["-m", "auditwheel", "show"]).arg(wheel))?;
        let text = said.lines.join(" ");
        let allowed = text.split("platform tag: ").nth(1).and_then(|rest| rest.split('"').nth(1)).unwrap_or_default();
        if said.success && allowed == platform.tag() {
            return Ok(());
        }
        Err(format!("{}: auditwheel allows {allowed:?}, not {}", wheel.display(), platform.tag()).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_wheel_has_a_tag_of_its_own() {
        for platform in &PLATFORMS {
            let processor = platform.target.split('-').next().unwrap();
            assert!(platform.linked_for.starts_with(processor));
            assert_eq!(platform.policy == "manylinux_2_17", platform.linked_for.ends_with("gnu.2.17"));
            assert_eq!(PLATFORMS.iter().filter(|other| other.tag() == platform.tag()).count(), 1);
        }
    }
}
