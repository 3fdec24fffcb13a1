//! The places of one test: the application's directory, with config file, hooks, other files, and /etc.

use crate::settled::surroundings::fill_etc;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use tempfile::TempDir;

pub struct World {
    app: TempDir,
    etc: TempDir,
}

impl World {
    pub fn new() -> World {
        let app = TempDir::new().expect("a temporary directory can be made");
        let etc = TempDir::new().expect("a temporary directory can be made");
        allow(app.path(), 0o777);
        // As it is in every image: what root reads from there is nobody else's to change.
        allow(etc.path(), 0o755);
        fill_etc(etc.path());
        World { app, etc }
    }

    pub fn app(&self) -> &Path {
        self.app.path()
    }

    pub fn etc(&self) -> &Path {
        self.etc.path()
    }

    /// Writes a file below the application's directory, and makes its directories.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>, mode: u32) {
        let path = self.app().join(name);
        let directory = path.parent().expect("a file has a directory");
        fs::create_dir_all(directory).expect("a directory of the test can be made");
        for directory in directory.ancestors().take_while(|directory| *directory != self.app()) {
            allow(directory, 0o777);
        }
        fs::write(&path, content).expect("a file of the test can be written");
        allow(&path, mode);
    }

    /// Writes a file in /etc.
    pub fn write_etc(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.etc().join(name);
        fs::write(&path, content).expect("a file of the test can be written");
        allow(&path, 0o644);
    }
}

fn allow(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("the mode of a test's own file can be set");
}
