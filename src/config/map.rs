//! Values by their names. What a file says comes in order, and is only looked up from there on: a list in order does that
//! with a tenth of the code of the standard library's tree, which is there for the tables themselves.

/// Values by their names, in the order of these.
#[derive(Clone, Debug)]
pub struct Map<V>(Vec<(String, V)>);

impl<V> Default for Map<V> {
    fn default() -> Map<V> {
        Map(Vec::new())
    }
}

impl<V> Map<V> {
    /// Sets the value of a name. Who comes in order is put at the end.
    pub fn insert(&mut self, name: String, value: V) {
        match self.place(&name) {
            Ok(place) => {
                if let Some((_, old)) = self.0.get_mut(place) {
                    *old = value;
                }
            }
            Err(place) => self.0.insert(place, (name, value)),
        }
    }

    #[must_use]
    pub fn get(&self, name: &str) -> Option<&V> {
        self.0.get(self.place(name).ok()?).map(|(_, value)| value)
    }

    fn place(&self, name: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(known, _)| known.as_str().cmp(name))
    }

    pub fn iter(&self) -> impl Iterator<Item = (&String, &V)> {
        self.0.iter().map(|(name, value)| (name, value))
    }

    pub fn keys(&self) -> impl Iterator<Item = &String> {
        self.0.iter().map(|(name, _)| name)
    }

    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.0.iter().map(|(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_in_order_and_each_is_there_once() {
        let mut map = Map::default();
        for (name, value) in [("b", 1), ("d", 2), ("a", 3), ("c", 4), ("b", 5), ("e", 6)] {
            map.insert(name.to_owned(), value);
        }
        let all: Vec<(&str, i32)> = map.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        assert_eq!(all, [("a", 3), ("b", 5), ("c", 4), ("d", 2), ("e", 6)]);
        assert_eq!((map.get("b"), map.get("f"), map.get("")), (Some(&5), None, None));
        assert!(map.keys().eq(["a", "b", "c", "d", "e"]) && map.values().sum::<i32>() == 20);
    }
}
