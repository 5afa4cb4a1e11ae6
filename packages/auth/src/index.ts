// What a token says.

// What was written under limits.
export { Allowances } from "./allowance.ts";
// Who calls, and what is granted.
export { type Caller, checkLsn, type Grant, grantOf, isGranted, takeRoom } from "./caller.ts";
export { believedClaims, type Claims, checkTimes, decodeClaims, encodeClaims } from "./claims.ts";
// A server's judge of tokens.
export {
  type Guard,
  OPEN_GUARD,
  TOKEN_LENGTH_MAX,
  TokenGuard,
  type TokenGuardOptions,
} from "./guard.ts";
export { Jwks, type JwksOptions } from "./jwks.ts";
export { type JwtOptions, verifyJwt } from "./jwt.ts";
// Keys.
export {
  fixedKeyRing,
  joinKeyRings,
  type KeyFileOptions,
  type KeyRing,
  openKeyFile,
} from "./key-ring.ts";
export {
  createLocalKey,
  formatLocalKey,
  LOCAL_KEY_COUNT_MAX,
  type LocalKey,
  parseLocalKey,
  parseLocalKeys,
} from "./local-key.ts";
// The rule.
export { may, type Verdict, type Wish } from "./may.ts";
export {
  type GuardConfig,
  type GuardMeans,
  openGuard,
  parseGuardConfig,
  serverGuard,
} from "./open-guard.ts";
export {
  METASTORE_RIGHTS,
  type MetastoreRpc,
  PAGESTORE_RIGHTS,
  type PagestoreRpc,
  RAW_ROUTE_RPCS,
} from "./rpc-rights.ts";
export {
  ACCESSES,
  type Access,
  formatVolumePattern,
  parseAccess,
  parseVolumePattern,
  type Scope,
  type VolumePattern,
} from "./scope.ts";
export { createToken, type Inspection, inspectToken } from "./token.ts";
