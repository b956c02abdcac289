/** Times as people read them, in the time zone of this machine. */

export function clockTime(time: string, now: number): string {
  const date = new Date(time);
  const clock = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(":");
  return date.toDateString() === new Date(now).toDateString() ? clock : `${dayOf(date)} ${clock}`;
}

export function dateTime(time: string): string {
  const date = new Date(time);
  return `${dayOf(date)} ${[date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(":")}`;
}

export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  return `${Math.round(ms / 60_000)} min`;
}

const dayOf = (date: Date): string =>
  [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join("-");
const two = (value: number): string => String(value).padStart(2, "0");
