import { type IoTDataPlaneClient, PublishCommand } from "@aws-sdk/client-iot-data-plane";
import type { Notice } from "../contract/notice.ts";
import { noticeTopic } from "../contract/topics.ts";

/** Pushes notices to the running services. */
export interface Notices {
  publish(notice: Notice): Promise<void>;
}

/** @param topicPrefix `keyturn/STAGE` */
export function createNotices(client: IoTDataPlaneClient, topicPrefix: string): Notices {
  return {
    async publish(notice) {
      await client.send(
        new PublishCommand({
          topic: noticeTopic(topicPrefix, notice.secretArn),
          payload: Buffer.from(JSON.stringify(notice)),
          contentType: "application/json",
          qos: 1,
          // The last notice of a secret waits on the broker for services that connect later.
          retain: true,
        }),
      );
    },
  };
}
