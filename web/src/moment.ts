const ZONE = "Asia/Ho_Chi_Minh";

/** The language of the page. */
export function language(): string {
  return document.documentElement.lang === "en" ? "en-GB" : "vi-VN";
}

/** Civil time in Vietnam, to the second: readings are stored in UTC and shown here. */
export function showInstant(epoch_s: number): string {
  const format = new Intl.DateTimeFormat(language(), {
    timeZone: ZONE,
    day: "2-digit",
    month: "2-digit",
    year: "numeric",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
  });
  return format.format(new Date(epoch_s * 1000));
}

/** A number with at most `digits` decimals, in the page's language. */
export function showNumber(value: number, digits = 2): string {
  return new Intl.NumberFormat(language(), { maximumFractionDigits: digits }).format(value);
}

/** Milliseconds by which civil time in Vietnam is ahead of UTC: constant, the country has no summer time. */
export const CIVIL_OFFSET_MS = 7 * 3600 * 1000;
