//! U-Boot's environment: the texts in `board/common` and `board/<board>` as they lie on the card.

use std::{fs, path::Path};

use failberry_environment::Environment;

use crate::{Error, Result};

/// The variables of a board: those that all boards have, then its own.
pub fn of_board(board_dir: &Path, board: &str) -> Result<Vec<String>> {
    let mut all = Vec::new();
    for directory in ["common", board] {
        let path = board_dir.join(directory).join("uboot.env");
        let text = fs::read_to_string(&path).map_err(Error::file(path))?;
        all.extend(variables(&text)?);
    }
    Ok(all)
}

/// The variables of an environment text, each as `name=value`.
///
/// The rules are those by which U-Boot's build reads its default environment: lines that begin
/// with `#` and empty lines do not count; a backslash at the end joins the next line without its
/// leading spaces.
pub fn variables(text: &str) -> Result<Vec<String>> {
    let mut joined: Vec<(usize, String)> = Vec::new();
    let mut open = false;
    for (number, line) in (1..).zip(text.lines()) {
        if line.starts_with('#') || line.is_empty() {
            continue;
        }
        let body = line.strip_suffix('\\');
        let part = body.unwrap_or(line);
        match joined.last_mut() {
            Some((_, last)) if open => last.push_str(part.trim_start()),
            _ => joined.push((number, part.to_owned())),
        }
        open = body.is_some();
    }
    joined
        .into_iter()
        .map(|(line, text)| match text.find('=') {
            Some(1..) => Ok(text),
            _ => Err(Error::EnvironmentLine { line, text }),
        })
        .collect()
}

/// One copy of the environment, `size` bytes. The copy with the higher `serial` is the valid one.
pub fn block(variables: &[String], size: usize, serial: u8) -> Result<Vec<u8>> {
    let environment = Environment::new(variables);
    environment.copy(size, serial).map_err(Error::Environment)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_joined_as_u_boots_build_joins_them() {
        let text = "# comment\na=1\n\nb=\\\n  if x; \\\n# between\nthen y\nc=\n";
        assert_eq!(variables(text).unwrap(), ["a=1", "b=if x; then y", "c="]);
    }

    #[test]
    fn a_line_without_a_name_is_told_with_its_number() {
        let error = variables("a=1\nnonsense\n").unwrap_err().to_string();
        assert!(error.contains("line 2"), "{error}");
        assert!(variables("=1").is_err());
    }

    #[test]
    fn a_block_has_serial_and_terminated_variables() {
        let block = block(&["a=1".into(), "b=".into()], 16, 1).unwrap();
        assert_eq!(&block[4..], b"\x01a=1\0b=\0\0\0\0\0");
    }

    #[test]
    fn an_environment_that_does_not_fit_is_refused() {
        assert!(block(&["a=123456".into()], 14, 1).is_err());
    }
}
