//! What a change batch asks for, and what becomes of the zone.

use std::{collections::BTreeMap, net::Ipv4Addr};

use crate::internet::route53::{NAMESPACE, refusal::Refusal};

/// Longest time to live that Route 53 takes, in seconds.
const MAX_TTL: u32 = i32::MAX as u32;

/// One change of the zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The record's name as sent.
    pub name: String,
    /// The record's type, for instance `A`.
    pub kind: String,
    /// Time to live in seconds.
    pub ttl: u32,
    /// The record's value.
    pub value: String,
    /// `CREATE`, `DELETE` or `UPSERT`.
    pub action: String,
}

/// Value and time to live of every name and type.
pub(crate) type Records = BTreeMap<(String, String), (String, u32)>;

/// The zone after all of `changes`; not one of them is made where one cannot be.
pub(crate) fn apply(records: &Records, changes: &[Change]) -> Result<Records, Refusal> {
    let mut records = records.clone();
    for change in changes {
        let Change {
            name, kind, value, ..
        } = change;
        let refused = |why: &str| {
            let message = format!("[Tried to {why}]");
            Err(Refusal::new(400, "InvalidChangeBatch", message))
        };
        if kind == "A" && value.parse::<Ipv4Addr>().is_err() {
            return Err(Refusal::new(
                400,
                "InvalidChangeBatch",
                format!("[Invalid Resource Record: 'FATAL problem: UnparseableAddress ({value})']"),
            ));
        }
        let canonical = name.trim_end_matches('.').to_ascii_lowercase();
        let key = (canonical, kind.clone());
        let content = (value.clone(), change.ttl);
        match change.action.as_str() {
            "CREATE" if records.contains_key(&key) => {
                return refused(&format!(
                    "create resource record set [name='{name}.', type='{kind}'] but it already exists"
                ));
            }
            "DELETE" if records.get(&key) != Some(&content) => {
                return refused(&format!(
                    "delete resource record set [name='{name}.', type='{kind}'] but it was not found"
                ));
            }
            "DELETE" => {
                records.remove(&key);
            }
            _ => {
                records.insert(key, content);
            }
        }
    }
    Ok(records)
}

/// The changes that the body of `ChangeResourceRecordSets` asks for.
pub(crate) fn parse(body: &[u8]) -> Result<Vec<Change>, Refusal> {
    let text = std::str::from_utf8(body).map_err(|_| invalid("expected UTF-8"))?;
    let mut xml = Reader { rest: text };
    if text.starts_with("<?xml ") {
        xml.skip_past("?>")?;
    }
    xml.expect(&format!(
        "<ChangeResourceRecordSetsRequest xmlns=\"{NAMESPACE}\">"
    ))?;
    xml.open("ChangeBatch")?;
    if xml.at("<Comment>") {
        xml.text("Comment")?;
    }
    xml.open("Changes")?;
    let mut changes = Vec::new();
    while xml.at("<Change>") {
        changes.push(change(&mut xml)?);
    }
    xml.close("Changes")?;
    xml.close("ChangeBatch")?;
    xml.close("ChangeResourceRecordSetsRequest")?;
    if changes.is_empty() {
        return Err(invalid("expected <Change>, got none"));
    }
    if xml.rest.trim().is_empty() {
        Ok(changes)
    } else {
        Err(invalid("expected nothing behind the request"))
    }
}

fn change(xml: &mut Reader<'_>) -> Result<Change, Refusal> {
    xml.open("Change")?;
    let action = xml.text("Action")?;
    if !["CREATE", "DELETE", "UPSERT"].contains(&action.as_str()) {
        return Err(invalid(&format!("Action {action}")));
    }
    xml.open("ResourceRecordSet")?;
    let name = xml.text("Name")?;
    let kind = xml.text("Type")?;
    let ttl = xml.text("TTL")?;
    let ttl = ttl
        .parse()
        .ok()
        .filter(|seconds| *seconds <= MAX_TTL)
        .ok_or_else(|| invalid(&format!("TTL {ttl}")))?;
    xml.open("ResourceRecords")?;
    xml.open("ResourceRecord")?;
    let value = xml.text("Value")?;
    for tag in [
        "ResourceRecord",
        "ResourceRecords",
        "ResourceRecordSet",
        "Change",
    ] {
        xml.close(tag)?;
    }
    Ok(Change {
        name,
        kind,
        ttl,
        value,
        action,
    })
}

