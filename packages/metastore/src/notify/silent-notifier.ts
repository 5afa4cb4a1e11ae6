import type { Notifier } from "./notifier.ts";

/** `--notify none`: every commit goes through this node, so that there is nothing to learn. */
export class SilentNotifier implements Notifier {
  watch(): void {}

  leave(): void {}

  committed(): void {}

  moved(): void {}

  async [Symbol.asyncDispose](): Promise<void> {}
}
