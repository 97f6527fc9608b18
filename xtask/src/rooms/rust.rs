//! Which file of a Rust crate imports which, read from its sources: `use`, and paths in the code and in macros.
//!
//! A path counts for the file that defines what it names: re-exports are followed, so that a `mod.rs` that only shows what
//! its children have is no stop on the way. Tests are left out.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::spanned::Spanned;
use syn::visit::Visit;
use syn::{Attribute, Item, UseTree, Visibility};

use super::sources::{Imports, LINES_AT_MOST, LongFunction, Sources};
use crate::Failure;

/// What stands behind each name of a path, from the crate's root.
type Names = Vec<String>;

pub(super) fn sources(folder: &Path) -> Result<Sources, Failure> {
    let mut files = Vec::new();
    crate::homes::collect(folder, &mut files)?;
    let mut house = Crate::default();
    let mut long = Vec::new();
    for file in files.iter().filter(|file| !file.to_string_lossy().ends_with("tests.rs")) {
        let name = file.strip_prefix(folder)?.to_string_lossy().into_owned();
        let parsed = syn::parse_file(&fs::read_to_string(file)?).map_err(|error| format!("{name}: {error}"))?;
        let mut functions = Functions { file: &name, long: &mut long };
        functions.visit_file(&parsed);
        house.add(&name, &parsed.items);
    }
    Ok(Sources { imports: house.imports(), long })
}

/// All modules of a crate that have a file.
#[derive(Default)]
struct Crate {
    modules: BTreeMap<Names, Module>,
}

/// What one file has and names.
#[derive(Default)]
struct Module {
    file: String,
    defined: BTreeSet<String>,
    children: BTreeSet<String>,
    /// What others see under a name that stands here for something elsewhere.
    exported: BTreeMap<String, Names>,
    exported_whole: Vec<Names>,
    /// Names that `use` brought in.
    brought: BTreeMap<String, Names>,
    named: BTreeSet<Names>,
}

impl Crate {
    fn add(&mut self, file: &str, items: &[Item]) {
        let here = module_of(file);
        let mut module = Module { file: file.to_owned(), ..Module::default() };
        for item in items {
            module.define(item);
        }
        module.read(&here, items);
        self.modules.insert(here, module);
    }

    fn imports(&self) -> Imports {
        let mut imports = Imports::new();
        for module in self.modules.values() {
            let others = module.named.iter().filter_map(|path| self.file_of(path, 0));
            let others = others.filter(|other| *other != module.file).map(str::to_owned).collect();
            imports.insert(module.file.clone(), others);
        }
        imports
    }

    /// The file that defines what the path names.
    fn file_of(&self, path: &[String], hops: usize) -> Option<&str> {
        let depth = (0..=path.len()).rev().find(|&depth| self.modules.contains_key(&path[..depth]))?;
        let module = &self.modules[&path[..depth]];
        let Some(name) = path.get(depth).filter(|name| !module.defined.contains(*name) && hops < 8) else {
            return Some(&module.file);
        };
        if let Some(elsewhere) = module.exported.get(name) {
            let whole: Names = elsewhere.iter().chain(&path[depth + 1..]).cloned().collect();
            return self.file_of(&whole, hops + 1);
        }
        let behind = module.exported_whole.iter().find_map(|other| {
            let whole: Names = other.iter().chain(&path[depth..]).cloned().collect();
            self.defines(&whole).then(|| self.file_of(&whole, hops + 1))?
        });
        behind.or(Some(&module.file))
    }

    /// Whether a module has the last name of the path, by itself or from a child.
    fn defines(&self, path: &[String]) -> bool {
        let Some((name, module)) = path.split_last() else { return false };
        let has = |module: &Module| {
            let known = module.defined.contains(name) || module.children.contains(name);
            known || module.exported.contains_key(name)
        };
        self.modules.get(module).is_some_and(has)
    }
}

impl Module {
    fn define(&mut self, item: &Item) {
        let name = match item {
            Item::Const(item) => &item.ident,
            Item::Enum(item) => &item.ident,
            Item::Fn(item) => &item.sig.ident,
            Item::Static(item) => &item.ident,
            Item::Struct(item) => &item.ident,
            Item::Trait(item) => &item.ident,
            Item::Type(item) => &item.ident,
            Item::Union(item) => &item.ident,
            Item::Mod(item) if item.content.is_none() => {
                self.children.insert(item.ident.to_string());
                return;
            }
            Item::Mod(item) => &item.ident,
            Item::Macro(item) => match &item.ident {
                Some(name) => name,
                None => return,
            },
            _ => return,
        };
        self.defined.insert(name.to_string());
    }

