/** Keeps secrets, and on request host names, out of everything that the doctor says. */
import { createHmac, randomBytes } from "node:crypto";
import { isIP } from "node:net";
import { inOneLine } from "../core/status.js";

/** Characters of a peer's words that are shown. */
const LONGEST = 200;
/** A shorter secret may be part of any word, and to blank it out everywhere would show where it stands. */
const SHORTEST = 4;

const LEFT_OUT = "(left out: it holds a secret)";

/** Whether an address or name leads to the machine itself, which tells nothing about anybody. */
export function isLoopback(host: string): boolean {
  return /^(localhost|.+\.localhost|127\.\d+\.\d+\.\d+|::1|::ffff:127\..+|0\.0\.0\.0|::)$/i.test(host);
}

export class Redaction {
  readonly #secrets = new Set<string>();
  readonly #hosts = new Map<string, string>();
  /** Of this run only: a hash that is always the same could be found by trying all addresses. */
  readonly #key = randomBytes(16);
  readonly #anonymous: boolean;

  constructor(anonymous: boolean) {
    this.#anonymous = anonymous;
  }

  get anonymous(): boolean {
    return this.#anonymous;
  }

  /** Keeps a secret out of everything from now on, in every form that it may come in. */
  hide(secret: string | undefined): void {
    if (secret === undefined || secret === "") return;
    const forms = [secret, encodeURIComponent(secret), encodeURI(secret), Buffer.from(secret).toString("base64")];
    for (const form of [...forms, JSON.stringify(secret).slice(1, -1)]) this.#secrets.add(form);
  }

  /** The words of a peer, of the system or of a file, fit to be shown. */
  said(text: string): string {
    if ([...this.#secrets].some((secret) => text.includes(secret))) return LEFT_OUT;
    // Cut in front of what a cut secret would be recognised by.
    const shown = text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
    return this.clean(inOneLine(shown.trimEnd()));
  }

  /** A host, or the hash that stands for it. */
  host(host: string): string {
    if (!this.#anonymous || isLoopback(host)) return host;
    let hash = this.#hosts.get(host);
    if (hash === undefined) {
      hash = `host-${createHmac("sha256", this.#key).update(host.toLowerCase()).digest("hex").slice(0, 8)}`;
      this.#hosts.set(host, hash);
    }
    return hash;
  }

  /** An address with its port, for people. */
  address(host: string, port: number): string {
    const shown = this.host(host);
    return shown === host && isIP(host) === 6 ? `[${host}]:${port}` : `${shown}:${port}`;
  }

  /** A path, which under `anonymous` may name a person. */
  path(path: string): string {
    return this.#anonymous ? "(a path)" : this.said(path);
  }

  /** The last net under everything that is told: whatever came by another way than those above. */
  clean(text: string): string {
    let shown = text;
    for (const secret of this.#secrets) if (secret.length >= SHORTEST) shown = shown.replaceAll(secret, "***");
    for (const [host, hash] of this.#hosts) shown = shown.replaceAll(host, hash);
    return shown;
  }
}
