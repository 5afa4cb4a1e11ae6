import type { VolumeEvents } from "./volume.ts";

type EventName = keyof VolumeEvents;
type Listener = (value: never) => void;

/**
 * Who listens to a volume. A listener that throws does not stop the others nor the caller: its
 * error is handed to `onListenerError`.
 */
export class Listeners {
  readonly #byEvent = new Map<EventName, Set<Listener>>();
  readonly #onListenerError: (error: unknown) => void;

  constructor(onListenerError: (error: unknown) => void) {
    this.#onListenerError = onListenerError;
  }

  /** Returns what ends the subscription. */
  add<E extends EventName>(event: E, listener: (value: VolumeEvents[E]) => void): () => void {
    const listeners = this.#byEvent.get(event) ?? new Set();
    this.#byEvent.set(event, listeners);
    listeners.add(listener);
    return () => {
      listeners.delete(listener);
    };
  }

  has(event: EventName): boolean {
    return (this.#byEvent.get(event)?.size ?? 0) > 0;
  }

  emit<E extends EventName>(event: E, value: VolumeEvents[E]): void {
    for (const listener of this.#byEvent.get(event) ?? []) {
      try {
        (listener as (value: VolumeEvents[E]) => void)(value);
      } catch (error) {
        this.#onListenerError(error);
      }
    }
  }
}
