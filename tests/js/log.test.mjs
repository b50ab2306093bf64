// What is written to a logger: one line for each thing that happened.
import assert from "node:assert/strict";
import test from "node:test";
import { createClient } from "./connect.mjs";
import { scripted } from "./peers.mjs";

test("a server's words end no line and move no cursor", async (t) => {
  const words = "ERR first\nsecond\r\u001b[2J\u009b31m\u2028third\u007f é";
  const peer = await scripted(([name]) =>
    name === "HELLO" ? `!${Buffer.byteLength(words)}\r\n${words}\r\n` : undefined,
  );
  t.after(() => peer.close());
  const lines = [];
  const logger = { info: (line) => lines.push(line), warn: (line) => lines.push(line) };
  const client = createClient({ url: peer.url, logger });
  t.after(() => client.close());
  assert.equal((await client.init()).state, "disabled");
  await new Promise(setImmediate);
  const text = lines.join("");
  assert.match(text, /ERR first\\nsecond.*\\u001b\[2J\\u009b31m\\u2028third\\u007f é/);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
  assert.doesNotMatch(text, /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/);
});
