/**
 * A connection to one address, seen closely: what the peer says unasked, how it ends. The client's transport hides all that,
 * for it only wants to know whether an address serves.
 */
import { connect, type Socket } from "node:net";
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from "node:tls";
import { frame, NotResp, type Reply, readReply } from "./resp.js";

/** Where a connection goes to. */
export type Place = { readonly host: string; readonly port: number } | { readonly path: string };

/** How a connection ended, or why it did not come about. `code` is the system's, or OpenSSL's. */
export class Ended extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** Nothing of an examination lives for longer, whatever became of the step that opened it. */
const LIFETIME = 30_000;
/** Nothing came in time. */
export const SILENT = "ESILENT";
/** The peer closed in good order. */
export const CLOSED = "END";

export class Wire {
  readonly socket: Socket;
  /** Bytes received and not yet taken as a reply. */
  received: Buffer = Buffer.alloc(0);
  end: Ended | undefined;
  #wake: (() => void) | undefined;

  constructor(socket: Socket, lifetime: number) {
    this.socket = socket;
    const end = setTimeout(() => socket.destroy(), lifetime);
    end.unref();
    socket.once("close", () => clearTimeout(end));
    socket.setNoDelay(true);
    socket.on("data", (chunk: Buffer) => {
      this.received = Buffer.concat([this.received, chunk]);
      this.#wake?.();
    });
    socket.on("error", (error: NodeJS.ErrnoException) => this.#ended(error.code ?? "EPROTO", error.message));
    socket.on("end", () => this.#ended(CLOSED, "the peer closed the connection"));
    socket.on("close", () => this.#ended(CLOSED, "the connection was closed"));
  }

  #ended(code: string, message: string): void {
    this.end ??= new Ended(code, message);
    this.#wake?.();
  }

  /** Resolves once `done` holds, the peer has ended it, or the time is over. */
  async until(done: () => boolean, ms: number): Promise<void> {
    if (done() || this.end !== undefined || ms <= 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        if (!done() && this.end === undefined) return;
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = undefined;
  }

  write(text: string): void {
    if (this.end === undefined) this.socket.write(text);
  }

  /** The next reply. Rejects with `Ended` or `NotResp`. */
  async reply(ms: number): Promise<Reply> {
    const isThere = (): boolean => {
      try {
        return readReply(this.received, 0) !== undefined;
      } catch {
        return true;
      }
    };
    await this.until(isThere, ms);
    const read = readReply(this.received, 0);
    if (read === undefined) throw this.end ?? new Ended(SILENT, `no answer in ${Math.round(ms)} ms`);
    this.received = this.received.subarray(read.end);
    return read.reply;
  }

  /** Asks one command. */
  async ask(ms: number, ...args: string[]): Promise<Reply> {
    if (this.received.length > 0) {
      // A reply that came unasked, such as the error of a server that is full, answers any question.
      const read = readReply(this.received, 0);
      if (read !== undefined) return this.reply(ms);
    }
    this.write(frame(args));
    return this.reply(ms);
  }

  close(): void {
    this.socket.destroy();
  }
}

/** Connects, within the time. Rejects with `Ended`. */
export function dial(place: Place, ms: number, tls?: ConnectionOptions, lifetime = LIFETIME): Promise<Wire> {
  return new Promise((resolve, reject) => {
    let socket: Socket | TLSSocket;
    try {
      socket = tls === undefined ? connect(place) : connectTls({ ...place, ...tls });
    } catch (error) {
      const { code = "EINVAL", message } = error as NodeJS.ErrnoException;
      reject(new Ended(code, message));
      return;
    }
    const wire = new Wire(socket, lifetime);
    const fail = (ended: Ended): void => {
      clearTimeout(timer);
      socket.destroy();
      reject(ended);
    };
    const timer = setTimeout(() => fail(new Ended("ETIMEDOUT", `not connected after ${Math.round(ms)} ms`)), ms);
    socket.once(tls === undefined ? "connect" : "secureConnect", () => {
      clearTimeout(timer);
      resolve(wire);
    });
    socket.once("close", () => fail(wire.end ?? new Ended(CLOSED, "the connection was closed")));
  });
}

/** Whether an error says that what answers is no RESP. */
export const isNotResp = (error: unknown): boolean => error instanceof NotResp;
/** The code of how a connection ended; undefined for other errors. */
export const codeOf = (error: unknown): string | undefined => (error instanceof Ended ? error.code : undefined);
