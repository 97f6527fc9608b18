//! Debians in a folder: made by debootstrap, entered by unshare and chroot, with the registries this machine uses.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Failure, python, run, workspace};

/// Where the sources are in there.
pub(crate) const SOURCES: &str = "/root/shotclock";
/// Where our wheel is in there.
pub(crate) const WHEELS: &str = "/root/wheels";
/// Mounts what a program expects, and runs one.
const ENTER: &str = "xtask/fresh/enter.sh";
const PATH: &str = "/opt/rust/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// What an installer would write.
const HOSTS: &str = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n";
/// How registries are reached: files that go in as they are, where there are any.
const FILES: [&str; 3] = ["/etc/resolv.conf", "/etc/ssl/certs/ca-certificates.crt", "/etc/pip.conf"];
/// The same of the user's, by the folder they are in.
const HOME_FILES: [&str; 3] = [".config/pip/pip.conf", ".cargo/config.toml", ".cargo/config"];
/// The same by variables: their beginnings, and their ends in either case.
const VARIABLES: [&str; 7] =
    ["PIP_", "CARGO_HTTP_", "CARGO_NET_", "CARGO_REGISTR", "SSL_CERT_", "CURL_CA_", "REQUESTS_CA_"];
const PROXIES: &str = "_proxy";
/// Names a folder of this machine, which is not in there.
const FOLDER_OF_WHEELS: &str = "PIP_FIND_LINKS";

/// To make one may take so long, in seconds.
const MAKE_LIMIT: u32 = 3600;
/// Written last: with what it was made.
const MADE: &str = "etc/made-with";
/// The program's own, as long as it makes one.
const ATTEMPT: &str = "debootstrap";

/// A Debian in a folder.
pub(crate) struct Debian {
    folder: PathBuf,
}

impl Debian {
    /// The one in this folder, made first if nothing is there.
    pub(crate) fn in_folder(folder: &Path, suite: &str, packages: &[&str]) -> Result<Self, Failure> {
        Self::in_folder_within(folder, suite, packages, MAKE_LIMIT)
    }

    /// The same; to make it may take so many seconds. What was made by half is gone afterwards.
    pub(crate) fn in_folder_within(
        folder: &Path,
        suite: &str,
        packages: &[&str],
        seconds: u32,
    ) -> Result<Self, Failure> {
        for (program, package) in [("debootstrap", "debootstrap"), ("unshare", "util-linux")] {
            if !run::is_installed(program, ["--version"]) {
                return Err(format!("{program} is needed: apt-get install {package}").into());
            }
        }
        fs::create_dir_all(folder)?;
        let folder = folder.canonicalize()?;
        if !folder.join(MADE).exists() {
            // What it fails to make it removes.
            if !may_be_made_in(&folder)? {
                return Err(format!("{} is not empty, and no Debian made by this chore", folder.display()).into());
            }
            let mut make = run::command("debootstrap", ["--variant=minbase"]);
            make.arg(format!("--include={}", packages.join(","))).arg(suite).arg(&folder);
            if let Err(failure) = run::check(&mut run::bounded(seconds, &make)) {
                // It mounts /proc there for as long as it runs.
                let _ = run::command("umount", []).arg(folder.join("proc")).status();
                fs::remove_dir_all(&folder)?;
                return Err(failure);
            }
            fs::write(folder.join(MADE), packages.join("\n"))?;
        }
        let debian = Self::at(&folder)?;
        debian.complete(packages, seconds)?;
        Ok(debian)
    }

    /// One that is there, whoever made it.
    pub(crate) fn at(folder: &Path) -> Result<Self, Failure> {
        let debian = Self { folder: folder.canonicalize()? };
        debian.hand_on()?;
        Ok(debian)
    }

    /// Installs what it was made without, which older sources have not asked for.
    fn complete(&self, packages: &[&str], seconds: u32) -> Result<(), Failure> {
        let made = self.folder.join(MADE);
        let before = fs::read_to_string(&made)?;
        let missing = lacking(&before, packages);
        if missing.is_empty() {
            return Ok(());
        }
        let install = "apt-get update --quiet && apt-get install --quiet --yes --no-install-recommends";
        let install = self.command(&format!("{install} {}", missing.join(" ")))?;
        run::check(run::bounded(seconds, &install).env("DEBIAN_FRONTEND", "noninteractive"))?;
        Ok(fs::write(made, format!("{before}\n{}", missing.join("\n")))?)
    }

    /// A clean clone of what is committed here. What was built in there before is kept.
    pub(crate) fn clone_sources(&self) -> Result<(), Failure> {
        let place = self.inside(SOURCES);
        let origin = format!("file://{}", workspace::root().display());
        run::check(run::command("git", ["init", "--quiet"]).arg(&place))?;
        let in_place = |words: &[&str]| run::check(run::command("git", ["-C"]).arg(&place).args(words));
        in_place(&["fetch", "--quiet", "--depth=1", &origin, "HEAD"])?;
        in_place(&["checkout", "--quiet", "--force", "--detach", "FETCH_HEAD"])?;
        in_place(&["clean", "--quiet", "-d", "--force"])
    }

    /// A path of this Debian's, seen from outside.
    pub(crate) fn inside(&self, path: &str) -> PathBuf {
        self.folder.join(path.trim_start_matches('/'))
    }

