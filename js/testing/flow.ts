/** One direction of a connection through the proxy: takes bytes from a socket and hands them on, as its rule says. */
import type { Socket } from "node:net";
import type { Flow } from "./faults.js";
import { later, nextTurn, now } from "./time.js";

/** Bytes that may wait in the proxy before it stops reading from the sender. */
const HIGH_WATER = 1 << 20;

/** The effects that a pump leaves to its connection. */
export interface Ends {
  /** Where bytes go; made at the first use. */
  destination(): Socket;
  /** Tells the destination that nothing follows. */
  finish(): void;
  /** Ends both directions. */
  cut(how: "close" | "reset"): void;
}

/** Bytes, or how the flow ends. */
interface Piece {
  readonly what: Uint8Array | "end" | "reset";
  readonly due: number;
}

const utf8 = new TextEncoder();

export class Pump {
  readonly #ends: Ends;
  #rule: Flow = {};
  /** Bytes that still pass before the strike. */
  #left = Number.POSITIVE_INFINITY;
  #source: Socket | undefined;
  #queue: Piece[] = [];
  #queued = 0;
  #repeats = false;
  #stalled = false;
  /** The destination asked for a pause. */
  #blocked = false;
  /** A timer will resume it. */
  #resting = false;
  #wakeUp = (): void => {};
  #turn = 0;
  #over = false;
  #broken = false;

  constructor(ends: Ends) {
    this.#ends = ends;
  }

  /** It has swallowed bytes: those that follow must not arrive. */
  get isBroken(): boolean {
    return this.#broken;
  }

  attach(source: Socket): void {
    let failed = false;
    this.#source = source;
    source.on("data", (bytes: Uint8Array) => this.#take(bytes));
    source.on("end", () => this.#take("end"));
    source.on("error", () => {
      failed = true;
    });
    source.on("close", () => {
      if (failed) this.#take("reset");
    });
    this.#read();
  }

  /** Applies another rule from the next byte on. Bytes that the one before held back flow again; dropped ones are gone. */
  follow(rule: Flow): void {
    if (this.#over || this.#broken) return;
    this.#rule = rule;
    this.#left = rule.do === undefined ? Number.POSITIVE_INFINITY : (rule.after ?? 0);
    this.#repeats = false;
    this.#stalled = false;
    this.#rouse();
    if (this.#left === 0) this.#strike(false);
    this.#pump();
    this.#read();
  }

  /** Lets nothing pass any more; further bytes are thrown away. */
  stop(): void {
    this.#over = true;
    this.#queue = [];
    this.#rouse();
    this.#source?.resume();
  }

  #take(what: Piece["what"]): void {
    if (this.#over || this.#broken) return;
    this.#queue.push({ what, due: now() + (this.#rule.delay ?? 0) });
    if (typeof what !== "string") this.#queued += what.length;
    this.#pump();
    this.#read();
  }

  /** Resumes or pauses reading. */
  #read(): void {
    if (this.#stalled || this.#queued > HIGH_WATER) this.#source?.pause();
    else this.#source?.resume();
  }

  #pump(): void {
    while (!(this.#over || this.#broken || this.#stalled || this.#blocked || this.#resting)) {
      const [piece] = this.#queue;
      if (piece === undefined) return;
      const early = piece.due - now();
      if (early > 0) {
        this.#rest(early);
        return;
      }
      this.#queue.shift();
      const { what, due } = piece;
      if (what === "reset") this.#ends.cut("reset");
      else if (what === "end") this.#finish();
      else this.#pass(what, due);
    }
  }

  /** Writes as much as may pass at once. */
  #pass(bytes: Uint8Array, due: number): void {
    const size = Math.min(bytes.length, this.#left, this.#rule.split ?? Number.POSITIVE_INFINITY);
    const head = bytes.subarray(0, size);
    if (size < bytes.length) this.#queue.unshift({ what: bytes.subarray(size), due });
    this.#queued -= size;
    this.#left -= size;
    this.#write(head);
    if (this.#repeats) {
      this.#repeats = false;
      this.#write(head);
    }
    if (this.#left === 0) this.#strike(true);
    if (this.#rule.split !== undefined && !this.#resting) this.#rest(this.#rule.pace ?? 0);
    this.#read();
  }

  #write(bytes: Uint8Array): void {
    const to = this.#ends.destination();
    if (to.write(bytes) || this.#blocked) return;
    this.#blocked = true;
    to.once("drain", () => {
      this.#blocked = false;
      this.#pump();
    });
  }

  #finish(): void {
    this.stop();
    this.#ends.finish();
  }

  /** `written`: bytes have just passed, which a reset must not overtake on their way to the reader. */
  #strike(written: boolean): void {
    const { do: strike } = this.#rule;
    this.#left = Number.POSITIVE_INFINITY;
    if (strike === "drop") {
      this.#broken = true;
      this.#queue = [];
      this.#queued = 0;
    } else if (strike === "stall") this.#stalled = true;
    else if (strike === "repeat") this.#repeats = true;
    else if (strike === "end") this.#finish();
    else if (strike === "reset" && written) {
      this.#stalled = true;
      nextTurn(() => nextTurn(() => this.#ends.cut("reset")));
    } else if (typeof strike === "string") this.#ends.cut(strike);
    else if (strike !== undefined && "wait" in strike) this.#rest(strike.wait);
    else if (strike !== undefined) this.#write(typeof strike.say === "string" ? utf8.encode(strike.say) : strike.say);
  }

  #rest(milliseconds: number): void {
    this.#rouse();
    const turn = this.#turn;
    const goOn = (): void => {
      if (turn !== this.#turn) return;
      this.#resting = false;
      this.#pump();
    };
    this.#resting = true;
    if (milliseconds > 0) this.#wakeUp = later(goOn, milliseconds);
    else nextTurn(goOn);
  }

  /** Forgets that it rests. */
  #rouse(): void {
    this.#wakeUp();
    this.#turn += 1;
    this.#resting = false;
  }
}
