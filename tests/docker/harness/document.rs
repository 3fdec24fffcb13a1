//! The fenced blocks of the project's documents, for whoever holds them against the program.

use std::fs;
use std::path::Path;

pub struct Block {
    /// Where it is, for messages: `docs/configuration.md:12`.
    pub name: String,
    /// What stands behind the three backquotes.
    pub kind: String,
    pub text: String,
}

/// The blocks of a file of the project, in their order.
pub fn blocks(file: &str) -> Vec<Block> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let document = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut blocks: Vec<Block> = Vec::new();
    let mut inside = false;
    for (number, line) in document.lines().enumerate() {
        match (line.strip_prefix("```"), blocks.last_mut()) {
            (Some(_), _) if inside => inside = false,
            (Some(kind), _) => {
                inside = true;
                let name = format!("{file}:{}", number + 1);
                blocks.push(Block { name, kind: kind.to_owned(), text: String::new() });
            }
            (None, Some(block)) if inside => block.text += &format!("{line}\n"),
            (None, _) => {}
        }
    }
    assert!(!inside, "{file}: a block is not closed");
    blocks
}

/// All documents: docs/, the README, the examples of hooks.
pub fn documents() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let names = fs::read_dir(folder).expect("the folder").map(|entry| entry.expect("an entry").file_name());
    let names = names.map(|name| format!("docs/{}", name.display()));
    let texts = names.filter(|name| Path::new(name).extension().is_some_and(|kind| kind == "md"));
    texts.chain(["README.md".to_owned(), "hooks-examples/README.md".to_owned()]).collect()
}

/// Every `app-init.toml` (and any other TOML) below these folders of the project, with its text.
pub fn configurations(folders: &[&str]) -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders: Vec<_> = folders.iter().map(|folder| root.join(folder)).collect();
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("the folder is there") {
            let path = entry.expect("it is readable").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|kind| kind == "toml") {
                let name = path.strip_prefix(root).expect("it is below the root").display().to_string();
                found.push((name, fs::read_to_string(&path).expect("a text")));
            }
        }
    }
    found
}
