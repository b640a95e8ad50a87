import { afterAll, afterEach, beforeAll } from "vitest";
import { type LocalBroker, startBroker } from "../../../local/stores/broker.ts";
import type { Scene } from "./scene.ts";

/** One store and one broker for the tests of a file; there from the first test on. */
export interface Stage<Store, StoreScene> {
  readonly store: Store;
  readonly broker: LocalBroker;
  /** A user with a secret that works, told of over the broker; ended after the test. */
  readonly begin: (user: string) => Promise<StoreScene>;
}

/** Call it once in a test file, or in its outermost `describe`: it starts and ends everything by hooks there. */
export function setUpStage<Store extends { stop(): Promise<void> }, StoreScene extends Scene<Store>>(
  startStore: () => Promise<Store>,
  createScene: (store: Store, user: string) => StoreScene,
): Stage<Store, StoreScene> {
  let started: { readonly store: Store; readonly broker: LocalBroker } | undefined;
  const scenes: StoreScene[] = [];
  const running = () => {
    if (!started) throw new Error("The stage is set up when the first test begins");
    return started;
  };

  beforeAll(async () => {
    const [store, broker] = await Promise.all([startStore(), startBroker()]);
    started = { store, broker };
  });
  afterEach(() => Promise.all(scenes.splice(0).map((scene) => scene.end())));
  afterAll(async () => {
    await started?.broker.stop();
    await started?.store.stop();
  });

  return {
    get store() {
      return running().store;
    },
    get broker() {
      return running().broker;
    },
    async begin(user) {
      const { store, broker } = running();
      const scene = createScene(store, user);
      scene.useBroker(broker);
      scenes.push(scene);
      return scene.begin();
    },
  };
}
