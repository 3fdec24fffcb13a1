//! What the linker is told where the program is static: its entry point, since nothing runs before it and the very first
//! instructions can hold the signals (`src/sys/entry.rs`), and what stands together in the file (`hot.ld`).

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let env = std::env::var("CARGO_CFG_TARGET_ENV").unwrap_or_default();
    let arch = std::env::var("CARGO_CFG_TARGET_ARCH").unwrap_or_default();
    if env == "musl" && ["x86_64", "aarch64"].contains(&arch.as_str()) {
        println!("cargo:rustc-link-arg-bins=-Wl,-e,app_init_entry");
        let directory = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
        println!("cargo:rerun-if-changed=hot.ld");
        println!("cargo:rustc-link-arg-bins=-Wl,-T,{directory}/hot.ld");
        // Code and constants in one segment: what plain use needs of both is mapped at once. Nothing is relocated, so nothing
        // has to become read-only, and what is written need not be kept apart from that.
        println!("cargo:rustc-link-arg-bins=-Wl,-z,noseparate-code,-z,norelro");
    }
}
