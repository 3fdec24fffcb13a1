//! The measured times: one interleaved run each, so that whatever disturbs the machine disturbs all alike.

use std::time::Instant;

use nix::sys::signal::Signal;
use nix::sys::wait::WaitStatus;

use crate::peers::contender::Contender;
use crate::peers::launch::{Descriptors, Place, Program, launch};
use crate::peers::order::Order;
use crate::peers::session::{Quiet, Session};
use crate::peers::stats::Samples;

const PLACE: Place = Place { pid_1: true, cpu: None };

/// Calls `measure(participant)` for everybody, `rounds` times over, after a few rounds that do not count.
fn interleave(
    participants: usize,
    rounds: usize,
    mut measure: impl FnMut(usize) -> Result<f64, String>,
) -> Result<Vec<Samples>, String> {
    let mut samples = vec![Samples::default(); participants];
    let warm_up = rounds / 20 + 1;
    let mut order = Order::new(participants);
    for round in 0..rounds + warm_up {
        for participant in order.next_round() {
            let nanoseconds = measure(participant)?;
            if round >= warm_up {
                samples[participant].push(nanoseconds);
            }
        }
    }
    Ok(samples)
}

/// Everybody once, with standard error open: who cannot run at all says why.
pub fn smoke(all: &[Contender], quiet: &Quiet) -> Result<(), String> {
    for contender in all {
        let descriptors = Descriptors { stderr: 2, ..quiet.descriptors() };
        let status = launch(&contender.program(&[]), PLACE, descriptors)?.wait()?;
        if !matches!(status, WaitStatus::Exited(_, 0)) {
            return Err(format!("{}: a trivial application ended with {status:?}", contender.name));
        }
    }
    Ok(())
}

/// From the start of the init to its end, with an application that ends at once.
pub fn start_to_end(all: &[Contender], rounds: usize, quiet: &Quiet) -> Result<Vec<Samples>, String> {
    let programs: Vec<Program> = all.iter().map(|contender| contender.program(&[])).collect();
    until_end(&programs, rounds, quiet)
}

/// From the start of each program to its end, which must be a success.
pub fn until_end(programs: &[Program], rounds: usize, quiet: &Quiet) -> Result<Vec<Samples>, String> {
    interleave(programs.len(), rounds, |index| {
        let began = Instant::now();
        let status = launch(&programs[index], PLACE, quiet.descriptors())?.wait()?;
        let took = began.elapsed().as_nanos() as f64;
        match status {
            WaitStatus::Exited(_, 0) => Ok(took),
            other => Err(format!("{}: a trivial application ended with {other:?}", programs[index].line())),
        }
    })
}

/// From TERM to the end of the init, with an application that dies of TERM. The init has passed on a signal before.
pub fn term_to_end(all: &[Contender], rounds: usize, quiet: &Quiet) -> Result<Vec<Samples>, String> {
    until_end_by_term(all, rounds, quiet, Session::settle)
}

/// The same, of an init that has passed on nothing yet: the code for it runs for the first time, and its pages come in.
pub fn first_term_to_end(all: &[Contender], rounds: usize, quiet: &Quiet) -> Result<Vec<Samples>, String> {
    until_end_by_term(all, rounds, quiet, Session::come_to_rest)
}

fn until_end_by_term(
    all: &[Contender],
    rounds: usize,
    quiet: &Quiet,
    prepare: fn(&mut Session) -> Result<(), String>,
) -> Result<Vec<Samples>, String> {
    let programs: Vec<Program> = all.iter().map(|contender| contender.program(&["hold"])).collect();
    interleave(all.len(), rounds, |index| {
        let mut session = Session::start(&programs[index], PLACE, quiet)?;
        prepare(&mut session)?;
        let began = Instant::now();
        session.signal(Signal::SIGTERM)?;
        let status = session.wait()?;
        let took = began.elapsed().as_nanos() as f64;
        match status {
            WaitStatus::Exited(_, 143) => Ok(took),
            other => Err(format!("{}: after TERM it ended with {other:?}, not with 143", all[index].name)),
        }
    })
}

/// From USR1 sent to the init to the application's answer. All are alive at the same time, and take turns.
pub fn signal_latency(all: &[Contender], rounds: usize, quiet: &Quiet) -> Result<Vec<Samples>, String> {
    let mut sessions = Vec::new();
    for contender in all {
        let mut session = Session::start(&contender.program(&["hold"]), PLACE, quiet)?;
        session.settle()?;
        sessions.push(session);
    }
    interleave(all.len(), rounds, |index| {
        let session = &mut sessions[index];
        let began = Instant::now();
        session.signal(Signal::SIGUSR1)?;
        session.expect(b'S')?;
        Ok(began.elapsed().as_nanos() as f64)
    })
}
