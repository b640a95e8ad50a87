import { chooseLocalRun, findLocalRuns } from "./local-runs.ts";
import { type StageNames, stageNames } from "./stage-names.ts";
import { createSuggest, type Reach, type Suggest } from "./suggest.ts";

/** What SDK clients are made with; what is absent comes from the SDK's standard environment. */
export interface ClientSettings {
  readonly region?: string;
  readonly profile?: string;
  readonly endpoint?: string;
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string };
}

/** The stage that a command is about, and how to get to it. */
export interface Place {
  readonly isLocal: boolean;
  readonly names: StageNames;
  /** Makes command lines that reach it again. */
  readonly suggest: Suggest;
  readonly client: ClientSettings;
  /** Where notices and reports go by; found by the AWS account where it is not given. */
  readonly channelUrl?: string;
}

/** A stage as checks and messages go by it. */
export type Stage = Pick<Place, "names" | "suggest">;

/** Options that every command takes. */
export interface PlaceOptions extends Reach {
  readonly stage?: string;
}

/** As `sls` has it. */
const DEFAULT_STAGE = "dev";

/**
 * @param folder where local runs announce themselves; the machine's temporary folder unless given
 * @throws CommandError where a local run is asked for, and none or several are up
 */
export async function findPlace(
  options: PlaceOptions,
  environment: Readonly<Record<string, string | undefined>>,
  folder?: string,
): Promise<Place> {
  const { stage: given, region, profile, local, localPort } = options;
  const channelUrl = environment.KEYTURN_CHANNEL_URL;
  if (!local && localPort === undefined) {
    const stage = given ?? (environment.KEYTURN_STAGE || DEFAULT_STAGE);
    return {
      isLocal: false,
      names: stageNames(stage),
      suggest: createSuggest(stage, options),
      client: { ...(region && { region }), ...(profile && { profile }) },
      ...(channelUrl && { channelUrl }),
    };
  }
  const run = chooseLocalRun(await findLocalRuns(folder), { stage: given, port: localPort });
  const { accessKeyId, secretAccessKey } = run;
  return {
    isLocal: true,
    names: stageNames(run.stage),
    suggest: createSuggest(run.stage, options),
    client: { region: run.region, endpoint: run.awsEndpoint, credentials: { accessKeyId, secretAccessKey } },
    channelUrl: run.channelUrl,
  };
}
