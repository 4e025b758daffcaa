//! Finding what a person meant by a misspelt key.

/// Every table with its keys.
const KEYS: [(&str, &[&str]); 10] = [
    (
        "carrier",
        &[
            "apn",
            "dial",
            "user",
            "password",
            "pin",
            "pin_without_counter",
        ],
    ),
    ("stick", &["port", "keep_cdrom"]),
    ("lan", &["address", "gateway", "dns", "hostname"]),
    (
        "dyndns",
        &["name", "zone", "ttl", "publish_private", "endpoint", "ca"],
    ),
    ("aws", &["access_key_id", "secret_access_key", "region"]),
    ("firewall", &["allow", "forward"]),
    ("time", &["servers"]),
    (
        "update",
        &["keys", "url", "ca", "over_mobile", "every_hours", "port"],
    ),
    ("console", &["enabled", "password"]),
    ("system", &["keep_secrets"]),
];

/// Why `key` is of no use where it stands, among the keys `known` there.
pub(crate) fn unknown(key: &str, known: &[&str]) -> String {
    let close = known
        .iter()
        .map(|name| (distance(key, name), *name))
        .filter(|(distance, name)| *distance <= 1 + name.len() / 4)
        .min();
    if let Some((_, name)) = close {
        return format!("no such key; did you mean {name}?");
    }
    match KEYS.iter().find(|(_, keys)| keys.contains(&key)) {
        Some((table, _)) => format!("no such key here; it belongs under [{table}]"),
        None => format!("no such key; expected one of {}", known.join(", ")),
    }
}

/// Names of the tables.
pub(crate) fn tables() -> [&'static str; 10] {
    KEYS.map(|(table, _)| table)
}

/// Letters to insert, remove, change or swap with their neighbour to get from `a` to `b`, upper
/// and lower case alike.
pub(crate) fn distance(a: &str, b: &str) -> usize {
    /// No key is longer; anything else is far from all of them.
    const LONGEST: usize = 32;
    let a: Vec<char> = a.to_lowercase().chars().collect();
    let b: Vec<char> = b.to_lowercase().chars().collect();
    if a.len() > LONGEST || b.len() > LONGEST {
        return LONGEST;
    }
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, &x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        let mut left = i + 1;
        for (j, &y) in b.iter().enumerate() {
            let at = |row: &[usize], n: usize| row.get(n).copied().unwrap_or(LONGEST);
            let mut best = (at(&last, j) + usize::from(x != y))
                .min(at(&last, j + 1) + 1)
                .min(left + 1);
            let swapped = i > 0 && j > 0 && a.get(i - 1) == Some(&y) && b.get(j - 1) == Some(&x);
            if swapped {
                best = best.min(at(&before_last, j - 1) + 1);
            }
            row.push(best);
            left = best;
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        for (a, b, expected) in [
            ("apn", "apn", 0),
            ("APN", "apn", 0),
            ("anp", "apn", 1),
            ("pasword", "password", 1),
            ("", "pin", 3),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(distance(a, b), expected, "{a} {b}");
            assert_eq!(distance(b, a), expected, "{b} {a}");
        }
    }

    #[test]
    fn advice() {
        let carrier = ["apn", "dial", "user", "password", "pin"];
        assert_eq!(
            unknown("pasword", &carrier),
            "no such key; did you mean password?"
        );
        assert_eq!(
            unknown("zone", &carrier),
            "no such key here; it belongs under [dyndns]"
        );
        assert!(unknown("colour", &carrier).ends_with("one of apn, dial, user, password, pin"));
    }
}