    /// A command in there, among the sources if they are there: by `sh -c`.
    pub(crate) fn command(&self, script: &str) -> Result<Command, Failure> {
        let toolchain = run::command("rustc", ["--print=sysroot"]).output()?;
        let toolchain = String::from_utf8(toolchain.stdout)?;
        let mut inside = run::command("unshare", ["--mount", "--pid", "--fork", "--kill-child", "sh", ENTER]);
        inside.arg(&self.folder).arg(toolchain.trim()).args(["sh", "-c", script]);
        inside.env_clear().envs([("PATH", PATH), ("HOME", "/root"), ("LANG", "C.UTF-8"), ("TERM", "dumb")]);
        inside.envs(std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(is_of_registries)));
        Ok(inside)
    }

    fn hand_on(&self) -> Result<(), Failure> {
        let home = std::env::home_dir().unwrap_or_default();
        let of_home = HOME_FILES.iter().map(|name| (home.join(name), self.inside("root").join(name)));
        let of_system = FILES.iter().map(|name| (PathBuf::from(name), self.inside(name)));
        for (from, to) in of_system.chain(of_home).filter(|(from, _)| from.exists()) {
            fs::create_dir_all(to.parent().unwrap_or(&self.folder))?;
            fs::copy(from, to)?;
        }
        Ok(fs::write(self.inside("/etc/hosts"), HOSTS)?)
    }
}

/// Whether nothing lies in a folder but what an attempt that was ended in the middle has left.
fn may_be_made_in(folder: &Path) -> Result<bool, Failure> {
    Ok(folder.join(ATTEMPT).exists() || fs::read_dir(folder)?.next().is_none())
}

/// Those of the packages that are not in a list, one a line, of what it was made with.
fn lacking<'a>(made_with: &str, packages: &[&'a str]) -> Vec<&'a str> {
    packages.iter().copied().filter(|package| made_with.lines().all(|line| line != *package)).collect()
}

/// Our wheel, as the sources are now, in the folder for it and alone there.
pub(crate) fn put_wheel(debian: &Debian, target: &Path) -> Result<(), Failure> {
    let wheels = debian.inside(WHEELS);
    // An older wheel beside the new one would be installed too.
    if wheels.exists() {
        fs::remove_dir_all(&wheels)?;
    }
    fs::create_dir_all(&wheels)?;
    python::wheel(target, &wheels)
}

/// A virtual environment in there, of one of its interpreters: with what pip is told to install, seen with our sources at their
/// place here, and with the wheel that `put_wheel` has put there. Gives its interpreter, as it is named in there.
pub(crate) fn environment(debian: &Debian, series: &str, purpose: &str, wanted: &str) -> Result<String, Failure> {
    let venv = format!("/root/venv-{purpose}-{series}");
    let python = format!("{venv}/bin/python");
    let wheel = format!("--no-deps --force-reinstall {WHEELS}/*.whl");
    let mut script = format!("set -e; python{series} -m venv {venv}");
    for named in [wanted, &wheel].into_iter().filter(|named| !named.is_empty()) {
        script.push_str(&format!("; {python} -m pip install --quiet {named}"));
    }
    run::check(debian.command(&script)?.env("SHOWN", workspace::root()))?;
    Ok(python)
}

/// A Debian of another processor: unpacked and not set up, which is enough for an emulator to run its programs. Made first
/// if nothing is there.
pub(crate) fn unpacked(folder: &Path, architecture: &str, suite: &str, packages: &[&str]) -> Result<(), Failure> {
    if folder.join("usr/bin").exists() {
        return Ok(());
    }
    let mut make = run::command("debootstrap", ["--foreign", "--variant=minbase"]);
    make.arg(format!("--arch={architecture}")).arg(format!("--include={}", packages.join(",")));
    run::check(make.arg(suite).arg(folder))?;
    for package in fs::read_dir(folder.join("var/cache/apt/archives"))? {
        let package = package?.path();
        if package.extension().is_some_and(|ending| ending == "deb") {
            run::check(run::command("dpkg-deb", ["--extract"]).arg(&package).arg(folder))?;
        }
    }
    Ok(())
}

fn is_of_registries(name: &str) -> bool {
    let of_a_tool = VARIABLES.iter().any(|beginning| name.starts_with(beginning)) && name != FOLDER_OF_WHEELS;
    of_a_tool || name.to_lowercase().ends_with(PROXIES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_with_things_of_others_is_left_alone() {
        let folder = std::env::temp_dir().join(format!("shotclock-debian-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        assert!(may_be_made_in(&folder).unwrap());
        fs::write(folder.join("letter"), "dear").unwrap();
        assert!(!may_be_made_in(&folder).unwrap());
        fs::create_dir(folder.join(ATTEMPT)).unwrap();
        assert!(may_be_made_in(&folder).unwrap());
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn only_what_it_was_made_without_is_installed() {
        assert_eq!(lacking("python3.14\nnetbase", &["python3.14", "python3.14-venv", "netbase"]), ["python3.14-venv"]);
        assert!(lacking("a\nb", &["b"]).is_empty());
    }

    #[test]
    fn only_the_way_to_the_registries_goes_in() {
        for name in ["PIP_INDEX_URL", "CARGO_HTTP_CAINFO", "CARGO_REGISTRIES_X_INDEX", "https_proxy", "NO_PROXY"] {
            assert!(is_of_registries(name), "{name}");
        }
        for name in ["CARGO_TARGET_DIR", "PATH", "CI", "RUSTFLAGS", "PYTHONPATH", "SHOTCLOCK", "PIP_FIND_LINKS"] {
            assert!(!is_of_registries(name), "{name}");
        }
    }
}
