//! What an interpreter runs of the words that it is given: a script, and what its options have it read before.

use crate::text::cut;

/// What the words come to.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Given<'w> {
    /// The script; `None`: there is none, as with `-c CODE`.
    pub script: Option<&'w [u8]>,
    /// It is looked for in PATH where it is not there.
    pub is_sought: bool,
    /// Files and directories that are read, or searched, whatever the script is.
    pub read: Vec<&'w [u8]>,
    /// Modules, or files of them, that are loaded before it.
    pub loaded: Vec<&'w [u8]>,
    pub modules: Modules,
}

/// Where else a module without a slash is looked for than where the interpreter's own are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Modules {
    #[default]
    Installed,
    /// In `node_modules` of the directory and those above; what is missing at the end of a name is added.
    Node,
    /// In the directory, with `.lua` behind it.
    Lua,
}

/// The options of one interpreter, as far as they are known. A word with any other cannot be judged.
#[derive(Clone, Copy)]
struct Options {
    /// Letters that stand alone.
    alone: &'static str,
    /// Letters of which the rest of the word, or else the next word, is the value.
    value: &'static str,
    /// Letters of which only the rest of the word is the value.
    rest: &'static str,
    /// As `value`: a file or directory that is read or searched.
    read: &'static str,
    /// As `value`: a module or its file, which is loaded.
    loaded: &'static str,
    /// As `value`: the script.
    script: &'static str,
    /// Letters after which no script comes, and no option that counts.
    code: &'static str,
    /// As `value`: code, in the place of a script. Options go on behind it.
    inline: &'static str,
    /// The same without the dashes, where the value comes behind `=` or is the next word.
    long_alone: &'static [&'static str],
    long_value: &'static [&'static str],
    long_read: &'static [&'static str],
    long_loaded: &'static [&'static str],
}

const NONE: Options = Options {
    alone: "",
    value: "",
    rest: "",
    read: "",
    loaded: "",
    script: "",
    code: "",
    inline: "",
    long_alone: &[],
    long_value: &[],
    long_read: &[],
    long_loaded: &[],
};

const SHELL: Options = Options {
    alone: "abefhiklmnprtuvxBCDEHPT",
    value: "oO",
    code: "cs",
    long_alone: &["login", "noediting", "noprofile", "norc", "posix", "restricted", "verbose"],
    long_read: &["init-file", "rcfile"],
    ..NONE
};

const PYTHON: Options = Options {
    alone: "3bBdEiIOPqRsStuvx",
    value: "QWX",
    code: "cmhV",
    long_value: &["check-hash-based-pycs", "jit"],
    ..NONE
};

const PERL: Options =
    Options { alone: "0123456789acflnpsStTuUwWX", rest: "CDFi", read: "I", inline: "eE", code: "hvV", ..NONE };

const RUBY: Options = Options {
    alone: "0123456789acdlnpsSUvwy",
    value: "E",
    rest: "FiKTW",
    read: "I",
    loaded: "r",
    inline: "e",
    code: "h",
    long_alone: &["debug", "disable-all", "disable-gems", "enable-frozen-string-literal", "jit", "verbose", "yjit"],
    long_value: &["backtrace-limit", "disable", "enable", "encoding", "external-encoding", "internal-encoding"],
    ..NONE
};

const NODE: Options = Options {
    alone: "ci",
    value: "C",
    loaded: "r",
    inline: "ep",
    code: "hv",
    long_alone: &[
        "abort-on-uncaught-exception",
        "check",
        "enable-source-maps",
        "experimental-modules",
        "experimental-strip-types",
        "experimental-vm-modules",
        "expose-gc",
        "force-fips",
        "harmony",
        "insecure-http-parser",
        "inspect",
        "inspect-brk",
        "interactive",
        "jitless",
        "pending-deprecation",
        "perf-basic-prof",
        "preserve-symlinks",
        "preserve-symlinks-main",
        "prof",
        "throw-deprecation",
        "trace-deprecation",
        "trace-exit",
        "trace-uncaught",
        "trace-warnings",
        "use-bundled-ca",
        "use-openssl-ca",
        "use-system-ca",
        "watch",
    ],
    long_value: &[
        "conditions",
        "disable-warning",
        "dns-result-order",
        "experimental-default-type",
        "input-type",
        "inspect-port",
        "title",
        "unhandled-rejections",
    ],
    long_read: &["env-file", "env-file-if-exists"],
    long_loaded: &["experimental-loader", "import", "loader", "require"],
    ..NONE
};

