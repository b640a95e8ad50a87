import { setTimeout as sleep } from "node:timers/promises";
import {
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  ListMessageMoveTasksCommand,
  type Message,
  QueueDoesNotExist,
  ReceiveMessageCommand,
  SendMessageCommand,
  type SQSClient,
  StartMessageMoveTaskCommand,
} from "@aws-sdk/client-sqs";
import { CommandError } from "../command-error.ts";
import { EXIT } from "../exit-code.ts";
import type { QueueName, StageNames } from "../place/stage-names.ts";

/** A message that was given up. */
export interface DeadLetter {
  readonly messageId: string;
  readonly body: string;
  /** When it was first sent. */
  readonly sentAt?: string;
  /** What EventBridge notes on what it could not deliver, such as `ERROR_CODE`. */
  readonly attributes: Readonly<Record<string, string>>;
}

export interface QueueDepth {
  readonly queue: QueueName;
  /** Messages that wait, are being handled, or are delayed. */
  readonly messages: number;
  readonly deadLetters: number;
  /** Whether what fails comes to the dead-letter queue. */
  readonly isRedriven: boolean;
}

export interface DeadLetters {
  /** Whether sending back, once begun, goes on without this process: SQS does it. */
  readonly goesOnAlone: boolean;
  /** @throws CommandError where the stage has no such queue */
  depth(queue: QueueName): Promise<QueueDepth>;
  /** Looks at some without taking them away. */
  peek(queue: QueueName, count: number): Promise<DeadLetter[]>;
  /**
   * Sends those that are there back to the queue that they came from.
   *
   * @param onMoved hears how many have gone so far
   * @returns how many there were
   */
  moveBack(queue: QueueName, onMoved: (count: number) => void, signal: AbortSignal): Promise<number>;
}

const MAX_MESSAGES = 10;
const VISIBILITY_SECONDS = 30;
const TASK_POLL_MS = 1_000;

/** @param hasMoveTasks false for the local run, which has SQS without message move tasks */
export function createDeadLetters(client: SQSClient, names: StageNames, hasMoveTasks: boolean): DeadLetters {
  const urlOf = async (name: string): Promise<string> => {
    const { QueueUrl } = await client.send(new GetQueueUrlCommand({ QueueName: name })).catch((cause) => {
      if (!(cause instanceof QueueDoesNotExist)) throw cause;
      throw new CommandError(
        "QUEUE_NOT_FOUND",
        EXIT.notFound,
        `There is no queue ${name}. Check --stage, --region and --profile, or deploy the stage.`,
        { cause },
      );
    });
    return QueueUrl ?? "";
  };
  const attributesOf = async (name: string) => {
    const query = { QueueUrl: await urlOf(name), AttributeNames: ["All" as const] };
    const { Attributes = {} } = await client.send(new GetQueueAttributesCommand(query));
    return Attributes;
  };
  const arnOf = async (name: string) => (await attributesOf(name)).QueueArn ?? "";
  const receive = async (QueueUrl: string, count: number, VisibilityTimeout: number): Promise<Message[]> => {
    const { Messages = [] } = await client.send(
      new ReceiveMessageCommand({
        QueueUrl,
        VisibilityTimeout,
        // A short poll asks some of SQS's servers, and may miss what the others hold.
        WaitTimeSeconds: 1,
        MaxNumberOfMessages: Math.min(count, MAX_MESSAGES),
        MessageAttributeNames: ["All"],
        MessageSystemAttributeNames: ["SentTimestamp"],
      }),
    );
    return Messages;
  };

  async function moveByTask(queue: QueueName, onMoved: (count: number) => void, signal: AbortSignal) {
    // The destination is given: without one, SQS refuses what EventBridge and IoT Core put there themselves.
    const [SourceArn, DestinationArn] = await Promise.all([
      arnOf(names.deadLetters(queue)),
      arnOf(names.queue(queue)),
    ]);
    const { TaskHandle } = await client.send(new StartMessageMoveTaskCommand({ SourceArn, DestinationArn }));
    for (;;) {
      const { Results = [] } = await client.send(
        new ListMessageMoveTasksCommand({ SourceArn, MaxResults: 10 }),
      );
      // A task that has ended has no handle any more.
      const task = Results.find((one) => one.TaskHandle === TaskHandle) ?? Results[0];
      const moved = task?.ApproximateNumberOfMessagesMoved ?? 0;
      onMoved(moved);
      if (task?.Status === "COMPLETED") return moved;
      if (task?.Status === "FAILED" || task?.Status === "CANCELLED") {
        const why = task.FailureReason ?? task.Status.toLowerCase();
        throw new CommandError("REPLAY_FAILED", EXIT.notWell, `SQS stopped after ${moved} messages: ${why}`);
      }
      await sleep(TASK_POLL_MS, undefined, { signal });
    }
  }

  async function moveByHand(queue: QueueName, onMoved: (count: number) => void, signal: AbortSignal) {
    const [from, to] = await Promise.all([urlOf(names.deadLetters(queue)), urlOf(names.queue(queue))]);
    // Those that come back while this goes on are left for the next time.
    const total = countOf(await attributesOf(names.deadLetters(queue)));
    let moved = 0;
    while (moved < total) {
      signal.throwIfAborted();
      const messages = await receive(from, total - moved, VISIBILITY_SECONDS);
      if (messages.length === 0) break;
      for (const { Body, MessageAttributes, ReceiptHandle } of messages) {
        await client.send(new SendMessageCommand({ QueueUrl: to, MessageBody: Body, MessageAttributes }));
        await client.send(new DeleteMessageCommand({ QueueUrl: from, ReceiptHandle }));
        moved += 1;
        onMoved(moved);
      }
    }
    return moved;
  }

  return {
    goesOnAlone: hasMoveTasks,

    async depth(queue) {
      const [own, dead] = await Promise.all([
        attributesOf(names.queue(queue)),
        attributesOf(names.deadLetters(queue)),
      ]);
      return {
        queue,
        messages: countOf(own),
        deadLetters: countOf(dead),
        isRedriven: own.RedrivePolicy?.includes(dead.QueueArn ?? names.deadLetters(queue)) ?? false,
      };
    },

    async peek(queue, count) {
      const messages = await receive(await urlOf(names.deadLetters(queue)), count, 0);
      return messages.map(({ MessageId = "", Body = "", Attributes, MessageAttributes = {} }) => ({
        messageId: MessageId,
        body: Body,
        ...(Attributes?.SentTimestamp && {
          sentAt: new Date(Number(Attributes.SentTimestamp)).toISOString(),
        }),
        attributes: Object.fromEntries(
          Object.entries(MessageAttributes).flatMap(([name, { StringValue }]) =>
            StringValue === undefined ? [] : [[name, StringValue]],
          ),
        ),
      }));
    },

    moveBack: hasMoveTasks ? moveByTask : moveByHand,
  };
}

/** Those that wait, those that somebody is looking at, and those that are delayed. */
function countOf(attributes: Readonly<Record<string, string>>): number {
  return [
    attributes.ApproximateNumberOfMessages,
    attributes.ApproximateNumberOfMessagesNotVisible,
    attributes.ApproximateNumberOfMessagesDelayed,
  ].reduce((sum, count) => sum + Number(count ?? 0), 0);
}
