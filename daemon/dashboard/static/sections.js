// One function a section: from what /api/v1/status says to what stands on the page.

import { DASH, ago, day, el, empty, number, percent, signed, table, time } from "./dom.js";

const JOBS = {
  data_update: ["Data update", "pulls the newest bars"],
  training: ["Training", "trains a challenger for every model"],
  evaluation: ["Evaluation", "judges challengers on bars they have not seen"],
  signals: ["Signals", "publishes what the champions say"],
  performance_check: ["Performance check", "measures what was really said"],
  backup: ["Backup", "copies models and database"],
  restore_drill: ["Restore drill", "proves that a backup loads and predicts"],
  maintenance: ["Maintenance", "tidies up what is too old to keep"],
  walk_forward: ["Walk-forward", "trains and tests again and again through the history"],
};
const ACTIONS = { buy: ["▲", "good"], sell: ["▼", "bad"], hold: ["■", "calm"] };
const ENDS = {
  succeeded: "good", partial: "warn", failed: "bad", crashed: "bad", timed_out: "bad",
  skipped: "calm", missed: "warn", cancelled: "calm", running: "busy", waiting: "busy", due: "busy",
};
const VERDICTS = { better: "good", worse: "bad", inconclusive: "calm" };
const REASONS = {
  sharpe_diff: { better: "higher Sharpe ratio than the champion before it, or than cash", worse: "lower Sharpe ratio", inconclusive: "no clear gain in Sharpe ratio" },
  deflated_sharpe: "after so many attempts it may be luck", total_return: "it lost money", drawdown: "deeper drawdown", too_few_trades: "too few trades to tell",
  undefined: "the figures cannot be computed", drift: "its inputs have drifted", leak: "it has seen the future",
};

const label = (job) => JOBS[job]?.[0] ?? job;
const words = (code) => code.replaceAll("_", " ").replaceAll(".", ": ");
const reason = (code, verdict) => REASONS[code]?.[verdict] ?? REASONS[code] ?? words(code);
const pill = (text, kind) => el("span", { class: `pill ${kind}` }, text);
const badge = ({ badge: madeUp }) => (madeUp ? pill(madeUp, "warn") : null);
const kindOf = (modelType) => modelType.replaceAll("_", " ");

const KINDS = { ok: "good", degraded: "warn", down: "bad" };

export function health({ health: worst }) {
  return [worst.title, worst.code === "night.first" ? "busy" : KINDS[worst.state]];
}

export function notices(status) {
  return [
    ...status.conditions.filter((condition) => !listed(condition, status)).map(amiss),
    status.provenance_note ? el("p", { class: "notice sample" }, el("strong", {}, status.provenance_note)) : null,
    ...status.notices.map((notice) => el("p", { class: "notice" }, notice)),
  ].filter(Boolean);
}

// Alerts have a section of their own.
const listed = ({ state, code }, status) => state === "degraded" && status.alerts.some((alert) => alert.rule === code);

function amiss({ state, title, message, cure }) {
  return el("div", { class: `notice ${KINDS[state]}` }, el("strong", {}, title), el("p", {}, message),
    cure ? el("p", {}, el("strong", {}, "What to do: "), commands(cure)) : null);
}

// `a command` in backticks becomes code.
function commands(text) {
  return text.split("`").map((part, at) => (at % 2 ? el("code", {}, part) : part));
}

// What a reader may expect next, for every place where there is nothing to show yet.
function next(status) {
  const [run] = status.running;
  if (run) return `${label(run.job)} is ${run.state === "waiting" ? "waiting for its data" : "running"} now.`;
  const [job] = status.jobs.filter((job) => job.next_run).sort((a, b) => new Date(a.next_run) - new Date(b.next_run));
  return job ? `Next is the ${label(job.job).toLowerCase()}, ${ago(job.next_run)}.` : "No job is scheduled.";
}

export function glance(status) {
  const current = status.models.filter((model) => model.signal && !model.signal.stale).length;
  const champions = status.models.filter((model) => model.champion).length;
  const [soon] = status.jobs.filter((job) => job.next_run).sort((a, b) => new Date(a.next_run) - new Date(b.next_run));
  const backup = status.backups.last_verified;
  const tile = (name, value, note) => el("div", {}, el("dt", {}, name), el("dd", {}, value), el("dd", { class: "faint" }, note));
  return [
    tile("Current signals", `${current} of ${status.models.length}`, "not expired"),
    tile("Champions", `${champions} of ${status.models.length}`, "models that serve"),
    tile("Next job", soon ? label(soon.job) : DASH, soon ? time(soon.next_run) : "nothing is scheduled"),
    tile("Last backup", backup ? ago(backup.taken_at) : "none yet", backup ? "verified" : "one is taken at the end of the night"),
  ];
}

