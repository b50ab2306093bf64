/**
 * The wasm core as the shell sees it: its exports, and views over the regions of linear memory in which both meet
 * (src/wasm/memory.rs). A view dies when the memory grows, so every access goes through `refresh()` first.
 */
import { type Exports, instantiate } from "#glue";
import * as abi from "./abi.js";
import { bare } from "./own.js";
import { inOneLine, type Stats, type Status } from "./status.js";

const utf8 = new TextEncoder();
/** Text this short is written faster than `encodeInto` begins. */
const SHORT_TEXT = 48;
/** The options of a target must fit the region of texts. */
const LONGEST_OPTIONS = abi.TEXT_BYTES >> 2;
/** The core reads whole numbers of 32 bits. The largest, which -1 becomes, is in place of one that is not given. */
const LARGEST = 0xffff_fffe;
/** Where the kind of a target stands among the texts of its options, and how many words they are. */
const KIND_TEXT = 5;
const OPTION_WORDS = 21;

// The core hands over values without names, in the order of src/wasm/mod.rs.
const REGISTERED = ["target", "host", "port", "path", "tls", "identity", "staged", "stagedBytes"];
const STATUS = ["state", "reason", "message", "hint", "retryable", "retryAt", "address", "attempts", "since"];
const STATS = [
  "dials",
  "connects",
  "stateChanges",
  "commands",
  "timeouts",
  "disabled",
  "resent",
  "bytesIn",
  "bytesOut",
  "pushesDropped",
];

type Named = Record<string, unknown>;

/** What the core counts. */
export type CoreStats = Omit<
  Stats,
  "refused" | "joins" | "writes" | "handles" | "pending" | "crossings" | "memoryBytes"
>;

/** The counts of a target of which nothing has happened. */
export const nothing = (): CoreStats =>
  named(
    STATS,
    STATS.map(() => 0),
  ) as unknown as CoreStats;

function named(names: readonly string[], values: readonly unknown[] | undefined): Named | undefined {
  if (values === undefined) return undefined;
  const fields: Named = {};
  values.forEach((value, index) => {
    if (value !== undefined) fields[names[index] as string] = value;
  });
  return fields;
}

/** Parts of a millisecond, or of a command, are none; and for ever is as good as 49 days. */
const whole = (value: number): number => Math.min(Math.ceil(value), LARGEST);

/** What the core tells of a new target; without an endpoint when its options make no sense. */
export interface Registered {
  target: number;
  host?: string;
  port?: number;
  path?: string;
  tls?: boolean;
  /** What makes two targets the same. It holds secrets: it is for comparing only. */
  identity?: string;
  /** How many commands, and bytes, may wait. */
  staged?: number;
  stagedBytes?: number;
}

/**
 * `Options` of src/manager/config.rs in the order of src/wasm/options.rs: names would take as much room as all that is done
 * with them. What is not there is not given.
 */
export interface CoreOptions {
  /** What is wrong with the options already, URL, username, password, name of the client. */
  readonly texts: readonly (string | undefined)[];
  /**
   * Number of the database or -1, whether TLS is asked for, protocol, whether a function gives the credentials, whether
   * the transport resolves names; milliseconds of `connect`, idleness, first and last bound of the backoff; staged
   * commands and bytes, pending commands, bytes of a bulk, depth. 0 means the default.
   */
  readonly numbers: readonly number[];
}

export class Core {
  readonly calls: Exports;
  u8!: Uint8Array;
  u32!: Uint32Array;
  #f64!: DataView;
  readonly #header: number;
  readonly #meta: number;
  readonly #text: number;
  readonly chunk: number;

  constructor(module: WebAssembly.Module, seed: number) {
    // A copy: the exports of an instance cannot be replaced, as tests do.
    this.calls = { ...instantiate(module) };
    this.#header = this.calls.start(seed);
    this.refresh();
    this.#meta = this.#word(abi.HEADER_META) >>> 2;
    this.#text = this.#word(abi.HEADER_TEXT);
    this.chunk = this.#word(abi.HEADER_CHUNK);
  }

