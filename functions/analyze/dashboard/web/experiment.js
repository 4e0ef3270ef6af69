// The page of one experiment.

import { Refusal, address, read, write } from "./api.js";
import { confirmAndDo, isDangerous, labelOf } from "./actions.js";
import { estimate, level, primary, showCharts } from "./charts.js";
import { el, table, time, update } from "./dom.js";
import * as format from "./format.js";
import { keepFresh } from "./refresh.js";

const NAME = decodeURIComponent(location.pathname.split("/").at(-1));
const PATH = `/ab_test/experiments/${encodeURIComponent(NAME)}`;
const MOST_LINES = 50;
const READ_BY_PEOPLE = ["executive.html", "technical.html", "dashboard.html", "technical.json"];

const place = (id) => document.getElementById(id);
let caller = null;
let line = null;
let results = null;
const seen = {};

async function load() {
  const answer = await read(`/ab_test/dashboard?name=${encodeURIComponent(NAME)}`);
  line = answer.experiments[0];
  caller = answer.caller;
  document.title = `${line.name} · Bakeoff`;
  update(place("head"), ...head());
  showAlerts();
  showModels();
  await Promise.all([
    // Without a look there is nothing to read, and asking would compute it.
    whenChanged("results", line.overview?.computed_at ?? null, async (computedAt) => {
      results = computedAt === null ? null : await read(`${PATH}/stats`);
      showResults();
    }),
    whenChanged("history", line.updated_at, async () => showHistory(await read(`${PATH}/history`))),
    whenChanged("reports", line.overview?.report_id ?? null, async () => showReports((await read(`${PATH}/reports`)).reports)),
  ]);
}

/** Read a part again only where the experiment says that it is another than the one that is shown. */
async function whenChanged(part, version, show) {
  if (seen[part] !== version) {
    await show(version);
    seen[part] = version;
  }
}

function section(id, title, ...content) {
  const shown = content.flat().filter(Boolean);
  place(id).hidden = shown.length === 0;
  update(place(id), ...(shown.length ? [el("h2", { id: `${id}-title` }, title), ...shown] : []));
}

function head() {
  const dates = [
    line.start_time && ["from ", time(line.start_time, format.moment(line.start_time))],
    (line.ended_at ?? line.end_time) && [" to ", time(line.ended_at ?? line.end_time, format.moment(line.ended_at ?? line.end_time))],
  ];
  return [
    el("p", { class: "crumbs" }, el("a", { href: address("/dashboard") }, "All experiments")),
    el("h1", {}, line.name),
    el("p", {}, el("span", { class: `badge ${line.status}` }, line.status), " ",
      el("span", { class: `badge ${line.health}` }, `health: ${line.health}`), " ", dates.flat().filter(Boolean)),
    line.description && el("p", {}, line.description),
    el("p", { class: "detail" },
      `${line.assignment_algorithm}, ${format.percent(line.sample_rate, 0)} of all users, configuration ${line.config_version}. `,
      line.overview
        ? ["Figures of ", time(line.overview.computed_at, format.moment(line.overview.computed_at)), ` (${format.age(line.age_seconds)}).`]
        : "It was not looked at yet."),
    ["stopped", "completed"].includes(line.status) && el("p", {}, `It is over: everybody gets ${line.serving_group}.`),
    ...line.findings.map((finding) => el("p", { class: `finding ${finding.severity}` }, finding.text)),
    line.actions.length
      ? el("div", { class: "buttons", role: "group", "aria-label": "Actions" },
        line.actions.filter(labelOf).map((action) =>
          el("button", { type: "button", "data-key": action, "data-action": action, class: isDangerous(action) ? "danger" : null }, labelOf(action))))
      : null,
  ].filter(Boolean);
}

function showAlerts() {
  section("alerts", "Open alerts", line.alerts.length
    ? el("ul", { class: "alerts" }, line.alerts.map((alert) =>
      el("li", { "data-key": alert.alert_id },
        el("strong", {}, alert.kind), " ", alert.message,
        el("span", { class: "detail" }, "since ", time(alert.opened_at, format.moment(alert.opened_at)),
          alert.acknowledged_by ? `, acknowledged by ${alert.acknowledged_by}` : ""),
        !alert.acknowledged_by && mayChange()
          ? el("button", { type: "button", class: "quiet", "data-action": "acknowledge", "data-alert": alert.alert_id }, `Acknowledge ${alert.kind}`)
          : null)))
    : null);
}

