import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { json } from "node:stream/consumers";
import { DrizzleQueryError, desc, sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/node-postgres";
import { createRotatingPool } from "keyturn/pg";
import { type NewOrder, orders } from "./schema.ts";

const { PORT = "3000", HOST = "127.0.0.1", DB_SECRET_ID } = process.env;

const pool = await createRotatingPool({
  secretId: DB_SECRET_ID,
  max: 5,
  // Connections turn over often, so logins go on all through a rotation. A real service need not set this.
  maxUses: 50,
});
pool.on("error", (error) => console.error("An idle connection was lost:", error.message));

// The pool stays the same object through every rotation, and so does what is built on it.
const db = drizzle({ client: pool });

const routes: Record<string, (request: IncomingMessage, response: ServerResponse) => Promise<void>> = {
  "GET /health": async (_request, response) => {
    await db.execute(sql`select 1`);
    reply(response, 200, { status: "ok" });
  },
  "GET /orders": async (_request, response) => {
    const { id, item, quantity, placedAt: placed_at } = orders;
    const latest = await db
      .select({ id, item, quantity, placed_at })
      .from(orders)
      .orderBy(desc(orders.id))
      .limit(10);
    reply(response, 200, latest);
  },
  "POST /orders": async (request, response) => {
    const order = await readOrder(request);
    if (!order) return reply(response, 400, { error: "ORDER_INVALID" });
    const [placed] = await db.insert(orders).values(order).returning({ id: orders.id });
    reply(response, 201, placed);
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

async function readOrder(request: IncomingMessage): Promise<NewOrder | undefined> {
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
  const thrown = error instanceof DrizzleQueryError ? error.cause : error;
  return thrown instanceof Error && "code" in thrown && typeof thrown.code === "string"
    ? thrown.code
    : "UNKNOWN";
}
