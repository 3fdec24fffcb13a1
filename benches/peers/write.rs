//! Puts the table into `docs/benchmark.md`, and between the markers of `README.md`.

use std::fs;
use std::path::Path;

use crate::peers::demands::Demand;
use crate::peers::host;
use crate::peers::results::Results;
use crate::peers::table;

const BEGIN: &str = "<!-- bench:begin -->";
const END: &str = "<!-- bench:end -->";

pub fn write(results: &Results, demands: &[Demand]) -> Result<(), String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (medians, notes, machine) = (table::medians(results), table::notes(results), host::describe());
    let demands: Vec<String> = demands.iter().map(|demand| format!("{}\n", demand.line())).collect();
    let page = format!(
        "# Benchmark\n\nWritten by `make bench`. Machine: {machine}. Only the ratios count.\n\n{medians}\n{notes}\n\
         ## The slow end\n\n{}\n## What is demanded\n\n```text\n{}```\n",
        table::slow_end(results),
        demands.concat()
    );
    let readme = root.join("README.md");
    let text = fs::read_to_string(&readme).map_err(|error| format!("cannot read {}: {error}", readme.display()))?;
    let parts = text.split_once(BEGIN).and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
    let (before, after) = parts.ok_or_else(|| format!("{} has no {BEGIN} and {END}", readme.display()))?;
    save(&root.join("docs/benchmark.md"), &page)?;
    save(&readme, &format!("{before}{BEGIN}\n{medians}\n{notes}\nMachine: {machine}.\n{END}{after}"))
}

fn save(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    println!("written: {}", path.display());
    Ok(())
}
