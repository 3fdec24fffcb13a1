//! docs/app-init.schema.json by a validator of somebody else's: it is a schema, what is right is valid by it, and what is
//! wrong is not.

use std::fs;

use crate::harness::cli::Done;
use crate::harness::container::Recipe;
use crate::harness::document::{blocks, configurations, documents};
use crate::harness::images;

fn schema() -> String {
    fs::read_to_string(images::root().join("docs/app-init.schema.json")).expect("the schema")
}

/// What the validator says of each file, by the number in its name.
fn validate(schema: &str, files: &[(String, String)]) -> Done {
    let mut recipe = Recipe::of(&images::companion("schema")).file("/schema.json", schema);
    for (number, (_, text)) in files.iter().enumerate() {
        recipe = recipe.file(&format!("/files/{number:03}"), text);
    }
    let container = recipe.start();
    let code = container.wait();
    Done { code, ..container.logs() }
}

/// The blocks of all documents that are of this kind.
fn examples(kind: &str) -> Vec<(String, String)> {
    let blocks = documents().into_iter().flat_map(|file| blocks(&file)).filter(|block| block.kind == kind);
    blocks.map(|block| (block.name, block.text)).collect()
}

/// Which of them are not what they should be.
fn surprises(files: &[(String, String)], verdict: &str) -> Vec<String> {
    let done = validate(&schema(), files);
    assert_eq!(done.code, 0, "{done:?}");
    let lines: Vec<&str> = done.stdout.lines().collect();
    assert_eq!(lines.len(), files.len(), "{done:?}");
    let said = files.iter().zip(lines).map(|((name, _), line)| (name, line.split_once(' ').expect("a verdict").1));
    said.filter(|(_, said)| !said.starts_with(verdict)).map(|(name, said)| format!("{name} is {said}")).collect()
}

#[test]
fn what_is_right_is_valid() {
    let files = [examples("toml"), configurations(&["tests/entrypoints", "docker", "hooks-examples"])].concat();
    assert!(files.len() > 24, "only {} files were found", files.len());
    assert_eq!(surprises(&files, "valid"), Vec::<String>::new());
}

#[test]
fn what_is_wrong_is_invalid() {
    let mut files = examples("toml wrong");
    // What is no TOML no schema judges.
    files.retain(|(_, text)| text.parse::<toml::Table>().is_ok());
    assert!(files.len() > 9, "only {} examples were found", files.len());
    assert_eq!(surprises(&files, "invalid: $"), Vec::<String>::new());
}

/// The control: a schema that is none is told.
#[test]
fn a_schema_that_is_none_is_told() {
    let broken = schema().replacen("\"type\": \"object\"", "\"type\": \"tabel\"", 1);
    let done = validate(&broken, &[]);
    assert!(done.code != 0 && done.stderr.contains("SchemaError"), "{done:?}");
    let older = schema().replacen("2020-12/schema", "2019-09/schema", 1);
    let done = validate(&older, &[]);
    assert!(done.code != 0 && done.stderr.contains("not say that it is of 2020-12"), "{done:?}");
}
