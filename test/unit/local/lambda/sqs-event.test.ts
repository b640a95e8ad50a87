import { expect, test } from "vitest";
import { sqsEvent } from "../../../../local/lambda/sqs-event.ts";

test("makes the record that Lambda makes of a message", () => {
  const event = sqsEvent(
    [
      {
        MessageId: "19dd0b57-b21e-4ac1-bd88-01bbb068cb78",
        ReceiptHandle: "handle",
        Body: "body",
        MD5OfBody: "841a2d689ad86bd1611447453c22c6fc",
        Attributes: { ApproximateReceiveCount: "2", SentTimestamp: "1707237828000" },
        MessageAttributes: {
          text: { DataType: "String", StringValue: "a" },
          bytes: { DataType: "Binary", BinaryValue: new Uint8Array([1, 2]) },
        },
      },
    ],
    "arn:aws:sqs:eu-west-1:000000000000:queue",
  );
  expect(event).toEqual({
    Records: [
      {
        messageId: "19dd0b57-b21e-4ac1-bd88-01bbb068cb78",
        receiptHandle: "handle",
        body: "body",
        attributes: { ApproximateReceiveCount: "2", SentTimestamp: "1707237828000" },
        messageAttributes: {
          text: { stringValue: "a", stringListValues: [], binaryListValues: [], dataType: "String" },
          bytes: { binaryValue: "AQI=", stringListValues: [], binaryListValues: [], dataType: "Binary" },
        },
        md5OfBody: "841a2d689ad86bd1611447453c22c6fc",
        eventSource: "aws:sqs",
        eventSourceARN: "arn:aws:sqs:eu-west-1:000000000000:queue",
        awsRegion: "eu-west-1",
      },
    ],
  });
});
