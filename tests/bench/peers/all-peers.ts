import { libgraftV01Peer } from "./libgraft/libgraft-v01.ts";
import { libgraftV02Peer } from "./libgraft/libgraft-v02.ts";
import { litestreamPeer } from "./litestream/litestream.ts";
import { ourPeers } from "./ours/ours.ts";
import type { Peer } from "./peer.ts";
import { tursoPeers } from "./turso/turso.ts";
import { wasmHttpPeer } from "./wasm-http/wasm-http.ts";
import { wholeFilePeer } from "./whole-file/whole-file.ts";

/** In the order of the tables. */
export const ALL_PEERS: readonly Peer[] = [
  ...ourPeers,
  wasmHttpPeer,
  litestreamPeer,
  ...tursoPeers,
  libgraftV02Peer,
  libgraftV01Peer,
  wholeFilePeer,
];
