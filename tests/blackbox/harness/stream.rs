//! What a process prints, as news: a thread reads all of it, a test waits for the part that it needs.

use super::DEADLINE;
use std::fs::File;
use std::io::Read;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

#[derive(Clone, Default)]
pub struct Stream(Arc<(Mutex<State>, Condvar)>);

#[derive(Default)]
struct State {
    bytes: Vec<u8>,
    /// Everything before this has been waited for already.
    seen: usize,
    ended: bool,
}

impl Stream {
    /// Reads the file to its end; a terminal whose last user is gone gives an error, which is its end.
    pub fn follow(mut file: File) -> Stream {
        let stream = Stream::default();
        let told = stream.clone();
        std::thread::spawn(move || {
            let mut buffer = [0u8; 8192];
            loop {
                let got = match file.read(&mut buffer) {
                    Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                    Ok(got) => got,
                    Err(_) => 0,
                };
                let mut state = told.lock();
                state.bytes.extend_from_slice(buffer.get(..got).unwrap_or_default());
                state.ended = got == 0;
                told.0.1.notify_all();
                if got == 0 {
                    return;
                }
            }
        });
        stream
    }

    /// A stream that nothing is read from.
    pub fn none() -> Stream {
        let stream = Stream::default();
        stream.lock().ended = true;
        stream
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the next whole line that contains the words; gives that line.
    pub fn line_with(&self, words: &str) -> Option<String> {
        self.wait(|news| {
            let mut start = 0;
            while let Some(length) = news.get(start..)?.iter().position(|byte| *byte == b'\n') {
                let line = String::from_utf8_lossy(&news[start..start + length]).trim_end_matches('\r').to_string();
                start += length + 1;
                if line.contains(words) {
                    return Some((start, line));
                }
            }
            None
        })
    }

    /// Waits for the words anywhere, for a prompt without a line's end; gives all that came before them.
    pub fn text_with(&self, words: &str) -> Option<String> {
        self.wait(|news| {
            let at = news.windows(words.len()).position(|window| window == words.as_bytes())?;
            Some((at + words.len(), String::from_utf8_lossy(&news[..at]).into_owned()))
        })
    }

    /// Waits until a line of all that was ever printed contains the words: for lines whose order is nobody's promise.
    pub fn has_printed(&self, words: &str) -> bool {
        let end = Instant::now() + DEADLINE;
        let mut state = self.lock();
        loop {
            let whole = state.bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            if String::from_utf8_lossy(&state.bytes[..whole]).lines().any(|line| line.contains(words)) {
                return true;
            }
            let left = end.checked_duration_since(Instant::now());
            let (false, Some(left)) = (state.ended, left) else { return false };
            state = self.0.1.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits until nobody can write any more; false when that does not come.
    pub fn wait_end(&self) -> bool {
        let end = Instant::now() + DEADLINE;
        let mut state = self.lock();
        while !state.ended {
            let Some(left) = end.checked_duration_since(Instant::now()) else { return false };
            state = self.0.1.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// All that was printed so far.
    pub fn bytes(&self) -> Vec<u8> {
        self.lock().bytes.clone()
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes()).into_owned()
    }

    /// `find` looks at what has not been waited for yet, and says how much of it is done with.
    fn wait<T>(&self, find: impl Fn(&[u8]) -> Option<(usize, T)>) -> Option<T> {
        let end = Instant::now() + DEADLINE;
        let mut state = self.lock();
        loop {
            if let Some((done, found)) = find(state.bytes.get(state.seen..).unwrap_or_default()) {
                state.seen += done;
                return Some(found);
            }
            let left = end.checked_duration_since(Instant::now());
            let (false, Some(left)) = (state.ended, left) else { return None };
            state = self.0.1.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}
