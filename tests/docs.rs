//! Holds the documentation against the code: every key, variable, port and exit code there is, every example as it is
//! read, every fault as it is told.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use app_init::config::keys::{self, Stop};
use app_init::config::{self, Layers};
use app_init::wait::services;
use app_init::{cli, exit, machine, plan, text, wait};
use document::{blocks, configurations, documents};
use schema::Json;
use tempfile::TempDir;
use toml::{Table, Value};

#[expect(dead_code, reason = "its main is the program's")]
#[path = "../docs/schema.rs"]
mod schema;

mod settled;

/// The Docker tests read the same blocks.
#[path = "docker/harness/document.rs"]
mod document;

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn configuration() -> String {
    read("docs/configuration.md")
}

// ---- the keys of the code

/// A key as documents call it (`hooks.NAME.run[].command`), and the words that it takes, where it takes some only.
type Known = BTreeMap<String, Vec<String>>;

fn join(prefix: &str, key: &str) -> String {
    if prefix.is_empty() { key.to_owned() } else { format!("{prefix}.{key}") }
}

fn keys_of_code() -> Known {
    let mut known = Known::new();
    collect(&schema::schema(), "", &mut known);
    known
}

fn collect(schema: &Json, path: &str, known: &mut Known) {
    if let Some(Json::List(alternatives)) = schema.get("anyOf") {
        for one in alternatives {
            collect(one, path, known);
        }
    }
    if let Some(Json::List(words)) = schema.get("enum") {
        let words = words.iter().map(|word| word.to_string().trim_matches('"').to_owned());
        known.insert(path.to_owned(), words.collect());
    }
    if let Some(Json::Object(properties)) = schema.get("properties") {
        for (key, inside) in properties {
            let path = join(path, key);
            known.entry(path.clone()).or_default();
            collect(inside, &path, known);
        }
    }
    if let Some(inside) = schema.get("items") {
        collect(inside, &format!("{path}[]"), known);
    }
    if let Some(inside) = schema.get("additionalProperties").filter(|inside| is_table(inside)) {
        let path = join(path, "NAME");
        known.entry(path.clone()).or_default();
        collect(inside, &path, known);
    }
}

fn is_table(schema: &Json) -> bool {
    schema.get("properties").is_some() || schema.get("$ref").is_some()
}

// ---- the keys of the document

/// Each key that a table lists below the heading of its table, with the line.
fn keys_of_document(text: &str) -> BTreeMap<String, String> {
    let mut documented = BTreeMap::new();
    let mut prefix = None;
    let mut in_keys = false;
    for line in text.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            prefix = table_of(heading);
            let path = prefix.as_deref().unwrap_or_default().trim_end_matches("[]");
            for (end, _) in path.match_indices('.').chain([(path.len(), "")]).filter(|(end, _)| *end > 0) {
                documented.insert(path[..end].to_owned(), line.to_owned());
            }
        }
        let Some(row) = line.strip_prefix('|') else {
            in_keys = false;
            continue;
        };
        let first = row.split('|').next().unwrap_or_default();
        in_keys |= first.trim() == "key";
        let Some(prefix) = prefix.as_deref().filter(|_| in_keys) else { continue };
        for key in first.split('`').skip(1).step_by(2) {
            documented.insert(join(prefix, key), line.to_owned());
        }
    }
    documented
}

/// `[env]` is env, `[[wait]]` is wait[], Top is nothing; other headings are about no table.
fn table_of(heading: &str) -> Option<String> {
    let heading = heading.trim_matches('`');
    let in_brackets = |text: &str| Some(text.strip_prefix('[')?.strip_suffix(']')?.to_owned());
    match in_brackets(heading) {
        None => (heading == "Top").then(String::new),
        Some(name) => Some(in_brackets(&name).map_or(name, |name| format!("{name}[]"))),
    }
}

/// Everything in which the two differ.
fn differences(text: &str) -> Vec<String> {
    let (known, documented) = (keys_of_code(), keys_of_document(text));
    let mut differences = Vec::new();
    for (key, words) in &known {
        match documented.get(key) {
            None => differences.push(format!("{key} is not documented")),
            Some(line) => {
                let missing = words.iter().filter(|word| !line.contains(&format!("`{word}`")));
                differences.extend(missing.map(|word| format!("{key} is documented without `{word}`")));
            }
        }
    }
    let gone = documented.keys().filter(|key| !known.contains_key(*key));
    differences.extend(gone.map(|key| format!("{key} is documented and there is no such key")));
    differences
}

#[test]
fn every_key_is_documented_and_every_documented_key_exists() {
    assert_eq!(differences(&configuration()), Vec::<String>::new());
}

