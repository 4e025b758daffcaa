//! Text of others for people: what a stick, a carrier, a server or a DHCP peer says, on its way to
//! a terminal or a page.

use unicode_width::UnicodeWidthChar;

/// Blank, or a mark about the text around it, and counted as wide all the same: a Hangul filler,
/// the Braille blank, the three of interlinear annotation.
const INVISIBLE: [char; 5] = ['\u{115f}', '\u{2800}', '\u{fff9}', '\u{fffa}', '\u{fffb}'];

/// `text` without anything that a terminal obeys, that reorders or hides what stands around it, or
/// that ends a line: a space stands in its place. Neither a row nor a colour can be forged with
/// what is left.
pub fn plain(text: &str) -> String {
    text.chars()
        .map(|character| if is_plain(character) { character } else { ' ' })
        .collect()
}

/// Whether `character` shows as itself and does nothing else.
pub fn is_plain(character: char) -> bool {
    // Direction marks and the like have no width; neither do marks that stack up. The separators
    // of lines and paragraphs have one, and are white space.
    let visible = character.width().is_some_and(|width| width > 0);
    let blank = character.is_whitespace() || INVISIBLE.contains(&character);
    character == ' ' || visible && !blank
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_obeys_comes_through() {
        let bad = "a\x1b[2Jb\r\nc\u{9b}31md\u{202e}e\u{200b}f\u{7f}g\u{301}";
        assert_eq!(plain(bad), "a [2Jb  c 31md e f g ");
        assert_eq!(plain("Türk Telekom 中国移动"), "Türk Telekom 中国移动");
    }

    #[test]
    fn controls_marks_and_odd_blanks_become_spaces() {
        let controls = ('\0'..='\u{1f}').chain('\u{7f}'..='\u{9f}');
        // Separators, fillers, joiners, direction, tags, annotations, variation selectors.
        let odd = [
            '\u{a0}',
            '\u{ad}',
            '\u{61c}',
            '\u{115f}',
            '\u{1680}',
            '\u{17b4}',
            '\u{180e}',
            '\u{2000}',
            '\u{200b}',
            '\u{200d}',
            '\u{200e}',
            '\u{2028}',
            '\u{2029}',
            '\u{202a}',
            '\u{202e}',
            '\u{2060}',
            '\u{2066}',
            '\u{2069}',
            '\u{2800}',
            '\u{3000}',
            '\u{3164}',
            '\u{fe0f}',
            '\u{feff}',
            '\u{ffa0}',
            '\u{fff9}',
            '\u{e0001}',
            '\u{e0041}',
        ];
        let passed: Vec<String> = (controls.chain(odd))
            .filter(|character| plain(&character.to_string()) != " ")
            .map(|character| character.escape_unicode().to_string())
            .collect();
        assert_eq!(passed, Vec::<String>::new());
        assert!((' '..='~').all(is_plain));
    }
}
