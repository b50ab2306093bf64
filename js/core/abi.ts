// Generated from src by `UPDATE_ABI=1 cargo test --test abi`. Do not edit.
// Constants each by itself, which the bundler puts in place of their names; it leaves members of objects alone.

/** Tokens of a reply: `src/resp/token.rs`. */
export const KIND_NULL = 0;
export const KIND_SIMPLE = 1;
export const KIND_ERROR = 2;
export const KIND_INT = 3;
export const KIND_BULK = 4;
export const KIND_DOUBLE = 5;
export const KIND_BOOL = 6;
export const KIND_BIG_NUMBER = 7;
export const KIND_VERBATIM = 8;
export const KIND_ARRAY = 9;
export const KIND_MAP = 10;
export const KIND_SET = 11;
export const KIND_PUSH = 12;
export const KIND_BIG = 13;
export const KIND_BIG_END = 14;

/** Flags of a token. */
export const FLAG_FIRST = 1;
export const FLAG_LAST = 2;
export const FLAG_ASCII = 4;
export const FLAG_SKIP = 8;
export const FLAG_MORE = 16;

/** Actions: `src/connection/output.rs`. */
export const ROW_ACTION = 32;
export const ROW_TRANSMIT = 32;
export const ROW_EXTERNAL = 33;
export const ROW_OPEN = 34;
export const ROW_CLOSE = 35;
export const ROW_REJECT = 36;
export const ROW_STATE = 37;
export const ROW_PREPARE = 38;
export const ROW_ABORT = 39;
export const ROW_DIAL = 40;
export const ROW_LINK = 41;
export const ROW_PUSH = 42;
export const ROW_LANE = 43;

/** Kinds of pushes: `src/command/pushed.rs`. */
export const PUSHED_INVALIDATE = 1;

/** Why a command ends without a reply: `src/error.rs`. */
export const FAILURE_DISABLED = 1;
export const FAILURE_CONNECTION_LOST = 2;
export const FAILURE_TIMEOUT = 3;
export const FAILURE_PROTOCOL = 4;
export const FAILURE_REFUSED = 5;
export const FAILURE_CLOSED = 6;
export const FAILURE_FULL = 7;
export const FAILURE_TOO_LARGE = 8;

/** What a command waited for when its deadline passed. */
export const PHASE_CONNECT = 1;
export const PHASE_QUEUE = 2;
export const PHASE_REPLY = 3;

/** Whether the server may have seen a command. */
export const SENT_NO = 0;
export const SENT_MAYBE = 1;

/** States of a target, by number. */
export const STATES = ["idle", "connecting", "ready", "disabled", "closed"] as const;

/** Reasons, by number. */
export const REASONS = [
  "",
  "unconfigured",
  "bad-url",
  "bad-option",
  "dns",
  "refused",
  "reset",
  "closed",
  "unreachable",
  "tls",
  "auth",
  "timeout",
  "protocol",
  "loading",
  "maxclients",
  "denied",
  "cluster",
  "wasm",
  "internal",
  "credentials",
  "runtime",
  "object",
  "busy",
  "certificate",
  "resources",
  "path",
  "permission",
  "unknown",
] as const;

/** Kinds of arguments in a batch, in the upper bits of their words: `src/manager/batch.rs`. */
export const ARGUMENT_TEXT = 0;
export const ARGUMENT_BYTES = 1073741824;
export const ARGUMENT_OUTSIDE = 2147483648;
export const ARGUMENT_FRAMED = 3221225472;

/** In the place of a tag in a batch, or of a moment, and the mark of a tag that was not sent. */
export const CANCELLED = 4294967295;
export const STAGED_AT = 4294967294;
export const JUST_NOW = 4294967295;
export const UNSENT = 2147483648;

/** Words of the header: `src/layout.rs`. */
export const HEADER_ROWS = 0;
export const HEADER_ROW_COUNT = 1;
export const HEADER_FRAMES = 2;
export const HEADER_RECEIVED = 3;
export const HEADER_DEADLINE = 4;
export const HEADER_META = 6;
export const HEADER_TEXT = 7;
export const HEADER_CHUNK = 8;

/** Sizes of the regions: `src/layout.rs`. */
export const META_WORDS = 65536;
export const TEXT_BYTES = 262144;
export const CHUNK_BYTES = 65536;
