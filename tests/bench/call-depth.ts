/**
 * Counts calls and dependent round trips of HTTP connections in cleartext, from what passes by: a
 * call is as deep as the deepest answer that had come before it was sent, and one more. Calls that
 * are sent side by side are of one depth. HTTP/2 is told from HTTP/1.1 by its preface.
 *
 * NOTE: without a delay between the two sides an answer may come before a call that did not wait
 * for it was sent: then the depth is an upper bound.
 */
import { createHttp1Reader } from "./http1-depth.ts";

const PREFACE_SIZE = 24;
const PREFACE_BEGIN = "P".charCodeAt(0);
const PREFACE_SECOND = "R".charCodeAt(0);
const FRAME_HEADER_SIZE = 9;
const TYPE_DATA = 0;
const TYPE_HEADERS = 1;
const FLAG_END_STREAM = 1;

export class CallDepth {
  #callCount = 0;
  #deepest = 0;
  #answered = 0;

  /** Calls so far. */
  get callCount(): number {
    return this.#callCount;
  }

  /** Dependent round trips so far. */
  get roundTripCount(): number {
    return this.#deepest;
  }

  /** What passes on one connection; both are given all bytes of their way, in order. */
  track(): Passing {
    let passing: Passing | undefined;
    return {
      sent: (bytes) => {
        passing ??= isHttp2(bytes) ? this.#trackHttp2() : this.#trackHttp1();
        passing.sent(bytes);
      },
      answered: (bytes) => passing?.answered(bytes),
      ended: () => passing?.ended(),
    };
  }

  #begin(): number {
    this.#callCount++;
    const depth = this.#answered + 1;
    this.#deepest = Math.max(this.#deepest, depth);
    return depth;
  }

  #trackHttp2(): Passing {
    const depths = new Map<number, number>();
    const sent = readFrames(PREFACE_SIZE, ({ type, stream }) => {
      if (type === TYPE_HEADERS && !depths.has(stream)) depths.set(stream, this.#begin());
    });
    const answered = readFrames(0, ({ type, flags, stream }) => {
      if (type !== TYPE_DATA && type !== TYPE_HEADERS) return;
      if ((flags & FLAG_END_STREAM) === 0) return;
      this.#answered = Math.max(this.#answered, depths.get(stream) ?? 0);
    });
    return { sent, answered, ended: () => undefined };
  }

  #trackHttp1(): Passing {
    const asked: { readonly depth: number; readonly isHead: boolean }[] = [];
    const requests = createHttp1Reader({
      isBodiless: () => false,
      mayBeOpenEnded: false,
      onHead: ({ firstLine }) => {
        asked.push({ depth: this.#begin(), isHead: firstLine.startsWith("HEAD ") });
      },
      onEnd: () => undefined,
    });
    const answers = createHttp1Reader({
      isBodiless: ({ firstLine }) => {
        return asked[0]?.isHead === true || /^\S+ (?:1\d\d|204|304)\b/.test(firstLine);
      },
      mayBeOpenEnded: true,
      onHead: () => undefined,
      onEnd: ({ firstLine }) => {
        if (/^\S+ 1\d\d\b/.test(firstLine)) return;
        this.#answered = Math.max(this.#answered, asked.shift()?.depth ?? 0);
      },
    });
    return { sent: requests.read, answered: answers.read, ended: answers.end };
  }
}

/** What passes on one connection: bytes each way, and that the answering side has ended. */
export interface Passing {
  readonly sent: NoteBytes;
  readonly answered: NoteBytes;
  readonly ended: () => void;
}

/** "PRI * HTTP/2.0"; no method of HTTP/1.1 in use begins so. */
function isHttp2(bytes: Uint8Array): boolean {
  return bytes[0] === PREFACE_BEGIN && (bytes[1] ?? PREFACE_SECOND) === PREFACE_SECOND;
}

interface FrameHead {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
}

type NoteBytes = (bytes: Uint8Array) => void;

/** Tells of each frame when it has passed wholly. */
function readFrames(skip: number, tell: (frame: FrameHead) => void): NoteBytes {
  let left = skip;
  let current: FrameHead | undefined;
  const head = new Uint8Array(FRAME_HEADER_SIZE);
  let headSize = 0;
  return (bytes) => {
    for (let at = 0; at < bytes.length; ) {
      if (left === 0 && current === undefined) {
        head[headSize++] = bytes[at++] ?? 0;
        if (headSize < FRAME_HEADER_SIZE) continue;
        headSize = 0;
        const view = new DataView(head.buffer);
        left = view.getUint32(0) >>> 8;
        current = { type: head[3] ?? 0, flags: head[4] ?? 0, stream: view.getUint32(5) };
      }
      const taken = Math.min(left, bytes.length - at);
      left -= taken;
      at += taken;
      if (left > 0 || current === undefined) continue;
      tell(current);
      current = undefined;
    }
  };
}
