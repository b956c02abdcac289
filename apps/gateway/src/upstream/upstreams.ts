import type { Route, UpstreamSettings } from "../config/configuration.ts";
import type { Field } from "../headers/field-kind.ts";
import { Upstream } from "./upstream.ts";

/** Every service once, whichever routes lead to it. */
export class Upstreams {
  readonly #byOrigin: ReadonlyMap<string, Upstream>;

  constructor(routes: readonly Route[], settings: UpstreamSettings, fieldNamed: (spelling: string) => Field) {
    const origins = new Set(routes.map((route) => route.upstream));
    this.#byOrigin = new Map(
      [...origins].map((origin) => [origin, new Upstream(origin, settings, fieldNamed)]),
    );
  }

  of(route: Route): Upstream {
    return this.#byOrigin.get(route.upstream)!;
  }

  close(): void {
    for (const upstream of this.#byOrigin.values()) upstream.close();
  }
}