// ---- defaults

/// What the column for it has to say of each key: the default, `none`, or what is so where nothing is said.
fn defaults_of_code() -> BTreeMap<String, String> {
    let mut defaults = BTreeMap::new();
    collect_defaults(&schema::schema(), "", &mut defaults);
    defaults
}

fn collect_defaults(schema: &Json, path: &str, defaults: &mut BTreeMap<String, String>) {
    if let Some(Json::List(alternatives)) = schema.get("anyOf") {
        for one in alternatives {
            collect_defaults(one, path, defaults);
        }
    }
    if let Some(Json::Object(properties)) = schema.get("properties") {
        for (key, inside) in properties {
            let path = join(path, key);
            let about = inside.get("description").expect("a description").to_string();
            let told = about.trim_matches('"').split_once(" Default: ").map(|(_, told)| told.to_owned());
            let value = inside.get("default").map(|value| format!("`{}`", value.to_string().trim_matches('"')));
            defaults.insert(path.clone(), told.or(value).unwrap_or_else(|| "none".to_owned()));
            collect_defaults(inside, &path, defaults);
        }
    }
    for (name, part) in [("items", "[]"), ("additionalProperties", ".NAME")] {
        if let Some(inside) = schema.get(name) {
            collect_defaults(inside, &format!("{path}{part}"), defaults);
        }
    }
}

/// Everything in which a table with a column for defaults differs from the code; where there is no such column, there
/// has to be no default, or the one of the key that the table calls the same.
fn wrong_defaults(text: &str) -> Vec<String> {
    let of_code = defaults_of_code();
    let mut wrong = Vec::new();
    let mut prefix = None;
    let mut column = None;
    for line in text.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            prefix = table_of(heading);
        }
        let cells: Vec<&str> = line.trim_matches('|').split(" |").map(str::trim).collect();
        if cells[0] == "key" {
            column = cells.iter().position(|cell| *cell == "default");
        }
        let Some(prefix) = prefix.as_deref().filter(|_| line.starts_with('|')) else { continue };
        for key in cells[0].split('`').skip(1).step_by(2) {
            let path = join(prefix, key);
            let Some(default) = of_code.get(&path) else { continue };
            let said = match column {
                Some(column) => cells[column],
                None => key.strip_prefix("run[].").map_or("none", |same| &of_code[&join(prefix, same)]),
            };
            if said != default && (column.is_some() || default != "none") {
                wrong.push(format!("{path}: the document says {said}, the code {default}"));
            }
        }
    }
    wrong
}

#[test]
fn every_default_is_the_one_of_the_code() {
    assert_eq!(wrong_defaults(&configuration()), Vec::<String>::new());
}

#[test]
fn a_default_that_is_another_is_found() {
    let text = configuration();
    let mut count = 0;
    for line in keys_of_document(&text).into_values().filter(|line| line.starts_with('|')) {
        let cells: Vec<&str> = line.split(" |").collect();
        if cells.len() == 5 {
            let other = line.replacen(&format!(" |{} |", cells[2]), " | `7s` |", 1);
            assert_ne!(wrong_defaults(&text.replacen(&line, &other, 1)), Vec::<String>::new(), "{other}");
            count += 1;
        }
    }
    assert!(count > 60, "only {count} defaults are written down");
}

#[test]
fn a_line_that_is_missing_or_too_much_is_found() {
    let text = configuration();
    for line in keys_of_document(&text).into_values() {
        let without = text.replacen(&format!("{line}\n"), "", 1);
        assert_ne!(differences(&without), Vec::<String>::new(), "without {line}");
    }
    let more = text.replacen("\n| `umask` |", "\n| `umusk` | | |\n| `umask` |", 1);
    assert_eq!(differences(&more), ["umusk is documented and there is no such key"]);
    let fewer = text.replacen(", `always` or `never`", " or `never`", 1);
    assert_eq!(differences(&fewer), ["prepare[].recursive is documented without `always`"]);
}

#[test]
fn the_schema_is_the_one_of_the_code() {
    let written = read("docs/app-init.schema.json");
    assert_eq!(written, format!("{}\n", schema::schema()), "run make schema");
}

// ---- files

