//! How often, and how many: little in `make test`, where each scenario runs once, and much in `make soak`.

/// `usual`, or `soak` where the variable SOAK is set (`tests/soak.sh` sets it).
pub fn scale<T>(usual: T, soak: T) -> T {
    if std::env::var_os("SOAK").is_some() { soak } else { usual }
}
