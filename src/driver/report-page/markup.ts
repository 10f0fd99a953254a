/**
 * HTML and SVG as text that cannot be broken out of: whatever is put into a template is escaped unless it is markup itself.
 * Names in a model come from strangers, and a report is opened in a browser.
 */

export interface Markup {
  readonly markup: string;
}

export type Part = Markup | string | number | undefined | readonly Part[];

/** Parts in attributes must stand in double quotes. */
export const markup = (strings: TemplateStringsArray, ...parts: readonly Part[]): Markup => ({
  markup: strings.map((string, i) => (i === 0 ? string : textOf(parts[i - 1]) + string)).join(""),
});

function textOf(part: Part): string {
  if (part === undefined) return "";
  if (typeof part === "number") return String(part);
  if (typeof part === "string") return escape(part);
  return "markup" in part ? part.markup : part.map(textOf).join("");
}

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

// Control characters, and those that turn the direction of the text around them.
const invisible = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

export const escape = (text: string): string =>
  text.replace(invisible, "\ufffd").replace(/[&<>"']/g, (character) => entities[character]!);

/** With the middle left out when it is too long: names differ at their ends. */
export function shortened(text: string, most: number): string {
  const characters = Array.from(text);
  if (characters.length <= most) return text;
  const head = Math.floor((most - 1) / 2);
  return `${characters.slice(0, head).join("")}…${characters.slice(characters.length - (most - 1 - head)).join("")}`;
}