/// The keys in a file, as documents call them; and those that the schema does not know.
fn used(value: &Value, schema: &Json, path: &str, used_keys: &mut BTreeSet<String>, unknown: &mut Vec<String>) {
    if schema.get("$ref").is_some() {
        return used(value, &schema::schema(), "", used_keys, unknown);
    }
    match value {
        Value::Table(table) => {
            let alternatives = match schema.get("anyOf") {
                Some(Json::List(alternatives)) => alternatives.as_slice(),
                _ => std::slice::from_ref(schema),
            };
            let Some(schema) = alternatives
                .iter()
                .find(|one| one.get("type") == Some(&Json::Plain("\"object\"".into())) || one.get("$ref").is_some())
            else {
                return unknown.push(format!("{path} is a table"));
            };
            for (key, value) in table {
                if let Some(inside) = schema.get("properties").and_then(|known| known.get(key)) {
                    let path = join(path, key);
                    used_keys.insert(path.clone());
                    used(value, inside, &path, used_keys, unknown);
                } else if let Some(inside) = schema.get("additionalProperties").filter(|one| is_table(one)) {
                    let path = join(path, "NAME");
                    used_keys.insert(path.clone());
                    used(value, inside, &path, used_keys, unknown);
                } else if schema.get("properties").is_some() {
                    unknown.push(join(path, key));
                }
            }
        }
        Value::Array(values) => {
            if let Some(inside) = schema.get("items") {
                for value in values {
                    used(value, inside, &format!("{path}[]"), used_keys, unknown);
                }
            }
        }
        _ => {}
    }
}

/// The keys of a file that has to be sound: known to the schema, and read without a fault.
fn sound(text: &str, name: &str) -> BTreeSet<String> {
    let table: Table = toml::from_str(text).unwrap_or_else(|error| panic!("{name}: {error}\n{text}"));
    let (mut keys, mut unknown) = (BTreeSet::new(), Vec::new());
    used(&Value::Table(table), &schema::schema(), "", &mut keys, &mut unknown);
    assert_eq!(unknown, Vec::<String>::new(), "{name} has keys that the schema does not know:\n{text}");
    let folder = tempfile::tempdir().expect("a directory");
    let path = folder.path().join("app-init.toml");
    fs::write(&path, text).expect("a file");
    let (mut layers, mut faults) = (Layers::default(), Vec::new());
    layers.read(&path, true, &mut faults);
    config::check_roles(&layers, &cli::COMMANDS.map(|(name, _, _)| name), &mut faults);
    let _ = config::interpret(&mut layers, &mut faults);
    let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
    assert_eq!(faults, Vec::<String>::new(), "{name}:\n{text}");
    keys
}

#[test]
fn the_configurations_of_images_and_examples_have_no_unknown_key() {
    let found = configurations(&["tests/entrypoints", "docker", "hooks-examples"]);
    for (name, text) in &found {
        sound(text, name);
    }
    let count = found.len();
    assert!(count >= 12, "only {count} files were found");
}

// ---- the blocks of the documents

#[test]
fn every_example_is_read_without_a_fault_and_shows_every_key() {
    let mut shown = BTreeSet::new();
    for block in
        documents().iter().flat_map(|file| blocks(file)).filter(|block| ["toml", "toml plan"].contains(&&*block.kind))
    {
        shown.extend(sound(&block.text, &block.name));
    }
    let missing: Vec<String> = keys_of_code().into_keys().filter(|key| !shown.contains(key)).collect();
    assert_eq!(missing, Vec::<String>::new(), "keys without an example");
}

/// A world with one file, in which nothing else is configured.
struct World(TempDir);

