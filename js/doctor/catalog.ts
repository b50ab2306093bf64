/** Everything that the doctor can find, by its stable id. docs/doctor.md shows the same as a table. */
import type { Layer } from "./types.js";

/** The fixed part of a finding; its evidence differs from run to run. */
export interface Entry {
  readonly layer: Layer;
  /** One sentence. */
  readonly meaning: string;
  /** Where it usually comes from. */
  readonly cause: string;
  /** One line each; the first is the usual one. */
  readonly fix: readonly string[];
}

const entry = (layer: Layer, meaning: string, cause: string, ...fix: string[]): Entry => ({
  layer,
  meaning,
  cause,
  fix,
});

export const catalog = {
  // ── configuration ───────────────────────────────────────────────────────────────────────────────────────────────
  "url.unset": entry(
    "configuration",
    "There is no URL, so the client is disabled and the app runs without Redis.",
    "Neither REDIS_URI nor REDIS_URL is set in this process, or `url: undefined` was passed. Other clients would dial localhost silently.",
    "set REDIS_URL=redis://user:password@host:6379, or pass the URL",
    "load the file that has it: node --env-file=.env",
  ),
  "url.two-variables": entry(
    "configuration",
    "REDIS_URI and REDIS_URL lead to different places, and REDIS_URI wins.",
    "A platform or an old deployment sets one of them, and somebody has changed the other.",
    "remove one of the two variables, or pass the URL",
  ),
  "url.rest": entry(
    "configuration",
    "The URL is an HTTP endpoint, and the Redis protocol is wanted.",
    "The REST URL of the service was copied in place of its redis:// URL.",
    "use the redis:// or rediss:// URL of the same database",
  ),
  "url.password": entry(
    "configuration",
    "A user or password in the URL has characters that are not percent-encoded.",
    "Passwords that are generated have / # ? @ or %, which mean something else in a URL.",
    "percent-encode it: node -p 'encodeURIComponent(process.env.REDIS_PASSWORD)'",
    "keep it out of the URL: createClient({ url, password })",
  ),
  "url.quoted": entry(
    "configuration",
    "The value of the URL has quotes, white space or a name in front of it.",
    "docker --env-file, CI secrets and consoles keep quotes and line ends as part of a value; a whole line REDIS_URL=… was pasted.",
    "remove everything around the URL: it begins with redis:// or rediss://",
  ),
  "url.scheme": entry(
    "configuration",
    "The URL has no scheme that edgis knows.",
    "Only host and port were given, or the scheme is another service's.",
    "write redis://host:6379, or rediss://host:6379 for TLS",
  ),
  "url.bad": entry(
    "configuration",
    "The URL cannot be understood.",
    "A port, database or address in it is mistyped, or a variable in it was not replaced.",
    "write it as redis[s]://[user:password@]host[:port][/db]",
  ),
  "url.ipv6-zone": entry(
    "configuration",
    "The zone of the IPv6 address is no network interface of this machine.",
    "Link-local addresses need the interface that leads to them, and interfaces have other names on another machine.",
    "name an interface of this machine, as in redis://[fe80::1%25eth0]:6379, or use a global address",
  ),
  "url.parameter": entry(
    "configuration",
    "The URL has parameters that mean nothing here, or are mistyped.",
    "They belong to another client; edgis takes db, database and protocol, and all else by options.",
    "remove them, and set what they meant by an option of createClient",
  ),
  "url.scheme-port": entry(
    "configuration",
    "Scheme and port do not fit: this port is usually spoken to with TLS, and redis:// is without.",
    "The port of the service's TLS endpoint was combined with the scheme of the plain one.",
    "write rediss:// for a TLS port",
  ),
  "option.bad": entry(
    "configuration",
    "An option of the client is unknown or has a value that makes no sense.",
    "It is mistyped, or belongs to another client.",
    "correct the option that the evidence names",
  ),
  "option.credentials": entry(
    "configuration",
    "The credentials function threw, gave none, or took too long.",
    "The store of secrets cannot be reached, or refuses this process.",
    "call the function by itself and see what it rejects with",
  ),
  // ── dns ─────────────────────────────────────────────────────────────────────────────────────────────────────────
  "dns.no-answer": entry(
    "dns",
    "The host name has no address.",
    "It is mistyped, the database was deleted, or the name is known only inside another network.",
    "correct the host name, or run where it is known (the same VPC, network or cluster)",
  ),
  "dns.unavailable": entry(
    "dns",
    "The resolver did not answer.",
    "The machine has no network yet, or its DNS server is away or blocked.",
    "check /etc/resolv.conf and that the DNS server can be reached",
  ),
  "dns.family": entry(
    "dns",
    "The host name has no address of the family that the option `family` asks for.",
    "The network has the other family only, as Railway's and Fly's private networks have IPv6.",
    "leave the option family out: edgis tries all addresses",
  ),
  "dns.hosts-disagree": entry(
    "dns",
    "The hosts file and the DNS server give different addresses for the host, and the hosts file wins.",
    "An entry from a test, a VPN or a container was left behind.",
    "remove the line from the hosts file, or correct its address",
  ),
  "dns.slow": entry(
    "dns",
    "Resolving the host takes a large part of the time for connecting.",
    "The first DNS server of the list does not answer, or the search list is tried name by name.",
    "correct the list of DNS servers; write the full name with a dot at its end; raise timeouts.connect",
  ),
  // ── tcp ─────────────────────────────────────────────────────────────────────────────────────────────────────────
  "net.refused": entry(
    "tcp",
    "Nothing listens on this host and port.",
    "Redis is not running, listens on another port, or is bound to another address.",
    "start Redis, or correct host and port",
  ),
  "net.container-localhost": entry(
    "tcp",
    "Nothing listens on localhost, which in a container is the container itself.",
    "Redis runs on the host or in another container.",
    "use the name of Redis's service, as in redis://redis:6379",
    "use host.docker.internal for a Redis on the host",
  ),
  "net.timeout": entry(
    "tcp",
    "The address does not answer at all.",
    "A firewall drops the packets, or the machine is off.",
    "allow this machine in the firewall or the list of addresses of the service",
  ),
  "net.private-timeout": entry(
    "tcp",
    "The address is private, and does not answer from here.",
    "This process runs outside of the network (VPC, cluster) that the address belongs to, or a security group drops its packets.",
    "run in the same VPC, or allow it in the security group; from outside use the public endpoint",
  ),
  "net.unreachable": entry(
    "tcp",
    "There is no route to the address.",
    "The machine has no network of this address family, or no network at all.",
    "check the network; for an IPv6 address without an IPv6 network use a host with an IPv4 address",
  ),
  "net.accepts-then-closes": entry(
    "tcp",
    "This address accepts connections, but nothing answers behind it.",
    "Typical of the port forwarding of a container, or of a proxy, whose target is bound to IPv4 only or is not there.",
    "use the address that works in place of the name, as in redis://127.0.0.1:6379",
    "createClient({ url, family: 4 })",
    "publish the port on both families: -p 127.0.0.1:6379:6379 -p '[::1]:6379:6379', and let Redis listen on [::] in the container",
  ),
  "net.silent": entry(
    "tcp",
    "The address accepts connections and never answers a PING.",
    "The server is suspended or hangs, or a proxy holds connections for a server that is away.",
    "look at the server's process and log; restart it, or the proxy before it",
  ),
  "server.one-family": entry(
    "tcp",
    "Redis answers on one address family of the host only.",
    "It is bound to 127.0.0.1 or 0.0.0.0 alone, or to an IPv6 address alone.",
    "nothing needs to be done: edgis finds the address that answers; for other clients bind both families",
  ),
  "net.http": entry(
    "tcp",
    "An HTTP server answers on this port.",
    "The port is another service's, or a REST endpoint of Redis.",
    "correct the port: Redis has 6379 by default",
  ),
  "net.ssh": entry(
    "tcp",
    "An SSH server answers on this port.",
    "The port of a tunnel's SSH server was taken for the port that it forwards.",
    "correct the port: use the local end of the tunnel",
  ),
  "net.memcached": entry(
    "tcp",
    "A memcached server answers on this port.",
    "The endpoint of another cache was copied.",
    "use the endpoint of the Redis or Valkey cache",
  ),
  "net.not-redis": entry(
    "tcp",
    "What answers on this port does not speak the Redis protocol.",
    "The port is another service's.",
    "correct host and port",
  ),
  "net.socket-path": entry(
    "tcp",
    "The Unix socket cannot be connected to.",
    "The path is mistyped, Redis does not listen on it (`unixsocket`), or this user may not open it (`unixsocketperm`).",
    "correct the path, start Redis, or give this user access to the socket",
  ),
  // ── tls ─────────────────────────────────────────────────────────────────────────────────────────────────────────
  "tls.expected": entry(
    "tls",
    "The port expects TLS, and the URL asks for a plain connection.",
    "The service has TLS only, or the port is its TLS port.",
    "write rediss:// in place of redis://",
  ),
  "tls.plain-port": entry(
    "tls",
    "The port speaks plain Redis, and the URL asks for TLS.",
    "The server has no TLS, or has it on another port.",
    "write redis:// in place of rediss://, or use the server's TLS port",
  ),
  "tls.self-signed": entry(
    "tls",
    "The server's certificate is signed by an authority of its own, which is not trusted.",
    "Heroku, Azure's older instances and most own installations use certificates of their own.",
    "trust the authority: createClient({ url, tls: { ca: readFileSync('ca.pem') } })",
    "NODE_EXTRA_CA_CERTS=ca.pem in the environment",
  ),
  "tls.untrusted": entry(
    "tls",
    "The authority of the server's certificate is not known here.",
    "The server leaves out an intermediate certificate, or its authority is a private one.",
    "trust the authority: createClient({ url, tls: { ca: readFileSync('ca.pem') } })",
    "let the server send its whole chain",
  ),
  "tls.expired": entry(
    "tls",
    "The server's certificate has expired.",
    "Its renewal failed, or the server was not restarted after it.",
    "renew the certificate and reload it: CONFIG SET tls-cert-file …",
  ),
  "tls.not-yet-valid": entry(
    "tls",
    "The server's certificate is not valid yet.",
    "The clock of this machine is behind.",
    "set the clock of this machine",
  ),
  "tls.expires-soon": entry(
    "tls",
    "The server's certificate expires within two weeks.",
    "Its renewal is due.",
    "renew the certificate",
  ),
  "tls.wrong-name": entry(
    "tls",
    "The server's certificate is for another name than the host of the URL.",
    "The host is an address, an alias or a tunnel, and the certificate carries the name of the service.",
    "say which name to expect: createClient({ url, tls: { servername } })",
    "use the name in the certificate as the host",
  ),
  "tls.client-certificate": entry(
    "tls",
    "The server wants a client certificate that it knows.",
    "It is set to `tls-auth-clients yes`.",
    "pass one: createClient({ url, tls: { cert, key } })",
  ),
  "tls.handshake": entry(
    "tls",
    "TLS cannot be agreed on.",
    "The two have no version or cipher in common, or something between them interferes.",
    "let the server speak TLS 1.2 or 1.3 with today's ciphers",
  ),
  "tls.unverified": entry(
    "tls",
    "The server's certificate is not verified: anybody between can read and change everything, the password included.",
    "rejectUnauthorized: false was set to get past an error.",
    "remove rejectUnauthorized: false and trust the authority by tls.ca",
  ),
  "tls.pem": entry(
    "tls",
    "A certificate or key in the options is no PEM.",
    "It is base64 without its frame, DER, empty, or was cut off.",
    "pass the whole text of the PEM file, from -----BEGIN to -----END",
  ),
  "tls.pem-path": entry(
    "tls",
    "A certificate or key in the options is a path, and its content is wanted.",
    "Some clients take paths.",
    "read the file: tls: { ca: readFileSync(path) }",
  ),
  "tls.pem-newlines": entry(
    "tls",
    "A certificate or key in the options has \\n written as two characters.",
    "Variables of the environment and secrets of CI keep no line ends, and nobody has put them back.",
    "put the line ends back: value.replaceAll('\\\\n', '\\n')",
  ),
  "tls.key-mismatch": entry(
    "tls",
    "The key in the options is not the key of the certificate.",
    "One of the two was renewed, or belongs to another environment.",
    "pass the key that the certificate was made with",
  ),
  "tls.key-encrypted": entry(
    "tls",
    "The key in the options is encrypted, and there is no passphrase that opens it.",
    "It was exported with a passphrase.",
    "pass tls.passphrase, or decrypt it: openssl pkey -in key.pem -out plain.pem",
  ),
  "tls.own-expired": entry(
    "tls",
    "The client certificate in the options has expired.",
    "It was not renewed.",
    "renew the certificate",
  ),
  // ── protocol ────────────────────────────────────────────────────────────────────────────────────────────────────
  "auth.required": entry(
    "protocol",
    "The server wants a password, and the configuration has none.",
    "The password was left out of the URL.",
    "put it into the URL: redis://:password@host, percent-encoded",
  ),
  "auth.wrong": entry(
    "protocol",
    "The server does not accept these credentials.",
    "The password was rotated, belongs to another environment, or is percent-encoded twice.",
    "copy user and password anew from the service",
  ),
  "auth.placeholder-user": entry(
    "protocol",
    "The user in the URL is not known to the server, and the password alone is accepted.",
    "Services of before Redis 6 put a placeholder before the colon, which users are named by since.",
    "leave the user out: redis://:password@host",
  ),
  "auth.unneeded": entry(
    "protocol",
    "The server has no password, and the URL has one.",
    "The password belongs to another server, or this one has lost its configuration.",
    "remove the password from the URL, or set it on the server (requirepass)",
  ),
  "proto.hello-denied": entry(
    "protocol",
    "The server, or a proxy before it, does not take HELLO, so RESP3 is not to be had.",
    "It is Redis 5 or older, a proxy such as twemproxy, or an ACL without HELLO.",
    "createClient({ url, protocol: 2 }), which saves the attempt on each connection",
  ),
  "db.unknown": entry(
    "protocol",
    "The server does not have the database of the URL.",
    "The number is beyond `databases`, or the service and clusters have database 0 only.",
    "use database 0, or raise `databases` in the server's configuration",
  ),
  "acl.commands": entry(
    "protocol",
    "The user may not run commands that a client of a cache needs.",
    "Its ACL lacks them.",
    "ACL SETUSER … +@read +@write +@connection",
  ),
  "acl.channels": entry(
    "protocol",
    "The user may not use channels: nothing can be subscribed to, and waiting for a semaphore is by polling.",
    "Users that are made since Redis 7.0 have no channels unless they are given some.",
    "ACL SETUSER … &prefix* (or allchannels) +publish +subscribe",
  ),
  "acl.scripts": entry(
    "protocol",
    "The user may not run scripts: the cache stores nothing, and semaphores and rate limits do not work.",
    "Its ACL lacks EVAL and EVALSHA.",
    "ACL SETUSER … +eval +evalsha",
  ),
  // ── server ──────────────────────────────────────────────────────────────────────────────────────────────────────
  "server.maxclients": entry(
    "server",
    "The server has no room for another client.",
    "Each instance of a function holds a connection, or connections leak.",
    "raise maxclients, or let idle connections go: createClient({ url, idleTimeout: '30s' })",
  ),
  "server.maxclients-near": entry(
    "server",
    "The server has room for few more clients.",
    "Each instance of a function holds a connection, or connections leak.",
    "raise maxclients, or let idle connections go: createClient({ url, idleTimeout: '30s' })",
  ),
  "server.protected-mode": entry(
    "server",
    "The server refuses other machines: it is in protected mode.",
    "It has no password and is bound to all addresses.",
    "set a password (requirepass) or bind it to addresses that are safe",
  ),
  "server.loading": entry(
    "server",
    "The server is loading its data and serves nobody yet.",
    "It was started a moment ago.",
    "wait: the client goes on by itself when it is done",
  ),
  "server.masterdown": entry(
    "server",
    "The server is a replica that has lost its primary, and does not serve old data.",
    "The primary is away, and `replica-serve-stale-data` is `no`.",
    "bring the primary back, or use the address of the new one",
  ),
  "server.busy": entry(
    "server",
    "A script or function keeps the server busy, and it serves nobody else.",
    "A script runs in a loop or over too much data.",
    "SCRIPT KILL or FUNCTION KILL; restart the server if the script has written",
  ),
  "server.replica": entry(
    "server",
    "The server is a replica: it refuses writes (READONLY).",
    "The URL is the reader endpoint, or a failover made this server a replica.",
    "use the address of the primary (the writer endpoint)",
  ),
  "server.sentinel": entry(
    "server",
    "This is a Sentinel and no Redis server: it holds no data.",
    "The port of Sentinel (26379) was taken for the server's.",
    "use the address of the primary that Sentinel names",
  ),
  "topology.moved": entry(
    "server",
    "The server is part of a Redis Cluster, and sends most keys elsewhere (MOVED).",
    "The endpoint is that of a cluster, which edgis does not route for yet.",
    "use an endpoint without cluster mode",
  ),
  "cluster.announce": entry(
    "server",
    "Nodes of the cluster announce addresses that cannot be reached from here.",
    "They announce addresses of a container's or private network.",
    "set cluster-announce-ip or cluster-announce-hostname to what clients can reach",
  ),
  "server.oom": entry(
    "server",
    "The server's memory is full and it evicts nothing: writes fail with OOM.",
    "maxmemory-policy is noeviction and keys without a lifetime pile up.",
    "raise maxmemory, give keys a lifetime, or for a cache choose maxmemory-policy allkeys-lru",
  ),
  "server.misconf": entry(
    "server",
    "The server refuses writes because it cannot save its data (MISCONF).",
    "Its disk is full or its folder is not writable.",
    "free the disk or correct `dir`, then BGSAVE; the server's log says what failed",
  ),
  "server.evicts-locks": entry(
    "server",
    "The server may evict keys that semaphores, locks and rate limits rely on.",
    "It has a maxmemory and a policy that evicts: right for a cache, wrong for leases.",
    "keep locks and limits on a server with maxmemory-policy noeviction",
  ),
  "server.no-persistence": entry(
    "server",
    "The server keeps nothing through a restart: leases, limits and what is no cache are lost then.",
    "Neither snapshots (save) nor the append-only file is on.",
    "for semaphores set appendonly yes; for a cache nothing needs to be done",
  ),
  "server.old": entry(
    "server",
    "The server is older than what edgis makes use of.",
    "Before Redis 6.0 there are no users, no RESP3 and no client tracking.",
    "upgrade to Redis 6.2 or newer, or Valkey",
  ),
  "net.idle-reaper": entry(
    "server",
    "Connections that are not used are closed.",
    "The server has a `timeout`, or something between (a load balancer, NAT) forgets idle connections.",
    "nothing needs to be done: edgis notices and dials again; to spare that set `timeout 0`, or an idleTimeout below it",
  ),
  // ── latency ─────────────────────────────────────────────────────────────────────────────────────────────────────
  "latency.over-budget": entry(
    "latency",
    "Answers take longer than timeouts.command: commands fail though the server answers.",
    "The server is far away or overloaded.",
    "run closer to the server, or raise timeouts.command",
  ),
  "latency.near-budget": entry(
    "latency",
    "Answers take more than half of timeouts.command.",
    "The server is far away or overloaded.",
    "run closer to the server, or raise timeouts.command",
  ),
  "latency.connect": entry(
    "latency",
    "Connecting takes more than half of timeouts.connect.",
    "The server is far away, or DNS or TLS is slow.",
    "raise timeouts.connect, or run closer to the server",
  ),
  // ── machine ─────────────────────────────────────────────────────────────────────────────────────────────────────
  "machine.fds": entry(
    "machine",
    "The process has hardly any file descriptors left.",
    "Sockets or files leak, or the limit is low.",
    "close what is open, or raise the limit (ulimit -n)",
  ),
  "machine.ports": entry(
    "machine",
    "The machine has no local port left for this server.",
    "Connections are opened and closed at a high rate, and each keeps its port for a minute (TIME_WAIT).",
    "share one client in place of one for each request; widen net.ipv4.ip_local_port_range",
  ),
  "machine.clock": entry(
    "machine",
    "The clock of this machine jumped during the examination.",
    "It is being corrected, or the machine was suspended.",
    "let a time service (chrony, systemd-timesyncd) run",
  ),
  "machine.clock-skew": entry(
    "machine",
    "The clocks of this machine and of the server differ.",
    "One of them is not synchronised. edgis takes the server's time for leases; EXPIREAT and dates of your own do not.",
    "let a time service (chrony, systemd-timesyncd) run on both",
  ),
  "runtime.copies": entry(
    "machine",
    "The project has several versions of edgis.",
    "Dependencies want different ones. Copies of one engine version share a connection, others do not.",
    "npm dedupe, or one version by `overrides`",
  ),
  "runtime.dns-order": entry(
    "machine",
    "A flag of the process changes the order of addresses, or how many are tried.",
    "It was set for a problem with localhost.",
    "remove the flag: edgis tries all addresses of either family",
  ),
  "runtime.wasm": entry(
    "machine",
    "This runtime refuses WebAssembly.",
    "It was started with --jitless, or a policy forbids it.",
    "start it without --jitless",
  ),
  "runtime.permission": entry(
    "machine",
    "This process may not open connections.",
    "Node's permission model is on and does not allow them.",
    "allow them: --allow-net",
  ),
  "deno.permission": entry(
    "machine",
    "Deno has not been given a permission that the client needs.",
    "It was started without --allow-net, or without --allow-env where the URL comes from the environment.",
    "deno run --allow-net --allow-env=REDIS_URI,REDIS_URL",
  ),
  "workers.compatibility-date": entry(
    "machine",
    "The project's wrangler configuration has no compatibility date that edgis is tested with.",
    "The date is missing or older than what Workers with sockets need.",
    'set a recent one: compatibility_date = "2026-01-01"',
  ),
  "workers.flag": entry(
    "machine",
    "A compatibility flag of the project lets requests resume in the context of others.",
    "no_handle_cross_request_promise_resolution was set against hanging requests, and leaks.",
    "remove the flag",
  ),
  "next.edge-runtime": entry(
    "machine",
    "A route that uses edgis asks for Next's edge runtime, which has no TCP.",
    'It exports runtime = "edge", or is a middleware without a runtime.',
    'remove `export const runtime = "edge"`; use proxy.ts in place of middleware.ts',
  ),
  // ── client ──────────────────────────────────────────────────────────────────────────────────────────────────────
  "client.not-ready": entry(
    "client",
    "createClient with this configuration does not become ready.",
    "See the reason that it gives, and the findings of the layers before.",
    "mend the cause above",
  ),
} as const satisfies Record<string, Entry>;

export type FindingId = keyof typeof catalog;

/** All findings by id, for tests and for pages that explain a report. */
export const findings: Readonly<Record<FindingId, Entry>> = catalog;
