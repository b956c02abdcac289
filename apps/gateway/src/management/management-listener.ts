import type { Server } from "node:http";
import { createMetrics, managementListener as listenerOf } from "@portcullis/service";
import { metricFamilies } from "./metrics.ts";
import { readStatus, type StatusSources } from "./status.ts";

interface ManagementListenerOptions extends StatusSources {
  /** Whether the numbers of the process are told, too. */
  readonly ofProcess: boolean;
}

/** Returns the listener for operators. Ready is who serves requests, so a load balancer may send some. */
export function managementListener({ ofProcess, ...sources }: ManagementListenerOptions): Server {
  const status = () => readStatus(sources);
  const metrics = createMetrics({
    families: metricFamilies(status),
    droppedLogLines: sources.droppedLogLines,
    ofProcess,
  });
  return listenerOf({
    readiness: () => readinessOf(sources),
    metrics: () => metrics.metrics(),
    pages: { "/status": status },
  });
}

function readinessOf(sources: StatusSources) {
  const { ready, draining, replica } = readStatus(sources);
  return { ready, draining, replica: replica.state };
}