impl World {
    fn new(configuration: &str) -> World {
        let folder = tempfile::tempdir().expect("a directory");
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("a mode");
        fs::create_dir(folder.path().join(".docker")).expect("a directory");
        fs::write(folder.path().join(".docker/app-init.toml"), configuration).expect("a file");
        World(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn program(&self, name: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        fs::write(&path, "#!/bin/sh\n").expect("a program");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("a mode");
    }

    /// What `app-init check` says, with its code.
    #[expect(clippy::disallowed_methods, reason = "a test starts programs as everybody does")]
    fn check(&self, arguments: &[&str], variables: &[(&str, &str)]) -> (Option<i32>, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_app-init"));
        command.arg("check").args(arguments).env_clear().env("PATH", "/usr/bin:/bin");
        let output = command.envs(variables.iter().copied()).current_dir(self.0.path()).output().expect("it runs");
        let said = String::from_utf8([output.stdout, output.stderr].concat()).expect("text");
        (output.status.code(), said.replace(&self.0.path().display().to_string(), "/app"))
    }
}

#[test]
fn every_wrong_example_is_told_as_documented() {
    let blocks = blocks("docs/configuration.md");
    let mut tables = BTreeSet::new();
    for pair in blocks.windows(2) {
        let [wrong, told] = pair else { unreachable!("windows of two") };
        if wrong.kind != "toml wrong" {
            continue;
        }
        assert_eq!(told.kind, "text", "{}: what is told has to follow", wrong.name);
        let (code, said) = World::new(&wrong.text).check(&[], &[]);
        assert_eq!(said, told.text, "{}", told.name);
        assert_eq!(code, Some(i32::from(exit::CONFIG)), "{}", wrong.name);
        // One of them is no TOML at all.
        let table: Result<Table, _> = toml::from_str(&wrong.text);
        assert_eq!(table.is_err(), told.text.contains(": not TOML: "), "{}: {table:?}", wrong.name);
        tables.extend(table.into_iter().flatten().map(|(key, _)| key));
    }
    let all = keys_of_code().into_keys().filter(|key| !key.contains(['.', '[']));
    let missing: Vec<String> = all.filter(|key| !tables.contains(key)).collect();
    assert_eq!(missing, Vec::<String>::new(), "tables without an example of what is wrong");
}

/// The programs of these examples are files of the application.
#[test]
fn every_plan_is_shown_as_documented() {
    let mut count = 0;
    for pair in blocks("docs/configuration.md").windows(2).filter(|pair| pair[0].kind == "toml plan") {
        let world = World::new(&pair[0].text);
        for program in pair[0].text.split('"').filter_map(|word| word.strip_prefix("./")) {
            world.program(program);
        }
        let (code, said) = world.check(&[], &[]);
        assert_eq!((code, said), (Some(0), pair[1].text.clone()), "{}", pair[1].name);
        count += 1;
    }
    assert_ne!(count, 0, "no plan is shown");
}

/// The last TOML of the document, in a world that has what its Dockerfile makes.
#[test]
fn the_whole_application_passes_the_check() {
    let last = blocks("docs/configuration.md").into_iter().rfind(|block| block.kind == "toml").expect("there is one");
    let me = format!("{}:{}", nix::unistd::getuid(), nix::unistd::getgid());
    let world = World::new("");
    let here = world.0.path().display().to_string();
    // The users and the places of the image; everything else as it is printed.
    let text = last.text.replace("\"app:app\"", &format!("\"{me}\"")).replace("\"/app", &format!("\"{here}/app"));
    fs::write(world.path(".docker/app-init.toml"), text).expect("a file");
    for program in ["app/manage.py", "appenv/bin/python", "appenv/bin/gunicorn", "appenv/bin/celery"] {
        world.program(program);
    }
    let config = world.path(".docker/app-init.toml").display().to_string();
    let given = [("APP_INIT_CONFIG", config.as_str()), ("APP_INIT_USER", &me)];
    let secrets = [("POSTGRES_PASSWORD", "s3cret"), ("SECRET_KEY", "k3y")];
    let check = |role: &str, more: &[(&str, &str)]| world.check(&[role], &[&given, more].concat());

    for (role, command, waits) in [
        (
            "web",
            "\n  gunicorn --bind 0.0.0.0:8000 shop.wsgi\n",
            "\n  postgres://db:5432  (up to 1m, interval 500ms)\n\n",
        ),
        (
            "worker",
            "\n  celery -A shop worker",
            "\n  postgres://db:5432  (up to 1m, interval 500ms)\n  redis://cache:6379  (up to 30s, interval 500ms)\n\n",
        ),
        ("migrate", "\n  python manage.py migrate", "\n  postgres://db:5432  (up to 1m, interval 500ms)\n\n"),
    ] {
        let (code, plan) = check(role, &secrets);
        assert_eq!(code, Some(0), "{role}: {plan}");
        assert!(plan.contains(command) && plan.contains(waits), "{role}: {plan}");
        assert!(!plan.contains("\ndeploy\n") && !plan.contains("s3cret"), "{role}: {plan}");
    }
    let (code, plan) = check("web", &[secrets.as_slice(), &[("RUN_MIGRATIONS", "true")]].concat());
    assert_eq!(code, Some(0), "{plan}");
    assert!(plan.contains("\ndeploy\n  python manage.py migrate --check  (exit 0 skips"), "{plan}");
    let (code, faults) = check("web", &[]);
    assert_eq!(code, Some(i32::from(exit::CONFIG)), "{faults}");
    assert!(faults.contains("POSTGRES_PASSWORD: set it") && faults.contains("SECRET_KEY is not set"), "{faults}");
}

// ---- lists

/// The words in code of `text` that begin with `prefix`.
fn words<'t>(text: &'t str, prefix: &str) -> BTreeSet<&'t str> {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    text.split(|letter| !is_part(letter)).filter(|word| word.starts_with(prefix) && word.len() > prefix.len()).collect()
}

