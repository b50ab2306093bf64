// Names with several addresses of which some are bad, in every way that was seen: real sockets on ::1 and 127.0.0.1, each
// way round. An address has won only when the server behind it has answered.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import test from "node:test";
import { fileURLToPath } from "node:url";
import { faultProxy, freePort, startRedis } from "edgis/testing";
import { observe } from "../js/observer.mjs";
import { commandLine } from "../js/runtimes.mjs";

const program = fileURLToPath(new URL("addresses.program.mjs", import.meta.url));
/** This Node, and the other runtimes where they are installed: by `scripts/setup.sh runtimes`. */
const runtimes = { node: [process.execPath] };
for (const name of ["bun", "deno"]) {
  try {
    runtimes[name] = commandLine(name);
  } catch {
    // Not on this machine.
  }
}

/** Everything that pretends to be a server, and what is said of it when nobody else is there. */
const impostors = {
  "accepts and closes": [{ toClient: { do: "close" } }, /closed the connection|END|ECONNRESET|EPIPE/],
  "accepts and resets": [{ toClient: { do: "reset" } }, /ECONNRESET|closed|EPIPE/],
  "resets when spoken to": [{ toServer: { after: 1, do: "reset" } }, /ECONNRESET|closed|EPIPE/],
  "accepts and hangs": [{ toServer: { do: "drop" } }, /no answer|not.*in time|timeout|silent/i],
  "speaks HTTP": [{ toClient: { do: { say: "HTTP/1.1 400 Bad Request\r\n\r\n" } }, toServer: { do: "drop" } }, /RESP/],
  "greets like SSH": [{ toClient: { do: { say: "SSH-2.0-OpenSSH_9.2\r\n" } }, toServer: { do: "drop" } }, /RESP/],
  "answers half": [{ toClient: { after: 20, do: "stall" } }, /no answer|not.*in time|timeout|silent/i],
  "hangs up in its answer": [{ toClient: { after: 20, do: "reset" } }, /ECONNRESET|closed|EPIPE/],
};
const loopbacks = ["::1", "127.0.0.1"];
const nameOf = (...words) =>
  words
    .join("-")
    .replaceAll(/[^\w-]/g, "-")
    .toLowerCase();

/** Proxies before one server, on a port that they all have on addresses of their own. */
async function listening(server, scripts) {
  for (let attempt = 1; ; attempt += 1) {
    const port = await freePort("127.0.0.1");
    const proxies = new Map();
    try {
      for (const [host, script] of Object.entries(scripts))
        proxies.set(host, await faultProxy(server.url, { host, port, script }));
      return { port, proxies };
    } catch (error) {
      for (const proxy of proxies.values()) await proxy.close();
      if (error.code !== "EADDRINUSE" || attempt === 5) throw error;
    }
  }
}

const dialled = ([file, ...args], scenarios) =>
  new Promise((resolve, reject) => {
    const env = { ...process.env, SCENARIOS: JSON.stringify(scenarios) };
    execFile(file, [...args, program], { env, timeout: 60_000, maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
      if (error === null) resolve(JSON.parse(stdout.trim().split("\n").at(-1)));
      else reject(new Error(`${file} ${args.join(" ")}: ${error.message}\n${stderr}`));
    });
  });

const hasIpv6 = await startRedis({ host: "::1" }).then(
  (server) => server.stop().then(() => true),
  () => false,
);

/** One server, and what stands before it; all of it gone after the test. */
async function places(t) {
  const server = await startRedis();
  const observer = await observe(server);
  const open = [];
  t.after(async () => {
    observer.close();
    await Promise.all(open.map((proxy) => proxy.close()));
    await server.stop();
  });
  const listen = async (scripts) => {
    const { port, proxies } = await listening(server, scripts);
    open.push(...proxies.values());
    return { port, proxies };
  };
  return { observer, listen };
}