const mayChange = () => caller.may_change;

function showModels() {
  section("models", "Models", line.models.length
    ? table("Models of the groups", ["Group", "Model", "Status", "Predictions", "Stood in", "95% within", "Drift"],
      line.models.map((model) => [
        model.shadow ? `${model.group} (shadow)` : model.group,
        `${model.model_name}:${model.model_version ?? "champion"}`,
        [el("span", { class: `badge ${model.status}` }, model.status), model.reason && el("span", { class: "detail" }, model.reason)].filter(Boolean),
        format.count(model.latest?.predictions),
        format.count(model.latest?.fallbacks),
        model.latest?.p95_ms == null ? "–" : `${format.number(model.latest.p95_ms)} ms`,
        model.latest?.drift ?? "–",
      ]))
    : null);
}

function showResults() {
  if (results === null) {
    for (const id of ["decision", "groups", "comparisons", "charts", "latest"]) {
      place(id).hidden = true;
    }
    return;
  }
  showDecision(results.decision);
  showGroups();
  showComparisons();
  showCharts(place("charts"), results);
  showLatest();
}

function showLatest() {
  section("latest", "Latest report", el("p", {}, "The same figures, with more charts and every test: ",
    ["executive", "technical", "dashboard"].flatMap((kind, index) => [
      index ? " · " : "",
      el("a", { href: address(`${PATH}/reports/latest/${kind}.html`) }, kind),
    ])));
}

function showDecision(decision) {
  const metric = results.metrics.find((each) => each.name === decision.metric);
  const write = (amount) => format.difference(amount, metric?.kind);
  section("decision", "Decision",
    el("p", { class: "verdict" },
      el("span", { class: `badge ${decision.verdict}` }, format.plainVerdict(decision.verdict)), " ",
      decision.group && ["implement", "reject"].includes(decision.verdict) ? el("strong", {}, decision.group) : null),
    el("p", {}, decision.explanation),
    decision.expected_improvement == null ? null : el("p", {},
      `Expected improvement of ${decision.metric}: ${write(decision.expected_improvement)} (${format.interval(decision.interval, write)})`,
      decision.relative_improvement == null ? "" : `, ${format.relative(decision.relative_improvement)} relative`, "."),
    el("h3", {}, "Next steps"),
    el("ul", {}, decision.next_steps.map((step) => el("li", {}, step))),
    planText(),
    el("p", { class: "detail" }, `Rule: ${decision.rule}; basis: ${decision.basis.replaceAll("_", " ")}.`));
}

function planText() {
  const plan = results.plan;
  if (!plan || plan.needed == null) {
    return plan?.reason ? el("p", {}, `Plan: ${plan.reason}.`) : null;
  }
  const needed = format.count(plan.needed);
  return el("p", {}, plan.users < plan.needed
    ? `Plan: ${format.count(plan.users)} of ${needed} users (${format.percent(plan.users / plan.needed, 0)}).`
    : `Plan: ${format.count(plan.users)} users, with ${needed} needed.`);
}

function showGroups() {
  const metrics = results.metrics;
  const total = Object.values(results.groups).reduce((sum, group) => sum + group.n, 0);
  section("groups", "Groups",
    table(`Groups, with ${level(results)} intervals`, ["Group", "Users", "Share", ...metrics.map((metric) => metric.name)],
      Object.entries(results.groups).map(([name, group]) => [
        group.control && name !== "control" ? `${name} (control)` : name,
        format.count(group.n),
        [total ? format.percent(group.n / total, 1) : "–", el("span", { class: "detail" }, `configured ${format.percent(group.configured_share, 1)}`)],
        ...metrics.map((metric) => {
          const found = group.metrics[metric.name];
          const write = (amount) => format.value(amount, metric.kind);
          return [write(estimate(found)), el("span", { class: "detail" }, format.interval(found?.interval, write))];
        }),
      ])),
    el("p", { class: "detail" },
      results.sample_ratio.p_value == null
        ? `Split of users: ${results.sample_ratio.reason ?? "not tested"}.`
        : `Split of users: ${results.sample_ratio.alarm ? "not as configured" : "as configured"} (p ${format.pValue(results.sample_ratio.p_value)}). `,
      `Seen in two groups and left out: ${format.count(results.crossovers)}.`));
}

