//! The little of DNS that a name server which misbehaves needs. Source: RFC 1035.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

const HEADER: usize = 12;
const A: u16 = 1;
const AAAA: u16 = 28;
/// How long an answer may be kept, in seconds: not at all, so that the next question comes here too.
const TIME_TO_LIVE: u32 = 0;
/// The first question's name, by a pointer to where it stands.
const NAME: u16 = 0xc000 | HEADER as u16;

/// A question, as it came.
pub(crate) struct Query<'a> {
    /// The number that the answer must bear.
    pub(crate) id: [u8; 2],
    recursion_desired: bool,
    /// The first question: the name, the type and the class.
    question: &'a [u8],
    name: String,
    kind: u16,
}

impl<'a> Query<'a> {
    /// Reads a message; `None` if it is no query.
    pub(crate) fn read(message: &'a [u8]) -> Option<Self> {
        let (header, rest) = message.split_at_checked(HEADER)?;
        let is_query = header[2] & 0x80 == 0;
        let has_question = header[4..6] != [0, 0];
        if !is_query || !has_question {
            return None;
        }
        let (name, length) = read_name(rest)?;
        let question = rest.get(..length + 4)?;
        let kind = u16::from_be_bytes([question[length], question[length + 1]]);
        Some(Self { id: [header[0], header[1]], recursion_desired: header[2] & 1 != 0, question, name, kind })
    }

    /// The right answer: every name is this machine's.
    pub(crate) fn answer(&self) -> Vec<u8> {
        match self.kind {
            A => self.reply(false, &Ipv4Addr::LOCALHOST.octets()),
            AAAA => self.reply(false, &Ipv6Addr::LOCALHOST.octets()),
            _ => self.reply(false, &[]),
        }
    }

    /// An answer that says of itself that it was truncated.
    pub(crate) fn truncated(&self) -> Vec<u8> {
        self.reply(true, &[])
    }

    /// An answer with one record, or with none.
    fn reply(&self, truncated: bool, data: &[u8]) -> Vec<u8> {
        let answers = u8::from(!data.is_empty());
        let mut message = self.id.to_vec();
        // A response, authoritative; recursion is available.
        message.push(0x84 | u8::from(truncated) << 1 | u8::from(self.recursion_desired));
        message.extend([0x80, 0, 1, 0, answers, 0, 0, 0, 0]);
        message.extend(self.question);
        if answers > 0 {
            message.extend(NAME.to_be_bytes());
            // The type and the class of the question are those of its answer.
            message.extend(&self.question[self.question.len() - 4..]);
            message.extend(TIME_TO_LIVE.to_be_bytes());
            message.extend([0, data.len().to_le_bytes()[0]]);
            message.extend(data);
        }
        message
    }
}

impl fmt::Display for Query<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        match self.kind {
            A => f.write_str(" A"),
            AAAA => f.write_str(" AAAA"),
            kind => write!(f, " TYPE{kind}"),
        }
    }
}

/// A name as text, and how many bytes it takes; `None` if it is cut off, too long or compressed.
fn read_name(bytes: &[u8]) -> Option<(String, usize)> {
    const LONGEST: usize = 255;
    let (mut name, mut at) = (String::new(), 0);
    loop {
        let length = usize::from(*bytes.get(at)?);
        at += 1;
        if length == 0 {
            return Some((if name.is_empty() { ".".to_owned() } else { name }, at));
        }
        let label = bytes.get(at..at + length).filter(|_| length < 64 && at + length < LONGEST)?;
        if !name.is_empty() {
            name.push('.');
        }
        name.extend(label.escape_ascii().map(char::from));
        at += length;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUERY: &[u8] = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x03www\x04test\0\0\x01\0\x01";

    #[test]
    fn a_query_is_read_and_answered() {
        let query = Query::read(QUERY).unwrap();
        assert_eq!(query.to_string(), "www.test A");
        let answer = query.answer();
        assert_eq!(answer[..8], [0x12, 0x34, 0x85, 0x80, 0, 1, 0, 1]);
        assert_eq!(answer[HEADER..QUERY.len()], QUERY[HEADER..]);
        assert_eq!(answer[QUERY.len()..], [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 127, 0, 0, 1]);
        let truncated = query.truncated();
        assert_eq!(truncated[2] & 2, 2);
        assert_eq!(truncated[HEADER..], QUERY[HEADER..]);
    }

    #[test]
    fn what_is_no_query_is_none() {
        for length in 0..QUERY.len() {
            assert!(Query::read(&QUERY[..length]).is_none(), "{length} bytes");
        }
        let mut response = QUERY.to_vec();
        response[2] |= 0x80;
        assert!(Query::read(&response).is_none());
        let mut compressed = QUERY.to_vec();
        compressed[HEADER] = 0xc0;
        assert!(Query::read(&compressed).is_none());
        let endless = [&QUERY[..HEADER], &b"\x01a".repeat(200)].concat();
        assert!(Query::read(&endless).is_none());
    }
}
