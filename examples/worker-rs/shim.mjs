// Does what worker-build would generate: instantiates the module and hands its exports to the runtime.
import { Counter, fetch, initSync } from "./bindgen/worker.js";
import module from "./bindgen/worker_bg.wasm";

initSync({ module });

export { Counter };
export default { fetch };
