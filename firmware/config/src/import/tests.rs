//! A new file beside the settings before it.

use super::*;
use crate::{Firewall, mask};

const GOOD: &str = "# mine\n[carrier]\napn = \"internet\"\npin = \"1234\"\n[lan]\nhostname = \"box\"\n\
                    [firewall]\nallow = [\"192.168.88.0/24\"]\n[later]\nkey = 1\n";

fn good() -> String {
    import(GOOD.as_bytes(), None).settings
}

#[test]
fn a_good_file_is_kept_with_what_only_later_versions_know() {
    let imported = import(GOOD.as_bytes(), None);
    assert_eq!(imported.config, parse(GOOD).config);
    assert_eq!(imported.problems.len(), 1);
    let settings = imported.settings;
    assert!(
        settings.contains("[later]") && settings.contains("1234"),
        "{settings}"
    );
    assert_eq!(parse(&settings).config, imported.config);
    // What says nothing is not kept, so that a later version's defaults count.
    assert!(
        !settings.contains("dial") && !settings.contains("[time]"),
        "{settings}"
    );
}

#[test]
fn a_masked_file_means_the_same() {
    let masked = mask(GOOD, &[]).unwrap().text;
    let imported = import(masked.as_bytes(), Some(&good()));
    assert_eq!(imported.settings, good());
    assert_eq!(imported.config, parse(GOOD).config);
}

#[test]
fn a_broken_table_leaves_the_one_before_in_force() {
    let edited = GOOD
        .replace("\"internet\"", "\"other net\"")
        .replace("\"box\"", "\"pi\"");
    let imported = import(edited.as_bytes(), Some(&good()));
    assert_eq!(imported.broken, ["carrier"]);
    assert_eq!(imported.config.carrier.as_ref().unwrap().apn, "internet");
    assert_eq!(imported.config.lan.hostname.as_deref(), Some("pi"));
    let told = imported.problems[0].to_string();
    assert!(
        told.starts_with("line 3, key carrier.apn: ")
            && told.ends_with("; [carrier] stays as it was before"),
        "{told}"
    );
    // And the next broken one after that as well.
    let again = import(edited.as_bytes(), Some(&imported.settings));
    assert_eq!(again.config, imported.config);
    // A first file has nothing to fall back to.
    let first = import(edited.as_bytes(), None);
    assert_eq!(first.config.carrier, None);
    assert!(!first.settings.contains("other net"));
    // A table that was taken out is out.
    let imported = import(b"[lan]\nhostname = 'pi'", Some(&good()));
    assert_eq!(imported.config.carrier, None);
    // What was no table is as broken.
    let imported = import(b"carrier = 'internet'", Some(&good()));
    assert!(imported.config.carrier.is_some());
}

#[test]
fn a_broken_firewall_falls_back_to_nobody() {
    for broken in [
        "allow = [\"192.168.88.0/33\"]",
        "alow = [\"192.168.88.0/24\"]",
    ] {
        let edited = GOOD.replace("allow = [\"192.168.88.0/24\"]", broken);
        let imported = import(edited.as_bytes(), Some(&good()));
        let nobody = Firewall {
            allow: Some(Vec::new()),
            forward: Vec::new(),
        };
        assert_eq!(imported.config.firewall, nobody, "{broken}");
        // At every later boot, too.
        assert_eq!(parse(&imported.settings).config.firewall, nobody);
    }
}

#[test]
fn a_file_that_is_no_toml_changes_nothing() {
    for torn in [
        format!("{GOOD}\n[lan"),
        "\u{ff}\u{fe}".into(),
        "x".repeat(MAX_BYTES + 1),
        "[carrier]\napn = internet".into(),
    ] {
        let imported = import(torn.as_bytes(), Some(&good()));
        assert_eq!(imported.config, parse(GOOD).config);
        assert_eq!((imported.settings, imported.is_new), (good(), false));
        let told = imported.problems[0].to_string();
        assert!(
            told.starts_with("line ") && told.ends_with("the settings before it stay in force"),
            "{told}"
        );
    }
    let utf16 = [0xff, 0xfe, b'[', 0];
    assert_eq!(import(&utf16, Some(&good())).config, parse(GOOD).config);
    // Without anything before, what stands before the tear is better than nothing.
    let imported = import(format!("{GOOD}\n[lan").as_bytes(), None);
    assert!(imported.config.carrier.is_some());
    assert!(!imported.is_new);
    assert_eq!(parse(&imported.settings).config, imported.config);
}

#[test]
fn a_byte_that_is_no_text_costs_nothing_in_a_comment() {
    let bytes = [b"# \xff\n".as_slice(), GOOD.as_bytes()].concat();
    let imported = import(&bytes, None);
    assert_eq!(imported.config, parse(GOOD).config);
    assert_eq!(imported.settings, good());
}
