//! From the text of the file to a [`Config`].
//!
//! A problem costs the table it stands in: the table then has its default, as if it were not
//! there. Two things differ. A key that does not exist is reported and otherwise ignored, so that
//! an older firmware can go back to work with a newer file. And `[firewall]` fails safe: whatever
//! is wrong with it costs all forwards, and if who may use the link is not known for certain,
//! nobody may.

use toml::de::{DeTable, DeValue};

use crate::{
    Config, Firewall, Parsed, Problem,
    reader::{Reader, describe},
    suggest::{self, distance},
    tables,
    text::{Document, decode, line_of},
};

/// Reads the text of the file.
pub fn parse(text: &str) -> Parsed {
    let document = Document::read(text);
    let text = document.text;
    let lost_permissions = document.lost_permissions();
    let lost_forwards = document.lost_forwards();
    let root = document.root.get_ref();
    let mut problems = document.problems.clone();
    let mut config = Config::default();

    let mut broken = Vec::new();
    let mut find = |name| {
        let section = section(root, text, name, &mut problems);
        if matches!(section, Section::Invalid) {
            broken.push(name);
        }
        section
    };
    let carrier = find("carrier");
    let stick = find("stick");
    let lan = find("lan");
    let dyndns = find("dyndns");
    let aws = find("aws");
    let firewall = find("firewall");
    let time = find("time");
    let update = find("update");
    let console = find("console");
    let system = find("system");

    let mut findings = Findings { problems, broken };
    let find = &mut findings;
    config.carrier = find.table(carrier, tables::carrier);
    config.stick = find.table(stick, some(tables::stick)).unwrap_or_default();
    config.lan = find.table(lan, some(tables::lan)).unwrap_or_default();
    config.time = find.table(time, some(tables::time)).unwrap_or_default();
    config.update = find.table(update, some(tables::update)).unwrap_or_default();
    config.console = find
        .table(console, some(tables::console))
        .unwrap_or_default();
    config.system = find.table(system, some(tables::system)).unwrap_or_default();
    config.dyndns = find.table(dyndns, tables::dyndns);
    match (aws, &config.dyndns) {
        (aws @ Section::Table(_), _) => {
            config.aws = find.table(aws, tables::aws);
        }
        (Section::Absent, Some(dyndns)) if document.lost_from.is_none() => {
            find.problems.push(Problem {
                line: table_line(root, text, "dyndns"),
                key: "dyndns".into(),
                reason: format!(
                    "expected [aws] with the keys that may change {}, got none",
                    dyndns.name
                ),
            });
        }
        _ => {}
    }
    config.firewall = match firewall {
        Section::Table(mut reader) => {
            let firewall = tables::firewall(&mut reader);
            if !reader.is_good() {
                find.broken.push("firewall");
            }
            find.problems.extend(reader.into_problems());
            firewall
        }
        Section::Invalid => tables::nobody(),
        Section::Absent => Firewall::default(),
    };

    let Findings {
        mut problems,
        broken,
    } = findings;
    unknown_tables(root, text, &mut problems);
    if config.firewall.allow.is_none() && (lost_permissions || misplaced_permissions(root, true)) {
        config.firewall = tables::nobody();
    }
    if lost_forwards {
        config.firewall.forward.clear();
    }
    problems.sort_by_key(|problem| problem.line);
    Parsed {
        config,
        problems,
        broken,
        torn: document.lost_from.is_some(),
    }
}

/// The same for the bytes of the file, which may be no text at all. A byte that is no UTF-8 costs
/// the value it stands in; in a comment it costs nothing.
pub fn parse_bytes(bytes: &[u8]) -> Parsed {
    let (text, problem) = decode(bytes);
    let mut parsed = parse(&text);
    parsed.torn |= text.is_empty() && !bytes.is_empty();
    parsed.problems.extend(problem);
    parsed.problems.sort_by_key(|problem| problem.line);
    parsed
}

enum Section<'a> {
    Absent,
    Invalid,
    Table(Reader<'a>),
}

/// The table `[name]`. An empty one is as good as none: people uncomment its keys one by one.
fn section<'a>(
    root: &'a DeTable<'a>,
    text: &'a str,
    name: &'static str,
    problems: &mut Vec<Problem>,
) -> Section<'a> {
    let Some(value) = root.get(name) else {
        return Section::Absent;
    };
    let line = table_line(root, text, name);
    match value.get_ref() {
        DeValue::Table(table) if table.is_empty() => Section::Absent,
        DeValue::Table(table) => Section::Table(Reader::new(table, text, line, name)),
        other => {
            let reason = format!("expected a table [{name}], got {}", describe(other, true));
            problems.push(Problem {
                line,
                key: name.into(),
                reason,
            });
            Section::Invalid
        }
    }
}

/// What is wrong with the tables read so far.
struct Findings {
    problems: Vec<Problem>,
    broken: Vec<&'static str>,
}

impl Findings {
    fn table<'a, T>(
        &mut self,
        section: Section<'a>,
        read: impl FnOnce(&mut Reader<'a>) -> Option<T>,
    ) -> Option<T> {
        let Section::Table(mut reader) = section else {
            return None;
        };
        let value = read(&mut reader).filter(|_| reader.is_good());
        if value.is_none() {
            self.broken.push(reader.path());
        }
        reader.no_others();
        self.problems.extend(reader.into_problems());
        value
    }
}

/// A reader for a table that has a value whatever stands in it.
fn some<'a, T>(read: fn(&mut Reader<'a>) -> T) -> impl FnOnce(&mut Reader<'a>) -> Option<T> {
    move |reader| Some(read(reader))
}

fn unknown_tables<'a>(root: &'a DeTable<'a>, text: &'a str, problems: &mut Vec<Problem>) {
    let mut reader = Reader::new(root, text, 1, "");
    reader.expect_keys(&suggest::tables());
    reader.no_others();
    problems.extend(reader.into_problems());
}

/// Whether a key may be meant for `[firewall]` or its list but stands elsewhere or is misspelt.
fn misplaced_permissions(table: &DeTable<'_>, is_root: bool) -> bool {
    table.iter().any(|(key, value)| {
        let name = key.get_ref();
        let here = distance(name, "allow") <= 1 || distance(name, "firewall") <= 2;
        match value.get_ref() {
            _ if is_root && name == "firewall" => false,
            DeValue::Table(inner) => here || misplaced_permissions(inner, false),
            _ => here,
        }
    })
}

fn table_line(root: &DeTable<'_>, text: &str, name: &str) -> usize {
    root.get_key_value(name)
        .map_or(1, |(key, _)| line_of(text, key.span().start))
}
