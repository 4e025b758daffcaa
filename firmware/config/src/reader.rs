//! Taking typed values out of one TOML table, collecting what is wrong with it.

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use crate::{Problem, problem::printable, secrets::is_mask, suggest, text::line_of};

/// What a text must look like.
pub(crate) struct Rule<T> {
    /// For the person who wrote something else.
    pub(crate) expected: &'static str,
    /// Whether the text may be a secret, or one put in the wrong place.
    pub(crate) secret: bool,
    /// The value, if the text is one.
    pub(crate) read: fn(&str) -> Option<T>,
}

/// One table being read.
pub(crate) struct Reader<'a> {
    table: &'a DeTable<'a>,
    text: &'a str,
    /// Line of the table's name.
    line: usize,
    path: &'static str,
    known: Vec<&'static str>,
    problems: Vec<Problem>,
    unknown: Vec<Problem>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(
        table: &'a DeTable<'a>,
        text: &'a str,
        line: usize,
        path: &'static str,
    ) -> Self {
        Self {
            table,
            text,
            line,
            path,
            known: Vec::new(),
            problems: Vec::new(),
            unknown: Vec::new(),
        }
    }

    /// A text that must be there.
    pub(crate) fn required<T>(&mut self, key: &'static str, rule: &Rule<T>) -> Option<T> {
        if self.get(key).is_none() {
            let reason = format!(
                "expected {}, got nothing: the key is missing",
                rule.expected
            );
            self.report(self.line, key, reason);
        }
        self.optional(key, rule)
    }

    /// A text that may be there.
    pub(crate) fn optional<T>(&mut self, key: &'static str, rule: &Rule<T>) -> Option<T> {
        let value = self.get(key)?;
        self.check(key, value, rule)
    }

    /// A list of texts.
    pub(crate) fn list<T>(
        &mut self,
        key: &'static str,
        rule: &Rule<T>,
        most: usize,
    ) -> Option<Vec<T>> {
        let value = self.get(key)?;
        let DeValue::Array(items) = value.get_ref() else {
            self.wrong(
                key,
                value,
                &format!("a list of {}", rule.expected),
                rule.secret,
            );
            return None;
        };
        if items.len() > most {
            let reason = format!("expected at most {most} entries, got {}", items.len());
            self.report(self.line_of(value), key, reason);
            return None;
        }
        items
            .iter()
            .map(|item| self.check(key, item, rule))
            .collect()
    }

    /// A whole number from `least` to `most`.
    pub(crate) fn number(&mut self, key: &'static str, least: u32, most: u32) -> Option<u32> {
        let value = self.get(key)?;
        let number = match value.get_ref() {
            DeValue::Integer(digits) => u32::from_str_radix(digits.as_str(), digits.radix()).ok(),
            _ => None,
        };
        let number = number.filter(|number| (least..=most).contains(number));
        if number.is_none() {
            self.wrong(
                key,
                value,
                &format!("a number from {least} to {most}"),
                false,
            );
        }
        number
    }

    /// A port number that must be there.
    pub(crate) fn required_port(&mut self, key: &'static str) -> Option<u16> {
        if self.get(key).is_none() {
            self.report(
                self.line,
                key,
                "expected a port number, got nothing: the key is missing".into(),
            );
        }
        self.port(key)
    }

    /// A port number that may be there.
    pub(crate) fn port(&mut self, key: &'static str) -> Option<u16> {
        self.number(key, 1, u16::MAX.into())
            .and_then(|port| port.try_into().ok())
    }

    /// `true` or `false`.
    pub(crate) fn flag(&mut self, key: &'static str) -> Option<bool> {
        let value = self.get(key)?;
        if let DeValue::Boolean(flag) = value.get_ref() {
            return Some(*flag);
        }
        self.wrong(key, value, "true or false (without quotes)", false);
        None
    }

    /// The tables `[[path.key]]`, each with its line.
    pub(crate) fn tables(&mut self, key: &'static str) -> Vec<(&'a DeTable<'a>, usize)> {
        let Some(value) = self.get(key) else {
            return Vec::new();
        };
        let expected = format!("tables [[{}]]", self.full(key));
        let DeValue::Array(items) = value.get_ref() else {
            self.wrong(key, value, &expected, false);
            return Vec::new();
        };
        let mut tables = Vec::new();
        for item in items {
            match item.get_ref() {
                DeValue::Table(table) => tables.push((table, self.line_of(item))),
                _ => self.wrong(key, item, &expected, false),
            }
        }
        tables
    }

    /// A problem with what `key` says, found by looking at more than its form.
    pub(crate) fn object(&mut self, key: &'static str, reason: String) {
        let line = self.get(key).map_or(self.line, |value| self.line_of(value));
        self.report(line, key, reason);
    }

    /// Name of the table.
    pub(crate) const fn path(&self) -> &'static str {
        self.path
    }

    /// Whether everything asked for so far was right.
    pub(crate) fn is_good(&self) -> bool {
        self.problems.is_empty()
    }

    /// Reports the keys that nobody asked for; call it after the last question. Tells whether
    /// there were none.
    pub(crate) fn no_others(&mut self) -> bool {
        for (key, _) in self.table {
            let name = key.get_ref().as_ref();
            if !self.known.contains(&name) {
                self.unknown.push(Problem {
                    line: line_of(self.text, key.span().start),
                    key: self.full(&printable(name)),
                    reason: suggest::unknown(name, &self.known),
                });
            }
        }
        self.unknown.is_empty()
    }

    /// Keys that may stand here though nobody asks for them.
    pub(crate) fn expect_keys(&mut self, keys: &[&'static str]) {
        self.known.extend(keys);
    }

    /// A reader for a table within this one.
    pub(crate) fn inner(&self, table: &'a DeTable<'a>, line: usize, path: &'static str) -> Self {
        Self::new(table, self.text, line, path)
    }

    /// Makes everything wrong with `inner`, unknown keys included, wrong with this table.
    pub(crate) fn absorb(&mut self, mut inner: Self) {
        inner.no_others();
        self.problems.extend(inner.into_problems());
    }

    /// Everything found wrong.
    pub(crate) fn into_problems(self) -> impl Iterator<Item = Problem> {
        self.problems.into_iter().chain(self.unknown)
    }

    fn get(&mut self, key: &'static str) -> Option<&'a Spanned<DeValue<'a>>> {
        if !self.known.contains(&key) {
            self.known.push(key);
        }
        self.table.get(key)
    }

    fn check<T>(&mut self, key: &str, value: &Spanned<DeValue<'_>>, rule: &Rule<T>) -> Option<T> {
        let read = match value.get_ref() {
            DeValue::String(text) if rule.secret && is_mask(text) => {
                let reason = "expected the secret itself: its stars stand for one that was \
                              imported, and the box has none";
                self.report(self.line_of(value), key, reason.into());
                return None;
            }
            DeValue::String(text) => (rule.read)(text),
            _ => None,
        };
        if read.is_none() {
            self.wrong(key, value, rule.expected, rule.secret);
        }
        read
    }

    fn wrong(&mut self, key: &str, value: &Spanned<DeValue<'_>>, expected: &str, secret: bool) {
        let reason = format!(
            "expected {expected}, got {}",
            describe(value.get_ref(), secret)
        );
        self.report(self.line_of(value), key, reason);
    }

    fn report(&mut self, line: usize, key: &str, reason: String) {
        self.problems.push(Problem {
            line,
            key: self.full(key),
            reason,
        });
    }

    fn full(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }

    fn line_of<T>(&self, value: &Spanned<T>) -> usize {
        line_of(self.text, value.span().start)
    }
}

/// What somebody wrote, or only its kind where it may be a secret.
pub(crate) fn describe(value: &DeValue<'_>, secret: bool) -> String {
    match value {
        DeValue::String(text) if !secret => format!("\"{}\"", printable(text)),
        DeValue::Integer(number) if !secret => printable(&number.to_string()),
        DeValue::Boolean(flag) if !secret => flag.to_string(),
        DeValue::String(_) => "another text (not shown)".into(),
        DeValue::Integer(_) => "a number without quotes (not shown)".into(),
        DeValue::Boolean(_) => "true or false".into(),
        DeValue::Float(_) => "a fraction".into(),
        DeValue::Datetime(_) => "a date or time".into(),
        DeValue::Array(_) => "a list".into(),
        DeValue::Table(_) => "a table".into(),
    }
}
