/**
 * A server stream over Connect that is written as bytes: one message in, many out, each encoded
 * once for all who get it. The plumbing is `node/stream-handler.ts`. A stream that goes through the
 * adapter passes a dozen async iterators for each message, and is encoded for each reader.
 */
import type { RawContext } from "./raw-route.ts";

/** `POST path` in Connect's streaming protocol, binary and not compressed. */
export interface StreamRoute {
  /** "/package.Service/Method". */
  readonly path: string;
  /**
   * Answers until the returned promise resolves, or rejects: the reader is then told why.
   *
   * @param body the encoded request
   */
  answer(body: Uint8Array, sink: StreamSink, context: RawContext): Promise<void>;
}

/** Where a stream is written to. */
export interface StreamSink {
  /**
   * Sends a message in its envelope (`envelopeOf`), which may be shared with others and must not
   * change. False: the reader is slow; what is sent before `onDrain` is kept in memory.
   */
  send(envelope: Uint8Array): boolean;
  /** The reader has taken what was sent. One listener; replaces the one before. */
  onDrain(listener: () => void): void;
}

/** Bytes before each message: flags, and its size, big-endian. */
export const ENVELOPE_HEAD_SIZE = 5;

/** An encoded message as it travels in a stream. */
export function envelopeOf(message: Uint8Array, flags = 0): Uint8Array {
  const envelope = new Uint8Array(ENVELOPE_HEAD_SIZE + message.length);
  envelope[0] = flags;
  new DataView(envelope.buffer).setUint32(1, message.length);
  envelope.set(message, ENVELOPE_HEAD_SIZE);
  return envelope;
}
