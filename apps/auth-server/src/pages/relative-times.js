/**
 * Shows the times of a page as how long ago they were, and exactly when pressed, in the reader's zone. Without this script the page
 * says them in UTC.
 */
const UNITS = [
  ["year", 31_536_000],
  ["month", 2_592_000],
  ["week", 604_800],
  ["day", 86_400],
  ["hour", 3600],
  ["minute", 60],
];
const REFRESH_MS = 60_000;

/** In the language of the page: these words stand in its sentences. A date by itself is as the reader writes dates. */
const words = new Intl.RelativeTimeFormat(document.documentElement.lang, { numeric: "auto" });
const dates = new Intl.DateTimeFormat([...navigator.languages], {
  year: "numeric",
  month: "long",
  day: "numeric",
  hour: "numeric",
  minute: "2-digit",
  timeZoneName: "short",
});

/** Never ahead: the clocks of reader and server may differ. */
function agoText(atMs) {
  const seconds = Math.max(0, (Date.now() - atMs) / 1000);
  const [unit, size] = UNITS.find(([, of]) => seconds >= of) ?? ["second", Number.POSITIVE_INFINITY];
  return words.format(-Math.floor(seconds / size), unit);
}

function show(time) {
  const atMs = Date.parse(time.dateTime);
  const exactText = dates.format(atMs);
  const button = document.createElement("button");
  button.type = "button";
  button.className = "time";
  button.title = exactText;
  let isExact = false;
  const write = () => {
    button.textContent = isExact ? exactText : agoText(atMs);
  };
  button.addEventListener("click", () => {
    isExact = !isExact;
    write();
  });
  write();
  setInterval(write, REFRESH_MS);
  rename(time, exactText);
  time.replaceChildren(button);
}

/** Of the other buttons of its row, whose names say the time too. */
function rename(time, exactText) {
  for (const named of time.closest("li")?.querySelectorAll("[aria-label]") ?? []) {
    named.setAttribute("aria-label", named.getAttribute("aria-label").replace(time.textContent, exactText));
  }
}

for (const time of document.querySelectorAll("time")) show(time);
