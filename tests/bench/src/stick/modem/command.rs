//! A command line taken apart, after V.250.

/// One command of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Command<'a> {
    /// A letter, or `&` and a letter, with its number.
    Basic {
        /// In capitals.
        name: String,
        /// 0 where left out.
        value: u32,
    },
    /// `S<n>=<value>`, or a question for it.
    Register {
        /// Which.
        number: u32,
        /// `None` asks.
        value: Option<u32>,
    },
    /// `D` with all that follows.
    Dial(&'a str),
    /// `+NAME` and what follows.
    Extended {
        /// In capitals, with the plus.
        name: String,
        /// What is wanted.
        operation: Operation<'a>,
    },
    /// Nothing of these.
    Unknown,
}

/// What is wanted of an extended command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation<'a> {
    /// `+NAME`.
    Execute,
    /// `+NAME?`.
    Read,
    /// `+NAME=?`.
    Test,
    /// `+NAME=…`.
    Set(&'a str),
}

/// The body of a line, without blanks: they mean nothing outside of quotes (V.250, 5.2.1).
pub(super) fn body(line: &str) -> String {
    let mut quoted = false;
    let stays = |character: &char| {
        quoted ^= *character == '"';
        quoted || *character != ' '
    };
    line.chars().skip("AT".len()).filter(stays).collect()
}

/// The commands of a line.
pub(super) fn parse(body: &str) -> Vec<Command<'_>> {
    let mut commands = Vec::new();
    let mut rest = body;
    while let Some(first) = rest.chars().next() {
        let (command, after) = match first.to_ascii_uppercase() {
            ';' => {
                rest = rest.get(1..).unwrap_or_default();
                continue;
            }
            'D' => (Command::Dial(rest.get(1..).unwrap_or_default()), ""),
            '+' => extended(rest),
            'S' => register(rest),
            '&' => basic(rest, 2),
            'A'..='Z' => basic(rest, 1),
            _ => (Command::Unknown, ""),
        };
        commands.push(command);
        rest = after;
    }
    commands
}

fn number(text: &str) -> (Option<u32>, &str) {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    (digits.parse().ok(), rest)
}

fn basic(text: &str, length: usize) -> (Command<'_>, &str) {
    let Some((name, rest)) = text.split_at_checked(length) else {
        return (Command::Unknown, "");
    };
    let (value, rest) = number(rest);
    let command = Command::Basic {
        name: name.to_ascii_uppercase(),
        value: value.unwrap_or(0),
    };
    (command, rest)
}

fn register(text: &str) -> (Command<'_>, &str) {
    let (register, rest) = number(text.get(1..).unwrap_or_default());
    let Some(register) = register else {
        return (Command::Unknown, "");
    };
    if let Some(rest) = rest.strip_prefix('?') {
        let (number, value) = (register, None);
        return (Command::Register { number, value }, rest);
    }
    let (value, rest) = match rest.strip_prefix('=') {
        Some(rest) => number(rest),
        None => (None, rest),
    };
    match value {
        Some(_) => (
            Command::Register {
                number: register,
                value,
            },
            rest,
        ),
        None => (Command::Unknown, ""),
    }
}

/// Ends at a semicolon outside of quotes.
fn extended(text: &str) -> (Command<'_>, &str) {
    let mut quoted = false;
    let end = text.find(|c: char| {
        quoted ^= c == '"';
        c == ';' && !quoted
    });
    let (command, rest) = text.split_at(end.unwrap_or(text.len()));
    let split = command.find(['=', '?']).unwrap_or(command.len());
    let (name, operation) = command.split_at(split);
    let operation = match operation {
        "" => Operation::Execute,
        "?" => Operation::Read,
        "=?" => Operation::Test,
        set => match set.strip_prefix('=') {
            Some(value) => Operation::Set(value),
            None => return (Command::Unknown, ""),
        },
    };
    let name = name.to_ascii_uppercase();
    (Command::Extended { name, operation }, rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn basic(name: &str, value: u32) -> Command<'static> {
        let name = name.to_owned();
        Command::Basic { name, value }
    }

    fn extended<'a>(name: &str, operation: Operation<'a>) -> Command<'a> {
        let name = name.to_owned();
        Command::Extended { name, operation }
    }

    #[test]
    fn a_line_of_settings() {
        let body = body("ATQ0 V1 e1 S 0 = 0 &C1 & D2+FCLASS = 0");
        let commands = parse(&body);
        let register = Command::Register {
            number: 0,
            value: Some(0),
        };
        assert_eq!(
            commands,
            [
                basic("Q", 0),
                basic("V", 1),
                basic("E", 1),
                register,
                basic("&C", 1),
                basic("&D", 2),
                extended("+FCLASS", Operation::Set("0")),
            ]
        );
    }

    #[test]
    fn operations_and_quoted_semicolons() {
        let commands = parse("+cpin?;+ZPINPUK=?;+CSQ;+CGDCONT=1,\"IP\",\"a;b\";Z");
        assert_eq!(
            commands,
            [
                extended("+CPIN", Operation::Read),
                extended("+ZPINPUK", Operation::Test),
                extended("+CSQ", Operation::Execute),
                extended("+CGDCONT", Operation::Set("1,\"IP\",\"a;b\"")),
                basic("Z", 0),
            ]
        );
    }

    #[test]
    fn dialling_takes_the_rest() {
        assert_eq!(parse("D*99***1#"), [Command::Dial("*99***1#")]);
        assert_eq!(parse("Ed"), [basic("E", 0), Command::Dial("")]);
    }

    #[test]
    fn quoted_blanks_stay() {
        assert_eq!(
            body("AT +CGDCONT = 1, \"IP\", \"a b\""),
            "+CGDCONT=1,\"IP\",\"a b\""
        );
    }

    #[test]
    fn what_is_no_command_is_unknown() {
        for nonsense in ["%1", "S=0", "S0", "+X?1", "&", "^SYSCFG"] {
            assert!(parse(nonsense).contains(&Command::Unknown), "{nonsense}");
        }
    }
}