/// Reads the elements in their order; the schema leaves none to choose.
struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn at(&self, token: &str) -> bool {
        self.rest.trim_start().starts_with(token)
    }

    fn expect(&mut self, token: &str) -> Result<(), Refusal> {
        let rest = self.rest.trim_start();
        self.rest = rest.strip_prefix(token).ok_or_else(|| {
            let got: String = rest.chars().take(40).collect();
            invalid(&format!("expected {token}, got {got}"))
        })?;
        Ok(())
    }

    fn open(&mut self, tag: &str) -> Result<(), Refusal> {
        self.expect(&format!("<{tag}>"))
    }

    fn close(&mut self, tag: &str) -> Result<(), Refusal> {
        self.expect(&format!("</{tag}>"))
    }

    /// An element that holds nothing but text.
    fn text(&mut self, tag: &str) -> Result<String, Refusal> {
        self.open(tag)?;
        let end = self.rest.find('<').unwrap_or(self.rest.len());
        let (inner, rest) = self.rest.split_at(end);
        self.rest = rest;
        self.close(tag)?;
        unescape(inner)
    }

    fn skip_past(&mut self, token: &str) -> Result<(), Refusal> {
        let (_, rest) = self
            .rest
            .split_once(token)
            .ok_or_else(|| invalid(&format!("expected {token}")))?;
        self.rest = rest;
        Ok(())
    }
}

fn unescape(text: &str) -> Result<String, Refusal> {
    let mut parts = text.split('&');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let entity = [
            ("amp;", '&'),
            ("lt;", '<'),
            ("gt;", '>'),
            ("quot;", '"'),
            ("apos;", '\''),
        ]
        .iter()
        .find_map(|(name, c)| Some((*c, part.strip_prefix(name)?)));
        let (c, rest) = entity.ok_or_else(|| invalid(&format!("entity &{part}")))?;
        plain.push(c);
        plain.push_str(rest);
    }
    Ok(plain)
}

fn invalid(why: &str) -> Refusal {
    Refusal::new(400, "InvalidInput", format!("Invalid XML ; {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(changes: &str) -> String {
        format!(
            "<?xml version=\"1.0\"?>\n<ChangeResourceRecordSetsRequest xmlns=\"{NAMESPACE}\">\n\
             <ChangeBatch><Comment>a &lt; b</Comment><Changes>{changes}</Changes></ChangeBatch>\
             </ChangeResourceRecordSetsRequest>\n"
        )
    }

    fn one(action: &str, value: &str) -> String {
        format!(
            "<Change><Action>{action}</Action><ResourceRecordSet><Name>a&amp;b.example</Name>\
             <Type>A</Type><TTL>60</TTL><ResourceRecords> <ResourceRecord><Value>{value}</Value>\
             </ResourceRecord> </ResourceRecords></ResourceRecordSet></Change>"
        )
    }

    fn asked(action: &str, value: &str) -> Vec<Change> {
        parse(body(&one(action, value)).as_bytes()).unwrap()
    }

    #[test]
    fn a_batch_is_read() {
        let expected = Change {
            name: "a&b.example".into(),
            kind: "A".into(),
            ttl: 60,
            value: "192.0.2.1".into(),
            action: "UPSERT".into(),
        };
        assert_eq!(asked("UPSERT", "192.0.2.1"), [expected]);
        let two = one("UPSERT", "192.0.2.1") + &one("DELETE", "192.0.2.1");
        assert_eq!(parse(body(&two).as_bytes()).unwrap().len(), 2);
    }

    #[test]
    fn what_is_no_batch_is_refused() {
        let good = body(&one("UPSERT", "192.0.2.1"));
        for bad in [
            String::new(),
            body(""),
            good.replace("UPSERT", "REPLACE"),
            good.replace("<TTL>60", "<TTL>-1"),
            good.replace("<TTL>60", "<TTL>4294967295"),
            good.replace("2013-04-01", "2012-02-29"),
            good.replace("&amp;", "&nbsp;"),
            good.replace("</Value>", ""),
            good.replace("<Type>A</Type>", ""),
            good.clone() + "x",
        ] {
            let error = parse(bad.as_bytes()).unwrap_err().to_string();
            assert!(error.starts_with("InvalidInput: Invalid XML"), "{error}");
        }
    }

    #[test]
    fn change_batch_is_atomic() {
        let empty = Records::new();
        let records = apply(&empty, &asked("CREATE", "192.0.2.1")).unwrap();
        let records = apply(&records, &asked("UPSERT", "192.0.2.2")).unwrap();
        for changes in [
            asked("CREATE", "192.0.2.3"),
            asked("DELETE", "192.0.2.1"),
            asked("UPSERT", "192.0.2.256"),
            [asked("UPSERT", "192.0.2.4"), asked("DELETE", "192.0.2.1")].concat(),
        ] {
            let error = apply(&records, &changes).unwrap_err().to_string();
            assert!(error.starts_with("InvalidChangeBatch: ["), "{error}");
        }
        assert_eq!(
            apply(&records, &asked("DELETE", "192.0.2.2")).unwrap(),
            empty
        );
    }
}
