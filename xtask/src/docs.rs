//! `cargo xtask docs`: the documentation of all crates; with `--site`, the whole documentation as a site.

use crate::{Failure, python, run, skips, workspace};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Show it in a browser
    #[arg(long, conflicts_with = "site")]
    open: bool,
    /// Build the site into target/site/html: guide, reference of both faces, comparison, architecture; follow each link of
    /// it, and look at each page in a headless browser, if there is one
    #[arg(long)]
    site: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    if arguments.site {
        return site();
    }
    let mut doc = run::cargo(["doc", "--workspace", "--no-deps", "--all-features"]);
    run::check(doc.args(arguments.open.then_some("--open")))
}

fn site() -> Result<(), Failure> {
    let target = workspace::target()?;
    let python = python::tools(&target, "venv-site", "site/requirements.txt")?;
    // Pages of crates that are no part of the site would be linked from those that are.
    run::check(&mut run::cargo(["clean", "--doc", "--quiet"]))?;
    let mut doc = run::cargo([
        "doc",
        "--package=shotclock",
        "--package=shotclock-faults",
        "--package=shotclock-warden",
        "--no-deps",
    ]);
    doc.arg("--all-features");
    run::check(doc.env("RUSTDOCFLAGS", "-D warnings"))?;
    let mut build = run::command(&python.to_string_lossy(), ["-B", "site/build.py", "--into"]);
    build.arg(target.join("site")).arg("--rustdoc").arg(target.join("doc"));
    let said = run::tee(&mut build)?;
    let skips: Vec<String> = said.lines.iter().filter_map(|line| skips::in_line(line)).collect();
    skips::judge(&skips, &mut std::io::stdout())?;
    if said.success { Ok(()) } else { Err("the site is broken, see above".into()) }
}
