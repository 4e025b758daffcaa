//! Parser from lines to commands, and completion.

use std::fmt::Write;

use failberry_service::Service;

use super::{
    Command, Confirm,
    table::{ArgKind, Args, CommandSpec, KERNEL, TABLE},
};
use crate::line::Completion;

/// Columns of the help page before the explanation.
const HELP_COLUMN: usize = 26;

/// Why a line is no command.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// A word that does not fit.
    #[error("expected {expected}, got \"{got}\"")]
    Word {
        /// Words that would fit.
        expected: String,
        /// What stands there.
        got: String,
    },
    /// The line is too short.
    #[error("expected {expected} after \"{after}\"")]
    Missing {
        /// Words that could follow.
        expected: String,
        /// The line so far.
        after: String,
    },
    /// The line is too long.
    #[error("expected nothing more after \"{after}\", got \"{got}\"")]
    More {
        /// The command.
        after: String,
        /// What stands there.
        got: String,
    },
}

impl CommandSpec {
    /// Returns whether `words` begin with this command's words.
    fn matches_prefix(&self, words: &[&str]) -> bool {
        words.get(..self.words.len()) == Some(self.words)
    }

    fn usage(&self) -> String {
        let mut text = self.words.join(" ");
        for kind in self.arg_kinds {
            let _ = match kind {
                ArgKind::Flag(flag) => write!(text, " [{flag}]"),
                ArgKind::Choice(words) => write!(text, " {}", words.join("|")),
                ArgKind::Service => write!(text, " <service>"),
                ArgKind::Writer => write!(text, " [service]"),
                ArgKind::Rest(name) => write!(text, " <{name}>"),
            };
        }
        text
    }
}

impl ArgKind {
    /// Returns the words that fit, if they are known.
    fn words(self) -> Vec<&'static str> {
        let services = || Service::SUPERVISED.into_iter().map(Service::name);
        match self {
            Self::Flag(flag) => vec![flag],
            Self::Choice(words) => words.to_vec(),
            Self::Service => services().collect(),
            Self::Writer => services()
                .chain([Service::Supervisor.name(), Service::Storage.name(), KERNEL])
                .collect(),
            Self::Rest(_) => Vec::new(),
        }
    }

    const fn is_optional(self) -> bool {
        matches!(self, Self::Flag(_) | Self::Writer)
    }
}

/// Parses `line`; none if it is empty.
///
/// # Errors
/// What was expected, what stands there, and where.
pub fn parse(line: &str) -> Result<Option<(Command, Option<Confirm>)>, ParseError> {
    let words: Vec<&str> = line.split_whitespace().collect();
    if words.is_empty() {
        return Ok(None);
    }
    // The longest: `modem at` before `modem`.
    let specs = TABLE.iter().filter(|spec| spec.matches_prefix(&words));
    let Some(spec) = specs.max_by_key(|spec| spec.words.len()) else {
        return Err(unknown_command(&words));
    };
    let own = spec.words.join(" ");
    let mut rest = words.get(spec.words.len()..).unwrap_or_default();
    let mut args = Args::default();
    for kind in spec.arg_kinds {
        let Some((word, after)) = rest.split_first() else {
            if kind.is_optional() {
                continue;
            }
            return Err(ParseError::Missing {
                expected: expected(*kind),
                after: own,
            });
        };
        match kind {
            ArgKind::Flag(flag) if word == flag => args.flag = true,
            ArgKind::Flag(_) => continue,
            ArgKind::Rest(_) => {
                // Blanks within the argument are part of it.
                args.word = without_words(line, spec.words.len()).into();
                rest = &[];
                break;
            }
            ArgKind::Choice(_) | ArgKind::Service | ArgKind::Writer => {
                if !kind.words().contains(word) {
                    return Err(ParseError::Word {
                        expected: expected(*kind),
                        got: (*word).into(),
                    });
                }
                args.word = (*word).into();
            }
        }
        rest = after;
    }
    if let Some(word) = rest.first() {
        // As `config sho`, if a longer command begins with the same words.
        let others = next_words(&words, spec.words.len());
        return Err(if others.is_empty() || !spec.arg_kinds.is_empty() {
            ParseError::More {
                after: own,
                got: (*word).into(),
            }
        } else {
            ParseError::Word {
                expected: one_of(&others),
                got: (*word).into(),
            }
        });
    }
    Ok((spec.build)(&args).map(|command| (command, spec.confirm)))
}

/// Returns `line` without its first `count` words.
fn without_words(line: &str, count: usize) -> &str {
    let mut rest = line.trim();
    for _ in 0..count {
        rest = rest
            .split_once(char::is_whitespace)
            .map_or("", |(_, after)| after.trim_start());
    }
    rest
}

/// Returns the error for words with which no command begins.
fn unknown_command(words: &[&str]) -> ParseError {
    let known = (0..=words.len())
        .take_while(|count| !next_words(words, *count).is_empty())
        .last()
        .unwrap_or_default();
    let next = one_of(&next_words(words, known));
    match words.get(known) {
        Some(_) if known == 0 => ParseError::Word {
            expected: "a command (help lists them)".into(),
            got: words.first().copied().unwrap_or_default().into(),
        },
        Some(got) => ParseError::Word {
            expected: next,
            got: (*got).into(),
        },
        None => ParseError::Missing {
            expected: next,
            after: words.join(" "),
        },
    }
}

/// Returns the table's words that can follow the first `count` of `words`.
fn next_words(words: &[&str], count: usize) -> Vec<&'static str> {
    let before = words.get(..count).unwrap_or_default();
    let mut next: Vec<&str> = TABLE
        .iter()
        .filter(|spec| spec.words.starts_with(before))
        .filter_map(|spec| spec.words.get(count).copied())
        .collect();
    next.dedup();
    next
}

fn expected(kind: ArgKind) -> String {
    match kind {
        ArgKind::Rest(name) => format!("a {name}"),
        kind => one_of(&kind.words()),
    }
}

fn one_of(words: &[&str]) -> String {
    match words {
        [] => "nothing".into(),
        [one] => (*one).into(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

/// Returns the completions of the last word of `before`.
pub fn complete(before: &str) -> Completion {
    let mut words: Vec<&str> = before.split_whitespace().collect();
    let typed = if before.ends_with(char::is_whitespace) {
        ""
    } else {
        words.pop().unwrap_or_default()
    };
    let mut can = next_words(&words, words.len());
    let specs = TABLE.iter().filter(|spec| spec.matches_prefix(&words));
    if let Some(spec) = specs.max_by_key(|spec| spec.words.len()) {
        let mut rest = words.get(spec.words.len()..).unwrap_or_default();
        for kind in spec.arg_kinds {
            let taken = rest.split_first().filter(|(word, _)| {
                matches!(kind, ArgKind::Rest(_)) || kind.words().contains(word)
            });
            if let Some((_, after)) = taken {
                rest = after;
            } else if rest.is_empty() {
                can.extend(kind.words());
                if !kind.is_optional() {
                    break;
                }
            }
        }
        if !rest.is_empty() {
            can.clear();
        }
    }
    Completion {
        typed: typed.chars().count(),
        words: can
            .into_iter()
            .filter(|word| word.starts_with(typed))
            .map(String::from)
            .collect(),
    }
}

/// Returns the help page, which lists all commands.
pub fn help() -> Vec<String> {
    let mut page: Vec<String> = TABLE
        .iter()
        .map(|spec| format!("{:<HELP_COLUMN$}{}", spec.usage(), spec.about))
        .collect();
    page.push(
        "Tab completes, Up brings lines back, Ctrl-C gives up, 10 silent minutes leave.".into(),
    );
    page
}
