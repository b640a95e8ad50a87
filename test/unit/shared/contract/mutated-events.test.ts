import { expect, test } from "vitest";
import { parseMeasured } from "../../../../functions/measure/parse-measured.ts";
import { InvalidMessageError } from "../../../../shared/contract/errors.ts";
import { VersionId } from "../../../../shared/contract/message.ts";
import { parseReconcileMessage } from "../../../../shared/contract/reconcile-message.ts";
import {
  parseRotationEvent,
  ROTATION_SOURCES,
  type RotationEvent,
} from "../../../../shared/contract/rotation-event.ts";
import { createMutator, readSamples } from "../../../fakes/mutated-events.ts";

const EVENTS = 100_000;
const SEED = 20_261_101;

function isSound({ secretArn, versionId, source, occurredAt }: RotationEvent): boolean {
  return (
    secretArn.length > 0 &&
    secretArn.length <= 1_024 &&
    (versionId === undefined || VersionId.safeParse(versionId).success) &&
    ROTATION_SOURCES.includes(source) &&
    !Number.isNaN(Date.parse(occurredAt))
  );
}

test("100,000 mutated events are read, or refused with a reason", { timeout: 60_000 }, () => {
  const next = createMutator(readSamples("sources"), SEED);
  const counts = { read: 0, refused: 0 };
  for (let index = 0; index < EVENTS; index++) {
    const event = next();
    try {
      if (!isSound(parseRotationEvent(event))) expect.unreachable(`Read as sound: ${JSON.stringify(event)}`);
      counts.read += 1;
    } catch (error) {
      if (!(error instanceof InvalidMessageError) || error.message === "")
        expect.unreachable(`${error} for ${JSON.stringify(event)}`);
      counts.refused += 1;
    }
  }
  // Mutations that spoil everything, or nothing, would show nothing.
  expect(counts.read).toBeGreaterThan(EVENTS / 20);
  expect(counts.refused).toBeGreaterThan(EVENTS / 20);
});

test.each([
  { name: "measure", folders: ["attempts", "domain"], parse: parseMeasured },
  { name: "reconcile", folders: ["sources"], parse: parseReconcileMessage },
])("$name reads mutated messages, or refuses them with a reason", ({ folders, parse }) => {
  const next = createMutator(folders.flatMap(readSamples), SEED);
  for (let index = 0; index < 10_000; index++) {
    const message = next();
    try {
      parse(message);
    } catch (error) {
      if (!(error instanceof InvalidMessageError))
        expect.unreachable(`${error} for ${JSON.stringify(message)}`);
    }
  }
});
