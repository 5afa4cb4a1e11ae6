/**
 * PASETO v4.local: XChaCha20 and keyed BLAKE2b, encrypt-then-MAC. No footer, no implicit assertion.
 *
 *     v4.local.<base64url of the bytes below>
 *
 * | offset | size | field |
 * |---|---|---|
 * | 0 | 32 | nonce, random |
 * | 32 | n | ciphertext of the payload |
 * | 32 + n | 32 | tag: BLAKE2b-256, keyed, over header, nonce, ciphertext and two empty parts |
 */
import { concatBytes, type Random, randomBytes } from "@graft/core";
import { xchacha20 } from "@noble/ciphers/chacha.js";
import { blake2b } from "@noble/hashes/blake2.js";
import { decodeBase64Url, encodeBase64Url } from "./base64url.ts";
import type { LocalKey } from "./local-key.ts";

/** What every such token begins with. */
export const PASETO_HEADER = "v4.local.";
const NONCE_SIZE = 32;
const TAG_SIZE = 32;
const CIPHER_KEY_SIZE = 32;
const CIPHER_NONCE_SIZE = 24;

const text = new TextEncoder();
const HEADER_BYTES = text.encode(PASETO_HEADER);
const ENCRYPTION_DOMAIN = text.encode("paseto-encryption-key");
const AUTHENTICATION_DOMAIN = text.encode("paseto-auth-key-for-aead");
const NOTHING = new Uint8Array(0);

/** Makes a token of a payload (JSON). Only who has the key can read it. */
export function sealToken(payload: string, key: LocalKey, random: Random): string {
  const nonce = randomBytes(random, NONCE_SIZE);
  const { cipherKey, cipherNonce, tagKey } = deriveKeys(key, nonce);
  const ciphertext = xchacha20(cipherKey, cipherNonce, text.encode(payload));
  const tag = tagOf(tagKey, nonce, ciphertext);
  return PASETO_HEADER + encodeBase64Url(concatBytes([nonce, ciphertext, tag]));
}

/** The payload of a token. Undefined: it is none, or was not made with this key. */
export function openToken(token: string, key: LocalKey): string | undefined {
  if (!token.startsWith(PASETO_HEADER)) return undefined;
  // A footer would follow after a dot, which is no digit.
  const bytes = decodeBase64Url(token.slice(PASETO_HEADER.length));
  if (bytes === undefined || bytes.length < NONCE_SIZE + TAG_SIZE) return undefined;
  const nonce = bytes.subarray(0, NONCE_SIZE);
  const ciphertext = bytes.subarray(NONCE_SIZE, -TAG_SIZE);
  const { cipherKey, cipherNonce, tagKey } = deriveKeys(key, nonce);
  if (!isSameSecret(tagOf(tagKey, nonce, ciphertext), bytes.subarray(-TAG_SIZE))) return undefined;
  return new TextDecoder().decode(xchacha20(cipherKey, cipherNonce, ciphertext));
}

function deriveKeys(key: LocalKey, nonce: Uint8Array) {
  const sizeMax = CIPHER_KEY_SIZE + CIPHER_NONCE_SIZE;
  const both = blake2b(concatBytes([ENCRYPTION_DOMAIN, nonce]), { key, dkLen: sizeMax });
  const domain = concatBytes([AUTHENTICATION_DOMAIN, nonce]);
  return {
    cipherKey: both.subarray(0, CIPHER_KEY_SIZE),
    cipherNonce: both.subarray(CIPHER_KEY_SIZE),
    tagKey: blake2b(domain, { key, dkLen: TAG_SIZE }),
  };
}

function tagOf(tagKey: Uint8Array, nonce: Uint8Array, ciphertext: Uint8Array): Uint8Array {
  const parts = [HEADER_BYTES, nonce, ciphertext, NOTHING, NOTHING];
  return blake2b(encodeParts(parts), { key: tagKey, dkLen: TAG_SIZE });
}

/** PASETO's PAE: no two lists of parts have the same bytes. */
function encodeParts(parts: readonly Uint8Array[]): Uint8Array {
  const sizes = parts.flatMap((part) => [uint64(part.length), part]);
  return concatBytes([uint64(parts.length), ...sizes]);
}

/** Little-endian. */
function uint64(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value), true);
  return bytes;
}

/** Takes the same time wherever they differ. */
function isSameSecret(a: Uint8Array, b: Uint8Array): boolean {
  let difference = a.length ^ b.length;
  for (let at = 0; at < a.length; at++) difference |= (a[at] ?? 0) ^ (b[at] ?? 0);
  return difference === 0;
}
