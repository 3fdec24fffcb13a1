//! What can be waited for, and how it is written.

use std::fmt;
use std::path::PathBuf;

use super::url::{self, Endpoint, Url};
use crate::sys::exec::Program;

/// Something that is there or not. Shown to people without user, password and query, also by `Debug`.
#[derive(Clone)]
pub enum Target {
    /// One of these accepts a connection. A client that is given several hosts is content with one, and a cluster is
    /// there although a node is down.
    Tcp { scheme: String, hosts: Vec<Endpoint> },
    /// A GET of this is answered with 2xx or 3xx.
    Http { server: Endpoint, path: String, query: String, credentials: Option<Vec<u8>> },
    /// Somebody accepts connections here.
    Unix(PathBuf),
    /// There is something of this name.
    File(PathBuf),
    /// It exits with 0.
    Command(Program),
    /// A database without a server, as development has it: there is nothing to wait for.
    Sqlite,
}

/// The longest path that a socket's address has room for, without the NUL behind it (unix(7)).
const LONGEST_SOCKET: usize = 107;

const FORMS: &str = "tcp://host:port, host:port, http://host/path, unix:/path, file:/path or a service's URL";

impl Target {
    /// Reads a target; commands are not written as text.
    ///
    /// # Errors
    ///
    /// What is wrong and what to do. Nothing of a user or a password is in it.
    pub fn parse(text: &str) -> Result<Target, String> {
        if text.is_empty() {
            return Err(format!("a target is empty; write {FORMS}"));
        }
        if text.contains(char::is_control) {
            return Err("a target holds a control character; write it without".into());
        }
        if let Some(path) = text.strip_prefix("unix:") {
            let path = absolute("unix", path)?;
            if path.as_os_str().len() > LONGEST_SOCKET {
                return Err(
                    "`unix:…` has a path of more than 107 bytes, which no socket can have; use a shorter one".into()
                );
            }
            return Ok(Target::Unix(path));
        }
        if let Some(path) = text.strip_prefix("file:") {
            return absolute("file", path).map(Target::File);
        }
        if is_sqlite(text) {
            return Ok(Target::Sqlite);
        }
        match text.split_once("://") {
            Some((scheme, rest)) => {
                // What JDBC puts before a URL says nothing about the server, and has its properties, a password among
                // them, behind a semicolon in that of SQL Server.
                let (scheme, rest) = match scheme.strip_prefix("jdbc:") {
                    Some("sqlserver") => ("sqlserver", rest.split(';').next().unwrap_or(rest)),
                    Some(scheme) => (scheme, rest),
                    None => (scheme, rest),
                };
                if !is_scheme(scheme) {
                    return Err(format!("a target has something before :// that is no scheme; write {FORMS}"));
                }
                from_url(scheme, rest).map_err(|fault| format!("`{scheme}://…` {fault}"))
            }
            None => bare(text),
        }
    }

    #[must_use]
    pub fn is_command(&self) -> bool {
        matches!(self, Target::Command(_))
    }
}

