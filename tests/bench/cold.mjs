// A cold start: a fresh process imports the client, connects and pings. Nothing but this is loaded before the clock runs.

const [adapter, port] = process.argv.slice(2);
const start = performance.now();
const { open } = await import(adapter);
const imported = performance.now();
const client = await open(Number(port));
await client.ping();
const answered = performance.now();
const { encode } = await import("./lines.mjs");
process.stdout.write(encode({ import: imported - start, connect: answered - imported, total: answered - start }));
await client.close();
process.exit(0);