#[test]
fn every_variable_is_documented() {
    let text = configuration();
    let of_code = plan::VARIABLES.iter().flat_map(|(names, _)| names.split(", "));
    let of_hooks = ["APP_INIT_PHASE", "APP_INIT_HOOK", "APP_INIT_FAILED_HOOK", "APP_INIT_FAILED_CODE"];
    assert_eq!(words(&text, "APP_INIT_"), of_code.chain(of_hooks).collect());
}

#[test]
fn the_documented_ports_are_the_usual_ones() {
    let text = configuration();
    let table = text.split("| port | schemes |\n|---|---|\n").nth(1).expect("the table of ports");
    let mut schemes = BTreeSet::new();
    for row in table.lines().take_while(|line| line.starts_with('|')) {
        let cells: Vec<&str> = row.trim_matches('|').split('|').collect();
        let groups: Vec<&str> = cells[1].split(';').collect();
        let ports: Vec<u16> = cells[0].split(',').map(|port| port.trim().parse().expect("a port")).collect();
        assert_eq!(groups.len(), ports.len(), "{row}");
        for (group, port) in groups.into_iter().zip(ports) {
            for scheme in group.split('`').skip(1).step_by(2) {
                assert_eq!(services::usual_port(scheme), Some(port), "{scheme}");
                schemes.insert(scheme.to_owned());
            }
        }
    }
    let source = read("src/wait/services.rs");
    let listed = source.lines().filter_map(|line| line.strip_prefix("    (\"")?.split('"').next());
    assert_eq!(schemes, listed.map(str::to_owned).collect());
}

#[test]
fn every_exit_code_is_documented_in_the_words_of_the_code() {
    let [server, stopped] = exit::OTHERS.map(|(code, meaning)| format!("| {code} | {meaning} |"));
    let own = exit::TABLE.map(|(code, meaning)| format!("| {code} | {meaning} |"));
    let expected: Vec<String> = [server].into_iter().chain(own).chain([stopped]).collect();
    for file in ["README.md", "docs/configuration.md"] {
        let text = read(file);
        let table =
            text.split("\n## Exit codes\n").nth(1).expect("the heading").lines().skip_while(|line| line.is_empty());
        let rows = table.take_while(|line| line.starts_with('|')).skip(2);
        // The configuration's document has one more column.
        let cells = rows.map(|row| row.split(" |").take(2).collect::<Vec<_>>().join(" |") + " |");
        assert_eq!(cells.collect::<Vec<String>>(), expected, "{file}");
    }
}

// ---- messages

/// The words of the system in a message.
const OF_THE_SYSTEM: [&str; 1] = ["Name does not resolve"];

/// The fixed parts of every text in the program's code, the long ones first.
fn fixed_parts() -> Vec<String> {
    let mut folders = vec![PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src")];
    let mut parts: Vec<String> = OF_THE_SYSTEM.map(str::to_owned).into();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("the folder is there") {
            let path = entry.expect("it is readable").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.file_name().is_some_and(|name| name != "tests.rs") {
                let code = fs::read_to_string(&path).expect("a text");
                parts.extend(texts(code.split("#[cfg(test)]\nmod ").next().unwrap_or_default()));
            }
        }
    }
    parts.retain(|part| part.trim().len() >= 4 && part.contains(' '));
    parts.sort_by_key(|part| std::cmp::Reverse(part.len()));
    parts
}

/// The texts in code, cut where a value is put into them.
fn texts(code: &str) -> Vec<String> {
    let mut parts = Vec::new();
    for line in
        code.replace("'\"'", "").replace("\\\n", "\\").lines().filter(|line| !line.trim_start().starts_with("//"))
    {
        let text = line.replace("\\\"", "\u{1}");
        for inside in text.split('"').skip(1).step_by(2) {
            let mut joined = String::new();
            for (place, piece) in inside.split('\\').enumerate() {
                // A text goes on behind the blanks of the next line; nothing else that is escaped is in messages.
                joined += if place == 0 { piece } else { piece.trim_start() };
            }
            let whole = joined.replace('\u{1}', "\"").replace("{{", "\u{2}").replace("}}", "\u{3}");
            let cut =
                whole.split('{').flat_map(|piece| piece.split_once('}').map_or([piece, ""], |(_, after)| ["", after]));
            parts.extend(cut.map(|part| part.replace('\u{2}', "{").replace('\u{3}', "}")));
        }
    }
    parts
}

/// What of a message neither the code has nor can be a value: a value has no blank in it.
fn invented(message: &str, parts: &[String]) -> Vec<String> {
    let mut rest = message.to_owned();
    for part in parts {
        rest = rest.replace(part.as_str(), "\n");
    }
    let values = rest.split(['\n', '(', ')']).flat_map(|piece| piece.split(": ")).map(|value| value.trim().to_owned());
    values.filter(|value| value.contains(' ')).collect()
}

