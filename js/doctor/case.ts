/** The state of one examination, handed on from layer to layer. */
import type { Client } from "../client/api.js";
import type { ClientOptions } from "../client/types.js";
import type { Status } from "../core/status.js";
import type { Examination } from "./examination.js";
import type { PeerKind } from "./peer.js";
import type { Reply } from "./resp.js";
import type { Target } from "./target.js";
import type { Wire } from "./wire.js";

/** An address, and what probing it showed. */
export interface Address {
  /** Absent for a Unix socket. */
  readonly address: string | undefined;
  /** For people, anonymous where that is wanted. */
  readonly label: string;
  /** Milliseconds until the connection was there. */
  connected?: number;
  /** Why there is none. */
  failure?: { readonly code: string };
  /** How the peer ended the connection, or that it was silent. */
  ended?: { readonly code: string };
  /** The protocol that it spoke, if any. */
  kind?: PeerKind;
  /** Its first line. */
  line?: string;
  /** Its first reply, if it speaks RESP. */
  reply?: Reply;
  /** A handshake of TLS succeeded. */
  secure?: boolean;
}

export interface Case {
  readonly examination: Examination;
  /** Those of `createClient`. */
  readonly options: ClientOptions;
  /** Where projects are looked at. */
  readonly cwd: string;
  /** Milliseconds for which a connection is left alone; 0 for not at all. */
  readonly idle: number;
  readonly createClient: (options: ClientOptions) => Client;
  client: Client | undefined;
  /** Of the client before it was asked to connect. */
  before: Status | undefined;
  target: Target | undefined;
  addresses: Address[];
  /** A connection that is authenticated and in its database, and the protocol that it speaks. */
  wire: Wire | undefined;
  /** Milliseconds from dialling to the last answer of the handshake. */
  handshake: number | undefined;
  /** The fields of INFO. */
  info: Map<string, string>;
  /** Whether the client became ready. */
  ready: boolean | undefined;
}

/** Whether an address answers in RESP, as a server that serves or one that says why not. */
export const isRedis = ({ reply }: Address): boolean => reply !== undefined;
