import { paginateDescribeParameters, type SSMClient } from "@aws-sdk/client-ssm";
import pRetry from "p-retry";
import { nameOfSecret } from "../contract/secret-id.ts";

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
}

/** In milliseconds: 100, 200, 400, 800, half of each at random. */
const consistency = { retries: 4, minTimeout: 100, factor: 2, randomize: true };

class NotSettled extends Error {}

/** Over DescribeParameters, which unlike GetParameter gives no value away. */
export function createParameters(client: SSMClient): Parameters {
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
  };
}
