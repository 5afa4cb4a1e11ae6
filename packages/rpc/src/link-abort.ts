/** A controller that follows another signal until it is released. */
export interface LinkedAbort {
  readonly controller: AbortController;
  /** Stops following. The other signal may outlive thousands of these. */
  release(): void;
}

/** As `AbortSignal.any`, without what that leaves behind on a signal that lives long. */
export function linkAbort(signal: AbortSignal): LinkedAbort {
  const controller = new AbortController();
  const follow = (): void => controller.abort(signal.reason);
  if (signal.aborted) follow();
  else signal.addEventListener("abort", follow, { once: true });
  return { controller, release: () => signal.removeEventListener("abort", follow) };
}
