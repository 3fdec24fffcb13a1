//! Values that are taken as they are written: env files (§4.3), files of one variable (§4.4), secrets (§4.5), and what
//! the `deploy-env` hook wrote (§6.6). Bytes in, pairs out; who wins over whom is the plan's business.
//!
//! Nothing is expanded: `$`, `%` and backquotes are literal everywhere. Values are bytes, UTF-8 or not, of any length;
//! a NUL is a problem, since no variable can hold one. A byte order mark at the start is skipped everywhere. The last line
//! needs no newline. Blanks are spaces and tabs.
//!
//! **An env file** is what docker compose and the dotenv libraries read, without their expansion:
//!
//! | written | value |
//! |---|---|
//! | `A=`, `A=''` | empty |
//! | `export A = x y ` | `x y`: blanks around name and value are dropped, those within are kept |
//! | `A=it's {"a": "C:\new"}=` | as written: quotes count only at the start of a value, `\` only in double quotes |
//! | `A=x # note` | `x`: a `#` after a blank begins a comment |
//! | `A=x#y`, `A=#y` | as written |
//! | `A='$x "\n'` | `$x "\n`: up to the next `'` everything is literal |
//! | `A="$x \$ \" \\ \t \n \r \d"` | `\n` `\r` `\t` `\"` `\\` `\$` are escapes; any other `\` is literal, as that of `\d` |
//! | `A='x'\''y'"z"` | `x'yz`: quoted pieces, and `\'` or `\"` between them, join when nothing is in between |
//! | `A="x #y"#z` | `x #y`: what is behind the last quote may be a comment without a blank |
//! | `A='it\'s x'` | `it's x`: `\'` is a quote where the above would make no sense of the value |
//! | `A='x` … `y'` | quotes of both kinds go on over lines; what is between them stays, a CR included |
//!
//! The CR of a line that ends with CR LF is dropped outside of quotes, so that a file saved on Windows means the same;
//! any other CR is part of the value. `docker run --env-file` knows neither quotes nor comments behind a value: what is
//! written for it reads differently here where a value begins with a quote, holds a ` #`, or has blanks at an end.
//! Compose, most dotenv libraries and shells agree on these, and who means them literally has quotes here. Shells end
//! `'C:\'` at its second quote, and compose does not: a shell's reading counts wherever there is one, since a shell's is
//! what is written back ([`shell_line`]).
//!
//! A name may be whatever the kernel takes and compose too, and more (`discovery.type`, `Log:Level`); one with a blank, a
//! quote or a control character in it is somebody's mistake. Compose expands `$NAME` and `${NAME}` outside of single
//! quotes: such values are counted.
//!
//! Problems are a line without `=` (`export A` alone, too), a name that is none, text behind a closing quote, and a
//! quote that is never closed: what follows that cannot be told from its value, so it is not read.
//!
//! **The hook's lines** are written by programs, so they need no quoting. `NAME=value` goes to the end of the line:
//! blanks, quotes, `#` and a CR before the newline belong to the value. `NAME<<END` takes the lines up to one that is
//! exactly `END`, joined by newlines. Only empty lines are skipped: there are no comments, no `export` and no blanks
//! around names, which are those that app-init sets itself (§4). A `<<` that is never closed takes the rest, as a quote does.
//!
//! The time is linear in the length. No problem repeats anything of what was read, names included: after a forgotten
//! quote a part of a secret may stand where a name should.

use super::expand::is_name;
use crate::text::cut;

/// The longest secret, in bytes, newlines at its end included (§4.5).
pub const SECRET_LIMIT: usize = 64 * 1024;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

const NUL: &str = "holds a NUL byte, which no variable can; remove it, or save the text as UTF-8";
const NO_EQUALS: &str = "has no `=`; write NAME=value";
const NO_NAME: &str = "has a name that no variable can have; use letters, digits and _, and no digit first";
const NO_FOREIGN_NAME: &str =
    "has a name that is empty, no UTF-8 text, or has a blank or a quote in it; write NAME=value";
