export const REGION = "us-east-1";
export const ACCESS_KEY_ID = "AKIDBENCH";
export const TOPIC_PREFIX = "keyturn/bench";

/** Where the process listens; its first message. */
export interface Places {
  readonly awsUrl: string;
  readonly brokerUrl: string;
}
