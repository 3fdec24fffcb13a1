//! `scheme://user:password@host:port,host:port/path?query`, taken apart without ever showing what is secret in it.
//!
//! The authority ends at the first `/`, `?` or `#` (RFC 3986, section 3.2), that of SQL Server at a `;` too, and its last
//! `@` counts, as people put passwords in without escaping them. Where an `@` further on makes it possible that a password
//! was cut in two, the URL is refused: half of a password would be taken for a host, and shown.

use std::fmt;
use std::net::Ipv6Addr;

use super::services;

/// A host and a port that may be there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Endpoint {
    /// A name or an address; an IPv6 address without its brackets.
    pub host: String,
    pub port: u16,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Endpoint { host, port } = self;
        if host.contains(':') { write!(formatter, "[{host}]:{port}") } else { write!(formatter, "{host}:{port}") }
    }
}

/// A URL in its parts. It has no form for people: there are secrets in it.
pub(super) struct Url<'text> {
    /// In lower case.
    pub scheme: String,
    /// `user:password` as written.
    pub user_info: Option<&'text str>,
    /// One or more.
    pub hosts: Vec<Endpoint>,
    /// With its `/`, or empty.
    pub path: &'text str,
    /// With its `?`, or empty.
    pub query: &'text str,
}

/// Why a text is no target: what is wrong, and what to do.
pub type Fault = &'static str;

/// Takes `SCHEME://REST` apart.
///
/// # Errors
///
/// What is wrong with it, as the rest of a sentence that begins with the scheme.
pub(super) fn split<'text>(scheme: &str, rest: &'text str) -> Result<Url<'text>, Fault> {
    let scheme = scheme.to_ascii_lowercase();
    if rest.contains(char::is_whitespace) {
        return Err("holds a blank; write it as %20");
    }
    // Microsoft's drivers put properties behind a semicolon.
    let ends = if scheme == "sqlserver" { &['/', '?', '#', ';'][..] } else { &['/', '?', '#'] };
    let (authority, rest) = split_before(rest, ends);
    let (rest, fragment) = split_before(rest, &['#']);
    let (path, query) = split_before(rest, &['?']);
    let (user_info, hosts) = match authority.rsplit_once('@') {
        Some((user_info, hosts)) => (Some(user_info), hosts),
        None => (None, authority),
    };
    // Behind a user an @ in the value of a query is no sign of that (`?appName=@cluster@`), but an http URL's path is shown.
    let is_name = |name: &str| name.len() > 2 && name.bytes().skip(1).all(|byte| byte.is_ascii_alphanumeric());
    let is_value = query.split_once('=').is_some_and(|(name, _)| is_name(name));
    let may_have_more = user_info.is_some() && scheme != "http" && is_value;
    if path.contains('@') || fragment.contains('@') || (!may_have_more && query.contains('@')) {
        return Err(
            "has an @ behind its host; in a password write / as %2F, ? as %3F, # as %23 and ; as %3B, elsewhere @ as %40",
        );
    }
    let usual = services::usual_port(&scheme);
    let hosts = hosts.split(',').map(|host| endpoint(host, usual)).collect::<Result<_, _>>()?;
    Ok(Url { scheme, user_info, hosts, path, query })
}

fn split_before<'text>(text: &'text str, ends: &[char]) -> (&'text str, &'text str) {
    let end = text.find(ends).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

/// Reads `host:port`, or `host` where there is a usual port.
///
/// # Errors
///
/// As for [`split`].
pub fn endpoint(text: &str, usual: Option<u16>) -> Result<Endpoint, Fault> {
    let (host, port) = if let Some(rest) = text.strip_prefix('[') {
        let (address, after) = rest.split_once(']').ok_or("has a [ without its ]; write it like [::1]:80")?;
        if address.parse::<Ipv6Addr>().is_err() {
            return Err("has no IPv6 address in its brackets; write it like [::1]:80");
        }
        match after.strip_prefix(':') {
            None if !after.is_empty() => return Err("has no colon behind its ]; write it like [::1]:80"),
            port => (address, port),
        }
    } else {
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        };
        if host.contains(':') {
            return Err("has too many colons; put an IPv6 address in brackets, as in [::1]:80");
        }
        if host.is_empty() {
            return Err("has no host; add one, or wait for a socket with unix:/path");
        }
        if !host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte)) {
            return Err(
                "has a host that is neither a name nor an address; write host:port, or unix:/path for a socket",
            );
        }
        (host, port)
    };
    let port = match port {
        Some(port) => number(port).ok_or("has a port that is not a number from 1 to 65535; mend it")?,
        None => usual.ok_or("has no port; add one, as in host:80")?,
    };
    Ok(Endpoint { host: host.to_owned(), port })
}

fn number(digits: &str) -> Option<u16> {
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|&port| plain && port > 0)
}

/// The bytes that `%41` and the like stand for; a `%` before anything else stands for itself.
#[must_use]
pub fn decode(text: &str) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.as_bytes();
    while let [first, rest @ ..] = bytes {
        let digits = rest.get(..2).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        let byte = digits.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        bytes = match (first, byte) {
            (b'%', Some(byte)) => {
                decoded.push(byte);
                rest.get(2..).unwrap_or_default()
            }
            (&other, _) => {
                decoded.push(other);
                rest
            }
        };
    }
    decoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_signs_are_decoded() {
        assert_eq!(decode("a%40b%2F%3a"), b"a@b/:");
        assert_eq!(decode("100%"), b"100%");
        assert_eq!(decode("%4"), b"%4");
        assert_eq!(decode("%zz%+1é"), "%zz%+1é".as_bytes());
    }

    #[test]
    fn the_last_at_sign_of_the_authority_counts() {
        let url = split("Postgres", "user:p@ss@db/name?app=@y@").expect("a URL");
        assert_eq!((url.scheme.as_str(), url.user_info), ("postgres", Some("user:p@ss")));
        assert_eq!(url.hosts, [Endpoint { host: "db".into(), port: 5432 }]);
        assert_eq!((url.path, url.query), ("/name", "?app=@y@"));
    }
}
