//! Runner for the programs that configure the network.

use std::{
    io::Write,
    process::{Command, Stdio},
};

use super::NetError;

fn name_of(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}

/// Runs a program with `input` on its standard input and returns its output.
pub(super) fn run(command: &mut Command, input: &str) -> Result<String, NetError> {
    let tool = name_of(command);
    let missing = |source| NetError::ToolMissing {
        tool: tool.clone(),
        source,
    };
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(missing)?;
    if let Some(mut pipe) = child.stdin.take() {
        // A program that stops reading reports it by its exit status.
        let _ = pipe.write_all(input.as_bytes());
    }
    let output = child.wait_with_output().map_err(NetError::file(&tool))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(NetError::Tool {
        tool,
        status: output.status,
        stderr: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
    })
}

/// Returns a command that the kernel kills when the thread that spawned it ends, however it ends;
/// see [`super::ChildGuard`].
pub(super) fn with_parent_death_signal(program: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--", program]);
    command
}
