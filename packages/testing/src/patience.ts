/**
 * How long a test waits for what must come. Nothing is measured by it: a machine that is busy with other things stops a process for
 * seconds, and a test that fails for that says nothing of the code. What comes, comes at once; only what never comes takes this long.
 */
export const PATIENCE_MS = Number(process.env.PORTCULLIS_TEST_PATIENCE_MS ?? 60_000);

/** Options of a test that could hang: longer than what it waits for one after the other. */
export const TIME_LIMIT = { timeout: 4 * PATIENCE_MS } as const;

/** Ends a wait that takes a signal. */
export const patienceSignal = (): AbortSignal => AbortSignal.timeout(PATIENCE_MS);
