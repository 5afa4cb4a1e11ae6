/**
 * What a command tells. With `--json` stdout carries one JSON object, or one JSON row a line, and
 * nothing else; everything for people goes to stderr. Without it, results go to stdout as text.
 */
export class Output {
  readonly isJson: boolean;
  readonly #stdout: NodeJS.WriteStream;
  readonly #stderr: NodeJS.WriteStream;

  constructor(options: {
    readonly isJson: boolean;
    readonly stdout: NodeJS.WriteStream;
    readonly stderr: NodeJS.WriteStream;
  }) {
    this.isJson = options.isJson;
    this.#stdout = options.stdout;
    this.#stderr = options.stderr;
  }

  /** The result: as JSON, or as the text for people. */
  result(value: unknown, text: string): void {
    this.#stdout.write(this.isJson ? `${toJson(value)}\n` : `${text}\n`);
  }

  /** One row of a result that comes in rows. */
  row(value: unknown, text: string): void {
    this.result(value, text);
  }

  /** Something for people while the command runs. */
  note(text: string): void {
    this.#stderr.write(`${text}\n`);
  }

  /** Raw text for stdout: the shell's own tables. Never with `--json`. */
  text(text: string): void {
    this.#stdout.write(text);
  }

  /** Whether stderr is a terminal that can redraw a line. */
  get canRedraw(): boolean {
    return this.#stderr.isTTY === true;
  }

  /** Replaces the current line of a terminal's stderr. */
  redraw(text: string): void {
    this.#stderr.write(`\r\u001b[2K${text}`);
  }
}

/** JSON with LSNs as numbers where they are safe, else as text; bytes as hex. */
export function toJson(value: unknown): string {
  return JSON.stringify(value, (_key, member: unknown) => {
    if (typeof member === "bigint") {
      return member <= BigInt(Number.MAX_SAFE_INTEGER) && member >= -BigInt(Number.MAX_SAFE_INTEGER)
        ? Number(member)
        : String(member);
    }
    if (member instanceof Uint8Array) return `x'${Buffer.from(member).toString("hex")}'`;
    return member;
  });
}