const NO_WORD: &str = "has no single word after `<<`; write NAME<<END, the lines, and END alone on a line";
const NO_END: &str = "has a `<<` that is never closed; write its word alone on a line after the value";

/// One line that is not understood. Never holds a value, or a part of one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// Where the variable begins, counted from 1.
    pub line: usize,
    /// What is wrong with it, and what to do: "has no `=`; write NAME=value".
    pub what: String,
}

/// Names and values in the order of the file. A name may come twice; the later one wins, for whoever applies them.
pub type Pairs = Vec<(String, Vec<u8>)>;

/// So many lines that are not understood are enough to see what is wrong with a file.
pub const MOST_PROBLEMS: usize = 20;

/// What a file of lines holds.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Found {
    pub pairs: Pairs,
    /// The first lines that are not understood.
    pub problems: Vec<Problem>,
    /// How many more there are.
    pub more_problems: usize,
    /// How many values have in them what others would expand, and the line of the first.
    pub unexpanded: Option<(usize, usize)>,
}

/// Reads an env file: the sound lines, and what is wrong with the others.
#[must_use]
pub fn env_file(bytes: &[u8]) -> Found {
    read(bytes, |line, lines| {
        let text = trim_start(without_return(line));
        if text.is_empty() || text.starts_with(b"#") {
            return Ok(None);
        }
        let (name, value) = cut(line, b'=');
        let value = value.ok_or(NO_EQUALS)?;
        // The value first: it may reach over lines, which are not to be read as others when the name is wrong.
        let value = if let text @ [b'\'' | b'"', ..] = trim_start(value) {
            quoted(text, lines)?
        } else {
            let value = unquoted(value);
            let mut rests = (0..value.len()).filter_map(|place| value.get(place..));
            lines.expands = rests.any(|rest| rest.strip_prefix(b"$").is_some_and(begins_name));
            value.to_vec()
        };
        let name = trim(name);
        let exported = name.strip_prefix(b"export").filter(|rest| rest.starts_with(b" ") || rest.starts_with(b"\t"));
        let (name, value) = pair(exported.map_or(name, trim_start), value)?;
        if is_foreign_name(&name) { Ok(Some((name, value))) } else { Err(NO_FOREIGN_NAME.to_owned()) }
    })
}

/// Reads what the `deploy-env` hook wrote: the sound lines, and what is wrong with the others.
#[must_use]
pub fn deploy_env(bytes: &[u8]) -> Found {
    read(bytes, |line, lines| {
        if line.is_empty() {
            return Ok(None);
        }
        // A name holds neither, so the first of them tells the form.
        let (name, value) = match split(line, |byte| byte == b'=' || byte == b'<') {
            Some((name, [b'=', value @ ..])) => pair(name, value.to_vec())?,
            Some((name, [b'<', b'<', word @ ..])) => pair(name, lines_until(word, lines)?)?,
            Some(_) | None => return Err("has no `=`; write NAME=value, or NAME<<END for several lines".to_owned()),
        };
        if is_name(&name) { Ok(Some((name, value))) } else { Err(NO_NAME.to_owned()) }
    })
}

/// Reads a file that holds one variable: a byte order mark is skipped, and one newline at its end (`\n` or `\r\n`) is
/// dropped, nothing else.
///
/// # Errors
///
/// A NUL.
pub fn variable_file(mut bytes: Vec<u8>) -> Result<Vec<u8>, String> {
    drop_byte_order_mark(&mut bytes);
    drop_newline(&mut bytes);
    if bytes.contains(&0) { Err(NUL.to_owned()) } else { Ok(bytes) }
}

/// Reads a secret: a byte order mark is skipped, and all newlines at its end (`\n` or `\r\n`) are dropped.
/// [`SECRET_LIMIT`] and one byte more of a file are enough to tell that it is too long.
///
/// # Errors
///
/// A NUL, and more than [`SECRET_LIMIT`].
pub fn secret_file(mut bytes: Vec<u8>) -> Result<Vec<u8>, String> {
    if bytes.len() > SECRET_LIMIT {
        return Err(format!("holds more than {} KiB; name a file with the secret alone", SECRET_LIMIT / 1024));
    }
    drop_byte_order_mark(&mut bytes);
    while drop_newline(&mut bytes) {}
    if bytes.contains(&0) { Err(NUL.to_owned()) } else { Ok(bytes) }
}

