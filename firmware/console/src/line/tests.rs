#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::{screen::Screen, *};

const PROMPT: &str = "failberry> ";

fn complete(before: &str) -> Completion {
    let word = before.rsplit(' ').next().unwrap_or_default();
    let words = ["reboot", "redial", "restart", "status"];
    Completion {
        typed: word.chars().count(),
        words: words
            .iter()
            .filter(|known| known.starts_with(word))
            .map(ToString::to_string)
            .collect(),
    }
}

/// A simulated typist with a terminal.
struct Typist {
    keys: Keys,
    editor: Editor,
    history: History,
    screen: Screen,
    entered: Vec<String>,
    ended: bool,
}

impl Typist {
    fn new() -> Self {
        let mut typist = Self {
            keys: Keys::default(),
            editor: Editor::new(PROMPT),
            history: History::default(),
            screen: Screen::new(),
            entered: Vec::new(),
            ended: false,
        };
        typist.redraw();
        typist
    }

    fn redraw(&mut self) {
        let mut out = Vec::new();
        self.editor.redraw(&mut out);
        self.screen.show(&out);
    }

    fn types(&mut self, bytes: &[u8]) {
        for byte in bytes {
            let Some(key) = self.keys.push(*byte) else {
                continue;
            };
            let mut out = Vec::new();
            let edit = self
                .editor
                .press(key, &mut self.history, complete, &mut out);
            self.screen.show(&out);
            match edit {
                Edit::Editing => {}
                Edit::Entered(line) => {
                    self.history.push(&line);
                    self.entered.push(line);
                    self.redraw();
                }
                Edit::Interrupted => self.redraw(),
                Edit::Ended => self.ended = true,
            }
        }
    }

    /// The screen shows the line, or the part of it that fits, with the cursor in its place.
    fn check(&self) {
        let line = self.editor.text();
        let shown = self.screen.text();
        let before = self.screen.before();
        let shown = shown.strip_prefix(PROMPT.trim_end()).unwrap();
        let shown = shown.strip_prefix(' ').unwrap_or(shown);
        let before = before.strip_prefix(PROMPT).unwrap();
        let room = WIDTH - 1 - PROMPT.len();
        let columns = unicode_width::UnicodeWidthStr::width(line.as_str());
        if columns <= room {
            assert_eq!(shown, line.trim_end());
        } else {
            assert!(line.contains(shown), "{shown:?} of {line:?}");
            assert!(unicode_width::UnicodeWidthStr::width(shown) + 2 >= room / 2);
        }
        assert!(line.contains(before), "{before:?} of {line:?}");
    }
}

#[test]
fn edits_within_the_line_are_shown() {
    let mut typist = Typist::new();
    typist.types("statxs\x1b[D\x08\u{e9}\x1b[H>\x05<".as_bytes());
    assert_eq!(typist.editor.text(), ">stat\u{e9}s<");
    assert_eq!(typist.screen.text(), "failberry> >stat\u{e9}s<");
    typist.types(b"\x17one two \x17");
    assert_eq!(typist.editor.text(), "one ");
    typist.types(b"\x01\x0b\x04");
    assert!(typist.ended);
}

#[test]
fn tab_completes_the_common_prefix_and_lists_candidates() {
    let mut typist = Typist::new();
    typist.types(b"sta\t");
    assert_eq!(typist.editor.text(), "status ");
    typist.types(b"\x15re\t");
    assert_eq!(typist.screen.text(), "failberry> re");
    let listed: String = typist.screen.rows.iter().flatten().collect();
    assert!(listed.contains("reboot  redial  restart"), "{listed}");
    typist.types(b"s\t");
    assert_eq!(typist.screen.text(), "failberry> restart");
    typist.types(b"x\t");
    assert_eq!(typist.editor.text(), "restart x");
}

#[test]
fn up_and_down_browse_the_history() {
    let mut typist = Typist::new();
    typist.types(b"status\rlog\rre\x1b[A\x1b[A");
    assert_eq!(typist.screen.text(), "failberry> status");
    typist.types(b"\x1b[B\x1b[B");
    assert_eq!(typist.screen.text(), "failberry> re");
    assert_eq!(typist.entered, ["status", "log"]);
}

