//! Words that are nearly others: what was meant by one that means nothing.

/// How many letters have to be put in, taken out, replaced or swapped with the next one to make `one` of `other`.
#[must_use]
pub fn distance(one: &str, other: &str) -> usize {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    // The rows of the table that are looked at: the last but one, the last, and this one.
    let mut rows: [Vec<usize>; 3] = [Vec::new(), Vec::new(), (0..=other.len()).collect()];
    for (above, letter) in one.iter().enumerate() {
        rows.rotate_left(1);
        let [before_last, last, row] = &mut rows;
        *row = vec![above.saturating_add(1)];
        for (left, wanted) in other.iter().enumerate() {
            let at = |row: &[usize], place: usize| row.get(place).copied().unwrap_or(usize::MAX);
            let previous =
                |word: &[char], place: usize| place.checked_sub(1).and_then(|place| word.get(place).copied());
            let replaced = at(last, left).saturating_add(usize::from(letter != wanted));
            let added = at(last, left.saturating_add(1)).min(at(row, left)).saturating_add(1);
            let is_swap = previous(&one, above) == Some(*wanted) && previous(&other, left) == Some(*letter);
            let swapped = left.checked_sub(1).filter(|_| is_swap).map(|place| at(before_last, place).saturating_add(1));
            row.push(replaced.min(added).min(swapped.unwrap_or(usize::MAX)));
        }
    }
    rows[2].last().copied().unwrap_or(0)
}

/// Whether that many make `one` of `other`, or fewer. Most words differ by more in length alone.
#[must_use]
pub fn is_within(slips: usize, one: &str, other: &str) -> bool {
    one.chars().count().abs_diff(other.chars().count()) <= slips && distance(one, other) <= slips
}

/// The word that `word` was probably meant to be: another, of which it differs by a slip of one letter, or of two where
/// it is long.
#[must_use]
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = word.chars().count();
    let bound = if length < 5 { 1 } else { 2 };
    // Most differ by more than that in length alone, and a word may have any.
    let is_as_long = |other: &&str| other.chars().count().abs_diff(length) <= bound;
    let known = known.into_iter().filter(is_as_long).map(|other| (distance(word, other), other));
    known.filter(|(distance, _)| (1..=bound).contains(distance)).min().map(|(_, other)| other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_counted() {
        for (one, other, expected) in [
            ("", "", 0),
            ("", "web", 3),
            ("web", "", 3),
            ("worker", "worker", 0),
            ("wroker", "worker", 1),
            ("worke", "worker", 1),
            ("workers", "worker", 1),
            ("warker", "worker", 1),
            ("wrker", "worker", 1),
            ("work", "worker", 2),
            ("abcdef", "badcfe", 3),
            ("größe", "grösse", 2),
        ] {
            assert_eq!(distance(one, other), expected, "{one} {other}");
            assert_eq!(distance(other, one), expected, "{other} {one}");
        }
    }

    #[test]
    fn short_words_are_others_sooner() {
        let known = ["web", "worker", "beat"];
        for (word, expected) in [
            ("wroker", Some("worker")),
            ("owrkre", Some("worker")),
            ("wbe", Some("web")),
            ("webb", Some("web")),
            ("db", None),
            ("bat", Some("beat")),
            ("web", None),
            ("manage", None),
        ] {
            assert_eq!(nearest(word, known), expected, "{word}");
        }
    }
}
