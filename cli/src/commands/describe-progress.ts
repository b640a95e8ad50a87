import type { RotationView } from "../../../shared/aws/ledger.ts";
import { shortVersion } from "../format/names.ts";
import { formatDuration } from "../format/time.ts";
import { type Adoption, countAdopted } from "./read-adoption.ts";

/** How far a rotation has come, and what is waited for. */
export function describeProgress(
  adoption: Adoption,
  rotation: RotationView | undefined,
  deadlineMs: number | undefined,
): string {
  const version = shortVersion(adoption.versionId);
  if (!rotation) return `waiting for version ${version} to become current`;
  const verdict = `verdict ${rotation.verdict ?? "none yet"}`;
  const isUnchecked = adoption.reasons.some(({ code }) => code === "adoption-not-checked");
  const check = isUnchecked ? `, ${describeCheck(rotation, deadlineMs)}` : "";
  return `${describeAdopted(adoption, version)}, ${verdict}${check}`;
}

/** What is told once, when nothing but the check at the deadline is left. */
export function describeWait(
  adoption: Adoption,
  rotation: RotationView,
  deadlineMs: number | undefined,
): string {
  const { living } = countAdopted(adoption);
  const who = living === 0 ? "No instance reported" : describeAdopted(adoption, "it");
  return `${who}; waiting for the ${describeCheck(rotation, deadlineMs)} that finds who does not report`;
}

/** @example describeAdopted(adoption, "it") // "3 of 3 instances run on it, the last after 1.2 s" */
export function describeAdopted(adoption: Adoption, version: string): string {
  const { adopted, living } = countAdopted(adoption);
  const tookMs = lastAdoptionMs(adoption);
  const took = tookMs === undefined ? "" : `, the last after ${formatDuration(tookMs)}`;
  return `${adopted} of ${living} instances run on ${version}${took}`;
}

/** From the version becoming current; undefined where nobody moved to it. */
function lastAdoptionMs({ view, versionId }: Adoption): number | undefined {
  const { current } = view;
  if (current?.versionId !== versionId || current?.adoptedLastAt === undefined) return undefined;
  return Math.max(0, Date.parse(current.adoptedLastAt) - Date.parse(current.currentSince));
}

/** It comes when the deadline has passed since the first sign was told of. */
function describeCheck({ currentSince, sources }: RotationView, deadlineMs: number | undefined): string {
  if (deadlineMs === undefined) return "check at the adoption deadline";
  const dueAt = new Date(Date.parse(sources[0]?.toldAt ?? currentSince) + deadlineMs);
  return `check at ${dueAt.toISOString().slice(11, 19)} UTC`;
}
