/** What servers on one database tell each other, so that the others need not wait for their next look into SQL. */
export type BusMessage =
  /** The log has reached this seq. */
  | { readonly type: "head"; readonly incarnation: string; readonly seq: number }
  /** Verifiers have acknowledged, at the server that says so. */
  | {
      readonly type: "applied";
      readonly incarnation: string;
      readonly replicas: readonly {
        readonly clientId: string;
        readonly name: string;
        readonly applied: number;
      }[];
    };

/**
 * Only speed hangs on it: every message may be lost, come late or come twice. Nothing that a receipt or an allow rests
 * on may be true because of a message alone, save that an acknowledgement was given.
 */
export interface Bus {
  /** Never throws and never waits. */
  publish(message: BusMessage): void;
  /** Messages of the other servers; perhaps our own, too. */
  subscribe(listener: (message: BusMessage) => void): () => void;
  /** Called when the bus is there again after it was not: messages may have been missed. */
  onResume(listener: () => void): () => void;
  close(): Promise<void>;
}

/** For a server that is alone. */
export const silentBus: Bus = {
  publish: () => undefined,
  subscribe: () => () => undefined,
  onResume: () => () => undefined,
  close: async () => undefined,
};

/** Says everything on the first and hears both. Closes the second alone: the first belongs to whoever made it. */
export function joinedBus(first: Bus, second: Bus): Bus {
  const both = (join: (bus: Bus) => () => void) => {
    const leave = [join(first), join(second)];
    return () => {
      for (const stop of leave) stop();
    };
  };
  return {
    publish: (message) => first.publish(message),
    subscribe: (listener) => both((bus) => bus.subscribe(listener)),
    onResume: (listener) => both((bus) => bus.onResume(listener)),
    close: () => second.close(),
  };
}
