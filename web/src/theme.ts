/** The colour that the style sheet gives a custom property now; it follows light and dark. */
export function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** Call when the reader switches between light and dark. */
export function onThemeChange(redraw: () => void): void {
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
}

/** How much larger than on a desk everything is drawn: text grows with the window, up to a wall of 4K. */
export function magnification(): number {
  return Number.parseFloat(getComputedStyle(document.documentElement).fontSize) / 16;
}
