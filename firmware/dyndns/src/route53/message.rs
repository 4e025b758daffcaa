//! Route 53's XML, limited to what one record needs.

use std::{fmt, net::Ipv4Addr};

/// Returns the body of `ChangeResourceRecordSets` that creates or replaces one A record.
pub(crate) fn upsert(name: &str, ttl: u32, address: Ipv4Addr) -> String {
    let name = escape(name);
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <ChangeResourceRecordSetsRequest xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\">\
         <ChangeBatch><Changes><Change><Action>UPSERT</Action><ResourceRecordSet>\
         <Name>{name}</Name><Type>A</Type><TTL>{ttl}</TTL><ResourceRecords><ResourceRecord>\
         <Value>{address}</Value></ResourceRecord></ResourceRecords></ResourceRecordSet></Change>\
         </Changes></ChangeBatch></ChangeResourceRecordSetsRequest>"
    )
}

fn escape(text: &str) -> String {
    text.chars()
        .fold(String::with_capacity(text.len()), |mut out, c| {
            match c {
                '&' => out.push_str("&amp;"),
                '<' => out.push_str("&lt;"),
                '>' => out.push_str("&gt;"),
                other => out.push(other),
            }
            out
        })
}

/// AWS' error code and message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    code: String,
    message: String,
}

impl Refusal {
    /// Longest text kept, in characters: it goes into a log line.
    const MAX_TEXT: usize = 200;

    pub(crate) fn from_answer(xml: &str) -> Self {
        let text = |tag: &str| {
            let (_, rest) = xml.split_once(&format!("<{tag}>"))?;
            let (inner, _) = rest.split_once(&format!("</{tag}>"))?;
            Some(
                inner
                    .chars()
                    .filter(|c| !c.is_control())
                    .take(Self::MAX_TEXT)
                    .collect(),
            )
        };
        Self {
            code: text("Code")
                .or_else(|| root(xml))
                .unwrap_or_else(|| "no code".into()),
            message: text("Message").unwrap_or_else(|| "no message".into()),
        }
    }
}

/// Returns the name of the outermost element: some errors come without an envelope that has their
/// code.
fn root(xml: &str) -> Option<String> {
    let content = match xml.trim_start().strip_prefix("<?") {
        Some(declaration) => declaration.split_once("?>")?.1,
        None => xml,
    };
    let inside = content.trim_start().strip_prefix('<')?;
    let name: String = inside
        .chars()
        .take(Refusal::MAX_TEXT)
        .take_while(char::is_ascii_alphanumeric)
        .collect();
    (!name.is_empty()).then_some(name)
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}