/// Writes `NAME='value'`, a `'` in the value as `'\''`, with no newline behind it. A shell can `eval` it, and
/// [`env_file`] reads the same bytes back. The value must not hold a NUL.
#[must_use]
pub fn shell_line(name: &str, value: &[u8]) -> Vec<u8> {
    let mut line = Vec::with_capacity(name.len() + value.len() + 3);
    line.extend_from_slice(name.as_bytes());
    line.extend_from_slice(b"='");
    for &byte in value {
        match byte {
            b'\'' => line.extend_from_slice(b"'\\''"),
            byte => line.push(byte),
        }
    }
    line.push(b'\'');
    line
}

/// What is left to read.
#[derive(Clone, Copy)]
struct Lines<'b> {
    rest: Option<&'b [u8]>,
    /// Of the line that was taken last.
    number: usize,
    /// The value that was read last has in it what others would expand.
    expands: bool,
}

impl<'b> Lines<'b> {
    /// The next line, without its newline; nothing after the newline of the last one is no line.
    fn take(&mut self) -> Option<&'b [u8]> {
        let rest = self.rest.filter(|rest| !rest.is_empty())?;
        let (line, rest) = cut(rest, b'\n');
        self.rest = rest;
        self.number += 1;
        Some(line)
    }
}

/// One assignment: a line, and as many of those behind it as belong to it.
type Assignment = Result<Option<(String, Vec<u8>)>, String>;

fn read<'b>(bytes: &'b [u8], mut assignment: impl FnMut(&'b [u8], &mut Lines<'b>) -> Assignment) -> Found {
    let text = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    let mut lines = Lines { rest: Some(text), number: 0, expands: false };
    let mut found = Found::default();
    while let Some(first) = lines.take() {
        let line = lines.number;
        lines.expands = false;
        match assignment(first, &mut lines) {
            Ok(pair) => {
                if lines.expands {
                    let (count, line) = found.unexpanded.unwrap_or((0, line));
                    found.unexpanded = Some((count.saturating_add(1), line));
                }
                found.pairs.extend(pair);
            }
            Err(what) if found.problems.len() < MOST_PROBLEMS => found.problems.push(Problem { line, what }),
            Err(_) => found.more_problems = found.more_problems.saturating_add(1),
        }
    }
    found
}

fn pair(name: &[u8], value: Vec<u8>) -> Result<(String, Vec<u8>), String> {
    if name.contains(&0) || value.contains(&0) {
        return Err(NUL.to_owned());
    }
    // No name is one that is refused.
    Ok((std::str::from_utf8(name).unwrap_or_default().to_owned(), value))
}

/// Whether an env file may have this name, though app-init would not set it.
fn is_foreign_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(|sign: char| sign.is_whitespace() || sign.is_control() || "'\"".contains(sign))
}

/// Whether what is behind a `$` is a variable to others.
fn begins_name(rest: &[u8]) -> bool {
    let rest = rest.strip_prefix(b"{").unwrap_or(rest);
    rest.first().is_some_and(|&byte| byte == b'_' || byte.is_ascii_alphabetic())
}

fn unquoted(value: &[u8]) -> &[u8] {
    let value = without_return(value);
    let comment = value.windows(2).position(|two| matches!(two, [b' ' | b'\t', b'#']));
    trim(comment.and_then(|at| value.get(..at)).unwrap_or(value))
}

/// What is quoted, from the first quote on; takes further lines while one is open. Where a shell finds no sense in it, in
/// single quotes, compose may.
fn quoted<'b>(text: &'b [u8], lines: &mut Lines<'b>) -> Result<Vec<u8>, String> {
    let mut again = *lines;
    let read = pieces(text, lines);
    if read.is_err()
        && let Some(value) = with_escaped_quotes(text, &mut again)
    {
        *lines = again;
        return Ok(value);
    }
    read
}

