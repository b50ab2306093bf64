/** Reads a command line of flags and arguments. No message repeats what was typed: it may be a URL with a password. */
import { nearest } from "../core/near.js";

/** The flags of a command: `false` for one without a value, else the value as the usage words it. */
export type Flags = Readonly<Record<string, boolean | string>>;

export interface Parsed {
  readonly given: Readonly<Record<string, string | true>>;
  readonly rest: readonly string[];
  /** The mistake in it, if there is one. */
  readonly problem?: string;
}

/** Separates flags from arguments, up to the first mistake. */
export function parse(args: readonly string[], flags: Flags): Parsed {
  const given: Record<string, string | true> = Object.create(null);
  const rest: string[] = [];
  let isOpen = true;
  for (let i = 0; i < args.length; i += 1) {
    const arg = args[i] as string;
    if (arg === "--") isOpen = false;
    if (arg === "--" || !isOpen || !arg.startsWith("-")) {
      if (arg !== "--" || !isOpen) rest.push(arg);
      continue;
    }
    const [name = "", ...values] = arg.replace(/^--?/, "").split("=");
    const kind = Object.hasOwn(flags, name) ? flags[name] : undefined;
    if (kind === undefined) return { given, rest, problem: unknown(name, flags) };
    if (name in given) return { given, rest, problem: `--${name} is given twice` };
    if (kind === false) {
      if (values.length > 0) return { given, rest, problem: `--${name} takes no value` };
      given[name] = true;
      continue;
    }
    const value = values.length > 0 ? values.join("=") : args[++i];
    if (value === undefined || value === "") return { given, rest, problem: `--${name} needs a value: ${kind}` };
    given[name] = value;
  }
  return { given, rest };
}

function unknown(name: string, flags: Flags): string {
  const meant = nearest(name, Object.keys(flags));
  return `there is no such flag${meant === undefined ? "" : `; did you mean --${meant}?`}`;
}
