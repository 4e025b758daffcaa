//! Little-endian fields off the front of a packet's body.

/// The rest of a body.
pub(super) struct Reader<'a>(&'a [u8]);

/// The body ended before the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Truncated;

impl<'a> Reader<'a> {
    pub(super) fn new(body: &'a [u8]) -> Self {
        Self(body)
    }

    pub(super) fn bytes<const N: usize>(&mut self) -> Result<[u8; N], Truncated> {
        let (field, rest) = self.0.split_first_chunk().ok_or(Truncated)?;
        self.0 = rest;
        Ok(*field)
    }

    pub(super) fn u8(&mut self) -> Result<u8, Truncated> {
        self.bytes().map(|[byte]| byte)
    }

    pub(super) fn u16(&mut self) -> Result<u16, Truncated> {
        self.bytes().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, Truncated> {
        self.bytes().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, Truncated> {
        self.bytes().map(u64::from_le_bytes)
    }

    pub(super) fn rest(self) -> &'a [u8] {
        self.0
    }
}
