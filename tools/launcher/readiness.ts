import type { Addresses } from "./addresses.ts";

const WITHIN_MS = 30_000;
const EVERY_MS = 50;

/** Waits until the verifiers hold the revocation log and a lease: before that they answer 503. */
export async function untilVerifiersReady(addresses: Addresses, signal: AbortSignal): Promise<void> {
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(WITHIN_MS)]);
  await Promise.all([
    untilOk(`${addresses.management}/readyz`, deadline),
    untilOk(`${addresses.service}/health`, deadline),
  ]);
}

async function untilOk(url: string, signal: AbortSignal): Promise<void> {
  while (!(await isOk(url))) {
    if (signal.aborted) throw new Error(`${url} is not ready; the logs say why.`);
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
  }
}

async function isOk(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(2_000) });
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  }
}
