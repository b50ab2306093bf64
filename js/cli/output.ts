/** Where a command writes to. */

export interface Output {
  out(text: string): void;
  error(text: string): void;
  /** Whether what is written there is seen on a terminal, by stream. */
  readonly terminal: { readonly out: boolean; readonly error: boolean };
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly columns: number;
}

/** Gives the exit code. */
export type Subcommand = (args: readonly string[], output: Output) => Promise<number>;

/** Says what is wrong with the command line; gives the exit code for that. */
export function complain(output: Output, problem: string, usage: string): number {
  output.error(`edgis: ${problem}\n\n${usage}`);
  return 2;
}
