//! `${NAME}` in commands, arguments and values (§3): once, without a shell, without splitting.

/// Where values are looked up; `None`: not set.
pub trait Lookup {
    fn get(&self, name: &str) -> Option<Vec<u8>>;
}

impl<F: Fn(&str) -> Option<Vec<u8>>> Lookup for F {
    fn get(&self, name: &str) -> Option<Vec<u8>> {
        self(name)
    }
}

/// One element of an argument list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Word {
    One(String),
    Optional(Vec<String>),
}

impl Word {
    /// Everything that is expanded in it.
    #[must_use]
    pub fn texts(&self) -> &[String] {
        match self {
            Word::One(text) => std::slice::from_ref(text),
            Word::Optional(group) => group,
        }
    }
}

/// Why a text cannot be expanded, and what to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fault {
    /// Whatever the environment is.
    Malformed(String),
    /// As the environment is now.
    Unset(String),
}

impl Fault {
    /// What is wrong, whenever it is told.
    #[must_use]
    pub fn what(self) -> String {
        match self {
            Fault::Malformed(what) | Fault::Unset(what) => what,
        }
    }
}

enum Piece<'t> {
    Literal(&'t str),
    Variable { name: &'t str, fallback: Option<&'t str>, message: Option<&'t str> },
}

/// Expands `${NAME}`, `${NAME:-default}`, `${NAME:?message}` and `$$`. Nothing else is special: `%`, `$(…)`, backquotes,
/// globs, a `$` before anything else are literal.
///
/// # Errors
///
/// All of them: each unset `${NAME}`, each `${NAME:?message}` that is unset or empty, and a `${` that is not closed or
/// names no variable.
pub fn expand(text: &str, lookup: &impl Lookup) -> Result<Vec<u8>, Vec<Fault>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut faults = Vec::new();
    for piece in pieces(text).map_err(|fault| vec![fault])? {
        match piece {
            Piece::Literal(literal) => bytes.extend_from_slice(literal.as_bytes()),
            Piece::Variable { name, fallback, message } => {
                let value = lookup.get(name);
                let filled = value.as_ref().is_some_and(|value| !value.is_empty());
                match (value, fallback, message) {
                    (Some(value), None, None) => bytes.extend(value),
                    (Some(value), _, _) if filled => bytes.extend(value),
                    (_, Some(fallback), _) => bytes.extend_from_slice(fallback.as_bytes()),
                    (_, None, Some(message)) => faults.push(Fault::Unset(format!("{name}: {message}"))),
                    (None, None, None) => faults
                        .push(Fault::Unset(format!("${{{name}}} is not set; set it, or write ${{{name}:-default}}"))),
                }
            }
        }
    }
    if faults.is_empty() { Ok(bytes) } else { Err(faults) }
}

/// The variables that a text is made of. One that is malformed has none.
#[must_use]
pub fn names(text: &str) -> Vec<&str> {
    let name = |piece| match piece {
        Piece::Variable { name, .. } => Some(name),
        Piece::Literal(_) => None,
    };
    pieces(text).map_or(Vec::new(), |pieces| pieces.into_iter().filter_map(name).collect())
}

/// Expands a list of words; an optional group is left out as a whole when one of its variables is unset or empty.
///
/// # Errors
///
/// Those of [`expand`], all of them.
pub fn expand_words(words: &[Word], lookup: &impl Lookup) -> Result<Vec<Vec<u8>>, Vec<Fault>> {
    let mut expanded = Vec::with_capacity(words.len());
    let mut faults = Vec::new();
    let mut take = |word: &str| match expand(word, lookup) {
        Ok(bytes) => expanded.push(bytes),
        Err(found) => faults.extend(found),
    };
    for word in words {
        match word {
            Word::One(word) => take(word),
            Word::Optional(group) => {
                let complete = group.iter().all(|word| has_all_its_variables(word, lookup));
                if complete {
                    for word in group {
                        take(word);
                    }
                }
            }
        }
    }
    if faults.is_empty() { Ok(expanded) } else { Err(faults) }
}

