//! Tests of the layers: the imports of a crate's files form no circle.

#![cfg(test)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use serde_json::Value;
use xtask::cargo;

/// A path in a crate, without `crate`.
type CratePath = Vec<String>;

type Imports<'a> = BTreeMap<&'a Path, BTreeSet<&'a Path>>;

struct Module {
    file: PathBuf,
    /// The targets of the names that the module imports.
    names: BTreeMap<String, CratePath>,
    /// The paths that the module uses, without the items that the module only re-exports.
    uses: BTreeSet<CratePath>,
}

#[derive(Default)]
struct Crate(BTreeMap<CratePath, Module>);

impl Crate {
    fn read(root: &Path) -> Self {
        let mut modules = Self::default();
        modules.add_file(root, &Vec::new(), root.parent().unwrap());
        modules
    }

    /// Adds the module in a file. The files of its submodules are in `folder`.
    fn add_file(&mut self, file: &Path, path: &CratePath, folder: &Path) {
        let text = fs::read_to_string(file).unwrap();
        self.add(&text.parse().unwrap(), file, path, folder);
    }

    fn add(&mut self, body: &TokenStream, file: &Path, path: &CratePath, folder: &Path) {
        let module = Module {
            file: file.to_owned(),
            names: BTreeMap::new(),
            uses: BTreeSet::new(),
        };
        self.0.insert(path.clone(), module);
        let tokens = without_tests(body);
        // The submodules come first, because a path can begin with the name of a submodule.
        for window in tokens.windows(3) {
            let [keyword, TokenTree::Ident(name), end] = window else {
                continue;
            };
            if !is_word(keyword, "mod") {
                continue;
            }
            let name = name.to_string();
            let inner = folder.join(&name);
            let child = [path.clone(), vec![name.clone()]].concat();
            if let TokenTree::Group(body) = end {
                self.add(&body.stream(), file, &child, &inner);
            } else {
                let beside = folder.join(format!("{name}.rs"));
                let inside = inner.join("mod.rs");
                let file = if beside.exists() { beside } else { inside };
                self.add_file(&file, &child, &inner);
            }
        }
        self.add_uses(&tokens, path);
    }

    /// Adds the imports and paths in the tokens of a module.
    fn add_uses(&mut self, tokens: &[TokenTree], module: &CratePath) {
        let mut at = 0;
        while at < tokens.len() {
            match &tokens[at] {
                TokenTree::Ident(word) if word == "mod" => at += 2,
                TokenTree::Ident(word) if word == "use" => {
                    let rest = tokens[at..].iter();
                    let length = rest.take_while(|token| !is_punct(token, ';')).count();
                    let is_public = tokens[..at].iter().rev().take(2);
                    let is_public = is_public.into_iter().any(|token| is_word(token, "pub"));
                    for (path, name) in imports(&tokens[at + 1..at + length]) {
                        self.add_import(module, &path, name, is_public);
                    }
                    at += length;
                }
                TokenTree::Ident(_) if is_separator(tokens, at + 1) => {
                    let path = words(&tokens[at..]);
                    at += 3 * (path.len() - 1);
                    if let Some(path) = self.absolute(module, &path) {
                        self.0.get_mut(module).unwrap().uses.insert(path);
                    }
                }
                TokenTree::Group(group) => {
                    let inner: Vec<_> = group.stream().into_iter().collect();
                    self.add_uses(&inner, module);
                }
                _ => {}
            }
            at += 1;
        }
    }

    fn add_import(&mut self, module: &CratePath, path: &[String], name: String, is_public: bool) {
        let Some(path) = self.absolute(module, path) else {
            return;
        };
        let is_of_child = path.starts_with(module) && path.len() > module.len();
        let entry = self.0.get_mut(module).unwrap();
        entry.names.insert(name, path.clone());
        if !(is_public && is_of_child) {
            entry.uses.insert(path);
        }
    }

    /// Returns a path from the crate's root, or `None` for an item of the module itself or of
    /// another crate.
    fn absolute(&self, module: &CratePath, path: &[String]) -> Option<CratePath> {
        let above = path.iter().take_while(|word| *word == "super").count();
        let base = &module[..module.len() - above];
        let path = match path[0].as_str() {
            "crate" => path[1..].to_vec(),
            "self" => [base, &path[1..]].concat(),
            _ => [base, &path[above..]].concat(),
        };
        let is_below = path.starts_with(module) && path.len() > module.len();
        let is_known = !is_below || self.0.contains_key(&path[..=module.len()]);
        is_known.then_some(path)
    }

    /// Returns the file that defines the item at a path. Follows re-exports.
    fn file_of(&self, path: &[String]) -> &Path {
        let modules = (0..=path.len()).rev();
        let length = modules
            .into_iter()
            .find(|at| self.0.contains_key(&path[..*at]));
        let module = &self.0[&path[..length.unwrap()]];
        let mut rest = path[length.unwrap()..].iter();
        match rest.next().and_then(|name| module.names.get(name)) {
            Some(target) => self.file_of(&[target, rest.as_slice()].concat()),
            None => &module.file,
        }
    }

    fn imports(&self) -> Imports<'_> {
        let mut imports = Imports::new();
        for module in self.0.values() {
            let targets = module.uses.iter().map(|path| self.file_of(path));
            let others = targets.filter(|target| *target != module.file);
            imports.entry(&module.file).or_default().extend(others);
        }
        imports
    }

    /// Returns the files of a circle, if there is one.
    fn circle(&self) -> Option<Vec<&Path>> {
        let mut remaining = self.imports();
        // Removes the files whose imports are all removed, because they are on no circle.
        loop {
            let known: BTreeSet<_> = remaining.keys().copied().collect();
            remaining.retain(|_, imports| !imports.is_disjoint(&known));
            if remaining.len() == known.len() {
                break;
            }
        }
        let mut walk = vec![*remaining.keys().next()?];
        loop {
            let imports = &remaining[walk[walk.len() - 1]];
            let next = *imports
                .iter()
                .find(|file| remaining.contains_key(*file))
                .unwrap();
            if let Some(start) = walk.iter().position(|file| *file == next) {
                return Some(walk.split_off(start));
            }
            walk.push(next);
        }
    }
}

