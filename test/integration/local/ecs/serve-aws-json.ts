import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import { AwsError } from "../../../../local/aws/aws-error.ts";
import type { AwsJsonService } from "../../../../local/aws/service.ts";

/** Puts one service behind HTTP on loopback, so that the real SDK client can be used on it alone. */
export async function serveAwsJson(
  service: AwsJsonService,
): Promise<{ url: string; close(): Promise<void> }> {
  const server = createServer(async (request, response) => {
    const [prefix, name = ""] = String(request.headers["x-amz-target"]).split(".");
    const type = `application/x-amz-json-${service.jsonVersion}`;
    try {
      if (prefix !== service.targetPrefix) throw new AwsError("UnknownOperationException", String(prefix));
      const input = JSON.parse(await text(request));
      const operation = service.operations[name];
      if (!operation) throw new AwsError("UnknownOperationException", name);
      operation.access(input);
      const output = await operation.run(input, { accessKeyId: "AKIAFAKEFAKE", name: "test" });
      response.writeHead(200, { "content-type": type }).end(JSON.stringify(output));
    } catch (error) {
      const { code, status, message } =
        error instanceof AwsError ? error : new AwsError("ServerException", String(error), 500);
      response.writeHead(status, { "content-type": type }).end(JSON.stringify({ __type: code, message }));
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  return {
    url: `http://127.0.0.1:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
