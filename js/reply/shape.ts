/**
 * Gives RESP2 replies the form that RESP3 gives them. RESP2 knows neither maps nor doubles: a map comes as a flat
 * array, a double as text. Which command has which shape is the core's business (src/command/shape.rs documents each);
 * here they are only numbers. What has not the expected form stays as it is.
 */
import { newFields } from "./build.js";
import { type Fields, putField, textOf } from "./fields.js";
import { parseDouble } from "./values.js";

type Reshape = (value: unknown) => unknown;

const number: Reshape = (value) =>
  typeof value === "string" || value instanceof Uint8Array ? parseDouble(textOf(value)) : value;

const each =
  (reshape: Reshape): Reshape =>
  (value) =>
    Array.isArray(value) ? value.map(reshape) : value;

const atIndex =
  (index: number, reshape: Reshape): Reshape =>
  (value) =>
    Array.isArray(value) && value.length > index ? value.with(index, reshape(value[index])) : value;

const last =
  (reshape: Reshape): Reshape =>
  (value) =>
    Array.isArray(value) && value.length > 0 ? value.with(-1, reshape(value.at(-1))) : value;

const from =
  (start: number, reshape: Reshape): Reshape =>
  (value) =>
    Array.isArray(value) ? value.map((item, index) => (index < start ? item : reshape(item))) : value;

/** The form of the reply that is being given its shape; there is one at a time. */
let mode = 0;

const map: Reshape = (value) => {
  if (!Array.isArray(value)) return value;
  const fields = newFields(mode);
  for (let i = 0; i + 1 < value.length; i += 2) putField(fields, value[i], value[i + 1]);
  return fields;
};

/** `map`, then for each field the reshape that its name asks for, if it asks for one. */
const mapBy =
  (reshapeOf: (name: string) => Reshape | undefined): Reshape =>
  (value) => {
    if (!Array.isArray(value)) return value;
    const fields = map(value) as Fields;
    for (const [key, held] of fields instanceof Map ? fields : Object.entries(fields)) {
      const reshape = reshapeOf(textOf(key));
      if (reshape !== undefined) putField(fields, key, reshape(held));
    }
    return fields;
  };

/** `map`, then a reshape for some of its fields. */
const mapWith = (reshapes: Record<string, Reshape>): Reshape =>
  mapBy((name) => (Object.hasOwn(reshapes, name) ? reshapes[name] : undefined));

/** `map`, then a reshape for all of its values. */
const mapOf = (reshape: Reshape): Reshape => mapBy(() => reshape);

const pairs =
  (reshape: Reshape): Reshape =>
  (value) => {
    if (!Array.isArray(value)) return value;
    const result = [];
    for (let i = 0; i + 1 < value.length; i += 2) result.push([value[i], reshape(value[i + 1])]);
    return result;
  };

const streams: Reshape = (value) => {
  if (!Array.isArray(value)) return value;
  const fields = newFields(mode);
  for (const stream of value) {
    if (!Array.isArray(stream)) return value;
    putField(fields, stream[0], stream[1]);
  }
  return fields;
};

const same: Reshape = (value) => value;
const argument: Reshape = (value) => mapWith({ arguments: each(argument) })(value);
const docs: Reshape = (value) => mapOf(mapWith({ subcommands: docs, arguments: each(argument) }))(value);
const keySpec: Reshape = (value) =>
  mapWith({ begin_search: mapWith({ spec: map }), find_keys: mapWith({ spec: map }) })(value);
const commands: Reshape = (value) => each((item) => atIndex(9, commands)(atIndex(8, each(keySpec))(item)))(value);
const statistic: Reshape = (value) => (Array.isArray(value) ? map(value) : number(value));

let shapes: readonly Reshape[] | undefined;

/** By the number of the shape. */
const allShapes = (): readonly Reshape[] => [
  same,
  map,
  number,
  each(number),
  pairs(number),
  pairs(same),
  last(number),
  atIndex(1, number),
  streams,
  each(map),
  atIndex(1, each(atIndex(1, number))),
  each(each(number)),
  each(last(each(number))),
  mapWith({ groups: each(mapWith({ consumers: each(map) })) }),
  mapOf(statistic),
  mapWith({ selectors: each(map) }),
  each(mapWith({ "age-seconds": number })),
  each(mapWith({ functions: each(map) })),
  mapWith({ running_script: map, engines: mapOf(map) }),
  docs,
  commands,
  mapOf(mapWith({ histogram_usec: map })),
  each(mapWith({ nodes: each(map) })),
  each(from(2, atIndex(3, map))),
];

/** Gives `value` the shape with this number; `form` is that in which the caller wants its reply. */
export function reshape(value: unknown, shape: number, form: number): unknown {
  mode = form;
  shapes ??= allShapes();
  return (shapes[shape] ?? same)(value);
}
