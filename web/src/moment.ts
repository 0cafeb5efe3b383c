/** Milliseconds by which civil time in Vietnam is ahead of UTC: constant, the country has no summer time. */
const CIVIL_OFFSET_MS = 7 * 3600 * 1000;

/** The language of the page. */
export function language(): string {
  return document.documentElement.lang === "en" ? "en-GB" : "vi-VN";
}

/** Civil time in Vietnam, to the second, as everywhere on the pages: readings are stored in UTC and shown here. */
export function showInstant(epoch_s: number): string {
  const date = new Date(epoch_s * 1000 + CIVIL_OFFSET_MS);
  const two = (n: number): string => String(n).padStart(2, "0");
  const day = `${two(date.getUTCDate())}/${two(date.getUTCMonth() + 1)}/${date.getUTCFullYear()}`;
  return `${day} ${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())}`;
}

/** A number with at most `digits` decimals, in the page's language. */
export function showNumber(value: number, digits = 2): string {
  return new Intl.NumberFormat(language(), { maximumFractionDigits: digits }).format(value);
}

