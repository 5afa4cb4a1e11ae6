import { UsageError } from "../usage-error.ts";
import { MODES, type Mode } from "./row-format.ts";

/** What a line that begins with `.` or `\` asks for. */
export type DotCommand =
  | { readonly kind: "help" }
  | { readonly kind: "tables"; readonly pattern: string | undefined }
  | { readonly kind: "schema"; readonly pattern: string | undefined }
  | { readonly kind: "read"; readonly file: string }
  | { readonly kind: "mode"; readonly mode: Mode | undefined }
  | { readonly kind: "timing"; readonly isOn: boolean | undefined }
  | { readonly kind: "status" }
  | { readonly kind: "push" }
  | { readonly kind: "pull" }
  | { readonly kind: "quit" };

/** The commands, as `.help` lists them. */
export const DOT_HELP: readonly (readonly [string, string])[] = [
  [".help", "this list"],
  [".tables [PATTERN]", "names of tables and views; PATTERN as in LIKE"],
  [".schema [PATTERN]", "the SQL that made them"],
  [".read FILE", "run the statements of a file"],
  [`.mode ${MODES.join("|")}`, "how rows are printed"],
  [".timing [on|off]", "say how long each statement took (also \\timing)"],
  [".status", "local commits, remote LSN, pages that are here"],
  [".push", "send local commits"],
  [".pull", "take what others have pushed"],
  [".quit", "leave (also .exit, Ctrl-D)"],
];

/** Whether a line outside of a statement is a command. */
export function isDotCommand(line: string): boolean {
  return line.startsWith(".") || line.startsWith("\\");
}

/** @throws UsageError naming the command and what was expected */
export function parseDotCommand(line: string): DotCommand {
  const [first = "", ...words] = splitWords(line);
  const name = first.slice(1).toLowerCase();
  switch (name) {
    case "help":
    case "status":
    case "push":
    case "pull":
      expectWords(first, words, 0);
      return { kind: name };
    case "quit":
    case "exit":
      expectWords(first, words, 0);
      return { kind: "quit" };
    case "tables":
    case "schema":
      expectWords(first, words, 1);
      return { kind: name, pattern: words[0] };
    case "read": {
      const [file] = words;
      if (file === undefined || words.length > 1) throw new UsageError(`${first}: expected a file`);
      return { kind: "read", file };
    }
    case "mode":
      expectWords(first, words, 1);
      return { kind: "mode", mode: words[0] === undefined ? undefined : parseMode(words[0]) };
    case "timing":
    case "timer":
      expectWords(first, words, 1);
      return { kind: "timing", isOn: parseSwitch(first, words[0]) };
    default:
      throw new UsageError(`${first}: no such command; see .help`);
  }
}

/** @throws UsageError */
export function parseMode(text: string): Mode {
  const mode = MODES.find((one) => one === text);
  if (mode === undefined) {
    throw new UsageError(`mode "${text}": expected one of ${MODES.join(", ")}`);
  }
  return mode;
}

function parseSwitch(name: string, word: string | undefined): boolean | undefined {
  if (word === undefined) return undefined;
  if (word === "on") return true;
  if (word === "off") return false;
  throw new UsageError(`${name} ${word}: expected on or off`);
}

function expectWords(name: string, words: readonly string[], max: number): void {
  if (words.length > max) {
    throw new UsageError(`${name}: expected at most ${max} argument(s), got ${words.length}`);
  }
}

/**
 * Words, apart at blanks; quotes hold a word with blanks together. A `;` at the end is forgiven.
 */
function splitWords(line: string): readonly string[] {
  const words =
    line
      .trim()
      .replace(/;+$/, "")
      .match(/"[^"]*"|'[^']*'|\S+/g) ?? [];
  return words.map((word) => (/^(["']).*\1$/.test(word) ? word.slice(1, -1) : word));
}
