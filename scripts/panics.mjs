// Makes a panic a plain trap.
//
// WebAssembly has no standard error: what the standard library does to word a panic, nobody reads. So every function
// that is the beginning of a panic becomes a trap, and wasm-opt drops what only those have called, and the places in
// the sources that callers hand to them. A trap is caught by the shell like any other (`Engine.enter`).
import binaryen from "binaryen";

/** By the names of Rust's standard library, without the hashes that compilers put into them. */
const panics = [
  /^core::panicking::/,
  /^core::(option|result|cell)::\w*(expect|unwrap|panic|failed)\w*$/,
  /^core::(slice|str)::.*(_fail|_failed|_fail_rt|_mismatch\w*)$/,
  /^alloc::raw_vec::(handle_error|capacity_overflow)$/,
  /^alloc::alloc::handle_alloc_error$/,
  /^std::panicking::/,
  /^std::thread::local::panic_access_error$/,
  /^<std::panicking::/,
];
/** Without these the names have changed, and nothing would be cut. */
const expected = ["core::panicking::panic_fmt", "core::panicking::panic_bounds_check"];

/** The module with its panics cut; it must come with the names of its functions. */
export function cutPanics(bytes) {
  const module = binaryen.readBinary(bytes);
  const cut = [];
  for (let index = module.getNumFunctions() - 1; index >= 0; index -= 1) {
    const { name, module: from, params, results } = binaryen.getFunctionInfo(module.getFunctionByIndex(index));
    const plain = name.replace(/\[[0-9a-f]+\]/g, "").replace(/::h[0-9a-f]{16}$/, "");
    if (from !== "" || !panics.some((pattern) => pattern.test(plain))) continue;
    module.removeFunction(name);
    module.addFunction(name, params, results, [], module.unreachable());
    cut.push(plain);
  }
  const missing = expected.filter((name) => !cut.includes(name));
  if (missing.length > 0) throw new Error(`The module has no function ${missing.join(", ")}.`);
  return module.emitBinary();
}
