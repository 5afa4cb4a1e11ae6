import type { SeededRandom } from "@graft/core/testing";
import type { HistoryStep } from "./history-step.ts";

const PAGE_MAX = 12;

/** A step of a history, drawn from a seed: for runs too long for a property test. */
export function randomStep(random: SeededRandom): HistoryStep {
  const pageCount = random.integer(0, PAGE_MAX);
  const pages = randomPages(random);
  const at = random.integer(0, 7);
  switch (random.pick(KINDS)) {
    case "commit":
      return {
        kind: "commit",
        pageCount,
        pages,
        isStaged: random.chance(0.3),
        isInPlace: random.chance(0.4),
      };
    case "remote-commit": {
      const lowPageCount = random.chance(0.5) ? PAGE_MAX : random.integer(0, PAGE_MAX);
      return { kind: "remote-commit", pageCount, lowPageCount, pages };
    }
    case "merge":
      return { kind: "merge", pageCount, pages };
    case "unpin":
      return { kind: "unpin", at };
    case "fetch":
      return { kind: "fetch", at, pages };
    case "evict":
      return { kind: "evict", pageCount };
    case "pull":
      return { kind: "pull" };
    case "prepare":
      return { kind: "prepare" };
    case "upload":
      return { kind: "upload" };
    case "complete":
      return { kind: "complete" };
    case "pin":
      return { kind: "pin" };
    case "rare":
      return { kind: random.pick(RARE_KINDS) };
  }
}

const KINDS = [
  ...["commit", "commit", "commit", "commit", "commit", "commit"],
  ...["remote-commit", "remote-commit", "remote-commit", "pull", "pull", "pull"],
  ...["merge", "merge", "prepare", "prepare", "upload", "complete", "complete", "complete"],
  ...["fetch", "fetch", "fetch", "fetch", "fetch", "fetch", "evict"],
  ...["pin", "pin", "unpin", "unpin", "rare", "rare"],
] as readonly StepGroup[];

type StepGroup =
  | "commit"
  | "remote-commit"
  | "merge"
  | "unpin"
  | "fetch"
  | "evict"
  | "pull"
  | "prepare"
  | "upload"
  | "complete"
  | "pin"
  | "rare";

const RARE_KINDS = ["reset", "abandon", "diverge", "pin-push", "reopen"] as const;

function randomPages(random: SeededRandom): number[] {
  const pages = new Set<number>();
  for (let count = random.integer(0, 5); count > 0; count--) pages.add(random.integer(1, PAGE_MAX));
  return [...pages];
}
