// A whole session with @grpc/grpc-js over HTTP/2.
import { createHash, randomBytes } from "node:crypto";
import { call, connect, describe } from "./client.js";

const PAGE_SIZE = 4096;
const { GRAFT_URL = "http://127.0.0.1:3000", GRAFT_PROTOCOL = "grpc", GRAFT_TOKEN } = process.env;
if (GRAFT_PROTOCOL !== "grpc") {
  console.error(`grpc-js speaks grpc, not ${GRAFT_PROTOCOL}`);
  process.exit(2);
}
const { metastore, pagestore, health } = connect(GRAFT_URL, GRAFT_TOKEN);

let step = "";
try {
  await main();
} catch (error) {
  if (error.metadata === undefined) throw error; // Not the answer to a call.
  print({ step, ok: false, ...describe(error), message: error.details });
  process.exitCode = 1;
}
for (const client of [metastore, pagestore, health]) client.close();

async function main() {
  const [vid, cid] = [newId(0x80), newId(0xc0)];

  step = "create";
  const { created, pageSize } = await call(metastore, "createVolume", { vid, pageSize: PAGE_SIZE });
  report({ vid: vid.toString("base64"), created, pageSize });

  step = "write";
  const { segments } = await write(vid, [page(1, 0x01), page(2, 0x02)]);
  report({ segments: segments.length, compressed: true });

  const commit = { vid, cid, commitId: randomBytes(16), pageCount: 2, segments };
  for (step of ["commit", "retry"]) {
    const { snapshot, replayed } = await call(metastore, "commit", commit);
    report({ lsn: snapshot.lsn, replayed });
  }

  step = "reject";
  report(await errorOf(call(metastore, "commit", { ...commit, commitId: randomBytes(16) })));

  step = "pull";
  const { snapshot, graft } = await call(metastore, "pullGraft", {
    vid,
    range: { inclusiveStart: 1 },
  });
  report({ lsn: snapshot.lsn, graft: graft.toString("base64") });

  step = "read";
  report(describePages((await call(pagestore, "readPages", { vid, lsn: 1, graft })).pages));

  step = "stream";
  const pages = [];
  for await (const answer of pagestore.streamPages({ vid, lsn: 1 })) pages.push(...answer.pages);
  report(describePages(pages));

  step = "watch";
  report(await watchCommit(vid, cid));

  step = "deadline";
  const ending = metastore.watch({ volumes: [{ vid, lsn: 2 }] }, { deadline: Date.now() + 500 });
  report(await errorOf(drain(ending)));

  step = "limit";
  report(
    await errorOf(
      write(
        vid,
        Array.from({ length: 2049 }, (_, at) => page(at + 1, 0x01)),
      ),
    ),
  );

  step = "health";
  report(await call(health, "check", { service: "graft.metastore.v1.MetastoreService" }));
}

function write(vid, pages) {
  return call(pagestore, "writePages", { vid, pages });
}

// watchCommit hears of a commit that is made while the stream is open, and leaves.
async function watchCommit(vid, cid) {
  const stream = metastore.watch({ volumes: [{ vid, lsn: 1 }], heartbeatMs: 1000 });
  const events = stream[Symbol.asyncIterator]();
  await nextOf(events, "heartbeat");
  const { segments } = await write(vid, [page(2, 0x03)]);
  const commit = { vid, cid, commitId: randomBytes(16), snapshotLsn: 1, pageCount: 2, segments };
  await call(metastore, "commit", commit);
  const { fromLsn, snapshot } = await nextOf(events, "news");
  stream.cancel();
  const { code } = await errorOf(drain(events));
  return { from: fromLsn, lsn: snapshot.lsn, code };
}

// nextOf reads on to the next event of a kind.
async function nextOf(events, kind) {
  for (;;) {
    const { value, done } = await events.next();
    if (done) throw new Error(`the stream ended, expected ${kind}`);
    if (value.event === kind) return value[kind];
  }
}

async function drain(stream) {
  for await (const _ of stream);
}

async function errorOf(promise) {
  try {
    await promise;
  } catch (error) {
    return describe(error);
  }
  throw new Error(`${step}: expected an error`);
}

// newId makes 16 bytes: the kind, milliseconds since 1970 in 6 bytes, 9 random bytes.
function newId(kind) {
  const id = Buffer.concat([Buffer.of(kind), Buffer.alloc(6), randomBytes(9)]);
  id.writeUIntBE(Date.now(), 1, 6);
  return id;
}

function page(pageidx, value) {
  return { pageidx, data: Buffer.alloc(PAGE_SIZE, value) };
}

function describePages(pages) {
  const hash = createHash("sha256");
  for (const { data } of pages) hash.update(data);
  return { pages: pages.length, sha256: hash.digest("hex") };
}

function report(facts) {
  print({ step, ok: true, ...facts });
}

function print(line) {
  console.log(JSON.stringify(line));
}