function showComparisons() {
  const kinds = Object.fromEntries(results.metrics.map((metric) => [metric.name, metric.kind]));
  const lines = Object.entries(results.comparisons).flatMap(([group, comparisons]) =>
    Object.entries(comparisons).map(([metric, found]) => {
      const write = (amount) => format.difference(amount, kinds[metric]);
      return [
        `${group}, ${metric}`,
        found.role,
        found.difference == null ? found.reason ?? "–" : write(found.difference),
        format.interval(found.interval, write),
        format.interval(found.always_valid_interval, write),
        format.relative(found.relative_difference),
        format.pValue(found.adjusted_p_value),
      ];
    }));
  const control = Object.entries(results.groups).find(([, group]) => group.control)[0];
  section("comparisons", "Comparisons", lines.length
    ? [
      el("p", {}, `Each against ${control}; the primary metric is ${primary(results)?.name ?? "not named"}.`),
      table("Comparisons with the control",
        ["Group, metric", "Role", "Difference", `${level(results)} interval, one look`, "Interval, any number of looks", "Relative", "Adjusted p"],
        lines),
    ]
    : null);
}

function showHistory(entries) {
  const newest = [...entries].reverse();
  section("history", "History", newest.length
    ? [
      table("Changes of the configuration, newest first", ["When", "What", "Who", "Changes"],
        newest.slice(0, MOST_LINES).map((entry) => [
          time(entry.at, format.moment(entry.at)),
          entry.action,
          entry.actor,
          [
            (entry.changes ?? []).map((change) => change.field ?? change.path ?? change.loc).filter(Boolean).join(", ") || "–",
            entry.evidence ? el("details", {}, el("summary", {}, "Evidence"), el("pre", {}, JSON.stringify(entry.evidence, null, 2))) : null,
          ].filter(Boolean),
        ])),
      newest.length > MOST_LINES ? el("p", { class: "detail" }, `The last ${MOST_LINES} of ${format.count(newest.length)}.`) : null,
    ]
    : null);
}

function showReports(reports) {
  const links = (report) => READ_BY_PEOPLE
    .filter((file) => report.links[file])
    .flatMap((file, index) => [index ? " · " : "", el("a", { href: address(report.links[file]) }, file.replace(".html", ""))]);
  section("reports", "Reports",
    el("div", { class: "buttons" },
      el("button", { type: "button", class: "quiet", "data-key": "make", "data-action": "report" }, "Make a report now")),
    reports.length
      ? table("Reports, newest first", ["Made", "Reports"],
        reports.slice(0, MOST_LINES).map((report) => [time(report.created_at, format.moment(report.created_at)), links(report)]))
      : el("p", {}, "There is no report yet."));
}

async function makeReport(button) {
  button.disabled = true;
  announce("A report is being made.");
  try {
    await write(`${PATH}/reports`);
    announce("The report is made.");
  } catch (refused) {
    announce(refused instanceof Refusal ? refused.message : "The report could not be made.");
  } finally {
    button.disabled = false;
  }
  await refresh();
}

function announce(text) {
  place("done").textContent = text;
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-action]");
  if (!button) {
    return;
  }
  if (button.dataset.action === "report") {
    await makeReport(button);
    return;
  }
  const alert = line.alerts.find((each) => each.alert_id === button.dataset.alert) ?? null;
  const outcome = await confirmAndDo(button.dataset.action, line, alert);
  if (outcome !== null) {
    announce(outcome);
    await refresh();
    if (!document.activeElement || document.activeElement === document.body) {
      place("main").focus({ preventScroll: true });
    }
  }
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => results && showCharts(place("charts"), results));

const refresh = keepFresh(load);