  /** Registers a target. Packed as src/wasm/options.rs reads it. */
  configure(options: CoreOptions, scope: number, kind: string, now: number): Registered {
    let texts: (string | undefined)[] = [...options.texts];
    texts[KIND_TEXT] = kind;
    if (texts.join("").length > LONGEST_OPTIONS) texts = ["the options are too long"];
    const words = new Uint32Array(OPTION_WORDS);
    words.set(this.#writeTexts(texts));
    words.set(options.numbers.map(whole), KIND_TEXT + 1);
    words[OPTION_WORDS - 1] = scope;
    this.u32.set(words, this.#meta);
    return bare(named(REGISTERED, this.calls.configure(now)) as unknown as Registered);
  }

  /** The number of a policy. */
  policy(connect: number, command: number, waits: boolean, total: boolean): number {
    return this.calls.policy(whole(connect), whole(command), +waits, +total);
  }

  /** The transport has let go of a link, or could not connect it. */
  lost(link: number, code: string, message: string, now: number): void {
    const [codeLength, length] = this.#writeTexts([code, message]) as [number, number];
    this.calls.lost(link, codeLength, length, now);
  }

  /** The addresses (and the credentials, where a function gives them) of a dial are known. */
  prepared(
    target: number,
    dial: number,
    addresses: readonly string[],
    secret: { username?: string; password: string } | undefined,
    now: number,
  ): void {
    const texts = [addresses.join("\n"), secret?.username, secret?.password];
    const [list, user, password] = this.#writeTexts(texts) as [number, number, number];
    this.calls.prepared(target, dial, list, +(secret !== undefined), user, password, now);
  }

  /** The addresses or credentials of a dial cannot be had. */
  unprepared(target: number, dial: number, code: string, message: string, now: number): void {
    const [codeLength, length] = this.#writeTexts([code, message]) as [number, number];
    this.calls.unprepared(target, dial, codeLength, length, now);
  }

  /** The target's links are to tell of changes of keys that begin with the prefix. */
  track(target: number, prefix: string, now: number): void {
    this.calls.track(target, this.#writeTexts([prefix])[0] as number, now);
  }

  /** The callers of these commands do not wait any more. Gives the tags of those that the server cannot have seen. */
  abandon(target: number, tags: Uint32Array, now: number): Uint32Array {
    this.refresh();
    this.u32.set(tags, this.#meta);
    this.calls.abandon_all(target, tags.length, now);
    this.refresh();
    const unsent = this.u32.subarray(this.#meta, this.#meta + tags.length).filter((tag) => tag >= abi.UNSENT);
    return unsent.map((tag) => tag - abi.UNSENT);
  }

  status(target: number): Status | undefined {
    const fields = named(STATUS, this.calls.status(target));
    if (fields === undefined) return undefined;
    fields.state = abi.STATES[fields.state as number];
    if (fields.message !== undefined) fields.message = inOneLine(fields.message as string);
    if (fields.reason !== undefined) fields.reason = abi.REASONS[fields.reason as number];
    return fields as unknown as Status;
  }

  stats(target: number): CoreStats | undefined {
    return named(STATS, this.calls.stats(target)) as CoreStats | undefined;
  }

  /** Makes the views anew if the memory has grown. */
  refresh(): void {
    const { buffer } = this.calls.memory;
    if (this.u8?.buffer === buffer) return;
    this.u8 = new Uint8Array(buffer);
    this.u32 = new Uint32Array(buffer);
    this.#f64 = new DataView(buffer);
  }

  #word(name: number): number {
    return this.u32[(this.#header >>> 2) + name] as number;
  }

  /** How many rows the last call left. */
  get rowCount(): number {
    return this.#word(abi.HEADER_ROW_COUNT);
  }

  /** Index of the first row in `u32`. */
  get rows(): number {
    return this.#word(abi.HEADER_ROWS) >>> 2;
  }

  /** Address that the offsets of `TRANSMIT` rows count from. */
  get frames(): number {
    return this.#word(abi.HEADER_FRAMES);
  }

  /** Address that the offsets of reply rows count from. */
  get received(): number {
    return this.#word(abi.HEADER_RECEIVED);
  }

  /** When `advance` has something to do; infinity when nothing waits. */
  get deadline(): number {
    return this.#f64.getFloat64(this.#header + 4 * abi.HEADER_DEADLINE, true);
  }

  /** Bytes of linear memory. It never shrinks. */
  get memoryBytes(): number {
    return this.calls.memory.buffer.byteLength;
  }

  /** Writes a batch into its regions; gives the number of bytes of its text. */
  writeBatch(words: Uint32Array, count: number, text: string, bytes: Uint8Array, byteCount: number): number {
    this.refresh();
    const meta = this.#meta;
    if (count < 64) {
      for (let i = 0; i < count; i += 1) this.u32[meta + i] = words[i] as number;
    } else {
      this.u32.set(words.subarray(0, count), meta);
    }
    const written = this.#writeText(text);
    if (byteCount > 0) this.u8.set(bytes.subarray(0, byteCount), this.#text + written);
    return written;
  }

  /** Writes texts one after the other; gives their lengths in bytes. What does not fit is cut. */
  #writeTexts(texts: readonly (string | undefined)[]): number[] {
    this.refresh();
    let at = this.#text;
    return texts.map((text = "") => {
      const { written } = utf8.encodeInto(text, this.u8.subarray(at, this.#text + abi.TEXT_BYTES));
      at += written;
      return written;
    });
  }

  #writeText(text: string): number {
    const length = text.length;
    if (length <= SHORT_TEXT) {
      let i = 0;
      for (; i < length; i += 1) {
        const unit = text.charCodeAt(i);
        if (unit > 0x7f) break;
        this.u8[this.#text + i] = unit;
      }
      if (i === length) return length;
    }
    return utf8.encodeInto(text, this.u8.subarray(this.#text, this.#text + 3 * length)).written;
  }
}