const shown = (host, port) => (host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`);
const otherThan = (host) => loopbacks.find((other) => other !== host);

for (const [runtime, command] of Object.entries(runtimes)) {
  test(`${runtime}: of two addresses the good one is found, whatever the other does`, async (t) => {
    if (!hasIpv6) return t.skip("this machine has no ::1");
    const { observer, listen } = await places(t);
    const scenarios = [];
    const expected = new Map();
    for (const [what, [script]] of [...Object.entries(impostors), ["is not there", []]]) {
      for (const bad of loopbacks) {
        const good = otherThan(bad);
        const scripts = script === undefined ? { [good]: undefined } : { [bad]: script, [good]: undefined };
        for (const order of [loopbacks, loopbacks.toReversed()]) {
          const { port } = await listen(scripts);
          const name = nameOf(what, bad === "::1" ? "6" : "4", order[0] === bad ? "first" : "last");
          scenarios.push({ name, port, addresses: order });
          expected.set(name, shown(good, port));
        }
      }
    }
    const results = await dialled(command, scenarios);
    const slowest = { name: "", took: 0 };
    for (const [name, address] of expected) {
      const { took, status, replies, dials, connects } = results[name];
      assert.deepEqual([status.state, status.address], ["ready", address], `${name}: ${JSON.stringify(status)}`);
      assert.deepEqual(replies, [null, 1, "mine", 2, "OK"], name);
      assert.equal(Number(await observer.ask("GET", name)), 2, `${name}: nothing was done twice`);
      assert.deepEqual([dials, connects], [1, 1], name);
      if (took > slowest.took) Object.assign(slowest, { name, took });
    }
    t.diagnostic(`${expected.size} cases, the slowest was ready in ${Math.round(slowest.took)} ms: ${slowest.name}`);
    assert.ok(slowest.took < 500, `${slowest.name}: ${slowest.took} ms`);
    await observer.othersBecome(0);
  });

  test(`${runtime}: when no address answers the error names each, with what happened there, within the budget`, async (t) => {
    if (!hasIpv6) return t.skip("this machine has no ::1");
    const { observer, listen } = await places(t);
    const connect = 600;
    const options = { timeouts: { connect } };
    const scenarios = [];
    const causes = new Map();
    for (const [what, [script, cause]] of Object.entries(impostors)) {
      const { port } = await listen({ "::1": script, "127.0.0.1": script });
      const name = nameOf(what);
      scenarios.push({ name, port, addresses: loopbacks, options });
      causes.set(name, cause);
    }
    const gone = await freePort();
    scenarios.push({ name: "gone", port: gone, addresses: loopbacks, options });
    causes.set("gone", /ECONNREFUSED/);
    const alone = await listen({ "127.0.0.1": impostors["accepts and hangs"][0] });
    scenarios.push({ name: "alone", port: alone.port, addresses: ["127.0.0.1"], options });
    causes.set("alone", impostors["accepts and hangs"][1]);
    const results = await dialled(command, scenarios);
    for (const { name, port, addresses } of scenarios) {
      const { took, status, replies } = results[name];
      assert.equal(status.state, "disabled", name);
      for (const host of addresses) {
        const at = status.message.indexOf(shown(host, port));
        assert.ok(at > 0, `${name}: ${status.message}`);
        assert.match(status.message.slice(at), causes.get(name), `${name}: ${status.message}`);
      }
      assert.ok(["DisabledError", "TimeoutError"].includes(replies.failed), `${name}: ${JSON.stringify(replies)}`);
      assert.ok(took < connect + 1_000, `${name}: ${took} ms`);
    }
    assert.equal(await observer.ask("EXISTS", ...scenarios.map(({ name }) => name)), 0, "nothing was executed");
    t.diagnostic(`accepts and hangs, alone: disabled after ${Math.round(results.alone.took)} of ${connect} ms`);
  });

  test(`${runtime}: only one family, a family that was asked for, many dead addresses, and a far server`, async (t) => {
    if (!hasIpv6) return t.skip("this machine has no ::1");
    const { observer, listen } = await places(t);
    const both = await listen({ "::1": undefined, "127.0.0.1": undefined });
    const { port } = both;
    const scenarios = [
      { name: "only-aaaa", port, addresses: ["::1"], wanted: "::1" },
      { name: "only-a", port, addresses: ["127.0.0.1"], wanted: "127.0.0.1" },
    ];
    for (const family of [4, 6, "4", "6"]) {
      const wanted = String(family) === "6" ? "::1" : "127.0.0.1";
      const order = [otherThan(wanted), wanted];
      scenarios.push({
        name: `family-${typeof family}-${family}`,
        port,
        addresses: order,
        options: { family },
        wanted,
      });
    }
    for (const family of [0, "0"])
      scenarios.push({
        name: `family-${typeof family}-0`,
        port,
        addresses: loopbacks,
        options: { family },
        wanted: "::1",
      });
    const dead = Array.from({ length: 10 }, (_, i) => `127.0.0.${i + 2}`);
    const hangs = impostors["accepts and hangs"][0];
    // Not every machine has all of 127/8 on its loopback.
    if (process.platform === "linux") {
      const many = await listen({ "::1": undefined, ...Object.fromEntries(dead.map((host) => [host, hangs])) });
      scenarios.push({ name: "ten-hang", port: many.port, addresses: [...dead, "::1"], wanted: "::1" });
      scenarios.push({ name: "ten-refuse", port, addresses: [...dead, "::1"], wanted: "::1" });
    }
    const far = await listen({ "::1": { toClient: { delay: 400 } }, "127.0.0.1": { toClient: { delay: 400 } } });
    scenarios.push({ name: "far", port: far.port, addresses: loopbacks, wanted: "::1" });
    const results = await dialled(command, scenarios);
    for (const { name, wanted, port } of scenarios) {
      const { took, status, replies } = results[name];
      assert.deepEqual([status.state, status.address], ["ready", shown(wanted, port)], JSON.stringify(status));
      assert.deepEqual(replies, [null, 1, "mine", 2, "OK"], name);
      assert.ok(took < 2_000, `${name}: ${took} ms`);
      assert.equal(Number(await observer.ask("GET", name)), 2, `${name}: nothing was done twice`);
    }
    // Those that did not win are let go.
    await observer.othersBecome(0);
    const until = performance.now() + 5_000;
    for (const proxy of [...both.proxies.values(), ...far.proxies.values()]) {
      while (proxy.connections > 0) {
        assert.ok(performance.now() < until, `${proxy.url} has ${proxy.connections} connections`);
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    }
  });
}
