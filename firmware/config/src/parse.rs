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

    let mut find = |name| section(root, text, name, &mut problems);
    let carrier = find("carrier");
    let stick = find("stick");
    let lan = find("lan");
    let dyndns = find("dyndns");
    let aws = find("aws");
    let firewall = find("firewall");
    let time = find("time");

    if let Section::Table(reader) = carrier {
        config.carrier = finish(reader, tables::carrier, &mut problems);
    }
    if let Section::Table(reader) = stick {
        config.stick =
            finish(reader, |t| Some(tables::stick(t)), &mut problems).unwrap_or_default();
    }
    if let Section::Table(reader) = lan {
        config.lan = finish(reader, |t| Some(tables::lan(t)), &mut problems).unwrap_or_default();
    }
    if let Section::Table(reader) = time {
        config.time = finish(reader, |t| Some(tables::time(t)), &mut problems).unwrap_or_default();
    }
    if let Section::Table(reader) = dyndns {
        config.dyndns = finish(reader, tables::dyndns, &mut problems);
    }
    match (aws, &config.dyndns) {
        (Section::Table(reader), _) => config.aws = finish(reader, tables::aws, &mut problems),
        (Section::Absent, Some(dyndns)) if document.lost_from.is_none() => problems.push(Problem {
            line: table_line(root, text, "dyndns"),
            key: "dyndns".into(),
            reason: format!(
                "expected [aws] with the keys that may change {}, got none",
                dyndns.name
            ),
        }),
        _ => {}
    }
    config.firewall = match firewall {
        Section::Table(mut reader) => {
            let firewall = tables::firewall(&mut reader);
            problems.extend(reader.into_problems());
            firewall
        }
        Section::Invalid => tables::nobody(),
        Section::Absent => Firewall::default(),
    };

    unknown_tables(root, text, &mut problems);
    if config.firewall.allow.is_none() && (lost_permissions || misplaced_permissions(root, true)) {
        config.firewall = tables::nobody();
    }
    if lost_forwards {
        config.firewall.forward.clear();
    }
    problems.sort_by_key(|problem| problem.line);
    Parsed { config, problems }
}

/// The same for the bytes of the file, which may be no text at all. A byte that is no UTF-8 costs
/// the value it stands in; in a comment it costs nothing.
pub fn parse_bytes(bytes: &[u8]) -> Parsed {
    let (text, problem) = decode(bytes);
    let mut parsed = parse(&text);
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

fn finish<'a, T>(
    mut reader: Reader<'a>,
    read: impl FnOnce(&mut Reader<'a>) -> Option<T>,
    problems: &mut Vec<Problem>,
) -> Option<T> {
    let value = read(&mut reader).filter(|_| reader.is_good());
    reader.no_others();
    problems.extend(reader.into_problems());
    value
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
