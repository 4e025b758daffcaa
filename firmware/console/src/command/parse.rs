//! Lines to commands, and what can come next.

use std::fmt::Write;

use failberry_service::Service;

use super::{
    Command, Confirm,
    table::{Given, KERNEL, Row, Slotted, TABLE},
};
use crate::line::Completion;

/// Columns of the help page before the explanation.
const HELP_COLUMN: usize = 26;

/// A line that is no command.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// The first word is none, or the next one.
    #[error("expected {expected}, got \"{got}\"")]
    Word {
        /// Words that could stand there.
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

impl Row {
    /// Whether `words` begin with this command's.
    fn leads(&self, words: &[&str]) -> bool {
        words.get(..self.words.len()) == Some(self.words)
    }

    fn usage(&self) -> String {
        let mut text = self.words.join(" ");
        for place in self.places {
            let _ = match place {
                Slotted::Flag(flag) => write!(text, " [{flag}]"),
                Slotted::Choice(words) => write!(text, " {}", words.join("|")),
                Slotted::Service => write!(text, " <service>"),
                Slotted::Writer => write!(text, " [service]"),
                Slotted::Rest(name) => write!(text, " <{name}>"),
            };
        }
        text
    }
}

impl Slotted {
    /// Words that can stand there, where they can be told.
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

    const fn may_be_left_out(self) -> bool {
        matches!(self, Self::Flag(_) | Self::Writer)
    }
}

/// The command in `line`; none in an empty one.
///
/// # Errors
/// What was expected, what stands there, and where.
pub fn parse(line: &str) -> Result<Option<(Command, Option<Confirm>)>, ParseError> {
    let words: Vec<&str> = line.split_whitespace().collect();
    if words.is_empty() {
        return Ok(None);
    }
    // The longest: `modem at` before `modem`.
    let rows = TABLE.iter().filter(|row| row.leads(&words));
    let Some(row) = rows.max_by_key(|row| row.words.len()) else {
        return Err(no_row(&words));
    };
    let own = row.words.join(" ");
    let mut rest = words.get(row.words.len()..).unwrap_or_default();
    let mut given = Given::default();
    for place in row.places {
        let Some((word, after)) = rest.split_first() else {
            if place.may_be_left_out() {
                continue;
            }
            return Err(ParseError::Missing {
                expected: expected(*place),
                after: own,
            });
        };
        match place {
            Slotted::Flag(flag) if word == flag => given.flag = true,
            Slotted::Flag(_) => continue,
            Slotted::Rest(_) => {
                // Blanks between its words are its own.
                given.word = after_words(line, row.words.len()).into();
                rest = &[];
                break;
            }
            Slotted::Choice(_) | Slotted::Service | Slotted::Writer => {
                if !place.words().contains(word) {
                    return Err(ParseError::Word {
                        expected: expected(*place),
                        got: (*word).into(),
                    });
                }
                given.word = (*word).into();
            }
        }
        rest = after;
    }
    if let Some(word) = rest.first() {
        // `config sho` and the like, where a longer command begins with the same words.
        let others = next_words(&words, row.words.len());
        return Err(if others.is_empty() || !row.places.is_empty() {
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
    Ok((row.make)(&given).map(|command| (command, row.confirm)))
}

/// `line` without its first `count` words.
fn after_words(line: &str, count: usize) -> &str {
    let mut rest = line.trim();
    for _ in 0..count {
        rest = rest
            .split_once(char::is_whitespace)
            .map_or("", |(_, after)| after.trim_start());
    }
    rest
}

/// No command begins so.
fn no_row(words: &[&str]) -> ParseError {
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

/// The table's words that can follow the first `count` of `words`.
fn next_words(words: &[&str], count: usize) -> Vec<&'static str> {
    let before = words.get(..count).unwrap_or_default();
    let mut next: Vec<&str> = TABLE
        .iter()
        .filter(|row| row.words.starts_with(before))
        .filter_map(|row| row.words.get(count).copied())
        .collect();
    next.dedup();
    next
}

fn expected(place: Slotted) -> String {
    match place {
        Slotted::Rest(name) => format!("a {name}"),
        place => one_of(&place.words()),
    }
}

fn one_of(words: &[&str]) -> String {
    match words {
        [] => "nothing".into(),
        [one] => (*one).into(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

/// How the last word of `before` can go on.
pub fn complete(before: &str) -> Completion {
    let mut words: Vec<&str> = before.split_whitespace().collect();
    let typed = if before.ends_with(char::is_whitespace) {
        ""
    } else {
        words.pop().unwrap_or_default()
    };
    let mut can = next_words(&words, words.len());
    let rows = TABLE.iter().filter(|row| row.leads(&words));
    if let Some(row) = rows.max_by_key(|row| row.words.len()) {
        let mut rest = words.get(row.words.len()..).unwrap_or_default();
        for place in row.places {
            let taken = rest.split_first().filter(|(word, _)| {
                matches!(place, Slotted::Rest(_)) || place.words().contains(word)
            });
            if let Some((_, after)) = taken {
                rest = after;
            } else if rest.is_empty() {
                can.extend(place.words());
                if !place.may_be_left_out() {
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

/// The page that lists all commands.
pub fn help() -> Vec<String> {
    let mut page: Vec<String> = TABLE
        .iter()
        .map(|row| format!("{:<HELP_COLUMN$}{}", row.usage(), row.about))
        .collect();
    page.push(
        "Tab completes, Up brings lines back, Ctrl-C gives up, 10 silent minutes leave.".into(),
    );
    page
}
