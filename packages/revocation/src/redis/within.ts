import type { SetTimer } from "@portcullis/protocol";

/** Rejects with what `onTime` gives when the work takes longer; the work itself is left to whoever began it. */
export async function within<Value>(
  work: Promise<Value>,
  options: { readonly ms: number; readonly setTimer: SetTimer; readonly onTime: () => unknown },
): Promise<Value> {
  let cancel = (): void => {};
  const late = new Promise<never>((_resolve, reject) => {
    cancel = options.setTimer(() => reject(options.onTime()), options.ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    cancel();
  }
}
