/** What a browser says of itself, for its user to know it by. Shown and counted, never trusted: anybody can send any `User-Agent`. */
import type { DeviceType } from "@portcullis/protocol";

export interface Device {
  /** Short, and never empty. */
  readonly name: string;
  readonly type: DeviceType;
  readonly browser: string | undefined;
  readonly os: string | undefined;
}

type Table<Value extends string> = readonly (readonly [RegExp, Value])[];

/** The first that fits counts: most browsers name those that they descend from as well. */
const BROWSERS: Table<string> = [
  [/\bEdg(?:A|iOS)?\//, "Edge"],
  [/\bOPR\//, "Opera"],
  [/\bSamsungBrowser\//, "Samsung Internet"],
  [/\bVivaldi\//, "Vivaldi"],
  [/\b(?:Firefox|FxiOS)\//, "Firefox"],
  [/\b(?:Chrome|Chromium|CriOS|HeadlessChrome)\//, "Chrome"],
  [/\bSafari\//, "Safari"],
  [/\bcurl\//, "curl"],
];

const SYSTEMS: Table<string> = [
  [/\bTizen\b/, "Tizen"],
  [/\bAndroid\b/, "Android"],
  [/\b(?:iPhone|iPod)\b/, "iPhone"],
  [/\biPad\b/, "iPad"],
  [/\bWindows\b/, "Windows"],
  [/\bMac OS X\b|\bMacintosh\b/, "macOS"],
  [/\bCrOS\b/, "ChromeOS"],
  [/\bLinux\b/, "Linux"],
];

/** A tablet with Android is one that does not say `Mobile`. */
const TYPES: Table<DeviceType> = [
  [/\b(?:SMART-TV|SmartTV|Tizen|BRAVIA|AppleTV|GoogleTV|AFT\w+)\b/, "tv"],
  [/\biPad\b|\bTablet\b|\bAndroid\b(?!.*\bMobile\b)/, "tablet"],
  [/\bMobile\b|\biPhone\b|\biPod\b/, "mobile"],
  [/\bWindows NT\b|\bMacintosh\b|\bCrOS\b|\bX11\b|\bLinux\b/, "desktop"],
];

export function deviceOf(userAgent: string | null): Device {
  const found = <Value extends string>(table: Table<Value>) =>
    table.find(([pattern]) => pattern.test(userAgent ?? ""))?.[1];
  const browser = found(BROWSERS);
  const os = found(SYSTEMS);
  return { name: nameOf(browser, os), type: found(TYPES) ?? "other", browser, os };
}

function nameOf(browser: string | undefined, os: string | undefined): string {
  if (browser === undefined) return os === undefined ? "Unknown device" : `A browser on ${os}`;
  return os === undefined ? browser : `${browser} on ${os}`;
}

export interface NamedDevice {
  readonly user_agent: string | null;
  readonly device_name: string | null;
}

/** What its owner calls it, or else what it says of itself. */
export const deviceNameOf = ({ device_name, user_agent }: NamedDevice): string =>
  device_name ?? deviceOf(user_agent).name;
