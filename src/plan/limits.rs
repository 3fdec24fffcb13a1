//! What bounds everything that is started.

use std::rc::Rc;

use crate::config::keys::Limits;
use crate::config::values::LimitValue;
use crate::sys::bounds::{Bounds, Limit, RESOURCES};

/// The bounds that the configuration asks for; `None`: those that app-init has.
#[must_use]
pub fn bounds(limits: &Limits) -> Option<Rc<Bounds>> {
    let Limits {
        r#as,
        core,
        cpu,
        data,
        fsize,
        locks,
        memlock,
        msgqueue,
        nice,
        nofile,
        nproc,
        rss,
        rtprio,
        rttime,
        sigpending,
        stack,
        no_new_privileges,
        oom_score_adj,
    } = limits;
    // In the order of `RESOURCES`.
    let values: [&Option<LimitValue>; RESOURCES.len()] = [
        r#as, core, cpu, data, fsize, locks, memlock, msgqueue, nice, nofile, nproc, rss, rtprio, rttime, sigpending,
        stack,
    ];
    let limit = |(place, value): (u8, &Option<LimitValue>)| {
        value.map(|LimitValue { soft, hard }| Limit { resource: place, soft, hard })
    };
    let bounds = Bounds {
        limits: (0..).zip(values).filter_map(limit).collect(),
        no_new_privileges: no_new_privileges.unwrap_or(false),
        oom_score_adj: oom_score_adj.map(|score| score.0),
    };
    (bounds != Bounds::default()).then(|| Rc::new(bounds))
}
