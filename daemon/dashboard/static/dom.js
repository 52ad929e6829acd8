// Elements, numbers and times. Text only ever becomes a text node, so nothing in the desk's answers can be markup.

export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "style") for (const [key, set] of Object.entries(value)) element.style.setProperty(key, set);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== ""));
  return element;
}

export const DASH = "–";
const MINUS = "−";

export function number(value, digits = 2) {
  if (value === null || value === undefined) return DASH;
  const text = Math.abs(value).toLocaleString(undefined, { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return value < 0 && Number(value.toFixed(digits)) !== 0 ? MINUS + text : text;
}

export function percent(value, digits = 1) {
  return value === null || value === undefined ? DASH : `${number(value, digits)} %`;
}

export function signed(value, format) {
  return value > 0 ? `+${format(value)}` : format(value);
}

const FULL = { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" };
const UNITS = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });

export function ago(instant) {
  const seconds = (new Date(instant) - Date.now()) / 1000;
  const [unit, length] = UNITS.find(([, size]) => Math.abs(seconds) >= size) ?? UNITS[3];
  return relative.format(Math.trunc(seconds / length), unit);
}

// An instant in the reader's own time; `ago` in it is kept up to date by refreshTimes.
export function time(instant) {
  if (!instant) return el("span", { class: "faint" }, DASH);
  const when = new Date(instant);
  const year = when.getFullYear() === new Date().getFullYear() ? {} : { year: "numeric" };
  const exact = when.toLocaleString(undefined, { ...FULL, ...year });
  return el("time", { datetime: instant, title: when.toLocaleString(undefined, { dateStyle: "full", timeStyle: "long" }) },
    exact, el("span", { class: "ago" }, ago(instant)));
}

export function day(instant) {
  return el("time", { datetime: instant }, new Date(instant).toLocaleDateString(undefined, { dateStyle: "medium" }));
}

export function refreshTimes() {
  for (const element of document.querySelectorAll("time[datetime] > .ago")) {
    element.textContent = ago(element.parentElement.dateTime);
  }
}

export function table(caption, heads, rows) {
  return el("div", { class: "scroll" },
    el("table", {},
      el("caption", { class: "hidden" }, caption),
      el("thead", {}, el("tr", {}, heads.map(([name, kind]) => el("th", { scope: "col", class: kind }, name)))),
      el("tbody", {}, rows.map((cells) => el("tr", {}, cells.map((cell, at) =>
        el(at ? "td" : "th", { scope: at ? null : "row", class: heads[at][1], "data-label": heads[at][0] }, cell)))))));
}

export function empty(...text) {
  return el("p", { class: "empty" }, text);
}
