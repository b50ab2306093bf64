/** The parts of the Workers' modules that are used here. */
declare module "cloudflare:sockets" {
  interface Socket {
    readonly readable: ReadableStream<Uint8Array>;
    readonly writable: WritableStream<Uint8Array>;
    readonly opened: Promise<unknown>;
    readonly closed: Promise<void>;
    close(): Promise<void>;
  }
  interface SocketOptions {
    secureTransport?: "off" | "on" | "starttls";
    allowHalfOpen?: boolean;
    expectedServerHostname?: string;
  }
  function connect(address: { hostname: string; port: number }, options?: SocketOptions): Socket;
}

declare module "cloudflare:workers" {
  // Absent with older compatibility dates.
  const env: Record<string, unknown> | undefined;
  class DurableObject<Env = unknown> {
    protected readonly ctx: unknown;
    protected readonly env: Env;
    constructor(ctx: unknown, env: Env);
  }
  const waitUntil: ((promise: Promise<unknown>) => void) | undefined;
  interface Span {
    readonly isTraced: boolean;
  }
  // Since workerd 1.20260906.
  const tracing: { getActiveSpan?(): Span | undefined } | undefined;
}

declare const WebSocketPair: new () => { 0: WebSocket; 1: WebSocket };