const PHP: Options = Options { alone: "aCHhilmnqsvw", value: "d", read: "cz", script: "fF", inline: "BErR", ..NONE };

const LUA: Options = Options { alone: "EivW", value: "e", loaded: "l", ..NONE };

/// Names without a version.
const KNOWN: [(&str, Options); 18] = [
    ("sh", SHELL),
    ("bash", SHELL),
    ("dash", SHELL),
    ("ash", SHELL),
    ("ksh", SHELL),
    ("mksh", SHELL),
    ("yash", SHELL),
    ("zsh", SHELL),
    ("python", PYTHON),
    ("pypy", PYTHON),
    ("perl", PERL),
    ("ruby", RUBY),
    ("node", NODE),
    ("nodejs", NODE),
    ("php", PHP),
    ("lua", LUA),
    ("luajit", LUA),
    ("rbash", SHELL),
];

/// What of php's settings has it load something.
const LOADING: [&str; 9] = [
    "auto_append_file",
    "auto_prepend_file",
    "extension",
    "extension_dir",
    "ffi.preload",
    "include_path",
    "opcache.file_cache",
    "opcache.preload",
    "zend_extension",
];

/// What the interpreter of this name is given by these words; `None`: it is none that is known here. The error is the word
/// after which it cannot be told.
#[must_use]
pub fn given<'w>(interpreter: &[u8], words: &'w [Vec<u8>]) -> Option<Result<Given<'w>, &'w [u8]>> {
    let (name, options) =
        KNOWN.iter().find(|(known, _)| interpreter.strip_prefix(known.as_bytes()).is_some_and(is_version))?;
    let is_shell = options.alone == SHELL.alone;
    let modules = match *name {
        "node" | "nodejs" => Modules::Node,
        "lua" | "luajit" => Modules::Lua,
        _ => Modules::Installed,
    };
    let given = Given { is_sought: is_shell, modules, ..Given::default() };
    let reading = Reading { name, options, is_shell, given, has_code: false, words: words.iter() };
    Some(reading.read())
}

/// Whether this is behind an interpreter's name: nothing, or its version (`3.12`, `5.36-x86_64-linux-gnu`, `3.13t`).
fn is_version(rest: &[u8]) -> bool {
    let number = rest.strip_prefix(b"-").unwrap_or(rest);
    rest.is_empty() || number.first().is_some_and(u8::is_ascii_digit) && !rest.ends_with(b"-config")
}

struct Reading<'w> {
    name: &'static str,
    options: &'static Options,
    is_shell: bool,
    given: Given<'w>,
    /// What is no option is the code's argument.
    has_code: bool,
    words: std::slice::Iter<'w, Vec<u8>>,
}

/// Whether options are at an end.
type Ends = bool;

impl<'w> Reading<'w> {
    fn read(mut self) -> Result<Given<'w>, &'w [u8]> {
        while let Some(word) = self.words.next() {
            let word = word.as_slice();
            let ends = match word {
                b"--" => self.take_script(),
                // For a shell it is `--`, for others their standard input.
                b"-" => !self.is_shell || self.take_script(),
                [b'-', b'-', long @ ..] => self.long(long).ok_or(word)?,
                [b'-', letters @ ..] => self.letters(letters).ok_or(word)?,
                [b'+', letters @ ..] if self.is_shell => self.letters(letters).ok_or(word)?,
                script => {
                    self.given.script = Some(script);
                    true
                }
            };
            if ends {
                break;
            }
        }
        if self.has_code {
            self.given.script = None;
        }
        Ok(self.given)
    }

    fn take_script(&mut self) -> Ends {
        self.given.script = self.words.next().map(Vec::as_slice);
        true
    }

