/**
 * Just enough of SQL's lexical rules to see where statements end and which words they begin with.
 * What the words mean is SQLite's business.
 */

/** A piece of SQL text: [start, end). Blanks and comments are no tokens. */
export interface SqlToken {
  readonly kind: "word" | "semicolon" | "other";
  readonly start: number;
  readonly end: number;
  /** False for a quoted text or a comment-like thing that the text ends inside of. */
  readonly isClosed: boolean;
}

const WORD = /[A-Za-z0-9_$\u0080-\uffff]+/y;
const CLOSING: Readonly<Record<string, string>> = { "'": "'", '"': '"', "`": "`", "[": "]" };

/** The token at or after `from`; undefined at the end of the text. */
export function nextToken(sql: string, from: number): SqlToken | undefined {
  const start = skipBlank(sql, from);
  const first = sql[start];
  if (first === undefined) return undefined;
  if (first === ";") return { kind: "semicolon", start, end: start + 1, isClosed: true };
  const closing = CLOSING[first];
  if (closing !== undefined) {
    const at = sql.indexOf(closing, start + 1);
    const end = at === -1 ? sql.length : at + 1;
    return { kind: "other", start, end, isClosed: at !== -1 };
  }
  WORD.lastIndex = start;
  const word = WORD.exec(sql)?.[0];
  if (word !== undefined) return { kind: "word", start, end: start + word.length, isClosed: true };
  return { kind: "other", start, end: start + 1, isClosed: true };
}

/** The first words of a text, upper case, up to what is no word. */
export function leadingWords(sql: string, count: number): string[] {
  const words: string[] = [];
  let at = 0;
  while (words.length < count) {
    const token = nextToken(sql, at);
    if (token?.kind !== "word") break;
    words.push(sql.slice(token.start, token.end).toUpperCase());
    at = token.end;
  }
  return words;
}

/** The position of the first character that is neither blank nor in a comment. */
function skipBlank(sql: string, from: number): number {
  let at = from;
  for (;;) {
    const code = sql.charCodeAt(at);
    if (code === 32 || (code >= 9 && code <= 13) || code === 0xfeff) at++;
    else if (code === 45 && sql.charCodeAt(at + 1) === 45)
      at = endOr(sql, sql.indexOf("\n", at), 1);
    else if (code === 47 && sql.charCodeAt(at + 1) === 42) {
      at = endOr(sql, sql.indexOf("*/", at + 2), 2);
    } else return at;
  }
}

function endOr(sql: string, found: number, size: number): number {
  return found === -1 ? sql.length : found + size;
}
