import { type Clock, GraftError, type Random, randomUnit, releaseBytes } from "@graft/core";
import { bodyParts, joinBody } from "./object-body.ts";
import { checkObjectKey, checkObjectPrefix } from "./object-path.ts";
import { checkObjectRange, toByteWindow } from "./object-range.ts";
import type {
  CallOptions,
  GetOptions,
  ListedObject,
  ObjectBody,
  ObjectInfo,
  ObjectRange,
  ObjectStore,
  ObjectStoreOperation,
  StoredObject,
} from "./object-store.ts";
import type { RequestMeter } from "./request-meter.ts";
import type { S3Location } from "./s3-location.ts";
import { type PartUploader, SINGLE_PUT_SIZE_MAX, uploadInParts } from "./s3-multipart.ts";
import { isMissing, type S3Call, type S3Message, S3Requester } from "./s3-requester.ts";

/**
 * Tries of one create that S3 answered 409 ("others are at it, ask again"): below 4 s of racing.
 */
const CREATE_ATTEMPTS_MAX = 10;
const CREATE_DELAY_MS = 20;
/** Keys of a listing's page; S3 gives no more. */
const LIST_PAGE_COUNT = 1000;

export interface S3ObjectStoreOptions {
  readonly location: S3Location;
  readonly clock: Clock;
  readonly random: Random;
  /** Counts every HTTP request. */
  readonly meter?: RequestMeter;
  /** Silence before a request is given up, ms. Default 20,000. */
  readonly idleTimeoutMs?: number;
  /** Keys of a listing's page. Default, and at most, 1000. */
  readonly listPageCount?: number;
}

/**
 * Objects in an S3 bucket (Amazon, MinIO, R2, Tigris, …). It never repeats a request, but for a
 * create that S3 itself asks to repeat: put a `RetryingObjectStore` around it.
 */
export class S3ObjectStore implements ObjectStore {
  readonly name: string;
  readonly #prefix: string;
  readonly #requester: S3Requester;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #listPageCount: number;

