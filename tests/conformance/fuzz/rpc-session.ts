/** A session of real clients against a real port, every request recorded as it was sent. */
import { type DescMessage, type DescMethod, type Message, toBinary } from "@bufbuild/protobuf";
import type { Interceptor } from "@connectrpc/connect";
import { createClientId, createVolumeId, gidBytes, type VolumeId } from "@graft/core";
import { SeededRandom, SimulatedClock } from "@graft/core/testing";
import { MetastoreService } from "@graft/proto-gen/metastore";
import { PagestoreService } from "@graft/proto-gen/pagestore";
import { Cluster } from "../../harness/cluster.ts";
import { commitPages, readTags } from "../../harness/pages.ts";
import type { KnownFields } from "./random-message.ts";

/** A method, and what real clients sent to it. */
export interface FuzzedMethod {
  /** `/graft.metastore.v1.MetastoreService/Commit` */
  readonly path: string;
  /** The same of v0.1. */
  readonly rawPath: string | undefined;
  readonly isStream: boolean;
  readonly schema: DescMessage;
  readonly recorded: Uint8Array[];
}

const RAW_PATHS: Readonly<Record<string, string>> = {
  GetSnapshot: "/metastore/v1/snapshot",
  PullGraft: "/metastore/v1/pull_graft",
  PullCommits: "/metastore/v1/pull_commits",
  Commit: "/metastore/v1/commit",
  ReadPages: "/pagestore/v1/read_pages",
  WritePages: "/pagestore/v1/write_pages",
};

const PAGE_COUNT = 90;

/** What is being attacked, and what must come to no harm. */
export interface RpcSession extends AsyncDisposable {
  readonly cluster: Cluster;
  readonly url: string;
  readonly methods: readonly FuzzedMethod[];
  /** The volume that the requests are about. */
  readonly volumeId: VolumeId;
  /** Ids that exist, for random messages. */
  readonly known: KnownFields;
  /** Commits and reads another volume, and opens the attacked one afresh. Throws when it cannot. */
  mustBeHealthy(): Promise<void>;
}

export async function recordSession(seed: number): Promise<RpcSession> {
  const random = new SeededRandom(seed);
  const cluster = await Cluster.start({ network: "tcp", random });
  const methods = [...MetastoreService.methods, ...PagestoreService.methods].map(toFuzzed);
  const interceptors = [recorder(methods)];
  const client = await cluster.openClient({ interceptors });
  const other = await cluster.openClient({ interceptors });
  const volume = await client.createVolume();
  commitPages(volume, { 1: 1, 2: 2, 70: 7 }, PAGE_COUNT);
  await volume.push();
  commitPages(volume, Object.fromEntries(numbers(PAGE_COUNT).map((at) => [at, at])), PAGE_COUNT);
  await volume.push();
  const copy = await other.openVolume(volume.volumeId);
  await copy.pull();
  await readTags(copy);
  await copy.hydrate();
  commitPages(copy, { 3: 300 }, 40);
  await copy.push();
  await volume.pull();
  await readTags(volume);
  const control = await (await cluster.openClient()).createVolume();
  let controlCount = 0;
  const sids = await Array.fromAsync(cluster.store.list(`volumes/${volume.volumeId}/segments/`));
  const { volumeId } = volume;
  fillUnsent(methods, volumeId);
  return {
    cluster,
    url: cluster.url ?? "",
    methods,
    volumeId,
    known: knownFields({ volumeId, clientId: client.clientId, sids: sids.map(({ key }) => key) }),
    async mustBeHealthy() {
      controlCount++;
      commitPages(control, { 1: controlCount, 2: 7 }, 2);
      await control.push();
      const fresh = await cluster.openClient();
      const tags = await readTags(await fresh.openVolume(control.volumeId));
      if (tags[0] !== controlCount || tags[1] !== 7) throw new Error(`control reads ${tags}`);
      const attacked = await fresh.openVolume(volumeId);
      await attacked.hydrate();
      await fresh.close();
    },
    [Symbol.asyncDispose]: () => cluster[Symbol.asyncDispose](),
  };
}

function toFuzzed({ parent, name, input, methodKind }: DescMethod): FuzzedMethod {
  const path = `/${parent.typeName}/${name}`;
  const isStream = methodKind === "server_streaming";
  return { path, rawPath: RAW_PATHS[name], isStream, schema: input, recorded: [] };
}

/** Notes what goes out. The client half of a stream is one message, too. */
function recorder(methods: readonly FuzzedMethod[]): Interceptor {
  return (next) => async (request) => {
    const path = `/${request.service.typeName}/${request.method.name}`;
    const method = methods.find((one) => one.path === path);
    const note = (message: Message): void => {
      if (method !== undefined) method.recorded.push(toBinary(method.schema, message));
    };
    if (!request.stream) {
      note(request.message);
      return next(request);
    }
    const { message: messages } = request;
    async function* noted() {
      for await (const message of messages) {
        note(message);
        yield message;
      }
    }
    return next({ ...request, message: noted() });
  };
}

/** What no client of the session sends: there is no live sync yet, and pushes make volumes. */
function fillUnsent(methods: readonly FuzzedMethod[], volumeId: VolumeId): void {
  const vid = gidBytes(volumeId);
  for (const method of methods) {
    if (method.recorded.length > 0) continue;
    const isWatch = method.path.endsWith("Watch");
    // vid = 1; volumes = 1 { vid = 1, lsn = 2 }
    const named = Uint8Array.of(0x0a, vid.length, ...vid);
    const watched = Uint8Array.of(...named, 0x10, 1);
    method.recorded.push(isWatch ? Uint8Array.of(0x0a, watched.length, ...watched) : named);
  }
}

function knownFields(ids: {
  readonly volumeId: VolumeId;
  readonly clientId: Parameters<typeof gidBytes>[0];
  readonly sids: readonly string[];
}): KnownFields {
  const strangers = { random: new SeededRandom(77), clock: new SimulatedClock() };
  const vids = [gidBytes(ids.volumeId), gidBytes(createVolumeId(strangers))];
  const cids = [gidBytes(ids.clientId), gidBytes(createClientId(strangers))];
  const often = <T>(random: SeededRandom, [first, second]: readonly T[]): T | undefined =>
    random.chance(0.9) ? first : second;
  return {
    vid: (random) => often(random, vids),
    cid: (random) => often(random, cids),
    snapshot_lsn: (random) => BigInt(random.integer(1, 12)),
    lsn: (random) => (random.chance(0.8) ? BigInt(random.integer(1, 8)) : undefined),
    inclusive_start: (random) => BigInt(random.integer(0, 4)),
    inclusive_end: (random) => BigInt(random.integer(1, 12)),
    page_size: (random) => (random.chance(0.8) ? 4096 : undefined),
    codec: (random) => random.integer(0, 2),
  };
}

function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, at) => at + 1);
}
