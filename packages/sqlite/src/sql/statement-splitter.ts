/**
 * Finds where SQL statements end, in as many pieces as the text comes in, as SQLite's own shell
 * does: at a `;` outside of strings, names and comments, and for CREATE TRIGGER at the `;` after
 * its END.
 *
 * ```
 * start ──word──▶ statement ──;──▶ start
 *   ├─EXPLAIN─▶ explain ─┐
 *   └─CREATE──▶ create ◀─┘ ──TRIGGER──▶ body ──;──▶ body-end ──END──▶ trigger-end ──;──▶ start
 *                                        ▲────other──────┴──────other────┘
 * ```
 */
type Place = "start" | "explain" | "create" | "statement" | "body" | "body-end" | "trigger-end";

/** Inside of what a character stands; undefined: plain SQL. */
type Inside = "'" | '"' | "`" | "]" | "line-comment" | "block-comment";

const WORD_START = /[A-Za-z_\u0080-\uffff]/;
const WORD = /[A-Za-z0-9_$\u0080-\uffff]+/y;

/** Cuts a text that comes line by line, such as what a person types, into its statements. */
export class StatementSplitter {
  #text = "";
  #place: Place = "start";
  #inside: Inside | undefined;

  /**
   * Takes a line, or lines, without the last end. Answers the statements it completes, each with
   * its `;`.
   */
  push(line: string): readonly string[] {
    const statements: string[] = [];
    const text = `${line}\n`;
    let from = 0;
    for (let at = 0; at < text.length; ) {
      const isSemicolon = this.#inside === undefined && text[at] === ";";
      const next = this.#step(text, at);
      if (isSemicolon && this.#place === "start") {
        statements.push((this.#text + text.slice(from, next)).trim());
        this.#text = "";
        from = next;
      }
      at = next;
    }
    this.#text += text.slice(from);
    if (this.isEmpty) this.clear();
    return statements.filter((statement) => statement !== ";");
  }

  /** Whether no statement has been begun. */
  get isEmpty(): boolean {
    return this.#place === "start" && this.#inside === undefined;
  }

  /** What has been begun and not ended. */
  get rest(): string {
    return this.#text.trim();
  }

  /** Forgets what has been begun. */
  clear(): void {
    this.#text = "";
    this.#place = "start";
    this.#inside = undefined;
  }

  /** Takes what begins at `at`; answers where the next thing begins. */
  #step(text: string, at: number): number {
    if (this.#inside !== undefined) return this.#leave(text, at, this.#inside);
    const char = text[at] ?? "";
    if (char === "-" && text[at + 1] === "-") return this.#enter("line-comment", at + 2);
    if (char === "/" && text[at + 1] === "*") return this.#enter("block-comment", at + 2);
    if (/\s/.test(char)) return at + 1;
    if (char === ";") {
      this.#place = afterSemicolon(this.#place);
      return at + 1;
    }
    if (char === "'" || char === '"' || char === "`" || char === "[") {
      this.#place = afterWord(this.#place, "");
      return this.#enter(char === "[" ? "]" : char, at + 1);
    }
    if (!WORD_START.test(char)) {
      this.#place = afterWord(this.#place, "");
      return at + 1;
    }
    WORD.lastIndex = at;
    const word = WORD.exec(text)?.[0] ?? char;
    this.#place = afterWord(this.#place, word.toUpperCase());
    return at + word.length;
  }

  #enter(inside: Inside, next: number): number {
    this.#inside = inside;
    return next;
  }

  /**
   * Goes to the end of a string, name or comment, or of the line. A doubled quote begins another
   * one.
   */
  #leave(text: string, at: number, inside: Inside): number {
    const closing = inside === "line-comment" ? "\n" : inside === "block-comment" ? "*/" : inside;
    const end = text.indexOf(closing, at);
    if (end === -1) return text.length;
    this.#inside = undefined;
    return end + closing.length;
  }
}

function afterSemicolon(place: Place): Place {
  return place === "body" || place === "body-end" ? "body-end" : "start";
}

function afterWord(place: Place, word: string): Place {
  switch (place) {
    case "start":
      if (word === "EXPLAIN") return "explain";
      return word === "CREATE" ? "create" : "statement";
    case "explain":
      // EXPLAIN QUERY PLAN CREATE … is one of these as well.
      if (word === "CREATE") return "create";
      return word === "QUERY" || word === "PLAN" ? "explain" : "statement";
    case "create":
      if (word === "TRIGGER") return "body";
      return word === "TEMP" || word === "TEMPORARY" ? "create" : "statement";
    case "statement":
      return "statement";
    case "body":
      return "body";
    case "body-end":
      return word === "END" ? "trigger-end" : "body";
    case "trigger-end":
      return "body";
  }
}
