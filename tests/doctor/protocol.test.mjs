// Layer 5: the handshake and what the user may do, on servers with passwords, ACLs and proxies of their own.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createClient } from "edgis";
import { startRedis } from "edgis/testing";
import { encoded, examined, finds, findsNothing, listening, SECRET } from "./scene.mjs";

let open;
let locked;
const withUser = (userinfo, url) => url.replace("//", `//${userinfo}@`);
before(async () => {
  [open, locked] = await Promise.all([startRedis(), startRedis({ args: ["--requirepass", SECRET] })]);
  const admin = createClient({ url: locked.url, password: SECRET, logger: false });
  const everything = ["on", `>${SECRET}`, "~*", "&*", "+@all"];
  for (const [name, ...rules] of [
    ["app"],
    ["o'dd@us/er"],
    ["nochannels", "resetchannels"],
    ["noscripts", "-@scripting"],
    ["noget", "-get"],
    ["noselect", "-select"],
    ["noping", "-ping"],
    ["noinfo", "-info", "-config"],
    ["prefixed", "resetkeys", "~app:*"],
  ])
    await admin.call("ACL", "SETUSER", name, ...everything, ...rules);
  await admin.close();
});
after(() => Promise.all([open.stop(), locked.stop()]));
const as = (name) => ({ url: withUser(`${encodeURIComponent(name)}:${encoded}`, locked.url) });

test("healthy ways to authenticate: nothing is wrong", async () => {
  await findsNothing({ url: withUser(`:${encoded}`, locked.url) });
  await findsNothing({ url: withUser(`default:${encoded}`, locked.url), protocol: 2 });
  await findsNothing({ url: locked.url, password: SECRET, db: 7 });
  await findsNothing({ url: locked.url, username: "app", password: SECRET });
  await findsNothing({ url: locked.url, credentials: async () => ({ username: "app", password: SECRET }) });
  await findsNothing({ ...as("app"), protocol: 2 });
  // The doctor reads from the URL what the core reads from it.
  await findsNothing({ url: `${as("o'dd@us/er").url}/3?protocol=2` });
  await findsNothing({ url: `${as("o'dd@us/er").url}?database=3` });
  // Keys of others are not the user's fault.
  await findsNothing(as("prefixed"));
});

test("what is not allowed to be looked at is unknown, and nothing is wrong for it", async () => {
  const { report } = await findsNothing(as("noinfo"));
  const unknown = report.checks.filter(({ status }) => status === "unknown").map(({ id }) => id);
  assert.deepEqual(unknown, ["server.info", "server.config", "server.timeout"]);
});

test("auth.required", async () => {
  for (const protocol of [3, 2]) await finds("auth.required", "error", { url: locked.url, protocol });
});

test("auth.wrong: a wrong password, and a user that is not known", async () => {
  for (const protocol of [3, 2]) {
    await finds("auth.wrong", "error", { url: withUser(`:${encoded}x`, locked.url), protocol });
    await finds("auth.wrong", "error", { url: withUser(`app:${encoded}x`, locked.url), protocol });
    await finds("auth.wrong", "error", { url: withUser(`nobody:${encoded}x`, locked.url), protocol });
  }
  await finds("auth.wrong", "error", { url: locked.url, credentials: () => ({ password: `${SECRET}x` }) });
});

test("auth.placeholder-user: the password alone would do", async () => {
  for (const protocol of [3, 2]) {
    const { fix } = await finds("auth.placeholder-user", "error", {
      url: withUser(`h:${encoded}`, locked.url),
      protocol,
    });
    assert.match(fix, /leave the user out/);
  }
});

test("auth.unneeded: a password for a server that has none", async () => {
  const url = withUser(`:${encoded}`, open.url);
  await finds("auth.unneeded", "warning", { url });
  const { verdict, findings } = await examined({ url, protocol: 2 });
  assert.equal(verdict.cause, "auth.unneeded", JSON.stringify(findings));
});

/** A server of long ago, of which `answers` has the replies by command. */
async function ancient(t, answers) {
  const bulk = (text) => `$${Buffer.byteLength(text)}\r\n${text}\r\n`;
  const known = {
    PING: (text) => (text === undefined ? "+PONG\r\n" : bulk(text)),
    INFO: () => bulk("# Server\r\nredis_version:5.0.14\r\nredis_mode:standalone\r\nrole:master\r\n"),
    EVAL: () => ":1\r\n",
    GET: () => "$-1\r\n",
    PUBLISH: () => ":0\r\n",
    SUBSCRIBE: (name) => `*3\r\n${bulk("subscribe")}${bulk(name)}:1\r\n`,
    SELECT: () => "+OK\r\n",
    CONFIG: () => "*0\r\n",
    TIME: () => `*2\r\n${bulk(String(Math.floor(Date.now() / 1_000)))}${bulk("0")}`,
    ...answers,
  };
  const port = await listening(t, (socket) => {
    let text = "";
    socket.on("data", (chunk) => {
      text += chunk;
      for (;;) {
        const count = /^\*(\d+)\r\n/.exec(text)?.[1];
        const whole = new RegExp(`^\\*\\d+\\r\\n(?:\\$\\d+\\r\\n[^\\r]*\\r\\n){${count}}`).exec(text)?.[0];
        if (count === undefined || whole === undefined) return;
        text = text.slice(whole.length);
        const [, name, ...args] = whole.split(/\r\n(?:\$\d+\r\n)?/).slice(0, -1);
        const answer = known[name.toUpperCase()];
        const reply =
          answer === undefined ? `-ERR unknown command \`${name}\`, with args beginning with: \r\n` : answer(...args);
        if (reply === undefined) return socket.destroy();
        socket.write(reply);
      }
    });
  });
  return `redis://127.0.0.1:${port}`;
}

test("a line in which a server repeats a short password is left out", async (t) => {
  // Too short to be blanked out wherever it stands: it may be part of any word.
  const url = await ancient(t, { AUTH: (password) => `-WRONGPASS it is not ${password}\r\n` });
  const report = await examined({ url: withUser(":k9", url), protocol: 2 });
  const wrong = report.findings.find(({ id }) => id === "auth.wrong");
  assert.match(wrong.evidence.join(), /left out/);
  assert.doesNotMatch(JSON.stringify(report), /it is not k9/);
});

test("server.old: before Redis 6, where a user in the URL is a placeholder", async (t) => {
  const url = await ancient(t, {});
  const { report } = await finds("proto.hello-denied", "warning", { url }, { also: ["server.old"] });
  assert.match(JSON.stringify(report), /Redis 5\.0\.14/);
  const few = () => "-ERR wrong number of arguments for 'auth' command\r\n";
  const withUsers = await ancient(t, { AUTH: (_, two) => (two === undefined ? "+OK\r\n" : few()) });
  const options = { url: withUser(`h:${encoded}`, withUsers), protocol: 2 };
  await finds("auth.placeholder-user", "warning", options, { also: ["server.old"] });
});

test("db.unknown: beyond the server's databases", async () => {
  const { evidence } = await finds("db.unknown", "error", { url: `${open.url}/999` });
  assert.match(evidence.join(), /database 999/);
});

test("acl.commands, acl.channels, acl.scripts: what the user lacks", async () => {
  const { evidence } = await finds("acl.commands", "warning", as("noget"));
  assert.match(evidence.join(), /GET: -NOPERM/);
  await finds("acl.channels", "warning", as("nochannels"));
  await finds("acl.scripts", "warning", as("noscripts"));
  await finds("acl.commands", "error", { url: `${as("noselect").url}/1` });
  // The client goes without it.
  await finds("acl.commands", "warning", as("noping"));
});