    /// One word of letters; `None`: one of them is not understood.
    fn letters(&mut self, letters: &'w [u8]) -> Option<Ends> {
        let mut rest = letters;
        while let Some((letter, after)) = rest.split_first() {
            rest = after;
            let is_in = |list: &str| list.as_bytes().contains(letter);
            if is_in(self.options.alone) {
                self.given.is_sought |= *letter == b'S';
            } else if is_in(self.options.code) {
                return Some(true);
            } else if is_in(self.options.inline) {
                self.has_code = true;
                if self.given.modules != Modules::Node {
                    // Even where it is empty, or looks like an option.
                    return if after.is_empty() { self.words.next().map(|_| false) } else { Some(false) };
                }
                if after.is_empty() {
                    self.skip_code();
                }
            } else if self.name == "perl" && b"dmMx".contains(letter) || self.name == "ruby" && *letter == b'x' {
                return self.attached(*letter, after).then_some(false);
            } else if is_in(self.options.rest) {
                return Some(false);
            } else if self.is_shell && is_in(self.options.value) {
                // Behind any letter of the word.
                self.words.next();
            } else {
                let options = self.options;
                let lists = [options.value, options.read, options.loaded, options.script];
                let value = if lists.into_iter().any(is_in) { self.value_of(after) } else { None }?;
                if is_in(options.script) {
                    self.given.script = Some(value);
                    return Some(true);
                }
                if is_in(options.read) {
                    let is_list = self.name == "ruby";
                    self.given.read.extend(value.split(|&byte| byte == b':' && is_list));
                } else if is_in(options.loaded) {
                    self.given.loaded.push(value);
                } else if is_in(options.value) {
                    return self.setting(value).then_some(false);
                }
                return Some(false);
            }
        }
        Some(false)
    }

