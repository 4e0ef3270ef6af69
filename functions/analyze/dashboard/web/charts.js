// The charts of an experiment, each with its figures in a table beside it.

import { el, table } from "./dom.js";
import { count, day, difference, interval, isRate, moment, percent, value } from "./format.js";

const COLOURS = ["--series-1", "--series-2", "--series-3", "--series-4", "--series-5", "--series-6"];

const DAYS_WITH_A_TICK_EACH = 7;

const drawn = new Map();

/** Draw what the results hold. */
export function showCharts(place, results) {
  const charts = [ratesChart(results), ...effectCharts(results), usersChart(results), weightsChart(results)].filter(Boolean);
  place.hidden = charts.length === 0;
  if (!document.getElementById("charts-title")) {
    place.prepend(el("h2", { id: "charts-title" }, "Charts"));
  }
  const names = new Set(charts.map((chart) => chart.name));
  for (const [name, figure] of drawn) {
    if (!names.has(name)) {
      figure.remove();
      drawn.delete(name);
    }
  }
  for (const chart of charts) {
    draw(place, chart);
  }
}

function draw(place, chart) {
  const content = JSON.stringify([chart, matchMedia("(prefers-color-scheme: dark)").matches]);
  let figure = drawn.get(chart.name);
  if (figure?.dataset.content === content) {
    return;
  }
  if (!figure) {
    figure = el("figure", { class: "chart" }, el("div", { class: "plot", role: "img" }), el("figcaption", {}, chart.caption));
    drawn.set(chart.name, figure);
    place.append(figure);
  }
  figure.dataset.content = content;
  const plot = figure.firstElementChild;
  plot.setAttribute("aria-label", `${chart.caption} The figures are in the table below.`);
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const axis = { gridcolor: colour("--line"), linecolor: colour("--line"), zerolinecolor: colour("--muted"), automargin: true };
  const layout = {
    autosize: true,
    height: 300,
    margin: { l: 8, r: 16, t: 16, b: 8 },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { color: colour("--text"), size: 13 },
    legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0 },
    hovermode: "closest",
    ...chart.layout,
    xaxis: { ...axis, ...chart.layout.xaxis },
    yaxis: { ...axis, ...chart.layout.yaxis },
  };
  const traces = chart.traces.map((trace, index) => painted(trace, colour(COLOURS[(trace.colour ?? index) % COLOURS.length])));
  globalThis.Plotly.react(plot, traces, layout, { responsive: true, displayModeBar: false });
  const details = el("details", {}, el("summary", {}, "Figures of this chart"), table(chart.caption, chart.columns, chart.rows));
  const former = figure.querySelector("details");
  if (former) {
    details.open = former.open;
    former.replaceWith(details);
  } else {
    figure.append(details);
  }
}

function painted({ colour: _colour, band, ...trace }, colour) {
  if (band) {
    return { ...trace, line: { width: 0, color: colour }, fillcolor: faint(colour) };
  }
  return { ...trace, marker: { color: colour, size: 9, ...trace.marker }, line: { color: colour, ...trace.line } };
}

function faint(colour) {
  const [red, green, blue] = [1, 3, 5].map((start) => parseInt(colour.slice(start, start + 2), 16));
  return `rgba(${red}, ${green}, ${blue}, 0.2)`;
}

function ratesChart(results) {
  const metric = primary(results);
  if (!metric) {
    return null;
  }
  const groups = Object.entries(results.groups).filter(([, group]) => estimate(group.metrics[metric.name]) !== null);
  if (!groups.length) {
    return null;
  }
  const values = groups.map(([, group]) => group.metrics[metric.name]);
  return {
    name: "rates",
    caption: `${metric.name} by group, with ${level(results)} intervals.`,
    traces: [
      {
        type: "scatter",
        mode: "markers",
        x: values.map(estimate),
        y: groups.map(([name]) => name),
        error_x: {
          type: "data",
          symmetric: false,
          array: values.map((each) => (each.interval ? each.interval[1] - estimate(each) : 0)),
          arrayminus: values.map((each) => (each.interval ? estimate(each) - each.interval[0] : 0)),
        },
        hovertemplate: "%{y}: %{x}<extra></extra>",
      },
    ],
    layout: {
      height: 90 + 45 * groups.length,
      xaxis: { tickformat: isRate(metric.kind) ? ".2~%" : "" },
      yaxis: { autorange: "reversed", type: "category" },
    },
    columns: ["Group", metric.name, "Interval"],
    rows: groups.map(([name], index) => [
      name,
      value(estimate(values[index]), metric.kind),
      interval(values[index].interval, (bound) => value(bound, metric.kind)),
    ]),
  };
}

