// The page of all experiments: read, filtered, sorted, shown.

import { address, read } from "./api.js";
import { el, time, update } from "./dom.js";
import { age, count, day, difference, interval, moment, plainVerdict, relative } from "./format.js";
import { keepFresh } from "./refresh.js";

const MOST_FINDINGS = 2;
const HEALTH_ORDER = ["problem", "warning", "unknown", "ok"];
const STATUS_ORDER = ["running", "paused", "draft", "stopped", "completed"];
const VERDICT_ORDER = ["invalid", "implement", "reject", "continue_testing", "no_data"];

const rows = document.getElementById("rows");
const totals = document.getElementById("totals");
const shown = document.getElementById("shown");
const filters = document.getElementById("filters");

const asked = new URLSearchParams(location.search);
const sorting = { by: asked.get("sort") ?? "name", down: asked.get("down") === "1" };
let experiments = [];

const SORTED_BY = {
  name: (line) => line.name,
  status: (line) => STATUS_ORDER.indexOf(line.status),
  users: (line) => line.overview?.users ?? -1,
  effect: (line) => line.overview?.effect?.relative_difference ?? line.overview?.effect?.difference ?? -Infinity,
  decision: (line) => (line.overview ? VERDICT_ORDER.indexOf(line.overview.decision.verdict) : VERDICT_ORDER.length),
  health: (line) => HEALTH_ORDER.indexOf(line.health),
  alerts: (line) => line.alerts.length,
  age: (line) => line.age_seconds ?? Infinity,
};

async function load() {
  const found = [];
  let after = "";
  do {
    const answer = await read(`/ab_test/dashboard?after=${encodeURIComponent(after)}`);
    found.push(...answer.experiments);
    after = answer.next_after;
  } while (after !== null);
  experiments = found;
  show();
}

function show() {
  const wanted = new FormData(filters);
  const text = wanted.get("text").trim().toLowerCase();
  const matching = experiments.filter(
    (line) =>
      (!text || line.name.toLowerCase().includes(text) || line.description.toLowerCase().includes(text)) &&
      (!wanted.get("status") || line.status === wanted.get("status")) &&
      (!wanted.get("verdict") || line.overview?.decision.verdict === wanted.get("verdict")) &&
      (!wanted.get("attention") || needsAttention(line)),
  );
  const value = SORTED_BY[sorting.by] ?? SORTED_BY.name;
  matching.sort((one, other) => compare(value(one), value(other)) * (sorting.down ? -1 : 1) || compare(one.name, other.name));
  update(rows, matching.map(row));
  update(totals, summary());
  const text_ = matching.length === experiments.length
    ? `${count(experiments.length)} experiments`
    : `${count(matching.length)} of ${count(experiments.length)} experiments`;
  // The same text again would be read out again.
  if (shown.textContent !== text_) {
    shown.textContent = text_;
  }
  for (const head of document.querySelectorAll("th[role=columnheader]")) {
    const by = head.firstElementChild.dataset.sort;
    if (by === sorting.by) {
      head.setAttribute("aria-sort", sorting.down ? "descending" : "ascending");
    } else {
      head.removeAttribute("aria-sort");
    }
  }
}

function compare(one, other) {
  return one < other ? -1 : one > other ? 1 : 0;
}

function needsAttention(line) {
  const verdict = line.overview?.decision.verdict;
  const decided = ["running", "paused"].includes(line.status) && ["implement", "reject", "invalid"].includes(verdict);
  return line.alerts.length > 0 || line.health === "problem" || line.health === "warning" || decided;
}

function summary() {
  const running = experiments.filter((line) => line.status === "running");
  const figures = [
    ["running", running.length],
    ["open alerts", experiments.reduce((sum, line) => sum + line.alerts.length, 0)],
    ["with a problem", experiments.filter((line) => line.health === "problem").length],
    ["need attention", experiments.filter(needsAttention).length],
  ];
  return figures.map(([name, figure]) => el("li", {}, el("strong", {}, count(figure)), ` ${name}`));
}

