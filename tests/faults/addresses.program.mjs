// Dials names with addresses of the test's choosing, on the runtime that runs it. SCENARIOS in, JSON out.
const { SCENARIOS } = process.env;
const scenarios = JSON.parse(SCENARIOS);

// The resolver of the runtime, with our answers; taken by edgis at each lookup.
const dns = process.getBuiltinModule("node:dns/promises");
const names = new Map(scenarios.map(({ name, addresses }) => [`${name}.test`, addresses]));
dns.lookup = async (host, { family }) => {
  const all = (names.get(host) ?? []).map((address) => ({ address, family: address.includes(":") ? 6 : 4 }));
  const found = all.filter((entry) => family === 0 || entry.family === family);
  if (found.length === 0) throw Object.assign(new Error(`getaddrinfo ENOTFOUND ${host}`), { code: "ENOTFOUND" });
  return found;
};

const { createClient } = await import("edgis");
const results = {};
for (const { name, port, options } of scenarios) {
  const client = createClient({ url: `redis://${name}.test:${port}`, logger: false, share: false, ...options });
  // The read rides behind the handshake, to whoever accepts; the others wait for a server that has proven itself.
  const first = [client.get("nothing"), client.incr(name), client.echo("mine")];
  const commands = Promise.all([...first, client.incr(name), client.set("k", "v")]);
  const start = performance.now();
  const status = await client.init();
  const took = performance.now() - start;
  const replies = await commands.catch(({ kind, message }) => ({ failed: kind, message }));
  const { dials, connects } = client.stats();
  await client.close();
  results[name] = { took, status, replies, dials, connects };
}
console.log(JSON.stringify(results));
process.exit();
