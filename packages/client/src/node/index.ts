// The services over HTTP/2, on the machine's clock.
export {
  type NodeRemote,
  type NodeRemoteOptions,
  openNodeRemote,
  type RemoteTraffic,
} from "./open-node-remote.ts";
export { shareNewsFeed } from "./share-news-feed.ts";
