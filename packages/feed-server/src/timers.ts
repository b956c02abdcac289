/** Runs `work` again and again, each run after the one before is over. Does not keep the process alive. */
export function every(intervalMs: number, work: () => Promise<void> | void): () => Promise<void> {
  let running: Promise<void> = Promise.resolve();
  let busy = false;
  const timer = setInterval(() => {
    if (busy) return;
    busy = true;
    running = Promise.resolve(work()).finally(() => {
      busy = false;
    });
  }, intervalMs);
  timer.unref();
  return () => {
    clearInterval(timer);
    return running;
  };
}
