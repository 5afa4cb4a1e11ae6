import type { FileSystem } from "@graft/core";

/** Lines kept, newest first. */
const LINE_COUNT_MAX = 1_000;

/** What was typed before, in a file of the data directory. Losing it harms nobody. */
export class History {
  readonly #fileSystem: FileSystem;
  readonly #path: string;
  #saved: readonly string[];

  private constructor(fileSystem: FileSystem, path: string, lines: readonly string[]) {
    this.#fileSystem = fileSystem;
    this.#path = path;
    this.#saved = lines;
  }

  static async open(fileSystem: FileSystem, path: string): Promise<History> {
    const bytes = await fileSystem.readWhole(path);
    const text = bytes === undefined ? "" : new TextDecoder().decode(bytes);
    const lines = text.split("\n").filter((line) => line !== "");
    return new History(fileSystem, path, lines.reverse());
  }

  /** Newest first, as readline wants it. */
  get lines(): readonly string[] {
    return this.#saved;
  }

  /** @param lines newest first */
  async save(lines: readonly string[]): Promise<void> {
    this.#saved = lines.slice(0, LINE_COUNT_MAX);
    const text = this.#saved.toReversed().map((line) => `${line}\n`);
    await this.#fileSystem.writeWhole(
      this.#path,
      [new TextEncoder().encode(text.join(""))],
      "replace",
    );
  }
}
