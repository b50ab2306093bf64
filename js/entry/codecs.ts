/**
 * What Jest's environment jsdom leaves out although it runs on Node. esbuild puts these in the place of the globals in the
 * files that require() gives.
 */
const { process, TextEncoder: encoder, TextDecoder: decoder } = globalThis;
const util = encoder === undefined ? process?.getBuiltinModule?.("node:util") : undefined;

export const TextEncoder = encoder ?? util?.TextEncoder;
export const TextDecoder = decoder ?? util?.TextDecoder;
