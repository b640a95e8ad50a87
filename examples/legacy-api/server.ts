import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { json } from "node:stream/consumers";
import pg from "pg";

// ECS puts the secret into the environment when the task starts, and never again: this process keeps the password
// that it was born with. Only a new deployment brings it the next one.
const { PORT = "3000", HOST = "127.0.0.1" } = process.env;
const { DB_HOST, DB_PORT = "5432", DB_NAME, DB_USER, DB_PASSWORD } = process.env;

const routes: Record<string, (request: IncomingMessage, response: ServerResponse) => Promise<void>> = {
  // Does not touch the database, as in many services: a database that is away for a moment must not make the load
  // balancer stop every task at once. It also means that a dead password goes unnoticed here.
  "GET /health": async (_request, response) => reply(response, 200, { status: "ok" }),
  "GET /orders": async (_request, response) => {
    const { rows } = await query(
      "select id, item, quantity, placed_at from orders order by id desc limit 10",
    );
    reply(response, 200, rows);
  },
  "POST /orders": async (request, response) => {
    const order = await readOrder(request);
    if (!order) return reply(response, 400, { error: "ORDER_INVALID" });
    const { rows } = await query("insert into orders (item, quantity) values ($1, $2) returning id", [
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
    reply(response, 500, { error: codeOf(error) });
  }
});

server.listen(Number(PORT), HOST);
await once(server, "listening");
console.log(`legacy-api listens on ${HOST}:${PORT}`);

process.once("SIGTERM", async () => {
  server.close();
  server.closeIdleConnections();
  await once(server, "close");
  process.exit(0);
});

/** One short-lived connection for each request. */
async function query(text: string, values?: unknown[]): Promise<pg.QueryResult> {
  const client = new pg.Client({
    host: DB_HOST,
    port: Number(DB_PORT),
    database: DB_NAME,
    user: DB_USER,
    password: DB_PASSWORD,
  });
  client.on("error", (error) => console.error("A connection was lost:", error.message));
  try {
    await client.connect();
    return await client.query(text, values);
  } finally {
    await client.end();
  }
}

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
