/**
 * Inputs worth keeping: `corpus/<target>/` holds those that reached code which no other did, and
 * those that once were findings. Every run of the tests begins with them.
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";

const FOLDER = new URL("corpus/", import.meta.url);
const FINDINGS = new URL("findings/", import.meta.url);
/** The corpus stays small enough to be looked at. */
export const CORPUS_INPUT_SIZE_MAX = 2048;
export const CORPUS_INPUT_COUNT_MAX = 24;

/** All inputs of a target, in the order of their names. */
export function readCorpus(target: string): readonly Uint8Array[] {
  const folder = new URL(`${target}/`, FOLDER);
  if (!existsSync(folder)) return [];
  const names = readdirSync(folder).sort();
  return names.map((name) => new Uint8Array(readFileSync(new URL(name, folder))));
}

/** Keeps an input unless it is large, or the corpus full. */
export function addToCorpus(target: string, input: Uint8Array): boolean {
  if (input.length > CORPUS_INPUT_SIZE_MAX) return false;
  if (readCorpus(target).length >= CORPUS_INPUT_COUNT_MAX) return false;
  write(new URL(`${target}/`, FOLDER), input);
  return true;
}

/** Keeps what a target did not take as it must. @returns its path */
export function keepFinding(target: string, input: Uint8Array): string {
  return write(new URL(`${target}/`, FINDINGS), input);
}

function write(folder: URL, input: Uint8Array): string {
  mkdirSync(folder, { recursive: true });
  const name = createHash("sha256").update(input).digest("hex").slice(0, 16);
  const file = new URL(`${name}.bin`, folder);
  writeFileSync(file, input);
  return file.pathname;
}
