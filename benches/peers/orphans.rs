//! A burst of double-forked orphans: what each costs the init, and whether one stays behind as a zombie.

use std::fs;
use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};
use nix::unistd::Pid;

use crate::peers::contender::Contender;
use crate::peers::launch::Place;
use crate::peers::order::Order;
use crate::peers::session::{Quiet, Session};
use crate::peers::stats::Samples;

pub const COUNT: usize = BURST * BURSTS;
pub const BURST: usize = 50;
pub const BURSTS: usize = 60;

/// How long an init may take after the last orphan has ended.
const PATIENCE: Duration = Duration::from_millis(300);

#[derive(Default, Clone)]
pub struct Orphans {
    /// From the first fork of a burst to the application's word that all are made.
    pub wall: Samples,
    /// The init's own processor time for each orphan.
    pub cpu_each: Samples,
    /// What is left when all is over.
    pub zombies: usize,
}

/// Every init gets `repeats` times `COUNT` orphans, each time in a new life, because where its memory happens to lie also
/// counts. They come in bursts, in which all inits take turns: many short samples compare better than a few long ones.
pub fn measure(all: &[Contender], repeats: usize, quiet: &Quiet) -> Result<Vec<Orphans>, String> {
    let mut results = vec![Orphans::default(); all.len()];
    for _ in 0..repeats {
        let mut lives = Vec::new();
        for contender in all {
            lives.push(Life::begin(contender, quiet)?);
        }
        let mut order = Order::new(all.len());
        for _ in 0..BURSTS {
            for index in order.next_round() {
                lives[index].burst(&mut results[index])?;
            }
        }
        for (life, result) in lives.iter().zip(&mut results) {
            result.zombies += left_over(life.session.pid())?;
        }
    }
    Ok(results)
}

/// An init that is up, and the clock of its processor time.
struct Life {
    session: Session,
    clock: ClockId,
}

impl Life {
    fn begin(contender: &Contender, quiet: &Quiet) -> Result<Life, String> {
        let program = contender.program(&["orphans", &BURST.to_string()]);
        let mut session = Session::start(&program, Place { pid_1: true, cpu: None }, quiet)?;
        session.settle()?;
        let clock =
            ClockId::pid_cpu_clock_id(session.pid()).map_err(|error| format!("no clock of the init: {error}"))?;
        Ok(Life { session, clock })
    }

    fn burst(&mut self, result: &mut Orphans) -> Result<(), String> {
        let (cpu, wall) = (read(self.clock)?, Instant::now());
        self.session.go()?;
        self.session.expect(b'D')?;
        let took = wall.elapsed();
        let used = read(self.clock)?.saturating_sub(cpu);
        result.wall.push(took.as_nanos() as f64);
        result.cpu_each.push(used.as_nanos() as f64 / BURST as f64);
        Ok(())
    }
}

fn read(clock: ClockId) -> Result<Duration, String> {
    clock_gettime(clock).map(Duration::from).map_err(|error| format!("cannot read the init's clock: {error}"))
}

/// Children of the init besides the application, once it has had its time.
fn left_over(init: Pid) -> Result<usize, String> {
    let began = Instant::now();
    loop {
        let left = children(init)?.saturating_sub(1);
        if left == 0 || began.elapsed() > PATIENCE {
            return Ok(left);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn children(parent: Pid) -> Result<usize, String> {
    let entries = fs::read_dir("/proc").map_err(|error| format!("cannot read /proc: {error}"))?;
    let is_child = |stat: &str| {
        // `PID (NAME) STATE PPID …`; the name may hold anything, so the last parenthesis counts.
        stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(1)) == Some(&parent.to_string())
    };
    Ok(entries
        .flatten()
        .filter_map(|entry| fs::read_to_string(entry.path().join("stat")).ok())
        .filter(|stat| is_child(stat))
        .count())
}
