import { customType, integer, pgTable, text, timestamp } from "drizzle-orm/pg-core";

/** JSON has no integers of 64 bits, so an id is text everywhere but in the database. */
const bigserial = customType<{ data: string; notNull: true; default: true }>({ dataType: () => "bigserial" });

export const orders = pgTable("orders", {
  id: bigserial("id").primaryKey(),
  item: text("item").notNull(),
  quantity: integer("quantity").notNull(),
  placedAt: timestamp("placed_at", { withTimezone: true }).defaultNow(),
});

export type NewOrder = Pick<typeof orders.$inferInsert, "item" | "quantity">;
