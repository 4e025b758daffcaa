//! Running the programs that do part of the work.

use std::{
    io::Write,
    path::Path,
    process::{Command, Stdio},
    thread,
};

use crate::{Error, Result};

fn name_of(command: &Command) -> String {
    Path::new(command.get_program())
        .file_name()
        .map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

/// Runs a program and gives what it wrote to its standard output.
pub(crate) fn run(command: &mut Command) -> Result<Vec<u8>> {
    filter(command, &[])
}

/// Runs a program with `input` on its standard input and gives its standard output.
pub(crate) fn filter(command: &mut Command, input: &[u8]) -> Result<Vec<u8>> {
    let tool = name_of(command);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|source| Error::ToolMissing {
            tool: tool.clone(),
            source,
        })?;
    let pipe = child.stdin.take();
    // Fed from its own thread: the program may fill its output before it has read all its input.
    let output = thread::scope(|scope| {
        scope.spawn(move || {
            // A program that stops reading says why by its exit status.
            pipe.map(|mut pipe| pipe.write_all(input))
        });
        child.wait_with_output()
    })
    .map_err(Error::file(&tool))?;
    if output.status.success() {
        Ok(output.stdout)
    } else {
        Err(Error::Tool {
            tool,
            status: output.status,
            stderr: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        })
    }
}
