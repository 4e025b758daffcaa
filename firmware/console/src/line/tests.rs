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

/// A person at a terminal.
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
fn editing_in_the_middle() {
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
fn tab_completes_as_far_as_it_is_clear_and_lists_the_rest() {
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
fn up_brings_the_last_line_back() {
    let mut typist = Typist::new();
    typist.types(b"status\rlog\rre\x1b[A\x1b[A");
    assert_eq!(typist.screen.text(), "failberry> status");
    typist.types(b"\x1b[B\x1b[B");
    assert_eq!(typist.screen.text(), "failberry> re");
    assert_eq!(typist.entered, ["status", "log"]);
}

#[test]
fn a_secret_is_nowhere_on_the_screen() {
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
fn a_long_line_goes_through_a_window() {
    let mut typist = Typist::new();
    typist.types(&[b'x'; 1000]);
    assert_eq!(typist.editor.text().len(), 256);
    typist.check();
    typist.types(b"\x01");
    typist.check();
    assert_eq!(typist.screen.before(), PROMPT);
}

/// What a person can do, as bytes and as the naive reference does it.
#[derive(Clone, Debug)]
enum Doing {
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

impl Doing {
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

    /// On what stands before the cursor and after it.
    fn naively(&self, (left, right): &mut (String, String)) {
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

fn doing() -> impl Strategy<Value = Doing> {
    prop_oneof![
        8 => prop_oneof![proptest::char::range(' ', '~'), Just('\u{e9}'), Just('\u{4e2d}')]
            .prop_map(Doing::Type),
        1 => Just(Doing::Left),
        1 => Just(Doing::Right),
        1 => Just(Doing::Home),
        1 => Just(Doing::End),
        1 => Just(Doing::Backspace),
        1 => Just(Doing::Delete),
        1 => Just(Doing::ToStart),
        1 => Just(Doing::ToEnd),
        1 => Just(Doing::Word),
        1 => Just(Doing::Clear),
    ]
}

proptest! {
    #[test]
    fn no_bytes_do_harm(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let mut typist = Typist::new();
        typist.types(&bytes);
        typist.types(b"\x1b[F\x15");
        typist.types(b"\x18\x03");
        prop_assert_eq!(typist.screen.text(), PROMPT.trim_end());
    }

    #[test]
    fn the_line_is_what_a_naive_editor_has_and_the_screen_shows_it(
        doings in proptest::collection::vec(doing(), 0..300),
    ) {
        let mut typist = Typist::new();
        let mut naive = (String::new(), String::new());
        for doing in &doings {
            typist.types(&doing.bytes());
            doing.naively(&mut naive);
            let (left, right) = &naive;
            prop_assert_eq!(typist.editor.text(), left.clone() + right);
            typist.check();
            prop_assert!(left.ends_with(typist.screen.before().strip_prefix(PROMPT).unwrap()));
        }
    }
}
