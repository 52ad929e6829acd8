// Asks the desk every five seconds and shows its answer; what has not changed is not redrawn.

import { refreshTimes } from "./dom.js";
import * as sections from "./sections.js";

const EVERY = 5000;
const STATUS = new URL("../api/v1/status", import.meta.url); // below the path under which a proxy serves the desk
const at = (id) => document.getElementById(id);
let shownVersion = null;
let answeredAt = null;

function view(address, title) {
  const image = at("viewer").querySelector("img");
  image.alt = title;
  image.onerror = () => { image.alt = `${title}: not drawn yet; it is when new bars come`; };
  image.src = address;
  at("viewer").showModal();
}

function setState(text, kind) {
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
  setState(...sections.health(status));
  at("about").textContent = `Version ${status.version}, up since ${new Date(status.started_at).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" })}`;
  fill("notices", sections.notices(status));
  fill("glance", sections.glance(status));
  const alerts = sections.alerts(status);
  fill("alerts", alerts);
  at("alerts").hidden = !alerts.length;
  fill("running", sections.running(status));
  at("running").hidden = !status.running.length;
  fill("signals", sections.signals(status));
  fill("models", sections.models(status));
  fill("data", sections.data(status, view));
  fill("jobs", sections.jobs(status));
  fill("backups", sections.backups(status));
  const mine = Intl.DateTimeFormat().resolvedOptions().timeZone;
  at("zone").textContent = `Times are yours (${mine}); the desk keeps its schedule in ${status.time_zone}.`;
  document.body.dataset.ready = "";
}

async function refresh() {
  try {
    const response = await fetch(STATUS, { cache: "no-cache", signal: AbortSignal.timeout(4 * EVERY) });
    at("signed-out").hidden = response.status !== 401;
    if (response.status === 401) return setState("Sign in again", "warn");
    if (!response.ok) throw new Error(`status ${response.status}`);
    const version = response.headers.get("ETag");
    const status = await response.json();
    answeredAt = new Date();
    if (version !== shownVersion) show(status);
    shownVersion = version;
    setState(...sections.health(status));
  } catch (error) {
    setState("The desk does not answer", "bad");
    console.warn("nightdesk:", error);
  }
  at("updated").textContent = answeredAt ? `as of ${answeredAt.toLocaleTimeString()}` : "";
  refreshTimes();
}

async function keepRefreshing() {
  if (!document.hidden) await refresh();
  setTimeout(keepRefreshing, EVERY);
}

document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
keepRefreshing();