function row(line) {
  const cell = (label, ...content) => el("td", { role: "cell", "data-label": label }, el("div", {}, ...content));
  return el(
    "tr",
    { role: "row", "data-key": line.name },
    el(
      "th",
      { role: "rowheader", scope: "row" },
      el("a", { href: address(`/dashboard/experiments/${encodeURIComponent(line.name)}`) }, line.name),
      line.description && el("span", { class: "description" }, line.description),
    ),
    cell("Status", el("span", { class: `badge ${line.status}` }, line.status)),
    cell("Users", ...users(line.overview)),
    cell("Effect", ...effect(line.overview?.effect)),
    cell("Decision", ...decision(line.overview?.decision)),
    cell("Health", el("span", { class: `badge ${line.health}` }, line.health), ...findings(line)),
    cell("Alerts", ...alerts(line.alerts)),
    cell("Figures of", ...figuresOf(line)),
  );
}

function users(overview) {
  if (!overview) {
    return ["–"];
  }
  const last = overview.traffic.at(-1);
  const planned = overview.planned_users > overview.users ? ` of ${count(overview.planned_users)}` : "";
  return [
    el("strong", {}, count(overview.users)),
    planned,
    last ? el("span", { class: "detail" }, `${count(last.users)} new on ${day(last.date)} (UTC)`) : null,
  ];
}

function effect(found) {
  if (!found) {
    return ["–"];
  }
  const write = (amount) => difference(amount, found.kind);
  return [
    el("strong", {}, found.relative_difference === null ? write(found.difference) : relative(found.relative_difference)),
    ` ${found.metric}`,
    el("span", { class: "detail" }, `${found.group}: ${write(found.difference)} (${interval(found.interval, write)})`),
  ];
}

function decision(made) {
  if (!made) {
    return ["–"];
  }
  return [
    el("span", { class: `badge ${made.verdict}` }, plainVerdict(made.verdict)),
    el("span", { class: "detail" }, made.headline),
  ];
}

function findings(line) {
  const more = line.findings.length - MOST_FINDINGS;
  return [
    ...line.findings.slice(0, MOST_FINDINGS).map((finding) => el("span", { class: "detail" }, finding.text)),
    more > 0 ? el("span", { class: "detail" }, `and ${more} more`) : null,
  ];
}

function alerts(open) {
  if (!open.length) {
    return ["none"];
  }
  return [
    el("strong", {}, `${open.length} open`),
    ...open.map((alert) =>
      el("span", { class: "detail" }, `${alert.kind}${alert.acknowledged_by ? " (acknowledged)" : ""}`),
    ),
  ];
}

function figuresOf(line) {
  if (!line.overview) {
    return ["no look yet"];
  }
  return [
    time(line.overview.computed_at, age(line.age_seconds)),
    el("span", { class: "detail" }, moment(line.overview.computed_at)),
  ];
}

function remember() {
  const kept = new URLSearchParams();
  for (const [name, value] of new FormData(filters)) {
    if (value) {
      kept.set(name, value);
    }
  }
  if (sorting.by !== "name" || sorting.down) {
    kept.set("sort", sorting.by);
    kept.set("down", sorting.down ? "1" : "0");
  }
  history.replaceState(null, "", kept.size ? `?${kept}` : location.pathname);
}

for (const field of filters.elements) {
  if (asked.has(field.name)) {
    if (field.type === "checkbox") {
      field.checked = true;
    } else {
      field.value = asked.get(field.name);
    }
  }
}
filters.addEventListener("submit", (event) => event.preventDefault());
filters.addEventListener("input", () => {
  remember();
  show();
});
for (const button of document.querySelectorAll("[data-sort]")) {
  button.addEventListener("click", () => {
    const same = sorting.by === button.dataset.sort;
    sorting.down = same ? !sorting.down : !["name", "status", "decision", "health"].includes(button.dataset.sort);
    sorting.by = button.dataset.sort;
    remember();
    show();
  });
}
keepFresh(load);
