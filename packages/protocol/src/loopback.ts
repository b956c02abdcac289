/** Whether a host, as `URL.hostname` spells it, can only be this machine: plain http to it is read by nobody on the way. */
export const isLoopback = (hostname: string): boolean =>
  hostname === "localhost" || hostname === "[::1]" || /^127(?:\.\d{1,3}){3}$/.test(hostname);
