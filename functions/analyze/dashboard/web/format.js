// Figures and times as people read them.

const LOCALE = "en-GB";
const RATES = new Set(["conversion", "retention"]);
const WHOLE = new Intl.NumberFormat(LOCALE, { maximumFractionDigits: 0 });
const MOMENT = new Intl.DateTimeFormat(LOCALE, {
  year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", timeZoneName: "short",
});
const CLOCK = new Intl.DateTimeFormat(LOCALE, {
  hour: "2-digit", minute: "2-digit", second: "2-digit", timeZoneName: "short",
});
const DAY = new Intl.DateTimeFormat(LOCALE, { year: "numeric", month: "short", day: "numeric", timeZone: "UTC" });

export const NONE = "–";
const MINUS = "−";
const NBSP = "\u00a0";

export const isRate = (kind) => RATES.has(kind);
export const count = (number) => (number == null ? NONE : WHOLE.format(number));
export const moment = (text) => (text ? MOMENT.format(new Date(text)) : NONE);
export const clock = (date) => CLOCK.format(date);
export const day = (text) => DAY.format(new Date(`${text}T00:00:00Z`));
export const plainVerdict = (verdict) => verdict.replaceAll("_", " ");

/** A number with three or four significant digits. */
export function number(value) {
  if (value == null) {
    return NONE;
  }
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e9)) {
    return proper(value.toExponential(2));
  }
  const fraction = size === 0 || size >= 1000 ? 0 : size >= 100 ? 1 : size >= 1 ? 2 : 4;
  return proper(new Intl.NumberFormat(LOCALE, { maximumFractionDigits: fraction }).format(value));
}

/** A share in percent. */
export function percent(value, digits = 2) {
  if (value == null) {
    return NONE;
  }
  const written = (100 * value).toLocaleString(LOCALE, { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return `${proper(written)}%`;
}

/** A value of a metric: a rate in percent, anything else as it is. */
export const value = (amount, kind) => (isRate(kind) ? percent(amount) : number(amount));

/** A difference of a metric: of rates in percentage points. */
export function difference(amount, kind) {
  if (amount == null) {
    return NONE;
  }
  return isRate(kind) ? signed(`${proper((100 * amount).toFixed(2))}${NBSP}pp`, amount) : signed(number(amount), amount);
}

export const relative = (amount) => (amount == null ? NONE : signed(percent(amount, 1), amount));

export function interval(bounds, write) {
  return bounds ? `${write(bounds[0])} to ${write(bounds[1])}` : NONE;
}

export function pValue(p) {
  if (p == null) {
    return NONE;
  }
  return p < 0.0001 ? "< 0.0001" : p.toFixed(4);
}

/** How long ago, in the largest unit that fits. */
export function age(seconds) {
  if (seconds == null) {
    return "never";
  }
  const units = [[86400, "day"], [3600, "hour"], [60, "minute"]];
  for (const [length, unit] of units) {
    if (seconds >= length) {
      const many = Math.floor(seconds / length);
      return `${many} ${unit}${many === 1 ? "" : "s"} ago`;
    }
  }
  return "just now";
}

function signed(text, amount) {
  return amount > 0 ? `+${text}` : text;
}

function proper(text) {
  return text.replace(/^-/, MINUS);
}
