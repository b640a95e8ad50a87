import { type ParameterStringFilter, paginateDescribeParameters, type SSMClient } from "@aws-sdk/client-ssm";
import pRetry from "p-retry";
import { nameOfSecret } from "../contract/secret-id.ts";
import { EVERYTHING, isWatched, type Watch } from "../rotation/watch.ts";

/** What Parameter Store says of a parameter, without its value. */
export interface ParameterFacts {
  /** The version number. */
  readonly versionId: string;
  readonly lastChangedAt: Date;
}

/** Reads what is known of parameters. Reads are eventually consistent. */
export interface Parameters {
  /**
   * Asks again for about two seconds while the answer does not satisfy, and gives the last one then; undefined for a
   * parameter that is not there.
   */
  describe(
    parameterArn: string,
    isSettled: (facts: ParameterFacts | undefined) => boolean,
  ): Promise<ParameterFacts | undefined>;
  /**
   * Every parameter that holds a secret (`SecureString`) and is watched.
   *
   * @param beforePage awaited before each call
   */
  watched(beforePage: () => Promise<void>): AsyncIterable<ParameterFacts & { readonly parameterArn: string }>;
}

/** What one filter takes: https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_ParameterStringFilter.html */
const MAX_FILTER_VALUES = 50;

/** In milliseconds: 100, 200, 400, 800, half of each at random. */
const consistency = { retries: 4, minTimeout: 100, factor: 2, randomize: true };

class NotSettled extends Error {}

/**
 * Over DescribeParameters, which unlike GetParameter gives no value away.
 *
 * @param watch which parameters are followed; all of them by default
 */
export function createParameters(client: SSMClient, watch: Watch = EVERYTHING): Parameters {
  const describeOnce = async (parameterArn: string): Promise<ParameterFacts | undefined> => {
    const name = nameOfSecret(parameterArn);
    // An ARN does not tell whether the name begins with a slash; one with a slash inside always does.
    const names = name.includes("/") ? [`/${name}`] : [name, `/${name}`];
    const ParameterFilters = [{ Key: "Name", Option: "Equals", Values: names }];
    for await (const page of paginateDescribeParameters({ client }, { ParameterFilters })) {
      for (const { Version, LastModifiedDate } of page.Parameters ?? []) {
        if (Version && LastModifiedDate)
          return { versionId: String(Version), lastChangedAt: LastModifiedDate };
      }
    }
    return undefined;
  };

  return {
    async describe(parameterArn, isSettled) {
      let facts: ParameterFacts | undefined;
      const look = async () => {
        facts = await describeOnce(parameterArn);
        if (!isSettled(facts)) throw new NotSettled();
      };
      await pRetry(look, { ...consistency, shouldRetry: ({ error }) => error instanceof NotSettled }).catch(
        (error) => {
          if (!(error instanceof NotSettled)) throw error;
        },
      );
      return facts;
    },

    async *watched(beforePage) {
      // Tags alone watch no parameter.
      if (watch.prefixes.length === 0 && watch.tags.length > 0) return;
      const input = { MaxResults: 50, ParameterFilters: filtersOf(watch) };
      const pages = paginateDescribeParameters({ client }, input)[Symbol.asyncIterator]();
      for (;;) {
        await beforePage();
        const { value: page, done } = await pages.next();
        if (done) return;
        for (const { ARN: parameterArn, Version, LastModifiedDate } of page.Parameters ?? []) {
          if (parameterArn && Version && LastModifiedDate && isWatched(watch, parameterArn))
            yield { parameterArn, versionId: String(Version), lastChangedAt: LastModifiedDate };
        }
      }
    },
  };
}

/** By name they narrow, and do not decide. */
function filtersOf({ prefixes }: Watch): ParameterStringFilter[] {
  const beginnings = prefixes.flatMap((prefix) => {
    const bare = prefix.replace(/^\//, "");
    return [bare, `/${bare}`];
  });
  const isFilter = beginnings.length > 0 && beginnings.length <= MAX_FILTER_VALUES;
  return [
    { Key: "Type", Option: "Equals", Values: ["SecureString"] },
    ...(isFilter ? [{ Key: "Name", Option: "BeginsWith", Values: beginnings }] : []),
  ];
}