function effectCharts(results) {
  const metric = primary(results);
  return Object.entries(results.timeline ?? {}).map(([group, points]) => effectChart(group, points, metric)).filter(Boolean);
}

function effectChart(group, points, metric) {
  const known = points.filter((point) => point.difference !== null && point.interval);
  if (!known.length || !metric) {
    return null;
  }
  const days = known.map((point) => point.date);
  const bounded = known.filter((point) => point.boundary !== null);
  const write = (amount) => difference(amount, metric.kind);
  const line = (name, y, extra) => ({ type: "scatter", mode: "lines", name, x: days, y, hoverinfo: "skip", ...extra });
  return {
    name: `effect-${group}`,
    caption: `Effect of ${group} on ${metric.name} as it stood at the end of each day, with its confidence sequence.`,
    traces: [
      line("", known.map((point) => point.interval[0]), { band: true, colour: 0, showlegend: false }),
      line("confidence sequence", known.map((point) => point.interval[1]), { band: true, colour: 0, fill: "tonexty" }),
      {
        type: "scatter", mode: "lines+markers", name: "difference", colour: 0, x: days,
        y: known.map((point) => point.difference), hovertemplate: "%{x}: %{y}<extra></extra>",
      },
      ...(bounded.length
        ? [1, -1].map((sign) => ({
            type: "scatter", mode: "lines", name: "decides beyond", showlegend: sign > 0, colour: 1, hoverinfo: "skip",
            x: bounded.map((point) => point.date), y: bounded.map((point) => sign * point.boundary), line: { dash: "dot" },
          }))
        : []),
    ],
    layout: { xaxis: dates(days), yaxis: { tickformat: isRate(metric.kind) ? "+.2~%" : "+" } },
    columns: ["Day (UTC)", "Difference", "Confidence sequence", "Decides beyond"],
    rows: known.map((point) => [day(point.date), write(point.difference), interval(point.interval, write), write(point.boundary)]),
  };
}

function usersChart(results) {
  const groups = Object.entries(results.groups);
  const days = [...new Set(groups.flatMap(([, group]) => group.daily.map((each) => each.date)))].sort();
  if (!days.length) {
    return null;
  }
  const users = (group, date) => group.daily.find((each) => each.date === date)?.users ?? 0;
  return {
    name: "users",
    caption: "New users by day and group.",
    traces: groups.map(([name, group]) => ({
      type: "scatter", mode: "lines+markers", name, x: days, y: days.map((date) => users(group, date)),
      hovertemplate: `%{x}: %{y} users<extra></extra>`,
    })),
    layout: { xaxis: dates(days), yaxis: { rangemode: "tozero" } },
    columns: ["Day (UTC)", ...groups.map(([name]) => name)],
    rows: days.map((date) => [day(date), ...groups.map(([, group]) => count(users(group, date)))]),
  };
}

function weightsChart(results) {
  const epochs = results.epochs ?? [];
  if (!epochs.length) {
    return null;
  }
  const groups = Object.keys(results.groups);
  return {
    name: "weights",
    caption: "Probability that the bandit gives each group to a new user.",
    traces: groups.map((name) => ({
      type: "scatter", mode: "lines", name, line: { shape: "hv" }, hovertemplate: "%{x}: %{y:.1%}<extra></extra>",
      x: epochs.map((epoch) => epoch.computed_at), y: epochs.map((epoch) => epoch.weights[name] ?? null),
    })),
    layout: { xaxis: { type: "date" }, yaxis: { rangemode: "tozero", tickformat: ".0%" } },
    columns: ["From", ...groups],
    rows: epochs.map((epoch) => [moment(epoch.computed_at), ...groups.map((name) => percent(epoch.weights[name], 1))]),
  };
}

function dates(days) {
  const axis = { type: "date", tickformat: "%-d %b" };
  return days.length <= DAYS_WITH_A_TICK_EACH ? { ...axis, tickmode: "array", tickvals: days } : axis;
}

export function primary(results) {
  return results.metrics.find((metric) => metric.role === "primary") ?? null;
}

/** A group's value of a metric: its rate, mean, ratio or quantile. */
export function estimate(found) {
  return found?.rate ?? found?.mean ?? found?.ratio ?? found?.value ?? null;
}

export function level(results) {
  return `${Number((100 * results.analysis.confidence_level).toFixed(2))}%`;
}