/// Words that are malformed count as complete, so that [`expand`] reports them.
fn has_all_its_variables(text: &str, lookup: &impl Lookup) -> bool {
    let filled = |name: &str| lookup.get(name).is_some_and(|value| !value.is_empty());
    pieces(text).map_or(true, |pieces| {
        pieces.iter().all(|piece| match piece {
            Piece::Variable { name, fallback: None, message: None } => filled(name),
            Piece::Variable { .. } | Piece::Literal(_) => true,
        })
    })
}

fn pieces(text: &str) -> Result<Vec<Piece<'_>>, Fault> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        pieces.push(Piece::Literal(before));
        if let Some(after) = after.strip_prefix('$') {
            pieces.push(Piece::Literal("$"));
            rest = after;
        } else if let Some(after) = after.strip_prefix('{') {
            let unclosed =
                || Fault::Malformed(format!("`${{{after}` has no closing brace; write $$ for a dollar sign"));
            let (inside, after) = after.split_once('}').ok_or_else(unclosed)?;
            pieces.push(variable(inside)?);
            rest = after;
        } else {
            pieces.push(Piece::Literal("$"));
            rest = after;
        }
    }
    pieces.push(Piece::Literal(rest));
    Ok(pieces)
}

fn variable(inside: &str) -> Result<Piece<'_>, Fault> {
    let (name, fallback, message) = match inside.split_once(':') {
        None => (inside, None, None),
        Some((name, rest)) => match (rest.strip_prefix('-'), rest.strip_prefix('?')) {
            (Some(fallback), _) => (name, Some(fallback), None),
            (None, Some("")) => (name, None, Some("is not set")),
            (None, message) => (name, None, message),
        },
    };
    if inside.contains("${") {
        return Err(Fault::Malformed(format!(
            "`${{{inside}}}` has a variable within another, which is not expanded; put the inner one into env.defaults"
        )));
    }
    let understood = inside.len() == name.len() || fallback.is_some() || message.is_some();
    if !understood || !is_name(name) {
        return Err(Fault::Malformed(format!(
            "`${{{inside}}}` is not understood; write ${{NAME}}, ${{NAME:-default}} or ${{NAME:?message}}, and $$ for a dollar sign"
        )));
    }
    Ok(Piece::Variable { name, fallback, message })
}

/// What in a path looks as if a shell were to read it: a `~` at its beginning, a variable without braces. `${NAME}`, too,
/// where nothing is expanded.
#[must_use]
pub fn looks_expanded(text: &str) -> Option<&'static str> {
    if text == "~" || text.starts_with("~/") {
        return Some("`~`");
    }
    looks_like_variable(text).or_else(|| text.contains("${").then_some("`${…}`"))
}

/// The same where `${NAME}` is expanded, and `$$` is a `$`.
#[must_use]
pub fn looks_like_variable(text: &str) -> Option<&'static str> {
    let begins_name = |rest: &str| rest.starts_with(|letter: char| letter == '_' || letter.is_ascii_alphabetic());
    text.replace("$$", "").split('$').skip(1).any(begins_name).then_some("`$NAME`")
}

/// The name behind the first `$` that is not expanded, since it has no braces.
#[must_use]
pub fn bare_name(text: &str) -> Option<String> {
    let plain = text.replace("$$", "");
    let mut names = plain.split('$').skip(1).map(|rest| {
        let is_part = |letter: &char| *letter == '_' || letter.is_ascii_alphanumeric();
        rest.chars().take_while(is_part).collect::<String>()
    });
    names.find(|name| is_name(name))
}

