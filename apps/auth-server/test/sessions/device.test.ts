import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { deviceOf } from "../../src/sessions/device.ts";

const NAMES: Readonly<Record<string, string>> = {
  "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36":
    "Chrome on Linux",
  "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15":
    "Safari on macOS",
  "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Version/17.5 Mobile/15E148 Safari/604.1":
    "Safari on iPhone",
  "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/130.0.0.0 Safari/537.36 Edg/130.0.0.0":
    "Edge on Windows",
  "Mozilla/5.0 (Android 14; Mobile; rv:130.0) Gecko/130.0 Firefox/130.0": "Firefox on Android",
  "curl/8.5.0": "curl",
  "<script>alert(1)</script>": "Unknown device",
};

describe("a device's name", () => {
  for (const [userAgent, name] of Object.entries(NAMES)) {
    it(`is ${name} for ${userAgent.slice(0, 30)}`, () => assert.equal(deviceOf(userAgent).name, name));
  }
  it("is there even when the browser sent nothing", () =>
    assert.equal(deviceOf(null).name, "Unknown device"));
});

const TYPES: Readonly<Record<string, string>> = {
  "Mozilla/5.0 (X11; Linux x86_64) Chrome/130.0.0.0 Safari/537.36": "desktop",
  "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) Chrome/130.0.0.0 Safari/537.36": "desktop",
  "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) Version/17.5 Mobile/15E148 Safari/604.1": "mobile",
  "Mozilla/5.0 (Linux; Android 14; Pixel 8) Chrome/130.0.0.0 Mobile Safari/537.36": "mobile",
  "Mozilla/5.0 (Linux; Android 14; SM-X910) Chrome/130.0.0.0 Safari/537.36": "tablet",
  "Mozilla/5.0 (iPad; CPU OS 17_5 like Mac OS X) Version/17.5 Mobile/15E148 Safari/604.1": "tablet",
  "Mozilla/5.0 (SMART-TV; Linux; Tizen 6.0) SamsungBrowser/2.1 TV Safari/537.36": "tv",
  "curl/8.5.0": "other",
};

describe("a device's type", () => {
  for (const [userAgent, type] of Object.entries(TYPES)) {
    it(`is ${type} for ${userAgent.slice(0, 40)}`, () => assert.equal(deviceOf(userAgent).type, type));
  }
});
