import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { json } from "node:stream/consumers";
import { createRotatingPool } from "keyturn/pg";

const { PORT = "3000", HOST = "127.0.0.1", DB_SECRET_ID } = process.env;

const pool = await createRotatingPool({
  secretId: DB_SECRET_ID,
  max: 5,
  // Connections turn over often, so logins go on all through a rotation. A real service need not set this.
  maxUses: 50,
});
pool.on("error", (error) => console.error("An idle connection was lost:", error.message));

const routes: Record<string, (request: IncomingMessage, response: ServerResponse) => Promise<void>> = {
  "GET /health": async (_request, response) => {
    await pool.query("select 1");
    reply(response, 200, { status: "ok" });
  },
  "GET /orders": async (_request, response) => {
    const { rows } = await pool.query(
      "select id, item, quantity, placed_at from orders order by id desc limit 10",
    );
    reply(response, 200, rows);
  },
  "POST /orders": async (request, response) => {
    const order = await readOrder(request);
    if (!order) return reply(response, 400, { error: "ORDER_INVALID" });
    const { rows } = await pool.query("insert into orders (item, quantity) values ($1, $2) returning id", [
      order.item,
      order.quantity,
    ]);
    reply(response, 201, rows[0]);
  },
};

const server = createServer(async (request, response) => {
  const route = routes[`${request.method} ${request.url}`];
  if (!route) return reply(response, 404, { error: "NOT_FOUND" });
  try {
    await route(request, response);
  } catch (error) {
    // The code only: a driver's message may name users and hosts.
    reply(response, 500, { error: codeOf(error) });
  }
});

server.listen(Number(PORT), HOST);
await once(server, "listening");
console.log(`orders-api listens on ${HOST}:${PORT}`);

process.once("SIGTERM", async () => {
  // Stops listening, and waits for the requests under way before it takes the database from them.
  server.close();
  server.closeIdleConnections();
  await once(server, "close");
  await pool.end();
  process.exit(0);
});

function reply(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}

async function readOrder(request: IncomingMessage): Promise<{ item: string; quantity: number } | undefined> {
  const body: unknown = await json(request).catch(() => undefined);
  if (typeof body !== "object" || body === null || !("item" in body) || !("quantity" in body)) {
    return undefined;
  }
  const { item, quantity } = body;
  if (typeof item !== "string" || typeof quantity !== "number" || !Number.isInteger(quantity)) {
    return undefined;
  }
  return { item, quantity };
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "UNKNOWN";
}
