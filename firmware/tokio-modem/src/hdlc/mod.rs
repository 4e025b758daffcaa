//! HDLC-like framing.
