/** A status, an error or a big number of such a length that its line comes in parts, which may end inside a character. */
import * as abi from "../core/abi.js";
import { ReplyError } from "../core/errors.js";
import type { Runtime } from "../transport/runtime.js";

export class TextParts {
  readonly #parts: Uint8Array[] = [];
  #length = 0;
  /** Why it cannot be kept: memory has run out. Its bytes are dropped from then on. */
  #failure: { readonly cause: unknown } | undefined;

  /** Takes bytes `start..end` of memory that is only lent. */
  add(memory: Uint8Array, start: number, end: number): void {
    if (this.#failure !== undefined) return;
    try {
      this.#parts.push(memory.slice(start, end));
      this.#length += end - start;
    } catch (cause) {
      this.#failure = { cause };
      this.#parts.length = 0;
    }
  }

  /** The value. Throws if memory has run out, or if it is too long for the runtime. */
  finish(kind: number, runtime: Runtime): unknown {
    if (this.#failure !== undefined) throw this.#failure.cause;
    const bytes = runtime.allocate(this.#length);
    let at = 0;
    for (const part of this.#parts) {
      bytes.set(part, at);
      at += part.length;
    }
    const text = runtime.utf8(bytes, 0, at);
    if (kind === abi.KIND_ERROR) return new ReplyError(text);
    return kind === abi.KIND_BIG_NUMBER ? BigInt(text) : text;
  }
}
