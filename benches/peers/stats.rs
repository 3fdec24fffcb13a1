//! Samples of one participant, and how two participants of one interleaved run compare.

/// Nanoseconds, one sample a round; the same index is the same round for every participant.
#[derive(Default, Clone)]
pub struct Samples(Vec<f64>);

impl Samples {
    pub fn push(&mut self, nanoseconds: f64) {
        self.0.push(nanoseconds);
    }

    pub fn median(&self) -> f64 {
        quantile(&self.0, 0.5)
    }

    pub fn p90(&self) -> f64 {
        quantile(&self.0, 0.9)
    }

    /// The median of the rounds' own ratios: what slows down a whole round cancels out.
    pub fn ratio_to(&self, base: &Samples) -> f64 {
        let ratios: Vec<f64> = self.0.iter().zip(&base.0).map(|(own, base)| own / base).collect();
        quantile(&ratios, 0.5)
    }

    /// The median of the rounds' own differences.
    pub fn difference_to(&self, base: &Samples) -> f64 {
        let differences: Vec<f64> = self.0.iter().zip(&base.0).map(|(own, base)| own - base).collect();
        quantile(&differences, 0.5)
    }
}

fn quantile(samples: &[f64], share: f64) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().saturating_sub(1);
    let position = share * last as f64;
    let (below, above) = (position.floor() as usize, position.ceil() as usize);
    match (sorted.get(below), sorted.get(above)) {
        (Some(low), Some(high)) => low + (high - low) * position.fract(),
        _ => f64::NAN,
    }
}
