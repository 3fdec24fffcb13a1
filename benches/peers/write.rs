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
    save(&root.join("docs/benchmark.md"), &page)?;

    let readme = root.join("README.md");
    let Ok(text) = fs::read_to_string(&readme) else { return Ok(()) };
    let Some((before, rest)) = text.split_once(BEGIN) else { return Ok(()) };
    let Some((_, after)) = rest.split_once(END) else { return Ok(()) };
    save(&readme, &format!("{before}{BEGIN}\n{medians}\n{notes}\nMachine: {machine}.\n{END}{after}"))
}

fn save(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    println!("written: {}", path.display());
    Ok(())
}
