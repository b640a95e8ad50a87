import { describe, expect, it } from "vitest";
import {
  createSecretVersions,
  type SecretVersions,
} from "../../../../../local/aws/secrets/secret-versions.ts";

const v1 = "11111111-1111-4111-8111-111111111111";
const v2 = "22222222-2222-4222-8222-222222222222";
const v3 = "33333333-3333-4333-8333-333333333333";

function createVersions(): SecretVersions {
  return createSecretVersions("arn:secret", () => new Date("2026-01-01T00:00:00Z"));
}

function add(versions: SecretVersions, id: string, ...stages: string[]) {
  return versions.add({ id, value: { SecretString: `value of ${id}` }, stages });
}

const stagesOf = (versions: SecretVersions): Record<string, readonly string[]> =>
  Object.fromEntries(versions.list().map(({ id, stages }) => [id, stages]));

describe("adding versions", () => {
  it("makes the first version current, whatever its labels", () => {
    const versions = createVersions();
    expect(add(versions, v1, "AWSPENDING")).toEqual([
      { stage: "AWSCURRENT", versionId: v1 },
      { stage: "AWSPENDING", versionId: v1 },
    ]);
  });

  it("moves AWSPREVIOUS to the version that loses AWSCURRENT", () => {
    const versions = createVersions();
    add(versions, v1, "AWSCURRENT");
    add(versions, v2, "AWSCURRENT");
    expect(add(versions, v3, "AWSCURRENT")).toEqual([
      { stage: "AWSCURRENT", versionId: v3 },
      { stage: "AWSPREVIOUS", versionId: v2 },
    ]);
    expect(stagesOf(versions)).toEqual({ [v1]: [], [v2]: ["AWSPREVIOUS"], [v3]: ["AWSCURRENT"] });
  });

  it("takes a label from the version that had it", () => {
    const versions = createVersions();
    add(versions, v1, "AWSCURRENT");
    add(versions, v2, "AWSPENDING");
    add(versions, v3, "AWSPENDING");
    expect(stagesOf(versions)).toEqual({ [v1]: ["AWSCURRENT"], [v2]: [], [v3]: ["AWSPENDING"] });
  });

  it("does nothing for the same token with the same value", () => {
    const versions = createVersions();
    add(versions, v1, "AWSCURRENT");
    add(versions, v2, "AWSPENDING");
    expect(add(versions, v2, "AWSCURRENT")).toEqual([]);
    expect(stagesOf(versions)[v2]).toEqual(["AWSPENDING"]);
  });

  it("refuses the same token with another value", () => {
    const versions = createVersions();
    add(versions, v1, "AWSCURRENT");
    expect(() => versions.add({ id: v1, value: { SecretString: "other" }, stages: [] })).toThrow(
      expect.objectContaining({ code: "ResourceExistsException" }),
    );
  });

  it("drops the oldest version without a label past a hundred", () => {
    const versions = createVersions();
    const ids = Array.from({ length: 103 }, (_, index) => `${index}`.padStart(32, "0"));
    add(versions, ids[0] ?? "", "AWSCURRENT", "keep");
    for (const id of ids.slice(1)) add(versions, id, "AWSCURRENT");
    const kept = versions.list().map(({ id }) => id);
    expect(kept).toHaveLength(100);
    expect(kept.slice(0, 2)).toEqual([ids[0], ids[4]]);
  });
});