export function running(status) {
  return status.running.map((run) => {
    const fraction = run.progress?.fraction;
    const tasks = run.progress?.tasks ?? [];
    return el("article", { class: "card" },
      el("h3", {}, label(run.job), pill(run.state, "busy")),
      el("p", { class: "faint" }, JOBS[run.job]?.[1], run.started_at ? el("span", {}, ", since ", time(run.started_at)) : null),
      el("progress", { max: 1, value: fraction ?? null, "aria-label": `${label(run.job)} progress` }),
      el("p", { class: "row" },
        el("span", {}, run.progress?.total ? `${run.progress.done} of ${run.progress.total} tasks` : "starting"),
        el("span", {}, fraction === null || fraction === undefined ? "" : `${Math.floor(fraction * 100)} %`)),
      tasks.length ? el("ul", { class: "tasks" }, tasks.map((task) =>
        el("li", { class: "row" }, el("span", {}, task.subject.replaceAll("_", " ")), el("span", { class: "faint" }, task.message)))) : null);
  });
}

export function signals(status) {
  const said = status.models.map((model) => model.signal).filter(Boolean);
  const missing = status.missing_signals.map(silent);
  if (!said.length) return missing.length ? missing : [empty("No signals yet. ", next(status), " They appear here when the night has ended.")];
  const heads = [["Symbol"], ["Signal"], ["Position", "num"], ["Confidence", "num"], ["Price", "num"], ["As of"], ["Act by"], ["Expires"], ["Model"]];
  const rows = said.map((signal) => {
    const [mark, kind] = ACTIONS[signal.action];
    return [
      el("strong", {}, signal.subject === signal.symbol ? signal.symbol : `${signal.subject}: ${signal.symbol}`),
      el("span", { class: "row near" }, el("span", { class: `pill ${signal.stale ? "calm" : kind}` }, `${mark} ${signal.action}`),
        signal.stale ? pill("expired", "warn") : null, badge(signal)),
      [el("span", { class: "lean", "aria-hidden": "true" }, leaning(signal.position)), signed(signal.position, number)],
      [el("meter", { min: 0, max: 1, value: signal.confidence, "aria-hidden": "true" }), percent(signal.confidence * 100, 0)],
      number(signal.price),
      time(signal.as_of),
      time(signal.act_by),
      time(signal.expires_at),
      el("span", {}, kindOf(signal.model_type), el("code", { class: "version" }, signal.version)),
    ];
  });
  return [table("The newest signal of every symbol and model", heads, rows), ...missing];
}

// A champion that serves without a current signal, and why.
function silent({ subject, model_type: modelType, message, cure }) {
  return el("p", { class: "faint" }, el("strong", {}, `${subject} ${kindOf(modelType)}`),
    ` serves, but has no current signal: ${message} `, commands(cure));
}

// A bar to the right of the middle for long, to the left for short.
function leaning(position) {
  const share = Math.min(Math.abs(position), 1) * 50;
  return el("i", { class: position < 0 ? "short" : "long", style: { left: `${position < 0 ? 50 - share : 50}%`, width: `${share}%` } });
}

const METRICS = [
  ["Sharpe", "sharpe_ratio", number],
  ["Return", "total_return", (value) => signed(value, percent)],
  ["Drawdown", "max_drawdown", percent],
  ["Win rate", "win_rate", percent],
  ["Trades", "trades", (value) => number(value, 0)],
];

export function models(status, picture) {
  if (!status.models.length) return [empty("This desk has no symbols and model types to work on.")];
  return [el("div", { class: "cards" }, status.models.map((model) => card(model, status, picture)))];
}

function card(model, status, picture) {
  const judged = model.evaluation;
  return el("article", { class: "card model" },
    el("header", {},
      el("h3", {}, model.subject, model.champion ? pill("serving", "good") : pill("no champion", "calm"), badge(model)),
      el("p", { class: "faint" }, kindOf(model.model_type))),
    model.champion
      ? el("p", { class: "faint" }, el("code", { class: "version" }, model.champion), `trained on ${model.provenance} data, ${ago(model.trained_at)}`)
      : empty(judged ? "No version was good enough to serve. The next night trains another." : `Not trained yet. ${next(status)}`),
    judged ? facts(judged) : null,
    judged ? equity(model, judged, picture) : null,
    model.last_verdict ? verdict(model.last_verdict, model.champion) : null);
}

function facts(judged) {
  return el("dl", { class: "facts" }, METRICS.map(([name, key, format]) =>
    el("div", {}, el("dt", {}, name), el("dd", { class: judged.metrics[key] < 0 && key !== "max_drawdown" ? "negative" : null },
      judged.metrics[key] === null || judged.metrics[key] === undefined ? DASH : format(judged.metrics[key])))));
}

function equity(model, judged, picture) {
  if (!judged.picture) return null;
  const image = el("img", { alt: `Equity and drawdown of ${model.subject} ${kindOf(model.model_type)} on unseen bars`, loading: "lazy" });
  picture(judged.picture, image);
  return el("figure", {}, el("a", { href: judged.picture }, image),
    el("figcaption", { class: "faint" }, "Unseen bars, ", day(judged.first), " to ", day(judged.last),
      judged.page ? [" · ", el("a", { href: judged.page }, "full report")] : null,
      judged.comparison ? [" · ", el("a", { href: judged.comparison }, `all models of ${model.subject}`)] : null));
}