    /// `use` first, since what it brings stands for something in the rest.
    fn read(&mut self, here: &[String], items: &[Item]) {
        let code = || items.iter().filter(|item| !is_for_tests(item));
        for item in code() {
            if let Item::Use(item) = item {
                self.read_use(here, &item.tree, &mut Vec::new(), &item.vis);
            }
        }
        for item in code() {
            match item {
                Item::Use(_) => {}
                Item::Mod(inner) => {
                    let mut below = here.to_vec();
                    below.push(inner.ident.to_string());
                    self.read(&below, inner.content.as_ref().map_or(&[], |(_, items)| items));
                }
                item => self.read_tokens(here, item.to_token_stream()),
            }
        }
    }

    fn read_use(&mut self, here: &[String], tree: &UseTree, before: &mut Names, seen_by: &Visibility) {
        match tree {
            UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.read_use(here, &path.tree, before, seen_by);
                before.pop();
            }
            UseTree::Group(group) => {
                group.items.iter().for_each(|tree| self.read_use(here, tree, before, seen_by));
            }
            UseTree::Name(name) => self.bring(here, before, &name.ident.to_string(), &name.ident.to_string(), seen_by),
            UseTree::Rename(name) => {
                self.bring(here, before, &name.ident.to_string(), &name.rename.to_string(), seen_by);
            }
            UseTree::Glob(_) => {
                let Some(whole) = self.whole(here, before) else { return };
                if is_private(seen_by) {
                    self.named.insert(whole);
                } else {
                    self.exported_whole.push(whole);
                }
            }
        }
    }

    fn bring(&mut self, here: &[String], before: &[String], name: &str, shown: &str, seen_by: &Visibility) {
        let path: Names = before.iter().cloned().chain((name != "self").then(|| name.to_owned())).collect();
        let Some(whole) = self.whole(here, &path) else { return };
        let shown = if shown == "self" { whole.last().cloned().unwrap_or_default() } else { shown.to_owned() };
        if is_private(seen_by) || !whole.starts_with(here) {
            self.named.insert(whole.clone());
        }
        if !is_private(seen_by) && whole.last() != Some(&shown) || !is_private(seen_by) && whole.len() > here.len() + 1
        {
            self.exported.insert(shown.clone(), whole.clone());
        }
        self.brought.insert(shown, whole);
    }

    /// Paths in the code: names joined by `::`, not part of a longer path or a method.
    fn read_tokens(&mut self, here: &[String], tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut at = 0;
        while at < tokens.len() {
            if let TokenTree::Group(group) = &tokens[at] {
                self.read_tokens(here, group.stream());
            }
            let path = path_at(&tokens, at);
            if path.len() > 1
                && let Some(whole) = self.whole(here, &path)
            {
                self.named.insert(whole);
            }
            at += (3 * path.len()).saturating_sub(2).max(1);
        }
    }

    /// The path from the crate's root; none if it leads out of the crate.
    fn whole(&self, here: &[String], path: &[String]) -> Option<Names> {
        let (first, rest) = path.split_first()?;
        let start = match first.as_str() {
            "crate" => Vec::new(),
            "self" => here.to_vec(),
            "super" => {
                let ups = path.iter().take_while(|name| *name == "super").count();
                return Some(here[..here.len().checked_sub(ups)?].iter().chain(&path[ups..]).cloned().collect());
            }
            name if self.children.contains(name) || self.defined.contains(name) => {
                let mut child = here.to_vec();
                child.push(name.to_owned());
                child
            }
            name => self.brought.get(name)?.clone(),
        };
        Some(start.into_iter().chain(rest.iter().cloned()).collect())
    }
}

/// The names of the path that begins at a token; none where no path begins.
fn path_at(tokens: &[TokenTree], mut at: usize) -> Names {
    let mut names = Vec::new();
    while let Some(TokenTree::Ident(name)) = tokens.get(at) {
        names.push(name.to_string());
        let is_colon =
            |token: Option<&TokenTree>| matches!(token, Some(TokenTree::Punct(mark)) if mark.as_char() == ':');
        if !is_colon(tokens.get(at + 1)) || !is_colon(tokens.get(at + 2)) {
            break;
        }
        at += 3;
    }
    names
}