/// One single-quoted piece in which `\'` is a quote.
fn with_escaped_quotes<'b>(text: &'b [u8], lines: &mut Lines<'b>) -> Option<Vec<u8>> {
    let mut value = Vec::new();
    let mut rest = text.strip_prefix(b"'")?;
    loop {
        rest = match rest {
            [b'\'', rest @ ..] => return is_end(rest).then_some(value),
            [b'\\', b'\'', rest @ ..] => {
                value.push(b'\'');
                rest
            }
            [b'\\', b'\\', rest @ ..] => {
                value.extend_from_slice(b"\\\\");
                rest
            }
            [byte, rest @ ..] => {
                value.push(*byte);
                rest
            }
            [] => {
                value.push(b'\n');
                lines.take()?
            }
        };
    }
}

/// Quoted pieces that join.
fn pieces<'b>(mut rest: &'b [u8], lines: &mut Lines<'b>) -> Result<Vec<u8>, String> {
    let mut value = Vec::new();
    let mut open = None;
    let mut opened_on = lines.number;
    loop {
        rest = match (open, rest) {
            (None, [quote @ (b'\'' | b'"'), rest @ ..]) => {
                open = Some(*quote);
                opened_on = lines.number;
                rest
            }
            (None, [b'\\', quote @ (b'\'' | b'"'), rest @ ..]) => {
                value.push(*quote);
                rest
            }
            (None, rest) if is_end(rest) => return Ok(value),
            (None, _) => {
                let line = lines.number;
                return Err(format!(
                    "has text after the quote that is closed on line {line}; quote the value as a whole"
                ));
            }
            (Some(quote), [byte, rest @ ..]) if *byte == quote => {
                open = None;
                rest
            }
            (Some(b'"'), [b'\\', escaped @ (b'n' | b'r' | b't' | b'"' | b'\\' | b'$'), rest @ ..]) => {
                value.push(match escaped {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    byte => *byte,
                });
                rest
            }
            (Some(quote), [byte, rest @ ..]) => {
                lines.expands |= quote == b'"' && *byte == b'$' && begins_name(rest);
                value.push(*byte);
                rest
            }
            (Some(_), []) => {
                value.push(b'\n');
                lines
                    .take()
                    .ok_or_else(|| format!("has a quote, opened on line {opened_on}, never closed; close it"))?
            }
        };
    }
}

/// Whether a quoted value may end in front of this.
fn is_end(rest: &[u8]) -> bool {
    matches!(trim_start(rest), [] | [b'\r'] | [b'#', ..])
}

/// The lines up to one that is `word`, joined by newlines.
fn lines_until(word: &[u8], lines: &mut Lines<'_>) -> Result<Vec<u8>, String> {
    if word.is_empty() || word.iter().any(u8::is_ascii_whitespace) {
        return Err(NO_WORD.to_owned());
    }
    let mut value = Vec::new();
    loop {
        let line = lines.take().ok_or(NO_END)?;
        if line == word {
            value.pop();
            return Ok(value);
        }
        value.extend_from_slice(line);
        value.push(b'\n');
    }
}

/// What is before the first byte that is asked for, and the rest with it.
fn split(bytes: &[u8], wanted: impl Fn(u8) -> bool) -> Option<(&[u8], &[u8])> {
    let at = bytes.iter().position(|&byte| wanted(byte))?;
    bytes.split_at_checked(at)
}

fn drop_byte_order_mark(bytes: &mut Vec<u8>) {
    if bytes.starts_with(BYTE_ORDER_MARK) {
        bytes.drain(..BYTE_ORDER_MARK.len());
    }
}

fn drop_newline(bytes: &mut Vec<u8>) -> bool {
    let ends = bytes.pop_if(|last| *last == b'\n').is_some();
    if ends {
        bytes.pop_if(|last| *last == b'\r');
    }
    ends
}

fn without_return(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

fn trim(mut text: &[u8]) -> &[u8] {
    while let [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    trim_start(text)
}

fn trim_start(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = text {
        text = rest;
    }
    text
}

#[cfg(test)]
mod tests;
