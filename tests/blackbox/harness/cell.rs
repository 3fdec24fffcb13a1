//! The matrix in which app-init must behave the same: a test runs in each cell of it.

use std::fmt;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Identity {
    Root,
    /// Uid and gid 12345, which have no passwd entry, with every capability dropped and no-new-privileges.
    Nobody,
    /// Root by number, with every capability dropped and no-new-privileges.
    PowerlessRoot,
}

/// One way in which a container may start app-init.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cell {
    /// PID 1; otherwise an ordinary process, which becomes a subreaper.
    pub pid1: bool,
    pub identity: Identity,
    /// The root file system is read-only and there is no tmpfs.
    pub read_only: bool,
    pub terminal: bool,
}

impl Cell {
    pub const PID1: Cell = Cell { pid1: true, identity: Identity::Root, read_only: false, terminal: false };
    pub const SUBREAPER: Cell = Cell { pid1: false, ..Cell::PID1 };
    pub const TERMINAL: Cell = Cell { terminal: true, ..Cell::PID1 };
    pub const TERMINAL_JOB: Cell = Cell { terminal: true, ..Cell::SUBREAPER };

    /// All 24 of them; under qemu those that can be.
    pub fn all() -> Vec<Cell> {
        let mut cells = Vec::new();
        for pid1 in [true, false] {
            for identity in [Identity::Root, Identity::Nobody, Identity::PowerlessRoot] {
                for read_only in [false, true] {
                    for terminal in [false, true] {
                        cells.push(Cell { pid1, identity, read_only, terminal });
                    }
                }
            }
        }
        cells.retain(|cell| cell.is_possible());
        cells
    }

    /// Under qemu no process becomes a subreaper, and a terminal stays open after the end: `tests/aarch64.sh` says so.
    fn is_possible(self) -> bool {
        (self.pid1 && !self.terminal) || std::env::var_os("APP_INIT_TEST_QEMU").is_none()
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = if self.pid1 { "PID 1" } else { "subreaper" };
        let root = if self.read_only { "read-only" } else { "writable" };
        let terminal = if self.terminal { "with a terminal" } else { "without a terminal" };
        write!(out, "{place}, {:?}, {root}, {terminal}", self.identity)
    }
}

/// Runs the test in every cell; a failure names its cell.
pub fn each_cell(test: impl Fn(Cell)) {
    each_of(&Cell::all(), test);
}

/// Where stdout and stderr must be told apart.
pub fn each_cell_without_terminal(test: impl Fn(Cell)) {
    let cells: Vec<Cell> = Cell::all().into_iter().filter(|cell| !cell.terminal).collect();
    each_of(&cells, test);
}

/// As PID 1 and as an ordinary process, everything else at its plainest.
pub fn each_place(test: impl Fn(Cell)) {
    each_of(&[Cell::PID1, Cell::SUBREAPER], test);
}

pub fn each_terminal_place(test: impl Fn(Cell)) {
    each_of(&[Cell::TERMINAL, Cell::TERMINAL_JOB], test);
}

fn each_of(cells: &[Cell], test: impl Fn(Cell)) {
    for &cell in cells.iter().filter(|cell| cell.is_possible()) {
        let _name = NameOnPanic(cell);
        test(cell);
    }
}

/// Says in which cell a test failed, also when an assertion of the test itself fails.
struct NameOnPanic(Cell);

impl Drop for NameOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("failed in the cell: {}", self.0);
        }
    }
}
