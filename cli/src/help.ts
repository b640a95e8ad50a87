const examples = (...lines: readonly string[]) =>
  `\nExamples:\n${lines.map((line) => `  $ ${line}`).join("\n")}`;

/** What `--help` of each command ends with. */
export const EXAMPLES = {
  status: examples(
    "keyturn status --stage prod",
    "keyturn status orders/db --stage prod",
    "keyturn status --local --json | jq '.secrets[] | select(.isWell | not)'",
  ),
  rotate: examples(
    "keyturn rotate orders/db --stage prod --wait",
    "keyturn rotate orders/db --local --value-file new.json --wait",
    "vault-script | keyturn rotate billing/api-key --stage prod --value-file -",
  ),
  watch: examples(
    "keyturn watch --stage prod",
    "keyturn watch --stage prod --since 1h --json",
    "keyturn watch --local --channel",
  ),
  history: examples(
    "keyturn history orders/db --stage prod --since 7d",
    "keyturn history orders/db --stage prod --json | jq '.entries[] | select(.what == \"adopted\")'",
  ),
  replay: examples("keyturn replay redeploy --stage prod --dry-run", "keyturn replay redeploy --stage prod"),
  doctor: examples("keyturn doctor --stage prod", "keyturn doctor --local"),
} as const;

export const EXIT_CODES = `Exit codes:
  0  all is well
  1  the command did its work, and something is not well
  2  wrong arguments, or no Region
  3  no credentials, or a permission is missing
  4  AWS, the broker or the local run does not answer
  5  there is no such stage, secret or queue
  70 a fault of keyturn itself
  130, 143  ended by Ctrl-C, by SIGTERM`;
