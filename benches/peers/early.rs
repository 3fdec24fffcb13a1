//! TERM in the first milliseconds of an init's life: does it have an effect?
//!
//! The launcher sends TERM some time between 0 and 4 ms after the exec. It is *kept* when the init ends with 143. It is *lost* when
//! the application is up afterwards and answers two rounds of URG in a row: URG's number is above TERM's, so an init that
//! takes its pending signals in the kernel's order has handled TERM before the first URG, and one that takes the newest
//! first has before the second. Nothing here waits for time to pass.
//!
//! A PID 1 loses what arrives before it has blocked or caught its signals. Any other process is then killed by it, before
//! it has started anything: that is *killed*, an effect as good as any, but told apart.

use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitStatus, wait};

use crate::peers::contender::{Contender, NOISE};
use crate::peers::host::Cpus;
use crate::peers::launch::{Place, Program};
use crate::peers::order::Order;
use crate::peers::session::{News, Quiet, Session};

const LATEST: Duration = Duration::from_millis(4);

#[derive(Default, Clone)]
pub struct Early {
    pub runs: usize,
    pub lost: usize,
    pub killed: usize,
}

pub fn measure(all: &[Contender], runs: usize, pid_1: bool, cpus: Cpus, quiet: &Quiet) -> Result<Vec<Early>, String> {
    let programs: Vec<Program> = all.iter().map(|contender| contender.program(&["hold"])).collect();
    let place = Place { pid_1, cpu: Some(cpus.work) };
    let mut results = vec![Early::default(); all.len()];
    let mut order = Order::new(all.len());
    for run in 0..runs {
        let delay = delay(run);
        for index in order.next_round() {
            if all[index].name == NOISE {
                continue;
            }
            let outcome = one(&programs[index], place, delay, cpus.two(), quiet);
            reap_orphans();
            let result = &mut results[index];
            result.runs += 1;
            match outcome.map_err(|error| format!("{}: {error}", all[index].name))? {
                Outcome::Kept => {}
                Outcome::Lost => result.lost += 1,
                Outcome::Killed => result.killed += 1,
            }
        }
    }
    Ok(results)
}

/// Every participant gets the same delays: evenly spread, in an order that visits early and late ones in turn.
fn delay(run: usize) -> Duration {
    const GOLDEN: f64 = 0.618_033_988_749_894_9;
    LATEST.mul_f64((run as f64 * GOLDEN).fract())
}

enum Outcome {
    Kept,
    Lost,
    Killed,
}

fn one(program: &Program, place: Place, delay: Duration, busy_wait: bool, quiet: &Quiet) -> Result<Outcome, String> {
    let mut session = Session::start(program, place, quiet)?;
    let exec = Instant::now();
    if busy_wait {
        while exec.elapsed() < delay {
            std::hint::spin_loop();
        }
    } else {
        std::thread::sleep(delay);
    }
    session.signal(Signal::SIGTERM)?;

    // Up, and two answers.
    for letter in [b'U', b'S', b'S'] {
        match session.news()? {
            News::Ended(WaitStatus::Signaled(_, Signal::SIGTERM, _)) => return Ok(Outcome::Killed),
            News::Ended(WaitStatus::Exited(_, 143)) => return Ok(Outcome::Kept),
            News::Ended(other) => return Err(format!("after an early TERM it ended with {other:?}, not with 143")),
            News::Said(said) if said != letter => return Err(format!("the application said {:?}", char::from(said))),
            News::Said(_) => session.signal(Signal::SIGURG)?,
        }
    }
    Ok(Outcome::Lost)
}

/// An init that was not PID 1 may have left its application behind. The session's end has closed its lifeline.
fn reap_orphans() {
    loop {
        match wait() {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(_) => return,
        }
    }
}
