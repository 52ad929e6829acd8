// Asks the desk every five seconds and shows what it says; what has not changed is not drawn again.

import { refreshTimes } from "./dom.js";
import * as sections from "./sections.js";

const EVERY = 5000;
const TOKEN = "nightdesk.token";
const at = (id) => document.getElementById(id);
const pictures = new Map();
let shown = null;
let heard = null;

function ask(address) {
  const token = sessionStorage.getItem(TOKEN);
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  return fetch(address, { headers, cache: "no-cache", signal: AbortSignal.timeout(4 * EVERY) });
}

async function picture(address, image) {
  if (!pictures.has(address)) {
    const response = await ask(address);
    if (response.ok) pictures.set(address, URL.createObjectURL(await response.blob()));
  }
  if (pictures.has(address)) image.src = pictures.get(address);
}

async function view(address, about) {
  const image = at("viewer").querySelector("img");
  image.removeAttribute("src");
  image.alt = about;
  await picture(address, image);
  if (!image.src) image.alt = `${about}: not drawn yet; it is when new bars come`;
  at("viewer").showModal();
}

function say(text, kind) {
  const state = at("state");
  if (state.textContent !== text) state.textContent = text;
  state.className = `pill large ${kind}`;
  document.title = `${text} · Nightdesk`;
}

function fill(id, children) {
  const body = at(id).querySelector(".body") ?? at(id);
  body.replaceChildren(...children);
}

function show(status) {
  say(...sections.health(status));
  at("about").textContent = `Version ${status.version}, up since ${new Date(status.since).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" })}`;
  fill("notices", sections.notices(status));
  fill("glance", sections.glance(status));
  const alerts = sections.alerts(status);
  fill("alerts", alerts);
  at("alerts").hidden = !alerts.length;
  fill("running", sections.running(status));
  at("running").hidden = !status.running.length;
  fill("signals", sections.signals(status));
  fill("models", sections.models(status, picture));
  fill("data", sections.data(status, view));
  fill("jobs", sections.jobs(status));
  fill("backups", sections.backups(status));
  const mine = Intl.DateTimeFormat().resolvedOptions().timeZone;
  at("zone").textContent = `Times are yours (${mine}); the desk keeps its schedule in ${status.time_zone}.`;
  document.body.dataset.ready = "";
}

async function refresh() {
  try {
    const response = await ask("/api/v1/status");
    at("token").hidden = response.status !== 401;
    if (response.status === 401) return say("The desk asks for its token", "warn");
    if (!response.ok) throw new Error(`status ${response.status}`);
    const version = response.headers.get("ETag");
    const status = await response.json();
    heard = new Date();
    if (version !== shown) show(status);
    shown = version;
    say(...sections.health(status));
  } catch (error) {
    say("The desk does not answer", "bad");
    console.warn("nightdesk:", error);
  }
  at("updated").textContent = heard ? `as of ${heard.toLocaleTimeString()}` : "";
  refreshTimes();
}

async function keepRefreshing() {
  if (!document.hidden) await refresh();
  setTimeout(keepRefreshing, EVERY);
}

at("token").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem(TOKEN, at("token-value").value.trim());
  refresh();
});
document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
keepRefreshing();
