/** What a transaction statement does to what was recorded before it. */
import { nextToken } from "../sql/scan-sql.ts";

export type TransactionStep =
  /** `ROLLBACK`: all of it is gone. */
  | { readonly kind: "rollback" }
  | { readonly kind: "savepoint"; readonly name: string }
  | { readonly kind: "release"; readonly name: string }
  | { readonly kind: "rollback-to"; readonly name: string }
  /** `BEGIN`, `COMMIT`, `END`. */
  | { readonly kind: "other" };

/** Reads a statement that SQLite took: names are compared without case, as it does. */
export function readTransactionStep(sql: string): TransactionStep {
  const words = tokensOf(sql);
  const [first, second, third] = words.map((word) => word.toUpperCase());
  switch (first) {
    case "SAVEPOINT":
      return { kind: "savepoint", name: nameOf(words[1]) };
    case "RELEASE":
      return { kind: "release", name: nameOf(words[second === "SAVEPOINT" && third ? 2 : 1]) };
    case "ROLLBACK": {
      const to = words.findIndex((word, at) => at > 0 && at < 3 && word.toUpperCase() === "TO");
      if (to === -1) return { kind: "rollback" };
      const hasWord = words[to + 1]?.toUpperCase() === "SAVEPOINT" && words[to + 2] !== undefined;
      return { kind: "rollback-to", name: nameOf(words[to + (hasWord ? 2 : 1)]) };
    }
    default:
      return { kind: "other" };
  }
}

/** At most the first six: `ROLLBACK TRANSACTION TO SAVEPOINT name ;`. */
function tokensOf(sql: string): string[] {
  const words: string[] = [];
  let token = nextToken(sql, 0);
  while (token !== undefined && token.kind !== "semicolon" && words.length < 6) {
    let { end } = token;
    // A doubled quote inside a quoted name.
    for (let next = nextToken(sql, end); next?.start === end; next = nextToken(sql, end)) {
      if (sql[next.start] !== sql[token.start] || next.kind !== "other") break;
      end = next.end;
    }
    words.push(sql.slice(token.start, end));
    token = nextToken(sql, end);
  }
  return words;
}

/** The name that a word or a quoted text stands for. */
function nameOf(word = ""): string {
  const quote = word[0] ?? "";
  if (quote === "[") return word.slice(1, -1).toLowerCase();
  if (!`'"\``.includes(quote) || quote === "") return word.toLowerCase();
  return word
    .slice(1, -1)
    .replaceAll(quote + quote, quote)
    .toLowerCase();
}
