import { randomUUID } from "node:crypto";
import type * as z from "zod/mini";
import { AwsError } from "./aws-error.ts";
import { parseInput, toAwsTime } from "./aws-input.ts";
import type { AwsEvent } from "./events/aws-event.ts";
import { createSecretAccess } from "./secrets/secret-access.ts";
import { apiCallEvent, labelUpdatedEvent, type RecordedCall } from "./secrets/secret-events.ts";
import { secretInputs } from "./secrets/secret-inputs.ts";
import { createSecretStore, type Secret, type SecretTag } from "./secrets/secret-store.ts";
import type { LabelMove, SecretValue } from "./secrets/secret-versions.ts";
import { describeSecret, describeVersion, paginate, passesFilter } from "./secrets/secret-views.ts";
import type { AwsJsonService, AwsOperation, AwsPlace } from "./service.ts";

export interface SecretsManagerDeps {
  readonly place: AwsPlace;
  readonly now: () => Date;
  /** Takes the native event of a label move. `at` is the exact time; the event itself has whole seconds. */
  readonly emit: (event: AwsEvent, at: Date) => void;
  /** Whether the account has a CloudTrail trail, so that calls that change a secret are events too. Default false. */
  readonly hasTrail?: boolean;
}

export interface SecretsManager {
  readonly service: AwsJsonService;
}

type OperationName = keyof typeof secretInputs;
type Input<N extends OperationName> = z.infer<(typeof secretInputs)[N]>;

const DAY_MS = 86_400_000;

/**
 * Secrets Manager in memory, with AWS's rules for versions, staging labels and deletion. Left out: rotation by a
 * function (whoever rotates makes the calls of its four steps), replication, resource policies.
 *
 * @example createSecretsManager({ place, now: () => new Date(), emit: (event) => eventBridge.send(event) }).service
 */
