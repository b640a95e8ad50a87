/** How to get to a stage, beside its name. */
export interface Reach {
  readonly region?: string;
  readonly profile?: string;
  readonly local?: boolean;
  readonly localPort?: number;
}

/**
 * Command lines that an operator may copy. Each names the stage and the place that the present command is about: without
 * that it would go to the default stage, which is another one.
 */
export interface Suggest {
  /** @example suggest.keyturn("replay", "notify") // "keyturn replay notify --stage prod --region eu-west-1" */
  keyturn(...words: readonly string[]): string;
  aws(...words: readonly string[]): string;
  /** Deploys the stage. */
  deploy(): string;
}

export function createSuggest(stage: string, { region, profile, local, localPort }: Reach = {}): Suggest {
  const regionWords = region ? ["--region", region] : [];
  const profileWords = profile ? ["--profile", profile] : [];
  const localWords = [
    ...(local ? ["--local"] : []),
    ...(localPort === undefined ? [] : ["--local-port", String(localPort)]),
  ];
  return {
    keyturn: (...words) =>
      line("keyturn", ...words, "--stage", stage, ...regionWords, ...profileWords, ...localWords),
    aws: (...words) => line("aws", ...words, ...regionWords, ...profileWords),
    deploy: () => {
      const byProfile = profile ? ["--aws-profile", profile] : [];
      return line("npm", "run", "-s", "sls", "--", "deploy", "--stage", stage, ...regionWords, ...byProfile);
    },
  };
}

/** What a shell would take for something else; a secret of RDS has `!` in its name. */
const NEEDS_QUOTES = /[^\w@%+=:,./-]/;
const line = (...words: readonly string[]) =>
  words.map((word) => (NEEDS_QUOTES.test(word) ? `'${word.replaceAll("'", `'\\''`)}'` : word)).join(" ");
