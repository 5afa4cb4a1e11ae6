import type { VolumeId } from "@graft/core";

/**
 * - damage: stored bytes are not what they must be, or are not there
 * - warning: legal, and yet somebody should look
 * - note: good to know
 */
export type Severity = "damage" | "warning" | "note";

/** One thing that a check found. */
export interface Finding {
  readonly severity: Severity;
  readonly volume?: VolumeId;
  /** Key or path of what it is about. */
  readonly object: string;
  /** Which condition does not hold, expected against actual. */
  readonly condition: string;
}

/** Takes findings as they come: they are never collected, there may be many. */
export type Report = (finding: Finding) => void;

/** How many findings of each kind there were. */
export class FindingTally {
  readonly counts: Record<Severity, number> = { damage: 0, warning: 0, note: 0 };

  /** A report that counts what passes through it. */
  counting(report: Report): Report {
    return (finding) => {
      this.counts[finding.severity]++;
      report(finding);
    };
  }
}
