//! Process table of the product: running services with memory, descriptors, children and threads.

use std::{
    fs::{self, DirEntry},
    io,
    path::{Path, PathBuf},
};

/// First word of every service's command line.
const PROGRAM: &str = "failberry";

/// Name of PID 1 in a sample.
const SUPERVISOR: &str = "supervisor";

/// A process of the product.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) name: String,
    pub(crate) pid: i32,
    directory: PathBuf,
}

/// Returns all processes of the product below `proc`, PID 1 first.
pub(crate) fn all(proc: &Path) -> io::Result<Vec<Process>> {
    let mut found: Vec<Process> = numbered(proc)?
        .filter_map(|(pid, entry)| {
            let line = fs::read_to_string(entry.path().join("cmdline")).ok()?;
            let mut words = line.split('\0');
            let name = match (pid, words.next()?) {
                (1, _) => SUPERVISOR.to_owned(),
                (_, PROGRAM) => words.next()?.to_owned(),
                _ => return None,
            };
            let directory = entry.path();
            Some(Process {
                name,
                pid,
                directory,
            })
        })
        .collect();
    found.sort_by_key(|process| process.pid);
    Ok(found)
}

/// Returns the process id of the service `name` if it runs.
pub(crate) fn pid_of(name: &str) -> io::Result<Option<i32>> {
    let all = all(Path::new("/proc"))?;
    Ok(all.into_iter().find(|it| it.name == name).map(|it| it.pid))
}

/// Returns one word for each process, `name:pid:pss:anonymous:rss:files:children:threads`, sizes in
/// KiB, then `dead:` with the number of zombies.
pub(crate) fn sample(proc: &Path) -> io::Result<String> {
    let parents = parents(proc)?;
    let mut words = Vec::new();
    for process in all(proc)? {
        let memory = fs::read_to_string(process.directory.join("smaps_rollup"))?;
        let of = |name| field(&memory, name).unwrap_or_default();
        let files = fs::read_dir(process.directory.join("fd"))?.count();
        let threads = fs::read_dir(process.directory.join("task"))?.count();
        let children = parents.iter().filter(|(parent, _)| *parent == process.pid);
        words.push(format!(
            "{}:{}:{}:{}:{}:{files}:{}:{threads}",
            process.name,
            process.pid,
            of("Pss:"),
            of("Pss_Anon:"),
            of("Rss:"),
            children.count(),
        ));
    }
    let dead = parents.iter().filter(|(_, state)| *state == 'Z').count();
    words.push(format!("dead:{dead}"));
    Ok(words.join(" "))
}

/// Returns parent and state of every process.
fn parents(proc: &Path) -> io::Result<Vec<(i32, char)>> {
    let of = |entry: &DirEntry| {
        let text = fs::read_to_string(entry.path().join("stat")).ok()?;
        // The process name before it may contain brackets and spaces.
        let mut words = text.rsplit_once(") ")?.1.split(' ');
        let state = words.next()?.chars().next()?;
        Some((words.next()?.parse().ok()?, state))
    };
    Ok(numbered(proc)?
        .filter_map(|(_, entry)| of(&entry))
        .collect())
}

/// Returns the entries that are processes. One that exits meanwhile has missing files.
fn numbered(proc: &Path) -> io::Result<impl Iterator<Item = (i32, DirEntry)>> {
    let entries = fs::read_dir(proc)?;
    Ok(entries.filter_map(|entry| {
        let entry = entry.ok()?;
        let pid = entry.file_name().to_str()?.parse().ok()?;
        Some((pid, entry))
    }))
}

fn field(text: &str, name: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    rest.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(proc: &Path, pid: i32, cmdline: &str, parent: i32, state: char) {
        let directory = proc.join(pid.to_string());
        for name in ["fd/0", "fd/1", "task/1"] {
            fs::create_dir_all(directory.join(name)).unwrap();
        }
        fs::write(directory.join("cmdline"), cmdline).unwrap();
        let stat = format!("{pid} (in) it) {state} {parent} 0 0");
        fs::write(directory.join("stat"), stat).unwrap();
        let memory =
            "8000-9000 ---p 0 00:00 0 [rollup]\nRss: 884 kB\nPss: 385 kB\nPss_Anon: 68 kB\n";
        fs::write(directory.join("smaps_rollup"), memory).unwrap();
    }

    #[test]
    fn sample_lists_only_services() {
        let proc = tempfile::tempdir().unwrap();
        process(proc.path(), 1, "/init\0", 0, 'S');
        process(proc.path(), 9, "/saboteur\0", 1, 'R');
        process(proc.path(), 40, "failberry\0uplink\0", 1, 'S');
        process(proc.path(), 41, "", 1, 'Z');
        fs::write(proc.path().join("uptime"), "1").unwrap();
        assert_eq!(
            sample(proc.path()).unwrap(),
            "supervisor:1:385:68:884:2:3:1 uplink:40:385:68:884:2:0:1 dead:1"
        );
    }
}
