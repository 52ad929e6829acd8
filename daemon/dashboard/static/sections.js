// One function a section: from the answer of /api/v1/status to a part of the page.

import { DASH, ago, day, el, empty, number, percent, signed, table, time } from "./dom.js";

const JOBS = {
  data_update: ["Data update", "pulls the newest bars"],
  training: ["Training", "trains a challenger for every model"],
  evaluation: ["Evaluation", "judges recipes by their records, and lets sound versions serve"],
  signals: ["Signals", "publishes the champions' signals"],
  performance_check: ["Performance check", "measures the published signals"],
  backup: ["Backup", "copies models and database"],
  restore_drill: ["Restore drill", "proves that a backup loads and predicts"],
  maintenance: ["Maintenance", "tidies up what is too old to keep"],
  records: ["Records", "computes what recipes would have earned along the history"],
  promotion: ["Promotion", "does what a person decided to serve"],
};
const ACTIONS = { buy: ["▲", "good"], sell: ["▼", "bad"], hold: ["■", "calm"] };
const ENDS = {
  succeeded: "good", partial: "warn", failed: "bad", crashed: "bad", timed_out: "bad",
  skipped: "calm", missed: "warn", cancelled: "calm", running: "busy", waiting: "busy", due: "busy",
};
const STANDINGS = { proven: "good", unproven: "calm", refuted: "bad" };
const VERDICTS = { takes_over: "good", held_back: "warn", refused: "calm", measured: "calm" };
const REASONS = {
  first: "nothing served here, and its recipe is not refuted",
  refresh: "it is the champion on newer data, and decides as that does",
  refresh_unrehearsed: "it is the champion on newer data; how much a retraining changes was not rehearsed yet",
  surely_better: "its record is surely better than that of the recipe which served",
  not_surely_better: "its record is not surely better than that of the recipe which serves",
  inputs_differ: "its inputs are not those of the champion", inputs_frozen: "some of its inputs stand still",
  discontinuous: "it decides too unlike the champion", refuted: "its recipe is refuted",
  unproven: "its recipe is not proven, and only proven ones serve here", serves: "it serves",
  leak: "it has seen the future", no_audit: "it was not checked for look-ahead", pinned: "a person pinned the champion",
  provenance: "it learned from a made-up expert, and the champion from a real one",
};

const label = (job) => JOBS[job]?.[0] ?? job;
const words = (code) => code.replaceAll("_", " ").replaceAll(".", ": ");
const reason = (code) => REASONS[code] ?? words(code);
const pill = (text, kind) => el("span", { class: `pill ${kind}` }, text);
const badge = ({ badge: madeUp }) => (madeUp ? pill(madeUp, "warn") : null);
const kindOf = (modelType) => modelType.replaceAll("_", " ");

const KINDS = { ok: "good", degraded: "warn", down: "bad" };

export function health({ health: worst }) {
  return [worst.title, worst.code === "night.first" ? "busy" : KINDS[worst.state]];
}

export function notices(status) {
  return [
    ...status.conditions.filter((condition) => !listed(condition, status)).map(problemNotice),
    status.provenance_note ? el("p", { class: "notice sample" }, el("strong", {}, status.provenance_note)) : null,
    ...status.notices.map((notice) => el("p", { class: "notice" }, notice)),
  ].filter(Boolean);
}

// Alerts have a section of their own.
const listed = ({ state, code }, status) => state === "degraded" && status.alerts.some((alert) => alert.rule === code);

