//! RESP2 and RESP3: a resumable reader of replies and a writer of commands.
//!
//! Independent of connections, time and JavaScript. The reader borrows the caller's buffer and answers with
//! [`Token`]s that point into it; it never copies, allocates or recurses.

mod bytes;
mod encode;
mod error;
mod parser;
mod scan;
mod text;
mod token;

pub use bytes::{decimal, owned, Bytes};
pub use encode::{array_header, bulk, bulk_header, frame};
pub use error::{ProtocolError, ProtocolErrorKind};
pub use parser::{Limits, Parser};
pub use scan::{is_word, whole};
pub use text::TextArguments;
pub use token::{Kind, Token, ASCII, FIRST, LAST, MORE, SKIP, TOO_DEEP, TOO_LONG};
