//! The little of TLS that a handshake which stalls needs. Source: RFC 8446.

use crate::garbage::Garbage;

/// A record's header: its type, a version, and how many bytes follow.
pub(crate) const HEADER: usize = 5;

/// How many bytes follow the header of a record with a handshake message; `None` if it is none.
pub(crate) fn handshake_length(header: [u8; HEADER]) -> Option<usize> {
    let [22, 3, _, high, low] = header else { return None };
    Some(usize::from(u16::from_be_bytes([high, low])))
}

/// A record with a ServerHello such as TLS 1.3 begins with; its random numbers are made from the seed.
pub(crate) fn server_hello(seed: u64) -> Vec<u8> {
    let (mut random, mut key) = ([0; 32], [0; 32]);
    let mut garbage = Garbage::new(seed);
    garbage.fill(&mut random);
    garbage.fill(&mut key);
    let mut body = vec![3, 3];
    body.extend(random);
    // No session, TLS_AES_128_GCM_SHA256, no compression, 46 bytes of extensions.
    body.extend([0, 0x13, 0x01, 0, 0, 46]);
    // supported_versions: TLS 1.3; key_share: x25519.
    body.extend([0, 43, 0, 2, 3, 4, 0, 51, 0, 36, 0, 29, 0, 32]);
    body.extend(key);
    let length = u8::try_from(body.len()).unwrap_or(u8::MAX);
    let mut record = vec![22, 3, 3, 0, length + 4, 2, 0, 0, length];
    record.extend(body);
    record
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lengths_of_the_server_hello_agree() {
        let record = server_hello(1);
        let header: [u8; HEADER] = record[..HEADER].try_into().unwrap();
        assert_eq!(handshake_length(header), Some(record.len() - HEADER));
        assert_eq!(usize::from(record[8]), record.len() - HEADER - 4);
        let extensions = HEADER + 4 + 2 + 32 + 4;
        assert_eq!(usize::from(record[extensions + 1]), record.len() - extensions - 2);
        assert_eq!(record, server_hello(1));
        assert_ne!(record, server_hello(2));
    }

    #[test]
    fn what_is_no_handshake_is_none() {
        assert_eq!(handshake_length(*b"GET /"), None);
        assert_eq!(handshake_length([22, 3, 1, 1, 2]), Some(258));
    }
}
