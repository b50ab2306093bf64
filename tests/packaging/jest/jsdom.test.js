// In jsdom Jest asks for what browsers get; that it runs on Node is known all the same.
const { createClient } = require("edgis");
require("edgis/cache");
require("edgis/testing");

test("says what to do", async () => {
  const { state, reason, hint } = await createClient({ logger: false }).init();
  expect([state, reason]).toEqual(["disabled", "no-tcp"]);
  expect(hint).toMatch(/testEnvironment "node"/);
});
