/** What the clients of the torture said, and were answered. */
export class Ledger {
  /** Transactions whose COMMIT has returned: "member sequence". */
  readonly acknowledged: Set<string> = new Set();
  /** Of these, those that a push was answered for. */
  readonly remote: Set<string> = new Set();
  /** How often what was done, and what errors were met. */
  readonly counts: Map<string, number> = new Map();
  /** What must not happen. */
  readonly faults: string[] = [];
  readonly #last = new Map<number, number>();

  note(member: number, line: string): void {
    const [kind, word = ""] = line.split(" ");
    switch (kind) {
      case "try":
        this.#last.set(member, Number(word));
        return;
      case "commit":
        this.acknowledged.add(`${member} ${word}`);
        return;
      case "remote":
        this.remote.add(`${member} ${word}`);
        return;
      case "did":
      case "met":
        this.count(line);
        return;
    }
  }

  count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }

  /** The last that was tried may have been committed without an answer. */
  nextSequence(member: number): number {
    return (this.#last.get(member) ?? 0) + 1;
  }
}
