// The example of a cache through an outage, in a browser: what is plotted is what is claimed.
// SCREENSHOT=1 node --test tests/packaging/outage.test.mjs renews the picture of the README.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import test from "node:test";
import { pathToFileURL } from "node:url";
import { copied, installOthers, others, repository } from "./copies.mjs";

const browsers = ["chromium", "chromium-browser", "google-chrome", "chrome"];
const browser = browsers
  .map((name) => spawnSync("sh", ["-c", `command -v ${name}`], { encoding: "utf8" }).stdout.trim())
  .find((path) => path !== "");

/** The server of the example and its URL. */
async function serve(t) {
  const folder = copied(t, "cache-outage");
  const { NODE_TEST_CONTEXT, REDIS_URL, REDIS_URI, ...env } = process.env;
  const child = spawn(process.execPath, ["server.mjs"], { cwd: folder, env, stdio: ["ignore", "pipe", "inherit"] });
  const ended = once(child, "exit");
  t.after(async () => {
    child.kill("SIGTERM");
    const forced = setTimeout(() => child.kill("SIGKILL"), 10_000);
    assert.deepEqual(await ended, [0, null], "it ends by itself when it is told to");
    clearTimeout(forced);
  });
  for await (const line of createInterface({ input: child.stdout })) {
    const url = /http:\S+/.exec(line)?.[0];
    if (url !== undefined) return url;
  }
  throw new Error("the server ended");
}

async function open(t, url) {
  installOthers();
  const { launch } = (await import(pathToFileURL(join(others, "puppeteer-core/lib/esm/puppeteer/puppeteer-core.js"))))
    .default;
  const args = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--no-first-run"];
  const window = await launch({ executablePath: browser, args, headless: true });
  t.after(() => window.close());
  const page = await window.newPage();
  await page.setViewport({ width: 980, height: 880 });
  const wrong = [];
  page.on("pageerror", (error) => wrong.push(String(error)));
  await page.goto(url);
  return { page, wrong };
}

/** The values that the lines of a chart show: what is read off the scale at the left, oldest first. */
function plotted(page, chart) {
  return page.$eval(`#${chart}`, (svg) => {
    const top = Number(svg.dataset.top);
    const ticks = [...svg.querySelectorAll("line")].map((line) => line.y1.baseVal.value);
    const [zero, full] = [Math.max(...ticks), Math.min(...ticks)];
    const value = (y) => ((zero - y) / (zero - full)) * top;
    const lines = [...svg.querySelectorAll("polyline")];
    return Object.fromEntries(
      lines.map((line) => [line.getAttribute("class"), [...line.points].map((point) => value(point.y))]),
    );
  });
}

const text = (page, id) => page.$eval(`#${id}`, (element) => element.textContent);
const number = async (page, id) => Number(await text(page, id));

/** Waits until the page shows it. */
const shows = (page, holds, ...args) => page.waitForFunction(holds, { timeout: 30_000, polling: 100 }, ...args);
const isState = (state) => document.getElementById("state").textContent === state;
const said = (words) => document.getElementById("said").textContent.includes(words);

/** Waits until so many more samples are plotted. */
async function samples(page, count) {
  const before = await page.$eval("#rates", (svg) => Number(svg.dataset.seen));
  await shows(page, (wanted) => Number(document.getElementById("rates").dataset.seen) >= wanted, before + count);
}

const last = (values, count) => values.slice(-count);
const most = (values) => Math.max(...values);

const skip = browser === undefined && "there is no Chromium on this machine";

test("a cache through an outage: what its page plots", { skip }, async (t) => {
  const { page, wrong } = await open(t, await serve(t));
  await shows(page, isState, "ready");
  await samples(page, 12);
  let { hits, loads, fallbacks } = await plotted(page, "rates");
  assert.ok(most(last(hits, 6)) > 50, `hits: ${hits}`);
  assert.equal(most(last(fallbacks, 6)), 0, `nothing goes past a cache that is there: ${fallbacks}`);

  await page.click("#import");
  await shows(page, said, "100 copies");
  assert.match(await text(page, "said"), /: 1 dials in all/);

  await page.click("#kill");
  await shows(page, isState, "disabled");
  await samples(page, 8);
  ({ hits, loads, fallbacks } = await plotted(page, "rates"));
  assert.equal(most(last(hits, 4)), 0, `hits without Redis: ${hits}`);
  assert.ok(most(last(fallbacks, 4)) > 50, `fallbacks: ${fallbacks}`);
  assert.ok(most(last(loads, 4)) > 20, `loads: ${loads}`);
  const { median } = await plotted(page, "times");
  // The database takes 25 ms; a machine that is busy takes longer.
  assert.ok(most(last(median, 4)) < 150, `median: ${median}`);
  assert.match(await text(page, "hint"), /start Redis/);

  await page.click("#change");
  await shows(page, said, "its invalidation:");
  assert.match(await text(page, "said"), /journaled/);
  assert.ok((await number(page, "journal")) > 0);

  await page.click("#restore");
  await shows(page, isState, "ready");
  await shows(page, () => document.getElementById("journal").textContent === "0");
  await samples(page, 12);
  ({ hits, fallbacks } = await plotted(page, "rates"));
  assert.ok(most(last(hits, 6)) > 50, `hits after the outage: ${hits}`);
  assert.equal(most(last(fallbacks, 6)), 0, `fallbacks after the outage: ${fallbacks}`);
  assert.equal(await number(page, "stale"), 0, "nobody saw a price that was given up");
  assert.equal(await number(page, "errors"), 0);
  assert.ok((await number(page, "answers")) > 500);
  assert.deepEqual(wrong, []);
  if (process.env.SCREENSHOT) {
    await page.screenshot({ path: join(repository, "examples/cache-outage/screenshot.png") });
  }
});
