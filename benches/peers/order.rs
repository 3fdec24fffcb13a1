//! The order of the participants within a round.

/// Shuffles anew for every round: no participant always runs after the same other one, whose traces in the caches it would
/// inherit. The same orders come in every run.
pub struct Order {
    state: u64,
    indices: Vec<usize>,
}

impl Order {
    pub fn new(participants: usize) -> Order {
        Order { state: 0x9E37_79B9_7F4A_7C15, indices: (0..participants).collect() }
    }

    pub fn next_round(&mut self) -> Vec<usize> {
        for last in (1..self.indices.len()).rev() {
            let other = self.random() as usize % (last + 1);
            self.indices.swap(last, other);
        }
        self.indices.clone()
    }

    /// Marsaglia's xorshift.
    fn random(&mut self) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state
    }
}
