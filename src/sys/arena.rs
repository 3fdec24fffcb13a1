//! Memory: the first so many bytes from one block, the rest from the C library.
//!
//! A start asks for a thousand small pieces and is over. musl's allocator gets its memory from the kernel in small groups
//! and gives it back as soon as a group is empty; in a virtual machine each such pair of calls takes as long as parsing a
//! line of configuration. Here a piece is what follows the one before, and costs an addition.
//!
//! Only the newest piece is taken back, so the block runs out some day in a long life. From then on everything is the C
//! library's: what is lost is bounded by the size of the block. Pages of it that were never used do not exist.
//!
//! What the C library refuses is the program's end, here and in good order (`last_resort.rs`): Rust's own answer would be
//! to abort.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::{Cell, UnsafeCell};
use std::mem::MaybeUninit;
use std::ptr::NonNull;

use super::last_resort;

/// What the plan of a large configuration takes.
const SIZE: usize = 512 * 1024;

/// The allocator of the program. It is for one thread.
#[derive(Debug)]
#[repr(C)]
pub struct Arena {
    /// How much of the block is in use. It stands before the block, on the page that is used anyway.
    used: Cell<usize>,
    block: UnsafeCell<MaybeUninit<[u8; SIZE]>>,
}

// SAFETY: a static has to be Sync, and threads could share it. There are none: clippy.toml refuses the functions that make
// them, and of the program's dependencies none makes any (`/proc/PID/status` is asked in a test, which finds one).
unsafe impl Sync for Arena {}

impl Arena {
    #[must_use]
    pub const fn new() -> Arena {
        Arena { block: UnsafeCell::new(MaybeUninit::uninit()), used: Cell::new(0) }
    }

    fn start(&self) -> *mut u8 {
        self.block.get().cast()
    }

    /// Where in the block a piece begins; `None` for a piece of the C library's.
    fn offset(&self, piece: *mut u8) -> Option<usize> {
        piece.addr().checked_sub(self.start().addr()).filter(|offset| *offset < SIZE)
    }

    /// The next piece, if it fits.
    fn take(&self, layout: Layout) -> Option<NonNull<u8>> {
        let free = self.start().addr().checked_add(self.used.get())?;
        let begin = free.checked_next_multiple_of(layout.align())?.checked_sub(self.start().addr())?;
        let end = begin.checked_add(layout.size()).filter(|end| *end <= SIZE)?;
        self.used.set(end);
        // SAFETY: `begin` is at most SIZE, so this stays within the block or is its end.
        NonNull::new(unsafe { self.start().add(begin) })
    }
}

/// Nobody asks what became of a piece: without it there is nothing left to do but to end in good order.
fn insist(piece: *mut u8) -> *mut u8 {
    if piece.is_null() {
        last_resort::out_of_memory();
    }
    piece
}

/// What the standard library takes for its list of thread-local values that are dropped: four pairs of pointers. It takes
/// them from the C library, past this allocator, and aborts without.
const DESTRUCTORS: Layout = Layout::new::<[[usize; 2]; 4]>();

/// The first of such values.
struct Dropped;

impl Drop for Dropped {
    fn drop(&mut self) {}
}

/// Has that list made: what can be had now need not be had later, when a stop is told of.
pub fn make_list_of_destructors() {
    thread_local! {
        static FIRST: Dropped = const { Dropped };
    }
    // SAFETY: the size is not zero, and the piece goes back with its layout.
    unsafe { System.dealloc(insist(System.alloc(DESTRUCTORS)), DESTRUCTORS) };
    FIRST.with(|_| ());
}

impl Default for Arena {
    fn default() -> Arena {
        Arena::new()
    }
}

