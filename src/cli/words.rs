//! The commands by their names, for all that speaks of them: the command line, its help, and the roles, which must be called
//! differently.

/// The commands, with their usage and what they do. Their names are the reserved words: as the first operand they are
/// the command, so a program of the same name is run as `app-init -- NAME`.
pub const COMMANDS: [(&str, &str, &str); 7] = [
    ("run", "run [OPTIONS] [--] [ARG]...", "boot: waits, deploy hooks, then the server; the default"),
    ("exec", "exec [OPTIONS] [--] CMD [ARG]...", "become CMD in the application's environment; no hooks"),
    ("shell", "shell [-u SPEC] [-c COMMAND]", "an interactive shell in the same environment; also --shell"),
    ("hook", "hook [OPTIONS] NAME [ARG]...", "run one hook and exit with its code"),
    (
        "check",
        "check [--strict] [ROLE] [ARG]...",
        "print the plan or every fault, a warning too if strict; start nothing",
    ),
    ("env", "env [--json] [--reveal]", "print the application's environment, secrets as ***"),
    ("wait", "wait [OPTIONS] TARGET... [-- CMD]", "wait for ports, files, services; then become CMD"),
];
