/** Prometheus text format 0.0.4: by the same name in every process that has metrics. */
export const renderLogMetric = (
  dropped: number,
): string => `# HELP ${NAME} Log lines dropped: nobody read them fast enough.
# TYPE ${NAME} counter
${NAME} ${dropped}
`;

const NAME = "portcullis_log_dropped_total";