// SAFETY: a piece of the block begins where the ones before it end, at a multiple of its alignment, and is within the
// block, which lives as long as the static; it is given to nobody else unless it was given back as the newest one. All
// other pieces are `System`'s and go to it with the layout that they came with. Nothing here panics.
unsafe impl GlobalAlloc for Arena {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match self.take(layout) {
            Some(piece) => piece.as_ptr(),
            // SAFETY: the caller's promises are those that it wants.
            None => insist(unsafe { System.alloc(layout) }),
        }
    }

    unsafe fn dealloc(&self, piece: *mut u8, layout: Layout) {
        match self.offset(piece) {
            Some(begin) if begin.saturating_add(layout.size()) == self.used.get() => self.used.set(begin),
            Some(_) => {}
            // SAFETY: it is not in the block, so `System` has made it, with this layout.
            None => unsafe { System.dealloc(piece, layout) },
        }
    }

    unsafe fn realloc(&self, piece: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let Some(begin) = self.offset(piece) else {
            // SAFETY: as in `dealloc`; the new size is as the caller promises.
            return insist(unsafe { System.realloc(piece, layout, size) });
        };
        let is_newest = begin.saturating_add(layout.size()) == self.used.get();
        if let Some(end) = begin.checked_add(size).filter(|end| is_newest && *end <= SIZE) {
            self.used.set(end);
            return piece;
        }
        if size <= layout.size() {
            return piece;
        }
        let Ok(new_layout) = Layout::from_size_align(size, layout.align()) else { last_resort::out_of_memory() };
        // SAFETY: the size is not zero, by the caller's promise. The old piece holds `layout.size()` bytes, which fit into
        // the new one, and the two do not overlap.
        unsafe {
            let new = self.alloc(new_layout);
            piece.copy_to_nonoverlapping(new, layout.size());
            self.dealloc(piece, layout);
            new
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(size: usize, align: usize) -> Layout {
        Layout::from_size_align(size, align).expect("a layout")
    }

    /// Pieces do not overlap, are aligned, and keep what is in them, wherever they come from.
    #[test]
    fn pieces_are_apart_and_keep_their_content() {
        let arena = Box::new(Arena::new());
        let mut pieces = Vec::new();
        // More than the block holds.
        for number in 0..2000_usize {
            let layout = layout(1 + number * 7 % 900, 1 << (number % 7));
            // SAFETY: the size is not zero, and exactly so much is written.
            let piece = unsafe {
                let piece = arena.alloc(layout);
                assert!(!piece.is_null() && piece.addr().is_multiple_of(layout.align()));
                piece.write_bytes(u8::try_from(number % 251).expect("small"), layout.size());
                piece
            };
            pieces.push((piece, layout, number));
        }
        assert!(pieces.iter().any(|(piece, _, _)| arena.offset(*piece).is_none()), "some are the C library's");
        let holds = |piece: *mut u8, size: usize, number: usize| {
            // SAFETY: so many bytes were written above.
            let bytes = unsafe { std::slice::from_raw_parts(piece, size) };
            assert!(bytes.iter().all(|byte| usize::from(*byte) == number % 251), "piece {number}");
        };
        for (piece, layout, number) in &mut pieces {
            holds(*piece, layout.size(), *number);
            let larger = layout.size() * 2;
            // SAFETY: it came from this allocator with this layout; the new size is not zero.
            *piece = unsafe { arena.realloc(*piece, *layout, larger) };
            holds(*piece, layout.size(), *number);
            *layout = Layout::from_size_align(larger, layout.align()).expect("a layout");
        }
        for (piece, layout, _) in pieces.into_iter().rev() {
            // SAFETY: it came from this allocator with this layout, and is not used any more.
            unsafe { arena.dealloc(piece, layout) };
        }
    }

    #[test]
    fn the_newest_piece_grows_in_place_and_is_taken_back() {
        let arena = Box::new(Arena::new());
        // SAFETY: as above: no size is zero, and each piece goes back with its layout.
        unsafe {
            let first = arena.alloc(layout(10, 1));
            let second = arena.alloc(layout(10, 8));
            assert_eq!(arena.realloc(second, layout(10, 8), 1000), second);
            assert_eq!(arena.realloc(second, layout(1000, 8), 20), second);
            // Not the newest: it moves, unless it shrinks.
            assert_eq!(arena.realloc(first, layout(10, 1), 5), first);
            let moved = arena.realloc(first, layout(10, 1), 30);
            assert_ne!(moved, first);
            arena.dealloc(moved, layout(30, 1));
            assert_eq!(arena.alloc(layout(30, 1)), moved);
            // What does not fit is the C library's, and the block goes on being used.
            let large = arena.alloc(layout(SIZE, 16));
            assert_eq!(arena.offset(large), None);
            arena.dealloc(large, layout(SIZE, 16));
            assert!(arena.offset(arena.alloc(layout(1, 1))).is_some());
        }
    }
}
