//! A request refused, as Route 53 says it.

use std::fmt;

use crate::internet::route53::{NAMESPACE, REQUEST_ID};

/// Status, code and message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    status: u16,
    code: &'static str,
    message: String,
}

impl Refusal {
    pub(crate) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
        }
    }

    pub(crate) const fn status(&self) -> u16 {
        self.status
    }

    /// The answer's XML. A refused batch comes without the usual envelope, as from the real service.
    pub(crate) fn body(&self) -> String {
        let code = self.code;
        let message = escape(&self.message);
        if code == "InvalidChangeBatch" {
            return format!(
                "<?xml version=\"1.0\"?>\n<InvalidChangeBatch xmlns=\"{NAMESPACE}\"><Messages>\
                 <Message>{message}</Message></Messages><RequestId>{REQUEST_ID}</RequestId>\
                 </InvalidChangeBatch>"
            );
        }
        format!(
            "<?xml version=\"1.0\"?>\n<ErrorResponse xmlns=\"{NAMESPACE}\"><Error>\
             <Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>\
             <RequestId>{REQUEST_ID}</RequestId></ErrorResponse>"
        )
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
