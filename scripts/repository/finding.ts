/** Something a check objects to: where, what is wrong, what was expected. */
export interface Finding {
  /** From the root of the repository, with `/`. */
  readonly path: string;
  /** From 1. */
  readonly line: number;
  readonly message: string;
}

/** Prints one line per finding and sets the exit code. */
export function reportFindings(check: string, findings: readonly Finding[]): void {
  const sorted = [...findings].sort(
    (one, other) => compare(one.path, other.path) || one.line - other.line,
  );
  for (const { path, line, message } of sorted) console.log(`${path}:${line}: ${message}`);
  if (findings.length === 0) return;
  console.log(`${check}: ${findings.length} found`);
  process.exitCode = 1;
}

function compare(one: string, other: string): number {
  if (one === other) return 0;
  return one < other ? -1 : 1;
}
