/** After a push was rejected: local work is carried over to what was committed first, if it may. */
import { isGraftError } from "@graft/core";
import type { CallOptions, PushOptions, PushResult } from "../volume.ts";
import { applyNews } from "./apply-news.ts";
import { askForNews } from "./ask-for-news.ts";
import { push } from "./push.ts";
import type { SyncContext } from "./sync-context.ts";

/** Others may be first again and again: then it is left to the next call. */
const ROUNDS_MAX = 8;

/**
 * Carries the pending commits of a diverged volume over to the newest remote snapshot; false when
 * it stays diverged. Under the sync lock.
 */
export async function mergeNews(context: SyncContext, options: CallOptions): Promise<boolean> {
  if (context.journal.exists) return false;
  for (;;) {
    const asked = await askForNews(context, options.signal);
    context.reached();
    if (asked === undefined) return false;
    const { from, remote: snapshot, changed } = asked;
    const news = { from, snapshot, changed, pages: [] };
    const outcome = await applyNews(context, news, { keepsPages: false, ...options });
    // The base moved while it was asked for: what changed since then is another set.
    if (outcome.kind !== "gap") return outcome.kind === "applied";
  }
}

/**
 * `push`, which goes on when others were first and local work can be carried over.
 *
 * @throws GraftError as `push`
 */
export async function pushMerging(context: SyncContext, options: PushOptions): Promise<PushResult> {
  for (let round = 1; ; round++) {
    try {
      return await push(context, options);
    } catch (error) {
      if (!isGraftError(error, "diverged") || round === ROUNDS_MAX) throw error;
      if (!(await mergeNews(context, options))) throw error;
    }
  }
}
