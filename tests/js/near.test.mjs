// Which of several words was meant by one that is none of them.
import assert from "node:assert/strict";
import test from "node:test";
import { source } from "./source.mjs";

const { nearest } = await source("core/near.ts");

test("the nearest word is meant, not the first that is near", () => {
  for (const [word, words, meant] of [
    ["tiemout", ["time", "timeouts", "timeout"], "timeout"],
    ["timeout", ["timeouts", "limits"], "timeouts"],
    ["darin", ["drain"], "drain"],
    ["usrname", ["name", "username"], "username"],
    ["OFLINE", ["offline", "online"], "offline"],
    ["EXX", ["EX", "PX", "XX"], "EX"],
    ["commandTimeout", ["time", "command"], "command"],
    ["arguments", ["port", "args"], undefined],
    ["xy", ["id", "db"], undefined],
    ["zzz", [], undefined],
    ["", ["id"], undefined],
  ]) {
    assert.equal(nearest(word, words), meant, word);
  }
});