function problemNotice({ state, title, message, cure }) {
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
  const latest = status.models.map((model) => model.signal).filter(Boolean);
  const missing = status.missing_signals.map(missingSignal);
  if (!latest.length) return missing.length ? missing : [empty("No signals yet. ", next(status), " They appear here when the night has ended.")];
  const heads = [["Symbol"], ["Signal"], ["Position", "num"], ["Confidence", "num"], ["Price", "num"], ["As of"], ["Act by"], ["Expires"], ["Model"]];
  const rows = latest.map((signal) => {
    const [mark, kind] = ACTIONS[signal.action];
    return [
      el("strong", {}, signal.subject === signal.symbol ? signal.symbol : `${signal.subject}: ${signal.symbol}`),
      el("span", { class: "row near" }, el("span", { class: `pill ${signal.stale ? "calm" : kind}` }, `${mark} ${signal.action}`),
        el("span", { title: [signal.sentence, signal.remark].filter(Boolean).join(" ") }, pill(signal.standing, STANDINGS[signal.standing])),
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
function missingSignal({ subject, model_type: modelType, message, cure }) {
  return el("p", { class: "faint" }, el("strong", {}, `${subject} ${kindOf(modelType)}`),
    ` serves, but has no current signal: ${message} `, commands(cure));
}

// A bar to the right of the middle for long, to the left for short.
function leaning(position) {
  const share = Math.min(Math.abs(position), 1) * 50;
  return el("i", { class: position < 0 ? "short" : "long", style: { left: `${position < 0 ? 50 - share : 50}%`, width: `${share}%` } });
}

// The record of a recipe, not one version's luck, is what a card shows.
const FIGURES = [
  ["Years", ({ years }) => (years === null ? DASH : number(years, 1))],
  ["Sharpe", ({ sharpe_ratio: sharpe }) => (sharpe === null ? DASH : number(sharpe))],
  ["Between", ({ sharpe_low: low, sharpe_high: high }) => (low === null ? DASH : `${number(low, 1)}, ${number(high, 1)}`)],
  ["Return", ({ total_return: earned }) => (earned === null ? DASH : signed(earned, percent))],
  ["Drawdown", ({ max_drawdown: depth }) => (depth === null ? DASH : percent(depth))],
  ["Held", ({ exposure }) => percent(exposure * 100, 0)],
  ["Trades", ({ trades }) => number(trades, 0)],
];

// The record of a copy of a trader has no account.
const COPY_FIGURES = [
  ["Copied", ({ accuracy }) => (accuracy === null ? DASH : percent(accuracy))],
  ["Between", ({ accuracy_low: low, accuracy_high: high }) => (low === null ? DASH : `${number(low, 1)}, ${number(high, 1)}`)],
  ["Best simple rule", ({ baselines, best_baseline: best }) => (best === null ? DASH : percent(baselines[best]))],
  ["Same outcome", ({ direction }) => (direction === null ? DASH : percent(direction))],
  ["Replication", ({ replication }) => (replication === null ? DASH : number(replication, 0))],
  ["Markets", ({ markets }) => number(markets, 0)],
];

export function models(status) {
  if (!status.models.length) return [empty("This desk has no symbols and model types to work on.")];
  return [el("div", { class: "cards" }, status.models.map((model) => card(model, status)))];
}

function card(model, status) {
  const { evaluation, record } = model;
  return el("article", { class: "card model" },
    el("header", {},
      el("h3", {}, model.subject, model.champion ? pill("serving", "good") : pill("no champion", "calm"), badge(model),
        model.pinned ? pill("pinned", "warn") : null, model.recommended ? pill("recommended", "busy") : null),
      el("p", { class: "faint" }, kindOf(model.model_type))),
    model.champion
      ? el("p", { class: "faint" }, el("code", { class: "version" }, model.champion), `trained on ${model.provenance} data, ${ago(model.trained_at)}`)
      : empty(evaluation ? "No version serves. The next night trains another." : `Not trained yet. ${next(status)}`),
    record ? standing(record) : null,
    record?.figures ? facts(record.figures) : null,
    record?.since_live ? live(record) : null,
    evaluation ? equity(model, evaluation) : null,
    model.last_verdict ? verdict(model.last_verdict, model.champion) : null,
    model.retraining ? retrained(model.retraining) : null);
}

// Why a model was trained besides the schedule, or why a training by the schedule was due anyway.
function retrained({ started_at: at, run_id: run, own_run: own, diagnoses }) {
  return el("p", { class: "faint" }, own ? "Retrained for a reason " : "Trained by the schedule, and for a reason, ", ago(at),
    ` (training-${run}): `, diagnoses.map(({ message }) => message).join(" "));
}

function standing(record) {
  const left = record.missing ? ` ${record.folds - record.missing} of ${record.folds} parts of its record are computed.` : "";
  return el("p", { class: "verdict" }, pill(record.standing, STANDINGS[record.standing]), el("span", {}, record.sentence + left));
}

function facts(figures) {
  const shown = "best_baseline" in figures ? COPY_FIGURES : FIGURES;
  return el("dl", { class: "facts" }, shown.map(([name, format]) => el("div", {}, el("dt", {}, name), el("dd", {}, format(figures)))));
}

function live(record) {
  const { total_return: earned } = record.since_live;
  return el("p", { class: "faint" }, "Live since ", day(record.live_from), earned === null ? "." : `: ${signed(earned, percent)}.`);
}

function equity(model, evaluation) {
  if (!evaluation.equity_chart) {
    return evaluation.report_page ? el("p", { class: "faint" }, el("a", { href: evaluation.report_page }, "full report")) : null;
  }
  const image = el("img", { alt: `Equity and drawdown of ${model.subject} ${kindOf(model.model_type)} on its record`, loading: "lazy", src: evaluation.equity_chart });
  return el("figure", {}, el("a", { href: evaluation.equity_chart }, image),
    el("figcaption", { class: "faint" }, "Record, ", day(evaluation.first), " to ", day(evaluation.last),
      evaluation.report_page ? [" · ", el("a", { href: evaluation.report_page }, "full report")] : null,
      evaluation.comparison_page ? [" · ", el("a", { href: evaluation.comparison_page }, `all models of ${model.subject}`)] : null));
}

function verdict(evaluation, champion) {
  const version = evaluation.version === champion ? "The serving version" : "The newest challenger";
  const why = evaluation.reasons.map((code) => reason(code)).join(", ");
  return el("p", { class: "verdict" }, pill(words(evaluation.verdict), VERDICTS[evaluation.verdict] ?? "calm"),
    el("span", {}, `${version}, judged ${ago(evaluation.evaluated_at)}${why ? `: ${why}` : ""}.`));
}

export function data(status, view) {
  if (!status.data.length) return [empty("No data yet. ", next(status))];
  const heads = [["Symbol"], ["Health"], ["Bars", "num"], ["Newest"], ["From"], ["Warnings"]];
  const rows = status.data.filter((set) => set.kind === "bars").map((set) => [
    el("strong", {}, set.symbol),
    healthButton(set, view),
    number(set.rows, 0),
    time(set.last),
    el("span", {}, `${set.source}, ${set.interval}`, el("code", { class: "version" }, set.dataset.slice(0, 12))),
    el("span", { class: "faint" }, Object.entries(set.warnings).map(([name, count]) => `${words(name)} ${count}`).join(", ") || "none"),
  ]);
  const tables = status.data.filter((set) => set.kind === "trader_table").map((set) => el("p", { class: "faint" },
    `${set.symbol}: ${number(set.rows, 0)} decisions of a trader in bars of ${set.interval}, made `, time(set.pulled_at), "."));
  return [...(rows.length ? [table("What is stored of each symbol, and how healthy it is", heads, rows)] : []), ...tables];
}

// How far the bars can be trusted; a press on it shows the picture of every session.
function healthButton(set, view) {
  if (set.health === null) return DASH;
  const kind = set.health >= 0.95 ? "good" : set.health >= 0.8 ? "warn" : "bad";
  const button = el("button", { class: "plain-button", type: "button", title: "Show every session" },
    el("meter", { min: 0, max: 1, value: set.health, class: kind, "aria-hidden": "true" }), number(set.health, 3));
  button.addEventListener("click", () => view(set.health_chart, `Health of the bars of ${set.symbol}`));
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
  const before = status.jobs.find((other) => other.job === job.upstream);
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
  const { last_verified: verified, last_proven: restorable, proven_for_the_home: at, places } = status.backups;
  if (!verified) return [empty("No backup yet; one is taken at the end of every night.")];
  return [el("dl", { class: "plain" },
    el("dt", {}, "Last verified"),
    el("dd", {}, time(verified.verified_at), el("span", { class: "note" }, `${verified.name}, ${number(verified.files, 0)} files, ${size(verified.bytes)}`)),
    el("dt", {}, "Last proven restorable, from the home"),
    el("dd", {}, proven(at, restorable && restorable.restored_at === at ? restorable.name : null)),
    el("dt", {}, "Last proven restorable, without the home"),
    el("dd", {}, places.length ? proven(status.backups.proven_for_its_loss, null) : "never; no place outside the home is configured"),
    ...places.flatMap((place) => [
      el("dt", {}, place.place),
      el("dd", {}, place.copied_at ? ["copied ", time(place.copied_at)] : "no copy yet",
        el("span", { class: "note" }, place.proven_at ? ["restored from ", time(place.proven_at)] : "not yet restored from")),
    ]))];
}

function proven(at, name) {
  return at ? [time(at), name ? el("span", { class: "note" }, name) : ""] : "not yet; the restore drill proves it";
}

function size(bytes) {
  return bytes < 1e6 ? `${number(bytes / 1e3, 0)} kB` : `${number(bytes / 1e6, 1)} MB`;
}
