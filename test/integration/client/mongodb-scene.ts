import {
  createRotatingClient,
  type RotatingClient,
  type RotatingClientOptions,
} from "../../../client/src/mongodb.ts";
import { type MongoStandIn, startMongoStandIn } from "../../fakes/mongodb-server.ts";
import { type Login, Scene } from "./scene.ts";
import { type Stage, setUpStage } from "./stage.ts";

/** A service's view of one secret for one MongoDB, with the holders that a test opens. */
export class MongoScene extends Scene<MongoStandIn> {
  constructor(store: MongoStandIn, user: string) {
    // The shape of Amazon DocumentDB's secrets.
    super(store, user, { engine: "mongo", host: "127.0.0.1", port: store.port, ssl: false });
  }

  protected createUser(login: Login): Promise<void> {
    return this.setPassword(login);
  }

  protected async setPassword(login: Login): Promise<void> {
    this.store.setPassword(login);
  }

  async open(options: Partial<RotatingClientOptions> = {}): Promise<RotatingClient> {
    const holder = await createRotatingClient({ ...this.rotationOptions, ...options });
    this.closeBy(() => holder.close());
    return holder;
  }
}

export type MongoStage = Stage<MongoStandIn, MongoScene>;

export function setUpMongo(): MongoStage {
  return setUpStage(startMongoStandIn, (store, user) => new MongoScene(store, user));
}

/** User as whom the store answers. */
export async function userOf(holder: RotatingClient): Promise<unknown> {
  const found = await holder.getDatabase("shop").collection("whoami").findOne({});
  return found?.user;
}
