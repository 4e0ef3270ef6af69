// What may be done to an experiment, each after a dialog that says what will happen.

import { Refusal, write } from "./api.js";
import { el } from "./dom.js";

const dialog = document.getElementById("confirmation");
const form = document.getElementById("confirmation-form");
const title = document.getElementById("confirmation-title");
const text = document.getElementById("confirmation-text");
const fields = document.getElementById("confirmation-fields");
const error = document.getElementById("confirmation-error");
const go = document.getElementById("confirmation-go");

const control = (line) => line.groups.find((group) => group.control).name;
const isOver = (line) => ["stopped", "completed"].includes(line.status);
const ONCE_OVER = "From then on everybody gets the group that you choose, and its figures stay as they are. This cannot be undone.";

const KNOWN = {
  start: {
    label: "Start",
    what: (line) => [
      `${line.name} starts to assign users: ${split(line)}, of ${share(line.sample_rate)} of all users.`,
      "What decides it, and how users are split, is settled from then on.",
    ],
    done: (line) => `${line.name} is running.`,
  },
  pause: {
    label: "Pause",
    what: (line) => [
      `${line.name} stops to assign users until it is resumed; everybody gets ${control(line)} meanwhile.`,
      "Users keep their groups for afterwards.",
    ],
    done: (line) => `${line.name} is paused.`,
  },
  resume: {
    label: "Resume",
    what: (line) => [`${line.name} assigns users again, each to the group that the user had: ${split(line)}.`],
    done: (line) => `${line.name} is running.`,
  },
  stop: {
    label: "Stop",
    dangerous: true,
    what: (line) => [
      `${line.name} ends before its plan is fulfilled. ${ONCE_OVER}`,
      "Its results are judged as those of an experiment that was ended early.",
    ],
    fields: (line) => [groupField(line, line.serving_group)],
    body: (_line, given) => ({ serve: given.get("group") }),
    done: (line, body) => `${line.name} is stopped; everybody gets ${body.serve}.`,
  },
  complete: {
    label: "Complete",
    dangerous: true,
    what: (line) => [`${line.name} ends as planned. ${ONCE_OVER}`],
    fields: (line) => [groupField(line, line.serving_group)],
    body: (_line, given) => ({ serve: given.get("group") }),
    done: (line, body) => `${line.name} is completed; everybody gets ${body.serve}.`,
  },
  promote: {
    label: "Promote",
    dangerous: true,
    what: (line) => [
      isOver(line)
        ? `From then on everybody gets the group that you choose, instead of ${line.serving_group}.`
        : `${line.name} is completed. ${ONCE_OVER}`,
      ...(withModels(line) ? ["An alias, such as champion, can be pointed at the version of the group's model as well: whoever asks for that alias gets it."] : []),
    ],
    fields: promoteFields,
    body: promoteBody,
    done: (line, body) =>
      `Everybody gets ${body.group} of ${line.name}${body.alias ? `, and ${body.alias} points at its model` : ""}.`,
  },
  acknowledge: {
    label: "Acknowledge",
    path: (alert) => `alerts/${encodeURIComponent(alert.alert_id)}/acknowledge`,
    what: (line, alert) => [
      `You look after the alert ${alert.kind} of ${line.name}. It stays open until what it is about is over.`,
      alert.message,
    ],
    done: (line, _body, alert) => `The alert ${alert.kind} of ${line.name} is acknowledged.`,
  },
};

export const labelOf = (action) => KNOWN[action]?.label;
export const isDangerous = (action) => Boolean(KNOWN[action]?.dangerous);

/** Ask whether to do it, do it, and return what was done; null where it was cancelled. */
export function confirmAndDo(action, line, subject = null) {
  const known = KNOWN[action];
  title.textContent = `${known.label} ${subject ? `the alert ${subject.kind}` : line.name}?`;
  text.replaceChildren(...known.what(line, subject).map((each) => el("p", {}, each)));
  fields.replaceChildren(...(known.fields?.(line) ?? []));
  go.textContent = known.label;
  go.className = known.dangerous ? "danger" : "";
  showRefusal(null);
  dialog.returnValue = "";
  dialog.showModal();

  return new Promise((resolve) => {
    async function submit(event) {
      event.preventDefault();
      const body = known.body?.(line, new FormData(form));
      const path = known.path?.(subject) ?? action;
      go.disabled = true;
      showRefusal(null);
      try {
        await write(`/ab_test/experiments/${encodeURIComponent(line.name)}/${path}`, body);
        finish(known.done(line, body, subject));
      } catch (refused) {
        if (!(refused instanceof Refusal)) {
          console.error(refused);
        }
        showRefusal(refused.message);
      } finally {
        go.disabled = false;
      }
    }
    function cancel() {
      dialog.close();
    }
    function closed() {
      finish(null);
    }
    function finish(outcome) {
      form.removeEventListener("submit", submit);
      document.getElementById("confirmation-cancel").removeEventListener("click", cancel);
      dialog.removeEventListener("close", closed);
      dialog.close();
      resolve(outcome);
    }
    form.addEventListener("submit", submit);
    document.getElementById("confirmation-cancel").addEventListener("click", cancel);
    dialog.addEventListener("close", closed);
  });
}

function showRefusal(message) {
  error.textContent = message ?? "";
  error.hidden = message === null;
}

const withModels = (line) => line.groups.some((group) => group.model_name !== null);

function groupField(line, chosen) {
  const options = line.groups.map((group) => {
    const name = group.control && group.name !== "control" ? `${group.name} (control)` : group.name;
    return el("option", { value: group.name, selected: group.name === chosen }, name);
  });
  return el("label", {}, "Group that everybody gets ", el("select", { name: "group" }, options));
}

function promoteFields(line) {
  const decision = line.overview?.decision;
  const chosen = decision?.verdict === "implement" ? decision.group : line.serving_group;
  if (!withModels(line)) {
    return [groupField(line, chosen)];
  }
  const alias = el("input", { name: "alias", autocomplete: "off", pattern: "[A-Za-z0-9._\\-]{1,128}" });
  return [groupField(line, chosen), el("label", {}, "Alias to move, if any ", alias)];
}

function promoteBody(_line, given) {
  const alias = given.get("alias")?.trim();
  return alias ? { group: given.get("group"), alias } : { group: given.get("group") };
}

function split(line) {
  return line.groups.map((group) => `${share(group.share)} to ${group.name}`).join(", ");
}

function share(part) {
  return `${Number((100 * part).toFixed(2))}%`;
}
