//! `--name value` flags.

use std::{collections::BTreeMap, path::PathBuf};

/// Why nothing, or not everything, was done.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The command line makes no sense.
    Usage(String),
    /// It does, but the work failed.
    Work(failberry_image::Error),
}

impl From<failberry_image::Error> for Failure {
    fn from(error: failberry_image::Error) -> Self {
        Self::Work(error)
    }
}

/// The flags that have not been asked for yet.
#[derive(Debug)]
pub(crate) struct Args(BTreeMap<String, String>);

impl Args {
    /// The command and its flags.
    pub(crate) fn parse(
        mut words: impl Iterator<Item = String>,
    ) -> Result<(String, Self), Failure> {
        let verb = words
            .next()
            .ok_or_else(|| Failure::Usage("expected a command".into()))?;
        let mut flags = BTreeMap::new();
        while let Some(word) = words.next() {
            let name = word
                .strip_prefix("--")
                .ok_or_else(|| Failure::Usage(format!("expected a flag, got {word:?}")))?;
            let value = words
                .next()
                .ok_or_else(|| Failure::Usage(format!("--{name} has no value")))?;
            if flags.insert(name.to_owned(), value).is_some() {
                return Err(Failure::Usage(format!("--{name} is given twice")));
            }
        }
        Ok((verb, Self(flags)))
    }

    /// A flag that must be there.
    pub(crate) fn text(&mut self, name: &str) -> Result<String, Failure> {
        let value = self.0.remove(name);
        value.ok_or_else(|| Failure::Usage(format!("--{name} is missing")))
    }

    /// A flag or its default.
    pub(crate) fn text_or(&mut self, name: &str, default: &str) -> String {
        self.0.remove(name).unwrap_or_else(|| default.into())
    }

    /// A path that must be there.
    pub(crate) fn path(&mut self, name: &str) -> Result<PathBuf, Failure> {
        self.text(name).map(PathBuf::from)
    }

    /// A path or its default.
    pub(crate) fn path_or(&mut self, name: &str, default: impl Into<PathBuf>) -> PathBuf {
        self.0
            .remove(name)
            .map_or_else(|| default.into(), PathBuf::from)
    }

    /// Nothing may be left over.
    pub(crate) fn done(self) -> Result<(), Failure> {
        self.0.keys().next().map_or(Ok(()), |name| {
            Err(Failure::Usage(format!(
                "--{name} is not a flag of this command"
            )))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<(String, Args), Failure> {
        Args::parse(text.split_whitespace().map(String::from))
    }

    #[test]
    fn flags_are_found_in_any_order() {
        let (verb, mut args) = parse("card --out x --board rpi2").unwrap();
        assert_eq!(verb, "card");
        assert_eq!(args.text("board").unwrap(), "rpi2");
        assert_eq!(args.path_or("out", "y"), PathBuf::from("x"));
        assert_eq!(args.text_or("epoch", "1"), "1");
        args.done().unwrap();
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for text in ["", "card x", "card --out", "card --a 1 --a 2"] {
            assert!(matches!(parse(text), Err(Failure::Usage(_))), "{text}");
        }
        let (_, mut args) = parse("card --typo 1").unwrap();
        assert!(args.text("board").is_err());
        assert!(args.done().is_err());
    }
}