describe("moving a label", () => {
  function rotating(): SecretVersions {
    const versions = createVersions();
    add(versions, v1, "AWSCURRENT");
    add(versions, v2, "AWSPENDING");
    return versions;
  }

  it("makes the pending version current", () => {
    const versions = rotating();
    expect(versions.moveStage({ stage: "AWSCURRENT", moveTo: v2, removeFrom: v1 })).toEqual([
      { stage: "AWSCURRENT", versionId: v2 },
      { stage: "AWSPREVIOUS", versionId: v1 },
    ]);
    expect(stagesOf(versions)).toEqual({ [v1]: ["AWSPREVIOUS"], [v2]: ["AWSPENDING", "AWSCURRENT"] });
  });

  it("swaps AWSCURRENT and AWSPREVIOUS when the previous version is restored", () => {
    const versions = rotating();
    versions.moveStage({ stage: "AWSCURRENT", moveTo: v2, removeFrom: v1 });
    versions.moveStage({ stage: "AWSPENDING", removeFrom: v2 });
    versions.moveStage({ stage: "AWSCURRENT", moveTo: v1, removeFrom: v2 });
    expect(stagesOf(versions)).toEqual({ [v1]: ["AWSCURRENT"], [v2]: ["AWSPREVIOUS"] });
  });

  it("changes nothing when the version has the label already", () => {
    expect(rotating().moveStage({ stage: "AWSCURRENT", moveTo: v1 })).toEqual([]);
  });

  it("attaches a label that no version has", () => {
    expect(rotating().moveStage({ stage: "canary", moveTo: v2 })).toEqual([
      { stage: "canary", versionId: v2 },
    ]);
  });

  it("removes a label; the version stays readable by its id", () => {
    const versions = rotating();
    versions.moveStage({ stage: "AWSPENDING", removeFrom: v2 });
    expect(versions.find({ versionId: v2 })).toMatchObject({
      stages: [],
      value: { SecretString: `value of ${v2}` },
    });
  });

  it.each<[string, object, string, string]>([
    [
      "without the version that has it",
      { stage: "AWSCURRENT", moveTo: v2 },
      "InvalidParameterException",
      `currently attached to version ${v1}, so you must explicitly reference`,
    ],
    [
      "naming a version that does not have it",
      { stage: "AWSCURRENT", moveTo: v2, removeFrom: v2 },
      "InvalidParameterException",
      `attached to version ${v1}`,
    ],
    [
      "naming a version where none has it",
      { stage: "canary", moveTo: v2, removeFrom: v1 },
      "InvalidParameterException",
      "attached to no version",
    ],
    [
      "to a version that is not there",
      { stage: "AWSCURRENT", moveTo: v3, removeFrom: v1 },
      "ResourceNotFoundException",
      v3,
    ],
    [
      "away from every version, if it is AWSCURRENT",
      { stage: "AWSCURRENT", removeFrom: v1 },
      "InvalidParameterException",
      "can't be completely removed",
    ],
    ["nowhere", { stage: "AWSCURRENT" }, "InvalidParameterException", "must specify"],
  ])("is refused %s", (_, change, code, message) => {
    const versions = rotating();
    const before = stagesOf(versions);
    expect(() => versions.moveStage(change as Parameters<SecretVersions["moveStage"]>[0])).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(message) }),
    );
    expect(stagesOf(versions)).toEqual(before);
  });
});

describe("finding a version", () => {
  const versions = createVersions();
  add(versions, v1, "AWSCURRENT");
  add(versions, v2, "AWSPENDING");

  it.each([
    [{}, v1],
    [{ stage: "AWSPENDING" }, v2],
    [{ versionId: v2 }, v2],
    [{ versionId: v2, stage: "AWSPENDING" }, v2],
  ])("by %j", (wanted, id) => {
    expect(versions.find(wanted).id).toBe(id);
  });

  it.each([
    [{ stage: "AWSPREVIOUS" }, "ResourceNotFoundException", "for staging label: AWSPREVIOUS"],
    [{ versionId: v3 }, "ResourceNotFoundException", `for VersionId: ${v3}`],
    [
      { versionId: v1, stage: "AWSPENDING" },
      "InvalidRequestException",
      "not associated to the provided VersionId",
    ],
  ])("fails for %j as AWS does", (wanted, code, message) => {
    expect(() => versions.find(wanted)).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(message) }),
    );
  });
});
