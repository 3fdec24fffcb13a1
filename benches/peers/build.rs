//! Builds the two C programs of the bench, static and with musl where that is installed, as app-init is.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Build products stay here between runs; nothing else is written.
pub fn directory() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("bench")
}

/// Compiles `benches/NAME.c` to `target/bench/NAME`.
pub fn compile(name: &str, more: &[&str]) -> Result<String, String> {
    let directory = directory();
    fs::create_dir_all(&directory).map_err(|error| format!("cannot create {}: {error}", directory.display()))?;
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches").join(name).with_extension("c");
    let product = directory.join(name);
    let mut errors = String::new();
    for compiler in ["musl-gcc", "cc"] {
        let mut command = Command::new(compiler);
        command.args(["-static", "-s", "-O2", "-Wall", "-Wextra"]).args(more).arg("-o").arg(&product).arg(&source);
        match command.output() {
            Ok(output) if output.status.success() => {
                if !errors.is_empty() {
                    eprint!(
                        "{name} is built with {compiler}, which makes it slower: no musl (Debian: apt-get install musl-tools)\n{errors}"
                    );
                }
                return Ok(product.display().to_string());
            }
            Ok(output) => errors += &format!("{compiler}: {}\n", String::from_utf8_lossy(&output.stderr)),
            Err(error) => errors += &format!("{compiler}: {error}\n"),
        }
    }
    Err(format!("cannot build {} (Debian: apt-get install musl-tools)\n{errors}", source.display()))
}
