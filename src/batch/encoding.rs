//! Which encoding a file is in, and its bytes as UTF-8.
//!
//! A byte order mark decides; without one a file that is UTF-8 to its last byte is UTF-8, and one
//! that is not but is GB18030 to its last byte is GB18030 (GBK and GB2312 are parts of it: what a
//! spreadsheet on a Chinese Windows calls CSV). Where both readings make sense a person must say. Nothing
//! is guessed by statistics, and no byte is ever replaced. It knows no line and no column.

use std::fmt;
use std::io::{self, ErrorKind, Read};

use encoding_rs::{Decoder, DecoderResult};
use sha2::{Digest, Sha256};

/// Bytes that are read at once.
const CHUNK_BYTES: usize = 64 * 1024;
/// Bytes of a character in UTF-8.
pub(super) const CHARACTER_BYTES_MAX: usize = 4;
/// Bytes that one byte of GB18030 or UTF-16 makes in UTF-8 at most, with room for a character that
/// began in the chunk before.
const GROWTH: usize = 3;

/// An encoding of text that levy reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8, with or without a byte order mark.
    Utf8,
    /// UTF-16, the lower byte first.
    Utf16Le,
    /// UTF-16, the higher byte first.
    Utf16Be,
    /// GB18030, of which GBK and GB2312 are parts.
    Gb18030,
}

impl Encoding {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Utf8, Self::Utf16Le, Self::Utf16Be, Self::Gb18030];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Utf8 => "UTF-8",
            Self::Utf16Le => "UTF-16LE",
            Self::Utf16Be => "UTF-16BE",
            Self::Gb18030 => "GB18030",
        }
    }

    /// What a name means, in any case; GBK and GB2312 are read as GB18030.
    pub fn from_word(word: &str) -> Option<Self> {
        if word.eq_ignore_ascii_case("gbk") || word.eq_ignore_ascii_case("gb2312") {
            return Some(Self::Gb18030);
        }
        let mut all = Self::ALL.into_iter();
        all.find(|encoding| word.eq_ignore_ascii_case(encoding.as_str()))
    }

    fn mark(self) -> &'static [u8] {
        match self {
            Self::Utf8 => b"\xef\xbb\xbf",
            Self::Utf16Le => b"\xff\xfe",
            Self::Utf16Be => b"\xfe\xff",
            Self::Gb18030 => b"\x84\x31\x95\x33",
        }
    }

    /// None for UTF-8, which is checked where it is read.
    fn decoder(self) -> Option<Decoder> {
        let encoding = match self {
            Self::Utf8 => return None,
            Self::Utf16Le => encoding_rs::UTF_16LE,
            Self::Utf16Be => encoding_rs::UTF_16BE,
            Self::Gb18030 => encoding_rs::GB18030,
        };
        Some(encoding.new_decoder_without_bom_handling())
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a file is read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A CSV in this encoding.
    Csv(Encoding),
    /// An Excel workbook (.xlsx).
    Workbook,
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Csv(encoding) => encoding.fmt(f),
            Self::Workbook => f.write_str("a workbook (.xlsx)"),
        }
    }
}

/// Reads a source to its end and says what it is in. What is neither UTF-8 nor GB18030 is called
/// UTF-8, and so is what seems to be damaged UTF-8: whoever reads it finds the place. None where it may
/// as well be the one as the other, see [`Pairs`].
pub(super) fn recognise(source: &mut impl Read) -> io::Result<Option<Encoding>> {
    let mut chunk = vec![0; CHUNK_BYTES].into_boxed_slice();
    let mut filled = fill(source, &mut chunk)?;
    // A mark of UTF-32 begins like that of UTF-16.
    if let Some(marked) = marked(&chunk[..filled]) {
        return Ok(Some(marked));
    }
    let mut either = Either::new();
    loop {
        let ended = filled < chunk.len();
        if let Some(known) = either.look(&chunk[..filled], ended) {
            return Ok(Some(known));
        }
        if ended {
            return Ok(either.said());
        }
        filled = fill(source, &mut chunk)?;
    }
}

