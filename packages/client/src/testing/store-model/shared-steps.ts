/** What a process may do next. */
export type SharedStep = (typeof STEPS)[number];

const STEPS = [
  "commit",
  "remote-commit",
  "pull",
  "merge",
  "prepare",
  "complete",
  "fetch",
  "evict",
  "pin",
  "unpin",
  "reset",
  "abandon",
  "close",
  "refresh",
] as const;

/** How often each comes, against the others. */
const WEIGHTS: Readonly<Partial<Record<SharedStep, number>>> = {
  commit: 5,
  fetch: 5,
  pull: 3,
  complete: 3,
  evict: 3,
  unpin: 3,
  "remote-commit": 2,
  merge: 2,
  prepare: 2,
  pin: 2,
};

/** Each step as often as it weighs. */
export const SHARED_STEPS: readonly SharedStep[] = STEPS.flatMap((step) =>
  Array.from({ length: WEIGHTS[step] ?? 1 }, () => step),
);