export function createSecretsManager({
  place,
  now,
  emit,
  hasTrail = false,
}: SecretsManagerDeps): SecretsManager {
  const store = createSecretStore(place, now);
  const access = createSecretAccess(place, store);

  const announce = (secret: Secret, moves: readonly LabelMove[]): void => {
    const at = now();
    for (const move of moves) {
      const event = labelUpdatedEvent(place, secret, move, at);
      if (event) emit(event, at);
    }
  };

  const record = (secret: Secret, call: RecordedCall, input: object): void => {
    if (hasTrail) emit(apiCallEvent(place, secret.arn, call, { ...input }, now()), now());
  };

  /** Adds a version where the input holds a value; returns its id. */
  const addVersion = (
    secret: Secret,
    input: Input<"PutSecretValue"> | Input<"UpdateSecret"> | Input<"CreateSecret">,
    stages: readonly string[],
  ): string | undefined => {
    const value = readValue(input);
    if (!value) return undefined;
    const id = input.ClientRequestToken ?? randomUUID();
    const moves = secret.versions.add({ id, value, stages });
    if (moves.length > 0) secret.lastChangedAt = now();
    announce(secret, moves);
    return id;
  };

  const runs: { readonly [N in OperationName]: (input: Input<N>) => object } = {
    CreateSecret(input) {
      readValue(input); // a refused value must not leave an empty secret behind
      const existing = repeatedCreate(input);
      const secret = existing ?? store.create(input.Name);
      if (!existing) {
        describe(secret, input);
        tag(secret, input.Tags ?? []);
      }
      return { ARN: secret.arn, Name: secret.name, VersionId: addVersion(secret, input, ["AWSCURRENT"]) };
    },

    DescribeSecret({ SecretId }) {
      const secret = store.find(SecretId) ?? store.require(SecretId);
      return describeSecret(secret, "VersionIdsToStages");
    },

    GetSecretValue({ SecretId, VersionId, VersionStage }) {
      const secret = store.require(SecretId);
      const version = secret.versions.find({ versionId: VersionId, stage: VersionStage });
      secret.lastAccessedAt = now();
      return { ARN: secret.arn, Name: secret.name, ...version.value, ...describeVersion(version) };
    },

    PutSecretValue(input) {
      const secret = store.require(input.SecretId);
      const VersionId = addVersion(secret, input, input.VersionStages ?? ["AWSCURRENT"]);
      if (VersionId === undefined) {
        throw new AwsError(
          "InvalidRequestException",
          "You must provide either SecretString or SecretBinary.",
        );
      }
      record(secret, "PutSecretValue", { ...input, ClientRequestToken: VersionId });
      const { stages } = secret.versions.find({ versionId: VersionId });
      return { ARN: secret.arn, Name: secret.name, VersionId, VersionStages: [...stages] };
    },

    UpdateSecret(input) {
      const secret = store.require(input.SecretId);
      describe(secret, input);
      secret.lastChangedAt = now();
      // SDKs send a token with each call, also where it brings no value.
      const ClientRequestToken = input.ClientRequestToken ?? randomUUID();
      const VersionId = addVersion(secret, { ...input, ClientRequestToken }, ["AWSCURRENT"]);
      record(secret, "UpdateSecret", { ...input, ClientRequestToken });
      return { ARN: secret.arn, Name: secret.name, VersionId };
    },

    UpdateSecretVersionStage(input) {
      const { SecretId, VersionStage: stage, MoveToVersionId, RemoveFromVersionId } = input;
      const secret = store.require(SecretId);
      const moves = secret.versions.moveStage({
        stage,
        moveTo: MoveToVersionId,
        removeFrom: RemoveFromVersionId,
      });
      secret.lastChangedAt = now();
      announce(secret, moves);
      record(secret, "UpdateSecretVersionStage", input);
      return { ARN: secret.arn, Name: secret.name };
    },

    ListSecrets(input) {
      const matching = store
        .list()
        .filter(({ deleteAt }) => !deleteAt || input.IncludePlannedDeletion)
        .filter((secret) => (input.Filters ?? []).every((filter) => passesFilter(secret, filter)));
      const { page, nextToken } = paginate(matching, input);
      return {
        SecretList: page.map((secret) => describeSecret(secret, "SecretVersionsToStages")),
        NextToken: nextToken,
      };
    },

    ListSecretVersionIds(input) {
      const secret = store.require(input.SecretId);
      const versions = secret.versions
        .list()
        .filter(({ stages }) => stages.length > 0 || input.IncludeDeprecated);
      const { page, nextToken } = paginate(versions, input);
      return {
        ARN: secret.arn,
        Name: secret.name,
        Versions: page.map(describeVersion),
        NextToken: nextToken,
      };
    },

    TagResource({ SecretId, Tags }) {
      const secret = store.require(SecretId);
      tag(secret, Tags);
      secret.lastChangedAt = now();
      return {};
    },

    DeleteSecret({ SecretId, ForceDeleteWithoutRecovery: force, RecoveryWindowInDays: days }) {
      checkDeletion(force, days);
      const secret = force ? store.find(SecretId) : store.require(SecretId);
      // AWS answers a forced deletion of a secret that is not there as if it had been.
      if (!secret) return { ARN: store.arnFor(SecretId), Name: SecretId, DeletionDate: toAwsTime(now()) };
      const deleteAt = force ? now() : new Date(now().getTime() + (days ?? 30) * DAY_MS);
      if (force) store.remove(secret);
      else secret.deleteAt = deleteAt;
      return { ARN: secret.arn, Name: secret.name, DeletionDate: toAwsTime(deleteAt) };
    },

    RestoreSecret({ SecretId }) {
      const secret = store.find(SecretId) ?? store.require(SecretId);
      delete secret.deleteAt;
      return { ARN: secret.arn, Name: secret.name };
    },
  };

  /** A repeated CreateSecret with the same token and value succeeds, so that a retry after a lost answer does. */
  const repeatedCreate = (input: Input<"CreateSecret">): Secret | undefined => {
    const secret = store.find(input.Name);
    const isRepeat = secret?.versions.list().some(({ id }) => id === input.ClientRequestToken);
    return isRepeat && !secret?.deleteAt ? secret : undefined;
  };

  const operation = <N extends OperationName>(name: N): AwsOperation => ({
    access: (input) => access(name, input),
    run: (input) => runs[name](parseInput(secretInputs[name], input) as Input<N>),
  });

  const names = Object.keys(secretInputs) as readonly OperationName[];
  return {
    service: {
      targetPrefix: "secretsmanager",
      jsonVersion: "1.1",
      operations: Object.fromEntries(names.map((name) => [name, operation(name)])),
    },
  };
}

function describe(
  secret: Secret,
  { Description, KmsKeyId }: { Description?: string | undefined; KmsKeyId?: string | undefined },
): void {
  if (Description !== undefined) secret.description = Description;
  if (KmsKeyId !== undefined) secret.kmsKeyId = KmsKeyId;
}

function tag(secret: Secret, tags: readonly SecretTag[]): void {
  for (const { Key, Value } of tags) secret.tags.set(Key, Value);
}

function readValue({
  SecretString,
  SecretBinary,
}: {
  SecretString?: string | undefined;
  SecretBinary?: string | undefined;
}): SecretValue | undefined {
  if (SecretString !== undefined && SecretBinary !== undefined) {
    throw new AwsError(
      "InvalidParameterException",
      "You can't specify both a binary secret value and a string secret value in the same secret.",
    );
  }
  if (SecretString !== undefined) return { SecretString };
  return SecretBinary === undefined ? undefined : { SecretBinary };
}

function checkDeletion(force: boolean | undefined, days: number | undefined): void {
  if (force && days !== undefined) {
    throw new AwsError(
      "InvalidParameterException",
      "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.",
    );
  }
  if (days !== undefined && (days < 7 || days > 30)) {
    throw new AwsError(
      "InvalidParameterException",
      "The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).",
    );
  }
}