    /// What is attached to a letter, as it stands there: a directory, or a module with its arguments; `false`: it cannot be
    /// told.
    fn attached(&mut self, letter: u8, rest: &'w [u8]) -> bool {
        if letter == b'x' {
            self.given.read.extend(Some(rest).filter(|directory| !directory.is_empty()));
            return true;
        }
        // A debugger is a module as well: `-d:Name`, `-dt:Name`.
        let module = if letter == b'd' { rest.strip_prefix(b"t").unwrap_or(rest) } else { rest };
        let module = module.strip_prefix(b":").filter(|_| letter == b'd').unwrap_or(module);
        let (name, arguments) = cut(module, b'=');
        let has_arguments = arguments.is_some();
        let name = name.strip_prefix(b"-").unwrap_or(name);
        let searches = matches!(name, b"lib" | b"blib" | b"local::lib");
        let arguments =
            arguments.unwrap_or_default().split(|&byte| byte == b',').filter(|argument| !argument.is_empty());
        self.given.read.extend(arguments.filter(|argument| searches || argument.contains(&b'/')));
        // Anything else is code.
        let is_name = name.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':'));
        is_name && (name != b"blib" || has_arguments)
    }

    /// A setting, `KEY=VALUE`; `false`: it has the interpreter load something.
    fn setting(&mut self, setting: &'w [u8]) -> bool {
        let (name, value) = cut(setting, b'=');
        let (name, value) = (name.trim_ascii(), value.unwrap_or_default());
        match self.name {
            "php" => {
                if LOADING.iter().any(|known| known.as_bytes() == name)
                    || setting.iter().any(|byte| b"$\n\r".contains(byte))
                {
                    return false;
                }
                let paths = value.split(|byte| b":; \"'".contains(byte)).filter(|path| path.contains(&b'/'));
                self.given.read.extend(paths);
            }
            "python" | "pypy" if name == b"pycache_prefix" || value.contains(&b'/') => self.given.read.push(value),
            _ => {}
        }
        true
    }

    /// Code for Node.js, which takes no option for it.
    fn skip_code(&mut self) {
        if self.words.as_slice().first().is_some_and(|word| !word.starts_with(b"-")) {
            self.words.next();
        }
    }

    /// The rest of a word, or the next one.
    fn value_of(&mut self, rest: &'w [u8]) -> Option<&'w [u8]> {
        let rest = rest.strip_prefix(b"=").unwrap_or(rest);
        if rest.is_empty() { self.words.next().map(Vec::as_slice) } else { Some(rest) }
    }

    /// One long option; `None`: it is not understood.
    fn long(&mut self, option: &'w [u8]) -> Option<Ends> {
        let (name, value) = cut(option, b'=');
        let is_in = |list: &[&str]| list.iter().any(|known| known.as_bytes() == name);
        let options = self.options;
        match name {
            // Others are read all the same.
            b"help" | b"version" => return Some(false),
            b"eval" | b"print" if self.given.modules == Modules::Node => {
                self.has_code = true;
                if value.is_none() {
                    self.skip_code();
                }
                return Some(false);
            }
            _ => {}
        }
        // What is denied, or is a number, names nothing that could be run.
        let is_harmless = match value {
            None => name.starts_with(b"no-"),
            Some(value) => !value.is_empty() && value.iter().all(u8::is_ascii_digit),
        };
        if is_in(options.long_alone) || is_harmless && self.given.modules == Modules::Node {
            return Some(false);
        }
        let lists = [options.long_value, options.long_read, options.long_loaded];
        if !lists.into_iter().any(is_in) {
            return None;
        }
        let value = value.or_else(|| self.words.next().map(Vec::as_slice))?;
        if is_in(options.long_read) {
            self.given.read.push(value);
        } else if is_in(options.long_loaded) {
            self.given.loaded.push(value);
        }
        Some(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<Vec<u8>> {
        text.split('|').filter(|word| !word.is_empty()).map(|word| word.as_bytes().to_vec()).collect()
    }

    #[test]
    fn the_script_is_the_first_word_that_is_no_option() {
        for (interpreter, given_words, script) in [
            ("sh", "x.sh|a", Some("x.sh")),
            ("bash", "-eu|-o|pipefail|x.sh", Some("x.sh")),
            ("bash", "-euo|pipefail|+x|--|-x.sh", Some("-x.sh")),
            ("bash", "-oO|pipefail|extglob|--posix|x.sh", Some("x.sh")),
            ("bash", "-e|-|x.sh", Some("x.sh")),
            ("bash", "-ec|x", None),
            ("bash", "-e|-u|-x|-o|pipefail|-c|x", None),
            ("dash", "-c|x.sh", None),
            ("sh", "-s|x", None),
            ("sh", "-", None),
            ("sh", "", None),
            ("zsh", "-f|x", Some("x")),
            ("python3.12", "-u|-X|dev|-Werror|x.py", Some("x.py")),
            ("python3", "-E|-s|-B|-O|-I|-W|ignore|x.py", Some("x.py")),
            ("python3", "-Xdev|--check-hash-based-pycs|never|x.py", Some("x.py")),
            ("python", "-m|x", None),
            ("python", "-Im|x", None),
            ("python", "-c|x|y", None),
            ("python", "-|x", None),
            ("pypy3", "x.py", Some("x.py")),
            ("perl5.36.0", "-wT|x.pl", Some("x.pl")),
            ("perl", "-w|-T|-MStrict=x|-i.bak|-l012|-0777|x.pl", Some("x.pl")),
            ("perl", "-e|1", None),
            ("perl", "-lne|1", None),
            ("ruby", "-W|-w|-W0|-Eutf-8|--yjit|--disable=gems|--enable|x|x.rb", Some("x.rb")),
            ("ruby", "-e|x", None),
            ("php8.2", "-d|a=b|-dmemory_limit=-1|-n|x.php", Some("x.php")),
            ("php", "-d|x=/y|-f|x.php|y", Some("x.php")),
            ("php", "-r|x", None),
            ("node", "x.js", Some("x.js")),
            ("node", "--max-old-space-size=4096|--no-warnings|--trace-warnings|--title|a|x.js", Some("x.js")),
            ("node", "--inspect=127.0.0.1:9229|--unhandled-rejections=strict|x.js", Some("x.js")),
            ("nodejs", "-e|x", None),
            ("nodejs", "--eval|x", None),
            ("lua5.4", "-e|x=1|-i|x.lua", Some("x.lua")),
            ("lua", "-v|x.lua", Some("x.lua")),
            ("ruby", "-v|x.rb", Some("x.rb")),
            ("ruby", "-W0|-e|x|y", None),
            ("perl", "-e|1|-w|y", None),
            ("node", "-pe|1|y", None),
            ("node", "-p|1|y", None),
            ("node", "--print=1|--no-warnings|y", None),
            ("php", "-r|x|y", None),
            ("perl5.36-x86_64-linux-gnu", "x.pl", Some("x.pl")),
            ("python3.13t", "-X|importtime|x.py", Some("x.py")),
            ("perl", "-d|x.pl", Some("x.pl")),
            ("perl", "-MPOSIX=floor,ceil|-MData::Dumper|-mJSON::PP|-M-strict|-d:NYTProf|x.pl", Some("x.pl")),
            ("luajit", "x.lua", Some("x.lua")),
        ] {
            let all = words(given_words);
            let found = given(interpreter.as_bytes(), &all).expect("it is known").map(|given| given.script);
            assert_eq!(found, Ok(script.map(str::as_bytes)), "{interpreter} {given_words}");
        }
    }

    #[test]
    fn what_is_read_before_the_script_counts() {
        for (interpreter, given_words, read, loaded) in [
            ("perl", "-I|a|-Ib|x", "a|b", ""),
            ("perl", "-wIa|x", "a", ""),
            ("ruby", "-Ia|-r|b|-r./c|x", "a", "b|./c"),
            ("node", "-r|a|--require|b|--import=c|--env-file=d|x", "d", "a|b|c"),
            ("bash", "--rcfile|a|x", "a", ""),
            ("php", "-c|a|-zb|x", "a|b", ""),
            ("lua", "-l|a|x", "", "a"),
            ("node", "-e|1|-r|a", "", "a"),
            ("node", "-p|1|--require=a", "", "a"),
            ("node", "-pe|1|--import|a", "", "a"),
            ("node", "--eval|1|--import|a|b", "", "a"),
            ("perl", "-e|1|-I/a|-MEvil", "/a", ""),
            ("perl", "-e|--|-I/a", "/a", ""),
            ("perl", "-Mlib=a,/b|x", "a|/b", ""),
            ("perl", "-w|-mlib=a|x", "a", ""),
            ("perl", "-M-local::lib=a|-MX=/b|-d:X=/c|-x/d|x", "a|/b|/c|/d", ""),
            ("ruby", "-e|1|-ra", "", "a"),
            ("ruby", "-I|/a:b|-x/c|x", "/a|b|/c", ""),
            ("python3", "-X|pycache_prefix=a|x", "a", ""),
            ("python3", "-Xa=/b|-X|dev|x", "/b", ""),
            ("php", "-d|error_log=/a|-d|b=c|x", "/a", ""),
            ("php", "-r|1|-d|x=/a:/b", "/a|/b", ""),
            ("php", "-v|-d|x=\"/a\"", "/a", ""),
        ] {
            let all = words(given_words);
            let found = given(interpreter.as_bytes(), &all).expect("it is known").expect("it is understood");
            let lists = [found.read, found.loaded].map(|list| list.join(&b'|'));
            assert_eq!(lists, [read, loaded].map(|list| list.as_bytes().to_vec()), "{interpreter} {given_words}");
        }
    }

    #[test]
    fn what_is_not_understood_is_told() {
        for (interpreter, given_words, word) in [
            ("bash", "--debugger|x", "--debugger"),
            ("bash", "-eZ|x", "-eZ"),
            ("bash", "--rcfile", "--rcfile"),
            ("python", "-u|-Z|x", "-Z"),
            ("python", "--x|x", "--x"),
            ("perl", "-wZ|x", "-wZ"),
            ("ruby", "-C|/x|x.rb", "-C"),
            ("ruby", "--max=5|x.rb", "--max=5"),
            ("node", "--build-snapshot|x.js|y", "--build-snapshot"),
            ("node", "--openssl-config=x|y", "--openssl-config=x"),
            ("node", "--trace-event-categories|x|y", "--trace-event-categories"),
            ("php", "-S|0:80|x", "-S"),
            ("php", "-dopcache.preload=x|y", "-dopcache.preload=x"),
            ("php", "-r|1|-d|auto_prepend_file=x", "-d"),
            ("php", "-d|x=${HOME}/y|z", "-d"),
            ("perl", "-MX;do'y'|x", "-MX;do'y'"),
            ("perl", "-Mblib|x", "-Mblib"),
            ("python", "--eval|x", "--eval"),
            ("php", "-d|auto_prepend_file=x|y", "-d"),
            ("php", "-dextension=x|y", "-dextension=x"),
            ("lua", "-x|y", "-x"),
        ] {
            let all = words(given_words);
            assert_eq!(given(interpreter.as_bytes(), &all), Some(Err(word.as_bytes())), "{interpreter} {given_words}");
        }
        for other in ["cp", "3", "", "gawk", "pythonic", "php-fpm8.2", "python3-config", "node-gyp", "shred"] {
            assert_eq!(given(other.as_bytes(), &words("x|y")), None, "{other}");
        }
    }
}
