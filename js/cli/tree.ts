/** The report for people: the verdict, what was found with its fix, and all steps as a tree. */
import { seconds } from "../doctor/examination.js";
import { type Check, type CheckStatus, type Diagnosis, type Finding, LAYERS, type Severity } from "../doctor/types.js";

export interface Style {
  readonly colours: boolean;
  readonly ascii: boolean;
  /** All fixes, and the usual causes. */
  readonly hints: boolean;
}

type Colour = "red" | "yellow" | "green" | "dim" | "bold";
const codes: Record<Colour, number> = { red: 31, yellow: 33, green: 32, dim: 2, bold: 1 };

const severities: Record<Severity, Colour> = { error: "red", warning: "yellow", note: "dim" };
const marks: Record<CheckStatus, [string, string, Colour]> = {
  ok: ["✔", "ok", "green"],
  failed: ["✖", "FAILED", "red"],
  skipped: ["–", "skipped", "dim"],
  unknown: ["?", "unknown", "yellow"],
};

export function tree(report: Diagnosis, style: Style): string {
  const paint = (colour: Colour, text: string) => (style.colours ? `\u001b[${codes[colour]}m${text}\u001b[0m` : text);
  const { verdict, target, findings, checks, versions, ms } = report;
  const colour = verdict.status === "healthy" ? "green" : verdict.status === "error" ? "red" : "yellow";
  const lines = [paint("bold", paint(colour, verdict.text))];
  if (target !== undefined) lines.push(paint("dim", target));
  for (const finding of findings) lines.push("", ...shown(finding, style, paint));
  lines.push("");
  const layers = LAYERS.filter((layer) => checks.some((check) => check.layer === layer));
  for (const [index, layer] of layers.entries()) {
    const isLast = index === layers.length - 1;
    lines.push(`${branch(isLast, style)} ${paint("bold", layer)}`);
    const own = checks.filter((check) => check.layer === layer);
    for (const [at, check] of own.entries())
      lines.push(`${trunk(isLast, style)} ${branch(at === own.length - 1, style)} ${step(check, style, paint)}`);
  }
  lines.push("", paint("dim", `edgis ${versions.edgis} on ${versions.runtime}, ${seconds(ms)}`));
  return `${lines.map((line) => (style.ascii ? ascii(line) : line)).join("\n")}\n`;
}

type Paint = (colour: Colour, text: string) => string;

function shown(finding: Finding, { hints }: Style, paint: Paint): string[] {
  const { severity, id, meaning, cause, evidence, fix, fixes, role } = finding;
  const roles = { cause: " (the cause)", follows: " (follows from the cause)", beside: "" };
  const lines = [`${paint(severities[severity], severity)} ${paint("bold", id)}${roles[role]}`, `  ${meaning}`];
  for (const line of evidence) lines.push(`  ${paint("dim", "seen:")} ${line}`);
  if (hints) lines.push(`  ${paint("dim", "usually:")} ${cause}`);
  const ways = hints ? fixes : [fix];
  for (const [index, way] of ways.entries()) lines.push(`  ${paint("green", index === 0 ? "fix:" : " or:")} ${way}`);
  return lines;
}

function step({ id, subject, status, why, detail, ms }: Check, style: Style, paint: Paint): string {
  const [mark, word, colour] = marks[status];
  const name = subject === undefined ? id : `${id} ${subject}`;
  const said = [detail, why].filter((text) => text !== undefined).join("; ");
  const time = status === "skipped" ? "" : paint("dim", ` ${seconds(ms)}`);
  return `${paint(colour, style.ascii ? `[${word}]` : mark)} ${name}${said === "" ? "" : `: ${said}`}${time}`;
}

const branch = (isLast: boolean, { ascii }: Style): string => (ascii ? (isLast ? "`-" : "|-") : isLast ? "└─" : "├─");
const trunk = (isLast: boolean, { ascii }: Style): string => (isLast ? "  " : ascii ? "| " : "│ ");

/** Escapes of colours stay, which are ASCII themselves. */
const ascii = (text: string): string => [...text].map((letter) => (letter < "\u0080" ? letter : "?")).join("");
