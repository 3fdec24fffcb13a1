//! An entry in `/etc/passwd` for a uid that has none, as platforms hand them out (passwd(5)).

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::Mode;

use super::entry::Entry;
use super::place::{self, Missing};
use super::report::{Failure, errno_of};

/// More than any real one; whoever can write to it decides what is read.
const MAX_BYTES: u64 = 1 << 20;

/// Appends the entry to the file at `path`, unless there is one.
pub fn add(path: &Path, uid: u32, gid: u32, home: &[u8]) -> Result<(), Failure> {
    let (directory, name) = place::parent(path, Missing::Fail)?;
    let shown = path.display();
    let mut content = Vec::new();
    let read = open(&directory, name, OFlag::O_RDONLY);
    let read = read.and_then(|file| file.take(MAX_BYTES).read_to_end(&mut content).map_err(errno_of));
    read.map_err(|errno| match errno {
        Errno::ELOOP => Failure::refused(format!(
            "cannot add uid {uid} to {shown}: it is a symbolic link, which is not followed here; make it a file in the \
             image, or leave out passwd_entry"
        )),
        _ => Failure::new(format_args!("read {shown}"), errno),
    })?;
    let Some(line) = missing_entry(&content, uid, gid, home) else { return Ok(()) };
    let written = open(&directory, name, OFlag::O_WRONLY | OFlag::O_APPEND);
    let written = written.and_then(|file| append(file, &line).map_err(errno_of));
    written.map_err(|errno| match errno {
        Errno::EACCES | Errno::EPERM => Failure::refused(format!(
            "cannot add uid {uid} to {shown}: {}; let group 0 write it in the image (chmod g=u {shown}), or leave out \
             passwd_entry",
            errno.desc()
        )),
        _ => Failure::new(format_args!("add uid {uid} to {shown}"), errno),
    })
}

/// All of it, or nothing: a part of a line would be somebody's entry.
fn append(mut file: File, line: &[u8]) -> io::Result<()> {
    let length = file.metadata()?.len();
    file.write_all(line).inspect_err(|_| {
        // Where this fails too, the failure to write is what is told.
        let _ = file.set_len(length);
    })
}

fn open(directory: &Entry, name: &OsStr, access: OFlag) -> nix::Result<File> {
    let flags = access | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    let entry = Entry::of(openat(&directory.fd, name, flags, Mode::empty())?)?;
    if entry.is_file() { Ok(File::from(entry.fd)) } else { Err(Errno::EINVAL) }
}

/// What to append so that `uid` has an entry. A last line without its end is ended first.
fn missing_entry(content: &[u8], uid: u32, gid: u32, home: &[u8]) -> Option<Vec<u8>> {
    let field = |line: &'_ [u8], index| line.split(|byte| *byte == b':').nth(index).map(<[u8]>::to_vec);
    let lines = || content.split(|byte| *byte == b'\n');
    if lines().any(|line| field(line, 2).is_some_and(|field| field == uid.to_string().as_bytes())) {
        return None;
    }
    let is_taken = lines().any(|line| field(line, 0).is_some_and(|field| field == b"app"));
    let name = if is_taken { format!("app{uid}") } else { "app".to_owned() };
    let end = if content.last().is_none_or(|byte| *byte == b'\n') { "" } else { "\n" };
    let is_sound = !home.is_empty() && !home.iter().any(|byte| *byte == b':' || byte.is_ascii_control());
    let mut line = format!("{end}{name}:x:{uid}:{gid}:{name}:").into_bytes();
    line.extend_from_slice(if is_sound { home } else { b"/" });
    line.extend_from_slice(b":/sbin/nologin\n");
    Some(line)
}
