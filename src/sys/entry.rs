//! The entry point: holds every signal before the C library starts.
//!
//! As PID 1 of a container, a process loses every signal with a default disposition that it has not blocked. The C
//! library's start-up, short as it is, doubles the time in which that can happen. So the linker is told (`build.rs`) to
//! enter the static program here: one system call, then on to the C library's own `_start`.
//!
//! In a dynamic program the loader has run long before, so there the mask is set first thing in `main`.

use std::sync::atomic::{AtomicU64, Ordering};

/// The mask that the process was started with, written by the code below. All ones, which no kernel gives (KILL and STOP
/// are never blocked), until it has run.
#[unsafe(no_mangle)]
static APP_INIT_ENTRY_MASK: AtomicU64 = AtomicU64::new(u64::MAX);

/// The mask from before the entry point, if the program was entered there.
pub fn inherited_mask() -> Option<u64> {
    let mask = APP_INIT_ENTRY_MASK.load(Ordering::Relaxed);
    (mask != u64::MAX).then_some(mask)
}

// rt_sigprocmask(SIG_SETMASK, all ones, &APP_INIT_ENTRY_MASK, 8). Nothing is on the stack but what the kernel laid out
// for `_start`, and it stays untouched; the registers that it may look at are as the kernel set them: zero.
#[cfg(all(target_env = "musl", target_arch = "x86_64"))]
std::arch::global_asm!(
    ".globl app_init_entry",
    "app_init_entry:",
    "mov eax, 14",
    "mov edi, 2",
    "lea rsi, [rip + 2f]",
    "lea rdx, [rip + {mask}]",
    "mov r10d, 8",
    "syscall",
    "xor edx, edx",
    "jmp _start",
    ".balign 8",
    "2: .quad -1",
    mask = sym APP_INIT_ENTRY_MASK,
);

#[cfg(all(target_env = "musl", target_arch = "aarch64"))]
std::arch::global_asm!(
    ".globl app_init_entry",
    "app_init_entry:",
    "mov x8, #135",
    "mov x0, #2",
    "adr x1, 2f",
    "adrp x2, {mask}",
    "add x2, x2, :lo12:{mask}",
    "mov x3, #8",
    "svc #0",
    "mov x0, #0",
    "b _start",
    ".balign 8",
    "2: .quad -1",
    mask = sym APP_INIT_ENTRY_MASK,
);
