// Elements out of values, and a page that changes only where its content did.

/** Make an element; strings among its children become text, never markup. */
export function el(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) {
    if (value === true) {
      element.setAttribute(attribute, "");
    } else if (value !== null && value !== undefined && value !== false) {
      element.setAttribute(attribute, String(value));
    }
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export function time(text, written) {
  return text ? el("time", { datetime: text }, written) : written;
}

/** A table with a caption; the first column of each row is its head. */
export function table(caption, columns, rows, { hideCaption = true } = {}) {
  return el(
    "div",
    { class: "wide", role: "region", "aria-label": caption, tabindex: "0" },
    el(
      "table",
      { class: "cards", role: "table" },
      el("caption", { class: hideCaption ? "hidden" : null }, caption),
      el(
        "thead",
        { role: "rowgroup" },
        el("tr", { role: "row" }, columns.map((each) => el("th", { role: "columnheader", scope: "col" }, each))),
      ),
      el(
        "tbody",
        { role: "rowgroup" },
        rows.map((cells) =>
          el(
            "tr",
            { role: "row" },
            cells.map((cell, index) =>
              index === 0
                ? el("th", { role: "rowheader", scope: "row" }, cell)
                : el("td", { role: "cell", "data-label": columns[index] }, el("div", {}, cell)),
            ),
          ),
        ),
      ),
    ),
  );
}

/**
 * Make the children of one element those of another, touching only what differs, so that focus, selection and
 * scrolling stay. Children with `data-key` are matched by it; an element with `data-keep` is left as it is.
 */
export function update(target, ...children) {
  const fragment = document.createElement("div");
  fragment.append(...children.flat().filter(Boolean));
  const focused = document.activeElement;
  morphChildren(target, fragment);
  if (focused && focused !== document.activeElement && target.contains(focused)) {
    focused.focus({ preventScroll: true });
  }
}

function morph(from, to) {
  if (from.isEqualNode(to)) {
    return from;
  }
  if (from.nodeType !== to.nodeType || from.nodeName !== to.nodeName || keyOf(from) !== keyOf(to)) {
    from.replaceWith(to);
    return to;
  }
  if (from.nodeType !== Node.ELEMENT_NODE) {
    from.nodeValue = to.nodeValue;
    return from;
  }
  if (from.hasAttribute("data-keep")) {
    return from;
  }
  for (const { name } of [...from.attributes]) {
    if (!to.hasAttribute(name) && name !== "open") {
      from.removeAttribute(name);
    }
  }
  for (const { name, value } of [...to.attributes]) {
    if (from.getAttribute(name) !== value) {
      from.setAttribute(name, value);
    }
  }
  morphChildren(from, to);
  return from;
}

function morphChildren(from, to) {
  const keyed = new Map();
  for (const child of from.children) {
    if (keyOf(child) !== null) {
      keyed.set(keyOf(child), child);
    }
  }
  let position = from.firstChild;
  for (const wanted of [...to.childNodes]) {
    const present = keyOf(wanted) === null ? null : keyed.get(keyOf(wanted));
    if (present) {
      if (present !== position) {
        from.insertBefore(present, position);
      } else {
        position = position.nextSibling;
      }
      morph(present, wanted);
    } else if (position && keyOf(position) === null && keyOf(wanted) === null) {
      const next = position.nextSibling;
      morph(position, wanted);
      position = next;
    } else {
      from.insertBefore(wanted, position);
    }
  }
  while (position) {
    const next = position.nextSibling;
    position.remove();
    position = next;
  }
}

function keyOf(node) {
  return node.nodeType === Node.ELEMENT_NODE ? node.getAttribute("data-key") : null;
}
