//! Compiles what is loaded into programs, `preload/lib.rs`, by itself: it is no part of this crate's code, but bytes in it.

use std::path::PathBuf;
use std::process::Command;
use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-changed=preload");
    println!("cargo::rerun-if-changed=build.rs");
    let into = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it")).join("preload.so");
    let _ = fs::remove_file(&into);
    if let Err(why) = compile(&into) {
        // For another system there may be no linker.
        assert!(env::var_os("HOST") != env::var_os("TARGET"), "the preload cannot be compiled: {why}");
        println!(
            "cargo::warning=shotclock-warden without a preload, so that lookups have no limits: {}",
            first_line(&why)
        );
    }
    // Nothing says that there is none.
    if !into.exists() {
        fs::write(&into, []).expect("cargo's own folder can be written to");
    }
}

fn compile(into: &PathBuf) -> Result<(), String> {
    let told = |name: &str| env::var(name).unwrap_or_default();
    if told("CARGO_CFG_TARGET_OS") != "linux" || told("CARGO_CFG_TARGET_ENV") != "gnu" {
        return Ok(());
    }
    if !["x86_64", "aarch64"].contains(&told("CARGO_CFG_TARGET_ARCH").as_str()) {
        return Ok(());
    }
    let mut rustc = Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    rustc.args(["--edition=2024", "--crate-type=cdylib", "--crate-name=shotclock_preload", "preload/lib.rs"]);
    rustc.args(["-Copt-level=2", "-Cpanic=abort", "-Clto=fat", "-Cstrip=symbols"]);
    rustc.arg(format!("--target={}", told("TARGET"))).arg("-o").arg(into);
    if let Some(linker) = env::var_os("RUSTC_LINKER") {
        let mut option = std::ffi::OsString::from("-Clinker=");
        option.push(linker);
        rustc.arg(option);
    }
    let output = rustc.output().map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&output.stderr).into_owned())
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or("the compiler failed")
}
