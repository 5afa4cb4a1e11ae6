import type { Clock } from "@graft/core";
import { formatBytes } from "./format-units.ts";
import type { Output } from "./output.ts";

/** How often a terminal's bar is redrawn at most. */
const REDRAW_MS = 80;
/** Without a terminal: a line each time this share more is done. */
const LINE_SHARE = 0.25;
const WIDTH = 24;

/**
 * A progress bar on stderr: redrawn in a terminal, a few lines elsewhere, nothing with `--json`.
 */
export class ProgressBar {
  readonly #label: string;
  readonly #output: Output;
  readonly #clock: Clock;
  readonly #startMs: number;
  readonly #unitBytes: number;
  #drawnMs = Number.NEGATIVE_INFINITY;
  #saidShare = 0;
  #isDrawn = false;

  /** @param unitBytes bytes one unit of progress stands for (a page's size) */
  constructor(label: string, unitBytes: number, output: Output, clock: Clock) {
    this.#label = label;
    this.#output = output;
    this.#clock = clock;
    this.#startMs = clock.monotonicMs();
    this.#unitBytes = unitBytes;
  }

  update(progress: { readonly done: number; readonly total: number }): void {
    if (this.#output.isJson) return;
    const share = progress.total === 0 ? 1 : progress.done / progress.total;
    const nowMs = this.#clock.monotonicMs();
    if (!this.#output.canRedraw) {
      if (share < this.#saidShare + LINE_SHARE) return;
      this.#saidShare = share;
      this.#output.note(this.#line(progress, share, nowMs));
      return;
    }
    if (nowMs - this.#drawnMs < REDRAW_MS && share < 1) return;
    this.#drawnMs = nowMs;
    this.#isDrawn = true;
    this.#output.redraw(this.#line(progress, share, nowMs));
  }

  /** Leaves the last state on its line. */
  end(): void {
    if (this.#isDrawn) this.#output.note("");
    this.#isDrawn = false;
  }

  #line(progress: { readonly done: number }, share: number, nowMs: number): string {
    const filled = Math.round(share * WIDTH);
    const bar = "█".repeat(filled) + "░".repeat(WIDTH - filled);
    const seconds = Math.max(0.001, (nowMs - this.#startMs) / 1000);
    const bytes = progress.done * this.#unitBytes;
    const percent = `${Math.floor(share * 100)}%`.padStart(4);
    return `${this.#label} ${bar} ${percent}  ${formatBytes(bytes)}  ${formatBytes(bytes / seconds)}/s`;
  }
}
