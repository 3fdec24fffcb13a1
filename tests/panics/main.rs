//! A supervisor that fails: it guards itself as app-init does, starts an application, and panics when that has come up.

use app_init::machine::{ChildId, Signal};
use app_init::sys::children::Children;
use app_init::sys::exec::{self, Environment, Program};
use app_init::sys::signals::{self, Wake};
use app_init::sys::{last_resort, prctl};

/// It finishes its work when it is asked to end, and leaves somebody behind who does not listen.
const APPLICATION: &str = "
    trap 'echo finished; exit' TERM
    (trap '' TERM; while :; do sleep 1; done) &
    kill -USR1 $PPID
    while :; do sleep 0.1; done";

fn main() {
    let inherited = signals::hold_all();
    prctl::become_subreaper().expect("what is left behind comes here");
    last_resort::guard();
    let mut children = Children::new(1, None, inherited);
    let argv = exec::arguments(["/bin/sh", "-c", APPLICATION].map(Into::into));
    let program = Program::new(argv, Environment::Inherited);
    children.spawn(ChildId(0), &program, None, None).expect("a process can be started");
    while signals::wait(None) != Wake::Signal(Signal::USR1) {}
    panic!("broken on purpose");
}