/// `sqlite:NAME`, with a driver or without; but a host of that name may have a port.
fn is_sqlite(text: &str) -> bool {
    let text = text.strip_prefix("jdbc:").unwrap_or(text);
    let Some((name, rest)) = text.split_at_checked("sqlite".len()) else { return false };
    let rest = rest.strip_prefix('3').unwrap_or(rest);
    let is_scheme = rest.starts_with(':') || rest.starts_with('+') && rest.contains(':');
    name.eq_ignore_ascii_case("sqlite") && is_scheme && url::endpoint(text, None).is_err()
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

fn absolute(kind: &str, path: &str) -> Result<PathBuf, String> {
    let path = path.strip_prefix("//").unwrap_or(path);
    if !path.starts_with('/') {
        return Err(format!("`{kind}:…` has no absolute path; write it like {kind}:/run/name"));
    }
    Ok(path.into())
}

fn from_url(scheme: &str, rest: &str) -> Result<Target, url::Fault> {
    let Url { scheme, user_info, hosts, path, query } = url::split(scheme, rest)?;
    match scheme.as_str() {
        "mongodb+srv" => Err("needs DNS SRV records, which are not looked up; write mongodb://host:port"),
        "udp" => Err("has no connection that could be there; wait for something else of that service"),
        "http" => match <[Endpoint; 1]>::try_from(hosts) {
            Ok([server]) => Ok(Target::Http {
                server,
                path: if path.is_empty() { "/".into() } else { path.into() },
                query: query.into(),
                credentials: user_info.map(credentials),
            }),
            Err(_) => Err("names several hosts; write a target for each"),
        },
        _ => Ok(Target::Tcp { scheme, hosts }),
    }
}

/// What Basic authentication sends (RFC 7617): a user without a password has a colon too.
fn credentials(user_info: &str) -> Vec<u8> {
    let mut credentials = url::decode(user_info);
    if !user_info.contains(':') {
        credentials.push(b':');
    }
    credentials
}

/// `host:port`. A text that may be something else, with a secret in it, is not shown.
fn bare(text: &str) -> Result<Target, String> {
    if text.contains('@') {
        return Err("a target has an @ but no scheme; write scheme://user@host:port".into());
    }
    if text.contains(['/', '?', '#']) || text.contains(char::is_whitespace) {
        return Err(format!("a target has neither a scheme nor the form host:port; write {FORMS}"));
    }
    match url::endpoint(text, None) {
        Ok(endpoint) => Ok(Target::Tcp { scheme: "tcp".into(), hosts: vec![endpoint] }),
        Err(fault) if looks_like_an_endpoint(text) => Err(format!("`{text}` {fault}")),
        Err(fault) => Err(format!("a target {fault}")),
    }
}

/// A name or an IPv6 address in brackets, and behind a colon nothing but a few digits: nobody's password.
fn looks_like_an_endpoint(text: &str) -> bool {
    let (host, port) = text.rsplit_once(':').filter(|_| !text.ends_with(']')).unwrap_or((text, ""));
    let is_port = port.len() <= 5 && port.bytes().all(|byte| byte.is_ascii_digit());
    let one_colon = host.ends_with(']') || !host.contains(':');
    is_port && one_colon && (host.is_empty() || url::endpoint(host, Some(1)).is_ok())
}

impl fmt::Display for Target {
    /// For people: `postgres://db:5432`, `http://api:80/health`, `unix:/run/x`, a command's words.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Tcp { scheme, hosts } => {
                write!(formatter, "{scheme}://")?;
                for (number, host) in hosts.iter().enumerate() {
                    let comma = if number == 0 { "" } else { "," };
                    write!(formatter, "{comma}{host}")?;
                }
                Ok(())
            }
            Target::Http { server, path, .. } => write!(formatter, "http://{server}{path}"),
            Target::Unix(path) => write!(formatter, "unix:{}", path.display()),
            Target::File(path) => write!(formatter, "file:{}", path.display()),
            Target::Command(program) => {
                for (number, word) in program.argv.iter().enumerate() {
                    let blank = if number == 0 { "" } else { " " };
                    write!(formatter, "{blank}{}", word.to_string_lossy())?;
                }
                Ok(())
            }
            Target::Sqlite => write!(formatter, "sqlite:…"),
        }
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn targets_are_read_and_shown_without_secrets() {
        let cases = [
            ("tcp://db:5432", "tcp://db:5432"),
            ("db:5432", "tcp://db:5432"),
            ("127.0.0.1:80", "tcp://127.0.0.1:80"),
            ("[::1]:80", "tcp://[::1]:80"),
            ("tcp://[::1]:80/", "tcp://[::1]:80"),
            ("my_db.local-2:65535", "tcp://my_db.local-2:65535"),
            ("http://api", "http://api:80/"),
            ("HTTP://api/health", "http://api:80/health"),
            ("http://user:s3cret@api:8080/health?token=s3cret#s3cret", "http://api:8080/health"),
            ("http://api?token=s3cret", "http://api:80/"),
            ("http://[2001:db8::1]:8080", "http://[2001:db8::1]:8080/"),
            ("https://user:s3cret@api/s3cret", "https://api:443"),
            ("unix:/run/x", "unix:/run/x"),
            ("unix:///run/x y@z", "unix:/run/x y@z"),
            ("file:/run/ready", "file:/run/ready"),
            ("file:///run/ready", "file:/run/ready"),
            ("postgres://user:s3cret@db/name", "postgres://db:5432"),
            ("postgres://db", "postgres://db:5432"),
            ("postgresql+psycopg2://user:s3cret@db/name?sslmode=require", "postgresql+psycopg2://db:5432"),
            ("jdbc:postgresql://db/name?user=u&password=s3cret", "postgresql://db:5432"),
            ("postgres://user:s3c@ret@db:5433", "postgres://db:5433"),
            ("postgres://user:s3c%2Fret@db:5433", "postgres://db:5433"),
            ("redis://:s3cret@cache/0", "redis://cache:6379"),
            ("rediss://:s3cret@[::1]/0", "rediss://[::1]:6379"),
            ("amqp://user:s3cret@mq//", "amqp://mq:5672"),
            ("mongodb://user:s3cret@a:1,b,[::1]:3/db?appName=@s3cret@", "mongodb://a:1,b:27017,[::1]:3"),
            ("kafka://a,b", "kafka://a:9092,b:9092"),
            ("unheard://host:1", "unheard://host:1"),
            ("redis+sentinel://:s3cret@a,b:1/x", "redis+sentinel://a:26379,b:1"),
            ("sentinel://a", "sentinel://a:26379"),
            ("sqlserver://sa:s3cret@db/x?database=s3cret", "sqlserver://db:1433"),
            ("sqlserver://db:1;user=sa;password=s3cret", "sqlserver://db:1"),
            ("jdbc:sqlserver://db:1433;databaseName=x;password=s3c/r?e#t@s3cret y", "sqlserver://db:1433"),
            ("jdbc:sqlserver://db;password=s3cret", "sqlserver://db:1433"),
            ("sqlite:///s3cret/db", "sqlite:…"),
            ("sqlite://:memory:", "sqlite:…"),
            ("sqlite:s3cret.db", "sqlite:…"),
            ("sqlite3:/s3cret?x=y z", "sqlite:…"),
            ("SQLite+aiosqlite:///s3cret", "sqlite:…"),
            ("jdbc:sqlite:s3cret.db", "sqlite:…"),
            ("sqlite:80", "tcp://sqlite:80"),
            ("sqlited:80", "tcp://sqlited:80"),
        ];
        for (text, shown) in cases {
            let target = Target::parse(text).unwrap_or_else(|fault| panic!("{text}: {fault}"));
            assert_eq!(target.to_string(), shown, "{text}");
            assert_eq!(format!("{target:?}"), shown, "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_without_secrets() {
        let cases = [
            ("", "is empty"),
            ("db", "`db` has no port"),
            ("db:", "is not a number from 1 to 65535"),
            ("db:0", "is not a number from 1 to 65535"),
            ("db:65536", "is not a number from 1 to 65535"),
            ("db:+80", "is not a number from 1 to 65535"),
            ("db:http", "is not a number from 1 to 65535"),
            (":80", "has no host"),
            ("::1", "put an IPv6 address in brackets"),
            ("::1:80", "put an IPv6 address in brackets"),
            ("[::1]", "has no port"),
            ("[::1", "without its ]"),
            ("[::1]80", "no colon behind its ]"),
            ("[db]:80", "no IPv6 address"),
            ("[]:80", "no IPv6 address"),
            ("db:80/path", "neither a scheme nor the form host:port"),
            ("postgres//user:s3cret@db", "an @ but no scheme"),
            ("user:s3cret@db:1", "an @ but no scheme"),
            ("a b:1", "neither a scheme nor the form host:port"),
            ("db:80\n", "control character"),
            ("://db:1", "no scheme"),
            ("1x://db:1", "no scheme"),
            ("user:s3cret@x://db", "no scheme"),
            ("postgres://", "has no host"),
            ("postgres:///name", "has no host"),
            ("redis://:6379", "has no host"),
            ("mongodb://a,,b", "has no host"),
            ("unheard://user:s3cret@host", "`unheard://…` has no port; add one"),
            ("postgres://%2Frun%2Fpostgresql/db", "unix:/path for a socket"),
            ("postgres://user:s3cret/x@db", "write / as %2F"),
            ("postgres://user:1?s3cret@db", "write / as %2F"),
            ("postgres://user:1#s3cret@db", "write / as %2F"),
            ("mongodb://user:a@s3cret?b@db", "write / as %2F"),
            ("mongodb://user:a@s3cret#b@db", "write / as %2F"),
            ("postgres://user:s3cret @db", "write it as %20"),
            ("http://api/a b", "write it as %20"),
            ("http://a,b/", "several hosts"),
            ("mongodb+srv://user:s3cret@cluster/db", "SRV"),
            ("udp://dns:53", "has no connection"),
            ("postgres:user:s3cret", "a target has too many colons"),
            ("redis:s3cret,x", "a target has a port that is not a number"),
            ("redis:s3cret", "a target has a port that is not a number"),
            ("user:123456", "a target has a port that is not a number"),
            ("user:1234:5", "a target has too many colons"),
            ("Server=db;Password=s3cret", "a target has a host that is neither"),
            ("[s3cret]:80", "a target has no IPv6 address"),
            ("[::1]s3cret", "a target has no colon behind its ]"),
            ("[::1]:s3cret", "a target has a port that is not a number"),
            ("[::1]:0", "`[::1]:0` has a port that is not a number"),
            ("sqlserver://sa:s3c;ret@db", "write / as %2F"),
            ("unix:run/x", "no absolute path"),
            ("unix://user:s3cret@x", "no absolute path"),
            ("file:", "no absolute path"),
        ];
        for (text, expected) in cases {
            let fault = Target::parse(text).expect_err(text);
            assert!(fault.contains(expected), "{text}: {fault}");
            assert!(fault.contains("; "), "says what to do: {fault}");
            assert!(!fault.contains("s3cret") && !fault.contains("1234"), "{text}: {fault}");
        }
    }

    #[test]
    fn a_socket_has_a_short_path() {
        let path = |length: usize| format!("unix:/{}", "x".repeat(length - 1));
        assert!(matches!(Target::parse(&path(107)), Ok(Target::Unix(_))));
        let fault = Target::parse(&path(108)).expect_err("too long");
        assert!(fault.contains("more than 107 bytes, which no socket can have; use a shorter one"), "{fault}");
    }

    #[test]
    fn credentials_and_query_are_kept_for_the_request() {
        let target = Target::parse("http://user:p%40ss@api/a?b=c").expect("a target");
        let Target::Http { credentials, query, .. } = target else { panic!("{target}") };
        assert_eq!((credentials.as_deref(), query.as_str()), (Some(&b"user:p@ss"[..]), "?b=c"));
        for (text, expected) in [
            ("http://api", None),
            ("http://user@api", Some("user:")),
            ("http://us%3Aer@api", Some("us:er:")),
            ("http://user:@api", Some("user:")),
            ("http://:pass@api", Some(":pass")),
        ] {
            let target = Target::parse(text).expect("a target");
            let Target::Http { credentials, .. } = target else { panic!("{target}") };
            assert_eq!(credentials.as_deref(), expected.map(str::as_bytes), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in any::<String>(), scheme in "[a-z]{0,4}", rest in r"[a-z0-9:/@\[\].,%?#+-]{0,24}") {
            for text in [text, format!("{scheme}://{rest}"), rest] {
                if let Ok(target) = Target::parse(&text) {
                    prop_assert!(!target.to_string().is_empty());
                }
            }
        }

        #[test]
        fn a_password_is_never_shown(
            scheme in "postgres|http|https|redis|unheard|tcp|mongodb|postgresql\\+x|user|unix|jdbc:mysql|a b|",
            separator in "://|:/|//|:",
            user in "[a-z]{0,3}",
            before in r"[a-z0-9:/@\[\].,%?# +-]{0,3}",
            after in any::<String>(),
            rest in r"[a-z0-9:/\[\].,%?#]{0,12}",
        ) {
            let password = format!("{before}PASSWORD{after}");
            let text = format!("{scheme}{separator}{user}:{password}@{rest}");
            let shown = match Target::parse(&text) {
                Ok(Target::Unix(_) | Target::File(_)) => return Ok(()),
                Ok(target) => format!("{target} {target:?}"),
                Err(fault) => fault,
            };
            prop_assert!(!shown.contains("PASSWORD"), "{text}: {shown}");
        }

        #[test]
        fn without_a_scheme_only_what_cannot_be_a_password_is_shown(
            before in "postgres|redis|Server|[a-z]{1,3}|",
            separator in "[:=;,|&]",
            user in "[a-z0-9]{0,3}[:,;=]|",
            password in r"PASSWORD[a-z0-9:,;=\[\].]{0,6}|[1-9]PASSWORD",
            after in "[:,;=]|",
            rest in "[a-z0-9:]{0,6}",
        ) {
            let text = format!("{before}{separator}{user}{password}{after}{rest}");
            let shown = match Target::parse(&text) {
                Ok(target) => format!("{target} {target:?}"),
                Err(fault) => fault,
            };
            prop_assert!(!shown.contains("PASSWORD"), "{text}: {shown}");
        }
    }
}
