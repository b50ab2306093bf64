// Generated from src by `UPDATE_ABI=1 cargo test --test abi`. Do not edit.
// Constants that the bundler inlines: the loop of replies compares with them.

/** Tokens of a reply: `src/resp/token.rs`. */
export const KIND = {
  Null: 0,
  Simple: 1,
  Error: 2,
  Int: 3,
  Bulk: 4,
  Double: 5,
  Bool: 6,
  BigNumber: 7,
  Verbatim: 8,
  Array: 9,
  Map: 10,
  Set: 11,
  Push: 12,
  Big: 13,
  BigEnd: 14,
} as const;

/** Flags of a token. */
export const FLAG = {
  First: 1,
  Last: 2,
  Ascii: 4,
  Skip: 8,
} as const;

/** Actions: `src/connection/output.rs`. */
export const ROW = {
  Action: 32,
  Transmit: 32,
  External: 33,
  Open: 34,
  Close: 35,
  Reject: 36,
  State: 37,
  Prepare: 38,
  Abort: 39,
  Dial: 40,
  Link: 41,
  Changed: 42,
} as const;

/** Why a command ends without a reply: `src/error.rs`. */
export const FAILURE = {
  Disabled: 1,
  ConnectionLost: 2,
  Timeout: 3,
  Protocol: 4,
  Refused: 5,
  Closed: 6,
  Full: 7,
} as const;

/** What a command waited for when its deadline passed. */
export const PHASE = {
  Connect: 1,
  Queue: 2,
  Reply: 3,
} as const;

/** Whether the server may have seen a command. */
export const SENT = {
  No: 0,
  Maybe: 1,
} as const;

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
] as const;

/** Kinds of arguments in a batch, in the upper bits of their words: `src/manager/batch.rs`. */
export const ARGUMENT = {
  Text: 0,
  Bytes: 1073741824,
  Outside: 2147483648,
} as const;

/** Words of the header: `src/layout.rs`. */
export const HEADER = {
  Rows: 0,
  RowCount: 1,
  Frames: 2,
  Received: 3,
  Deadline: 4,
  Meta: 6,
  Text: 7,
  Chunk: 8,
} as const;

/** Sizes of the regions: `src/layout.rs`. */
export const META_WORDS = 65536;
export const TEXT_BYTES = 262144;
export const CHUNK_BYTES = 65536;
