/** How a connection is secured: the public options of TLS, and credentials. */

/** Settings of TLS; those that are not given are the runtime's defaults. Verification is on. */
export interface TlsOptions {
  /** Certificate authorities to trust instead of the runtime's, PEM. */
  ca?: string | Uint8Array | (string | Uint8Array)[] | undefined;
  /** Our certificate chain, PEM, for servers that ask for one. */
  cert?: string | Uint8Array | undefined;
  /** The key of `cert`, PEM. */
  key?: string | Uint8Array | undefined;
  /** The passphrase of `key`, if it is encrypted. */
  passphrase?: string | undefined;
  /** The name that the server's certificate must carry. Default: the host of the URL. */
  servername?: string | undefined;
  /** `false` accepts any certificate: for tests only. Default `true`. */
  rejectUnauthorized?: boolean | undefined;
}

/** Credentials of one dial. */
export interface Credentials {
  /** Default: the server's `default` user. */
  username?: string | undefined;
  password: string;
}
