import { afterAll, afterEach, beforeAll } from "vitest";
import { type LocalBroker, startBroker } from "../../../local/stores/broker.ts";
import { type Database, startDatabase } from "./database.ts";
import { Scene } from "./fixtures.ts";

/** One database and one broker for the tests of a file; there from the first test on. */
export interface Stage {
  readonly database: Database;
  readonly broker: LocalBroker;
  /** A user with a secret that works, told of over the broker; ended after the test. */
  readonly begin: (name: string) => Promise<Scene>;
}

/** Call it once at the top of a test file: it starts and ends everything by the file's own hooks. */
export function setUpStage(): Stage {
  let started: { readonly database: Database; readonly broker: LocalBroker } | undefined;
  const scenes: Scene[] = [];
  const running = () => {
    if (!started) throw new Error("The stage is set up when the first test begins");
    return started;
  };

  beforeAll(async () => {
    const [database, broker] = await Promise.all([startDatabase(), startBroker()]);
    started = { database, broker };
  });
  afterEach(() => Promise.all(scenes.splice(0).map((scene) => scene.end())));
  afterAll(async () => {
    await started?.broker.stop();
    await started?.database.stop();
  });

  return {
    get database() {
      return running().database;
    },
    get broker() {
      return running().broker;
    },
    async begin(name) {
      const { database, broker } = running();
      const scene = await new Scene(database, name).begin();
      scene.useBroker(broker);
      scenes.push(scene);
      return scene;
    },
  };
}
