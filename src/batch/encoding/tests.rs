//! What is recognised, and that no byte is lost or made up on the way.

use std::io::Cursor;

use super::*;
use proptest::prelude::*;

fn encoded(text: &str, encoding: Encoding) -> Vec<u8> {
    let wide = |order: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(order).collect();
    match encoding {
        Encoding::Utf8 => text.as_bytes().to_vec(),
        Encoding::Utf16Le => wide(u16::to_le_bytes),
        Encoding::Utf16Be => wide(u16::to_be_bytes),
        Encoding::Gb18030 => encoding_rs::GB18030.encode(text).0.into_owned(),
    }
}

fn recognised(bytes: &[u8]) -> Encoding {
    recognise(&mut Cursor::new(bytes)).unwrap().unwrap()
}

#[test]
fn what_both_encodings_make_sense_of_is_recognised_by_nobody() {
    let gbk = |text| encoded(text, Encoding::Gb18030);
    let torn = [vec![b'x'; CHUNK_BYTES - 1], gbk("违约")].concat();
    for (bytes, want) in [
        (gbk("违约"), None),
        (torn, None),
        ("Müller·é".into(), Some(Encoding::Utf8)),
        // р is D1 80, which is no ideograph of every day.
        ("Петров".into(), Some(Encoding::Utf8)),
        ("ΥԼ 案件".into(), Some(Encoding::Utf8)),
        ("Υ𠮷".into(), Some(Encoding::Utf8)),
        (gbk("违约案件"), Some(Encoding::Gb18030)),
    ] {
        let said = recognise(&mut Cursor::new(&bytes)).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        assert_eq!(said, want, "{}", text.trim_matches('x'));
    }
}

/// A source that gives a few bytes at a time.
struct Drip<'a>(&'a [u8], usize);

impl Read for Drip<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.1.min(self.0.len()).min(out.len());
        out[..count].copy_from_slice(&self.0[..count]);
        self.0 = &self.0[count..];
        Ok(count)
    }
}

/// The whole text, or what came before the fault and its place.
fn text_of(bytes: &[u8], encoding: Encoding, drip: usize, room: usize) -> (Vec<u8>, Option<u64>) {
    let mut source = Text::new(Drip(bytes, drip), encoding);
    let mut out = vec![0; room];
    let mut text = Vec::new();
    loop {
        match source.read(&mut out) {
            Ok(0) => {
                assert_eq!(source.digest(), <[u8; 32]>::from(Sha256::digest(bytes)));
                return (text, None);
            }
            Ok(count) => text.extend_from_slice(&out[..count]),
            Err(TextFault::Malformed(offset)) => return (text, Some(offset)),
            Err(TextFault::Io(error)) => panic!("{error}"),
        }
    }
}

#[test]
fn a_mark_decides_then_strict_utf8_then_strict_gb18030_and_nothing_else() {
    let long = format!("{}案件", "x".repeat(CHUNK_BYTES - 1));
    let torn = [
        "x".repeat(CHUNK_BYTES - 1).into_bytes(),
        b"\xb0\xb8\xbc\xfe".to_vec(),
    ]
    .concat();
    let damaged = [&b"a,\xe6\xa1\x88,"[..], b"\xb0\xb8"].concat();
    let cases: &[(&[u8], Encoding)] = &[
        (b"", Encoding::Utf8),
        (b"mchid", Encoding::Utf8),
        (b"\xef\xbb\xbfa", Encoding::Utf8),
        (b"\xef\xbb\xbf\xb0\xb8", Encoding::Utf8),
        (b"\xff\xfea\0", Encoding::Utf16Le),
        (b"\xfe\xff\0a", Encoding::Utf16Be),
        (b"\xff\xfe\0\0a\0\0\0", Encoding::Utf8),
        (b"\x84\x31\x95\x33a", Encoding::Gb18030),
        ("案件号".as_bytes(), Encoding::Utf8),
        (b"\xb0\xb8\xbc\xfe", Encoding::Gb18030),
        (b"1,\xb0\xb8", Encoding::Gb18030),
        // Four bytes a character.
        (b"1,\x82\x30\x81\x30", Encoding::Gb18030),
        (long.as_bytes(), Encoding::Utf8),
        (&torn, Encoding::Gb18030),
        // Neither: the fault is found where it is read.
        (b"1,\xff", Encoding::Utf8),
        (b"1,\xb0", Encoding::Utf8),
        (b"1,\xb0\xb8,\xb0", Encoding::Utf8),
        // Damaged UTF-8 would make sense of a kind as GB18030.
        (&damaged, Encoding::Utf8),
        (&"案件".as_bytes()[..5], Encoding::Utf8),
        (b"1,\xe6\xa1", Encoding::Utf8),
    ];
    for (bytes, want) in cases {
        let head = &bytes[..bytes.len().min(12)];
        assert_eq!(recognised(bytes), *want, "{head:x?}");
    }
}

#[test]
fn a_fault_is_told_behind_the_text_before_it_with_the_files_own_offset() {
    for (encoding, bytes, text, offset) in [
        (Encoding::Gb18030, &b"ab\xb0\xb8\xff,c"[..], "ab案", 4),
        (Encoding::Gb18030, b"\xb0\xb8\xb0", "案", 2),
        (Encoding::Gb18030, b"\xb0\xb8\xb0 x", "案", 2),
        (Encoding::Utf16Le, b"a\0\0\xd8b\0", "a", 2),
        (Encoding::Utf16Le, b"a\0b", "a", 2),
        (Encoding::Utf16Be, b"\0a\xdc\0\0b", "a", 2),
    ] {
        for (drip, room) in [(1, 4), (3, 5), (100, 100)] {
            let (told, fault) = text_of(bytes, encoding, drip, room);
            assert_eq!(
                String::from_utf8(told).unwrap(),
                text,
                "{encoding} {bytes:x?}"
            );
            assert_eq!(fault, Some(offset), "{encoding} {bytes:x?} {drip}");
        }
    }
}

#[test]
fn names_are_known_in_any_case() {
    for encoding in Encoding::ALL {
        let name = encoding.as_str();
        assert_eq!(Encoding::from_word(name), Some(encoding));
        assert_eq!(Encoding::from_word(&name.to_lowercase()), Some(encoding));
    }
    assert_eq!(Encoding::from_word("gbk"), Some(Encoding::Gb18030));
    assert_eq!(Encoding::from_word("latin1"), None);
}

proptest! {
    /// Text comes back whole from each encoding, however its bytes arrive; and whatever GB18030
    /// makes of a text with Chinese in it is not taken for UTF-8, nor the other way round.
    #[test]
    fn text_comes_back_from_every_encoding(
        text in "[ -~案件号司法扣划，（）·é€😀\u{e000}]{0,80}",
        drip in 1_usize..9,
        room in CHARACTER_BYTES_MAX..40,
    ) {
        for encoding in Encoding::ALL {
            let bytes = encoded(&text, encoding);
            let (told, fault) = text_of(&bytes, encoding, drip, room);
            prop_assert_eq!(fault, None, "{}", encoding);
            prop_assert_eq!(&String::from_utf8(told).unwrap(), &text, "{}", encoding);
        }
        prop_assert_eq!(recognised(text.as_bytes()), Encoding::Utf8);
        let chinese = format!("{text}案");
        prop_assert_eq!(recognised(&encoded(&chinese, Encoding::Gb18030)), Encoding::Gb18030);
        for wide in [Encoding::Utf16Le, Encoding::Utf16Be] {
            let marked = encoded(&format!("\u{feff}{text}"), wide);
            prop_assert_eq!(recognised(&marked), wide);
        }
    }
}
