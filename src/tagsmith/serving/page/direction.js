// The direction of a stretch of text within other text.

const SCRIPTS = ["Hebrew", "Arabic", "Syriac", "Thaana", "Nko", "Samaritan", "Mandaic", "Adlam", "Hanifi_Rohingya"];
const RIGHT_TO_LEFT = new RegExp(`[${SCRIPTS.map((script) => `\\p{Script=${script}}`).join("")}]`, "u");

/**
 * Return the classes that give a box the direction of its first letter, apart from what is around it: or it would be
 * torn where text of the other direction goes on behind it.
 *
 * The attribute `dir` would do the same, but what has it does not count for the direction of the paragraph.
 */
export function isolated(text) {
  const letter = /\p{L}/u.exec(text)?.[0];
  if (!letter) return "isolated";
  return RIGHT_TO_LEFT.test(letter) ? "isolated rtl" : "isolated ltr";
}