/// What a file's byte order mark says, if it has one. Reads from the beginning, and goes back there.
pub(super) fn mark_of(file: &mut (impl Read + io::Seek)) -> io::Result<Option<Encoding>> {
    let mut head = [0; CHARACTER_BYTES_MAX];
    let filled = fill(file, &mut head)?;
    file.rewind()?;
    Ok(marked(&head[..filled]))
}

fn marked(head: &[u8]) -> Option<Encoding> {
    if head.starts_with(b"\xff\xfe\0\0") {
        return Some(Encoding::Utf8);
    }
    let mut all = Encoding::ALL.into_iter();
    all.find(|encoding| head.starts_with(encoding.mark()))
}

/// Fills the chunk unless the source ends before.
fn fill(source: &mut impl Read, chunk: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < chunk.len() {
        match source.read(&mut chunk[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// What the two-byte characters of a file in UTF-8 would be in GB18030, whose characters have two bytes
/// as well: CE A5 D4 BC is ΥԼ in the one and 违约 in the other. A text of such pairs alone, all of them
/// ideographs of every day (GB2312) in GB18030 and not all of them what a Western name has in UTF-8, is
/// told apart by nobody.
#[derive(Default)]
struct Pairs {
    /// There are such characters at all.
    any: bool,
    /// One would be no ideograph of GB2312.
    rare: bool,
    /// One is neither an accented Latin letter (C3 80 to C3 BF) nor `·` (C2 B7).
    beyond_latin: bool,
}

impl Pairs {
    /// Looks at whole characters of at most two bytes.
    fn look(&mut self, text: &[u8]) {
        for pair in text.windows(2).filter(|pair| pair[0] >= 0xc2) {
            self.any = true;
            self.rare |= pair[1] < 0xa1;
            self.beyond_latin |= pair[0] != 0xc3 && pair != b"\xc2\xb7";
        }
    }

    fn ambiguous(&self) -> bool {
        self.any && !self.rare && self.beyond_latin
    }
}

/// Goes through a file as UTF-8 and as GB18030 at the same time.
struct Either {
    /// The beginning of a character that the next chunk goes on with.
    torn: Vec<u8>,
    utf8: bool,
    /// Characters of three bytes and more were whole in UTF-8: ideographs, which GB18030 makes by
    /// chance only. A fault behind them is a damaged file, not another encoding.
    ideographs: bool,
    pairs: Pairs,
    /// From the first byte on that is not ASCII; the two agree before.
    gb18030: Option<Decoder>,
    begun: bool,
    text: Box<[u8]>,
}

impl Either {
    fn new() -> Self {
        Self {
            torn: Vec::new(),
            utf8: true,
            ideographs: false,
            pairs: Pairs::default(),
            gb18030: Encoding::Gb18030.decoder(),
            begun: false,
            text: vec![0; GROWTH * (CHUNK_BYTES + 4)].into_boxed_slice(),
        }
    }

    /// Looks at the next bytes; the answer as soon as there is but one.
    fn look(&mut self, bytes: &[u8], ended: bool) -> Option<Encoding> {
        if !self.begun && bytes.is_ascii() {
            return None;
        }
        self.begun = true;
        if self.utf8 {
            self.look_as_utf8(bytes, ended);
        }
        if let Some(decoder) = &mut self.gb18030 {
            let (said, _, _) =
                decoder.decode_to_utf8_without_replacement(bytes, &mut self.text, ended);
            if said != DecoderResult::InputEmpty {
                self.gb18030 = None;
            }
        }
        // Nothing behind it changes the answer: the rest need not be read for it.
        (self.ideographs || self.gb18030.is_none()).then_some(Encoding::Utf8)
    }

    fn look_as_utf8(&mut self, bytes: &[u8], ended: bool) {
        let torn = std::mem::take(&mut self.torn);
        // A character has four bytes at most: only a few of the chunk are looked at twice.
        let whole = match torn.is_empty() {
            true => bytes.into(),
            false => std::borrow::Cow::Owned([&torn, bytes].concat()),
        };
        let (good, fault) = match std::str::from_utf8(&whole) {
            Ok(_) => (whole.len(), None),
            Err(error) => (error.valid_up_to(), Some(error.error_len())),
        };
        self.ideographs |= whole[..good].iter().any(|byte| *byte >= 0xe0);
        if !self.ideographs {
            self.pairs.look(&whole[..good]);
        }
        match fault {
            None => {}
            Some(None) if !ended => self.torn = whole[good..].to_vec(),
            // Cut off in the middle of a character.
            Some(None) => (self.utf8, self.ideographs) = (false, true),
            Some(Some(_)) => self.utf8 = false,
        }
    }

    fn said(&self) -> Option<Encoding> {
        let either = self.gb18030.is_some() && !self.ideographs;
        match self.utf8 || !either {
            true if either && self.pairs.ambiguous() => None,
            true => Some(Encoding::Utf8),
            false => Some(Encoding::Gb18030),
        }
    }
}

/// A source as UTF-8, without its byte order mark, and the digest of its own bytes. What is in
/// UTF-8 comes as it is, checked by nobody yet.
pub(super) struct Text<R> {
    source: R,
    encoding: Encoding,
    decoder: Option<Decoder>,
    hash: Sha256,
    /// Bytes of the source that are not decoded yet.
    raw: Vec<u8>,
    at: usize,
    /// Bytes of the source before `at`.
    offset: u64,
    /// The source has no more.
    drained: bool,
    end: Option<End>,
}

/// How a decoder ended, which may be asked nothing more then.
#[derive(Clone, Copy)]
enum End {
    Whole,
    Malformed(u64),
}

/// Why no text came.
pub(super) enum TextFault {
    Io(io::Error),
    /// The byte of the source at which it is not in its encoding.
    Malformed(u64),
}

impl<R: Read> Text<R> {
    pub(super) fn new(source: R, encoding: Encoding) -> Self {
        Self {
            source,
            encoding,
            decoder: encoding.decoder(),
            hash: Sha256::new(),
            raw: Vec::new(),
            at: 0,
            offset: 0,
            drained: false,
            end: None,
        }
    }

    pub(super) fn encoding(&self) -> Encoding {
        self.encoding
    }

    pub(super) fn digest(&self) -> [u8; 32] {
        self.hash.clone().finalize().into()
    }

    /// More text, at least one byte of it; none at the end. `out` has room for
    /// [`CHARACTER_BYTES_MAX`].
    pub(super) fn read(&mut self, out: &mut [u8]) -> Result<usize, TextFault> {
        let Some(mut decoder) = self.decoder.take() else {
            return self.more(out).map_err(TextFault::Io);
        };
        let read = self.decoded(&mut decoder, out);
        self.decoder = Some(decoder);
        read
    }

    fn decoded(&mut self, decoder: &mut Decoder, out: &mut [u8]) -> Result<usize, TextFault> {
        loop {
            match self.end {
                None => {}
                Some(End::Whole) => return Ok(0),
                Some(End::Malformed(offset)) => return Err(TextFault::Malformed(offset)),
            }
            if self.at == self.raw.len() && !self.drained {
                self.refill().map_err(TextFault::Io)?;
            }
            let raw = &self.raw[self.at..];
            let (said, read, written) =
                decoder.decode_to_utf8_without_replacement(raw, out, self.drained);
            self.at += read;
            self.offset += read as u64;
            self.end = match said {
                DecoderResult::Malformed(bad, after) => {
                    let back = u64::from(bad) + u64::from(after);
                    Some(End::Malformed(self.offset - back))
                }
                DecoderResult::InputEmpty if self.drained => Some(End::Whole),
                DecoderResult::InputEmpty | DecoderResult::OutputFull => None,
            };
            // What comes before a fault comes first.
            if written > 0 {
                return Ok(written);
            }
        }
    }

    fn refill(&mut self) -> io::Result<()> {
        let mut raw = std::mem::take(&mut self.raw);
        raw.resize(CHUNK_BYTES, 0);
        let read = self.more(&mut raw);
        raw.truncate(*read.as_ref().unwrap_or(&0));
        (self.raw, self.at) = (raw, 0);
        self.drained = read? == 0;
        Ok(())
    }

    /// Reads once; what came counts for the digest.
    fn more(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.source.read(out) {
                Ok(count) => {
                    self.hash.update(&out[..count]);
                    return Ok(count);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

#[cfg(test)]
mod tests;
