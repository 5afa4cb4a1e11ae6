import { ourPeers } from "./ours/ours.ts";
import type { Peer } from "./peer.ts";
import { wasmHttpPeer } from "./wasm-http/wasm-http.ts";
import { wholeFilePeer } from "./whole-file/whole-file.ts";

/** In the order of the tables. */
export const ALL_PEERS: readonly Peer[] = [...ourPeers, wasmHttpPeer, wholeFilePeer];
