// Packs pkg/ into target/package/edgis.tgz and installs that into target/package/app, as a user would. The link in
// node_modules lets tests, examples and benches here `import "edgis"`: they get the installed package, not the sources.
import { copyFileSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { at, kilobytes, run, step } from "./steps.mjs";

const target = at("target/package");
const tarball = `${target}/edgis.tgz`;
const installed = `${target}/app/node_modules/edgis`;

function pack() {
  mkdirSync(`${target}/app`, { recursive: true });
  copyFileSync(at("LICENSE"), at("pkg/LICENSE"));
  const packed = JSON.parse(
    run("npm", ["pack", "--json", "--pack-destination", target], { cwd: at("pkg"), quiet: true }),
  );
  const { filename, size } = Object.values(packed)[0];
  renameSync(`${target}/${filename}`, tarball);
  rmSync(`${target}/app/node_modules`, { recursive: true, force: true });
  writeFileSync(`${target}/app/package.json`, '{ "private": true }\n');
  const quick = ["--offline", "--no-audit", "--no-fund", "--no-package-lock", "--no-save"];
  run("npm", ["install", ...quick, tarball], { cwd: `${target}/app`, quiet: true });
  return `target/package/edgis.tgz, ${kilobytes(size)}`;
}

const inputs = [at("pkg/package.json"), at("pkg/README.md"), at("pkg/dist"), at("LICENSE"), at("scripts")];
await step("package", inputs, [tarball, installed], pack);
// `npm ci` removes the link.
rmSync(at("node_modules/edgis"), { force: true });
symlinkSync(installed, at("node_modules/edgis"), "junction");