/// Whether this is a name that a variable may have (§4).
#[must_use]
pub fn is_name(name: &str) -> bool {
    !name.starts_with(|first: char| first.is_ascii_digit())
        && !name.is_empty()
        && name.bytes().all(|byte| byte == b'_' || byte.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lookup(name: &str) -> Option<Vec<u8>> {
        match name {
            "SET" => Some(b"a $HOME ${SET} b".to_vec()),
            "EMPTY" => Some(Vec::new()),
            "RAW" => Some(vec![0xff, b'%']),
            _ => None,
        }
    }

    fn expanded(text: &str) -> Result<String, Vec<Fault>> {
        expand(text, &lookup).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    #[test]
    fn values_are_put_in_once_and_as_they_are() {
        assert_eq!(expanded("<${SET}>"), Ok("<a $HOME ${SET} b>".to_owned()));
        assert_eq!(expanded("${EMPTY}"), Ok(String::new()));
        assert_eq!(expand("${RAW}", &lookup), Ok(vec![0xff, b'%']));
        assert_eq!(expanded("${NONE:-x y}${EMPTY:-z}${SET:-no}"), Ok("x yza $HOME ${SET} b".to_owned()));
    }

    #[test]
    fn everything_else_is_literal() {
        let text = "100% $(date) `date` * ~ $HOME $ a$";
        assert_eq!(expanded(text), Ok(text.to_owned()));
        assert_eq!(expanded("$${SET} $$$$"), Ok("${SET} $$".to_owned()));
    }

    #[test]
    fn what_cannot_be_expanded_is_a_fault_that_names_it() {
        let unset = |text: &str| Fault::Unset(text.to_owned());
        let not_set = |name: &str| unset(&format!("${{{name}}} is not set; set it, or write ${{{name}:-default}}"));
        assert_eq!(expanded("${NONE}"), Err(vec![not_set("NONE")]));
        assert_eq!(expanded("${NONE:?give me one}"), Err(vec![unset("NONE: give me one")]));
        assert_eq!(expanded("${EMPTY:?}"), Err(vec![unset("EMPTY: is not set")]));
        // All of them, however many there are.
        assert_eq!(expanded("${A}/${SET}/${B:?why}"), Err(vec![not_set("A"), unset("B: why")]));
        let forms = "write ${NAME}, ${NAME:-default} or ${NAME:?message}, and $$ for a dollar sign";
        for text in ["${}", "${1A}", "${SET:+x}", "${SET%x}", "${A B}"] {
            let fault = Fault::Malformed(format!("`{text}` is not understood; {forms}"));
            assert_eq!(expanded(text), Err(vec![fault]), "{text}");
        }
        let fault = "`${SET` has no closing brace; write $$ for a dollar sign";
        assert_eq!(expanded("${SET"), Err(vec![Fault::Malformed(fault.to_owned())]));
        for text in ["${NONE:-${SET}}", "${NONE:?${SET}}"] {
            let what = "has a variable within another, which is not expanded; put the inner one into env.defaults";
            let inner = text.trim_end_matches('}');
            assert_eq!(expanded(text), Err(vec![Fault::Malformed(format!("`{inner}}}` {what}"))]), "{text}");
        }
    }

    #[test]
    fn the_names_in_a_text() {
        assert_eq!(names("a ${SET}${NONE:-x} $${NO} ${EMPTY:?why}"), ["SET", "NONE", "EMPTY"]);
        assert_eq!(names("${SET"), Vec::<&str>::new());
    }

    #[test]
    fn an_optional_group_needs_all_its_variables() {
        let one = |word: &str| Word::One(word.to_owned());
        let group = |words: [&str; 2]| Word::Optional(words.map(str::to_owned).to_vec());
        let words = [
            one("a"),
            group(["--set", "${SET}"]),
            group(["--empty", "${EMPTY}"]),
            group(["--none", "${NONE}"]),
            one(""),
        ];
        let expanded = expand_words(&words, &lookup).expect("expands");
        assert_eq!(expanded, [&b"a"[..], b"--set", b"a $HOME ${SET} b", b""]);
        // One that nobody can read is told, and not left out.
        let faults = expand_words(&[group(["--set", "${SET"])], &lookup).expect_err("a brace is missing");
        assert!(matches!(faults[..], [Fault::Malformed(_)]), "{faults:?}");
    }
}
