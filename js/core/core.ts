/**
 * The wasm core as the shell sees it: its exports, and views over the regions of linear memory in which both meet
 * (src/wasm/memory.rs). A view dies when the memory grows, so every access goes through `refresh()` first.
 */
import { type Glue, instantiate } from "#glue";
import { HEADER } from "./abi.js";
import type { Stats, Status } from "./status.js";

const utf8 = new TextEncoder();
/** Text this short is written faster than `encodeInto` begins. */
const SHORT_TEXT = 48;

// The core hands over values without names, in the order of their declaration in Rust.
const REGISTERED = ["target", "host", "port", "path", "tls", "identity"];
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
];

function named<T>(names: readonly string[], values: readonly unknown[] | undefined): T | undefined {
  if (values === undefined) return undefined;
  const fields = names.map((name, index) => [name, values[index]]);
  return Object.fromEntries(fields.filter(([, value]) => value !== undefined));
}

/** What the core tells of a new target; without an endpoint when its options make no sense. */
export interface Registered {
  target: number;
  host?: string;
  port?: number;
  path?: string;
  tls?: boolean;
  /** What makes two targets the same. It holds secrets: it is for comparing only. */
  identity?: string;
}

/** `Options` of src/manager/config.rs. Durations are milliseconds; 0 means the default. */
export interface CoreOptions {
  readonly problem?: string | undefined;
  readonly url?: string | undefined;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly name?: string | undefined;
  readonly db?: number | undefined;
  readonly tls: boolean;
  readonly protocol: number;
  readonly dynamicCredentials: boolean;
  readonly resolves: boolean;
  readonly connectTimeout: number;
  readonly retryBase: number;
  readonly retryCap: number;
  readonly maxStaged: number;
  readonly maxStagedBytes: number;
  readonly maxPending: number;
  readonly maxBulk: number;
  readonly maxDepth: number;
}

export class Core {
  readonly calls: Glue;
  u8!: Uint8Array;
  u32!: Uint32Array;
  #f64!: DataView;
  readonly #memory: WebAssembly.Memory;
  readonly #header: number;
  readonly #meta: number;
  readonly #text: number;
  readonly chunk: number;

  constructor(module: WebAssembly.Module, seed: number) {
    this.calls = instantiate(module);
    this.#memory = this.calls.exports.memory;
    this.#header = this.calls.start(seed);
    this.refresh();
    this.#meta = this.#word(HEADER.Meta);
    this.#text = this.#word(HEADER.Text);
    this.chunk = this.#word(HEADER.Chunk);
  }

  /** Registers a target. Packed as src/wasm/options.rs reads it. */
  configure(options: CoreOptions, now: number): Registered {
    const { problem, url, username, password, name, db, tls, protocol, dynamicCredentials, resolves } = options;
    const texts = [problem, url, username, password, name].map((text) => (text ?? "").replaceAll("\0", "")).join("\0");
    const { connectTimeout, retryBase, retryCap, maxStaged, maxStagedBytes, maxPending, maxBulk, maxDepth } = options;
    const settings = [db ?? Number.NaN, +tls, protocol, +dynamicCredentials, +resolves];
    const limits = [connectTimeout, retryBase, retryCap, maxStaged, maxStagedBytes, maxPending, maxBulk, maxDepth];
    const registered = this.calls.configure(texts, new Float64Array([...settings, ...limits]), now);
    return named<Registered>(REGISTERED, registered) ?? { target: -1 };
  }

  status(target: number): Status | undefined {
    return named(STATUS, this.calls.status(target));
  }

  stats(target: number): Partial<Stats> | undefined {
    return named(STATS, this.calls.stats(target));
  }

  /** Makes the views anew if the memory has grown. */
  refresh(): void {
    if (this.u8 === undefined || this.u8.buffer !== this.#memory.buffer) {
      this.u8 = new Uint8Array(this.#memory.buffer);
      this.u32 = new Uint32Array(this.#memory.buffer);
      this.#f64 = new DataView(this.#memory.buffer);
    }
  }

  #word(name: number): number {
    return this.u32[(this.#header >>> 2) + name] as number;
  }

  /** How many rows the last call left. */
  get rowCount(): number {
    return this.#word(HEADER.RowCount);
  }

  /** Index of the first row in `u32`. */
  get rows(): number {
    return this.#word(HEADER.Rows) >>> 2;
  }

  /** Address that the offsets of `TRANSMIT` rows count from. */
  get frames(): number {
    return this.#word(HEADER.Frames);
  }

  /** Address that the offsets of reply rows count from. */
  get received(): number {
    return this.#word(HEADER.Received);
  }

  /** When `advance` has something to do; infinity when nothing waits. */
  get deadline(): number {
    return this.#f64.getFloat64(this.#header + 4 * HEADER.Deadline, true);
  }

  /** Bytes of linear memory. It never shrinks. */
  get memoryBytes(): number {
    return this.#memory.buffer.byteLength;
  }

  /** Writes a batch into its regions; gives the number of bytes of its text. */
  writeBatch(words: Uint32Array, count: number, text: string, bytes: Uint8Array, byteCount: number): number {
    this.refresh();
    const meta = this.#meta >>> 2;
    if (count < 64) {
      for (let i = 0; i < count; i += 1) this.u32[meta + i] = words[i] as number;
    } else {
      this.u32.set(words.subarray(0, count), meta);
    }
    const written = this.#writeText(text);
    if (byteCount > 0) this.u8.set(bytes.subarray(0, byteCount), this.#text + written);
    return written;
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
