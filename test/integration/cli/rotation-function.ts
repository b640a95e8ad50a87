import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import { buffer } from "node:stream/consumers";
import type { TestRun } from "../run/local-run.ts";
import type { TestStore } from "../run/store.ts";

/** The local run's endpoint, and what it lacks: RotateSecret by a rotation function. */
export interface RotatingEndpoint {
  readonly url: string;
  close(): Promise<void>;
}

/** @param store whose secret has a rotation function */
export async function startRotatingEndpoint(run: TestRun, store: TestStore): Promise<RotatingEndpoint> {
  const forward = async (request: IncomingMessage, body: Buffer): Promise<Response> =>
    fetch(`${run.awsEndpoint}${request.url}`, {
      method: request.method ?? "POST",
      headers: Object.fromEntries(
        Object.entries(request.headers).flatMap(([name, value]) =>
          typeof value === "string" && !["host", "connection", "content-length"].includes(name)
            ? [[name, value]]
            : [],
        ),
      ),
      body: new Uint8Array(body),
    });

  const answer = async (
    request: IncomingMessage,
  ): Promise<{ status: number; type: string; text: string }> => {
    const body = await buffer(request);
    const target = request.headers["x-amz-target"];
    const type = "application/x-amz-json-1.1";
    if (target === "secretsmanager.RotateSecret") {
      const { versionId } = await store.rotate();
      return { status: 200, type, text: JSON.stringify({ ARN: store.secretArn, VersionId: versionId }) };
    }
    const response = await forward(request, body);
    const text = await response.text();
    if (target === "secretsmanager.DescribeSecret" && response.ok) {
      return { status: 200, type, text: JSON.stringify({ ...JSON.parse(text), RotationEnabled: true }) };
    }
    return { status: response.status, type: response.headers.get("content-type") ?? type, text };
  };

  const server = createServer((request, response) => {
    answer(request).then(
      ({ status, type, text }) => response.writeHead(status, { "content-type": type }).end(text),
      (error) => response.writeHead(500).end(String(error)),
    );
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}`,
    async close() {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