fn is_private(seen_by: &Visibility) -> bool {
    matches!(seen_by, Visibility::Inherited)
}

/// The module's path of a file: `a/mod.rs` and `a.rs` are `a`, `lib.rs` and `main.rs` the root.
fn module_of(file: &str) -> Names {
    let mut names: Names = file.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
    if names.last().is_some_and(|name| name == "mod") || matches!(file, "lib.rs" | "main.rs") {
        names.pop();
    }
    names
}

fn is_for_tests(item: &Item) -> bool {
    let attributes: &[Attribute] = match item {
        Item::Mod(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        _ => &[],
    };
    let text = |attribute: &Attribute| attribute.to_token_stream().to_string().replace(' ', "");
    attributes.iter().any(|attribute| matches!(text(attribute).as_str(), "#[cfg(test)]" | "#[cfg(doctest)]"))
}

/// Finds functions that are too long.
struct Functions<'a> {
    file: &'a str,
    long: &'a mut Vec<LongFunction>,
}

impl Functions<'_> {
    fn measure(&mut self, signature: &syn::Signature, body: &syn::Block) {
        let lines = body.span().end().line + 1 - signature.span().start().line;
        if lines > LINES_AT_MOST {
            let name = signature.ident.to_string();
            self.long.push(LongFunction { file: self.file.to_owned(), name, lines });
        }
    }
}

impl<'ast> Visit<'ast> for Functions<'_> {
    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        self.measure(&function.sig, &function.block);
        syn::visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.measure(&function.sig, &function.block);
        syn::visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &'ast syn::TraitItemFn) {
        if let Some(body) = &function.default {
            self.measure(&function.sig, body);
        }
        syn::visit::visit_trait_item_fn(self, function);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn imports(files: &[(&str, &str)]) -> Imports {
        let mut house = Crate::default();
        for (name, text) in files {
            house.add(name, &syn::parse_file(text).unwrap().items);
        }
        house.imports()
    }

    fn of<'a>(imports: &'a Imports, file: &str) -> Vec<&'a str> {
        imports[file].iter().map(String::as_str).collect()
    }

    #[test]
    fn re_exports_are_followed_to_who_defines() {
        let found = imports(&[
            ("lib.rs", "mod ops; mod low; pub use ops::Recv;"),
            ("ops/mod.rs", "mod recv; pub use recv::Recv;"),
            ("ops/recv.rs", "use crate::low::errno; pub struct Recv;"),
            ("low.rs", "pub fn errno() { crate::Recv::new(); }"),
        ]);
        assert_eq!(of(&found, "ops/recv.rs"), ["low.rs"]);
        assert_eq!(of(&found, "low.rs"), ["ops/recv.rs"]);
        assert!(of(&found, "ops/mod.rs").is_empty());
    }

    #[test]
    fn paths_in_code_macros_and_children_count() {
        let found = imports(&[
            ("lib.rs", "mod a; mod b;"),
            (
                "a/mod.rs",
                "mod inner; use super::b; fn f() { println!(\"{}\", b::f()); inner::g(); other::h(); x.b::<u8>(); }",
            ),
            ("a/inner.rs", "pub fn g() {}"),
            ("b.rs", "pub fn f() {}\n#[cfg(test)] mod tests { use crate::a; }"),
        ]);
        assert_eq!(of(&found, "a/mod.rs"), ["a/inner.rs", "b.rs"]);
        assert!(of(&found, "b.rs").is_empty());
    }

    #[test]
    fn globs_lead_to_who_has_the_name() {
        let found = imports(&[
            ("lib.rs", "mod sys; mod user;"),
            ("sys/mod.rs", "mod unix; pub(crate) use unix::*;"),
            ("sys/unix/mod.rs", "pub mod wake; pub fn poll() {}"),
            ("sys/unix/wake.rs", "pub fn ring() {}"),
            ("user.rs", "use crate::sys; fn f() { sys::wake::ring(); }"),
        ]);
        assert_eq!(of(&found, "user.rs"), ["sys/mod.rs", "sys/unix/wake.rs"]);
    }

    #[test]
    fn functions_are_measured() {
        let text = format!("fn short() {{}}\nfn long() {{\n{}}}\n", "    f();\n".repeat(70));
        let mut long = Vec::new();
        Functions { file: "a.rs", long: &mut long }.visit_file(&syn::parse_file(&text).unwrap());
        assert_eq!(long.len(), 1);
        assert_eq!((long[0].name.as_str(), long[0].lines), ("long", 72));
    }
}