  constructor(options: S3ObjectStoreOptions) {
    const { location, clock, meter, idleTimeoutMs } = options;
    this.name = `s3://${location.bucket}${location.prefix === "" ? "" : `/${location.prefix}`}`;
    this.#prefix = location.prefix === "" ? "" : `${location.prefix}/`;
    this.#clock = clock;
    this.#random = options.random;
    this.#listPageCount = options.listPageCount ?? LIST_PAGE_COUNT;
    this.#requester = new S3Requester({
      storeName: this.name,
      location,
      clock,
      meter,
      idleTimeoutMs,
    });
  }

  async get(key: string, options: GetOptions = {}): Promise<StoredObject | undefined> {
    checkObjectRange(options.range);
    const call = this.#call("get", key, options);
    const headers = rangeHeaders(options.range);
    const message = { method: "GET", objectName: this.#objectName(key), headers } as const;
    const reply = await this.#requester.send(call, message);
    if (isMissing(message, reply)) return undefined;
    if (reply.status === 416) return await this.#beyondTheEnd(key, options);
    if (reply.status === 200) return wholeToRange(reply.body, options.range);
    if (reply.status !== 206) throw this.#requester.failure(call, reply);
    const size = sizeOfRange(reply.headers["content-range"], options.range, reply.body.length);
    if (size === undefined) {
      const given = `content-range "${reply.headers["content-range"]}"`;
      throw new GraftError(
        "corrupt",
        `${this.name}: ${call.what} answered another range: ${given}`,
      );
    }
    return { bytes: reply.body, size };
  }

  async head(key: string, options: CallOptions = {}): Promise<ObjectInfo | undefined> {
    const call = this.#call("head", key, options);
    const message = { method: "HEAD", objectName: this.#objectName(key) } as const;
    const reply = await this.#requester.send(call, message);
    if (isMissing(message, reply)) return undefined;
    const size = Number(reply.headers["content-length"] ?? "NaN");
    if (reply.status !== 200 || !Number.isSafeInteger(size)) {
      throw this.#requester.failure(call, reply);
    }
    return { size };
  }

  async put(key: string, body: ObjectBody, options: CallOptions = {}): Promise<void> {
    const call = this.#call("put", key, options);
    const bytes = joinBody(body);
    if (bytes.length > SINGLE_PUT_SIZE_MAX) {
      await uploadInParts(this.#partUploader(call, this.#objectName(key)), bytes);
    } else {
      await this.#mustSend(call, { method: "PUT", objectName: this.#objectName(key), body: bytes });
    }
    // Answered, so nobody looks at a copy of ours any more.
    if (!bodyParts(body).includes(bytes)) releaseBytes(bytes);
  }

  async create(
    key: string,
    body: ObjectBody,
    options: CallOptions = {},
  ): Promise<"created" | "exists"> {
    const call = this.#call("create", key, options);
    const message: S3Message = {
      method: "PUT",
      objectName: this.#objectName(key),
      headers: { "if-none-match": "*" },
      body: joinBody(body),
    };
    for (let attempt = 1; ; attempt++) {
      const reply = await this.#requester.send(call, message);
      if (reply.status >= 200 && reply.status <= 299) return "created";
      if (reply.status === 412) return "exists";
      // 409: S3 could not decide between racers and did nothing. The same create decides it.
      if (reply.status !== 409 || attempt === CREATE_ATTEMPTS_MAX) {
        throw this.#requester.failure(call, reply);
      }
      const boundMs = CREATE_DELAY_MS * 2 ** Math.min(attempt, 5);
      await this.#clock.sleep(randomUnit(this.#random) * boundMs, options.signal);
    }
  }

  async delete(key: string, options: CallOptions = {}): Promise<void> {
    const call = this.#call("delete", key, options);
    const message = { method: "DELETE", objectName: this.#objectName(key) } as const;
    const reply = await this.#requester.send(call, message);
    const isGone = (reply.status >= 200 && reply.status <= 299) || reply.code === "NoSuchKey";
    if (!isGone) throw this.#requester.failure(call, reply);
  }

  async *list(prefix: string, options: CallOptions = {}): AsyncIterable<ListedObject> {
    checkObjectPrefix(prefix);
    const call = this.#call("list", prefix, options);
    for (let token: string | undefined = ""; token !== undefined; ) {
      const page: ListPage = await this.#requester.run(call, (client, bucket) =>
        client.listObjectsV2Query(
          bucket,
          `${this.#prefix}${prefix}`,
          token ?? "",
          "",
          this.#listPageCount,
          "",
        ),
      );
      for (const object of page.objects) {
        if (object.name === undefined) continue;
        yield { key: object.name.slice(this.#prefix.length), size: object.size };
      }
      token = page.isTruncated ? page.nextContinuationToken : undefined;
    }
  }

  serverTimeMs(): number | undefined {
    return this.#requester.serverTimeMs();
  }

  async close(): Promise<void> {
    this.#requester.close();
  }

  /** A range that begins at or after the end holds nothing; how long the object is, a HEAD says. */
  async #beyondTheEnd(key: string, options: CallOptions): Promise<StoredObject | undefined> {
    const info = await this.head(key, options);
    return info === undefined ? undefined : { bytes: new Uint8Array(0), size: info.size };
  }

  #partUploader(call: S3Call, objectName: string): PartUploader {
    return {
      begin: () =>
        this.#requester.run(call, (client, bucket) =>
          client.initiateNewMultipartUpload(bucket, objectName, {}),
        ),
      sendPart: async (uploadId, number, body) => {
        const query = `partNumber=${number}&uploadId=${encodeURIComponent(uploadId)}`;
        const headers = await this.#mustSend(call, { method: "PUT", objectName, query, body });
        return headers.etag?.replaceAll('"', "") ?? "";
      },
      complete: async (uploadId, etags) => {
        const parts = etags.map((etag, at) => ({ part: at + 1, etag }));
        await this.#requester.run(call, (client, bucket) =>
          client.completeMultipartUpload(bucket, objectName, uploadId, parts),
        );
      },
      // Its own call: an aborted upload is taken back all the same.
      abort: (uploadId) =>
        this.#requester.run({ ...call, signal: undefined }, (client, bucket) =>
          client.abortMultipartUpload(bucket, objectName, uploadId),
        ),
    };
  }

  async #mustSend(call: S3Call, message: S3Message): Promise<{ readonly etag?: string }> {
    const reply = await this.#requester.send(call, message);
    if (reply.status < 200 || reply.status > 299) throw this.#requester.failure(call, reply);
    return reply.headers.etag === undefined ? {} : { etag: reply.headers.etag };
  }

  #call(operation: ObjectStoreOperation, key: string, options: CallOptions): S3Call {
    return { operation, key, what: `${operation} ${key}`, signal: options.signal };
  }

  #objectName(key: string): string {
    checkObjectKey(key);
    return `${this.#prefix}${key}`;
  }
}

interface ListPage {
  readonly objects: readonly { readonly name?: string | undefined; readonly size: number }[];
  readonly isTruncated: boolean;
  readonly nextContinuationToken: string;
}

function rangeHeaders(range: ObjectRange | undefined): Readonly<Record<string, string>> {
  if (range === undefined) return {};
  if ("suffix" in range) return { range: `bytes=-${range.suffix}` };
  return { range: `bytes=${range.offset}-${range.offset + range.size - 1}` };
}

/** A server may answer a range with the whole object, and does so when there is none. */
function wholeToRange(whole: Uint8Array, range: ObjectRange | undefined): StoredObject {
  if (range === undefined) return { bytes: whole, size: whole.length };
  const window = toByteWindow(range, whole.length);
  return { bytes: whole.slice(window.start, window.end), size: whole.length };
}

/**
 * The whole object's size out of "bytes 5-9/120", if that is the range that was asked for. MinIO:
 * "0--1/0".
 */
function sizeOfRange(
  text: string | undefined,
  range: ObjectRange | undefined,
  received: number,
): number | undefined {
  const match = /^bytes ([0-9]+)-(-?[0-9]+)\/([0-9]+)$/.exec(text ?? "");
  if (match === null || range === undefined) return undefined;
  const [first = 0, last = 0, size = 0] = match.slice(1).map(Number);
  const expectedFirst = "suffix" in range ? Math.max(0, size - range.suffix) : range.offset;
  const asked = "suffix" in range ? range.suffix : range.size;
  const expectedLast = Math.min(size, expectedFirst + asked) - 1;
  if (first !== expectedFirst || last !== expectedLast) return undefined;
  return received === last - first + 1 ? size : undefined;
}
