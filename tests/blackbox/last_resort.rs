//! What becomes of the others when app-init itself fails.

use crate::harness::*;

/// C54. A panic asks everybody to end, lets them finish, kills who does not listen, and leaves with a code of its own.
#[test]
fn a_panic_stops_everybody_in_good_order() {
    each_place(|cell| {
        let setup = Setup::bare(cell, [format!("{APP}/panics")]);
        let built = probe().with_file_name("panics");
        std::fs::copy(&built, setup.world.app().join("panics")).expect("the example is built with the tests");
        let end = setup.start().end().exited(71).nothing_left().complains(&["internal error", "broken on purpose"]);
        assert!(end.out.contains("finished"), "{}", end.story());
    });
}
