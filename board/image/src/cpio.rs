//! The "newc" cpio archive that the kernel unpacks as its first root file system.

use std::collections::BTreeMap;

const S_IFIFO_MASK_DIR: u32 = 0o040_000;
const S_IFREG: u32 = 0o100_000;
const S_IFLNK: u32 = 0o120_000;
const S_IFCHR: u32 = 0o020_000;

/// One thing in the archive. All of them belong to root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// A directory with its permissions.
    Directory(u32),
    /// A file with its permissions and content.
    File(u32, Vec<u8>),
    /// A symbolic link to the given path.
    Link(String),
    /// A character device: permissions, major, minor.
    Device(u32, u32, u32),
}

/// Paths (without the leading slash) and what is there, in the order in which they are written.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Tree(BTreeMap<String, Node>);

impl Tree {
    /// Puts a node at a path, making the directories above it; what was there before goes.
    pub fn put(&mut self, path: &str, node: Node) {
        let path = path.trim_matches('/');
        for (slash, _) in path.match_indices('/') {
            self.0
                .entry(path[..slash].to_owned())
                .or_insert(Node::Directory(0o755));
        }
        self.0.insert(path.to_owned(), node);
    }

    /// The node at a path.
    pub fn get(&self, path: &str) -> Option<&Node> {
        self.0.get(path.trim_matches('/'))
    }

    /// All paths with their nodes, parents before children.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Node)> {
        self.0.iter().map(|(path, node)| (path.as_str(), node))
    }

    /// Bytes in all files together.
    pub fn size(&self) -> usize {
        self.0
            .values()
            .map(|node| {
                if let Node::File(_, content) = node {
                    content.len()
                } else {
                    0
                }
            })
            .sum()
    }

    /// The archive, every time stamp being `epoch`.
    pub fn to_archive(&self, epoch: u32) -> Vec<u8> {
        let mut out = Vec::new();
        for (inode, (path, node)) in (1_u32..).zip(&self.0) {
            let (mode, content, device): (u32, &[u8], _) = match node {
                Node::Directory(mode) => (S_IFIFO_MASK_DIR | mode, &[], (0, 0)),
                Node::File(mode, content) => (S_IFREG | mode, content, (0, 0)),
                Node::Link(target) => (S_IFLNK | 0o777, target.as_bytes(), (0, 0)),
                Node::Device(mode, major, minor) => (S_IFCHR | mode, &[], (*major, *minor)),
            };
            record(&mut out, path, [inode, mode, epoch], content, device);
        }
        record(&mut out, "TRAILER!!!", [0, 0, 0], &[], (0, 0));
        out
    }
}

fn record(
    out: &mut Vec<u8>,
    name: &str,
    [inode, mode, mtime]: [u32; 3],
    content: &[u8],
    (major, minor): (u32, u32),
) {
    let size = |len: usize| u32::try_from(len).unwrap_or(u32::MAX);
    let links = if mode & S_IFIFO_MASK_DIR != 0 && mode & S_IFREG == 0 {
        2
    } else {
        1
    };
    let fields = [
        inode,
        mode,
        0, // owner
        0, // group
        links,
        mtime,
        size(content.len()),
        0, // major and minor of the device the file came from: from nowhere
        0,
        major,
        minor,
        size(name.len() + 1),
        0, // checksum: not in this format
    ];
    out.extend_from_slice(b"070701");
    for field in fields {
        out.extend_from_slice(format!("{field:08X}").as_bytes());
    }
    out.extend_from_slice(name.as_bytes());
    out.push(0);
    pad(out);
    out.extend_from_slice(content);
    pad(out);
}

/// Fills up to a multiple of four, where the next record, or the next archive, may begin.
pub fn pad(out: &mut Vec<u8>) {
    out.resize(out.len().next_multiple_of(4), 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_archive_is_what_the_kernel_documents_byte_for_byte() {
        let mut tree = Tree::default();
        tree.put("/a/b", Node::File(0o644, b"hello".to_vec()));
        tree.put("/a/l", Node::Link("b".into()));
        tree.put("/n", Node::Device(0o600, 5, 1));
        #[rustfmt::skip]
        let expected = concat!(
            "070701", "00000001", "000041ED", "00000000", "00000000", "00000002", "00000010",
            "00000000", "00000000", "00000000", "00000000", "00000000", "00000002", "00000000",
            "a\0",
            "070701", "00000002", "000081A4", "00000000", "00000000", "00000001", "00000010",
            "00000005", "00000000", "00000000", "00000000", "00000000", "00000004", "00000000",
            "a/b\0\0\0", "hello\0\0\0",
            "070701", "00000003", "0000A1FF", "00000000", "00000000", "00000001", "00000010",
            "00000001", "00000000", "00000000", "00000000", "00000000", "00000004", "00000000",
            "a/l\0\0\0", "b\0\0\0",
            "070701", "00000004", "00002180", "00000000", "00000000", "00000001", "00000010",
            "00000000", "00000000", "00000000", "00000005", "00000001", "00000002", "00000000",
            "n\0",
            "070701", "00000000", "00000000", "00000000", "00000000", "00000001", "00000000",
            "00000000", "00000000", "00000000", "00000000", "00000000", "0000000B", "00000000",
            "TRAILER!!!\0\0\0\0",
        );
        assert_eq!(String::from_utf8(tree.to_archive(16)).unwrap(), expected);
    }

    #[test]
    fn parents_come_before_children_even_where_the_alphabet_says_otherwise() {
        let mut tree = Tree::default();
        tree.put("lib/x", Node::File(0o644, vec![]));
        tree.put("lib-a", Node::File(0o644, vec![]));
        let paths: Vec<_> = tree.iter().map(|(path, _)| path).collect();
        assert_eq!(paths, ["lib", "lib-a", "lib/x"]);
    }
}