function verdict(judged, champion) {
  const who = judged.version === champion ? "The serving version" : "The newest challenger";
  const why = judged.reasons.map((code) => reason(code, judged.verdict)).join(", ");
  return el("p", { class: "verdict" }, pill(judged.verdict, VERDICTS[judged.verdict]),
    el("span", {}, `${who}, judged ${ago(judged.evaluated_at)}${why ? `: ${why}` : ""}.`));
}

export function data(status, view) {
  if (!status.data.length) return [empty("No data yet. ", next(status))];
  const heads = [["Symbol"], ["Health"], ["Bars", "num"], ["Newest"], ["From"], ["Found in it"]];
  const rows = status.data.filter((set) => set.kind === "bars").map((set) => [
    el("strong", {}, set.symbol),
    wellness(set, view),
    number(set.rows, 0),
    time(set.last),
    el("span", {}, `${set.source}, ${set.interval}`, el("code", { class: "version" }, set.dataset.slice(0, 12))),
    el("span", { class: "faint" }, Object.entries(set.warnings).map(([name, count]) => `${words(name)} ${count}`).join(", ") || "nothing odd"),
  ]);
  const tables = status.data.filter((set) => set.kind === "trader_table").map((set) => el("p", { class: "faint" },
    `${set.symbol}: ${number(set.rows, 0)} decisions of a trader in bars of ${set.interval}, made `, time(set.pulled_at), "."));
  return [...(rows.length ? [table("What is stored of each symbol, and how healthy it is", heads, rows)] : []), ...tables];
}

// How far the bars can be trusted; a press on it shows the picture of every session.
function wellness(set, view) {
  if (set.health === null) return DASH;
  const kind = set.health >= 0.95 ? "good" : set.health >= 0.8 ? "warn" : "bad";
  const button = el("button", { class: "plain-button", type: "button", title: "Show every session" },
    el("meter", { min: 0, max: 1, value: set.health, class: kind, "aria-hidden": "true" }), number(set.health, 3));
  button.addEventListener("click", () => view(set.picture, `Health of the bars of ${set.symbol}`));
  return button;
}

export function jobs(status) {
  const heads = [["Job"], ["When"], ["Next run"], ["Last run"]];
  const rows = status.jobs.map((job) => [
    el("span", {}, el("strong", {}, label(job.job)), el("span", { class: "note" }, JOBS[job.job]?.[1])),
    job.schedule,
    upcoming(job, status),
    job.last_run ? lastRun(job.last_run) : el("span", { class: "faint" }, "not yet"),
  ]);
  return [table("Every job, when it starts next and how it went last", heads, rows)];
}

function upcoming(job, status) {
  if (!job.enabled) return pill("off", "calm");
  if (job.paused) return pill("paused", "warn");
  if (job.next_run) return time(job.next_run);
  const first = beginning(job, status);
  return first?.next_run ? el("span", {}, "after ", time(first.next_run)) : DASH;
}

// The job with a time of its own that brings this one, be it through others.
function beginning(job, status) {
  const before = status.jobs.find((other) => other.job === job.follows);
  return before && !before.next_run ? beginning(before, status) : before;
}

function lastRun(run) {
  return el("span", { class: "row near" }, pill(run.state.replaceAll("_", " "), ENDS[run.state]),
    time(run.finished_at ?? run.started_at ?? run.scheduled_for),
    run.cause ? el("span", { class: "note" }, words(run.cause)) : null);
}

// What stands in a notice already, the failure of a job, is not shown twice.
export function alerts(status) {
  const failed = new Set(status.conditions.map(({ job }) => job));
  const others = status.alerts.filter(({ rule, subject }) => rule !== "run.failed" || !failed.has(subject));
  return others.map((alert) => el("article", { class: `notice ${alert.state === "firing" ? "bad" : "warn"}` },
    el("h3", {}, alert.subject.replaceAll("_", " "), pill(alert.state, alert.state === "firing" ? "bad" : "warn")),
    el("p", {}, alert.message),
    el("p", { class: "faint" }, alert.cure, " Since ", time(alert.since), ".")));
}

export function backups(status) {
  const { last_verified: verified, last_proven: restorable } = status.backups;
  if (!verified) return [empty("No backup yet; one is taken at the end of every night.")];
  return [el("dl", { class: "plain" },
    el("dt", {}, "Last verified"),
    el("dd", {}, time(verified.verified_at), el("span", { class: "note" }, `${verified.name}, ${number(verified.files, 0)} files, ${size(verified.bytes)}`)),
    el("dt", {}, "Last proven restorable"),
    el("dd", {}, restorable ? [time(restorable.restored_at), el("span", { class: "note" }, restorable.name)] : "not yet; the restore drill proves it"))];
}

function size(bytes) {
  return bytes < 1e6 ? `${number(bytes / 1e3, 0)} kB` : `${number(bytes / 1e6, 1)} MB`;
}