/// Each message that a document quotes and no test makes anew: lines of blocks, and code within a line that begins as
/// app-init's lines do.
fn quoted(file: &str) -> Vec<(String, String)> {
    let blocks = blocks(file);
    let mut found = Vec::new();
    for (place, block) in blocks.iter().enumerate() {
        let is_run = place > 0 && ["toml wrong", "toml plan"].contains(&&*blocks[place - 1].kind);
        let lines = block.text.lines().filter(|_| !is_run && ["", "text"].contains(&&*block.kind));
        let is_message = |line: &&str| line.starts_with("app-init: ") || block.kind == "text" && line.contains("; ");
        found.extend(lines.filter(is_message).map(|line| (block.name.clone(), line.to_owned())));
    }
    let text = read(file);
    let outside = text.split("```").step_by(2).flat_map(|text| text.split('`').skip(1).step_by(2));
    let begins = |code: &&str| ["app-init: ", " -----> ", "("].iter().any(|start| code.starts_with(start));
    found.extend(outside.filter(begins).map(|code| (file.to_owned(), code.replace('\n', " "))));
    found
}

#[test]
fn every_quoted_message_is_one_of_the_code() {
    let parts = fixed_parts();
    let others = ["ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "tests/entrypoints/README.md"];
    let files = documents().into_iter().chain(others.map(str::to_owned)).filter(|file| file != "docs/benchmark.md");
    let messages: Vec<_> = files.flat_map(|file| quoted(&file)).collect();
    for (place, message) in &messages {
        assert_eq!(invented(message, &parts), Vec::<String>::new(), "{place}: {message}");
    }
    assert!(messages.len() >= 8, "only {} messages were found: {messages:?}", messages.len());
    let (_, message) = messages.iter().find(|(_, message)| message.contains("is not there after")).expect("the wait's");
    for changed in [message.replacen("is not there", "is not here", 1), message.replacen("see that", "look whether", 1)]
    {
        assert_ne!(invented(&changed, &parts), Vec::<String>::new(), "{changed}");
    }
}

// ---- numbers

/// The value of a constant of the program's, as it is written in its code.
fn constant(file: &str, name: &str) -> String {
    let code = read(&format!("src/{file}"));
    let (_, rest) = code.split_once(&format!("const {name}: ")).unwrap_or_else(|| panic!("no {name} in {file}"));
    let (_, value) = rest.split_once(" = ").expect("it has a value");
    value.split(';').next().unwrap_or_default().to_owned()
}

/// The same as a number.
fn number(file: &str, name: &str) -> u64 {
    let value = constant(file, name).replace('_', "");
    let read = |factor: &str| match factor.strip_prefix("0o") {
        Some(octal) => u64::from_str_radix(octal, 8),
        None => factor.parse(),
    };
    value.split(" * ").map(|factor| read(factor).unwrap_or_else(|_| panic!("{name} is {value}"))).product()
}

/// The same as people write a time: `5 s`, `0.5 s`.
fn time(file: &str, name: &str) -> String {
    let value = constant(file, name);
    let inside = |unit: &str| value.strip_prefix(&format!("Duration::from_{unit}("))?.strip_suffix(')')?.parse().ok();
    let millis = inside("millis").or(inside("secs").map(|seconds: u64| seconds * 1000));
    seconds(Duration::from_millis(millis.unwrap_or_else(|| panic!("{name} is {value}"))))
}

fn seconds(time: Duration) -> String {
    format!("{} s", time.as_secs_f64())
}

/// What documents say with a number that the code knows.
fn numbers() -> Vec<(&'static str, String)> {
    let (own, kib) = ("docs/configuration.md", |file, name| format!("{} KiB", number(file, name) / 1024));
    let pace = wait::Pace::USUAL;
    let show = text::duration::show;
    let [pause, attempt, tick] = [pace.pause, pace.attempt, pace.tick].map(seconds);
    let leftovers = seconds(Stop::LEFTOVERS);
    let last = time("wait/probe.rs", "LAST_ATTEMPT");
    let moment = seconds(Duration::from_millis(number("sys/output.rs", "MOMENT_MS")));
    let options = format!("`-t` ({}), `-i` ({}; also", show(keys::Wait::TIMEOUT), show(keys::Wait::INTERVAL));
    let mode = |file, name| format!("{:04o}", number(file, name));
    assert_eq!(machine::RESERVE, Duration::from_secs(1), "`the last second`");
    vec![
        (own, format!("A secret's file** is one value of at most {}", kib("config/literal.rs", "SECRET_LIMIT"))),
        (own, format!("Of more than {0} the first {0} are told", number("plan/findings.rs", "MOST_TOLD"))),
        (own, format!("of many in one file the first {} are told", number("config/literal.rs", "MOST_PROBLEMS"))),
        (own, format!("one of fewer than {} bytes", number("secrets.rs", "SHORTEST"))),
        (own, format!("with its parents (mode {}, app-init's own)", mode("prepare/place.rs", "PARENT_MODE"))),
        (own, format!("`{}` for a new one", mode("prepare/directory.rs", "USUAL_MODE"))),
        (own, format!("Directories more than {} deep", number("prepare/walk.rs", "DEEPEST"))),
        (own, format!("A last attempt begins {last} before the end")),
        (own, format!("it doubles up to {pause}, or stays")),
        (own, format!("connecting and the answer may take {attempt}, or")),
        (own, format!("a path of more than {} bytes", number("wait/target.rs", "LONGEST_SOCKET"))),
        (own, format!("Every {tick} a line names")),
        (own, format!("{} characters are told", number("wait/command.rs", "REPORTED"))),
        (own, format!("one of more than {} is left out", kib("wait/command.rs", "LINE"))),
        (own, format!("after `stop_timeout` ({} when unset)", time("machine/mod.rs", "AFTER_RUN_TIMEOUT"))),
        (own, "the last second is for KILL".to_owned()),
        (own, format!("Under {} is a fault", time("plan/settings.rs", "SHORTEST_BUDGET"))),
        (own, options),
        (own, format!("where it is longer than {attempt})")),
        (own, format!("Numbers are plain decimal, 0 to {}", number("identity/properties.rs", "LARGEST"))),
        (own, format!("with up to {leftovers} to do so")),
        (own, format!("`stop.timeout` says ({} when unset)", seconds(wait::Pace::USUAL.stop))),
        (own, format!("({} for the `command` of a wait)", seconds(wait::Pace::USUAL.stop))),
        (own, format!("Such a file has {} to be read", time("sys/on_behalf.rs", "LONGEST"))),
        ("README.md", format!("│ TERM, {leftovers},│")),
        ("README.md", format!("waits for it, {moment} at most")),
        ("ARCHITECTURE.md", format!("it waits, {moment} at most")),
        ("ARCHITECTURE.md", format!("gives its reader {} for", time("commands/say.rs", "PATIENCE"))),
    ]
}

/// Numbers with a unit that are no constant of the program's: they belong to an example, to what was measured, or to the
/// kernel.
const FREE: [(&str, &str); 4] = [
    ("README.md", "ends after 5 s with 137"),
    ("ARCHITECTURE.md", "clap was 131 KB of 838"),
    ("docs/configuration.md", "128 KiB for one variable or argument"),
    ("docs/configuration.md", "which is 2 MiB in most containers"),
];

/// A document without its examples and its figures, on one line.
fn prose(file: &str) -> String {
    let text = read(file);
    let (before, rest) = text.split_once("<!-- bench:begin -->").unwrap_or((&text, ""));
    let after = rest.split_once("<!-- bench:end -->").map_or("", |(_, after)| after);
    let prose: String = [before, after].concat().split("```").step_by(2).collect();
    prose.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn the_numbers_of_the_documents_are_those_of_the_code() {
    let (numbers, mut files) = (numbers(), documents());
    files.retain(|file| file != "docs/benchmark.md");
    files.extend(["ARCHITECTURE.md", "CONTRIBUTING.md", "tests/entrypoints/README.md"].map(str::to_owned));
    let mut strangers = Vec::new();
    for file in files {
        let (whole, mut prose) = (read(&file), prose(&file));
        for (_, told) in numbers.iter().filter(|(of, _)| *of == file) {
            assert!(prose.contains(told) || whole.contains(told), "{file} has no: {told}");
            prose = prose.replace(told, "");
        }
        for (_, told) in FREE.iter().filter(|(of, _)| *of == file) {
            prose = prose.replace(told, "");
        }
        let words: Vec<&str> = prose.split([' ', '(', ')', ',', ';', '.', '|']).collect();
        let is_number = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
        let units = ["s", "ms", "min", "seconds", "minutes", "bytes", "characters", "KiB", "KB", "MiB", "MB"];
        let with_unit = words.windows(2).filter(|pair| is_number(pair[0]) && units.contains(&pair[1]));
        strangers.extend(with_unit.map(|pair| format!("{file}: {}", pair.join(" "))));
    }
    assert_eq!(strangers, Vec::<String>::new(), "numbers that nobody holds against the code");
}

// ---- figures

#[test]
fn the_figures_are_those_of_one_run() {
    let (readme, page) = (read("README.md"), read("docs/benchmark.md"));
    let (_, rest) = readme.split_once("<!-- bench:begin -->\n").expect("the figures");
    let (figures, _) = rest.split_once("\n<!-- bench:end -->").expect("their end");
    let (figures, machine) = figures.rsplit_once("\n\n").expect("the machine, at the end");
    assert!(page.contains(&format!("`make bench`. {machine} Only")), "another machine: {machine}");
    assert!(page.contains(&format!("\n\n{figures}\n\n## ")), "docs/benchmark.md has other figures than README.md");

    // What is demanded of app-init is measured in the same run.
    let row = |title: &str| {
        let rows = page.lines().filter_map(|line| line.strip_prefix(&format!("| {title}"))?.split(" | ").nth(1));
        rows.map(str::to_owned).next().unwrap_or_else(|| panic!("no row {title}"))
    };
    let demand = |what: &str| {
        let told = page.lines().find_map(|line| line.split_once(&format!(" {what}: "))?.1.split(", at most").next());
        told.unwrap_or_else(|| panic!("{what} is not demanded")).to_owned()
    };
    for (title, what) in [
        ("zombies left", "zombies left"),
        ("resident memory", "resident memory"),
        ("of it anonymous", "anonymous memory"),
        ("binary", "binary"),
        ("wake-ups", "idle wake-ups"),
    ] {
        assert_eq!(row(title), demand(what), "{what}");
    }
    assert!(page.contains(&format!(" lines adds {} to app-init's", demand("what a configuration of 100 lines costs"))));
    let ratio = |cell: &str| cell.split(['(', ')']).nth(1).expect("a ratio").parse::<f64>().expect("a number");
    for (title, what) in [
        ("start to end", "start to end, to tini-static"),
        ("TERM to end", "TERM to end, to tini-static"),
        ("signal passed on", "signal latency, to tini-static"),
        ("processor time", "processor time per orphan, to tini-static"),
    ] {
        let exact: f64 = demand(what).parse().expect("a number");
        assert!((ratio(&row(title)) - exact).abs() < 0.006, "{what}: {exact}, and {} in the table", row(title));
    }

    // What the prose says of the start.
    let told = format!("{:.1} of the time", ratio(&row("start to end")));
    for (file, said) in [("README.md", format!("in about {told} that")), ("CHANGELOG.md", format!("in {told} of"))] {
        assert!(read(file).contains(&said), "{file} does not say: {said}");
    }
}

/// The steps of the environment stand in the code as in the table of `[env]`.
#[test]
fn the_environment_is_computed_in_the_order_that_is_told() {
    let code = read("src/plan/environment/mod.rs");
    let steps = code.lines().filter(|line| line.trim_start().starts_with("Pipeline::"));
    let steps: Vec<&str> = steps.filter_map(|line| Some(line.split_once("// ")?.1)).collect();
    let document = configuration();
    let rows =
        document.lines().skip_while(|line| *line != "| step | | |").skip(2).take_while(|line| line.starts_with('|'));
    let told: Vec<String> = rows.filter_map(|row| Some(row.split('|').nth(2)?.trim().replace('`', ""))).collect();
    assert_eq!(steps, told);
}

/// Every file and folder that ARCHITECTURE.md names is there: from the top or from `src` on, or by its name alone.
#[test]
fn what_the_architecture_names_is_there() {
    const ENDS: [&str; 8] = ["/", ".rs", ".py", ".sh", ".md", ".toml", ".ld", ".8"];
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut names = BTreeSet::new();
    let mut folders = vec![root.join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder").map(|entry| entry.expect("an entry")) {
            names.insert(entry.file_name().to_string_lossy().into_owned());
            folders.extend(Some(entry.path()).filter(|path| path.is_dir()));
        }
    }
    let is_path =
        |word: &&str| !word.contains([' ', ':', '*', '(']) && !word.starts_with(['/', '.']) && *word != "app-init.toml";
    let text = read("ARCHITECTURE.md");
    // Between backquotes is every second part.
    let told =
        text.split('`').skip(1).step_by(2).filter(is_path).filter(|word| ENDS.iter().any(|end| word.ends_with(end)));
    let told: BTreeSet<&str> = told.collect();
    assert!(told.len() > 50, "only {told:?}");
    let is_there = |path: &&str| [root.to_owned(), root.join("src")].iter().any(|top| top.join(path).exists());
    let is_name = |path: &&str| names.contains(path.trim_end_matches('/'));
    let missing: Vec<&&str> = told.iter().filter(|path| !is_there(path) && !is_name(path)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