/// Returns the tokens of a module without the items of `#[cfg(test)]`.
fn without_tests(tokens: &TokenStream) -> Vec<TokenTree> {
    let mut kept = Vec::new();
    let mut tokens = tokens.clone().into_iter();
    while let Some(token) = tokens.next() {
        if matches!(&token, TokenTree::Group(group) if group.to_string() == "[cfg (test)]") {
            let is_end = |token: &TokenTree| match token {
                TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
                token => is_punct(token, ';'),
            };
            tokens.by_ref().find(is_end);
        } else {
            kept.push(token);
        }
    }
    kept
}

/// Lists the paths of a `use`, each with the name that it imports.
fn imports(tokens: &[TokenTree]) -> Vec<(CratePath, String)> {
    let mut found = Vec::new();
    for part in tokens.split(|token| is_punct(token, ',')) {
        let path = words(part);
        match part.last() {
            Some(TokenTree::Group(group)) => {
                let inner: Vec<_> = group.stream().into_iter().collect();
                for (rest, name) in imports(&inner) {
                    let whole = [path.clone(), rest].concat();
                    found.push((whole, name));
                }
            }
            Some(last) => found.push((path, last.to_string())),
            None => {}
        }
    }
    for (path, name) in &mut found {
        if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
            path.pop();
            name.clone_from(&path[path.len() - 1]);
        }
    }
    found
}

/// Returns the words of the path at the beginning of the tokens.
fn words(tokens: &[TokenTree]) -> CratePath {
    let mut words = Vec::new();
    while let Some(TokenTree::Ident(word)) = tokens.get(3 * words.len()) {
        words.push(word.to_string());
        if !is_separator(tokens, 3 * words.len() - 2) {
            break;
        }
    }
    words
}

fn is_word(token: &TokenTree, word: &str) -> bool {
    matches!(token, TokenTree::Ident(ident) if ident == word)
}

fn is_punct(token: &TokenTree, punct: char) -> bool {
    matches!(token, TokenTree::Punct(found) if found.as_char() == punct)
}

/// Returns true if `::` is at this place.
fn is_separator(tokens: &[TokenTree], at: usize) -> bool {
    let is_colon = |at| tokens.get(at).is_some_and(|token| is_punct(token, ':'));
    is_colon(at) && is_colon(at + 1)
}

#[test]
fn the_files_of_a_crate_form_no_circle_of_imports() {
    let metadata = ["metadata", "--no-deps", "--offline", "--format-version=1"];
    let metadata = cargo::command().args(metadata).output().unwrap();
    let metadata: Value = serde_json::from_slice(&metadata.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap().iter();
    let targets = packages.flat_map(|package| package["targets"].as_array().unwrap());
    let mut imports = 0;
    for target in targets {
        let kind = target["kind"][0].as_str().unwrap();
        if !["lib", "bin"].contains(&kind) {
            continue;
        }
        let root = target["src_path"].as_str().unwrap();
        let found = Crate::read(Path::new(root));
        assert_eq!(found.circle(), None, "each file imports the next one");
        imports += found.imports().values().map(BTreeSet::len).sum::<usize>();
    }
    // A parser that misses imports would find no circle, either.
    assert!(imports > 500, "{imports}");
}

/// Returns the names of the files that form a circle in a crate. A file is given by name and text.
fn circle_of(files: &[(&str, &str)]) -> Option<Vec<String>> {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let found = Crate::read(&folder.path().join("lib.rs"));
    let name = |path: &Path| {
        path.strip_prefix(folder.path())
            .unwrap()
            .display()
            .to_string()
    };
    Some(found.circle()?.into_iter().map(name).collect())
}

#[test]
fn a_circle_of_imports_is_found_however_the_paths_are_written() {
    for (a, b) in [
        ("use crate::b::B;", "use super::a;"),
        ("use crate::{b::{self, B}};", "fn b() { crate::a::a() }"),
        ("use super::b as other;", "use crate::{c, a::A};"),
        ("use crate::B;", "mod inner { use super::super::a::A; }"),
    ] {
        let lib = "mod a; mod b; mod c; pub use b::B;";
        let files = [("lib.rs", lib), ("a.rs", a), ("b.rs", b), ("c.rs", "")];
        assert_eq!(circle_of(&files).unwrap(), ["a.rs", "b.rs"], "{a} {b}");
    }
    let parent = [
        ("lib.rs", "mod a;"),
        ("a/mod.rs", "mod b; use b::B;"),
        ("a/b.rs", "use super::A;"),
    ];
    assert_eq!(circle_of(&parent).unwrap(), ["a/b.rs", "a/mod.rs"]);
}

#[test]
fn re_exports_and_tests_form_no_circle() {
    let lib = "mod a; mod b; pub use a::A; pub(crate) use b::{B, C};";
    let a = "use crate::B; #[cfg(test)] mod tests { use super::*; }";
    let b = "use std::fmt; #[cfg(test)] use crate::A; fn b(other: &super::Other) {}";
    assert_eq!(
        circle_of(&[("lib.rs", lib), ("a.rs", a), ("b.rs", b)]),
        None
    );
}