#[test]
fn hidden_line_is_never_echoed() {
    let mut editor = Editor::hidden("password: ");
    let mut history = History::default();
    let mut out = Vec::new();
    for key in "gehe\u{1f600}im".chars().map(Key::Char) {
        editor.press(key, &mut history, complete, &mut out);
    }
    for key in [Key::Left, Key::Tab, Key::Home, Key::Clear] {
        editor.press(key, &mut history, complete, &mut out);
    }
    let shown = String::from_utf8(out.clone()).unwrap();
    assert!(!shown.contains(['g', 'e', 'h', '\u{1f600}']), "{shown}");
    let entered = editor.press(Key::Enter, &mut history, complete, &mut out);
    assert_eq!(entered, Edit::Entered("gehe\u{1f600}im".into()));
}

#[test]
fn long_line_scrolls_horizontally() {
    let mut typist = Typist::new();
    typist.types(&[b'x'; 1000]);
    assert_eq!(typist.editor.text().len(), 256);
    typist.check();
    typist.types(b"\x01");
    typist.check();
    assert_eq!(typist.screen.before(), PROMPT);
}

/// One edit, as bytes and in the naive reference editor.
#[derive(Clone, Debug)]
enum EditKey {
    Type(char),
    Left,
    Right,
    Home,
    End,
    Backspace,
    Delete,
    ToStart,
    ToEnd,
    Word,
    Clear,
}

impl EditKey {
    fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Type(character) => character.to_string().into_bytes(),
            Self::Left => b"\x1b[D".to_vec(),
            Self::Right => b"\x1bOC".to_vec(),
            Self::Home => b"\x1b[1~".to_vec(),
            Self::End => b"\x1b[F".to_vec(),
            Self::Backspace => b"\x7f".to_vec(),
            Self::Delete => b"\x1b[3~".to_vec(),
            Self::ToStart => b"\x15".to_vec(),
            Self::ToEnd => b"\x0b".to_vec(),
            Self::Word => b"\x17".to_vec(),
            Self::Clear => b"\x0c".to_vec(),
        }
    }

    /// Applies the edit to the text before and after the cursor.
    fn apply_to(&self, (left, right): &mut (String, String)) {
        match self {
            Self::Type(character) => {
                if left.chars().count() + right.chars().count() < 256 {
                    left.push(*character);
                }
            }
            Self::Left => right.insert_str(0, &left.pop().map(String::from).unwrap_or_default()),
            Self::Right => {
                if !right.is_empty() {
                    left.push(right.remove(0));
                }
            }
            Self::Home => *right = std::mem::take(left) + right,
            Self::End => *left += &std::mem::take(right),
            Self::Backspace => drop(left.pop()),
            Self::Delete => {
                if !right.is_empty() {
                    right.remove(0);
                }
            }
            Self::ToStart => left.clear(),
            Self::ToEnd => right.clear(),
            Self::Word => {
                let kept = left.trim_end_matches(' ').rfind(' ');
                left.truncate(kept.map_or(0, |at| at + 1));
            }
            Self::Clear => {}
        }
    }
}

fn edit_key() -> impl Strategy<Value = EditKey> {
    prop_oneof![
        8 => prop_oneof![proptest::char::range(' ', '~'), Just('\u{e9}'), Just('\u{4e2d}')]
            .prop_map(EditKey::Type),
        1 => Just(EditKey::Left),
        1 => Just(EditKey::Right),
        1 => Just(EditKey::Home),
        1 => Just(EditKey::End),
        1 => Just(EditKey::Backspace),
        1 => Just(EditKey::Delete),
        1 => Just(EditKey::ToStart),
        1 => Just(EditKey::ToEnd),
        1 => Just(EditKey::Word),
        1 => Just(EditKey::Clear),
    ]
}

proptest! {
    #[test]
    fn arbitrary_bytes_leave_the_editor_usable(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let mut typist = Typist::new();
        typist.types(&bytes);
        typist.types(b"\x1b[F\x15");
        typist.types(b"\x18\x03");
        prop_assert_eq!(typist.screen.text(), PROMPT.trim_end());
    }

    #[test]
    fn line_and_screen_match_a_naive_editor(
        edits in proptest::collection::vec(edit_key(), 0..300),
    ) {
        let mut typist = Typist::new();
        let mut naive = (String::new(), String::new());
        for edit in &edits {
            typist.types(&edit.bytes());
            edit.apply_to(&mut naive);
            let (left, right) = &naive;
            prop_assert_eq!(typist.editor.text(), left.clone() + right);
            typist.check();
            prop_assert!(left.ends_with(typist.screen.before().strip_prefix(PROMPT).unwrap()));
        }
    }
}
