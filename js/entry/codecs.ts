/**
 * Globals that Jest's environment jsdom leaves out although it runs on Node. esbuild substitutes these in the files for
 * require().
 */
const { process, TextEncoder: encoder, TextDecoder: decoder } = globalThis;
const util = encoder === undefined ? process?.getBuiltinModule?.("node:util") : undefined;

export const TextEncoder = encoder ?? util?.TextEncoder;
export const TextDecoder = decoder ?? util?.TextDecoder;
