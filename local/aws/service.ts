/** Who makes a call, told by the access key id in the SigV4 credential. */
export interface Caller {
  readonly accessKeyId: string;
  /** Role whose policies decide; absent for the operator, who may do everything. */
  readonly roleArn?: string;
  /** What messages call it: the function's or the task's name. */
  readonly name: string;
}

/** One permission that a call needs. `context` holds the condition keys that AWS fills in for it. */
export interface AccessRequest {
  /** IAM action, such as `secretsmanager:GetSecretValue`. */
  readonly action: string;
  /** ARN of what is acted on, or `*` where the action knows no resource. */
  readonly resource: string;
  readonly context?: Readonly<Record<string, string>>;
}

export type AwsInput = Readonly<Record<string, unknown>>;

export interface AwsOperation {
  /** The permissions that this call needs, all of them. Runs before `run`; must not throw on bad input. */
  access(input: AwsInput): readonly AccessRequest[];
  /** @throws AwsError with AWS's own code on wrong input */
  run(input: AwsInput, caller: Caller): object | Promise<object>;
}

/** A service that speaks AWS JSON: `x-amz-target: PREFIX.Operation`. */
export interface AwsJsonService {
  /** What stands before the dot in `x-amz-target`, such as `secretsmanager`. */
  readonly targetPrefix: string;
  readonly jsonVersion: "1.0" | "1.1";
  readonly operations: Readonly<Record<string, AwsOperation>>;
}

/** Where the local run pretends to be. */
export interface AwsPlace {
  readonly accountId: string;
  readonly region: string;
}
