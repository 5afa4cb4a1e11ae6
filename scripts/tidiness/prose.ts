/** Comments in code and paragraphs in documents: what the formatter leaves as it is. */

/** Characters of a line of prose. */
export const LINE_LENGTH_MAX = 100;

/** A line of prose, taken apart. */
interface ProseLine {
  /** Indentation and comment mark. */
  readonly prefix: string;
  /** Where further lines of the same paragraph begin: deeper than the prefix in a list. */
  readonly hanging: string;
  readonly text: string;
}

/**
 * Which lines (from 0) are prose over the limit. Tables, drawings and code blocks are not prose.
 */
export function findLongProse(path: string, lines: readonly string[]): readonly number[] {
  const isDocument = path.endsWith(".md");
  const isWatched = isDocument || /\.(ts|proto|grit)$/.test(path);
  if (!isWatched) return [];
  const found: number[] = [];
  let isInCode = false;
  for (const [at, line] of lines.entries()) {
    if (isDocument && line.trimStart().startsWith("```")) isInCode = !isInCode;
    const isLong = [...line].length > LINE_LENGTH_MAX && !isInCode;
    if (isLong && parseProse(line, isDocument) !== undefined) found.push(at);
  }
  return found;
}

/** The text with every long line of prose wrapped; what does not fit joins the next line. */
export function wrapProse(path: string, text: string): string {
  const isDocument = path.endsWith(".md");
  const lines = text.split("\n");
  for (let count = 0; count < lines.length * 2; count++) {
    const at = findLongProse(path, lines)[0];
    if (at === undefined || !wrapLine(lines, at, isDocument)) break;
  }
  return lines.join("\n");
}

/**
 * Undefined for what cannot be wrapped: code, tables, drawings, a line that is mostly an address.
 */
function parseProse(line: string, isDocument: boolean): ProseLine | undefined {
  const mark = isDocument ? /^(\s*)/ : /^(\s*(?:\/\*\*?|\*|\/\/)\s)/;
  const prefix = mark.exec(line)?.[1];
  if (prefix === undefined) return undefined;
  const rest = line.slice(prefix.length);
  if (/^(\||\s{4})/.test(rest) || /https?:\/\/\S{40}/.test(rest)) return undefined;
  const bullet = /^\s*(?:[-*]|\d+\.|@\w+(?: \w+)?)?\s*/.exec(rest)?.[0] ?? "";
  const isTag = bullet.trimStart().startsWith("@");
  const indent = isTag ? "  " : " ".repeat(bullet.length);
  const hanging = prefix.replace(/\/\*\*?/, " *") + (isDocument || bullet !== "" ? indent : "");
  return { prefix: prefix + bullet, hanging, text: rest.slice(bullet.length) };
}

/** False when there is no place to break. */
function wrapLine(lines: string[], at: number, isDocument: boolean): boolean {
  const line = lines[at] ?? "";
  const whole = /^(\s*)\/\*\* (.*) \*\/$/.exec(line);
  if (whole !== null) {
    lines.splice(at, 1, `${whole[1]}/**`, `${whole[1]} * ${whole[2]}`, `${whole[1]} */`);
    return true;
  }
  const prose = parseProse(line, isDocument);
  const cut = prose === undefined ? -1 : line.lastIndexOf(" ", LINE_LENGTH_MAX);
  if (prose === undefined || cut <= prose.prefix.length) return false;
  lines[at] = line.slice(0, cut).trimEnd();
  const rest = line.slice(cut + 1);
  const next = lines[at + 1];
  if (next !== undefined && continues(prose, next)) {
    lines[at + 1] = `${prose.hanging}${rest} ${next.slice(prose.hanging.length)}`;
  } else {
    lines.splice(at + 1, 0, prose.hanging + rest);
  }
  return true;
}

function continues({ hanging }: ProseLine, next: string): boolean {
  if (!next.startsWith(hanging)) return false;
  return /^(?![-*|@#>\s]|\d+\.|\/|```)./.test(next.slice(hanging.length));
}
